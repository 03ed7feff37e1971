"""Segmentation of a stream into clips: each time something is said (VAD by energy), or one after the other."""

from collections import deque
from typing import NamedTuple

import numpy as np

from audioconv import arrays
from audioconv._typing import ArrayLike, Float32Array
from audioconv.classify.activity import (
    BEGIN_DB,
    FIRST_S,
    HOP_S,
    LEAD_S,
    PAUSE_S,
    ActiveRegion,
    ActivityDetector,
    Issue,
)
from audioconv.classify.clips import clip_block
from audioconv.errors import ArgumentError
from audioconv.stage import Guard, GuardedStage, SampleQueue
from audioconv.stream import Biquad

LEVEL_HOPS = 3  # in each level, 30 ms: one of 10 ms falls between two periods of a low voice
RUMBLE_HZ = 100.0  # below lie offset, hum and steps, and next to nothing of speech
SHORT_S = 0.1  # shorter sounds are clicks
QUIET_DB = -45.0  # of full scale, of a word's loudest 30 ms
FULL = 0.999  # a sample that is no less was clipped


class Segment(NamedTuple):
    """One clip out of a stream, and what is wrong with it. Times are seconds from the start of the stream.

    Parameters
    ----------
    samples : float32 array, shape (clip,)
    start_s, end_s : float, in seconds
        Of the sound in it.
    level_db : float, in dB of full scale
        Of its loudest 30 ms.
    issue : None, "too long", "truncated", "clipped", "too short" or "too quiet"

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv.classify import Segment
    >>> Segment(np.zeros(16000, "float32"), 1.25, 1.75, -20.0, None)
    Segment(1.25 to 1.75 s, -20 dB)
    """

    samples: Float32Array
    start_s: float
    end_s: float
    level_db: float
    issue: Issue | None

    def __repr__(self) -> str:
        issue = f", {self.issue}" if self.issue else ""
        return f"Segment({self.start_s:.2f} to {self.end_s:.2f} s, {self.level_db:.0f} dB{issue})"


