"""The step of `Limiter`: look-ahead by a delay line, sliding minimum of the gains needed, its moving average.

The sliding minimum keeps a monotonic queue of the frames that may yet be the least (Lemire, Streaming maximum-minimum
filter, 2006), so that a frame costs the same whatever the look-ahead is.
"""

import numpy as np

from audioconv.kernels._jit import part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.realtime.nonfinite import COUNTER
from audioconv.kernels.realtime.smoothed import ramp
from audioconv.kernels.simd.pointers import carray, doubles_at, floats_at, integers_at

# span: frames of look-ahead + 1, for which there is room in needs, gains, queue and delay, by frame number % span;
# numbers is the address of a float64 row `GAIN_COMPUTER`, progress that of a `PROGRESS`
LIMITER = layout("LIMITER", "channels", "span", "numbers", "needs", "gains", "queue", "progress", "delay", "nonfinite")
# the threshold, a smoothed number; the coefficient of the release; the gain of the latest frame; the sum of `gains`
GAIN_COMPUTER = layout("GAIN_COMPUTER", "threshold", "threshold_target", "release", "gain", "gain_sum")
# where the first number of a frame lies in the queue, how many there are; frames that have come
PROGRESS = layout("PROGRESS", "head", "length", "frames")
GAIN_COMPUTER_SIZE, PROGRESS_SIZE = GAIN_COMPUTER.row_size, PROGRESS.row_size


@part
def _least(needs, queue, progress, n, need):
    """Sliding minimum of the gains needed, `need` for frame n; the queue has the frames of which one may yet be it."""
    span = needs.size
    head, length = progress[PROGRESS.head], progress[PROGRESS.length]
    if length and queue[head] <= n - span:
        head, length = (head + 1) % span, length - 1
    while length and needs[queue[(head + length - 1) % span] % span] >= need:
        length -= 1
    needs[n % span] = need
    queue[(head + length) % span] = n
    progress[PROGRESS.head], progress[PROGRESS.length] = head, length + 1
    return needs[queue[head] % span]


@part
def _mean(gains, place, gain, numbers):
    """Moving average of the gains; their sum is recomputed once a round, so that rounding does not accumulate."""
    if place == 0:
        total = gain
        for i in range(1, gains.size):
            total += gains[i]
    else:
        total = numbers[GAIN_COMPUTER.gain_sum] + (gain - gains[place])
    numbers[GAIN_COMPUTER.gain_sum] = total
    gains[place] = gain
    return total / gains.size


@stage_step
def limiter(state, x, y, frames):
    """No sample beyond a threshold: each frame times the mean of gains that all are small enough for it."""
    channels, span = state[LIMITER.channels], state[LIMITER.span]
    numbers = doubles_at(state, LIMITER.numbers, 0, GAIN_COMPUTER_SIZE, state)
    needs, gains = doubles_at(state, LIMITER.needs, 0, span, state), doubles_at(state, LIMITER.gains, 0, span, state)
    queue = integers_at(state, LIMITER.queue, 0, span, state)
    progress = integers_at(state, LIMITER.progress, 0, PROGRESS_SIZE, state)
    delay = floats_at(state, LIMITER.delay, 0, span * channels, x)
    nonfinite = integers_at(state, LIMITER.nonfinite, 0, 1, state)
    source, target = carray(x, frames * channels), carray(y, frames * channels)
    start, aim = numbers[GAIN_COMPUTER.threshold], numbers[GAIN_COMPUTER.threshold_target]
    slope = (aim - start) / max(frames, 1)
    for t in range(frames):
        threshold = ramp(start, aim, slope, t)
        n = progress[PROGRESS.frames]
        place, oldest, peak = n % span, (n + 1) % span, 0.0
        for c in range(channels):
            value = source[t * channels + c]
            if value - value != 0:
                value = source.dtype.type(0)
                nonfinite[COUNTER.value] += 1
            delay[place * channels + c] = value
            peak = max(peak, abs(np.float64(value)))
        least = _least(needs, queue, progress, n, threshold / peak if peak > threshold else 1.0)
        gain = numbers[GAIN_COMPUTER.gain]
        numbers[GAIN_COMPUTER.gain] = min(least, gain + (1.0 - gain) * numbers[GAIN_COMPUTER.release])
        factor = _mean(gains, place, numbers[GAIN_COMPUTER.gain], numbers)
        for c in range(channels):
            target[t * channels + c] = np.float32(delay[oldest * channels + c] * factor)
        progress[PROGRESS.frames] = n + 1
    if frames:
        numbers[GAIN_COMPUTER.threshold] = aim
