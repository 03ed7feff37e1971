"""The steps at the ends of chains, and the callback itself with a card of our own."""

import ctypes

import numpy as np
import pytest

from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.realtime._callback import CALLBACK, COUNTERS, FULL_SCALE, callback
from audioconv.kernels.simd.pointers import address_of
from audioconv.stream import Gain, Monitor, Sink, Source
from audioconv.stream.steps import table_of
from tests.signals import noise


@pytest.mark.parametrize("channels", [1, 2])
def test_a_source_plays_its_samples_and_then_silence(channels):
    x = noise((100, channels))
    source = Source(x)
    played = np.concatenate([source.process(np.ones(n, "float32")).reshape(n, channels) for n in (0, 1, 60, 64)])
    assert np.array_equal(played[:100], x)
    assert not played[100:].any()
    source.reset()
    assert np.array_equal(source.process(np.ones(1, "float32")).reshape(-1), x[0])


def test_a_source_may_begin_again():
    x = noise(10)
    assert np.array_equal(Source(x, loop=True).process(np.zeros(25, "float32")), np.resize(x, 25))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_sink_keeps_what_it_has_room_for_and_passes_all_on(channels):
    x, sink = noise((100, channels)), Sink(70, channels=channels)
    passed = np.concatenate([sink.process(x[first:last]) for first, last in ((0, 0), (0, 1), (1, 65), (65, 100))])
    assert np.array_equal(passed, x)
    assert np.array_equal(sink.recorded.reshape(-1, channels), x[:70])
    sink.reset()
    assert len(sink.recorded) == 0


@pytest.mark.parametrize("channels", [1, 2])
def test_a_tap_gives_each_sample_once_and_counts_what_is_lost(channels):
    x, monitor, heard = noise((1000, channels)), Monitor(100, channels=channels), []
    for first in range(0, 900, 30):
        assert np.array_equal(monitor.process(x[first : first + 30]), x[first : first + 30])
        if first % 90 == 60:
            heard += [monitor.read(37), monitor.read()]
    assert np.array_equal(np.concatenate(heard).reshape(-1, channels), x[:900])
    assert monitor.dropped == 0
    monitor.process(x[:150])
    assert monitor.dropped == 50
    assert np.array_equal(monitor.read().reshape(-1, channels), x[:100])
    assert len(monitor.read()) == 0


def called(stage, x, y, flags=0, frames=64, played=1, clock=0, counters=None):
    """The counters after a call of the callback as PortAudio would make it."""
    table, kept = table_of([stage])
    counters = np.zeros(COUNTERS.row_size, np.int64) if counters is None else counters
    silence, unheard = np.zeros(50, "float32"), np.zeros(50, "float32")
    addresses = {"table": table, "counters": counters, "silence": silence, "unheard": unheard}
    addresses = {name: address_of(array) for name, array in addresses.items()}
    row = CALLBACK.pack(in_channels=1, out_channels=1, **addresses, buffer_frames=50, clock=clock, megaframe_ns=10**9,
                        card_channels=played)  # fmt: skip
    row = np.array(row, np.int64)
    pointer = ctypes.c_void_p
    kind = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer, ctypes.c_ulong, pointer, ctypes.c_ulong, pointer)
    function = kind(callback.address(np.dtype("float32")))
    given = [None if array is None else array.ctypes.data for array in (x, y)]
    assert function(*given, frames, None, flags, row.ctypes.data) == 0
    assert kept
    return counters


compiled = pytest.mark.skipif(not JIT_ENABLED, reason="a C callback needs compiled code")


@compiled
def test_the_callback_runs_the_stage_and_counts():
    x, y = noise(64), np.zeros(64, "float32")
    counters = called(Gain(20.0), x, y, flags=0b1010)
    assert np.array_equal(y, x * np.float32(10))
    assert list(counters[: COUNTERS.late]) == [1, 64, 0, 1, 0, 1]
    assert counters[COUNTERS.peak_in] / FULL_SCALE == pytest.approx(np.abs(x).max(), rel=1e-6)
    assert counters[COUNTERS.peak_out] / FULL_SCALE == pytest.approx(10 * np.abs(x).max(), rel=1e-6)


@compiled
def test_a_card_without_input_or_output_is_silence():
    y = np.ones(64, "float32")
    called(Gain(20.0), None, y)
    assert not y.any()
    monitor = Monitor(64)
    x = noise(64)
    called(monitor, x, None)
    assert np.array_equal(monitor.read(), x)


@compiled
def test_what_is_not_finite_is_played_as_silence_and_shown():
    x, y = noise(64), np.zeros(64, "float32")
    x[5] = np.nan
    counters = called(Gain(0.0), x, y)
    assert counters[COUNTERS.peak_in] == FULL_SCALE**2
    assert counters[COUNTERS.nonfinite] == 1
    x[5] = 0
    assert np.array_equal(y, x)


@compiled
@pytest.mark.parametrize("played", [2, 5])
@pytest.mark.parametrize("hears", [True, False])
def test_one_channel_is_played_on_all_of_the_card(played, hears):
    x, y = noise(64), np.zeros((64, played), "float32")
    stage = Gain(20.0) if hears else Source(x)
    counters = called(stage, x if hears else None, y, played=played)
    expected = x * np.float32(10) if hears else x
    assert np.array_equal(y, np.repeat(expected[:, None], played, axis=1))
    assert counters[COUNTERS.peak_out] / FULL_SCALE == pytest.approx(np.abs(expected).max(), rel=1e-6)


@compiled
def test_the_worst_block_is_the_one_that_took_longest_for_its_length():
    clock = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_int64 * 2))
    now_ns = iter([0, 1000, 5000, 6000])  # before and after each of two blocks

    @clock
    def time(_, result):
        result.contents[0], result.contents[1] = divmod(next(now_ns), 10**9)
        return 0

    counters, address = None, ctypes.cast(time, ctypes.c_void_p).value
    for frames in (10, 64):
        x = noise(frames)
        counters = called(Gain(0.0), x, np.zeros_like(x), frames=frames, clock=address, counters=counters)
    assert counters[COUNTERS.busy_ns] == 2000
    assert counters[COUNTERS.worst_ns] == 1000 * 10**6 // 10
    assert counters[COUNTERS.frames] == 74
