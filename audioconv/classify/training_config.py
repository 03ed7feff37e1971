"""How a network is trained: lengths, rates and regularisers, apart from what is done to the clips."""

from dataclasses import dataclass, fields
from math import sqrt

import numpy as np

from audioconv import nn
from audioconv.arrays import number, whole
from audioconv.errors import ArgumentError


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a training; a rate, share or decay of 0 switches one off.

    Without `epochs` there are 75 of them, or more for small sets: as many as make
    `min_steps`, but at most `max_epochs`.

    Raises
    ------
    ArgumentError
        For a number that is out of its range.

    Examples
    --------
    >>> import audioconv as ac
    >>> ac.KeywordClassifier().set_params(training__label_smoothing=0.2).training.label_smoothing
    0.2
    """

    epochs: int = 75  # of Speech Commands, folds as below: 47 errors with 58, 41 with 100
    # Few speakers, as `benchmarks/classifiers.py --split few` has them: 349 errors with 500 steps, 254 with 2,400, 269
    # with 3,400; 155 speakers: 116 with 1,300, 99 with 2,400. Beyond 2,400 single runs differ by more than is gained;
    # more is for sets of many classes: eleven of them had 39 errors with 3,900 steps and 30 with 7,800.
    min_steps: int = 3400
    max_epochs: int = 1700
    learning_rate: float = 0.01  # the peak of the schedule: a line up, then half a cosine down to 0
    warmup_ratio: float = 0.1  # share of the steps until the peak
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    ema_decay: float = 0.0  # decay of the moving average of weights that is kept instead of the last ones
    # A clip is judged so many times as high, too, and the mean of the logits decides. Digits of a speaker out of four
    # who was not trained on: 80.3 % with (1.0,) became 82.5 %.
    tta_pitch_factors: tuple = (0.88, 0.94, 1.0, 1.06, 1.13)
    # And so much later, between silence: strides and the edges of a clip make a network sensitive to where a word lies.
    # Speech Commands, five folds of train and val by speaker, 4,666 clips: 47 errors became 42, and 42 with 0 s too;
    # digits 295 and 296 of 2,000.
    tta_shifts_s: tuple = (-0.05, 0.05)

    def __post_init__(self):
        for name, least in (("epochs", 1), ("min_steps", 0), ("max_epochs", 1)):
            whole(getattr(self, name), name, least)
        number(self.learning_rate, "learning_rate", above=0)
        number(self.warmup_ratio, "warmup_ratio", 0, 1)
        number(self.weight_decay, "weight_decay", 0)
        number(self.label_smoothing, "label_smoothing", 0, below=1)
        number(self.ema_decay, "ema_decay", 0, below=1)
        for name, bounds in (("tta_pitch_factors", {"least": 0.5, "most": 2}), ("tta_shifts_s", {})):
            values = getattr(self, name)
            if not isinstance(values, (tuple, list)) or not values:
                raise ArgumentError(f"{name} must hold at least one number, not {values!r}")
            for value in values:
                number(value, name, **bounds)

    def get_params(self, deep=True):
        """The settings by name, as scikit-learn's `clone` wants them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def epochs_for(self, batches):
        """Epochs of a set of so many batches."""
        return min(self.max_epochs, max(self.epochs, -(-self.min_steps // batches)))

    def training_step(self, network, class_weights, weighted=False):
        """One step of the training of a network; if `weighted`, targets sum to the weight of their clip."""
        ema = nn.ExponentialMovingAverage(network, self.ema_decay) if self.ema_decay else None
        loss = (WeightedCrossEntropy if weighted else nn.SoftmaxCrossEntropy)(self.label_smoothing, class_weights)
        return nn.TrainingStep(network, nn.AdamW(network, weight_decay=self.weight_decay), loss, ema)

    def schedule(self, learning_rate, steps):
        """The learning rate of each of so many steps."""
        return nn.warmup_cosine(learning_rate, steps, round(self.warmup_ratio * steps))


class WeightedCrossEntropy(nn.SoftmaxCrossEntropy):
    """Softmax cross-entropy where targets sum to how much their clip counts, instead of 1."""

    def _prepare(self, targets, outputs):
        masses = np.asarray(targets, np.float64).sum(axis=-1)
        shares = targets / np.where(masses > 0, masses, 1)[:, None].astype(outputs.dtype)
        targets, weights = super()._prepare(shares, outputs)
        return targets, weights * masses


def standard_error(accuracy, clips):
    """Standard error of an accuracy on so many clips, never 0: a clip more or less says nothing.

    Among epochs that differ by less the last is kept, with the rate fully down. The epoch that happened to be best on
    554 clips, 45th of 59, had 4 errors there and 14 on 522 others, the last one had 4 and 5.

    References: Breiman et al., Classification and Regression Trees (1984), section 3.4.3, the 1 SE rule.
    """
    share = (accuracy * clips + 1) / (clips + 2)
    return sqrt(share * (1 - share) / clips)
