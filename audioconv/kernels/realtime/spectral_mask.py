"""The step of a mask on short-time spectra: those of each channel, compressed, go through a step that gives the mask.

A spectrum is compressed to the cube root of its magnitudes, phases as they were, as loudness is: so soft parts count in
the network, and a mask of numbers near 1 attenuates by any number of decibels. Bins beyond those that the network knows
get the mean gain of its upper quarter.
"""

import numpy as np

from audioconv.kernels._jit import part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.realtime.chain import ENTRY_SIZE, call_step
from audioconv.kernels.simd.pointers import carray, doubles_at, floats_at, integers_at

# size: samples of a frame, whose spectrum is as many numbers and 2 more; bins: that the network knows; networks:
# address of a table of steps, one a channel, from (bins, 4) to (bins, 2); means: of each channel those of the bins'
# magnitudes so far, and the sum of the weights in them
SPECTRAL_MASK = layout("SPECTRAL_MASK", "channels", "size", "bins", "networks", "numbers", "means", "features", "mask")
# what makes spectra those of samples up to 1; the share of the sound that passes unmasked; of means from frame to frame
NUMBERS = layout("NUMBERS", "scale", "dry", "kept")
TINY = 1e-14  # power of a bin that is as good as none
LEAST_MEAN = 0.005  # magnitude that is as good as none
# numbers of a bin: magnitude, real and imaginary part relative to the level so far, magnitude relative to its own mean;
# of a mask: real and imaginary part
FEATURES, PARTS = 4, 2
_NUMBERS = NUMBERS.row_size


@part
def _compress(pairs, count, scale, features):
    """features[:, :3] = magnitudes, real and imaginary parts of the compressed spectrum; 0 beyond `count` bins."""
    for k in range(count):
        re, im = scale * pairs[2 * k], scale * pairs[2 * k + 1]
        power = re * re + im * im
        factor = np.exp(np.log(power + pairs.dtype.type(TINY)) / pairs.dtype.type(-3))
        features[FEATURES * k] = np.sqrt(power) * factor
        features[FEATURES * k + 1], features[FEATURES * k + 2] = re * factor, im * factor
    features[FEATURES * count :] = 0


@part
def _relate(features, kept, means):
    """Take this frame into the means, make features relative to them; returns the level that it has been divided by."""
    new, least = features.dtype.type(1) - kept, features.dtype.type(LEAST_MEAN)
    bins, level = means.size - 1, features.dtype.type(0)
    means[bins] = weights = kept * means[bins] + new
    for k in range(bins):
        means[k] = kept * means[k] + new * features[FEATURES * k]
        level += means[k]
    level = level / (weights * features.dtype.type(bins)) + least
    for k in range(bins):
        features[FEATURES * k + 3] = features[FEATURES * k] / (means[k] / weights + least)
        for i in range(FEATURES - 1):
            features[FEATURES * k + i] /= level
    return level


@part
def _apply(mask, features, level, count, scale, dry, pairs):
    """Mask the compressed spectrum (features times `level`), expand it, mix it into pairs; no bin is amplified."""
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
            x, y = level * features[FEATURES * k + 1], level * features[FEATURES * k + 2]
            u, v = re * x - im * y, re * y + im * x
            gain = (one - dry) * (u * u + v * v) / scale
            pairs[2 * k], pairs[2 * k + 1] = gain * u + dry * pairs[2 * k], gain * v + dry * pairs[2 * k + 1]
    gain = dry + (one - dry) * above / pairs.dtype.type(bins - upper)
    for i in range(2 * count, pairs.size):
        pairs[i] *= gain


@stage_step
def spectral_mask(state, x, y, frames):
    """Spectra of a frame masked, channel by channel; for `short_time`, in place."""
    channels, size, bins = state[SPECTRAL_MASK.channels], state[SPECTRAL_MASK.size], state[SPECTRAL_MASK.bins]
    count, pairs = min(bins, size // 2 + 1), carray(y, channels * (size + 2))
    mask = floats_at(state, SPECTRAL_MASK.mask, 0, PARTS * bins, pairs)
    features = floats_at(state, SPECTRAL_MASK.features, 0, FEATURES * bins, pairs)
    networks = integers_at(state, SPECTRAL_MASK.networks, 0, ENTRY_SIZE * channels, state)
    numbers = doubles_at(state, SPECTRAL_MASK.numbers, 0, _NUMBERS, state)
    scale, dry = pairs.dtype.type(numbers[NUMBERS.scale]), pairs.dtype.type(numbers[NUMBERS.dry])
    for c in range(channels):
        own = pairs[c * (size + 2) : (c + 1) * (size + 2)]
        means = floats_at(state, SPECTRAL_MASK.means, c * (bins + 1), bins + 1, pairs)
        _compress(own, count, scale, features)
        level = _relate(features, pairs.dtype.type(numbers[NUMBERS.kept]), means)
        call_step(networks, c, features, mask, 1)
        _apply(mask, features, level, count, scale, dry, own)
