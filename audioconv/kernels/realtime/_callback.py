"""The callback of the sound card, which never waits for Python; and steps that end or watch a chain.

PortAudio calls it with `userdata`, the address of a row, for each block. It runs one step, the chain, from the input to
the output, and counts. What it counts is read by other threads, a number at a time, while it runs.
"""

import numpy as np

from audioconv.kernels._jit import kernel, part, sound_card_callback, stage_step
from audioconv.kernels.realtime.atomics import add_atomic, load_atomic, nanoseconds
from audioconv.kernels.realtime.chain import call_step
from audioconv.kernels.simd.pointers import carray, floats_at, integers_at, is_not_null, row_at

# The row: channels of the stage's input and output; addresses of the step's table, of the counters, of a silent block
# of input and one for output that nobody wants, both of so many frames; the address of the clock; ns of 10^6 frames;
# channels of the card's output: those of the stage, or more, and then each of them gets the stage's only one.
INPUTS, OUTPUTS, TABLE, COUNTERS, SILENCE, UNHEARD, MOST, CLOCK, MEGAFRAME_NS, PLAYED, ROW = range(11)
# The counters: blocks, frames; as PortAudio says it, input that was late or lost and output that was late or lost;
# blocks that took longer than they last, ns in all, and ns of 10^6 frames of the block that took longest for its
# length; the peaks of input and output in 2^-30; samples of output that were not finite.
(BLOCKS, FRAMES, INPUT_UNDERFLOWS, INPUT_OVERFLOWS, OUTPUT_UNDERFLOWS, OUTPUT_OVERFLOWS, LATE, BUSY_NS, WORST_NS,
 PEAK_IN, PEAK_OUT, NONFINITE, COUNT) = range(13)  # fmt: skip
FULL_SCALE = 2**30


@part
def _peak(counters, place, samples):
    """Keep the largest magnitude; of samples that are not finite it is as large as can be."""
    peak = np.float32(0.0)
    for i in range(samples.size):
        size = abs(samples[i])
        peak = peak if size <= peak or peak != peak else size  # keeps what cannot be compared
    peak = peak if peak < np.float32(2.0**30) else np.float32(2.0**30)
    counters[place] = max(counters[place], np.int64(np.float64(peak) * FULL_SCALE))


@part
def _spare_the_ears(counters, samples):
    """Silence for samples that are not finite: a card may make of them whatever it likes."""
    for i in range(samples.size):
        if samples[i] - samples[i] != 0:
            samples[i] = 0
            counters[NONFINITE] += 1


@part
def _spread(samples, channels):
    """The samples at the beginning, one a frame, to all channels; from the last one on, because they are in the way."""
    for t in range(samples.size // channels - 1, -1, -1):
        value = samples[t]
        for channel in range(channels):
            samples[t * channels + channel] = value


@part
def _run(state, counters, source, target, frames):
    call_step(carray(row_at(state, TABLE), 2), 0, source, target, frames)
    _spare_the_ears(counters, target)
    _peak(counters, PEAK_IN, source)
    _peak(counters, PEAK_OUT, target)


@sound_card_callback
def callback(x, y, frames, times, flags, state):
    """One block of a sound card."""
    frames, inputs, outputs = np.int64(frames), state[INPUTS], state[OUTPUTS]
    counters = carray(row_at(state, COUNTERS), COUNT)
    begin = nanoseconds(state, CLOCK)
    played = state[PLAYED]
    if is_not_null(x) and is_not_null(y):
        _run(state, counters, carray(x, frames * inputs), carray(y, frames * outputs), frames)
        if played > outputs:
            _spread(carray(y, frames * played), played)
    else:  # the card only hears or only plays
        for first in range(0, frames, state[MOST]):
            count = min(state[MOST], frames - first)
            source = floats_at(state, SILENCE, 0, count * inputs, x)
            target = floats_at(state, UNHEARD, 0, count * outputs, x)
            if is_not_null(x):
                source = carray(x, frames * inputs)[first * inputs : (first + count) * inputs]
            if is_not_null(y):
                target = carray(y, frames * played)[first * played : first * played + count * outputs]
            _run(state, counters, source, target, count)
            if is_not_null(y) and played > outputs:
                _spread(carray(y, frames * played)[first * played : (first + count) * played], played)
    taken_ns = nanoseconds(state, CLOCK) - begin
    for flag in range(4):
        counters[INPUT_UNDERFLOWS + flag] += np.int64(flags) >> flag & 1
    counters[BUSY_NS] += taken_ns
    counters[WORST_NS] = max(counters[WORST_NS], taken_ns * 1_000_000 // max(frames, 1))
    counters[LATE] += taken_ns * 1_000_000 > state[MEGAFRAME_NS] * frames
    counters[BLOCKS] += 1
    add_atomic(counters, FRAMES, frames)
    return np.int32(0)


# --- steps at the ends ------------------------------------------------------------------------------------


# state of `source`: channels that come in, that go out, address of the samples, their frames, address of the next one
# and of whether it begins again
@stage_step
def source(state, x, y, frames):
    """Sound from memory, then silence, whatever comes in."""
    outputs, length = state[1], state[3]
    samples, place = floats_at(state, 2, 0, length * outputs, x), integers_at(state, 4, 0, 2, state)
    target = carray(y, frames * outputs)
    for t in range(frames):
        if place[0] >= length and place[1] and length:
            place[0] = 0
        for c in range(outputs):
            target[t * outputs + c] = samples[place[0] * outputs + c] if place[0] < length else np.float32(0.0)
        place[0] += place[0] < length


# state of `sink`: channels, address of the memory, its frames, address of how many are in
@stage_step
def sink(state, x, y, frames):
    """What comes goes on, and into memory until that is full."""
    channels, length = state[0], state[2]
    memory, filled = floats_at(state, 1, 0, length * channels, x), integers_at(state, 3, 0, 1, state)
    samples, target = carray(x, frames * channels), carray(y, frames * channels)
    first = filled[0] * channels
    for i in range(frames * channels):
        target[i] = samples[i]
        if first + i < memory.size:
            memory[first + i] = target[i]
    add_atomic(filled, 0, min(frames, length - filled[0]))


# Counters of `monitor`: frames written into its ring buffer, read from it, and dropped because it was full.
WRITTEN, READ, DROPPED, MONITOR_COUNTERS = range(4)


# state of `monitor`: channels, address of the ring, its frames, address of the counters
@stage_step
def monitor(state, x, y, frames):
    """What comes goes on, and into a ring that one other thread reads; what finds no place in it is dropped."""
    channels, length = state[0], state[2]
    ring, counters = floats_at(state, 1, 0, length * channels, x), integers_at(state, 3, 0, MONITOR_COUNTERS, state)
    samples, target = carray(x, frames * channels), carray(y, frames * channels)
    kept = min(frames, length - (counters[WRITTEN] - load_atomic(counters, READ)))
    place = counters[WRITTEN] % length * channels
    for i in range(frames * channels):
        target[i] = samples[i]
        if i < kept * channels:
            ring[place] = target[i]
            place = place + 1 if place + 1 < ring.size else 0
    counters[DROPPED] += frames - kept
    add_atomic(counters, WRITTEN, kept)


@kernel
def read_monitor(ring, counters, y, channels):
    """Take y.size // channels frames out of a ring that has them."""
    place = counters[READ] * channels % ring.size
    for i in range(y.size):
        y[i] = ring[place]
        place = place + 1 if place + 1 < ring.size else 0
    add_atomic(counters, READ, y.size // channels)
