"""What `evaluate` returns: all figures of a model, and how they were made."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from audioconv.arrays import interval, number, whole
from audioconv.classify.intervals import wilson_interval
from audioconv.classify.settings import Settings
from audioconv.detect.calibration import FalseAlarmRate
from audioconv.detect.evaluation.clips import ClipScore
from audioconv.detect.evaluation.det_curve import DetCurve, OperatingPoint
from audioconv.detect.evaluation.examples import Example, Mistake, as_json
from audioconv.detect.evaluation.findings import Finding, findings_of
from audioconv.detect.evaluation.semantics import semantics_of
from audioconv.detect.evaluation.stream_score import StreamScore

FORMAT = 1  # of the JSON
HEADLINE_DB = 10.0  # the condition that mistakes are shown of


@dataclass(frozen=True, repr=False)
class EvaluationSettings(Settings):
    """How much `evaluate` does.

    Parameters
    ----------
    seed : int
        Of all that is drawn: which clips, their order, pauses, noises, rooms.
    streams : bool
        Whether test streams are made; else clips alone are scored, and negatives.
    snr_db : tuple of float, in dB
        Levels of words relative to noise, beside clean and rooms.
    room_snr_db : float, in dB
        That in rooms, and of halves, pairs and sentences.
    stream_words : int
        At most so many keywords come into each stream, and a quarter as many other words.
    challenge_words : int
        At most so many are halved, run together, and put into sentences.
    examples : int
        Of each kind of mistake at most so many get their sound and saliency; all are listed.

    Raises
    ------
    ArgumentError
        For a number that is out of its range.

    Examples
    --------
    >>> from audioconv.detect import EvaluationSettings
    >>> EvaluationSettings(examples=100)
    EvaluationSettings(examples=100)
    """

    seed: int = 0
    streams: bool = True
    snr_db: tuple[float, ...] = (20.0, 10.0, 5.0, 0.0)
    room_snr_db: float = 20.0
    stream_words: int = 400
    challenge_words: int = 200
    examples: int = 40

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("stream_words", 1), ("challenge_words", 2), ("examples", 0)):
            whole(getattr(self, name), name, least)
        for snr_db in self.snr_db:
            interval((snr_db, snr_db), "snr_db")
        number(self.room_snr_db, "room_snr_db")


class Condition(NamedTuple):
    """A test stream, and what was found in it."""

    name: str
    snr_db: float
    rooms: bool
    score: StreamScore
    alarms_over: dict[str, int]  # what was said where something was told that was not there


class Challenge(NamedTuple):
    """Trials of one kind: halves that shall not fire, pairs and sentences in which words shall be found."""

    name: str
    trials: int
    happened: int  # halves that fired, pairs that were both found, words found
    by_label: dict[str, tuple[int, int]]  # trials, and of how many it happened

    @property
    def share(self) -> float:
        """The share of the trials."""
        return self.happened / self.trials if self.trials else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval (Wilson) of the share."""
        return wilson_interval(self.happened, self.trials) if self.trials else (0.0, 1.0)


class NegativeScore(NamedTuple):
    """False alarms in recordings without keywords."""

    source: str
    recordings: int
    seconds: float
    by_word: dict[str, int]
    left_out: dict[str, int]

    @property
    def total(self) -> FalseAlarmRate:
        """Those of all words."""
        return FalseAlarmRate(sum(self.by_word.values()), self.seconds / 3600)

    def of(self, word: str) -> FalseAlarmRate:
        """Those of one word."""
        return FalseAlarmRate(self.by_word[word], self.seconds / 3600)


