"""The step of a spectral gate: bins of time and frequency whose power is near that of the noise are attenuated.

Power is smoothed along frequency as a frame comes and along time, `reach` frames later, from a ring of such rows; so
are gains. Behind the power of its bins a row has one number more, the share of its window that covers sound, because
digital silence is no noise to learn from. Before the first frame and after the last one, rows are those of the nearest
frame.
"""

import numpy as np

from audioconv.kernels._jit import part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.dsp._fir import fir_at
from audioconv.kernels.realtime.short_time import PROGRESS
from audioconv.kernels.simd.pointers import carray, doubles_at, floats_at, integers_at, read_only_floats_at
from audioconv.kernels.simd.views import read_only_view

# size, hop, samples, progress: of `short_time`; reach: frames that the smoothing looks ahead; memory: frames in which
# the least power is searched, 0 if the noise is given; columns: places where column_taps find a row's neighbours;
# stretch: samples of each of `stretches` parts of a frame that are sound or not, with the energy of the window in each.
# The rings power, gains and delayed (spectra) have 2 reach + 1 rows, by frame number; averaged has AVERAGED, least
# memory - 1.
SPECTRAL_GATE = layout(
    "SPECTRAL_GATE", "channels", "size", "hop", "reach", "memory", "numbers", "progress", "samples", "columns",
    "columns_size", "column_taps", "column_taps_size", "row_taps", "mean_taps", "offsets", "offsets_size", "energy",
    "active", "stretch", "stretches", "power", "averaged", "mean", "least", "noise", "gains", "row", "delayed",
)  # fmt: skip
# noise is gated below `above` times its power; the least gain; of minimum statistics, mean power over least power
NUMBERS = layout("NUMBERS", "above", "least_gain", "bias")
AVERAGED = 4  # frames averaged before the minimum is taken: fewer are too often small by chance
PRESENT = 0.1  # share of a window that must cover sound for its power to count as noise
_NUMBERS, _PROGRESS = NUMBERS.row_size, PROGRESS.row_size


@part
def _column_sums(state, y):
    """Sums along the row that is gathered, with its neighbours beyond the edges."""
    taps = read_only_floats_at(state, SPECTRAL_GATE.column_taps, 0, state[SPECTRAL_GATE.column_taps_size], y)
    row = read_only_floats_at(state, SPECTRAL_GATE.row, 0, state[SPECTRAL_GATE.columns_size], y)
    offsets = integers_at(state, SPECTRAL_GATE.offsets, 0, taps.size, state)
    for j in range(taps.size):
        offsets[j] = j
    fir_at(row, taps, read_only_view(offsets), y)


