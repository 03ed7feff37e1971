"""Where the word lies in a clip, by its energy."""

from typing import TypeAlias

import numpy as np

from audioconv._typing import Array, ArrayLike, FloatArray
from audioconv.arrays import floating, whole
from audioconv.classify.activity import HOP_S, RANGE_DB
from audioconv.classify.segmentation import RUMBLE_HZ
from audioconv.stream import Biquad

LEAST_RATE = 1000  # in Hz
PRE_EMPHASIS = 0.8  # of the sample before, subtracted: an "s" comes closer to a vowel
FLOOR_QUANTILE = 0.1  # the noise floor is this quantile of the levels; most of a clip may be its word
PEAK_HOPS = 5  # that are at the peak level or above: a click is shorter
BEGIN_DB, END_DB = 12.0, 8.0  # above the noise floor (hysteresis), ...
BEGIN_SHARE, END_SHARE = 0.5, 0.3  # ... or this share of the way from there to the peak, where that is less
GAP_S = 0.16  # longest silence in a word
BURST_S, BURST_GAP_S = 0.12, 0.26  # the burst after a vowel is so short, and may come so late: "eight", "right"
CLICK_S, CLICK_GAP_S = 0.03, 0.06  # what is shorter begins a word only if no more than this comes between

Run: TypeAlias = tuple[int, int]  # first hop and end of what stands out


def word_bounds(clip: ArrayLike, sample_rate: int) -> tuple[int, int]:
    """Find the word in a clip, by its energy.

    A word is what stands out from the noise of the clip for longest and most, with what stands out close to it: the
    burst of a stop after its closure belongs to the word, a click or a breath far from it does not.

    Parameters
    ----------
    clip : float array, shape (samples,)
        One word, with or without silence around it.
    sample_rate : int, in Hz
        At least 1000.

    Returns
    -------
    begin, end : int, in samples
        The first sample of the word, and the one after its last; multiples of 10 ms, or the end of the clip. 0 and the
        length of a clip of digital silence.

    Raises
    ------
    DtypeError, ShapeError, ArgumentError
        For what is no mono signal, and for a sample rate that is no such number.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv.detect import word_bounds
    >>> clip = 0.001 * np.random.default_rng(0).standard_normal(16000)
    >>> clip[4000:9600] *= 100
    >>> word_bounds(clip, 16000)
    (4000, 9760)
    """
    samples = floating(clip, "clip", (1,))
    hop = round(HOP_S * whole(sample_rate, "sample_rate", LEAST_RATE))
    runs, areas = active_runs(samples, hop, sample_rate)
    if not runs:
        return 0, samples.size
    first, last = _joined(runs, areas)
    return first * hop, min(last * hop, samples.size)


def active_runs(samples: FloatArray, hop: int, sample_rate: int) -> tuple[list[Run], list[float]]:
    """What stands out from the noise of a clip, in hops, and the area of each run (duration times level)."""
    levels_db = _levels_db(samples, hop, sample_rate)
    heard = np.sort(levels_db[np.isfinite(levels_db)])  # digital silence is no noise to learn from
    if not heard.size:
        return [], []
    floor_db, peak_db = float(heard[int(FLOOR_QUANTILE * heard.size)]), float(heard[-min(PEAK_HOPS, heard.size)])
    above_db = peak_db - floor_db
    end_db = max(floor_db + min(END_DB, END_SHARE * above_db), peak_db - RANGE_DB)
    begin_db = max(floor_db + min(BEGIN_DB, BEGIN_SHARE * above_db), end_db)
    runs = [run for run in _runs(levels_db >= end_db) if levels_db[slice(*run)].max() >= begin_db]
    return runs, [float((levels_db[slice(*run)] - end_db).sum()) for run in runs]


def _levels_db(samples: FloatArray, hop: int, sample_rate: int) -> Array:
    """Mean power of each hop, without offset and rumble, after pre-emphasis; the last one may be shorter."""
    if not samples.size:
        return np.empty(0)
    highpass = Biquad.design("highpass", sample_rate, RUMBLE_HZ)
    filtered = highpass.process((samples - samples[0]).astype(np.float32))
    emphasised = filtered.astype(np.float64)
    emphasised[1:] -= PRE_EMPHASIS * filtered[:-1]
    starts = np.arange(0, samples.size, hop)
    power = np.add.reduceat(emphasised**2, starts) / np.diff(starts, append=samples.size)
    power[~np.logical_or.reduceat(samples != 0, starts)] = 0  # what the filter rings with after the signal is no noise
    with np.errstate(divide="ignore"):
        levels_db: Array = 10 * np.log10(power)
    return levels_db


def _runs(active: Array) -> list[Run]:
    """First and end of each run of True."""
    edges = np.flatnonzero(np.diff(active, prepend=False, append=False))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]


def _joined(runs: list[Run], areas: list[float]) -> Run:
    """The run of the largest area (duration times level), with those that belong to its word."""
    low = high = int(np.argmax(areas))
    while low > 0 and _begins(runs[low - 1], runs[low]):
        low -= 1
    while high < len(runs) - 1 and _ends(runs[high], runs[high + 1]):
        high += 1
    return runs[low][0], runs[high][1]


def _begins(run: Run, word: Run) -> bool:
    """Whether a run belongs to the word that comes after it."""
    return word[0] - run[1] <= _hops(GAP_S if run[1] - run[0] > _hops(CLICK_S) else CLICK_GAP_S)


def _ends(word: Run, run: Run) -> bool:
    """Whether a run belongs to the word that comes before it."""
    burst = run[1] - run[0] <= _hops(BURST_S) < word[1] - word[0]
    return run[0] - word[1] <= _hops(BURST_GAP_S if burst else GAP_S)


def _hops(seconds: float) -> int:
    return round(seconds / HOP_S)