@dataclass(frozen=True, repr=False)
class Evaluation:
    """All figures of a model, how they were made, and its mistakes; made by `evaluate`.

    `report._evaluation_page` makes a page of it.

    Parameters
    ----------
    model : dict
        What is known of it: architecture, parameters, training, thresholds.
    data : dict
        What it was evaluated on.
    settings : EvaluationSettings
    clips : ClipScore
    conditions : list of Condition
    challenges : list of Challenge
    negatives : list of NegativeScore
        One for each folder, and last one of all if there are several.
    curves : list of DetCurve
    operating_points : list of OperatingPoint
    mistakes : list of Mistake
    examples : list of Example

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> clips = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 16000)).astype("float32")
    >>> quick = ac.detect.EvaluationSettings(streams=False, examples=0)
    >>> found = ac.detect.evaluate(ac.KeywordDetector.load(), clips, ["yes", "no"] * 2, settings=quick)
    >>> found.clips.labels[:3], len(found.clips.truth)
    (['down', 'go', 'left'], 4)
    """

    model: dict[str, Any]
    data: dict[str, Any]
    settings: EvaluationSettings
    clips: ClipScore
    conditions: list[Condition] = field(default_factory=list)
    challenges: list[Challenge] = field(default_factory=list)
    negatives: list[NegativeScore] = field(default_factory=list)
    curves: list[DetCurve] = field(default_factory=list)
    operating_points: list[OperatingPoint] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)

    def __repr__(self) -> str:
        parts = [f"{self.clips.accuracy:.1%} of {len(self.clips.truth)} clips right"]
        if (headline := self.headline) is not None:
            parts.append(f"{headline.score.recall:.1%} of words found at {headline.snr_db:g} dB")
        if self.negatives:
            parts.append(f"{self.negatives[-1].total.per_hour:.3g} false alarms an hour")
        return f"Evaluation({', '.join(parts)})"

    @property
    def headline(self) -> Condition | None:
        """The stream at 10 dB, or the noisiest one that is not noisier than that; None without streams."""
        plain = [condition for condition in self.conditions if not condition.rooms and condition.snr_db >= HEADLINE_DB]
        return min(plain, key=lambda condition: condition.snr_db, default=None)

    @property
    def findings(self) -> list[Finding]:
        """What to worry about, the worst first."""
        return findings_of(self)

    @property
    def semantics(self) -> dict[str, str]:
        """How the figures are counted, by a name each."""
        return semantics_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as JSON has them: no sounds, but every mistake.

        Returns
        -------
        figures : dict
        """
        return {
            "format": FORMAT,
            "model": self.model,
            "data": self.data,
            "settings": self.settings.get_params(),
            "findings": [finding._asdict() for finding in self.findings],
            "clips": self.clips.summary(),
            "streams": [_condition(condition) for condition in self.conditions],
            "challenges": [
                {**challenge._asdict(), "share": challenge.share, "interval": challenge.interval}
                for challenge in self.challenges
            ],
            "negatives": [_negatives(score) for score in self.negatives],
            "det": [{**curve._asdict(), "points": [p._asdict() for p in curve.points]} for curve in self.curves],
            "operating_points": [point._asdict() for point in self.operating_points],
            "mistakes": [as_json(mistake) for mistake in self.mistakes],
            "semantics": self.semantics,
        }


def _rate(rate: FalseAlarmRate) -> dict[str, Any]:
    return {"count": rate.count, "per_hour": rate.per_hour, "interval": (rate.low, rate.high)}


def _condition(condition: Condition) -> dict[str, Any]:
    score = condition.score
    delays = {"median_delay_s": score.median_delay_s, "delay_95_s": score.delay_95_s} if score.delays_s else {}
    return {
        "name": condition.name,
        "snr_db": condition.snr_db,
        "rooms": condition.rooms,
        "hours": score.hours,
        "words": score.words,
        "found": score.hits,
        "recall": score.recall if score.words else None,
        "recall_interval": score.recall_interval,
        **delays,
        "false_alarms": _rate(score.false_alarms),
        "false_alarms_over": condition.alarms_over,
        "by_word": [
            {
                "label": word.label,
                "words": word.words,
                "found": word.hits,
                "recall_interval": word.recall_interval,
                "false_alarms": word.false_alarms.count,
            }
            for word in score.by_word
        ],
    }


def _negatives(score: NegativeScore) -> dict[str, Any]:
    return {
        "source": score.source,
        "recordings": score.recordings,
        "left_out": score.left_out,
        "hours": score.seconds / 3600,
        "false_alarms": _rate(score.total),
        "by_word": {word: _rate(score.of(word)) for word in score.by_word},
    }
