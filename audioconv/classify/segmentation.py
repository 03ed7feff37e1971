"""Clips for a data set out of a stream: where something is said, or one after the other."""

from bisect import bisect_left, insort
from collections import deque
from typing import NamedTuple

import numpy as np

from audioconv import arrays
from audioconv.errors import ArgumentError, DtypeError
from audioconv.stage import Guard
from audioconv.stream import Biquad

HOP_S, HOPS = 0.01, 3  # a level each 10 ms, of 30 ms: one of 10 ms falls between two periods of a low voice
RUMBLE_HZ = 100.0  # below lie offset, hum and steps, and next to nothing of speech
BEGIN_DB, END_DB = 10.0, 6.0  # above the floor: what a sound must reach, and what still belongs to it
RANGE_DB = 30.0  # what is so far below its loudest moment is its echo, or the breath before it
PAUSE_S, LEAD_S = 0.3, 0.25  # quiet that ends a sound; longest beginning that is softer than BEGIN_DB
GAP_S = 0.1  # quiet between such a beginning and what is loud: the stop in "stop"
FLOOR_S, FLOOR_SHARE = 3.0, 0.2  # the floor is the level that a fifth of the last 3 s does not reach
FIRST_S = 0.5  # nothing is decided before so much is known of the floor
LEAST_DB = -70.0  # no floor is lower: some microphones give digital silence between words
SHORT_S = 0.1  # shorter sounds are clicks
QUIET_DB = -45.0  # of full scale, of a word's loudest 30 ms
FULL = 0.999  # a sample that is no less was cut off


class Segment(NamedTuple):
    """One clip, and what is wrong with it. Times are seconds from the start of the stream."""

    samples: np.ndarray  # (clip,)
    start_s: float  # of the sound in it
    end_s: float
    level_db: float  # of its loudest 30 ms, of full scale
    issue: str | None  # "too long", "truncated", "clipped", "too short", "too quiet"


class ActiveRegion(NamedTuple):
    """A stretch of levels that stand out, first <= i < end."""

    first: int
    end: int
    level_db: float
    issue: str | None  # "too long", "truncated"


class ActivityDetector:
    """Where levels, one each 10 ms, stand out from their floor.

    A sound is all that is `END_DB` above the floor and no more than `RANGE_DB` below the loudest of it, where
    something is `BEGIN_DB` above the floor, and ends with a pause. One of more than `most` levels is given out when it
    is so long, and heard no more.
    """

    def __init__(self, most, begin_db=BEGIN_DB):
        self._most, self._begin_db, self._end_db = most, begin_db, min(END_DB, begin_db)
        self._pause, self._gap, self._lead = (_hops(seconds) for seconds in (PAUSE_S, GAP_S, LEAD_S))
        self._memory, self._ahead = _hops(FLOOR_S), _hops(FIRST_S)
        self.reset()

    def reset(self):
        """Start at level 0, with nothing heard."""
        self._recent, self._sorted = deque(), []  # the levels that the floor is found from
        self._waiting = []  # the first levels, while too few are known
        self._place = 0
        self._close()

    def _close(self):
        self._first, self._last = None, 0  # of the sound that is open, and where it was last loud
        self._levels, self._loudest_db = [], -np.inf
        self._begun = self._passed_over = False

    def process(self, levels_db):
        """Go on by some levels and return the sounds that end in them."""
        found = []
        for level_db in levels_db:
            self._learn(level_db)
            self._waiting.append(level_db)
            if self._place or len(self._waiting) >= self._ahead:
                found += self._go_through_waiting()
        return found

    def flush(self):
        """The sounds that are still open; then start afresh."""
        found = self._go_through_waiting() if self._waiting else []
        if self._begun and not self._passed_over:
            found.append(self._sound())
        self.reset()
        return found

    @property
    def floor_db(self):
        """The level of the noise."""
        return max(LEAST_DB, self._sorted[int(FLOOR_SHARE * len(self._sorted))]) if self._sorted else LEAST_DB

    def _learn(self, level_db):
        self._recent.append(level_db)
        insort(self._sorted, level_db)
        if len(self._recent) > self._memory:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]

    def _go_through_waiting(self):
        floor_db = self.floor_db
        moves = [self._move(level_db, floor_db) for level_db in self._waiting]
        self._waiting.clear()
        return [sound for sound in moves if sound]

    def _move(self, level_db, floor_db):
        """Go on by one level and return the sound that ends with it."""
        place, self._place = self._place, self._place + 1
        if level_db >= max(floor_db + self._end_db, self._loudest_db - RANGE_DB):
            self._first = place if self._first is None else self._first
            self._last = place
        if self._first is None:
            return None
        self._begun = self._begun or level_db >= floor_db + self._begin_db
        self._loudest_db = max(self._loudest_db, level_db)
        if place - self._last >= (self._pause if self._begun else self._gap):
            sound = self._sound() if self._begun and not self._passed_over else None
            self._close()
            return sound
        if self._passed_over:
            return None
        self._levels.append(level_db)
        if not self._begun:
            self._drop(len(self._levels) - self._lead)
        return self._too_long() if len(self._levels) > self._most else None

    def _drop(self, count):
        """Have the open sound begin later."""
        if count > 0:
            self._first += count
            del self._levels[:count]

    def _sound(self):
        loud = np.flatnonzero(np.array(self._levels) >= self._loudest_db - RANGE_DB)
        first, end = self._first + int(loud[0]), min(self._last, self._first + int(loud[-1])) + 1
        cut = first == 0 or end == self._place  # by the ends of the stream
        issue = "too long" if end - first > self._most else "truncated" if cut else None
        return ActiveRegion(first, end, self._loudest_db, issue)

    def _too_long(self):
        """The open sound, if it is too long also without what turned out to be far softer."""
        sound = self._sound()
        if sound.issue == "too long":
            self._passed_over = True
            return sound
        self._drop(sound.first - self._first)
        return None


