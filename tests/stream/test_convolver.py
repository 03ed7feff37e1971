"""The streaming convolver: the offline result at any cut, and a state that errors leave alone."""

import pickle
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import ArgumentError, BusyError, DtypeError, ShapeError, Stage
from audioconv.signal import convolve
from audioconv.stream import StreamConvolver
from tests.compare import assert_close
from tests.signals import noise

B = 128  # the shortest partition
TAPS = [1, 2, B - 1, B, B + 1, 3 * B + 5]
TOLERANCE = {"float32": 2e-6, "float64": 5e-15}
BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])


def run(stream, x, sizes=(100,)):
    """The stream's whole result for x in blocks of `sizes`, repeated."""
    parts, first, turn = [], 0, 0
    while first < len(x):
        size = sizes[turn % len(sizes)]
        parts.append(stream.process(x[first : first + size]))
        first, turn = first + size, turn + 1
    return np.concatenate([*parts, stream.flush()])


@BOTH
@pytest.mark.parametrize("taps", [*TAPS, 2_500, 20_500])
def test_a_stream_is_the_offline_result(dtype, taps):
    x, h = noise(5 * B + 77, dtype), noise(taps, dtype, 1)
    y = run(StreamConvolver(h, dtype=dtype), x)
    assert y.dtype == dtype
    assert_close(y, convolve(x, h), TOLERANCE[dtype])
    assert_close(y, convolve(x.astype(np.float64), h.astype(np.float64)), TOLERANCE[dtype])


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(TAPS),
    st.lists(st.sampled_from([0, 1, 2, 7, 8, 63, 64, 65, B - 1, B, B + 1, 400]), min_size=1, max_size=12),
    st.sampled_from(["float32", "float64"]),
    st.sampled_from([(1, False), (2, False), (3, True)]),
)
def test_the_cut_does_not_matter(taps, sizes, dtype, kind):
    channels, per_channel = kind
    x = noise((600, channels), dtype)
    h = noise((taps, channels) if per_channel else taps, dtype, 1)
    sizes = [*sizes, 5]  # so that blocks of 0 alone do not go on for ever
    y = run(StreamConvolver(h, channels=channels, dtype=dtype), x, sizes)
    assert y.shape == (600 + taps - 1, channels)
    assert_close(y, run(StreamConvolver(h, channels=channels, dtype=dtype, max_block=600), x, [600]), TOLERANCE[dtype])
    assert_close(y, convolve(x, h), TOLERANCE[dtype])


def test_without_transforms_every_cut_has_the_same_bits():
    x, h = noise(3 * B), noise(100, seed=1)
    stream = StreamConvolver(h)
    assert stream.plan.levels == ()
    assert np.array_equal(run(stream, x, [1]), run(stream, x, [200]))


def test_blocks_of_one():
    x, h = noise(3 * B), noise(3 * B + 5, seed=1)
    stream = StreamConvolver(h)
    assert_close(run(stream, x, [1]), run(stream, x, [200]), TOLERANCE["float32"])


@pytest.mark.parametrize("taps", [B + 1, 2_500])
def test_channels_do_not_mix(taps):
    x, h = noise((700, 3)), noise((taps, 3), seed=1)
    y = run(StreamConvolver(h, channels=3), x)
    for channel in range(3):
        assert np.array_equal(y[:, channel], run(StreamConvolver(h[:, channel]), x[:, channel]))


@pytest.mark.parametrize("taps", TAPS)
def test_flush_ends_a_signal_and_starts_afresh(taps):
    x, h = noise(400), noise(taps, seed=1)
    stream = StreamConvolver(h)
    first = run(stream, x)
    assert not stream.flush().any()
    assert stream.flush().shape == (taps - 1,)
    assert_close(run(stream, x, [33]), first, TOLERANCE["float32"])


def test_reset_forgets_the_signal():
    x, h = noise(400), noise(3 * B + 5, seed=1)
    stream = StreamConvolver(h)
    first = run(stream, x)
    stream.process(noise(333, seed=2))
    stream.reset()
    assert np.array_equal(run(stream, x), first)


def test_one_channel_comes_in_one_or_two_dimensions():
    x, h = noise(300), noise(B + 9, seed=1)
    stream = StreamConvolver(h)
    flat = run(stream, x)
    column = run(stream, x[:, None])
    assert column.shape == (300 + B + 8, 1)
    assert np.array_equal(column[:, 0], flat)
    assert stream.flush().ndim == 1


@pytest.mark.parametrize("channels", [1, 2])
def test_out_takes_the_result_and_may_be_the_block(channels):
    x, h = noise((300, channels)), noise(B + 9, seed=1)
    stream = StreamConvolver(h, channels=channels)
    expected = stream.process(x)
    assert not np.shares_memory(expected, x)

    stream.reset()
    out = np.empty_like(x)
    assert stream.process(x, out) is out
    assert np.array_equal(out, expected)

    stream.reset()
    block = x.copy()
    assert stream.process(block, out=block) is block
    assert np.array_equal(block, expected)

    stream.reset()
    wide = np.zeros((300, channels + 2), np.float32)
    stream.process(x, wide[:, 1 : 1 + channels])
    assert np.array_equal(wide[:, 1 : 1 + channels], expected)
    assert not wide[:, 0].any()
    assert not wide[:, -1].any()

    stream.reset()
    long = np.concatenate([x, np.zeros((5, channels), np.float32)])
    stream.process(long[:300], long[5:])  # overlapping, shifted
    assert np.array_equal(long[5:], expected)


def test_strided_and_read_only_blocks():
    x, h = noise(600), noise(B + 9, seed=1)
    stream = StreamConvolver(h)
    expected = run(stream, x[::2].copy())
    frozen = x[::2]
    frozen.flags.writeable = False
    assert np.array_equal(run(stream, frozen), expected)


