"""The callback of the sound card, which never waits for Python.

PortAudio calls it with `userdata`, the address of a row, for each block. It runs one step, the chain, from the input to
the output, and counts. What it counts is read by other threads, a number at a time, while it runs.
"""

import numpy as np

from audioconv.kernels._jit import part, sound_card_callback
from audioconv.kernels._layout import layout
from audioconv.kernels.realtime.atomics import add_atomic, nanoseconds
from audioconv.kernels.realtime.chain import ENTRY_SIZE, call_step
from audioconv.kernels.simd.pointers import carray, floats_at, is_not_null, row_at

# The row: channels of the stage; addresses of the table of its step, of the counters, of a silent block of input and
# one for output that is discarded, both of buffer_frames; the address of the clock; ns of 10^6 frames; channels of the
# card's output: those of the stage, or more, and then each of them gets the stage's only one.
CALLBACK = layout("CALLBACK", "in_channels", "out_channels", "table", "counters", "silence", "unheard", "buffer_frames",
                  "clock", "megaframe_ns", "card_channels")  # fmt: skip
# What PortAudio says of a block, in the order of its flags: input that was late or lost, output that was late or lost.
DROPOUTS = ("input_underflows", "input_overflows", "output_underflows", "output_overflows")
# Blocks and frames; dropouts; blocks that took longer than they last, ns in all, and ns of 10^6 frames of the block
# that took longest for its length; the peaks of input and output in 2^-30; samples of output that were not finite.
COUNTERS = layout("COUNTERS", "blocks", "frames", *DROPOUTS, "late", "busy_ns", "worst_ns", "peak_in", "peak_out",
                  "nonfinite")  # fmt: skip
COUNTERS_SIZE = COUNTERS.row_size
FULL_SCALE = 2**30


@part
def _peak(counters, field, samples):
    """Peak meter: keep the largest magnitude; a sample that is not finite counts as the upper limit, 2**30."""
    peak = np.float32(0.0)
    for i in range(samples.size):
        size = abs(samples[i])
        peak = peak if size <= peak or peak != peak else size  # keeps NaN
    peak = peak if peak < np.float32(2.0**30) else np.float32(2.0**30)
    counters[field] = max(counters[field], np.int64(np.float64(peak) * FULL_SCALE))


@part
def _silence_nonfinite(counters, samples):
    """Replace samples that are not finite by zeros: what a card makes of them is undefined."""
    for i in range(samples.size):
        if samples[i] - samples[i] != 0:
            samples[i] = 0
            counters[COUNTERS.nonfinite] += 1


@part
def _spread(samples, channels):
    """Copy mono samples to all channels, in place; from the last frame on, so that none is overwritten unread."""
    for t in range(samples.size // channels - 1, -1, -1):
        value = samples[t]
        for channel in range(channels):
            samples[t * channels + channel] = value


@part
def _run(state, counters, source, target, frames):
    call_step(carray(row_at(state, CALLBACK.table), ENTRY_SIZE), 0, source, target, frames)
    _silence_nonfinite(counters, target)
    _peak(counters, COUNTERS.peak_in, source)
    _peak(counters, COUNTERS.peak_out, target)


@sound_card_callback
def callback(x, y, frames, times, flags, state):
    """One block of a sound card."""
    frames, inputs, outputs = np.int64(frames), state[CALLBACK.in_channels], state[CALLBACK.out_channels]
    counters = carray(row_at(state, CALLBACK.counters), COUNTERS_SIZE)
    begin = nanoseconds(state, CALLBACK.clock)
    played, room = state[CALLBACK.card_channels], state[CALLBACK.buffer_frames]
    if is_not_null(x) and is_not_null(y):
        _run(state, counters, carray(x, frames * inputs), carray(y, frames * outputs), frames)
        if played > outputs:
            _spread(carray(y, frames * played), played)
    else:  # the card has only input or only output
        for first in range(0, frames, room):
            count = min(room, frames - first)
            source = floats_at(state, CALLBACK.silence, 0, count * inputs, x)
            target = floats_at(state, CALLBACK.unheard, 0, count * outputs, x)
            if is_not_null(x):
                source = carray(x, frames * inputs)[first * inputs : (first + count) * inputs]
            if is_not_null(y):
                target = carray(y, frames * played)[first * played : first * played + count * outputs]
            _run(state, counters, source, target, count)
            if is_not_null(y) and played > outputs:
                _spread(carray(y, frames * played)[first * played : (first + count) * played], played)
    taken_ns = nanoseconds(state, CALLBACK.clock) - begin
    for flag in range(len(DROPOUTS)):
        counters[COUNTERS.input_underflows + flag] += np.int64(flags) >> flag & 1
    counters[COUNTERS.busy_ns] += taken_ns
    counters[COUNTERS.worst_ns] = max(counters[COUNTERS.worst_ns], taken_ns * 1_000_000 // max(frames, 1))
    counters[COUNTERS.late] += taken_ns * 1_000_000 > state[CALLBACK.megaframe_ns] * frames
    counters[COUNTERS.blocks] += 1
    add_atomic(counters, COUNTERS.frames, frames)
    return np.int32(0)
