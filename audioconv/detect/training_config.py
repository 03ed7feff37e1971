"""How detectors are trained, beyond the model."""

from dataclasses import dataclass

from audioconv.arrays import interval, number, whole
from audioconv.classify.settings import Settings
from audioconv.detect.mixtures import FASTEST, SLOWEST


@dataclass(frozen=True, repr=False)
class RoundsTraining(Settings):
    """What all detectors have: rounds of steps, each round on stretches of sound that are made anew."""

    rounds: int = 4
    stretches: int = 10_000
    steps: int = 4000
    batch_size: int = 16
    learning_rate: float = 0.006
    warmup_ratio: float = 0.1
    weight_decay: float = 0.02

    def __post_init__(self) -> None:
        for name in ("rounds", "stretches", "steps", "batch_size"):
            whole(getattr(self, name), name, 1)
        number(self.learning_rate, "learning_rate", above=0)
        number(self.warmup_ratio, "warmup_ratio", 0, 1)
        number(self.weight_decay, "weight_decay", 0)


@dataclass(frozen=True, repr=False)
class DetectorTraining(RoundsTraining):
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

    hard_negatives: int = 1500
    hard_negative_ratio: float = 0.2
    lag_s: float = 0.12
    window_s: float = 0.16

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self.hard_negatives, "hard_negatives", 0)
        number(self.hard_negative_ratio, "hard_negative_ratio", 0, below=1)
        number(self.lag_s, "lag_s", 0)
        number(self.window_s, "window_s", above=0)


@dataclass(frozen=True, repr=False)
class SoundEventTraining(RoundsTraining):
    """How a `SoundEventDetector` is trained: rounds of steps, on stretches cut out of its recordings anew in each.

    Parameters
    ----------
    rounds : int
    stretches : int
        Cut out of the recordings in a round.
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
    stretch_s : float, in seconds
        Length of a stretch.
    lag_s : float, in seconds
        How far behind the sound the network answers: so much of what follows it may hear first.
    pace : (float, float)
        Stretches are played faster by such a factor, at a pitch as much higher.
    gain_db : (float, float), in dB
        What is drawn for each stretch.
    together_probability : float
        The share of stretches that are two pieces at once.
    noise_probability : float
        The share of stretches that noise is mixed into, recorded or synthetic.
    snr_db : (float, float), in dB
        Level of the stretch relative to that noise.

    Raises
    ------
    ArgumentError
        For a number that is out of its range.

    Examples
    --------
    >>> from audioconv.detect import SoundEventTraining
    >>> SoundEventTraining(rounds=5)
    SoundEventTraining(rounds=5)
    """

    rounds: int = 3
    stretches: int = 1600
    steps: int = 1200
    batch_size: int = 8
    learning_rate: float = 0.008
    stretch_s: float = 10.0
    lag_s: float = 0.5
    pace: tuple[float, float] = (0.85, 1.18)
    gain_db: tuple[float, float] = (-10.0, 10.0)
    together_probability: float = 0.3
    noise_probability: float = 0.7
    snr_db: tuple[float, float] = (-6.0, 20.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self.stretch_s, "stretch_s", 0.1)
        number(self.lag_s, "lag_s", 0)
        interval(self.pace, "pace", SLOWEST, FASTEST)
        interval(self.gain_db, "gain_db")
        number(self.together_probability, "together_probability", 0, 1)
        number(self.noise_probability, "noise_probability", 0, 1)
        interval(self.snr_db, "snr_db")