def test_errors_leave_the_state_alone():
    x, h = noise((400, 2)), noise(3 * B + 5, seed=1)
    stream = StreamConvolver(h, channels=2, max_block=200)
    expected = run(stream, x, [100])
    parts = [stream.process(x[:100])]
    for error, block, out in (
        (ShapeError, noise((100, 3)), None),
        (ShapeError, noise(100), None),
        (ShapeError, noise((201, 2)), None),
        (DtypeError, noise((100, 2), "float64"), None),
        (DtypeError, np.zeros((100, 2), np.int16), None),
        (DtypeError, [[0.0, 1.0]], None),
        (ShapeError, x[:100], np.empty((99, 2), np.float32)),
        (DtypeError, x[:100], np.empty((100, 2))),
        (DtypeError, x[:100], [[0.0, 0.0]] * 100),
    ):
        with pytest.raises(error):
            stream.process(block, out)
    locked = np.empty((100, 2), np.float32)
    locked.flags.writeable = False
    with pytest.raises(ShapeError, match="writable"):
        stream.process(x[:100], locked)
    parts += [stream.process(x[i : i + 100]) for i in (100, 200, 300)]
    assert np.array_equal(np.concatenate([*parts, stream.flush()]), expected)


def test_messages_say_what_is_wanted():
    stream = StreamConvolver(noise(9), max_block=64)
    with pytest.raises(ShapeError, match="65 samples, more than max_block = 64"):
        stream.process(noise(65))
    with pytest.raises(ShapeError, match=r"must have shape \(samples, 1\) or \(samples,\), not \(4, 2\)"):
        stream.process(noise((4, 2)))
    with pytest.raises(DtypeError, match="block must be float32, not float64"):
        stream.process(noise(4, "float64"))
    with pytest.raises(DtypeError, match="32768"):
        stream.process(np.zeros(4, np.int16))


@pytest.mark.parametrize(
    ("error", "ir", "options"),
    [
        (ShapeError, np.zeros(0, "f4"), {}),
        (ShapeError, np.zeros((2, 9), "f4"), {}),
        (ShapeError, np.zeros((9, 2), "f4"), {"channels": 3}),
        (ShapeError, np.zeros((9, 3, 2), "f4"), {"channels": 2}),
        (ShapeError, np.zeros((9, 2, 0), "f4"), {"channels": 2}),
        (ShapeError, np.zeros((9, 2, 2, 1), "f4"), {"channels": 2}),
        (DtypeError, np.zeros(9, np.int32), {}),
        (ArgumentError, np.zeros(9, "f4"), {"latency": -1}),
        (ArgumentError, np.zeros(9, "f4"), {"max_taps": 8}),
        (ArgumentError, np.zeros(9, "f4"), {"sample_rate": 0}),
        (ArgumentError, np.zeros(9, "f4"), {"channels": 0}),
        (ArgumentError, np.zeros(9, "f4"), {"max_block": 0}),
        (ArgumentError, np.zeros(9, "f4"), {"dtype": "int16"}),
        (ArgumentError, np.zeros(9, "f4"), {"dtype": "sound"}),
    ],
)
def test_streams_that_make_no_sense_are_refused(error, ir, options):
    with pytest.raises(error):
        StreamConvolver(ir, **options)


@pytest.mark.parametrize("state", [None, {}, {"made_with": {}}, b"", 3])
def test_what_is_no_state_is_refused(state):
    with pytest.raises(ArgumentError, match="state must be what get_state gives"):
        StreamConvolver(np.ones(9, "f4")).set_state(state)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_non_finite_sample_passes_and_stays_in_its_channel(poison):
    taps = 3 * B + 5
    x, h = noise((10 * B, 2)), noise(taps, seed=1)
    stream = StreamConvolver(h, channels=2)
    clean = run(stream, x)
    x[B, 0] = poison
    y = run(stream, x)
    assert np.array_equal(y[:, 1], clean[:, 1])
    assert not np.isfinite(y[B : B + taps, 0]).any()
    assert np.array_equal(y[B + taps + 3 * B :, 0], clean[B + taps + 3 * B :, 0])
    stream.process(x[: 2 * B])
    stream.reset()
    x[B, 0] = 0
    assert np.isfinite(run(stream, x)).all()


def test_zeros_give_zeros():
    x = noise((500, 2))
    x[:, 1] = 0
    y = run(StreamConvolver(noise(3 * B, seed=1), channels=2), x)
    assert not y[:, 1].any()
    assert y[:, 0].any()


def test_a_second_thread_is_turned_away_and_changes_nothing():
    x, h = noise(400), noise(3 * B + 5, seed=1)
    stream = StreamConvolver(h)
    expected = run(stream, x, [200])
    first = stream.process(x[:200])
    errors = []

    def enter():
        for call in (lambda: stream.process(x[:200]), stream.flush, stream.reset):
            try:
                call()
            except BusyError as error:
                errors.append(error)

    with stream._guard:
        other = threading.Thread(target=enter)
        other.start()
        other.join()
    assert len(errors) == 3
    assert np.array_equal(np.concatenate([first, stream.process(x[200:]), stream.flush()]), expected)


def test_it_is_a_stage_that_can_be_copied():
    x, h = noise(400), noise(3 * B + 5, seed=1)
    stream = StreamConvolver(h)
    assert isinstance(stream, Stage)
    assert stream.latency == 0
    stream.process(x[:150])
    copy = pickle.loads(pickle.dumps(stream))
    assert np.array_equal(copy.process(x[150:]), stream.process(x[150:]))
    assert np.array_equal(copy.flush(), stream.flush())
