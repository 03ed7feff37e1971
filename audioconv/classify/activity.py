"""Voice activity detection (VAD) by energy: where levels, one each 10 ms, stand out from their noise floor."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

HOP_S = 0.01  # between levels
BEGIN_DB, END_DB = 10.0, 6.0  # above the noise floor (hysteresis): a sound begins at one and ends below the other
RANGE_DB = 30.0  # levels further below the loudest one of a sound are reverberation, or the breath before it
PAUSE_S = 0.3  # silence that ends a sound
LEAD_S = 0.25  # longest onset below BEGIN_DB that counts as part of a sound
GAP_S = 0.1  # longest silence between such an onset and the loud part, as in "stop"
FLOOR_S, FLOOR_QUANTILE = 3.0, 0.2  # the noise floor is this quantile of the levels of the last 3 s
FIRST_S = 0.5  # of levels that the first noise floor is estimated from
MIN_FLOOR_DB = -70.0  # bounds the noise floor: some microphones give digital silence between words

Issue: TypeAlias = Literal["too long", "truncated", "clipped", "too short", "too quiet"]


class ActiveRegion(NamedTuple):
    """A stretch of levels that stand out, first <= i < end."""

    first: int
    end: int
    level_db: float
    issue: Issue | None  # "too long", "truncated"


class ActivityDetector:
    """Where levels, one each 10 ms, stand out from their floor.

    A sound is all that is `END_DB` above the floor and no more than `RANGE_DB` below the loudest of it, where
    something is `begin_db` above the floor, and ends with a pause. One of more than `most` levels is returned at that
    length, and the rest of it ignored.
    """

    def __init__(self, most: int, begin_db: float = BEGIN_DB) -> None:
        self._most, self._begin_db, self._end_db = most, begin_db, min(END_DB, begin_db)
        self._pause, self._gap, self._lead = (_hops(seconds) for seconds in (PAUSE_S, GAP_S, LEAD_S))
        self._memory, self._first_hops = _hops(FLOOR_S), _hops(FIRST_S)
        self.reset()

    def reset(self) -> None:
        """Start at level 0, without a sound."""
        self._recent: deque[float] = deque()  # the levels that the floor is found from ...
        self._sorted: list[float] = []  # ... and the same in order
        self._first_levels_db: list[float] = []  # the first levels, while too few are known
        self._position = 0
        self._close()

    def _close(self) -> None:
        # the sound that is open: its first level, and where it was last loud
        self._first: int | None = None
        self._last = 0
        self._levels: list[float] = []
        self._loudest_db = -np.inf
        self._begun = self._skipped = False

    def process(self, levels_db: Iterable[float]) -> list[ActiveRegion]:
        """Process levels and return the sounds that end in them."""
        found = []
        for level_db in levels_db:
            self._update_floor(level_db)
            self._first_levels_db.append(level_db)
            if self._position or len(self._first_levels_db) >= self._first_hops:
                found += self._decide()
        return found

    def flush(self) -> list[ActiveRegion]:
        """The sounds that are still open; then start afresh."""
        found = self._decide() if self._first_levels_db else []
        if self._begun and not self._skipped:
            found.append(self._region())
        self.reset()
        return found

    @property
    def floor_db(self) -> float:
        """The noise floor."""
        if not self._sorted:
            return MIN_FLOOR_DB
        return max(MIN_FLOOR_DB, self._sorted[int(FLOOR_QUANTILE * len(self._sorted))])

    def _update_floor(self, level_db: float) -> None:
        """A running quantile: the floor follows the last levels."""
        self._recent.append(level_db)
        insort(self._sorted, level_db)
        if len(self._recent) > self._memory:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]

    def _decide(self) -> list[ActiveRegion]:
        floor_db = self.floor_db
        regions = [self._step(level_db, floor_db) for level_db in self._first_levels_db]
        self._first_levels_db.clear()
        return [region for region in regions if region]

    def _step(self, level_db: float, floor_db: float) -> ActiveRegion | None:
        """Process one level and return the sound that ends with it."""
        position, self._position = self._position, self._position + 1
        if level_db >= max(floor_db + self._end_db, self._loudest_db - RANGE_DB):
            self._first = position if self._first is None else self._first
            self._last = position
        if self._first is None:
            return None
        self._begun = self._begun or level_db >= floor_db + self._begin_db
        self._loudest_db = max(self._loudest_db, level_db)
        if position - self._last >= (self._pause if self._begun else self._gap):
            region = self._region() if self._begun and not self._skipped else None
            self._close()
            return region
        if self._skipped:
            return None
        self._levels.append(level_db)
        if not self._begun:
            self._drop(len(self._levels) - self._lead)
        return self._too_long() if len(self._levels) > self._most else None

    def _drop(self, count: int) -> None:
        """Drop the first `count` levels of the open sound."""
        if count > 0 and self._first is not None:
            self._first += count
            del self._levels[:count]

    def _region(self) -> ActiveRegion:
        begin = self._first or 0
        loud = np.flatnonzero(np.array(self._levels) >= self._loudest_db - RANGE_DB)
        first, end = begin + int(loud[0]), min(self._last, begin + int(loud[-1])) + 1
        truncated = first == 0 or end == self._position  # by the ends of the stream
        issue: Issue | None = "too long" if end - first > self._most else "truncated" if truncated else None
        return ActiveRegion(first, end, self._loudest_db, issue)

    def _too_long(self) -> ActiveRegion | None:
        """The open sound, if it is too long even without levels `RANGE_DB` below its loudest one at both ends."""
        region = self._region()
        if region.issue == "too long":
            self._skipped = True
            return region
        self._drop(region.first - (self._first or 0))
        return None


def _hops(seconds: float) -> int:
    return round(seconds / HOP_S)