@part
def _row_sums(state, ring, rows, taps, first, last, y):
    """Sums of taps times the rows of frames first, first + 1 ... of a ring, or of the nearest before frame `last`."""
    offsets = integers_at(state, SPECTRAL_GATE.offsets, 0, taps.size, state)
    for r in range(taps.size):
        offsets[r] = min(max(first + r, 0), last - 1) % rows * (ring.size // rows)
    fir_at(read_only_view(ring), taps, read_only_view(offsets), y)


@part
def _share(state, like):
    """The share of the window, in energy, over stretches with sound in any channel."""
    channels, size, hop = state[SPECTRAL_GATE.channels], state[SPECTRAL_GATE.size], state[SPECTRAL_GATE.hop]
    stretch, stretches = state[SPECTRAL_GATE.stretch], state[SPECTRAL_GATE.stretches]
    active = integers_at(state, SPECTRAL_GATE.active, 0, stretches, state)
    energy = floats_at(state, SPECTRAL_GATE.energy, 0, stretches, like)
    samples = floats_at(state, SPECTRAL_GATE.samples, 0, channels * size, like)
    fresh, share = hop // stretch, like.dtype.type(0)
    for s in range(stretches):
        if s < stretches - fresh:
            active[s] = active[s + fresh]
        else:
            active[s] = 0
            for c in range(channels):
                for i in range(c * size + s * stretch, c * size + (s + 1) * stretch):
                    active[s] |= samples[i] != 0
        if active[s]:
            share += energy[s]
    return share


@part
def _hear(state, spectra, power):
    """The row of a frame: the mean power of its channels, smoothed along frequency, and the share of sound."""
    channels, size = state[SPECTRAL_GATE.channels], state[SPECTRAL_GATE.size]
    bins, count = size // 2 + 1, state[SPECTRAL_GATE.columns_size]
    columns = integers_at(state, SPECTRAL_GATE.columns, 0, count, state)
    row = floats_at(state, SPECTRAL_GATE.row, 0, count, spectra)
    for k in range(count):
        total = spectra.dtype.type(0)
        for c in range(channels):
            i = c * (size + 2) + 2 * columns[k]
            total += spectra[i] * spectra[i] + spectra[i + 1] * spectra[i + 1]
        row[k] = total / spectra.dtype.type(channels)
    _column_sums(state, power[:bins])
    power[bins] = _share(state, spectra)


@part
def _remember(least, memory, n, mean):
    """Make `mean`, the row of frame n, the least of the rows of `memory` frames.

    By doubling: the least of 2, 4, 8 ... frames, each from those of half as many now and as long ago, which rings keep,
    of 1, 2, 4 ... rows.
    """
    begin, span, bins = 0, 1, mean.size
    while span < memory:
        rows = min(span, memory - span)
        place = (begin + n % rows) * bins
        for k in range(bins):
            now, before = mean[k], least[place + k]
            mean[k], least[place + k] = before if before < now else now, now
        begin, span = begin + rows, span + rows


@part
def _track(state, n, last, like):
    """The noise in frame n, by minimum statistics: the least mean power within memory, times its bias."""
    bins, memory = state[SPECTRAL_GATE.size] // 2 + 1, state[SPECTRAL_GATE.memory]
    averaged = floats_at(state, SPECTRAL_GATE.averaged, 0, AVERAGED * (bins + 1), like)
    taps = read_only_floats_at(state, SPECTRAL_GATE.mean_taps, 0, AVERAGED, like)
    mean = floats_at(state, SPECTRAL_GATE.mean, 0, bins + 1, like)
    noise = floats_at(state, SPECTRAL_GATE.noise, 0, bins, like)
    least = floats_at(state, SPECTRAL_GATE.least, 0, (memory - 1) * bins, like)
    bias = like.dtype.type(doubles_at(state, SPECTRAL_GATE.numbers, 0, _NUMBERS, state)[NUMBERS.bias])
    _row_sums(state, averaged, AVERAGED, taps, n - AVERAGED + 1, last, mean)
    coverage, unknown = mean[bins], like.dtype.type(np.inf)
    for k in range(bins):
        known = coverage > PRESENT and mean[k] - mean[k] == 0  # what is not finite is no noise
        mean[k] = mean[k] / coverage if known else unknown
    _remember(least, memory, n, mean[:bins])
    for k in range(bins):
        noise[k] = bias * mean[k] if mean[k] < unknown else like.dtype.type(0)


@part
def _judge(state, n, last, like):
    """The gains of frame n, smoothed along frequency, to their ring."""
    bins, reach = state[SPECTRAL_GATE.size] // 2 + 1, state[SPECTRAL_GATE.reach]
    rows, count = 2 * reach + 1, state[SPECTRAL_GATE.columns_size]
    ring = floats_at(state, SPECTRAL_GATE.power, 0, rows * (bins + 1), like)
    taps = read_only_floats_at(state, SPECTRAL_GATE.row_taps, 0, rows, like)
    power = floats_at(state, SPECTRAL_GATE.averaged, n % AVERAGED * (bins + 1), bins + 1, like)
    _row_sums(state, ring, rows, taps, n - reach, last, power)
    if state[SPECTRAL_GATE.memory]:
        _track(state, n, last, like)
    numbers = doubles_at(state, SPECTRAL_GATE.numbers, 0, _NUMBERS, state)
    above, least_gain = like.dtype.type(numbers[NUMBERS.above]), like.dtype.type(numbers[NUMBERS.least_gain])
    noise = floats_at(state, SPECTRAL_GATE.noise, 0, bins, like)
    mean = floats_at(state, SPECTRAL_GATE.mean, 0, bins, like)
    for k in range(bins):
        gain = like.dtype.type(1) - above * noise[k] * power[bins] / power[k] if power[k] > 0 else least_gain
        mean[k] = gain if gain > least_gain else least_gain
    columns = integers_at(state, SPECTRAL_GATE.columns, 0, count, state)
    row = floats_at(state, SPECTRAL_GATE.row, 0, count, like)
    for k in range(count):
        row[k] = mean[columns[k]]
    _column_sums(state, floats_at(state, SPECTRAL_GATE.gains, n % rows * bins, bins, like))


@stage_step
def spectral_gate(state, x, y, frames):
    """Spectra of a frame times their mask, which all channels share, 2 `reach` frames late; for `short_time`."""
    channels, size, reach = state[SPECTRAL_GATE.channels], state[SPECTRAL_GATE.size], state[SPECTRAL_GATE.reach]
    bins, rows, width = size // 2 + 1, 2 * reach + 1, channels * (size + 2)
    source, target = carray(x, width), carray(y, width)
    progress = integers_at(state, SPECTRAL_GATE.progress, 0, _PROGRESS, state)
    n, last = progress[PROGRESS.frames], progress[PROGRESS.last]
    if n < last:
        _hear(state, source, floats_at(state, SPECTRAL_GATE.power, n % rows * (bins + 1), bins + 1, source))
    if reach <= n < last + reach:
        _judge(state, n - reach, last, source)
    arriving = floats_at(state, SPECTRAL_GATE.delayed, n % rows * width, width, source)
    for i in range(width):
        arriving[i] = source[i]
    if not 2 * reach <= n < last + 2 * reach:
        target[:] = 0
        return
    ring = floats_at(state, SPECTRAL_GATE.gains, 0, rows * bins, source)
    taps = read_only_floats_at(state, SPECTRAL_GATE.row_taps, 0, rows, source)
    mask = floats_at(state, SPECTRAL_GATE.mean, 0, bins, source)
    _row_sums(state, ring, rows, taps, n - 3 * reach, last, mask)
    leaving = floats_at(state, SPECTRAL_GATE.delayed, (n - 2 * reach) % rows * width, width, source)
    for c in range(channels):
        for k in range(bins):
            i = c * (size + 2) + 2 * k
            target[i], target[i + 1] = leaving[i] * mask[k], leaving[i + 1] * mask[k]
