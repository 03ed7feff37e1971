"""Slow and obvious references for what changes short-time spectra: masks of a network, and the gate."""

import numpy as np

from tests.naive import convolve2d, istft, stft


def overlap_frames(x, window, hop):
    """Spectra of a signal between zeros, from the first frame that reaches it to the last, but for windows' zeros."""
    size = len(window)
    count = -(-(len(x) - 1 + size - hop) // hop)
    return stft(np.pad(x, (size - hop, count * hop)), window, hop, size)[:count]


def relative_features(compressed, kept):
    """(frames, bins, 4) of spectra (frames, bins): relative to the weighted mean of all bins so far, and of the own."""
    features = np.zeros((*compressed.shape, 4))
    for f in range(len(compressed)):
        weights = np.array([kept ** (f - g) for g in range(f + 1)])
        means = weights @ abs(compressed[: f + 1]) / weights.sum()
        heard = compressed[f] / (means.mean() + 0.005)
        features[f] = np.stack([abs(heard), heard.real, heard.imag, abs(compressed[f]) / (means + 0.005)], axis=1)
    return features


def spectral_mask(x, window, bins, scale, dry, kept, network):
    """A signal with `network`'s masks on its spectra, compressed to cube roots; (frames, bins, 4) to (frames, bins, 2).

    Bins beyond those that the network knows get the mean gain of the upper quarter.
    """
    spectra = overlap_frames(x, window, len(window) // 2)
    compressed = np.zeros((len(spectra), bins), complex)
    known = min(bins, spectra.shape[1])
    for f, k in np.ndindex(len(spectra), known):
        scaled = scale * spectra[f, k]
        compressed[f, k] = scaled / (abs(scaled) ** 2 + 1e-14) ** (1 / 3)
    mask = network(relative_features(compressed, kept)) @ [1, 1j]
    mask = mask / np.maximum(abs(mask), 1)
    clean = spectra * (dry + (1 - dry) * (abs(mask[:, bins - bins // 4 :]) ** 3).mean(axis=1, keepdims=True))
    for f, k in np.ndindex(len(spectra), known):
        product = mask[f, k] * compressed[f, k]
        clean[f, k] = dry * spectra[f, k] + (1 - dry) * product * abs(product) ** 2 / scale
    return istft(clean, window, len(window) // 2)[len(window) // 2 :][: len(x)]


def sound_shares(x, window, hop, count):
    """The share of each frame's window, in energy, over stretches of an eighth of a hop in which there is sound."""
    stretch, size = max(1, hop // 8), len(window)
    active = np.zeros(count * hop + 2 * size)
    for i in range(len(x)):
        first = i // stretch * stretch
        active[size - hop + first :][:stretch] = np.any(x[first : first + stretch] != 0)
    return [np.sum(window**2 * active[f * hop : f * hop + size]) / np.sum(window**2) for f in range(count)]


def spectral_gate(x, window, hop, rows, columns, above, least_gain, *, noise=None, memory=0, bias=1.0):
    """Channels (samples, channels) with one mask: gains by smoothed power over the noise in it, smoothed, too."""
    size = len(window)
    spectra = np.stack([overlap_frames(channel, window, hop) for channel in x.T], axis=2)
    kernel, around = np.outer(rows, columns), ("edge", "reflect")
    begin = len(rows) // 2, len(columns) // 2

    def smooth(plane):
        return convolve2d(plane, kernel, begin, plane.shape, boundary=around).astype(float)

    power = smooth((abs(spectra) ** 2).mean(axis=2))
    count, bins = power.shape
    share = convolve2d(np.array(sound_shares(x, window, hop, count))[:, None], rows[:, None], (begin[0], 0), (count, 1),
                       boundary=around).astype(float)  # fmt: skip
    gains, means = np.full(power.shape, least_gain), []
    for f in range(count):
        past = [max(f - j, 0) for j in range(4)]
        coverage = share[past].mean()
        means.append(power[past].mean(axis=0) / coverage if coverage > 0.1 else np.full(bins, np.inf))
        least = np.min(means[max(0, f + 1 - memory) :], axis=0) if noise is None else noise
        for k in range(bins):
            floor = 0 if noise is None and np.isinf(least[k]) else least[k] * (bias if noise is None else 1)
            if power[f, k] > 0:
                gains[f, k] = max(least_gain, 1 - above * floor * share[f, 0] / power[f, k])
    dual = window / sum(np.roll(window, k) ** 2 for k in range(0, size, hop))
    clean = spectra * smooth(gains)[:, :, None]
    return np.stack([istft(clean[:, :, c], dual, hop)[size - hop :][: len(x)] for c in range(x.shape[1])], axis=1)
