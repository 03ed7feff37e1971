"""Planes convolved frame by frame: the bits of the whole at any cut, and a state that errors leave alone."""

import copy
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv import ArgumentError, BusyError, DtypeError, ShapeError, Stage, Stft
from audioconv.kernels.dsp import planes
from audioconv.signal import kernels2d
from audioconv.stream import StreamConvolver2d
from tests.compare import assert_close
from tests.signals import noise
from tests.streaming import run

SPEECH = Path(__file__).parents[2] / "data/recordings/speech.flac"
BOUNDARIES = ["zero", "reflect", "mirror", "edge", "wrap"]
BLOCKS = st.lists(st.sampled_from([0, 1, 2, 3, 7, 8, 9, 40]), min_size=1, max_size=10)
TAPS = st.sampled_from([1, 2, 3, 4, 5, 8, 9])


def looks_ahead(mode, frames, reach=0):
    """Whether a boundary around the frames would need those that are not there yet."""
    mirrors = frames in ("reflect", "mirror") and mode == "causal"
    return frames == "wrap" or mirrors or (frames == "mirror" and reach % 2 == 1)


@st.composite
def cases(draw):
    """A kernel, options that `convolve2d` has as well, and how many bins."""
    rows, columns = draw(TAPS), draw(TAPS)
    dtype, seed = draw(st.sampled_from(["float32", "float64"])), draw(st.integers(0, 9))
    method = draw(st.sampled_from(["direct", "separable"]))
    kernel = noise((rows, columns), dtype, seed)
    if method == "separable" and draw(st.booleans()):
        kernel = np.outer(kernel[:, 0], kernel[0])
    mode, pair = draw(st.sampled_from(["same", "causal"])), draw(st.tuples(*[st.sampled_from(BOUNDARIES)] * 2))
    boundary = pair[0] if pair[0] == pair[1] and draw(st.booleans()) else pair
    dilation = draw(st.sampled_from([1, 2, (1, 3), (3, 1), (2, 2)]))
    assume(not looks_ahead(mode, pair[0], (rows - 1) * (dilation if isinstance(dilation, int) else dilation[0])))
    options = {"mode": mode, "boundary": boundary, "method": method, "dilation": dilation}
    return kernel, draw(st.sampled_from([1, 2, 7, 8, 9, 33])), options


@settings(max_examples=400)
@given(cases(), st.integers(0, 60), BLOCKS)
@example((noise((9, 3)), 5, {"boundary": "reflect", "method": "direct"}), 3, [1])  # a kernel longer than the signal
@example((noise((4, 4)), 8, {"boundary": "reflect", "method": "separable"}), 9, [0, 2])
def test_any_cut_gives_latency_zeros_and_the_bits_of_the_whole(case, frames, sizes):
    kernel, bins, options = case
    stage = StreamConvolver2d(kernel, bins, dtype=kernel.dtype, **options)
    x = noise((frames, bins), kernel.dtype, frames)
    expected = ac.convolve2d(x, kernel, **{"mode": "same", **options}) if frames else x
    for _ in range(2):  # after flush as new
        parts = [stage.process(block) for block in blocks_of(x, [*sizes, 3])]
        assert all(len(part) == len(block) for part, block in zip(parts, blocks_of(x, [*sizes, 3]), strict=True))
        y = np.concatenate([*parts, x[:0], stage.flush()])
        assert y.dtype == kernel.dtype
        assert y.shape == (frames + stage.latency, bins)
        assert not y[: stage.latency].any()
        assert np.array_equal(y[stage.latency :], expected)
        assert expected.any() or frames < 5 or bins < 7


def blocks_of(x, sizes):
    blocks, begin, turn = [], 0, 0
    while begin < len(x):
        blocks.append(x[begin : begin + sizes[turn % len(sizes)]])
        begin, turn = begin + len(blocks[-1]), turn + 1
    return blocks


