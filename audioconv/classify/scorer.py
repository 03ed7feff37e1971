"""From clips, or the windows of a stream, to posteriors: features, standardisation, test-time augmentation, network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np

from audioconv import models, nn, parallel
from audioconv._typing import Array, ArrayLike, Float32Array
from audioconv.classify.clips import clip_block, fit_length
from audioconv.features import LogMel, Mfcc
from audioconv.models.export.deployment import Deployment
from audioconv.stage import Guard, GuardedStage, SampleQueue, frame_count

Features: TypeAlias = LogMel | Mfcc

BATCH = 64  # clips or windows in one pass of the network
WINDOW_HOP_MS = 50  # from one window of a stream to the next


@dataclass(frozen=True, eq=False, repr=False)
class Scorer:
    """The scorer: turns clips, and the windows of streams, into posteriors.

    Both are scored alike: absolute features by each pitch factor, shifted by each time shift (test-time augmentation),
    brought to the levels of a clip, standardised, through the network; the mean of the logits decides. So a window of a
    stream has the posteriors that it has as a clip.

    Parameters
    ----------
    classes : array of labels, sorted
    features : LogMel or Mfcc
    network : nn.Sequential or MiniRocket
        From features of clips to logits.
    mean, std : float32 arrays, shape (features,)
        Of the training set.
    clip_length : int, in samples
    tta_pitch_factors : tuple of float
        A clip is scored as if it were so many times as high.
    tta_shifts_s : tuple of float, in seconds
        And as if it came so much later, padded with silence.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> network = ac.models.build("tc-resnet8", 2, 40, 0, 98)  # as it is before training
    >>> still, ones = np.zeros(40, "float32"), np.ones(40, "float32")
    >>> words = np.array(["no", "yes"])
    >>> scorer = ac.classify.Scorer(words, ac.LogMel(), network, still, ones, 16000, (0.9, 1.0, 1.1), (0.0,))
    >>> scorer
    Scorer(2 classes, clips of 16000 samples at 16000 Hz, test-time augmentation by 3 pitches and 1 shifts)
    >>> scorer.posteriors(np.zeros(16000, np.float32)).shape
    (1, 2)
    """

    classes: Array
    features: Features
    network: models.Network
    mean: Float32Array
    std: Float32Array
    clip_length: int
    tta_pitch_factors: tuple[float, ...] = (1.0,)
    tta_shifts_s: tuple[float, ...] = (0.0,)

    def __repr__(self) -> str:
        pitches, shifts = len(self.tta_pitch_factors), len(self.tta_shifts_s)
        tta = f"by {pitches} pitches and {shifts} shifts" if pitches * shifts > 1 else "off"
        return (
            f"Scorer({len(self.classes)} classes, clips of {self.clip_length} samples at {self.sample_rate} Hz, "
            f"test-time augmentation {tta})"
        )

    @property
    def sample_rate(self) -> int:
        """Of clips and streams, in Hz."""
        return int(self.features.sample_rate)

    @property
    def clip_s(self) -> float:
        """Length of a clip in seconds."""
        return self.clip_length / self.sample_rate

    @property
    def window_hop(self) -> int:
        """From one window of a stream to the next, in samples: a whole number of feature hops."""
        return self.frames_per_window_hop * int(self.features.hop)

    @property
    def frames_per_window_hop(self) -> int:
        """From one window of a stream to the next, in feature frames."""
        return max(1, round(WINDOW_HOP_MS / float(self.features.hop_ms)))

    @cached_property
    def absolute_features(self) -> list[LogMel]:
        """The features before levels are made relative, one for each pitch factor."""
        pitched = [self.features if f == 1 else self.features.with_pitch_factor(f) for f in self.tta_pitch_factors]
        return [features.absolute for features in pitched]

    @cached_property
    def _inference(self) -> Callable[[Float32Array], Float32Array]:
        program: Callable[[Float32Array], Float32Array] = self.network.inference()
        return program

    def __getstate__(self) -> dict[str, Any]:
        cached = ("absolute_features", "_inference")  # programs are closures over the weights; both are made again
        return {name: value for name, value in vars(self).items() if name not in cached}

    def network_input(self, features: Float32Array) -> Float32Array:
        """Return features as the network takes them: standardised, in its shape.

        Parameters
        ----------
        features : float32 array, shape (clips, frames, features)

        Returns
        -------
        x : float32 array, shape (clips, frames, features) or (clips, frames, features, 1)
        """
        shaped: Float32Array = models.network_input(self.network, (features - self.mean) / self.std)
        return shaped

    def _logits(self, frames: Float32Array, network: Callable[[Float32Array], Float32Array]) -> Float32Array:
        """Mean logits (clips, classes) of absolute frames (clips, pitches, frames, bands)."""
        silence = self.features.absolute(np.zeros(self.features.win_length, np.float32))[0]
        versions = np.concatenate([_shifted(frames, hop, silence) for hop in self._tta_shifts], axis=1)
        features: Array = self.features.from_absolute(versions.reshape(-1, *frames.shape[2:]))
        logits = network(self.network_input(features))
        return _mean(logits.reshape(*versions.shape[:2], -1).swapaxes(0, 1))

    def logits(self, clips: Float32Array, threads: int | None = None) -> Float32Array:
        """Return the mean logits of clips over all versions of test-time augmentation.

        Parameters
        ----------
        clips : float32 array, shape (clips, clip_length)
        threads : int, optional

        Returns
        -------
        logits : float32 array, shape (clips, classes)
        """
        network, rows = partial(self.network.forward, threads=threads), []

        def frames_of(clip: Float32Array) -> Float32Array:
            return np.stack([features(clip) for features in self.absolute_features])

        for begin in range(0, len(clips), BATCH):
            frames = parallel.run(frames_of, list(clips[begin : begin + BATCH]), threads)
            rows.append(self._logits(np.stack(frames), network))
        return np.concatenate(rows)

    def window_posteriors(self, frames: Float32Array) -> Float32Array:
        """Return the posteriors of windows whose features are known, by one thread.

        Parameters
        ----------
        frames : float32 array, shape (windows, pitches, frames, bands)
            By each of `absolute_features`.

        Returns
        -------
        posteriors : float32 array, shape (windows, classes)
        """
        posteriors: Float32Array = nn.softmax(self._logits(frames, self._inference))
        return posteriors

    @property
    def _tta_shifts(self) -> tuple[int, ...]:
        """The time shifts of test-time augmentation in frames."""
        return tuple(round(1000 * shift / self.features.hop_ms) for shift in self.tta_shifts_s)

    def deployment(self, facts: Mapping[str, Any]) -> Deployment:
        """Return what a file for other machines is made of.

        Parameters
        ----------
        facts : dict
            What it says of the model besides.

        Returns
        -------
        deployment : Deployment
        """
        return Deployment(
            self.network,
            models.network_input(self.network, self.mean).shape,
            self.features,
            self.mean,
            self.std,
            tuple(self.classes.tolist()),
            posteriors=lambda samples: nn.softmax(self.logits(samples[None], 1))[0],
            stream=self.stream,
            with_network=lambda network: replace(self, network=network).deployment(facts),
            clip_length=self.clip_length,
            absolute_features=tuple(self.absolute_features),
            shifts=self._tta_shifts,
            window_frames=self.frames_per_window_hop,
            facts=facts,
        )

    def stream(self, threads: int | None = None) -> "PosteriorStream":
        """Make a stream of posteriors of a sliding window.

        Parameters
        ----------
        threads : int, optional

        Returns
        -------
        stream : PosteriorStream
        """
        return PosteriorStream(self, threads)

    def posteriors(self, samples: ArrayLike, threads: int | None = None) -> Float32Array:
        """Return the posteriors of a window that slides over a long recording.

        Parameters
        ----------
        samples : float32 array, shape (samples,), at `sample_rate`
        threads : int, optional

        Returns
        -------
        posteriors : float32 array, shape (windows, classes)
            Window k scores samples k * window_hop to k * window_hop + clip_length; the last is filled with zeros.
        """
        stream = self.stream(threads)
        return np.concatenate((stream.process(samples), stream.flush()))


class PosteriorStream(GuardedStage):
    """Posteriors of a window as long as a clip, which moves on in steps of `scorer.window_hop` samples.

    Row k scores samples k * window_hop ... k * window_hop + clip_length. Blocks of any length give the rows that they
    complete; `flush` fills the last window with zeros, so that every sample is scored; a stream shorter than a clip is
    placed in the middle of one, as `predict_proba` does. The rows are the same at any cut.

    Parameters
    ----------
    scorer : Scorer
    threads : int, optional

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> network = ac.models.build("tc-resnet8", 2, 40, 0, 98)  # as it is before training
    >>> still, ones = np.zeros(40, "float32"), np.ones(40, "float32")
    >>> words = np.array(["no", "yes"])
    >>> scorer = ac.classify.Scorer(words, ac.LogMel(), network, still, ones, 16000, (1.0,), (0.0,))
    >>> stream = scorer.stream()
    >>> stream
    PosteriorStream(2 classes, a window of 16000 samples each 800 samples)
    >>> len(stream.process(np.zeros(17000, "float32"))), len(stream.flush())
    (2, 1)
    """

    latency = 0

    def __init__(self, scorer: Scorer, threads: int | None = None) -> None:
        parallel.thread_count(threads)  # is checked here, before the first block
        self.scorer, self.threads = scorer, threads
        # absolute frames, because each window is a clip of its own
        self._feature_streams = [features.stream() for features in scorer.absolute_features]
        self._guard = Guard("posterior stream")
        self._reset()

    def __repr__(self) -> str:
        scorer = self.scorer
        return (
            f"PosteriorStream({len(scorer.classes)} classes, a window of {scorer.clip_length} samples each "
            f"{scorer.window_hop} samples)"
        )

    def _reset(self) -> None:
        for stream in self._feature_streams:
            stream.reset()
        self._samples = 0  # of the stream so far
        self._rows = 0  # posteriors given out
        bands = self.scorer.features.absolute.n_features
        pitches = len(self._feature_streams)
        self._frames = SampleQueue(np.empty((0, pitches, bands), np.float32))  # from where the next window begins
        self._first_clip = SampleQueue(np.empty(0, np.float32))  # the samples of the first window

    def process(self, block: ArrayLike) -> Float32Array:
        """Return the posteriors of the windows that a block completes.

        Parameters
        ----------
        block : float32 array, shape (samples,)
            Of any length.

        Returns
        -------
        rows : float32 array, shape (windows, classes)

        Raises
        ------
        DtypeError, ShapeError, ArgumentError, BusyError
            For another dtype or shape, and for samples that are not finite; the stream stays as it was.
        """
        with self._guard:
            return self._process(block)

    def _process(self, block: ArrayLike) -> Float32Array:
        samples, length = clip_block(block, self), self.scorer.clip_length
        if self._samples < length:
            self._first_clip.append(samples[: length - self._samples])
        self._samples += samples.size
        self._frames.append(np.stack([stream.process(samples) for stream in self._feature_streams], axis=1))
        return self._score(frame_count(self._samples, length, self.scorer.window_hop) - self._rows)

    def _score(self, count: int) -> Float32Array:
        """Posteriors of the next `count` windows; the frames that no later window needs are dropped."""
        length = self.scorer.features.frames(self.scorer.clip_length)
        hop, frames = self.scorer.frames_per_window_hop, self._frames.items.swapaxes(0, 1)

        def scored(first: int) -> Float32Array:
            starts = [hop * k for k in range(first, min(first + BATCH, count))]
            return self.scorer.window_posteriors(np.stack([frames[:, start : start + length] for start in starts]))

        results: list[Float32Array] = [np.empty((0, len(self.scorer.classes)), np.float32)]
        results += parallel.run(scored, range(0, count, BATCH), self.threads)
        self._rows += count
        self._frames.drop(count * hop)
        return np.concatenate(results)

    def flush(self) -> Float32Array:
        """End the stream and start afresh.

        Returns
        -------
        rows : float32 array, shape (windows, classes)
            The posteriors of what is left.
        """
        with self._guard:
            return self._flush()

    def _flush(self) -> Float32Array:
        length, hop = self.scorer.clip_length, self.scorer.window_hop
        if not self._samples:
            rows = self._score(0)
        elif self._samples < length:
            clip = fit_length(self._first_clip.items, length)
            self._reset()
            rows = self._process(clip)
        else:
            rows = self._process(np.zeros(-(self._samples - length) % hop, np.float32))
        self._reset()
        return rows


def _mean(logits: Float32Array) -> Float32Array:
    """Mean over the versions, summed in their order, so that it does not depend on how many clips there are."""
    mean: Float32Array = sum(logits[1:], start=logits[0]) / np.float32(len(logits))
    return mean


def _shifted(frames: Float32Array, hops: int, silence: Float32Array) -> Float32Array:
    """Frames (..., frames, bands) delayed by `hops` frames, padded with silence."""
    count, result = frames.shape[-2], np.full_like(frames, silence)
    hops = min(max(hops, -count), count)
    result[..., max(hops, 0) : count + min(hops, 0), :] = frames[..., max(-hops, 0) : count + min(-hops, 0), :]
    return result
