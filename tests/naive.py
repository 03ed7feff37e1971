"""Naive twins of the kernels: loops that anyone can read, in the widest precision at hand."""

import numpy as np

# --- Fourier transform ------------------------------------------------------------------------------------


def rfft(x):
    """Bins 0 ... n/2 of the discrete Fourier transform, by its definition."""
    n = len(x)
    k, j = np.arange(n // 2 + 1)[:, None], np.arange(n)[None, :]
    return np.sum(np.exp(-2j * np.pi * ((k * j) % n).astype(np.longdouble) / n) * x, axis=1)


def fft(z):
    """The discrete Fourier transform, by its definition."""
    n = len(z)
    k, j = np.arange(n)[:, None], np.arange(n)[None, :]
    return np.sum(np.exp(-2j * np.pi * ((k * j) % n).astype(np.longdouble) / n) * z, axis=1)


def stft(x, window, hop, size):
    """Windowed frames from the beginning of x on, transformed by definition; time 0 is the middle of the window."""
    k, n = np.arange(size // 2 + 1)[:, None], np.arange(len(window)) - len(window) // 2
    waves = np.exp(-2j * np.pi * ((k * n) % size).astype(np.longdouble) / size)
    starts = range(0, len(x) - len(window) + 1, hop)
    return np.array([waves @ (x[s : s + len(window)].astype(float) * window) for s in starts]).reshape(-1, len(k))


def istft(spectra, window, hop):
    """The frames' signals, by the sum that defines them, times the window, added where they overlap."""
    size, taps = 2 * (spectra.shape[1] - 1), len(window)
    n, k = np.arange(taps)[:, None] - taps // 2, np.arange(size // 2 + 1)
    weights = np.where((k == 0) | (k == size // 2), 1, 2) / size  # all others stand for two bins
    waves = weights * np.exp(2j * np.pi * ((k * n) % size).astype(np.longdouble) / size)
    y = np.zeros(max(len(spectra) - 1, 0) * hop + taps)
    for f, spectrum in enumerate(spectra):
        y[f * hop : f * hop + taps] += (waves @ spectrum).real * window
    return y


# --- features ---------------------------------------------------------------------------------------------


def log_mel(x, features):
    """Log-mel frames of x with the settings and filters of a LogMel, from the definition."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(features.win_length) / features.win_length)
    starts = range(0, len(x) - features.win_length + 1, features.hop)
    rows = []
    for start in starts:
        frame = np.zeros(features.fft_size)
        frame[: features.win_length] = x[start : start + features.win_length] * hann
        rows.append(np.log((features.filters * np.abs(rfft(frame)) ** 2).sum(axis=1) + features.offset))
    return np.array(rows, dtype=float).reshape(len(rows), features.n_mels)


def ppv(x, taps, dilation, padded, channels, biases):
    """Share of outputs of one kernel above each bias; x (frames, channels), weights -1 and at three taps 2."""
    frames, reach, found = len(x), 4 * dilation, []
    for t in range(frames):
        total = np.longdouble(0)
        for k in range(9):
            i = t + (k - 4) * dilation
            if 0 <= i < frames:
                total += (2 if k in taps else -1) * sum(np.longdouble(x[i, c]) for c in channels)
        if padded or reach <= t < frames - reach:
            found.append(total)
    return np.array([sum(y > bias for y in found) / len(found) for bias in biases])


# --- convolution of one signal ----------------------------------------------------------------------------


def convolve(x, h, begin, count, stride=1, dilation=1):
    """y[t] = sum over k of h[k] * x[begin + t * stride - k * dilation], with nothing around x."""
    y = np.zeros(count, np.longdouble)
    for t in range(count):
        for k in range(len(h)):
            i = begin + t * stride - k * dilation
            if 0 <= i < len(x):
                y[t] += np.longdouble(h[k]) * np.longdouble(x[i])
    return y


def fir(x, taps, offsets, count):
    """y[t] = sum over k of taps[k] * x[t + offsets[k]]."""
    y = np.zeros(count, np.longdouble)
    for t in range(count):
        for tap, offset in zip(taps, offsets, strict=True):
            y[t] += np.longdouble(tap) * np.longdouble(x[t + offset])
    return y


def upfirdn(h, x, up, down):
    """up - 1 zeros behind each sample of x, convolved with h, each down-th output."""
    spread = np.zeros((len(x) - 1) * up + 1, x.dtype)
    spread[::up] = x
    return convolve(spread, h, 0, (len(spread) + len(h) - 2) // down + 1, stride=down)


def polyphase(x, taps, rows, places, bounds, count):
    """y[m, q, c] = sum over k in bounds[q] ... bounds[q + 1] of taps[c, k] * x[m + rows[k], places[k], c]."""
    y = np.zeros((count, len(bounds) - 1, x.shape[2]), np.longdouble)
    for m, q, c in np.ndindex(y.shape):
        for k in range(bounds[q], bounds[q + 1]):
            y[m, q, c] += np.longdouble(taps[c, k]) * np.longdouble(x[m + rows[k], places[k], c])
    return y


# --- many-channel convolution, pooling, batch norm -----------------------------------------------------------


def conv1d_channels(x, weight, bias, stride=1, dilation=1):
    """y[b, t, o] = bias[o] + sum over tap and c of x[b, t * stride + tap * dilation, c] * weight[tap, c, o]."""
    taps = len(weight)
    frames = (x.shape[1] - dilation * (taps - 1) - 1) // stride + 1
    y = np.empty((len(x), frames, weight.shape[2]))
    for b in range(len(x)):
        for t in range(frames):
            total = bias.astype(float)
            for tap in range(taps):
                for c in range(x.shape[2]):
                    total = total + float(x[b, t * stride + tap * dilation, c]) * weight[tap, c].astype(float)
            y[b, t] = total
    return y


def conv1d_channels_gradients(x, weight, grad_y, stride=1, dilation=1):
    """Gradients of sum(y * grad_y) by x and by the weight, each product put where it belongs."""
    grad_x, grad_weight = np.zeros(x.shape), np.zeros(weight.shape)
    for b in range(grad_y.shape[0]):
        for t in range(grad_y.shape[1]):
            for tap in range(len(weight)):
                row = t * stride + tap * dilation
                for c in range(x.shape[2]):
                    for o in range(grad_y.shape[2]):
                        grad_x[b, row, c] += float(grad_y[b, t, o]) * float(weight[tap, c, o])
                        grad_weight[tap, c, o] += float(grad_y[b, t, o]) * float(x[b, row, c])
    return grad_x, grad_weight


def pool1d(x, size, stride, padding, reduce):
    """reduce(those elements of each window that lie inside x), one window and channel at a time."""
    left, right = padding
    frames = (x.shape[1] + left + right - size) // stride + 1
    y = np.empty((len(x), frames, x.shape[2]))
    for b in range(len(x)):
        for t in range(frames):
            begin = t * stride - left
            for c in range(x.shape[2]):
                y[b, t, c] = reduce(x[b, max(begin, 0) : max(begin + size, 0), c].astype(float))
    return y


def pool_windows(length, size, stride, padding, ceil_mode):
    """(Begin, end) of each window, as PyTorch says: with ceil_mode it may reach beyond the padding on the right, but
    begins before it.
    """
    left, right = padding
    last = length + left + right - size
    count = (-(-last // stride) if ceil_mode else last // stride) + 1
    begins = [t * stride - left for t in range(count)]
    return [(begin, begin + size) for begin in begins if not ceil_mode or begin < length]


def average_pool1d(x, size, stride, padding, ceil_mode=False, count_include_pad=False):
    """The sum of each window, divided by the elements of it inside x, or inside x with its padding."""
    length, (left, right) = x.shape[1], padding
    rows = []
    for begin, end in pool_windows(length, size, stride, padding, ceil_mode):
        total = x[:, max(begin, 0) : max(end, 0)].astype(float).sum(axis=1)
        low, high = (-left, length + right) if count_include_pad else (0, length)
        rows.append(total / (min(end, high) - max(begin, low)))
    return np.stack(rows, axis=1)


def lp_pool1d(x, size, stride, padding, p, ceil_mode=False, signed=False):
    """(Sum of powers)**(1 / p); what ceil_mode cuts off counts as if it were like the rest of its window."""
    rows = []
    for begin, end in pool_windows(x.shape[1], size, stride, padding, ceil_mode):
        inside = x[:, max(begin, 0) : max(end, 0)].astype(float)
        total = (inside**p if signed else np.abs(inside) ** p).sum(axis=1)
        rows.append((total * size / (min(end, x.shape[1] + padding[1]) - begin)) ** (1 / p))
    return np.stack(rows, axis=1)


def same_keras(size, span, stride):
    """(Left, right) padding of TensorFlow's SAME: as much as ceil(size / stride) windows need."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def conv1d_transposed(x, weight, bias, stride, dilation, left, frames, groups=1):
    """Each input's copy of the filters, added where it belongs: (batch, frames, filters); weight (taps, in // groups,
    out).
    """
    taps, inner, filters = weight.shape
    own = filters // groups
    y = np.zeros((len(x), frames, filters)) + bias
    for b, t, tap, c in np.ndindex(len(x), x.shape[1], taps, x.shape[2]):
        row, group = t * stride + tap * dilation - left, c // inner
        if 0 <= row < frames:
            columns = slice(group * own, (group + 1) * own)
            y[b, row, columns] += float(x[b, t, c]) * weight[tap, c % inner, columns].astype(float)
    return y


# --- losses ----------------------------------------------------------------------------------------------------


def softmax_cross_entropy(outputs, targets):
    """-sum of target * log softmax of each row of (rows, classes)."""
    found = []
    for row, target in zip(outputs.astype(np.longdouble), targets, strict=True):
        shares = np.exp(row - row.max()) / np.exp(row - row.max()).sum()
        found.append(-sum(t * np.log(s) for t, s in zip(target, shares, strict=True)))
    return np.array(found)


def binary_cross_entropy(outputs, targets, pos_weight):
    """-(weight * target * log p + (1 - target) * log(1 - p)), summed over classes, of each row."""
    p = 1 / (1 + np.exp(-outputs.astype(np.longdouble)))
    return -(pos_weight * targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum(axis=-1)


def spectral_mask_loss(masks, targets):
    """Of masks (clips, time, freq, 2), given noisy and clean spectra (clips, time, freq, 4): the mean over clips."""
    losses = []
    for mask, target in zip(masks.astype(np.longdouble), targets.astype(np.longdouble), strict=True):
        power = magnitudes = distances = expanded = error = 0
        for place in np.ndindex(mask.shape[:2]):
            m, x, s = (re + 1j * im for re, im in (mask[place], target[place][:2], target[place][2:]))
            y = m * x
            power += abs(s) ** 2
            magnitudes += (abs(y) - abs(s)) ** 2
            distances += abs(y - s) ** 2
            expanded += abs(s) ** 6
            error += abs(y * abs(y) ** 2 - s * abs(s) ** 2) ** 2
        decibels = 10 * np.log10(error / expanded + 1e-4)
        losses.append((0.7 * magnitudes + 0.3 * distances) / power + 0.02 * decibels)
    return np.mean(losses)


def batch_norm(x, scale, shift, epsilon):
    """Each channel made mean 0 and variance 1 over batch and time, then scaled and shifted."""
    y = np.empty(x.shape)
    for c in range(x.shape[2]):
        values = x[:, :, c].astype(np.longdouble)
        y[:, :, c] = (values - values.mean()) / np.sqrt(values.var() + epsilon) * scale[c] + shift[c]
    return y


def conv2d_channels(x, weight, bias, stride, dilation, padding, groups=1):
    """Correlation of (batch, time, freq, in) with (taps, taps, in // groups, out), by loops over outputs."""
    padded = np.pad(x.astype(np.float64), ((0, 0), *padding, (0, 0)))
    taps, width = weight.shape[:2], weight.shape[3]
    frames, bins = (
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(padded.shape[1:3], taps, stride, dilation, strict=True)
    )
    y = np.zeros((len(x), frames, bins, width)) + bias
    inner, own = weight.shape[2], width // groups
    for t, f, i, j in np.ndindex(frames, bins, *taps):
        seen = padded[:, t * stride[0] + i * dilation[0], f * stride[1] + j * dilation[1]]
        for g in range(groups):
            y[:, t, f, g * own : (g + 1) * own] += (
                seen[:, g * inner : (g + 1) * inner] @ weight[i, j, :, g * own : (g + 1) * own]
            )
    return y


# --- convolution of planes --------------------------------------------------------------------------------


def source(i, size, boundary):
    """Which of `size` values stands at place i; None for a zero."""
    if 0 <= i < size:
        return i
    if boundary == "zero":
        return None
    if boundary == "edge":
        return 0 if i < 0 else size - 1
    if boundary == "wrap":
        return source(i + size if i < 0 else i - size, size, boundary)
    if boundary == "mirror":  # on the outermost value
        return 0 if size == 1 else source(-i if i < 0 else 2 * size - 2 - i, size, boundary)
    return source(-1 - i if i < 0 else 2 * size - 1 - i, size, boundary)  # the other side of the mirror


def convolve2d(x, kernel, begin, shape, stride=(1, 1), dilation=(1, 1), boundary=("zero", "zero")):
    """y[t, f] = sum over i, j of kernel[i, j] * x[begin + (t, f) * stride - (i, j) * dilation], with x continued."""
    y = np.zeros(shape, np.longdouble)
    for t, f, i, j in np.ndindex(*shape, *kernel.shape):
        row = source(begin[0] + t * stride[0] - i * dilation[0], x.shape[0], boundary[0])
        column = source(begin[1] + f * stride[1] - j * dilation[1], x.shape[1], boundary[1])
        if row is not None and column is not None:
            y[t, f] += np.longdouble(kernel[i, j]) * np.longdouble(x[row, column])
    return y


def sections(x, sos):
    """Second-order sections (a0 = 1) on one channel, and how many samples were replaced.

    A sample that is not finite is 0; where a result is beyond float32, or a state is not finite, all begin anew and
    the result is infinite.
    """
    y, replaced, z = np.zeros(len(x)), 0, np.zeros((len(sos), 2))
    for t, value in enumerate(np.asarray(x, float)):
        replaced += not np.isfinite(value)
        value = value if np.isfinite(value) else 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            for (b0, b1, b2, _, a1, a2), state in zip(sos, z, strict=True):
                before, value = value, b0 * value + state[0]
                state[:] = b1 * before - a1 * value + state[1], b2 * before - a2 * value
        if abs(value) <= np.finfo(np.float32).max and np.isfinite(z).all():
            y[t] = value
        else:
            y[t], z[:], replaced = np.inf, 0, replaced + 1
    return y, replaced


def mix_noise(sounds, rows, levels, noises):
    """The sounds plus stretches of noise that begin again, sample by sample."""
    result = sounds.astype(float)
    for sound, (length, place, size, first), (beside, alone, gain) in zip(result, rows, levels, strict=True):
        power = sum(x * x for x in sound[:length]) / max(length, 1)
        amplitude = (beside * power + alone) ** 0.5
        for i in range(length):
            sound[i] = (sound[i] + amplitude * noises[place + (first + i) % size]) * gain
    return result
