"""Filters that change while the stream runs, states that are saved, matrices, latency, samples that are not finite."""

import pickle
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import fftconvolve

from audioconv import ArgumentError, DtypeError, ShapeError
from audioconv.stream import StreamConvolver
from tests.compare import assert_close
from tests.signals import noise

RATE = 48000
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}


def run(stream, x, size, changes=()):
    """The whole result in blocks of `size`, with set_ir(*arguments) before the samples it is said for."""
    changes = dict(changes)
    parts = []
    for first in range(0, len(x), size):
        if first in changes:
            stream.set_ir(*changes[first])
        parts.append(stream.process(x[first : first + size]))
    return np.concatenate([*parts, stream.flush()])


def mixed(x, old, new, begin, fade, tail):
    """The formulas of `set_ir`."""
    taps = max(len(old), len(new))
    x = np.concatenate([x.astype(np.float64), np.zeros(taps - 1)])
    g = np.clip((np.arange(len(x)) - begin + 1) / fade if fade else np.arange(len(x)) >= begin, 0, 1)

    def through(signal, taps):
        return fftconvolve(signal, taps.astype(np.float64))[: len(x)]

    if tail == "cut":
        return (1 - g) * through(x, old) + g * through(x, new)
    return through((1 - g) * x, old) + through(g * x, new)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([1, 90, 700, 3000]),
    st.sampled_from([1, 90, 700, 3000]),
    st.sampled_from([0, 1, 77, 960, 2000]),
    st.sampled_from([64, 100, 512]),
    st.sampled_from(["cut", "fade_input"]),
    st.sampled_from(["float32", "float64"]),
)
def test_a_change_is_the_mix_that_it_says(old_taps, new_taps, fade, size, tail, dtype):
    x, old, new = noise(6000, dtype), noise(old_taps, dtype, 1), noise(new_taps, dtype, 2)
    begin = 20 * size % 4000 // size * size
    y = run(StreamConvolver(old, dtype=dtype), x, size, {begin: (new, fade / RATE, tail)})
    expected = mixed(x, old, new, begin, fade, tail)
    length = len(x) + new_taps - 1
    if fade <= len(x) - begin and tail == "cut":
        assert len(y) == length
    assert_close(y[:length], expected[:length], TOLERANCE[dtype])


@pytest.mark.parametrize("tail", ["cut", "fade_input"])
def test_the_same_filter_again_changes_nothing(tail):
    x, h = noise(9000), noise(2500, seed=1)
    y = run(StreamConvolver(h), x, 64, {640: (h, 0.02, tail), 3200: (h, 0.01, tail), 3264: (h, 0.0, tail)})
    assert_close(y[: len(x)], fftconvolve(x, h.astype(np.float64))[: len(x)], 2e-6)


def test_a_change_during_a_change_fades_from_the_mix():
    x, filters = noise(4000), [noise(500, seed=seed) for seed in (1, 2, 3)]
    y = run(StreamConvolver(filters[0]), x, 50, {1000: (filters[1], 960 / RATE), 1500: (filters[2], 480 / RATE)})
    t = np.arange(4000)
    first, second = np.clip((t - 999) / 960, 0, 1), np.clip((t - 1499) / 480, 0, 1)
    a, b, c = (fftconvolve(x.astype(np.float64), h)[:4000] for h in filters)
    assert_close(y[:4000], (1 - second) * ((1 - first) * a + first * b) + second * c, 2e-6)


def test_of_changes_between_two_blocks_the_last_one_counts():
    x, filters = noise(2000), [noise(300, seed=seed) for seed in (1, 2, 3)]
    stream = StreamConvolver(filters[0])
    stream.process(x[:500])
    stream.set_ir(filters[1], 0.0)
    stream.set_ir(filters[2], 0.0)
    expected = fftconvolve(x.astype(np.float64), filters[2])
    assert_close(stream.process(x[500:1000]), expected[500:1000], 2e-6)


def test_more_changes_than_voices_wait_for_their_turn():
    x, h = noise(20_000), noise(300, seed=1)
    stream = StreamConvolver(h)
    parts = []
    for first in range(0, 6400, 64):
        stream.set_ir((1 + first / 6400) * h, 0.05)
        parts.append(stream.process(x[first : first + 64]))
    parts += [stream.process(x[i : i + 64]) for i in range(6400, 19200, 64)]
    y = np.concatenate(parts)
    assert_close(y[-64:], (1 + 6336 / 6400) * fftconvolve(x.astype(np.float64), h)[19200 - 64 : 19200], 2e-6)
    assert np.abs(np.diff(y)).max() < 4 * np.abs(np.diff(fftconvolve(x, h)[:19200])).max()  # no click