class EnergySegmenter(GuardedStage):
    """Cut what is said, word by word, out of a stream: voice activity detection (VAD) by energy.

    A sound stands out from the noise, whose level is estimated as it goes, by `threshold_db`, and ends with 0.3 s of
    quiet; it comes to lie in the middle of a clip. Before the first one half a second of quiet is needed; one that is
    there from the first moment or to the last is truncated. What begins within a clip that has no issue belongs to it,
    and is no word of its own. The segments are the same at any cut.

    Parameters
    ----------
    sample_rate : int, in Hz
        At least 1000.
    clip_s : float, in seconds
        Length of a clip, at least 0.1; a longer sound has an issue.
    threshold_db : float > 0, in dB

    Raises
    ------
    ArgumentError
        For numbers that make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv.classify import EnergySegmenter
    >>> rng = np.random.default_rng(0)
    >>> stream = 0.001 * rng.standard_normal(48000).astype("float32")
    >>> stream[20000:28000] *= 100  # half a second
    >>> segmenter = EnergySegmenter(16000)
    >>> segmenter.process(stream) + segmenter.flush()
    [Segment(1.24 to 1.76 s, -19 dB)]
    """

    def __init__(self, sample_rate: int, clip_s: float = 1.0, *, threshold_db: float = BEGIN_DB) -> None:
        self.sample_rate, self.clip_length = _checked(sample_rate, clip_s)
        if not 0 < threshold_db < np.inf:
            raise ArgumentError(f"threshold_db must be a number above 0, not {threshold_db!r}")
        self.threshold_db = threshold_db
        self._hop = round(HOP_S * self.sample_rate)
        self._short = round(SHORT_S * self.sample_rate)
        # samples that are retained: an open sound, its pause, and what its clip has before it
        self._retained = 2 * self.clip_length + round((PAUSE_S + LEAD_S + FIRST_S) * self.sample_rate)
        self._filter = Biquad.design("highpass", self.sample_rate, RUMBLE_HZ)
        self._activity = ActivityDetector(self.clip_length // self._hop, threshold_db)
        self._guard = Guard("EnergySegmenter")
        self._reset()

    def __repr__(self) -> str:
        clip_s = self.clip_length / self.sample_rate
        return f"EnergySegmenter({self.sample_rate}, clip_s={clip_s:g}, threshold_db={self.threshold_db:g})"

    def _reset(self) -> None:
        self._filter.reset()
        self._activity.reset()
        self._samples = SampleQueue(np.empty(0, np.float32))  # what coming clips may need ...
        self._begin = 0  # ... and where it begins
        self._offset: float | None = None  # the first sample, subtracted: the high-pass filter would ring
        self._filtered = SampleQueue(np.empty(0, np.float32))  # of a hop that is not complete
        self._powers = SampleQueue(np.empty(0))  # of the hops that the next level still holds
        self._regions: deque[ActiveRegion] = deque()  # sounds whose clips are not complete
        self._refractory_until = 0

    @property
    def floor_db(self) -> float:
        """The noise floor, in dB of full scale."""
        return self._activity.floor_db

    def process(self, block: ArrayLike) -> list[Segment]:
        """Return the segments that a block completes.

        Parameters
        ----------
        block : float32 array, shape (samples,)
            Of any length.

        Returns
        -------
        segments : list of Segment
        """
        with self._guard:
            return self._process(block)

    def _process(self, block: ArrayLike) -> list[Segment]:
        samples = clip_block(block, self)
        if not samples.size:
            return []
        self._samples.append(samples)
        self._regions.extend(self._activity.process(self._levels(samples)))
        return self._complete(self._begin + len(self._samples.items))

    def flush(self) -> list[Segment]:
        """End the stream, with silence after it, and start afresh.

        Returns
        -------
        segments : list of Segment
            Those that are still open.
        """
        with self._guard:
            return self._flush()

    def _flush(self) -> list[Segment]:
        self._regions.extend(self._activity.flush())
        segments = self._complete(np.inf)
        self._reset()
        return segments

    def _levels(self, block: Float32Array) -> list[float]:
        """Levels in dB of full scale of the 30 ms that end with each hop."""
        if self._offset is None:
            self._offset = block[0]
        self._filtered.append(self._filter.process(block - self._offset))
        complete = self._filtered.take(self._filtered.frames(self._hop) * self._hop)
        powers = self._powers.append(np.square(complete.reshape(-1, self._hop), dtype=np.float64).mean(axis=1))
        count = self._powers.frames(LEVEL_HOPS, hop=1)
        self._powers.drop(count)
        sums = sum((powers[k : k + count] for k in range(1, LEVEL_HOPS)), start=powers[:count])
        levels: list[float] = (10 * np.log10(np.maximum(sums / LEVEL_HOPS, 1e-20))).tolist()
        return levels

    def _complete(self, seen: float) -> list[Segment]:
        """The segments whose clips end in the first `seen` samples; what no later one needs is dropped."""
        segments = []
        while self._regions and self._bounds(self._regions[0])[2] + self.clip_length <= seen:
            region = self._regions.popleft()
            start, end, first = self._bounds(region)
            if start < self._refractory_until:
                continue
            segment = self._segment(region, start, end, first)
            self._refractory_until = first + self.clip_length if segment.issue is None else self._refractory_until
            segments.append(segment)
        retained = self._retained
        if self._regions:
            retained = max(retained, self._begin + len(self._samples.items) - self._bounds(self._regions[0])[2])
        dropped = max(0, len(self._samples.items) - retained)
        self._samples.drop(dropped)
        self._begin += dropped
        return segments

    def _bounds(self, region: ActiveRegion) -> tuple[int, int, int]:
        """Where a sound starts and ends, and its clip starts, in samples; a level belongs to its middle hop."""
        start, end = ((hop + LEVEL_HOPS // 2) * self._hop for hop in (region.first, region.end))
        return start, end, start if region.issue == "too long" else (start + end - self.clip_length) // 2

    def _segment(self, region: ActiveRegion, start: int, end: int, first: int) -> Segment:
        begin, stop = first - self._begin, first + self.clip_length - self._begin
        inside = self._samples.items[max(0, begin) : max(0, stop)]
        samples = np.pad(inside, (max(0, -begin), max(0, stop - len(self._samples.items))))
        issue = region.issue
        if issue is None and _clipped(samples):
            issue = "clipped"
        elif issue is None and end - start < self._short:
            issue = "too short"
        elif issue is None and region.level_db < QUIET_DB:
            issue = "too quiet"
        return Segment(samples, start / self.sample_rate, end / self.sample_rate, region.level_db, issue)


class FixedChunks(GuardedStage):
    """Cut a stream into clips, one after the other: for noises, in which there is no word to wait for.

    What is left at the end is no clip. The only issue is "clipped".

    Parameters
    ----------
    sample_rate : int, in Hz
        At least 1000.
    clip_s : float, in seconds
        Length of a clip, at least 0.1.

    Raises
    ------
    ArgumentError
        For numbers that make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv.classify import FixedChunks
    >>> FixedChunks(8000, 0.5).process(np.ones(9000, "float32") / 2)
    [Segment(0.00 to 0.50 s, -6 dB), Segment(0.50 to 1.00 s, -6 dB)]
    """

    def __init__(self, sample_rate: int, clip_s: float = 1.0) -> None:
        self.sample_rate, self.clip_length = _checked(sample_rate, clip_s)
        self._guard = Guard("FixedChunks")
        self._reset()

    def __repr__(self) -> str:
        return f"FixedChunks({self.sample_rate}, clip_s={self.clip_length / self.sample_rate:g})"

    def _reset(self) -> None:
        self._pending, self._begin = SampleQueue(np.empty(0, np.float32)), 0

    def process(self, block: ArrayLike) -> list[Segment]:
        """Return the segments that a block completes.

        Parameters
        ----------
        block : float32 array, shape (samples,)
            Of any length.

        Returns
        -------
        segments : list of Segment
        """
        with self._guard:
            return self._process(block)

    def _process(self, block: ArrayLike) -> list[Segment]:
        self._pending.append(clip_block(block, self))
        length, count = self.clip_length, self._pending.frames(self.clip_length)
        return [self._segment(samples.copy()) for samples in self._pending.take(count * length).reshape(-1, length)]

    def _segment(self, samples: Float32Array) -> Segment:
        """The next clip as a segment."""
        begin, self._begin = self._begin, self._begin + len(samples)
        level_db = float(10 * np.log10(max(np.square(samples, dtype=np.float64).mean(), 1e-20)))
        issue: Issue | None = "clipped" if _clipped(samples) else None
        return Segment(samples, begin / self.sample_rate, self._begin / self.sample_rate, level_db, issue)

    def flush(self) -> list[Segment]:
        """End the stream and start afresh.

        Returns
        -------
        segments : list of Segment
            None, because what is left is no clip.
        """
        with self._guard:
            return self._flush()

    def _flush(self) -> list[Segment]:
        self._reset()
        return []


def _clipped(samples: Float32Array) -> bool:
    return bool(np.abs(samples).max() >= FULL)


def _checked(sample_rate: object, clip_s: object) -> tuple[int, int]:
    rate = arrays.whole(sample_rate, "sample_rate", 1000)
    return rate, round(arrays.number(clip_s, "clip_s", SHORT_S) * rate)