@pytest.mark.parametrize("mode", ["same", "causal"])
@pytest.mark.parametrize("rows", [1, 2, 5, 30])
@pytest.mark.parametrize("frames", [0, 1, 2, 29])
def test_kernels_longer_than_the_signal(mode, rows, frames):
    kernel, x = noise((rows, 3)), noise((frames, 6), seed=1)
    for boundary in ("zero", "edge", "reflect", "mirror"):
        if looks_ahead(mode, boundary, rows - 1):
            continue
        stage = StreamConvolver2d(kernel, 6, mode=mode, boundary=boundary, method="direct")
        assert stage.latency == ((rows - 1) // 2 if mode == "same" else 0)
        y = run(stage, np.concatenate((x, x[:0])), [1]) if frames else stage.flush()
        expected = ac.convolve2d(x, kernel, mode, boundary=boundary, method="direct") if frames else x
        assert np.array_equal(y[stage.latency :], expected)


@pytest.mark.parametrize(
    ("kernel", "says"), [(kernels2d.gaussian(2.0), "separable"), (noise((3, 3)), "direct"), (noise((9, 9)), "direct")]
)
@pytest.mark.parametrize("bins", [5, 513])
def test_the_method_is_chosen_once_and_no_cut_changes_it(kernel, says, bins):
    x = noise((200, bins))
    whole = run(StreamConvolver2d(kernel, bins), x, [200])
    assert np.array_equal(whole, run(StreamConvolver2d(kernel, bins), x, [1]))
    late = StreamConvolver2d(kernel, bins).latency
    assert np.array_equal(whole[late:], ac.convolve2d(x, kernel, "same", method=says))


def test_nothing_past_is_kept_that_is_not_needed():
    stage = StreamConvolver2d(noise((9, 3)), 4)
    for _ in range(50):
        stage.process(noise((10, 4)))
    assert len(stage._latest.items) == 8


def test_flush_without_frames_and_twice():
    x, stage = noise((20, 4)), StreamConvolver2d(noise((5, 3)), 4)
    for _ in range(2):
        assert stage.flush().shape == (2, 4)
        assert not stage.flush().any()
    first = run(stage, x)
    assert not stage.flush().any()
    assert np.array_equal(run(stage, x, [3]), first)
    assert stage.process(x[:0]).shape == (0, 4)


def test_reset_forgets_the_frames():
    x, stage = noise((20, 4)), StreamConvolver2d(noise((5, 3)), 4, boundary="edge")
    first = run(stage, x)
    stage.process(x[5:9])
    stage.reset()
    assert np.array_equal(run(stage, x), first)


def test_blocks_and_outputs_are_the_callers():
    x, stage = noise((30, 4)), StreamConvolver2d(noise((5, 3)), 4)
    expected, parts = run(stage, x), []
    for block in np.split(x.copy(), 3):
        out = stage.process(block)
        parts.append(out.copy())
        out[:] = block[:] = np.nan
    assert np.array_equal(np.concatenate([*parts, stage.flush()]), expected)


@pytest.mark.parametrize("view", [lambda x: x[::2], lambda x: x[::-1], np.asfortranarray, lambda x: x[:, ::-1]])
def test_strided_and_read_only_frames(view):
    x, stage = view(noise((30, 4))), StreamConvolver2d(noise((5, 3)), 4)
    expected = run(stage, x.copy(), [7])
    x.flags.writeable = False
    assert np.array_equal(run(stage, x, [7]), expected)


def test_the_caller_may_change_the_kernel_afterwards():
    x, kernel = noise((30, 4)), noise((5, 3))
    stage = StreamConvolver2d(kernel, 4)
    expected = run(stage, x)
    kernel[:] = 0
    assert np.array_equal(run(stage, x), expected)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_value_that_is_not_finite_spoils_what_it_has_a_part_in(poison):
    x, stage = noise((40, 9)), StreamConvolver2d(noise((5, 3)), 9, method="direct")
    clean = run(stage, x)
    x[20, 4] = poison
    y = run(stage, x, [3])
    spoiled = np.zeros(y.shape, bool)
    spoiled[20:25, 3:6] = True  # with the latency of 2
    assert np.array_equal(~np.isfinite(y), spoiled)
    assert np.array_equal(y[~spoiled], clean[~spoiled])


def test_errors_leave_the_state_alone():
    x, stage = noise((30, 4)), StreamConvolver2d(noise((5, 3)), 4)
    expected = run(stage, x)
    parts = [stage.process(x[:10])]
    for error, says, frames in (
        (ShapeError, r"frames must have shape \(frames, 4\), not \(3, 5\)", noise((3, 5))),
        (ShapeError, r"frames must have shape \(frames, 4\), not \(3, 0\)", noise((3, 0))),
        (ShapeError, r"must have shape \(frames, 4\), not \(4,\)", noise(4)),
        (ShapeError, r"must have shape \(frames, 4\), not \(3, 4, 1\)", noise((3, 4, 1))),
        (DtypeError, "frames must be float32, not float64", noise((3, 4), "float64")),
        (DtypeError, "not int16", np.zeros((3, 4), np.int16)),
        (DtypeError, "not complex64", np.zeros((3, 4), np.complex64)),
    ):
        with pytest.raises(error, match=says):
            stage.process(frames)
    parts += [stage.process(x[10:])]
    assert np.array_equal(np.concatenate([*parts, stage.flush()]), expected)


@pytest.mark.parametrize(
    ("error", "says", "kernel", "options"),
    [
        (ArgumentError, r"boundary 'wrap' around the frames .* \('edge', 'wrap'\)", (3, 3), {"boundary": "wrap"}),
        (ArgumentError, r"\('edge', 'zero'\)", (3, 3), {"boundary": ("wrap", "zero")}),
        (ArgumentError, "further than mode 'causal'", (3, 3), {"boundary": "reflect", "mode": "causal"}),
        (ArgumentError, "further than mode 'same'", (4, 3), {"boundary": "mirror"}),
        (ArgumentError, "boundary must be one of", (3, 3), {"boundary": "around"}),
        (ArgumentError, "or two for", (3, 3), {"boundary": ("edge",)}),
        (ArgumentError, "mode must be one of 'same', 'causal'", (3, 3), {"mode": "full"}),
        (ArgumentError, "method must be one of 'auto', 'direct'", (3, 3), {"method": "overlap_add"}),
        (ArgumentError, "dilation must be at least 1", (3, 3), {"dilation": 0}),
        (ArgumentError, r"dilation must be a whole number or \(frames, bins\)", (3, 3), {"dilation": (1, 1, 1)}),
        (ArgumentError, "bins must be at least 1", (3, 3), {"bins": 0}),
        (ArgumentError, "bins must be a whole number", (3, 3), {"bins": 4.5}),
        (ArgumentError, "dtype must be", (3, 3), {"dtype": "int16"}),
        (ShapeError, "kernel is empty", (0, 3), {}),
        (ShapeError, r"2 dimensions, not 1", (3,), {}),
    ],
)
def test_stages_that_make_no_sense_are_refused(error, says, kernel, options):
    with pytest.raises(error, match=says):
        StreamConvolver2d(np.ones(kernel, "float32"), **{"bins": 4, **options})


def test_a_kernel_that_is_no_array_of_floats_is_refused():
    with pytest.raises(DtypeError, match="kernel must be float32 or float64, not int64"):
        StreamConvolver2d(np.ones((3, 3), np.int64), 4)


def test_pairs_that_the_message_proposes_are_accepted():
    x = noise((20, 4))
    for mode in ("same", "causal"):
        stage = StreamConvolver2d(noise((3, 3)), 4, mode=mode, boundary=("edge", "wrap"), method="direct")
        expected = ac.convolve2d(x, noise((3, 3)), mode, boundary=("edge", "wrap"), method="direct")
        assert np.array_equal(run(stage, x)[stage.latency :], expected)


def test_a_second_thread_is_turned_away_and_changes_nothing():
    x, stage = noise((30, 4)), StreamConvolver2d(noise((5, 3)), 4)
    expected = run(stage, x)
    parts, errors = [stage.process(x[:10])], []

    def enter():
        for call in (lambda: stage.process(x[:10]), stage.flush, stage.reset):
            try:
                call()
            except BusyError as error:
                errors.append(error)

    with stage._guard:
        other = threading.Thread(target=enter)
        other.start()
        other.join()
    assert len(errors) == 3
    assert "two threads at once" in str(errors[0])
    assert np.array_equal(np.concatenate([*parts, stage.process(x[10:]), stage.flush()]), expected)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda stage: pickle.loads(pickle.dumps(stage))])
