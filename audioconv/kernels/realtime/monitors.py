"""Sources, sinks and monitors of chains: samples from memory, into memory, into a ring buffer that Python reads."""

import numpy as np

from audioconv.kernels._jit import kernel, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.realtime.atomics import add_atomic, load_atomic
from audioconv.kernels.simd.pointers import carray, floats_at, integers_at

# samples: address of `frames` frames of out_channels; playback: that of a `PLAYBACK`
SOURCE = layout("SOURCE", "in_channels", "out_channels", "samples", "frames", "playback")
PLAYBACK = layout("PLAYBACK", "position", "loop")  # the next frame; whether the first one follows the last one
SINK = layout("SINK", "channels", "memory", "frames", "recording")  # addresses of memory for `frames` frames, and of
RECORDING = layout("RECORDING", "frames")  # how many are in
MONITOR = layout("MONITOR", "channels", "ring", "frames", "counters")  # addresses of a ring buffer of frames, and of
# frames that were written into it, that were read, and that were dropped because it was full
RING_COUNTERS = layout("RING_COUNTERS", "written", "read", "dropped")
PLAYBACK_SIZE, RING_COUNTERS_SIZE = PLAYBACK.row_size, RING_COUNTERS.row_size


@stage_step
def source(state, x, y, frames):
    """Play samples from memory, then silence; the input is ignored."""
    outputs, length = state[SOURCE.out_channels], state[SOURCE.frames]
    samples = floats_at(state, SOURCE.samples, 0, length * outputs, x)
    playback = integers_at(state, SOURCE.playback, 0, PLAYBACK_SIZE, state)
    target = carray(y, frames * outputs)
    for t in range(frames):
        if playback[PLAYBACK.position] >= length and playback[PLAYBACK.loop] and length:
            playback[PLAYBACK.position] = 0
        position = playback[PLAYBACK.position]
        for c in range(outputs):
            target[t * outputs + c] = samples[position * outputs + c] if position < length else np.float32(0.0)
        playback[PLAYBACK.position] += position < length


@stage_step
def sink(state, x, y, frames):
    """Pass the input through, and record it into memory until that is full."""
    channels, length = state[SINK.channels], state[SINK.frames]
    memory = floats_at(state, SINK.memory, 0, length * channels, x)
    recording = integers_at(state, SINK.recording, 0, 1, state)
    samples, target = carray(x, frames * channels), carray(y, frames * channels)
    first = recording[RECORDING.frames] * channels
    for i in range(frames * channels):
        target[i] = samples[i]
        if first + i < memory.size:
            memory[first + i] = target[i]
    add_atomic(recording, RECORDING.frames, min(frames, length - recording[RECORDING.frames]))


@stage_step
def monitor(state, x, y, frames):
    """Pass the input through, and into a ring buffer that one other thread reads; if it is full frames are dropped."""
    channels, length = state[MONITOR.channels], state[MONITOR.frames]
    ring = floats_at(state, MONITOR.ring, 0, length * channels, x)
    counters = integers_at(state, MONITOR.counters, 0, RING_COUNTERS_SIZE, state)
    samples, target = carray(x, frames * channels), carray(y, frames * channels)
    written = counters[RING_COUNTERS.written]
    kept = min(frames, length - (written - load_atomic(counters, RING_COUNTERS.read)))
    place = written % length * channels
    for i in range(frames * channels):
        target[i] = samples[i]
        if i < kept * channels:
            ring[place] = target[i]
            place = place + 1 if place + 1 < ring.size else 0
    counters[RING_COUNTERS.dropped] += frames - kept
    add_atomic(counters, RING_COUNTERS.written, kept)


@kernel
def read_ring(ring, counters, y, channels):
    """Take y.size // channels frames out of a ring buffer that has them."""
    place = counters[RING_COUNTERS.read] * channels % ring.size
    for i in range(y.size):
        y[i] = ring[place]
        place = place + 1 if place + 1 < ring.size else 0
    add_atomic(counters, RING_COUNTERS.read, y.size // channels)
