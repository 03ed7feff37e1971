"""From a stream of samples to posteriors of keywords for every frame: features, standardisation, a causal network."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from audioconv import models, nn
from audioconv._typing import Array, ArrayLike, Float32Array
from audioconv.classify.clips import clip_block
from audioconv.classify.decoder import REFRACTORY_S, EventDecoder
from audioconv.detect.posterior_stage import PosteriorStage, row_posteriors
from audioconv.errors import DtypeError, ShapeError
from audioconv.features import LogMel
from audioconv.models.export.deployment import Deployment
from audioconv.stage import Guard, GuardedStage

SMOOTHING_S, MIN_DURATION_S = 0.14, 0.0
PIECE_S = 10.0  # of a long block of a stream, whose rows wait in a buffer, that is scored at a time
PIECE = 1 << 20  # samples of a recording that are scored at a time, so that one of any length takes as little memory


@dataclass(frozen=True, eq=False, repr=False)
class FrameScorer:
    """The scorer of a detector: posteriors of keywords, row by row, as soon as the network has heard enough.

    In contrast to `classify.Scorer`, which scores windows as clips, each frame goes through the network once.

    Parameters
    ----------
    classes : array of labels, shape (keywords,), sorted
    features : LogMel
    network : nn.Sequential
        float32, from frames (frames, n_features) to logits (rows, 1 + keywords), of which the first is for background.
        It must work on streams: causal convolutions, no mean over a whole clip.
    mean, std : float32 arrays, shape (n_features,)
        Of the frames that the network was trained on.
    multi_label : bool
        Whether classes may sound together: each has a logit with a sigmoid, and there is none for background.

    Attributes
    ----------
    row_hop : int, in samples
        From one row of posteriors to the next.
    row_end : int, in samples
        How much of a stream has been heard when row 0 is complete; row r when it is `row_end + r * row_hop`.

    Raises
    ------
    ShapeError, DtypeError
        If network, features and classes do not fit each other, or the network cannot work on a stream.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import LogMel, detect, nn
    >>> rng, mean, std = np.random.default_rng(0), np.zeros(40, "float32"), np.ones(40, "float32")
    >>> layers = [nn.Conv1d(40, 8, 5, stride=2, padding="causal", rng=rng), nn.ReLU(), nn.Dense(8, 3, rng=rng)]
    >>> scorer = detect.FrameScorer(np.array(["no", "yes"]), LogMel(), nn.Sequential(layers), mean, std)
    >>> scorer
    FrameScorer(2 keywords, a row each 320 samples at 16000 Hz)
    >>> scorer.posteriors(np.zeros(16000, "float32")).shape
    (49, 2)
    """

    classes: Array
    features: LogMel
    network: nn.Sequential
    mean: Float32Array
    std: Float32Array
    multi_label: bool = False
    row_hop: int = field(init=False)
    row_end: int = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.features.n_features,)
        for name, array in (("mean", self.mean), ("std", self.std)):
            if array.shape != shape:
                raise ShapeError(f"{name} must have a number for each feature, {shape}, not {array.shape}")
        if self.network.dtype != np.float32:
            raise DtypeError(f"the network must be float32, not {self.network.dtype}")
        stream = self.network_stream()
        if stream.out_channels != self.outputs:
            raise ShapeError(f"the network must give {self.outputs} logits, of {self._outputs()}, not "
                             f"{stream.out_channels}")  # fmt: skip
        row_hop = stream.step * self.features.hop
        if row_hop.denominator != 1:
            raise ShapeError(f"the network must give a row each whole number of samples, not each {row_hop}")
        heard = self.features.win_length + stream.look_ahead * self.features.hop - self.features.padding[0]
        object.__setattr__(self, "row_hop", int(row_hop))
        object.__setattr__(self, "row_end", heard)

    def __repr__(self) -> str:
        what = f"{len(self.classes)} {'classes' if self.multi_label else 'keywords'}"
        return f"FrameScorer({what}, a row each {self.row_hop} samples at {self.sample_rate} Hz)"

    def _outputs(self) -> str:
        return f"{len(self.classes)} classes" if self.multi_label else f"background and {len(self.classes)} keywords"

    @property
    def outputs(self) -> int:
        """Logits a row: one for each class, and one for the background where classes exclude each other."""
        return len(self.classes) + (not self.multi_label)

    @property
    def sample_rate(self) -> int:
        """Of streams, in Hz."""
        return self.features.sample_rate

    def network_input(self, frames: Float32Array) -> Float32Array:
        """Return frames as the network takes them: standardised.

        Parameters
        ----------
        frames : float32 array, shape (..., n_features)

        Returns
        -------
        x : float32 array, shape (..., n_features), or (..., n_features, 1) if it begins with a layer of two dimensions
        """
        return models.network_input(self.network, self.standardised(frames))

    def from_absolute(self, frames: Float32Array) -> Float32Array:
        """Return the frames of `features` for those of `features.absolute`, of recordings from their beginning.

        Parameters
        ----------
        frames : float32 array, shape (..., frames, n_features)

        Returns
        -------
        frames : float32 array of the same shape
        """
        return np.asarray(self.features.from_absolute(frames), np.float32)

    def standardised(self, frames: Float32Array) -> Float32Array:
        """Return frames less their mean, in units of their deviation.

        Parameters
        ----------
        frames : float32 array, shape (..., n_features)

        Returns
        -------
        x : float32 array of the same shape
        """
        x: Float32Array = (frames - self.mean) / self.std
        return x

    def network_stream(self) -> nn.NetworkStream:
        """Make a stream of the network, from frames to logits, with the weights as they are now.

        Returns
        -------
        stream : nn.NetworkStream
        """
        return self.network.stream(models.network_input(self.network, self.mean).shape)

    def stream(self, sample_rate: int | None = None) -> "FramePosteriorStream":
        """Make a stream of posteriors.

        Parameters
        ----------
        sample_rate : int, in Hz, optional
            Of the stream, if it is not that of the scorer.

        Returns
        -------
        stream : FramePosteriorStream
            With the weights as they are now.
        """
        return FramePosteriorStream(self, sample_rate)

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
            posteriors=self.posteriors,
            stream=self.stream,
            with_network=lambda network: replace(self, network=network).deployment(facts),
            multi_label=self.multi_label,
            facts=facts,
        )

    def decoder(
        self,
        thresholds: ArrayLike,
        *,
        smoothing_s: float = SMOOTHING_S,
        min_duration_s: float = MIN_DURATION_S,
        refractory_s: float = REFRACTORY_S,
        word_s: ArrayLike | None = None,
        delay_s: float = 0.0,
    ) -> EventDecoder:
        """Make the decoder from rows of posteriors to words.

        Parameters
        ----------
        thresholds : float, or one for each of the classes
            The smoothed posterior from which a word counts; infinity for a word that is never told.
        smoothing_s, min_duration_s, refractory_s : float, in seconds
        word_s : float, or one for each class, in seconds, optional
        delay_s : float, in seconds
            All as of `DetectorStream`.

        Returns
        -------
        decoder : EventDecoder

        Raises
        ------
        ArgumentError
            For parameters that make no sense.
        """
        return EventDecoder(
            self.classes,
            thresholds,
            row_hop_s=self.row_hop / self.sample_rate,
            row_end_s=self.row_end / self.sample_rate,
            smoothing_s=smoothing_s,
            min_duration_s=min_duration_s,
            refractory_s=refractory_s,
            word_s=word_s,
            delay_s=delay_s,
        )

    def posteriors(self, samples: ArrayLike) -> Float32Array:
        """Return the posteriors of a recording of any length.

        Parameters
        ----------
        samples : float32 array, shape (samples,), at `sample_rate`

        Returns
        -------
        posteriors : float32 array, shape (rows, keywords)
            Those that a stream gives, to the bit.

        Raises
        ------
        ShapeError, DtypeError, ArgumentError
            For another shape or dtype, and for samples that are not finite.
        """
        stream = self.stream()
        recording = clip_block(samples, stream)
        pieces = (recording[begin : begin + PIECE] for begin in range(0, len(recording), PIECE))
        return np.concatenate([*map(stream.process, pieces), stream.flush()])

    def frame_posteriors(self, frames: Float32Array) -> Float32Array:
        """Return the posteriors of a recording whose frames are known, as `NegativeFrames` keeps them.

        Parameters
        ----------
        frames : float32 array, shape (frames, n_features)
            As `features.absolute` gives them.

        Returns
        -------
        posteriors : float32 array, shape (rows, keywords)
            Those of the samples, to the bit.
        """
        network, x = self.network_stream(), self.network_input(self.from_absolute(frames))
        logits = np.concatenate((network.process(x), network.flush()))
        return row_posteriors(logits, len(self.classes))


class FramePosteriorStream(GuardedStage):
    """Posteriors of keywords, row by row: what `FrameScorer.stream` returns. At any cut they are the same bits.

    Parameters
    ----------
    scorer : FrameScorer
    sample_rate : int, in Hz, optional
        Of the blocks, if it is not that of the scorer: they are resampled.

    Attributes
    ----------
    latency : int
        0: no row is delayed beyond the samples that it depends on.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import LogMel, detect, nn
    >>> rng, mean, std = np.random.default_rng(0), np.zeros(40, "float32"), np.ones(40, "float32")
    >>> layers = [nn.Conv1d(40, 8, 5, stride=2, padding="causal", rng=rng), nn.ReLU(), nn.Dense(8, 3, rng=rng)]
    >>> scorer = detect.FrameScorer(np.array(["no", "yes"]), LogMel(), nn.Sequential(layers), mean, std)
    >>> stream = scorer.stream()
    >>> stream
    FramePosteriorStream(2 keywords, a row each 320 samples at 16000 Hz)
    >>> stream.process(np.zeros(399, "float32")).shape, stream.process(np.zeros(1, "float32")).shape
    ((0, 2), (1, 2))
    """

    latency = 0

    def __init__(self, scorer: FrameScorer, sample_rate: int | None = None) -> None:
        self.scorer = scorer
        self._stage = PosteriorStage(scorer, sample_rate=sample_rate, passes=False, buffer_s=PIECE_S)
        self._guard = Guard("frame posterior stream")

    def __repr__(self) -> str:
        return repr(self.scorer).replace("FrameScorer", "FramePosteriorStream")

    def process(self, block: ArrayLike) -> Float32Array:
        """Return the posteriors of the rows that a block completes.

        Parameters
        ----------
        block : float32 array, shape (samples,)
            Of any length.

        Returns
        -------
        rows : float32 array, shape (rows, keywords)

        Raises
        ------
        DtypeError, ShapeError, ArgumentError, BusyError
            For another dtype or shape, and for samples that are not finite; the stream stays as it was.
        """
        with self._guard:
            return self._process(block)

    def _process(self, block: ArrayLike) -> Float32Array:
        return self._stage._rows_of(block)

    def flush(self) -> Float32Array:
        """End the stream and start afresh.

        Returns
        -------
        rows : float32 array, shape (rows, keywords)
            Those that look ahead, beyond the end; none of a causal network.
        """
        with self._guard:
            return self._flush()

    def _flush(self) -> Float32Array:
        rows = self._stage._last_rows()
        self._reset()
        return rows

    def _reset(self) -> None:
        self._stage._reset()