@pytest.mark.parametrize("method", ["direct", "separable", "dilated"])
def test_it_is_a_stage_that_can_be_copied(copied, method):
    """And for copies nothing is compiled anew."""
    options = {"dilation": 2, "method": "direct"} if method == "dilated" else {"method": method}
    x, stage = noise((30, 4)), StreamConvolver2d(noise((5, 3)), 4, **options)
    assert isinstance(stage, Stage)
    stage.process(x[:11])
    kernels = planes.dense, planes.separable, planes.sparse
    compiled = [len(kernel.signatures) for kernel in kernels]
    other = copied(stage)
    assert np.array_equal(other.process(x[11:]), stage.process(x[11:]))
    assert np.array_equal(other.flush(), stage.flush())
    assert compiled == [len(kernel.signatures) for kernel in kernels]


@pytest.mark.parametrize("name", list(kernels2d.BY_NAME))
def test_frames_of_a_recording_as_they_come(name):
    x = ac.read(SPEECH).samples
    transform, kernel = Stft(512, 128), kernels2d.BY_NAME[name]()
    spectra, stage = transform.stream(), StreamConvolver2d(kernel, transform.bins, boundary="edge")
    blocks = [spectra.process(x[n : n + 3000]) for n in range(0, len(x), 3000)] + [spectra.flush()]
    levels = [20 * np.log10(np.abs(block) + np.float32(1e-6)) for block in blocks]
    y = np.concatenate([*map(stage.process, levels), stage.flush()])[stage.latency :]
    plane = 20 * np.log10(np.abs(transform(x)) + np.float32(1e-6))
    assert len(y) == transform.frames(len(x))
    assert_close(y, ac.convolve2d(plane, kernel, "same", boundary="edge"), 2e-6)
