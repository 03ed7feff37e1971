"""The steps of `fit`: stretches of sound to frames and targets, training, hard-negative mining."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from audioconv import models, nn, parallel
from audioconv._typing import Array, Float32Array
from audioconv.classify.augmenter import WAVES, draw_masks, equaliser, spec_augment
from audioconv.classify.feature_statistics import FeatureStatistics, estimated_statistics
from audioconv.classify.last_layer import features_before_last
from audioconv.classify.progress import TrainingProgress
from audioconv.detect.frame_scorer import FrameScorer
from audioconv.detect.mixtures import MixtureGenerator, Span
from audioconv.detect.negatives import HardNegative, NegativeFrames
from audioconv.detect.targets import activity_targets, frame_targets
from audioconv.detect.training_config import DetectorTraining, RoundsTraining, SoundEventTraining

EQUALISER_DB = 2.6  # deviation, of microphones and voices
MASKS = 2  # of SpecAugment
CAPTURED_VERSIONS = 10  # of a captured false alarm in a round, each in other noise
MIN_DISTANCE_S = 0.8  # between hard negatives
STATISTICS_STRETCHES = 1000  # that mean and deviation are taken from
REMEMBERED_STRETCHES = 400  # that the statistics of features are taken from, ...
LIKE_WORDS = 0.5  # ... and the share of their background rows, those that sound most like words


class Examples(NamedTuple):
    """Stretches as frames, float16 (stretches, frames, bands), and the targets of their rows."""

    frames: Array
    targets: Float32Array


class StretchSource(Protocol):
    """What makes stretches of sound, and says where what is to be told is in them."""

    @property
    def samples(self) -> int:
        """The length of a stretch."""

    def draw(self, number: int) -> tuple[Float32Array, list[Span]]:
        """Make a stretch; of one number it is always the same."""


class RoundsTrainer(ABC):
    """Trains the network of a detector, in rounds.

    Parameters
    ----------
    scorer : FrameScorer
        Untrained; of its mean and deviation nothing is used.
    network : nn.Sequential
        The one that is trained, with the weights of the scorer's: the same one, or one of fewer rows.
    generator : StretchSource
    config : RoundsTraining
    seed : int
    threads : int, optional
    """

    _loss: ClassVar[type[nn.SoftmaxCrossEntropy | nn.BinaryCrossEntropy]]
    _mask_frames: ClassVar[int]  # of SpecAugment, at most so wide
    _mask_bands: ClassVar[int]

    def __init__(
        self,
        scorer: FrameScorer,
        network: nn.Sequential,
        generator: StretchSource,
        config: RoundsTraining,
        seed: int,
        threads: int | None,
    ) -> None:
        self._scorer, self._rounds = scorer, config
        self._learner = replace(scorer, network=network)
        self._source, self._seed, self._threads = generator, seed, threads
        optimiser = nn.AdamW(network, weight_decay=config.weight_decay)
        self._step = nn.TrainingStep(network, optimiser, self._loss())
        steps = config.rounds * config.steps
        self._schedule = nn.warmup_cosine(config.learning_rate, steps, round(config.warmup_ratio * steps))
        self.history: list[dict[str, Any]] = []

    @property
    def scorer(self) -> FrameScorer:
        """The scorer that was given, with the weights so far."""
        self._scorer.network.load_state_dict(self._learner.network.state_dict())
        return replace(self._scorer, mean=self._learner.mean, std=self._learner.std)

    def run(self, verbose: int) -> None:
        """Train; Ctrl-C raises KeyboardInterrupt, and the scorer has the weights of that moment."""
        config, progress = self._rounds, TrainingProgress(verbose)
        with progress.training(config.rounds, config.steps, config.steps * config.batch_size):
            for number in range(config.rounds):
                mixed, more = self.mixtures(number), self._more(number)
                if not number:
                    self._standardise_by(mixed)
                losses = []
                for k, (x, targets) in enumerate(self._batches(number, mixed, more)):
                    step = number * config.steps + k
                    losses.append(self._step(x, targets, self._schedule(step), threads=self._threads)[0])
                    progress.batch(number, k, losses[-1])
                record = {"round": number + 1, "loss": float(np.mean(losses))}
                self.history.append(record | self._after(number))

    def mixtures(self, number: int) -> Examples:
        """The stretches of a round."""
        first = number * self._rounds.stretches
        return self._examples(lambda k: self._source.draw(first + k), self._rounds.stretches)

    @abstractmethod
    def _targets(self, spans: Sequence[Span], rows: int) -> Float32Array:
        """What each row of a stretch is taught."""

    def _more(self, number: int) -> Examples | None:
        """Stretches that are a share of each batch of a round, beside those that are made for it."""
        return None

    def _more_count(self) -> int:
        """How many of them are in a batch."""
        return 0

    def _after(self, number: int) -> dict[str, Any]:
        """What is done after a round, for the history."""
        return {}

    def _examples(self, draw: Any, count: int) -> Examples:
        absolute = self._learner.features.absolute
        still = np.zeros((1, absolute.frames(self._source.samples), absolute.n_features), np.float32)
        rows = self._learner.network.forward(models.network_input(self._learner.network, still)).shape[1]

        def example(k: int) -> tuple[Array, Float32Array]:
            samples, spans = draw(k)
            return absolute(samples).astype(np.float16), self._targets(spans, rows)

        made = parallel.run(example, range(count), self._threads)
        return Examples(*(np.stack(arrays) for arrays in zip(*made, strict=True)))

    def _standardise_by(self, examples: Examples) -> None:
        absolute = examples.frames[:STATISTICS_STRETCHES].astype(np.float32)
        frames = self._learner.from_absolute(absolute).astype(np.float64)
        mean, std = frames.mean(axis=(0, 1)), np.maximum(frames.std(axis=(0, 1)), 1e-3)
        self._learner = replace(self._learner, mean=mean.astype(np.float32), std=std.astype(np.float32))

    def _batches(self, number: int, mixed: Examples, more: Examples | None) -> Iterator[tuple[Float32Array, Array]]:
        """The batches of a round: each stretch of mixed sound once before any comes again, and those beside them."""
        config = self._rounds
        rng = np.random.default_rng([self._seed, number, 0x44])
        more_count = self._more_count() if more is not None else 0
        order: list[int] = []
        for _ in range(config.steps):
            chosen, order = order[: config.batch_size - more_count], order[config.batch_size - more_count :]
            while len(chosen) < config.batch_size - more_count:
                order = rng.permutation(len(mixed.frames)).tolist()
                missing = config.batch_size - more_count - len(chosen)
                chosen, order = chosen + order[:missing], order[missing:]
            frames, targets = mixed.frames[chosen], mixed.targets[chosen]
            if more is not None:
                others = rng.integers(len(more.frames), size=more_count)
                frames, targets = (
                    np.concatenate(pair) for pair in ((frames, more.frames[others]), (targets, more.targets[others]))
                )
            x = self._augmented(frames, rng)
            yield models.network_input(self._learner.network, x), self._shaped(targets)

    def _shaped(self, targets: Array) -> Array:
        """Targets (stretches, rows, classes) in the shape of the network's logits."""
        return targets[:, :, None] if models.takes_planes(self._learner.network) else targets

    def _augmented(self, frames: Array, rng: np.random.Generator) -> Float32Array:
        """Standardised frames of other microphones, with masks."""
        weights = rng.standard_normal((len(frames), len(WAVES), 1), np.float32)
        curves = equaliser(weights, frames.shape[2], EQUALISER_DB)
        absolute = frames.astype(np.float32) + curves[:, None]
        x = self._learner.standardised(self._learner.from_absolute(absolute))
        masks = draw_masks((len(x), MASKS), (x.shape[1], x.shape[2]), (self._mask_frames, self._mask_bands), rng)
        return spec_augment(x, masks)


