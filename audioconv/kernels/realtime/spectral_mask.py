"""The step of a mask on short-time spectra: frames of each channel, compressed, go through a step that gives the mask.

Frames overlap by half, under a window whose squares add up to 1 there, so that a mask of ones gives the signal back. A
spectrum is compressed to the cube root of its magnitudes, phases as they were, as loudness is: so soft parts count in
the network, and a mask of numbers near 1 attenuates by any number of decibels. Bins beyond those that the network knows
get the mean gain of its upper quarter.
"""

import numpy as np

from audioconv.kernels._jit import part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.dsp.stft import backward, forward
from audioconv.kernels.realtime.chain import ENTRY_SIZE, call_step
from audioconv.kernels.realtime.nonfinite import COUNTER
from audioconv.kernels.simd.pointers import carray, doubles_at, floats_at, integers_at
from audioconv.kernels.simd.views import read_only_view

# size: samples of a frame, for which there is room in pending and total, of each channel; bins: that the network knows;
# networks: address of a table of steps, one a channel, from (bins, 3) to (bins, 2); pairs: a spectrum
SPECTRAL_MASK = layout(
    "SPECTRAL_MASK", "channels", "size", "bins", "networks", "window", "plan", "plan_size", "twiddles", "twiddles_size",
    "scratch", "scratch_size", "numbers", "progress", "pending", "total", "pairs", "features", "mask", "nonfinite",
)  # fmt: skip
# what makes spectra those of samples up to 1; the share of the sound that passes unmasked
NUMBERS = layout("NUMBERS", "scale", "dry")
PROGRESS = layout("PROGRESS", "place", "begun")  # samples since the last frame; whether there was one
TINY = 1e-14  # power of a bin that is as good as none
FEATURES, PARTS = 3, 2  # numbers of a bin: magnitude, real and imaginary part; of a mask: real and imaginary part
_NUMBERS, _PROGRESS = NUMBERS.row_size, PROGRESS.row_size


@part
def _compress(pairs, count, scale, features):
    """features (bins, 3) = magnitudes, real and imaginary parts of the compressed spectrum; 0 beyond `count` bins."""
    for k in range(count):
        re, im = scale * pairs[2 * k], scale * pairs[2 * k + 1]
        power = re * re + im * im
        factor = np.exp(np.log(power + pairs.dtype.type(TINY)) / pairs.dtype.type(-3))
        features[FEATURES * k] = np.sqrt(power) * factor
        features[FEATURES * k + 1], features[FEATURES * k + 2] = re * factor, im * factor
    features[FEATURES * count :] = 0


@part
def _apply(mask, features, count, scale, dry, pairs):
    """Mask the compressed spectrum, expand it, mix it into pairs; no bin is amplified."""
    one = pairs.dtype.type(1)
    bins = features.size // FEATURES
    upper, above = bins - bins // 4, pairs.dtype.type(0)
    for k in range(bins):
        re, im = mask[PARTS * k], mask[PARTS * k + 1]
        power = re * re + im * im
        if power > one:
            re, im, power = re / np.sqrt(power), im / np.sqrt(power), one
        if k >= upper:
            above += power * np.sqrt(power)
        if k < count:
            x, y = features[FEATURES * k + 1], features[FEATURES * k + 2]
            u, v = re * x - im * y, re * y + im * x
            gain = (one - dry) * (u * u + v * v) / scale
            pairs[2 * k], pairs[2 * k + 1] = gain * u + dry * pairs[2 * k], gain * v + dry * pairs[2 * k + 1]
    gain = dry + (one - dry) * above / pairs.dtype.type(bins - upper)
    for i in range(2 * count, pairs.size):
        pairs[i] *= gain


@part
def _frame(state, c, like):
    """One frame of a channel, the last `size` samples, added to its output."""
    size, bins = state[SPECTRAL_MASK.size], state[SPECTRAL_MASK.bins]
    hop, count = size // 2, min(bins, size // 2 + 1)
    pending = floats_at(state, SPECTRAL_MASK.pending, c * size, size, like)
    total = floats_at(state, SPECTRAL_MASK.total, c * size, size, like)
    pairs, mask = (
        floats_at(state, SPECTRAL_MASK.pairs, 0, size + 2, like),
        floats_at(state, SPECTRAL_MASK.mask, 0, PARTS * bins, like),
    )
    features = floats_at(state, SPECTRAL_MASK.features, 0, FEATURES * bins, like)
    networks = integers_at(state, SPECTRAL_MASK.networks, 0, ENTRY_SIZE * state[SPECTRAL_MASK.channels], state)
    numbers = doubles_at(state, SPECTRAL_MASK.numbers, 0, _NUMBERS, state)
    scale, dry = like.dtype.type(numbers[NUMBERS.scale]), like.dtype.type(numbers[NUMBERS.dry])
    window = read_only_view(floats_at(state, SPECTRAL_MASK.window, 0, size, like))
    plan = integers_at(state, SPECTRAL_MASK.plan, 0, state[SPECTRAL_MASK.plan_size], state)
    twiddles = read_only_view(floats_at(state, SPECTRAL_MASK.twiddles, 0, state[SPECTRAL_MASK.twiddles_size], like))
    scratch = floats_at(state, SPECTRAL_MASK.scratch, 0, state[SPECTRAL_MASK.scratch_size], like)
    for i in range(hop):
        total[i], total[hop + i] = total[hop + i], like.dtype.type(0)
    forward(read_only_view(pending), size, window, hop, plan, twiddles, scratch, pairs)
    _compress(pairs, count, scale, features)
    call_step(networks, c, features, mask, 1)
    _apply(mask, features, count, scale, dry, pairs)
    backward(read_only_view(pairs), size, window, hop, plan, twiddles, scratch, total)
    for i in range(hop):
        pending[i] = pending[hop + i]


@stage_step
def spectral_mask(state, x, y, frames):
    """The signal with its spectra masked, one sample less than a frame late."""
    channels, size = state[SPECTRAL_MASK.channels], state[SPECTRAL_MASK.size]
    hop, like = size // 2, carray(x, frames * channels)
    pending = floats_at(state, SPECTRAL_MASK.pending, 0, channels * size, like)
    total = floats_at(state, SPECTRAL_MASK.total, 0, channels * size, like)
    progress = integers_at(state, SPECTRAL_MASK.progress, 0, _PROGRESS, state)
    nonfinite = integers_at(state, SPECTRAL_MASK.nonfinite, 0, 1, state)
    source, target = like, carray(y, frames * channels)
    for t in range(frames):
        place = progress[PROGRESS.place]
        for c in range(channels):
            value = source[t * channels + c]
            if value - value != 0:
                value = source.dtype.type(0)
                nonfinite[COUNTER.value] += 1
            pending[c * size + hop + place] = value
        place += 1
        if place == hop:
            place = 0
            for c in range(channels):
                _frame(state, c, source)
                if not progress[PROGRESS.begun]:  # what a mask puts before the signal
                    total[c * size : c * size + hop] = 0
            progress[PROGRESS.begun] = 1
        for c in range(channels):
            target[t * channels + c] = total[c * size + place]
        progress[PROGRESS.place] = place
