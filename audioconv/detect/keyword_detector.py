"""The estimator: from clips of words and hours of other sound to a detector of these words in streams."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from audioconv import models
from audioconv._typing import Array, ArrayLike, Float32Array, Path
from audioconv.arrays import RandomState, number, seed_of
from audioconv.classify.clips import Clips, check_clips
from audioconv.classify.decoder import REARM_RATIO, REFRACTORY_S, EventDecoder
from audioconv.classify.feature_statistics import FeatureStatistics, statistics_arrays, stored_statistics
from audioconv.classify.labels import NON_KEYWORD_LABELS, SILENCE_LABELS, check_labels
from audioconv.classify.model_card import ModelCard, count_speakers
from audioconv.classify.model_parts import stored_array
from audioconv.classify.progress import Notices
from audioconv.classify.settings import Settings
from audioconv.detect import serialization
from audioconv.detect.adaptation import adapt
from audioconv.detect.calibration import choose_thresholds
from audioconv.detect.estimator import DetectorEstimator
from audioconv.detect.frame_scorer import MIN_DURATION_S, SMOOTHING_S
from audioconv.detect.mixtures import MixtureGenerator, MixtureSettings
from audioconv.detect.negatives import NegativeFrames, Sources
from audioconv.detect.stream import DetectorStream
from audioconv.detect.training import DetectorTrainer
from audioconv.detect.training_config import DetectorTraining
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv.detect.evaluation import Evaluation, EvaluationSettings, Negatives

THRESHOLD = 0.5  # until `calibrate` chooses others
MOST_WORD_S = 60.0  # in a file


class KeywordDetector(DetectorEstimator):
    """A small causal network that tells, as they are said, the words in a stream.

    In contrast to `KeywordClassifier`, which labels clips, it is trained on stretches of sound as they are: words among
    other words, halves of words, running speech, noise. It scores every frame once, and tells a word right after its
    end.

    Parameters
    ----------
    model : str, or function
        Architecture, one of `audioconv.models.FRAME_MODELS`; or a function (classes, features, *, rng) that makes a
        list of causal layers, from (batch, frames, features) to logits (batch, rows, classes).
    sample_rate : int, in Hz
        Of the clips and streams; files of another rate are resampled.
    training : DetectorTraining, optional
        Rounds, steps, learning rate and the like.
    mixtures : MixtureSettings, optional
        What the stretches of sound are made of.
    threads : int, optional
        Default `AUDIOCONV_THREADS`, or the cores of this process. The result does not depend on it.
    random_state : int, RandomState or Generator, optional
        The same number gives the same weights, bit for bit. None is 0.
    verbose : int
        1 shows a progress bar and notices on stderr.

    Attributes
    ----------
    classes_ : array of labels, sorted
        The keywords.
    thresholds_ : float array, shape (keywords,)
        The smoothed posterior from which each word counts; 0.5 until `calibrate` chooses others.
    scorer_ : FrameScorer
        What turns sound into posteriors.
    statistics_ : FeatureStatistics or None
        What `adapt` needs to know of the training; None of a model that does not remember it.
    word_s_ : float array, shape (keywords,), in seconds
        The mean duration of each word, by which detections say when it began.
    history_ : list of dict
        One a round: round, loss, hard_negatives.
    interrupted_ : bool
        Whether Ctrl-C ended the training.
    card_ : ModelCard
        What `fit` and `calibrate` record, and texts that may be added: `dataclasses.replace(d.card_, licence="...")`.
    parity_ : float
        Of a detector that was loaded: by how much the posteriors of its probe differ from those where it was made.

    References
    ----------
    Chen, Parada, Heigold, Small-footprint keyword spotting using deep neural networks, ICASSP 2014.
    Wang et al., WeKws, ICASSP 2023 (arXiv 2210.16743).
    Shrivastava, Gupta, Girshick, Training region-based object detectors with online hard example mining, CVPR 2016.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> from audioconv.detect import DetectorTraining
    >>> times = np.arange(4800) / 16000
    >>> words = [np.pad(np.sin(2 * np.pi * hz * times), 5600).astype("float32") for hz in (500, 1500)] * 4
    >>> quick = DetectorTraining(rounds=1, steps=120, stretches=60, batch_size=10)
    >>> detector = ac.KeywordDetector(training=quick, verbose=0).fit(np.stack(words), ["low", "high"] * 4)
    >>> detector.classes_.tolist()
    ['high', 'low']
    >>> stream = np.concatenate([np.zeros(8000, "float32"), 0.1 * words[0], np.zeros(8000, "float32")])
    >>> [str(found.label) for found in detector.detect(stream)]
    ['low']
    """

    _kind, _classes_name, _multi_label = "KeywordDetector", "keywords", False
    _settings: ClassVar[dict[str, type[Settings]]] = {"training": DetectorTraining, "mixtures": MixtureSettings}
    word_s_: Array
    statistics_: FeatureStatistics | None

    def __init__(
        self,
        model: models.FrameModelName | models.ModelFactory = "ds-tcn",
        *,
        sample_rate: int = 16000,
        training: DetectorTraining | None = None,
        mixtures: MixtureSettings | None = None,
        threads: int | None = None,
        random_state: RandomState = None,
        verbose: int = 1,
    ) -> None:
        self.model = model
        self.sample_rate = sample_rate
        self.training = training
        self.mixtures = mixtures
        self.threads = threads
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: Clips,
        y: ArrayLike,
        *,
        negatives: Sources | None = None,
        false_alarms: Sources | None = None,
        background_noise: Sequence[Path | ArrayLike] | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train on clips of words, and on sound that holds none of them.

        Parameters
        ----------
        X : list of paths, or float array of shape (clips, samples) at `sample_rate`
            Each with its word once.
        y : sequence of labels
            Clips of "unknown" are other words; those of "silence" and the like are left out.
        negatives : sound files, folders of them, or float arrays at `sample_rate`, optional
            Hours of speech and other sound without the keywords. Pieces of it lie around the words; and it is gone
            through between rounds: what is nearly taken for a word becomes training.
        false_alarms : sound files, folders of them, or float arrays at `sample_rate`, optional
            Sounds that a detector took for words, such as `audioconv listen --capture` writes. All of them are hard
            negatives from the first round on.
        background_noise : list of paths or of float arrays at `sample_rate`, optional
            Mixed in, beside white, pink and brown noise made at run time.
        groups : sequence, optional
            The speaker of each clip: how many there are is recorded on the card.

        Returns
        -------
        self : KeywordDetector
            With the weights so far if Ctrl-C ended the training.

        Raises
        ------
        ArgumentError, ShapeError, DtypeError, AudioFileError
            If there is no keyword, as many labels as clips are not given, a parameter makes no sense, or recordings
            cannot be used.
        """
        features = self._checked()
        clips, notices = check_clips(X), Notices(self.verbose)
        labels, seed = check_labels(y, len(clips)), seed_of(self.random_state)
        classes = np.unique([label for label in labels.tolist() if str(label) not in NON_KEYWORD_LABELS])
        if not len(classes):
            raise ArgumentError("y must hold at least one keyword, not other words and noise alone")
        samples = self._recordings(clips, notices)
        others = [clip for clip, label in zip(samples, labels.tolist(), strict=True) if _is_other_word(label)]
        words = [[samples[i] for i in np.flatnonzero(labels == label).tolist()] for label in classes]
        noises = [] if background_noise is None else self._recordings(list(background_noise), notices)
        hours, captured = (
            None if sources is None else NegativeFrames(sources, features, threads=self.threads, notices=notices)
            for sources in (negatives, false_alarms)
        )
        speech = [] if hours is None else [hours.samples(i) for i in range(len(hours))]
        generator = MixtureGenerator(
            words, others, speech, noises, self.mixtures, sample_rate=self.sample_rate, seed=seed
        )
        scorer, trained = self._untrained(classes, features, seed)
        config = self.training or DetectorTraining()
        trainer = DetectorTrainer(scorer, trained, generator, hours, captured, config, seed, self.threads)
        self._train(trainer, seed)
        self.thresholds_, self.statistics_ = np.full(len(classes), THRESHOLD), trainer.feature_statistics()
        self.word_s_ = generator.word_s
        self.card_ = ModelCard().with_facts(
            {
                "clips": sum(map(len, words)),
                "clips_of_other_words": len(others),
                "speakers": count_speakers(groups),
                "negatives_h": None if hours is None else round(hours.hours, 4),
                "captured_false_alarms": None if captured is None else len(captured),
                "background_noises": len(noises) or None,
            }
        )
        return self

    def _decoder(self, threshold: ArrayLike | None) -> EventDecoder:
        return self.scorer_.decoder(self.thresholds_ if threshold is None else threshold, **self._decision())

    def _decision(self) -> dict[str, Any]:
        """The settings of the decoder beside its thresholds."""
        return {"word_s": self.word_s_, "delay_s": (self.training or DetectorTraining()).lag_s}

    def stream(self, *, sample_rate: int | None = None, threshold: ArrayLike | None = None) -> DetectorStream:
        """Make a stream that tells words as they are said.

        Parameters
        ----------
        sample_rate : int, in Hz, optional
            Of the stream; by default that of the detector.
        threshold : float, or one for each keyword, optional
            The smoothed posterior from which a word counts; default `thresholds_`.

        Returns
        -------
        stream : DetectorStream
        """
        check_is_fitted(self, "scorer_")
        thresholds = self.thresholds_ if threshold is None else threshold
        return DetectorStream(self.scorer_, thresholds, sample_rate=sample_rate, **self._decision())

    def _decision_facts(self) -> dict[str, Any]:
        facts = {"smoothing_s": SMOOTHING_S, "min_duration_s": MIN_DURATION_S, "refractory_s": REFRACTORY_S}
        return facts | {"rearm_ratio": REARM_RATIO} | self._decision() | {"word_s": self.word_s_.tolist()}

    def calibrate(self, negatives: Sources, false_alarms_per_hour: float = 0.5) -> Self:
        """Choose the threshold of each word by sound that holds none of them.

        Parameters
        ----------
        negatives : sound files, folders of them, or float arrays at `sample_rate`
            That were not trained on, such as what the detector will hear all day.
        false_alarms_per_hour : float, an hour
            Of all words together, at most.

        Returns
        -------
        self : KeywordDetector
            With `thresholds_`. A notice says if the negatives are too short for the promise.

        Raises
        ------
        ArgumentError, AudioFileError
        """
        check_is_fitted(self, "scorer_")
        number(false_alarms_per_hour, "false_alarms_per_hour", above=0)
        notices = Notices(self.verbose)
        hours = NegativeFrames(negatives, self.scorer_.features, threads=self.threads, notices=notices)
        rows = [self.scorer_.posteriors(hours.samples(i)) for i in range(len(hours))]
        self.thresholds_ = choose_thresholds(
            lambda thresholds: self.scorer_.decoder(thresholds, **self._decision()),
            rows,
            hours.hours,
            false_alarms_per_hour,
            notices=notices,
        )
        self.card_ = self.card_.with_facts(
            {"false_alarms_per_hour": float(false_alarms_per_hour), "calibration_h": round(hours.hours, 4)}
        )
        return self

    def adapt(self, X: Clips, y: ArrayLike) -> Self:
        """Make a detector that knows more words, or known ones better, from 3 to 20 clips of each.

        Only these clips and what the model remembers of its training are used, `statistics_`: no other sound is
        needed, and it takes seconds. The network stays as it is but for its last layer, in which a new word gets a
        column of its own, and that of a known word is moved towards its clips. A word is told as before unless a new
        one is likelier at that moment. The threshold of a new word is 0.5. How many false alarms that costs only sound
        can say that holds none of the words: give some to `calibrate`. They are far more than of words that were
        trained, tens an hour of speech, and short words are found less often than long ones (docs/trials.md, "Words
        from few clips").

        Parameters
        ----------
        X : list of paths, or float array of shape (clips, samples) at `sample_rate`
            Each with its word once, of as many speakers as can be had.
        y : sequence of labels
            New ones, and such that the detector has.

        Returns
        -------
        detector : KeywordDetector
            Another one; this one is as it was, so that the two can be compared.

        Raises
        ------
        ArgumentError, ShapeError, DtypeError, AudioFileError
            If the model remembers nothing of its training, there are fewer than two clips of a new word, labels are
            such as "unknown", or recordings cannot be used.

        Examples
        --------
        >>> import audioconv as ac
        >>> detector = ac.KeywordDetector.load("words.safetensors")  # doctest: +SKIP
        >>> more = detector.adapt(["anna.wav", "ben.wav", "cleo.wav"], ["computer"] * 3)  # doctest: +SKIP
        """
        check_is_fitted(self, "scorer_")
        clips = check_clips(X)
        labels = check_labels(y, len(clips)).tolist()
        words: dict[Any, list[Float32Array]] = {}
        for label, samples in zip(labels, self._recordings(clips, Notices(self.verbose)), strict=True):
            words.setdefault(label, []).append(samples)
        return adapt(self, words)

    def evaluate(
        self,
        X: Clips,
        y: ArrayLike,
        *,
        speakers: Sequence[Any] | None = None,
        negatives: "Sources | Negatives | None" = None,
        background_noise: Sequence[Path | ArrayLike] | None = None,
        settings: "EvaluationSettings | None" = None,
    ) -> "Evaluation":
        """Measure how well it does, on clips, in streams, and in hours without the words: `detect.evaluate`.

        Parameters
        ----------
        X : list of paths, or float array of shape (clips, samples) at `sample_rate`
            That were not trained on.
        y : sequence of labels
            All that are no keywords are other words.
        speakers : sequence, optional
            Who says each clip.
        negatives : sound files, folders of them, float arrays, or Negatives, optional
            Sound without the keywords that was not trained on.
        background_noise : list of paths, or of float arrays at `sample_rate`, optional
            That words are put into; by default synthetic noise.
        settings : EvaluationSettings, optional

        Returns
        -------
        evaluation : Evaluation
            `report.save_evaluation` writes it as a page.
        """
        from audioconv.detect.evaluation import evaluate

        return evaluate(
            self, X, y, speakers=speakers, negatives=negatives, background_noise=background_noise, settings=settings,
            verbose=self.verbose,
        )  # fmt: skip

    def _own_arrays(self) -> dict[str, Array]:
        return {"word_s": self.word_s_} | statistics_arrays(self.statistics_)

    def _take_arrays(self, arrays: dict[str, Array]) -> None:
        self.word_s_ = stored_array(arrays, "word_s", "float64", (len(self.classes_),), 0, MOST_WORD_S)
        self.statistics_ = stored_statistics(arrays, self.scorer_.network, 1 + len(self.classes_))

    @classmethod
    def load(cls, path: Path = serialization.SHIPPED, model: models.ModelFactory | None = None) -> Self:
        """Load a detector that `save` serialised, or the one that comes along.

        Parameters
        ----------
        path : path
            By default the detector that comes along: eight English words, learnt from people.
        model : function, optional
            That made the network, where it was not one of `audioconv.models.FRAME_MODELS`.

        Returns
        -------
        detector : KeywordDetector

        Raises
        ------
        ModelFileError
            If it cannot be read, is not complete, is that of a classifier, or if this installation does not give the
            posteriors that it gave where it was made.
        """
        return super().load(path, model)


def _is_other_word(label: Any) -> bool:
    return str(label) in NON_KEYWORD_LABELS and str(label) not in SILENCE_LABELS
