"""How a network is trained: lengths, rates and regularisers, apart from what is done to the clips."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from audioconv import models, nn
from audioconv._typing import Array, ArrayLike
from audioconv.arrays import number, whole
from audioconv.classify.auxiliary_words import AuxiliaryCrossEntropy, AuxiliaryStep
from audioconv.classify.set_size import is_many
from audioconv.classify.settings import Settings
from audioconv.errors import ArgumentError

# With many clips, as a rule of many speakers, what learns from planes is better; with few it is slower and no better.
# See docs/trials.md, "Recognition: eight keywords".
DEFAULT_MODEL: models.ModelName = "tc-resnet8"
DEFAULT_MODEL_OF_MANY_CLIPS: models.ModelName = "cnn-tc-resnet"

PITCH_FACTORS = (0.5, 2.0)  # the least and the most of test-time augmentation


@dataclass(frozen=True, repr=False)
class TrainingConfig(Settings):
    """Settings of a training; a rate, ratio or decay of 0 switches one off.

    Parameters
    ----------
    epochs : int
        Passes over the clips of sets that are not small.
    epochs_of_many : int
        The same for 8,000 clips or more, so that a training takes minutes.
    min_steps : int
        Small sets get more epochs: as many as make so many steps of the optimiser ...
    max_epochs : int
        ... but at most so many.
    learning_rate : float
        The peak of the schedule: linear warm-up, then cosine decay down to 0.
    warmup_ratio : float
        The share of all steps until the peak.
    weight_decay : float
        Of AdamW.
    label_smoothing : float
    ema_decay : float
        Decay of the exponential moving average of weights, which is kept instead of the last weights.
    tta_pitch_factors : tuple of float
        Test-time augmentation: a clip is scored as if it were so many times as high; the mean of the logits decides.
    tta_shifts_s : tuple of float, in seconds
        Test-time augmentation: and as if it came so much later, padded with silence.

    Raises
    ------
    ArgumentError
        For a number that is out of its range.

    Examples
    --------
    >>> import audioconv as ac
    >>> ac.KeywordClassifier().set_params(training__label_smoothing=0.2).training
    TrainingConfig(label_smoothing=0.2)
    """

    epochs: int = 75
    epochs_of_many: int = 27
    # Few speakers want 2,400 steps, sets of many classes more: see docs/trials.md, "Recognition".
    min_steps: int = 3400
    max_epochs: int = 1700
    learning_rate: float = 0.01
    warmup_ratio: float = 0.1
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    ema_decay: float = 0.0
    tta_pitch_factors: tuple[float, ...] = (0.88, 0.94, 1.0, 1.06, 1.13)
    # Strides and the edges of a clip make a network sensitive to the position of a word.
    tta_shifts_s: tuple[float, ...] = (-0.05, 0.05)

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("epochs_of_many", 1), ("min_steps", 0), ("max_epochs", 1)):
            whole(getattr(self, name), name, least)
        number(self.learning_rate, "learning_rate", above=0)
        number(self.warmup_ratio, "warmup_ratio", 0, 1)
        number(self.weight_decay, "weight_decay", 0)
        number(self.label_smoothing, "label_smoothing", 0, below=1)
        number(self.ema_decay, "ema_decay", 0, below=1)
        for name, (least_value, most) in (("tta_pitch_factors", PITCH_FACTORS), ("tta_shifts_s", (None, None))):
            values = getattr(self, name)
            if not isinstance(values, (tuple, list)) or not values:
                raise ArgumentError(f"{name} must hold at least one number, not {values!r}")
            for value in values:
                number(value, name, least_value, most)

    def epochs_for(self, batches: int, many: bool = False) -> int:
        """Return the number of epochs for a set of this size.

        Parameters
        ----------
        batches : int
            In an epoch.
        many : bool
            Whether these are of 8,000 clips or more.

        Returns
        -------
        epochs : int
        """
        epochs = self.epochs_of_many if many else self.epochs
        return min(self.max_epochs, max(epochs, -(-self.min_steps // batches)))

    def training_step(
        self, network: nn.Sequential, class_weight: Array | None, weighted: bool = False, classes: int | None = None
    ) -> nn.TrainingStep:
        """Make the training step of a network: loss, AdamW, and moving average if there is one.

        Parameters
        ----------
        network : nn.Sequential
        class_weight : float array, shape (classes,), or None
            How much clips of each class count.
        weighted : bool
            Whether targets sum to the weight of their clip instead of 1.
        classes : int, optional
            Of the outputs, if those after them are of auxiliary words.

        Returns
        -------
        step : nn.TrainingStep
        """
        ema = nn.ExponentialMovingAverage(network, self.ema_decay) if self.ema_decay else None
        loss = (WeightedCrossEntropy if weighted else nn.SoftmaxCrossEntropy)(self.label_smoothing, class_weight)
        optimiser = nn.AdamW(network, weight_decay=self.weight_decay)
        if classes is not None:
            return AuxiliaryStep(network, optimiser, AuxiliaryCrossEntropy(loss, classes), ema)
        return nn.TrainingStep(network, optimiser, loss, ema)

    def schedule(self, learning_rate: float, steps: int) -> Callable[[int], float]:
        """Make the learning-rate schedule: linear warm-up, then cosine decay.

        Parameters
        ----------
        learning_rate : float
            At the peak.
        steps : int
            Of the optimiser, in all.

        Returns
        -------
        schedule : function of step (0, 1, ...) -> float
        """
        return nn.warmup_cosine(learning_rate, steps, round(self.warmup_ratio * steps))


def default_model(clips: int) -> models.ModelName:
    """The architecture for so many clips to train on, if none is asked for."""
    return DEFAULT_MODEL_OF_MANY_CLIPS if is_many(clips) else DEFAULT_MODEL


class WeightedCrossEntropy(nn.SoftmaxCrossEntropy):
    """Softmax cross-entropy where targets sum to the sample weight of their clip, instead of 1."""

    def _prepare(self, targets: ArrayLike, outputs: Array) -> tuple[Array, Array]:
        """Return targets that sum to 1, and the weight of each clip."""
        masses = np.asarray(targets, np.float64).sum(axis=-1)
        shares = np.asarray(targets) / np.where(masses > 0, masses, 1)[:, None].astype(outputs.dtype)
        targets, weights = super()._prepare(shares, outputs)
        return targets, weights * masses


def standard_error(accuracy: float, clips: int) -> float:
    """Standard error of an accuracy on `clips` clips, never 0: a clip more or less says nothing.

    Among epochs that differ by less the last is kept, with the learning rate fully down. The epoch that happens to be
    best on some hundred clips is not so on others: see docs/trials.md, "Recognition".

    References
    ----------
    Breiman et al., Classification and Regression Trees (1984), section 3.4.3, the 1 SE rule.
    """
    share = (accuracy * clips + 1) / (clips + 2)
    return sqrt(share * (1 - share) / clips)