def test_a_change_from_another_thread_comes_in_without_a_jump():
    x, old = noise(200_000), noise(20_000, seed=1)
    new = 0.5 * old
    stream = StreamConvolver(old)
    changing = threading.Thread(target=stream.set_ir, args=(new, 0.0))
    y = []
    for first in range(0, len(x), 64):
        if first == 64_000:
            changing.start()
        if first == 150_016:
            changing.join()
        y.append(stream.process(x[first : first + 64]))
    y, whole = np.concatenate(y), fftconvolve(x.astype(np.float64), old)[: len(x)]
    differs = np.flatnonzero(np.abs(y - whole) > 1e-3 * np.abs(whole).max())
    assert len(differs)
    at = int(differs[0])
    assert 64_000 <= at < 150_016 + len(new)  # after the thread, it takes in the past that its taps reach
    begins = at // 64 * 64
    assert_close(y[:begins], whole[:begins], 2e-6)
    assert_close(y[begins:], 0.5 * whole[begins:], 4e-6)


def test_changes_that_make_no_sense_leave_the_filter():
    x, h = noise((500, 2)), noise(300, seed=1)
    stream = StreamConvolver(h, channels=2, max_taps=400)
    for error, arguments in (
        (ArgumentError, (noise(401),)),
        (ArgumentError, (h, -0.1)),
        (ArgumentError, (h, np.nan)),
        (ArgumentError, (h, 0.1, "fade")),
        (ShapeError, (noise((9, 3)),)),
        (ShapeError, (noise((9, 2, 2)),)),
        (DtypeError, (np.ones(9, int),)),
    ):
        with pytest.raises(error):
            stream.set_ir(*arguments)
    y = stream.process(x)
    for channel in range(2):
        assert_close(y[:, channel], fftconvolve(x[:, channel].astype(np.float64), h)[:500], 2e-6)


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 2), (1, 3), (4, 2)])
def test_a_matrix_sums_the_inputs(inputs, outputs):
    x, h = noise((3000, inputs)), noise((1000, inputs, outputs), seed=1)
    stream = StreamConvolver(h, channels=inputs)
    assert (stream.channels, stream.out_channels) == (inputs, outputs)
    y = run(stream, x, 100)
    expected = sum(fftconvolve(x[:, i, None].astype(np.float64), h[:, i], axes=0) for i in range(inputs))
    assert_close(y, expected, 2e-6)


@pytest.mark.parametrize("latency", [1, 64, 128, 200, 512, 3000])
@pytest.mark.parametrize("taps", [1, 300, 5000])
def test_latency_is_as_many_zeros(latency, taps):
    x, h = noise(4000), noise(taps, seed=1)
    stream = StreamConvolver(h, latency=latency)
    assert stream.latency == latency
    y = run(stream, x, 100)
    assert_close(y, np.concatenate([np.zeros(latency), fftconvolve(x.astype(np.float64), h)]), 2e-6)


@pytest.mark.parametrize("at", [200, 1010])  # with one filter, and within a fade
def test_a_state_can_be_taken_up_again_and_elsewhere(at):
    x, old, new = noise(4000), noise(2500, seed=1), noise(1500, seed=2)
    stream = StreamConvolver(old)
    for first in range(0, at, 10):
        if first == 1000:
            stream.set_ir(new)
        stream.process(x[first : first + 10])
    state = pickle.loads(pickle.dumps(stream.get_state()))
    once = np.concatenate([stream.process(x[at : at + 500]), stream.flush()])
    stream.set_state(state)
    assert np.array_equal(np.concatenate([stream.process(x[at : at + 500]), stream.flush()]), once)
    other = StreamConvolver(noise(10))
    other.set_state(state)
    assert np.array_equal(np.concatenate([other.process(x[at : at + 500]), other.flush()]), once)
    with pytest.raises(ArgumentError, match="channels"):
        StreamConvolver(old, channels=2).set_state(state)


def test_a_change_that_waits_is_part_of_the_state():
    x, old, new = noise(2000), noise(600, seed=1), noise(900, seed=2)
    stream = StreamConvolver(old)
    stream.process(x[:500])
    stream.set_ir(new, 0.0)
    copy = pickle.loads(pickle.dumps(stream))
    expected = fftconvolve(x.astype(np.float64), new)[500:1000]
    assert_close(stream.process(x[500:1000]), expected, 2e-6)
    assert_close(copy.process(x[500:1000]), expected, 2e-6)


def test_reset_ends_a_fade():
    x, old, new = noise(500), noise(600, seed=1), noise(900, seed=2)
    stream = StreamConvolver(old)
    stream.process(x)
    stream.set_ir(new, 1.0)
    stream.reset()
    assert_close(stream.process(x), fftconvolve(x.astype(np.float64), new)[:500], 2e-6)


def test_a_guard_replaces_what_is_not_finite_and_counts():
    x, h = noise((1000, 2)), noise(700, seed=1)
    spoilt = x.copy()
    spoilt[100:103, 0] = np.nan, np.inf, -np.inf
    x[100:103, 0] = 0
    stream = StreamConvolver(h, channels=2, replace_nonfinite=True, max_block=1000)
    y = stream.process(spoilt)
    assert stream.nonfinite_count == 3
    assert_close(y, fftconvolve(x.astype(np.float64), h[:, None], axes=0)[:1000], 2e-6)
    assert not np.isfinite(StreamConvolver(h, channels=2, max_block=1000).process(spoilt)).all()
