"""Thresholds for a promised number of false alarms an hour, and how far such a number can be trusted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audioconv._typing import Array, ArrayLike, IntArray
from audioconv.arrays import number, one_for_each, whole
from audioconv.classify.calibrate import COLLAR_S, Word
from audioconv.classify.decoder import REARM_RATIO, EventDecoder
from audioconv.classify.intervals import poisson_interval
from audioconv.classify.progress import Notices, NoticeSink
from audioconv.errors import ArgumentError, ShapeError

DecoderWith: TypeAlias = Callable[[NDArray[np.float64]], EventDecoder]
Positives: TypeAlias = Sequence[tuple[Array, Sequence[Word]]]

FLOOR = 0.3
RULE_OF_THREE = 3  # events are expected at least where the 95 % interval of none ends below the expectation
MARGIN = 1e-6  # of a threshold above the peak that it excludes, because other sums round otherwise
MOST_LOWERED = 8  # times: nearly all of what there is to gain comes with the first


@dataclass(frozen=True, repr=False)
class FalseAlarmRate:
    """How many false alarms a detector gives an hour, and within which limits that is known.

    Parameters
    ----------
    count : int
        Of false alarms.
    hours : float
        In which they were counted.

    Raises
    ------
    ArgumentError
        If the count is negative or there are no hours.

    References
    ----------
    Garwood, Fiducial limits for the Poisson distribution, Biometrika 28 (1936).

    Examples
    --------
    >>> rate = FalseAlarmRate(3, 2.5)
    >>> rate
    FalseAlarmRate(3 in 2.5 h, 1.2 an hour, 95 % interval 0.247 to 3.51)
    >>> round(FalseAlarmRate(0, 3).high, 2)  # none in three hours: at most about one an hour
    1.23
    """

    count: int
    hours: float

    def __post_init__(self) -> None:
        whole(self.count, "count", 0), number(self.hours, "hours", above=0)

    def __repr__(self) -> str:
        rate = f"{self.per_hour:.3g} an hour, 95 % interval {self.low:.3g} to {self.high:.3g}"
        return f"FalseAlarmRate({self.count} in {self.hours:.3g} h, {rate})"

    @property
    def per_hour(self) -> float:
        """False alarms an hour, as counted."""
        return self.count / self.hours

    @property
    def low(self) -> float:
        """Lower end of the exact 95 % interval, an hour."""
        return poisson_interval(self.count)[0] / self.hours

    @property
    def high(self) -> float:
        """Upper end of the exact 95 % interval, an hour."""
        return poisson_interval(self.count)[1] / self.hours


def choose_thresholds(
    decoder_with: DecoderWith,
    negatives: Sequence[Array],
    hours: float,
    false_alarms_per_hour: float,
    *,
    shares: ArrayLike | None = None,
    floor: ArrayLike = FLOOR,
    positives: Positives = (),
    notices: NoticeSink | None = None,
) -> NDArray[np.float64]:
    """Choose the lowest threshold of each word at which a detector keeps its promise on negatives.

    All words together give at most `false_alarms_per_hour`, counted as the decoder's own events; each word has at least
    its share, rounded down to whole false alarms. What is left over of the shares goes to one word after the other
    (D'Hondt's method): of those that have the same claim to the one that finds most of the words in `positives` by it,
    or else has the highest threshold. What a word does not need, because its threshold is at the floor, stays unused.

    Parameters
    ----------
    decoder_with : callable
        decoder_with(thresholds) makes the decoder of the detector, with one threshold for each label.
    negatives : sequence of float arrays, shape (rows, labels)
        Posteriors of recordings without the words, none of which was trained on.
    hours : float
        How long the recordings are together.
    false_alarms_per_hour : float > 0
    shares : float >= 0 for each label, optional
        In proportion to which false alarms are shared out; by default equally.
    floor : float > 0, or one for each label
        No threshold is lower.
    positives : sequence of (rows, truth), optional
        Posteriors of streams, and the list of the `Word`s in each.
    notices : NoticeSink, optional
        Is told if `hours` are too few for the promise, and which words no threshold below 1 keeps quiet. By default
        that is printed on stderr.

    Returns
    -------
    thresholds : float array, shape (labels,)
        More than 1 where a word can never be told.

    Raises
    ------
    ArgumentError, ShapeError
        If there are no negatives, or posteriors are not finite or not of one number of labels.

    Examples
    --------
    >>> import numpy as np
    >>> from functools import partial
    >>> from audioconv.classify.decoder import EventDecoder
    >>> times = {"row_hop_s": 0.02, "row_end_s": 0.0, "smoothing_s": 0.02, "min_duration_s": 0.02}
    >>> rows = np.zeros((1000, 2), "float32")
    >>> rows[[100, 300, 500], 0], rows[700, 1] = (0.9, 0.5, 0.7), 0.6
    >>> choose_thresholds(partial(EventDecoder, ["no", "yes"], **times), [rows], 2.0, 1.5).round(2)
    array([0.5, 0.3])
    """
    rate, hours = number(false_alarms_per_hour, "false_alarms_per_hour", above=0), number(hours, "hours", above=0)
    notices = Notices(1) if notices is None else notices
    if hours < RULE_OF_THREE / rate:
        notices.say(
            f"{hours:.3g} h of negatives are too few to promise {rate:g} false alarms an hour, which needs "
            f"{RULE_OF_THREE / rate:.3g} h"
        )
    negatives = _checked(negatives)
    words = negatives[0].shape[1]
    decoder = decoder_with(np.full(words, np.inf))
    floors = one_for_each(floor, "floor", words)
    if not (np.isfinite(floors) & (floors > 0)).all():
        raise ArgumentError(f"floor must be above 0, not {floor!r}")
    peaks = _event_peaks(decoder, negatives, floors)
    found = _word_strengths(decoder, positives)
    allowed = _apportioned(int(rate * hours + MARGIN), _checked_shares(shares, words), peaks, found, floors)
    thresholds = _verified(decoder_with, negatives, peaks, allowed, floors)
    for label, threshold in zip(decoder.labels, thresholds.tolist(), strict=True):
        if threshold > 1:
            notices.say(f"{str(label)!r} is never told: no threshold keeps its false alarms within their share")
    return thresholds


def count_events(decoder: EventDecoder, recordings: Sequence[Array]) -> IntArray:
    """How often the decoder tells each of its labels in recordings, given as rows of posteriors."""
    column = {label: i for i, label in enumerate(decoder.labels)}
    counts = np.zeros(len(column), np.int64)
    for rows in recordings:
        for event in decoder.process(rows) + decoder.flush():
            counts[column[event.label]] += 1
    return counts


def strengths(decoder: EventDecoder, rows: Array) -> Array:
    """The largest threshold at which each label, alone, would be decided in each row: what the decoder compares."""
    hop_s = decoder.row_hop_s
    smoothing, least = (max(1, round(s / hop_s)) for s in (decoder.smoothing_s, decoder.min_duration_s))
    if not len(rows):
        return np.zeros(rows.shape)
    padded = np.pad(rows.astype(np.float64), ((smoothing - 1, 0), (0, 0)))
    held = np.minimum(1 + np.arange(len(rows)), smoothing)[:, None]
    means = sum((padded[k : k + len(rows)] for k in range(1, smoothing)), start=padded[: len(rows)]) / held
    lasting = np.pad(means, ((least - 1, 0), (0, 0)))
    lowest: Array = np.minimum.reduce([lasting[k : k + len(rows)] for k in range(least)])
    lowest[-1] = means[-1]  # what the end cuts off need not last
    return lowest


def _event_peaks(decoder: EventDecoder, recordings: Sequence[Array], floors: Array) -> list[Array]:
    """For each label the heights of the peaks that could become events, the highest first.

    Two peaks are two events only if the posterior falls between them as far as the decoder wants it (hysteresis).
    """
    from scipy.signal import find_peaks

    found: list[list[Array]] = [[np.empty(0)] for _ in floors]
    for rows in recordings:
        for label, column in enumerate(strengths(decoder, rows).T):
            shape = np.pad(column, 1)
            at, about = find_peaks(shape, height=floors[label], prominence=0)
            found[label].append(shape[at][about["prominences"] >= (1 - REARM_RATIO) * shape[at]])
    return [np.sort(np.concatenate(heights))[::-1] for heights in found]


def _word_strengths(decoder: EventDecoder, positives: Positives) -> list[Array]:
    """For each label how strong its words in the positives are at their strongest, the weakest first."""
    found: dict[object, list[float]] = {label: [] for label in decoder.labels}
    for rows, truth in positives:
        strong = strengths(decoder, np.asarray(rows))
        times_s = decoder.row_end_s + np.arange(len(strong)) * decoder.row_hop_s - decoder.delay_s
        for word in truth:
            if word.label in found:
                first, last = np.searchsorted(times_s, (word.start_s, word.end_s + COLLAR_S))
                column = list(found).index(word.label)
                found[word.label].append(float(strong[first:last, column].max(initial=0.0)))
    return [np.sort(np.array(values)) for values in found.values()]


def _apportioned(budget: int, shares: Array, peaks: list[Array], found: list[Array], floors: Array) -> IntArray:
    """How many false alarms each label may give: whoever may give more at a larger budget never gives fewer."""
    allowed = np.zeros(len(shares), np.int64)

    def gain(label: int) -> tuple[int, float]:
        now, then = (_threshold(peaks[label], int(allowed[label]) + more, floors[label]) for more in (0, 1))
        more_words = np.searchsorted(found[label], now) - np.searchsorted(found[label], then)
        return int(more_words), now

    for _ in range(budget):
        claims = shares / (allowed + 1)
        tied = np.flatnonzero(claims >= claims.max() * (1 - MARGIN)).tolist()
        allowed[max(tied, key=gain)] += 1
    return allowed


def _threshold(peaks: Array, used: int, floor: float) -> float:
    """The lowest threshold that no more than `used` of the peaks reach; with less than none a word is never told."""
    if used < 0:
        return np.inf
    return max(floor, float(peaks[used]) * (1 + MARGIN)) if used < len(peaks) else floor


def _verified(
    decoder_with: DecoderWith, recordings: Sequence[Array], peaks: list[Array], allowed: IntArray, floors: Array
) -> NDArray[np.float64]:
    """Thresholds at which the decoder gives no more events than allowed, and hardly fewer.

    It begins with the peaks that may be told. Where the decoder makes more events of them, thresholds are raised; where
    it makes fewer, because another word is told or because peaks follow each other closely, they are lowered.
    """
    most = np.array([len(heights) for heights in peaks])
    used, lowered = np.minimum(allowed, most), 0
    while True:
        thresholds = np.array([_threshold(*each) for each in zip(peaks, used.tolist(), floors.tolist(), strict=True)])
        spare = allowed - count_events(decoder_with(thresholds), recordings)
        over = spare < 0
        most = np.where(over, used - 1, most)
        if over.any():
            used = np.where(over, np.maximum(used + spare, -1), used)
            continue
        lower = np.minimum(used + spare, most)
        if (lower == used).all() or lowered == MOST_LOWERED:
            return thresholds
        used, lowered = lower, lowered + 1


def _checked(negatives: Sequence[Array]) -> list[Array]:
    """Posteriors of recordings, as float arrays of one number of labels."""
    recordings = [np.asarray(rows) for rows in negatives]
    if not recordings:
        raise ShapeError("negatives must hold the posteriors of at least one recording")
    words = recordings[0].shape[-1] if recordings[0].ndim else 0
    for i, rows in enumerate(recordings):
        if rows.ndim != 2 or rows.shape[1] != words or not words:
            raise ShapeError(f"negatives must be arrays (rows, labels) of the same labels, not of shape {rows.shape}")
        if not np.isfinite(rows).all():
            raise ArgumentError(f"posteriors must be finite, but those of recording {i} hold NaN or infinity")
    return recordings


def _checked_shares(shares: ArrayLike | None, words: int) -> NDArray[np.float64]:
    found = one_for_each(1.0 if shares is None else shares, "shares", words)
    if not (np.isfinite(found) & (found >= 0)).all() or not found.any():
        raise ArgumentError(f"shares must be at least 0, and one of them more, not {shares!r}")
    return found