class DetectorTrainer(RoundsTrainer):
    """Trains the network of a `KeywordDetector`.

    Parameters
    ----------
    scorer, network, generator, seed, threads
        As of `RoundsTrainer`.
    negatives : NegativeFrames, optional
    false_alarms : NegativeFrames, optional
        Captured sounds that were taken for words.
    config : DetectorTraining
    """

    _loss = nn.SoftmaxCrossEntropy
    _mask_frames, _mask_bands = 10, 5

    def __init__(
        self,
        scorer: FrameScorer,
        network: nn.Sequential,
        generator: MixtureGenerator,
        negatives: NegativeFrames | None,
        false_alarms: NegativeFrames | None,
        config: DetectorTraining,
        seed: int,
        threads: int | None,
    ) -> None:
        super().__init__(scorer, network, generator, config, seed, threads)
        self.config, self._generator = config, generator
        self._negatives, self._false_alarms = negatives, false_alarms
        self._mined: list[HardNegative] = []
        self._remembered: Examples | None = None

    def _more(self, number: int) -> Examples | None:
        return _joined(self._hard(number), self._captured(number))

    def _more_count(self) -> int:
        return round(self.config.batch_size * self.config.hard_negative_ratio)

    def _after(self, number: int) -> dict[str, Any]:
        more = self._mine() if number + 1 < self.config.rounds else []
        self._mined += more
        return {"hard_negatives": len(more)}

    def mixtures(self, number: int) -> Examples:
        """The stretches of a round, some of which are kept for `feature_statistics`."""
        mixed = super().mixtures(number)
        self._remembered = Examples(*(array[:REMEMBERED_STRETCHES].copy() for array in mixed))
        return mixed

    def feature_statistics(self) -> FeatureStatistics | None:
        """What the detector shall remember of its training, to learn more words by; None if it saw too little."""
        if self._remembered is None:
            return None
        network, found, targets = self._learner.network, [], []
        for begin in range(0, len(self._remembered.frames), self.config.batch_size):
            frames, wanted = (array[begin : begin + self.config.batch_size] for array in self._remembered)
            x = self._learner.network_input(self._learner.from_absolute(frames.astype(np.float32)))
            features = features_before_last(network, x, self._threads)
            posteriors = nn.softmax(network.forward(x, threads=self._threads).reshape(wanted.shape))
            taught = wanted.any(axis=2)
            background = wanted[..., 0] > 0
            if background.any():
                taught &= ~background | (posteriors[..., 0] <= np.quantile(posteriors[..., 0][background], LIKE_WORDS))
            found.append(features[taught])
            targets.append(wanted.argmax(axis=2)[taught])
        return estimated_statistics(np.concatenate(found), np.concatenate(targets), 1 + len(self._learner.classes))

    def _captured(self, number: int) -> Examples | None:
        """Stretches of all captured false alarms, each in some other noises in each round."""
        captured, config, length = self._false_alarms, self.config, self._generator.samples
        if captured is None:
            return None
        pieces = [(i, begin) for i, size in enumerate(captured.lengths) for begin in range(0, int(size), length)]
        count = max(len(pieces), min(CAPTURED_VERSIONS * len(pieces), config.hard_negatives))
        first = config.rounds**2 * config.hard_negatives + number * count  # noises that mined ones do not get

        def draw(k: int) -> tuple[Float32Array, list[Span]]:
            recording, begin = pieces[k % len(pieces)]
            return self._generator.in_noise(captured.samples(recording, begin, begin + length), first + k), []

        return self._examples(draw, count)

    def _mine(self) -> list[HardNegative]:
        """The stretches of negatives in which the network errs most."""
        if self._negatives is None or not self.config.hard_negatives:
            return []
        return self._negatives.hardest(
            self._learner.frame_posteriors,
            self.config.hard_negatives,
            row_hop=self._learner.row_hop,
            row_end=self._learner.row_end,
            stretch_s=self._generator.settings.stretch_s,
            min_distance_s=MIN_DISTANCE_S,
        )

    def _hard(self, number: int) -> Examples | None:
        """All that was mined before a round, at another pace and in other noise than in the rounds before."""
        negatives, mined = self._negatives, self._mined
        if negatives is None or not mined:
            return None
        length = round(self._generator.samples * self._generator.settings.pace[1])
        first = number * self.config.rounds * self.config.hard_negatives

        def draw(k: int) -> tuple[Float32Array, list[Span]]:
            begin = mined[k].first_sample
            return self._generator.in_noise(negatives.samples(mined[k].recording, begin, begin + length), first + k), []

        return self._examples(draw, len(mined))

    def _targets(self, spans: Sequence[Span], rows: int) -> Float32Array:
        scorer = self._learner
        return frame_targets(
            spans,
            rows,
            scorer.row_hop,
            scorer.row_end,
            len(scorer.classes),
            sample_rate=scorer.sample_rate,
            lag_s=self.config.lag_s,
            window_s=self.config.window_s,
        )


class SoundEventTrainer(RoundsTrainer):
    """Trains the network of a `SoundEventDetector`.

    Parameters
    ----------
    scorer, network, generator, seed, threads
        As of `RoundsTrainer`.
    config : SoundEventTraining
    """

    _loss = nn.BinaryCrossEntropy
    _mask_frames, _mask_bands = 60, 10

    def __init__(
        self,
        scorer: FrameScorer,
        network: nn.Sequential,
        generator: StretchSource,
        config: SoundEventTraining,
        seed: int,
        threads: int | None,
    ) -> None:
        super().__init__(scorer, network, generator, config, seed, threads)
        self._lag = round(config.lag_s * scorer.sample_rate)

    def _targets(self, spans: Sequence[Span], rows: int) -> Float32Array:
        scorer = self._learner
        return activity_targets(spans, rows, scorer.row_hop, scorer.row_end, len(scorer.classes), lag=self._lag)


def _joined(examples: Examples | None, more: Examples | None) -> Examples | None:
    if examples is None or more is None:
        return more if examples is None else examples
    return Examples(*(np.concatenate(pair) for pair in zip(examples, more, strict=True)))
