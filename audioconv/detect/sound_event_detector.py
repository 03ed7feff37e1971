"""The estimator: from recordings with known sound events to a detector of such events in streams."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from audioconv import models
from audioconv._typing import ArrayLike, Float32Array, Path
from audioconv.arrays import RandomState, number, seed_of
from audioconv.classify.detections import Detection
from audioconv.classify.labels import check_labels
from audioconv.classify.model_card import ModelCard
from audioconv.classify.progress import Notices
from audioconv.classify.settings import Settings
from audioconv.detect.estimator import DetectorEstimator
from audioconv.detect.evaluation.sound_event_score import COLLAR_S, SEGMENT_S, SoundEventScore, score_sound_events
from audioconv.detect.mixtures import Span
from audioconv.detect.negatives import NegativeFrames
from audioconv.detect.sound_event_decoder import RELEASE_RATIO, SoundEventDecoder
from audioconv.detect.sound_event_stream import SoundEventStream
from audioconv.detect.sound_events import Events, Recordings, SoundEvent, events_of, listed
from audioconv.detect.stretches import StretchCutter
from audioconv.detect.training import SoundEventTrainer
from audioconv.detect.training_config import SoundEventTraining
from audioconv.errors import ArgumentError

TOLERANCE = 0.01  # of thresholds that are as good as the best
THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)
THRESHOLD = 0.4  # until `calibrate` chooses others
MOST_S = 60.0  # of a setting of the decision


@dataclass(frozen=True, repr=False)
class SoundEventDecision(Settings):
    """How a `SoundEventDetector` decides what begins and ends, beyond its thresholds.

    Parameters
    ----------
    smoothing_s : float, in seconds
        Posteriors are averaged over so long.
    min_duration_s : float, in seconds
        Shorter events are dropped.
    gap_s : float, in seconds
        Events of a class that are no further apart are one.

    Raises
    ------
    ArgumentError
        For a number that is out of its range.

    Examples
    --------
    >>> from audioconv.detect import SoundEventDecision
    >>> SoundEventDecision(gap_s=1.0)
    SoundEventDecision(gap_s=1.0)
    """

    smoothing_s: float = 0.12
    min_duration_s: float = 0.2
    gap_s: float = 0.6

    def __post_init__(self) -> None:
        for name in self.names():
            number(getattr(self, name), name, 0, MOST_S)


class SoundEventDetector(DetectorEstimator):
    """A small causal dilated network that tells which sounds are in a stream, from when to when.

    Sounds of different classes may overlap: each class has a posterior of its own in each row.

    Parameters
    ----------
    model : str, or function
        Architecture, one of `audioconv.models.FRAME_MODELS`; or a function (classes, features, *, rng) that makes a
        list of causal layers, from (batch, frames, features) to logits (batch, rows, classes).
    sample_rate : int, in Hz
        Of the recordings and streams; files of another rate are resampled.
    training : SoundEventTraining, optional
        Rounds, steps, learning rate and the like.
    decision : SoundEventDecision, optional
        Smoothing, shortest duration and longest gap.
    threads : int, optional
        Default `AUDIOCONV_THREADS`, or the cores of this process. The result does not depend on it.
    random_state : int, RandomState or Generator, optional
        The same number gives the same weights, bit for bit. None is 0.
    verbose : int
        1 shows a progress bar and notices on stderr.

    Attributes
    ----------
    classes_ : array of labels, sorted
    thresholds_ : float array, shape (classes,)
        The smoothed posterior from which each class counts; 0.4 until `calibrate` chooses others.
    scorer_ : FrameScorer
        What turns sound into posteriors.
    history_ : list of dict
        One a round: round, loss.
    interrupted_ : bool
        Whether Ctrl-C ended the training.
    card_ : ModelCard
        What `fit` records, and texts that may be added: `dataclasses.replace(d.card_, licence="...")`.
    parity_ : float
        Of a detector that was loaded: by how much the posteriors of its probe differ from those where it was made.

    References
    ----------
    Mesaros et al., Sound event detection: a tutorial, IEEE Signal Processing Magazine 38 (2021).
    Guirguis et al., SELD-TCN: sound event localization & detection via temporal convolutional networks, EUSIPCO 2020.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> from audioconv.detect import SoundEventTraining
    >>> tones = [np.sin(2 * np.pi * hz * np.arange(16000) / 16000).astype("float32") for hz in (500, 1500)]
    >>> mixed = list(ac.mix_events(tones, ["low", "high"], count=4, duration_s=20, random_state=0))
    >>> quick = SoundEventTraining(rounds=1, steps=60, stretches=40, stretch_s=4.0, batch_size=8, learning_rate=0.01)
    >>> detector = ac.SoundEventDetector(training=quick, verbose=0)
    >>> detector = detector.fit([m.samples for m in mixed], [event for m in mixed for event in m.events])
    >>> detector.classes_.tolist()
    ['high', 'low']
    """

    _kind, _classes_name, _multi_label = "SoundEventDetector", "classes", True
    _settings: ClassVar[dict[str, type[Settings]]] = {"training": SoundEventTraining, "decision": SoundEventDecision}

    def __init__(
        self,
        model: models.FrameModelName | models.ModelFactory = "sed-tcn",
        *,
        sample_rate: int = 16000,
        training: SoundEventTraining | None = None,
        decision: SoundEventDecision | None = None,
        threads: int | None = None,
        random_state: RandomState = None,
        verbose: int = 1,
    ) -> None:
        self.model = model
        self.sample_rate = sample_rate
        self.training = training
        self.decision = decision
        self.threads = threads
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        recordings: Recordings,
        events: Events,
        *,
        background_noise: Sequence[Path | ArrayLike] | None = None,
    ) -> Self:
        """Train on recordings of which all events are known.

        Parameters
        ----------
        recordings : a folder, or a list of paths or of float arrays (samples,) at `sample_rate`
            With all that sounds of the classes; recordings without events are of use, too.
        events : path of a table, or list of (recording, onset_s, offset_s, label)
            As `read_events` takes them. A recording is the path of a file or the end of it, or the number of an array.
        background_noise : list of paths or of float arrays at `sample_rate`, optional
            Mixed in, beside white, pink and brown noise made at run time.

        Returns
        -------
        self : SoundEventDetector
            With the weights so far if Ctrl-C ended the training.

        Raises
        ------
        ArgumentError, ShapeError, DtypeError, AudioFileError
            If there are no events, or an event is of no recording, a parameter makes no sense, or recordings cannot be
            used.
        """
        features, notices, seed = self._checked(), Notices(self.verbose), seed_of(self.random_state)
        sources = listed(recordings)
        found = events_of(events, sources)
        labels = [event.label for each in found for event in each]
        if not labels:
            raise ArgumentError("events holds no event; at least one is wanted")
        classes = np.unique(check_labels(labels, len(labels)))
        heard = NegativeFrames(sources, features, threads=self.threads, notices=notices)
        index = {label: i for i, label in enumerate(classes.tolist())}
        spans = [
            [Span(index[e.label], *(round(s * self.sample_rate) for s in (e.onset_s, e.offset_s))) for e in each]
            for each in found
        ]
        noises = [] if background_noise is None else self._recordings(list(background_noise), notices)
        config = self.training or SoundEventTraining()
        scorer, trained = self._untrained(classes, features, seed)
        cutter = StretchCutter(heard, spans, noises, config, seed)
        self._train(SoundEventTrainer(scorer, trained, cutter, config, seed, self.threads), seed)
        self.thresholds_ = np.full(len(classes), THRESHOLD)
        self.card_ = ModelCard().with_facts(
            {"recordings": len(sources), "recordings_h": round(heard.hours, 4), "events": len(labels)}
        )
        return self

    def _decoder(self, threshold: ArrayLike | None) -> SoundEventDecoder:
        scorer, decision = self.scorer_, self.decision or SoundEventDecision()
        return SoundEventDecoder(
            scorer.classes,
            self.thresholds_ if threshold is None else threshold,
            row_hop_s=scorer.row_hop / scorer.sample_rate,
            row_end_s=scorer.row_end / scorer.sample_rate,
            delay_s=(self.training or SoundEventTraining()).lag_s,
            **decision.get_params(),
        )

    def _decision_facts(self) -> dict[str, Any]:
        lag_s = (self.training or SoundEventTraining()).lag_s
        decision = (self.decision or SoundEventDecision()).get_params()
        return decision | {"delay_s": lag_s, "release_ratio": RELEASE_RATIO}

    def stream(self, *, sample_rate: int | None = None, threshold: ArrayLike | None = None) -> SoundEventStream:
        """Make a stream that tells sound events when they have ended.

        Parameters
        ----------
        sample_rate : int, in Hz, optional
            Of the stream; by default that of the detector.
        threshold : float, or one for each class, optional
            The smoothed posterior from which a class counts; default `thresholds_`.

        Returns
        -------
        stream : SoundEventStream
        """
        check_is_fitted(self, "scorer_")
        return SoundEventStream(self.scorer_, self._decoder(threshold), sample_rate)

    def calibrate(self, recordings: Recordings, events: Events) -> Self:
        """Choose the threshold of each class by recordings of which all events are known.

        Parameters
        ----------
        recordings : a folder, or a list of paths or of float arrays (samples,) at `sample_rate`
            Best such as were not trained on.
        events : path of a table, or list of (recording, onset_s, offset_s, label)
            All of their events, as of `fit`.

        Returns
        -------
        self : SoundEventDetector
            With `thresholds_`: those that give the largest sum of the F1 of segments and of events. A class that is not
            there keeps its own.

        Raises
        ------
        ArgumentError, AudioFileError
        """
        rows, truth, durations_s = self._heard(recordings, events)
        scores = {
            t: score_sound_events([self._decode(r, t) for r in rows], truth, durations_s) for t in THRESHOLDS.tolist()
        }
        thresholds = self.thresholds_.copy()
        for i, label in enumerate(self.classes_.tolist()):
            if any(event.label == label for each in truth for event in each):
                thresholds[i] = _best_threshold({t: _strength(score, label) for t, score in scores.items()})
        self.thresholds_ = thresholds
        self.card_ = self.card_.with_facts({"calibration_h": round(sum(durations_s) / 3600, 4)})
        return self

    def evaluate(
        self,
        recordings: Recordings,
        events: Events,
        *,
        segment_s: float = SEGMENT_S,
        collar_s: float = COLLAR_S,
        threshold: ArrayLike | None = None,
    ) -> SoundEventScore:
        """Measure how well it does on recordings of which all events are known: `detect.score_sound_events`.

        Parameters
        ----------
        recordings : a folder, or a list of paths or of float arrays (samples,) at `sample_rate`
            Such as were not trained on.
        events : path of a table, or list of (recording, onset_s, offset_s, label)
            All of their events, as of `fit`.
        segment_s, collar_s : float, in seconds
            Length of a segment; by how much the beginning of an event may be off.
        threshold : float, or one for each class, optional
            The smoothed posterior from which a class counts; default `thresholds_`.

        Returns
        -------
        score : SoundEventScore

        Raises
        ------
        ArgumentError, AudioFileError
        """
        rows, truth, durations_s = self._heard(recordings, events)
        found = [self._decode(each, threshold) for each in rows]
        return score_sound_events(found, truth, durations_s, segment_s=segment_s, collar_s=collar_s)

    def _heard(
        self, recordings: Recordings, events: Events
    ) -> tuple[list[Float32Array], list[list[SoundEvent]], list[float]]:
        """Posteriors, events and durations of recordings."""
        check_is_fitted(self, "scorer_")
        sources = listed(recordings)
        truth = events_of(events, sources)
        rows, durations_s = [], []
        for source in sources:
            samples = self._recordings([source], Notices(self.verbose))[0]
            rows.append(self.scorer_.posteriors(samples))
            durations_s.append(samples.size / self.sample_rate)
        return rows, truth, durations_s

    def _decode(self, rows: Float32Array, threshold: ArrayLike | None) -> list[Detection]:
        decoder = self._decoder(threshold)
        return decoder.process(rows) + decoder.flush()


def _strength(score: SoundEventScore, label: Any) -> float:
    """The F1 of segments and of events of a class that is there."""
    return next(each.segments.f1 + each.events.f1 for each in score.by_class if each.label == label)


def _best_threshold(strengths: dict[float, float]) -> float:
    """The middle one of those that are nearly the best: other recordings shift it either way."""
    least = max(strengths.values()) - TOLERANCE
    near = [threshold for threshold, strength in strengths.items() if strength >= least]
    return round((near[0] + near[-1]) / 2, 3)
