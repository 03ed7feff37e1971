"""How a detector is trained, beyond the model."""

from dataclasses import dataclass

from audioconv.arrays import number, whole
from audioconv.classify.settings import Settings


@dataclass(frozen=True, repr=False)
class DetectorTraining(Settings):
    """How a `KeywordDetector` is trained: rounds of steps, each on stretches of sound that are made anew.

    Parameters
    ----------
    rounds : int
        After each but the last, the negatives are gone through, and where the network errs most becomes training.
    stretches : int
        Of mixed sound in a round.
    steps : int
        Of the optimiser in a round.
    batch_size : int
        Stretches a step.
    learning_rate : float
        The peak of the schedule: linear warm-up, then cosine decay down to 0, over all rounds.
    warmup_ratio : float
        The share of all steps until the peak.
    weight_decay : float
        Of AdamW.
    hard_negatives : int
        At most so many stretches of negatives are taken after a round.
    hard_negative_ratio : float
        The share of them in a batch.
    lag_s, window_s : float, in seconds
        A word is taught to be told from `lag_s` after its end on, for `window_s`.

    Raises
    ------
    ArgumentError
        For a number that is out of its range.

    Examples
    --------
    >>> from audioconv.detect import DetectorTraining
    >>> DetectorTraining(rounds=2)
    DetectorTraining(rounds=2)
    """

    rounds: int = 4
    stretches: int = 10_000
    steps: int = 4000
    batch_size: int = 16
    learning_rate: float = 0.006
    warmup_ratio: float = 0.1
    weight_decay: float = 0.02
    hard_negatives: int = 1500
    hard_negative_ratio: float = 0.2
    lag_s: float = 0.12
    window_s: float = 0.16

    def __post_init__(self) -> None:
        for name, least in (("rounds", 1), ("stretches", 1), ("steps", 1), ("batch_size", 1), ("hard_negatives", 0)):
            whole(getattr(self, name), name, least)
        number(self.learning_rate, "learning_rate", above=0)
        number(self.warmup_ratio, "warmup_ratio", 0, 1)
        number(self.weight_decay, "weight_decay", 0)
        number(self.hard_negative_ratio, "hard_negative_ratio", 0, below=1)
        number(self.lag_s, "lag_s", 0)
        number(self.window_s, "window_s", above=0)
