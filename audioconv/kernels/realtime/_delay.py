"""The step of `Delay`: a delay line with feedback, mixed with the signal."""

import numpy as np

from audioconv.kernels._jit import part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.realtime.mixing import POSITION
from audioconv.kernels.realtime.nonfinite import COUNTER
from audioconv.kernels.realtime.smoothed import between, copy_numbers, smoothed_rows
from audioconv.kernels.simd.denormals import flush_denormal
from audioconv.kernels.simd.pointers import carray, floats_at, integers_at

# settings: address of smoothed rows, and that of their version; line: that of a ring buffer of `frames` frames, of
# which the oldest is at `position`
DELAY = layout("DELAY", "channels", "settings", "version", "line", "frames", "position", "nonfinite")
DELAY_SETTINGS = layout("DELAY_SETTINGS", "delay", "feedback", "mix")  # the delay in frames, a whole number
DELAY_SETTINGS_SIZE = DELAY_SETTINGS.row_size


@part
def _place(at, back, length):
    """Where in a ring buffer of `length` frames the one is that came `back` frames before the one at `at`."""
    return at - back if at >= back else at - back + length


@stage_step
def delay(state, x, y, frames):
    """(1 - mix) x + mix d, with d(t) = v(t - delay) and v = x + feedback d; another delay is cross-faded to."""
    channels, length = state[DELAY.channels], state[DELAY.frames]
    now, aim, _ = smoothed_rows(state, DELAY.settings, DELAY.version, DELAY_SETTINGS_SIZE)
    line = floats_at(state, DELAY.line, 0, length * channels, x)
    position = integers_at(state, DELAY.position, 0, 1, state)
    nonfinite = integers_at(state, DELAY.nonfinite, 0, 1, state)
    source, target = carray(x, frames * channels), carray(y, frames * channels)
    before, after = np.int64(now[DELAY_SETTINGS.delay]), np.int64(aim[DELAY_SETTINGS.delay])
    at = position[POSITION.oldest]
    for t in range(frames):
        done = (t + 1) / frames
        feedback, mix = (
            between(now, aim, DELAY_SETTINGS.feedback, done), between(now, aim, DELAY_SETTINGS.mix, done)
        )  # fmt: skip
        old, new, here = _place(at, before, length) * channels, _place(at, after, length) * channels, at * channels
        for c in range(channels):
            value = source[t * channels + c]
            if value - value != 0:
                value = source.dtype.type(0)
                nonfinite[COUNTER.value] += 1
            delayed = np.float64(line[old + c])
            delayed += done * (line[new + c] - delayed)
            kept = np.float32(value + feedback * delayed)
            if kept - kept != 0:  # beyond float32
                kept = np.float32(0)
                nonfinite[COUNTER.value] += 1
            line[here + c] = flush_denormal(line, kept)
            target[t * channels + c] = np.float32((1.0 - mix) * value + mix * delayed)
        at = at + 1 if at + 1 < length else 0
    position[POSITION.oldest] = at
    if frames:
        copy_numbers(now, aim)
