"""StreamConvolver2d: frames in, frames out, and the bits of convolve2d."""

import pickle
import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.errors import ArgumentError, BusyError, DtypeError, ShapeError
from audioconv.signal.kernels2d import gaussian
from tests.compare import assert_close

IN_TIME, IN_BINS = st.sampled_from(["zero", "edge", "reflect"]), st.sampled_from(["zero", "edge", "reflect", "wrap"])
TAPS = st.sampled_from([1, 2, 3, 4, 5, 9, 16])


def noise(shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def streamed(stream, frames, cuts):
    edges = [0, *sorted(min(cut, len(frames)) for cut in cuts), len(frames)]
    blocks = [stream.process(frames[a:b]) for a, b in pairwise(edges)]
    assert [len(block) for block in blocks] == np.diff(edges).tolist()
    return np.concatenate([*blocks, stream.flush()])


@settings(max_examples=120, deadline=None)
@given(st.sampled_from([0, 1, 2, 5, 9, 30]), st.sampled_from([1, 7, 40, 65]), TAPS, TAPS,
       st.sampled_from(["same", "causal"]), IN_TIME, IN_BINS, st.sampled_from(["direct", "separable"]),
       st.integers(1, 3), st.integers(1, 3), st.lists(st.integers(0, 30), max_size=5),
       st.sampled_from(["float32", "float64"]), st.integers(0, 2**32 - 1))  # fmt: skip
def test_any_cut_gives_the_bits_of_the_whole(
    frames, bins, down, along, mode, above, beside, method, d0, d1, cuts, dtype, seed
):  # fmt: skip
    x, kernel = noise((frames, bins), seed, dtype), noise((down, along), seed + 1, dtype)
    if mode == "causal" and above == "reflect":
        above = "edge"
    settings = {"mode": mode, "boundary": (above, beside), "method": method, "dilation": (d0, d1)}
    stream = ac.StreamConvolver2d(kernel, bins, dtype=dtype, **settings)
    assert stream.latency == (((down - 1) * d0) // 2 if mode == "same" else 0)
    for _ in range(2):  # after flush it is as new
        joined = streamed(stream, x, cuts)
        assert joined.shape == (frames + stream.latency, bins)
        assert not joined[: stream.latency].any()
        if frames:
            assert np.array_equal(joined[stream.latency :], ac.convolve2d(x, kernel, **settings))


def test_it_is_a_stage_and_auto_finds_columns_and_rows():
    frames = noise((100, 129))
    for kernel, method in ((gaussian(2.0), "separable"), (noise((5, 5), 1), "direct")):
        stream = ac.StreamConvolver2d(kernel, 129, boundary="edge")
        assert isinstance(stream, ac.Stage)
        expected = ac.convolve2d(frames, kernel, "same", boundary="edge", method=method)
        assert np.array_equal(streamed(stream, frames, range(0, 100, 3))[stream.latency :], expected)


def test_a_spectrogram_is_smoothed_as_it_comes():
    voice, _ = ac.read("data/recordings/speech.flac")
    transform, kernel = ac.Stft(1024, 256), gaussian(1.5)
    whole = ac.convolve2d(np.abs(transform(voice)), kernel, "same", boundary="reflect")
    spectra, smooth = transform.stream(), ac.StreamConvolver2d(kernel, transform.bins, boundary="reflect")
    blocks = [smooth.process(np.abs(spectra.process(voice[i : i + 441]))) for i in range(0, len(voice), 441)]
    blocks += [smooth.process(np.abs(spectra.flush())), smooth.flush()]
    assert_close(np.concatenate(blocks)[smooth.latency :], whole, 2e-6)


def test_reset_forgets_pickle_remembers_and_wrong_frames_change_nothing():
    x, stream = noise((20, 9)), ac.StreamConvolver2d(noise((4, 3), 1), 9)
    first = stream.process(x)
    stream.reset()
    begun = stream.process(x[:5])
    copied = pickle.loads(pickle.dumps(stream))
    for wrong, error in [(x.astype(float), DtypeError), (x[:, :8], ShapeError), (x[0], ShapeError)]:
        with pytest.raises(error):
            stream.process(wrong)
    for each in (stream, copied):
        assert np.array_equal(np.concatenate((begun, each.process(x[5:]))), first)


def test_what_is_not_finite_spoils_what_it_has_a_part_in():
    x = noise((20, 9))
    x[10, 4] = np.nan
    stream = ac.StreamConvolver2d(noise((3, 3), 1), 9)
    spoiled = ~np.isfinite(streamed(stream, x, [7, 11])[stream.latency :])
    expected = np.zeros((20, 9), bool)
    expected[9:12, 3:6] = True
    assert np.array_equal(spoiled, expected)


def test_two_threads_at_once_are_refused():
    stream, errors = ac.StreamConvolver2d(noise((3, 3)), 9), []

    def enter():
        try:
            stream.process(noise((1, 9)))
        except BusyError as error:
            errors.append(error)

    with stream._guard:
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    assert len(errors) == 1


@pytest.mark.parametrize(
    ("kernel", "settings", "error", "says"),
    [
        (noise((3, 0)), {}, ShapeError, "kernel is empty"),
        (noise(3), {}, ShapeError, "2 dimension"),
        (np.ones((3, 3), int), {}, DtypeError, "int64"),
        (noise((3, 3)), {"mode": "full"}, ArgumentError, "mode must be one of 'same', 'causal', not 'full'"),
        (noise((3, 3)), {"method": "overlap_add"}, ArgumentError, "method must be one of"),
        (noise((3, 3)), {"boundary": "wrap"}, ArgumentError, r"look ahead.*\('edge', 'wrap'\)"),
        (noise((3, 3)), {"boundary": "reflect", "mode": "causal"}, ArgumentError, r"look ahead.*\('edge', 'reflect'\)"),
        (noise((3, 3)), {"boundary": "odd"}, ArgumentError, "boundary must be one of"),
        (noise((3, 3)), {"bins": 0}, ArgumentError, "bins must be at least 1"),
        (noise((3, 3)), {"dilation": 0}, ArgumentError, "dilation must be at least 1"),
        (noise((3, 3)), {"dtype": "int16"}, ArgumentError, "dtype must be"),
    ],
)
def test_what_makes_no_sense_is_refused(kernel, settings, error, says):
    with pytest.raises(error, match=says):
        ac.StreamConvolver2d(kernel, **{"bins": 9, **settings})