class EnergySegmenter:
    """Cut what is said, word by word, out of a stream.

    A sound stands out from the noise, whose level is estimated as it goes, by `threshold_db`, and ends with 0.3 s of
    quiet; it comes to lie in the middle of a clip. Before the first one half a second of quiet is wanted; one that is
    there from the first moment or to the last is cut. What begins within a clip that has no issue belongs to it, and
    is no word of its own. The takes are the same at any cut.

    Parameters
    ----------
    sample_rate : int, Hz
        At least 1000.
    clip_s : float
        Length of a clip, at least 0.1; a longer sound has an issue.
    threshold_db : float > 0

    Raises
    ------
    ArgumentError
        For numbers that make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> stream = 0.001 * rng.standard_normal(48000).astype("float32")
    >>> stream[20000:28000] *= 100  # half a second
    >>> segmenter = EnergySegmenter(16000)
    >>> take, = segmenter.process(stream) + segmenter.flush()
    >>> take.samples.shape, round(take.start_s, 1), round(take.end_s, 1), take.issue
    ((16000,), 1.2, 1.8, None)
    """

    def __init__(self, sample_rate, clip_s=1.0, *, threshold_db=BEGIN_DB):
        self.sample_rate, self.clip = _checked(sample_rate, clip_s)
        if not 0 < threshold_db < np.inf:
            raise ArgumentError(f"threshold_db must be a number above 0, not {threshold_db!r}")
        self._hop = round(HOP_S * self.sample_rate)
        self._short = round(SHORT_S * self.sample_rate)
        # a sound that is open, its pause, and what of its clip lies before it
        self._kept = 2 * self.clip + round((PAUSE_S + LEAD_S + FIRST_S) * self.sample_rate)
        self._filter = Biquad.design("highpass", self.sample_rate, RUMBLE_HZ)
        self._activity = ActivityDetector(self.clip // self._hop, threshold_db)
        self._guard = Guard("EnergySegmenter")
        self._clear()

    def _clear(self):
        self._filter.reset()
        self._activity.reset()
        self._samples, self._begin = np.empty(0, np.float32), 0  # what may still be wanted, and where it begins
        self._offset = None  # the first sample: the filter is spared a step
        self._rest = np.empty(0, np.float32)  # of a hop that is not complete
        self._powers = np.empty(0)  # of the hops that the next level still holds
        self._pending = deque()  # sounds whose clips are not complete
        self._refractory_until = 0

    def reset(self):
        """Forget the stream so far."""
        with self._guard:
            self._clear()

    @property
    def floor_db(self):
        """The level of the noise, in dB of full scale."""
        return self._activity.floor_db

    def process(self, block):
        """Take (samples,) of float32 and return the list of takes that they complete."""
        block = _checked_block(block)
        with self._guard:
            if not block.size:
                return []
            self._samples = np.concatenate((self._samples, block))
            self._pending.extend(self._activity.process(self._levels(block)))
            return self._complete(self._begin + len(self._samples))

    def flush(self):
        """End the stream: the takes that are still open, with silence after it; then start afresh."""
        with self._guard:
            self._pending.extend(self._activity.flush())
            found = self._complete(np.inf)
            self._clear()
            return found

    def _levels(self, block):
        """Levels in dB of full scale of the 30 ms that end with each hop."""
        if self._offset is None:
            self._offset = block[0]
        joined = np.concatenate((self._rest, self._filter.process(block - self._offset)))
        whole = len(joined) // self._hop * self._hop
        self._rest = joined[whole:]
        powers = np.square(joined[:whole].reshape(-1, self._hop), dtype=np.float64).mean(axis=1)
        powers = np.concatenate((self._powers, powers))
        count = max(0, len(powers) - HOPS + 1)
        self._powers = powers[count:]
        sums = sum(powers[k : k + count] for k in range(HOPS))
        return (10 * np.log10(np.maximum(sums / HOPS, 1e-20))).tolist()

    def _complete(self, seen):
        """The takes whose clips end in the first `seen` samples; what no later one needs is dropped."""
        found = []
        while self._pending and self._place(self._pending[0])[2] + self.clip <= seen:
            sound = self._pending.popleft()
            start, end, first = self._place(sound)
            if start < self._refractory_until:
                continue
            take = self._take(sound, start, end, first)
            self._refractory_until = first + self.clip if take.issue is None else self._refractory_until
            found.append(take)
        kept = self._kept
        if self._pending:
            kept = max(kept, self._begin + len(self._samples) - self._place(self._pending[0])[2])
        dropped = max(0, len(self._samples) - kept)
        self._samples, self._begin = self._samples[dropped:], self._begin + dropped
        return found

    def _place(self, sound):
        """Where a sound starts and ends, and its clip starts, in samples; a level belongs to its middle hop."""
        start, end = (sound.first + HOPS // 2) * self._hop, (sound.end + HOPS // 2) * self._hop
        return start, end, start if sound.issue == "too long" else (start + end - self.clip) // 2

    def _take(self, sound, start, end, first):
        begin, stop = first - self._begin, first + self.clip - self._begin
        inside = self._samples[max(0, begin) : max(0, stop)]
        samples = np.pad(inside, (max(0, -begin), max(0, stop - len(self._samples))))
        issue = sound.issue
        if issue is None and _clipped(samples):
            issue = "clipped"
        elif issue is None and end - start < self._short:
            issue = "too short"
        elif issue is None and sound.level_db < QUIET_DB:
            issue = "too quiet"
        return Segment(samples, start / self.sample_rate, end / self.sample_rate, sound.level_db, issue)


class FixedChunks:
    """Cut a stream into clips, one after the other: for noises, in which there is no word to wait for.

    Parameters and errors as in `EnergySegmenter`. What is left at the end is no clip. The only issue is "clipped".

    Examples
    --------
    >>> import numpy as np
    >>> [len(take.samples) for take in FixedChunks(8000, 0.5).process(np.ones(9000, "float32") / 2)]
    [4000, 4000]
    """

    def __init__(self, sample_rate, clip_s=1.0):
        self.sample_rate, self.clip = _checked(sample_rate, clip_s)
        self._guard = Guard("FixedChunks")
        self._clear()

    def _clear(self):
        self._samples, self._begin = np.empty(0, np.float32), 0

    def reset(self):
        """Forget the stream so far."""
        with self._guard:
            self._clear()

    def process(self, block):
        """Take (samples,) of float32 and return the list of takes that they complete."""
        block = _checked_block(block)
        with self._guard:
            joined, found = np.concatenate((self._samples, block)), []
            for first in range(0, len(joined) - self.clip + 1, self.clip):
                samples, begin = joined[first : first + self.clip].copy(), self._begin + first
                level_db = float(10 * np.log10(max(np.square(samples, dtype=np.float64).mean(), 1e-20)))
                issue = "clipped" if _clipped(samples) else None
                times_s = begin / self.sample_rate, (begin + self.clip) / self.sample_rate
                found.append(Segment(samples, *times_s, level_db, issue))
            done = len(found) * self.clip
            self._samples, self._begin = joined[done:], self._begin + done
            return found

    def flush(self):
        """End the stream, and start afresh; there are no takes."""
        with self._guard:
            self._clear()
            return []


def _hops(seconds):
    return round(seconds / HOP_S)


def _clipped(samples):
    return bool(np.abs(samples).max() >= FULL)


def _checked(sample_rate, clip_s):
    sample_rate = arrays.whole(sample_rate, "sample_rate", 1000)
    clip_s = arrays.number(clip_s, "clip_s", SHORT_S)
    return sample_rate, round(clip_s * sample_rate)


def _checked_block(block):
    block = arrays.floating(block, "block", (1,))
    if block.dtype != np.float32:
        raise DtypeError(f"this stream takes float32 blocks, not {block.dtype}")
    if not np.isfinite(block).all():
        raise ArgumentError(f"block must be finite, but sample {np.flatnonzero(~np.isfinite(block))[0]} is not")
    return block
