"""The steps of `Compressor` and `NoiseGate`: a gain that follows the level, one for all channels of a frame."""

import math

import numpy as np

from audioconv.kernels._jit import part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.realtime.nonfinite import COUNTER
from audioconv.kernels.realtime.smoothed import between, copy_numbers, smoothed_rows
from audioconv.kernels.simd.pointers import carray, doubles_at, integers_at

# settings: address of smoothed rows, and that of their version; memory: address of what is kept between frames
DYNAMICS = layout("DYNAMICS", "channels", "settings", "version", "memory", "nonfinite")

# of a compressor; slope is 1 - 1 / ratio, attack and release are the coefficients of the two smoothings
COMPRESSOR = layout("COMPRESSOR", "threshold_db", "slope", "knee_db", "makeup_db", "attack", "release")
# the reduction after the first smoothing, and after both, in dB
REDUCTION = layout("REDUCTION", "released", "smoothed")
# of a gate: the factors of its two thresholds and of its gain when closed, coefficients, and the frames that it is held
NOISE_GATE = layout("NOISE_GATE", "open", "close", "closed_gain", "attack", "release", "hold")
GATE_MEMORY = layout("GATE_MEMORY", "gain", "is_open", "held")  # held: frames that it yet stays open
COMPRESSOR_SIZE, REDUCTION_SIZE = COMPRESSOR.row_size, REDUCTION.row_size
NOISE_GATE_SIZE, GATE_MEMORY_SIZE = NOISE_GATE.row_size, GATE_MEMORY.row_size

_INAUDIBLE_DB = 1e-10  # smaller reductions are set to zero, so that they never become denormal numbers
_ARRIVED = 2.0**-24  # a gain so near to where it goes is there
_NEPERS = math.log(10) / 20  # of a decibel


@part
def _frame_peak(source, target, first, channels, nonfinite):
    """Copy a frame, zeros for what is not finite, and return its largest magnitude."""
    peak = 0.0
    for i in range(first, first + channels):
        value = source[i]
        if value - value != 0:
            value = source.dtype.type(0)
            nonfinite[COUNTER.value] += 1
        target[i] = value
        peak = max(peak, abs(np.float64(value)))
    return peak


@part
def _excess_db(level_db, threshold_db, slope, knee_db):
    """Gain computer with a soft knee: by how much a level is to be reduced."""
    above = level_db - threshold_db
    if 2.0 * above <= -knee_db:
        return 0.0
    if 2.0 * above < knee_db:
        return slope * (above + 0.5 * knee_db) ** 2 / (2.0 * knee_db)
    return slope * above


@stage_step
def compressor(state, x, y, frames):
    """Feed-forward compression in the log domain, with the smooth decoupled peak detector on the reduction."""
    channels = state[DYNAMICS.channels]
    now, aim, _ = smoothed_rows(state, DYNAMICS.settings, DYNAMICS.version, COMPRESSOR_SIZE)
    memory = doubles_at(state, DYNAMICS.memory, 0, REDUCTION_SIZE, state)
    nonfinite = integers_at(state, DYNAMICS.nonfinite, 0, 1, state)
    source, target = carray(x, frames * channels), carray(y, frames * channels)
    released, smoothed = memory[REDUCTION.released], memory[REDUCTION.smoothed]
    for t in range(frames):
        done = (t + 1) / frames
        peak, excess = _frame_peak(source, target, t * channels, channels, nonfinite), 0.0
        if peak > 0.0:
            excess = _excess_db(
                20.0 * math.log10(peak), between(now, aim, COMPRESSOR.threshold_db, done),
                between(now, aim, COMPRESSOR.slope, done), between(now, aim, COMPRESSOR.knee_db, done),
            )  # fmt: skip
        released = max(excess, excess + between(now, aim, COMPRESSOR.release, done) * (released - excess))
        smoothed = released + between(now, aim, COMPRESSOR.attack, done) * (smoothed - released)
        released = released if released > _INAUDIBLE_DB else 0.0
        smoothed = smoothed if smoothed > _INAUDIBLE_DB else 0.0
        gain = np.float32(math.exp(_NEPERS * (between(now, aim, COMPRESSOR.makeup_db, done) - smoothed)))
        for i in range(t * channels, (t + 1) * channels):
            target[i] = target[i] * gain
    memory[REDUCTION.released], memory[REDUCTION.smoothed] = released, smoothed
    if frames:
        copy_numbers(now, aim)


@stage_step
def noise_gate(state, x, y, frames):
    """A gain of 1 while the level was above a threshold not long ago, a small one otherwise."""
    channels = state[DYNAMICS.channels]
    now, aim, _ = smoothed_rows(state, DYNAMICS.settings, DYNAMICS.version, NOISE_GATE_SIZE)
    memory = doubles_at(state, DYNAMICS.memory, 0, GATE_MEMORY_SIZE, state)
    nonfinite = integers_at(state, DYNAMICS.nonfinite, 0, 1, state)
    source, target = carray(x, frames * channels), carray(y, frames * channels)
    gain, is_open, held = memory[GATE_MEMORY.gain], memory[GATE_MEMORY.is_open], memory[GATE_MEMORY.held]
    for t in range(frames):
        done = (t + 1) / frames
        peak = _frame_peak(source, target, t * channels, channels, nonfinite)
        stays = is_open > 0.0 and peak >= between(now, aim, NOISE_GATE.close, done)
        if stays or peak >= between(now, aim, NOISE_GATE.open, done):
            is_open, held = 1.0, between(now, aim, NOISE_GATE.hold, done)
        elif held >= 1.0:
            held -= 1.0
        else:
            is_open = 0.0
        end = 1.0 if is_open > 0.0 else between(now, aim, NOISE_GATE.closed_gain, done)
        smoothing = between(now, aim, NOISE_GATE.attack if end > gain else NOISE_GATE.release, done)
        gain = end + smoothing * (gain - end)
        if abs(gain - end) < _ARRIVED:
            gain = end
        factor = np.float32(gain)
        for i in range(t * channels, (t + 1) * channels):
            target[i] = target[i] * factor
    memory[GATE_MEMORY.gain], memory[GATE_MEMORY.is_open], memory[GATE_MEMORY.held] = gain, is_open, held
    if frames:
        copy_numbers(now, aim)
