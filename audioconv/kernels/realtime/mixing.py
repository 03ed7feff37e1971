"""Steps that weight and sum channels: a gain, a matrix mixer, and a step beside the dry signal."""

import numpy as np

from audioconv.kernels._jit import part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.realtime.chain import ENTRY_SIZE, SUB_BLOCK, call_step
from audioconv.kernels.realtime.nonfinite import COUNTER, replace_nonfinite
from audioconv.kernels.realtime.smoothed import SMOOTHED, SMOOTHED_SIZE, between, copy_numbers, ramp, smoothed_rows
from audioconv.kernels.simd.pointers import carray, doubles_at, floats_at, integers_at

GAIN = layout("GAIN", "channels", "gain")  # gain: address of a smoothed number
# factors: address of smoothed rows (in, out); frame: address of work space for one
MATRIX_MIXER = layout("MATRIX_MIXER", "in_channels", "out_channels", "factors", "version", "frame")
# wet: address of a smoothed number; then those of a table of one step, of work space for SUB_BLOCK frames, of the delay
# line for the dry signal, how many samples it holds, and the addresses of its position and of the counter
DRY_WET = layout("DRY_WET", "channels", "wet", "table", "work", "line", "line_size", "position", "nonfinite")
POSITION = layout("POSITION", "oldest")  # of samples in a delay line


@stage_step
def gain(state, x, y, frames):
    """y = g x."""
    channels, g = state[GAIN.channels], doubles_at(state, GAIN.gain, 0, SMOOTHED_SIZE, state)
    source, target = carray(x, frames * channels), carray(y, frames * channels)
    start, aim = g[SMOOTHED.current], g[SMOOTHED.target]
    slope = (aim - start) / max(frames, 1)
    for t in range(frames):
        factor = np.float32(ramp(start, aim, slope, t))
        for i in range(t * channels, (t + 1) * channels):
            target[i] = source[i] * factor
    if frames:
        g[SMOOTHED.current] = aim


@stage_step
def matrix_mixer(state, x, y, frames):
    """Each channel of y is a sum of those of x, each times its factor; in float64."""
    inputs, outputs = state[MATRIX_MIXER.in_channels], state[MATRIX_MIXER.out_channels]
    current, aim, moving = smoothed_rows(state, MATRIX_MIXER.factors, MATRIX_MIXER.version, inputs * outputs)
    frame = doubles_at(state, MATRIX_MIXER.frame, 0, inputs, state)
    source, target = carray(x, frames * inputs), carray(y, frames * outputs)
    for t in range(frames):
        for i in range(inputs):
            frame[i] = source[t * inputs + i]
        for o in range(outputs):
            total = 0.0
            for i in range(inputs):
                place = i * outputs + o
                total += frame[i] * (between(current, aim, place, (t + 1) / frames) if moving else aim[place])
            target[t * outputs + o] = np.float32(total)
    if frames:
        copy_numbers(current, aim)


@part
def _delay(samples, line, position):
    """Delay line: exchange each sample for the oldest one in it, in place."""
    at = position[POSITION.oldest]
    for i in range(samples.size):
        samples[i], line[at] = line[at], samples[i]
        at = at + 1 if at + 1 < line.size else 0
    position[POSITION.oldest] = at


@stage_step
def dry_wet(state, x, y, frames):
    """(1 - g) x + g (x through a step), x delayed as much as the step delays."""
    channels, g = state[DRY_WET.channels], doubles_at(state, DRY_WET.wet, 0, SMOOTHED_SIZE, state)
    table = integers_at(state, DRY_WET.table, 0, ENTRY_SIZE, state)
    dry, delayed = floats_at(state, DRY_WET.work, 0, SUB_BLOCK * channels, x), state[DRY_WET.line_size]
    line, position = floats_at(state, DRY_WET.line, 0, delayed, x), integers_at(state, DRY_WET.position, 0, 1, state)
    nonfinite = integers_at(state, DRY_WET.nonfinite, 0, 1, state)
    source, target = carray(x, frames * channels), carray(y, frames * channels)
    start, aim = g[SMOOTHED.current], g[SMOOTHED.target]
    slope = (aim - start) / max(frames, 1)
    for first in range(0, frames, SUB_BLOCK):
        count = min(SUB_BLOCK, frames - first)
        here = target[first * channels : (first + count) * channels]
        nonfinite[COUNTER.value] += replace_nonfinite(source, first * channels, 1, dry, count * channels)
        call_step(table, 0, dry, here, count)
        if delayed:
            _delay(dry[: count * channels], line, position)
        for t in range(count):
            wet = np.float32(ramp(start, aim, slope, first + t))
            for i in range(t * channels, (t + 1) * channels):
                here[i] = (np.float32(1.0) - wet) * dry[i] + wet * here[i]
    if frames:
        g[SMOOTHED.current] = aim
