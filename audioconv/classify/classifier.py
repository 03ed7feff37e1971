"""The estimator: from clips to a trained network, with scikit-learn's contract."""

import os
import pathlib
from collections.abc import Mapping, Sequence, Sized
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from audioconv import models
from audioconv._typing import Array, ArrayLike, Float32Array, Path
from audioconv.arrays import RandomState, seed_of
from audioconv.classify import clip_digests, serialization, training
from audioconv.classify.adaptation import adapt
from audioconv.classify.augmentation import Augmentation
from audioconv.classify.clips import Clips
from audioconv.classify.data_loader import DataLoader
from audioconv.classify.feature_statistics import FeatureStatistics
from audioconv.classify.labels import check_labels
from audioconv.classify.model_card import ModelCard, count_speakers
from audioconv.classify.parameters import NestedParameters, check_parameters
from audioconv.classify.prediction import PredictorMixin
from audioconv.classify.progress import Notices
from audioconv.classify.scorer import Scorer
from audioconv.classify.sliding_window import THRESHOLD
from audioconv.classify.training_config import TrainingConfig, default_model


class KeywordClassifier(ClassifierMixin, PredictorMixin, NestedParameters):  # type: ignore[misc]  # scikit-learn has no types
    """A small convolutional network that tells words apart, in clips and in streams.

    Parameters
    ----------
    model : str, or function, optional
        Architecture, one of `audioconv.models.MODELS`; or a function (classes, features, *, rng) that makes a list of
        layers, from (batch, frames, features) or (batch, frames, features, 1) to (batch, classes). By default
        tc-resnet8, and cnn-tc-resnet for 8,000 clips or more.
    sample_rate : int, in Hz
        Of the clips; files of another rate are resampled.
    clip_s : float, in seconds
        Length of a clip; shorter ones are put between zeros, of longer ones the loudest stretch is taken.
    epochs : int, optional
        Default 75, or more for small sets: as many as make 3,400 steps, at most 1,700. Of minirocket 1.
    batch_size : int
    learning_rate : float, optional
        Peak of the schedule; default 0.01.
    training : TrainingConfig, optional
        Weight decay, label smoothing, warm-up, moving average, test-time augmentation, and what `epochs` and
        `learning_rate` are by default. Parameters as `training__label_smoothing` reach it, in `set_params` and grid
        searches.
    augment : bool or Augmentation
        Change the clips anew in each epoch. Parameters as `augment__snr_db` reach it. With 8,000 clips or more, words
        made of pieces of clips are added to those of "unknown", if there are any, and what is heard before and after
        words to the noises.
    background_noise : list of paths or of float arrays at `sample_rate`, optional
        Mixed into the clips when augmenting, beside white, pink and brown noise made at run time.
    silence : str, optional
        A class of this label for noise alone, trained on the background noises. Without it, they are "silence" or
        "unknown" (with underscores or not) if there are clips of such a label, else all classes alike.
    class_weight : None, "balanced" or dict of label -> number
        How much clips of each label count, as in scikit-learn; balanced: as if there were as many of each. With None
        all count alike; of 8,000 clips or more, those of "unknown" together at most as much as those of two words.
    threads : int, optional
        Default `AUDIOCONV_THREADS`, or the cores of this process. The result does not depend on it.
    random_state : int, RandomState or Generator, optional
        The same number, of any size from 0, gives the same weights, bit for bit. None is 0. Of a RandomState or
        Generator each `fit` draws another number, `seed_`.
    verbose : int
        1 shows a progress bar and notices on stderr.

    Attributes
    ----------
    scorer_ : Scorer
        What turns clips and streams into posteriors; it has the next seven attributes.
    classes_ : array of labels, sorted
    model_ : str, or function
        The architecture of the network: `model`, or what it is by default.
    network_ : nn.Sequential or MiniRocket
    features_ : LogMel or Mfcc
    mean_, std_ : float32 arrays, shape (features,)
        Of the training set, by which features are standardised.
    tta_pitch_factors_ : tuple of float
        Test-time augmentation: a clip is scored as if it were so many times as high; the mean of the logits decides.
    tta_shifts_s_ : tuple of float
        And as if it came so many seconds later.
    statistics_ : FeatureStatistics or None
        What `adapt` needs to know of the training; None of a model that does not remember it.
    threshold_ : float
        For detectors; chosen on the validation clips if `fit` had some.
    history_ : list of dict
        One an epoch: epoch, loss, accuracy, val_accuracy, learning_rate, seconds.
    best_epoch_ : int
        The one whose weights were kept, from 1; 0 if none was finished.
    interrupted_ : bool
        Whether Ctrl-C ended the training; the weights are the best until then.
    seed_ : int
        What all random numbers of the training came from.
    trained_on_, validated_on_ : uint64 arrays, sorted
        Digests of the clips that were trained on, and of those of `validation`; see `was_trained_on`. None if the model
        is of a file that does not have them.
    split_ : dict or None
        How the clips were split, if `audioconv train` did it: speaker, words, seed.
    card_ : ModelCard
        What `fit` records of the clips, and texts that may be added: `dataclasses.replace(clf.card_, licence="...")`.
    parity_ : float
        Of a model that was loaded: by how much the posteriors of its probe differ from those where it was made.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> rng = np.random.default_rng(0)
    >>> tone = np.sin(np.arange(16000) / 4).astype("float32")
    >>> hiss = rng.standard_normal(16000).astype("float32")
    >>> X = np.stack([tone, hiss] * 8) * rng.uniform(0.01, 0.1, (16, 1)).astype("float32")
    >>> clf = ac.KeywordClassifier(epochs=60, augment=False, verbose=0).fit(X, ["tone", "hiss"] * 8)
    >>> clf.predict(X[:2]).tolist()
    ['tone', 'hiss']
    """

    history_: list[dict[str, Any]]
    best_epoch_: int
    interrupted_: bool
    model_: models.ModelName | models.ModelFactory
    n_features_in_: int
    seed_: int
    split_: dict[str, Any] | None
    statistics_: FeatureStatistics | None
    card_: ModelCard
    parity_: float

    def __init__(
        self,
        model: models.ModelName | models.ModelFactory | None = None,
        *,
        sample_rate: int = 16000,
        clip_s: float = 1.0,
        epochs: int | None = None,
        batch_size: int = 100,
        learning_rate: float | None = None,
        training: TrainingConfig | None = None,
        augment: bool | Augmentation = True,
        background_noise: Sequence[Path | ArrayLike] | None = None,
        silence: Any = None,
        class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
        threads: int | None = None,
        random_state: RandomState = None,
        verbose: int = 1,
    ) -> None:
        self.model = model
        self.sample_rate = sample_rate
        self.clip_s = clip_s
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.training = training
        self.augment = augment
        self.background_noise = background_noise
        self.silence = silence
        self.class_weight = class_weight
        self.threads = threads
        self.random_state = random_state
        self.verbose = verbose

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        defaults = type(self)().get_params(deep=False)
        params = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name not in ("model", "background_noise")
        }
        said = [f"{name}={value!r}" for name, value in params.items() if not _same(value, defaults[name])]
        if self.background_noise is not None:
            noises = self.background_noise
            said.append(f"background_noise={f'<{len(noises)} noises>' if isinstance(noises, Sized) else repr(noises)}")
        fitted = f", fitted to {len(self.classes_)} classes" if hasattr(self, "scorer_") else ""
        model = getattr(self, "model_", self.model)
        said = said if model is None else [repr(serialization.name_of(model)), *said]
        return f"{type(self).__name__}({', '.join(said)}){fitted}"

    @property
    def clip_length(self) -> int:
        """Length of a clip in samples."""
        return round(self.clip_s * self.sample_rate)

    # --- training ---

    def fit(
        self,
        X: Clips,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        validation: tuple[Clips, ArrayLike] | None = None,
        checkpoint: Path | None = None,
        sample_weight: ArrayLike | None = None,
        sublabels: ArrayLike | None = None,
    ) -> Self:
        """Train on labelled clips.

        Parameters
        ----------
        X : list of paths, or float array of shape (clips, samples) at `sample_rate`
        y : sequence of labels
        groups : sequence, optional
            The speaker of each clip: how many there are is recorded on the card, and made-up words are of one each.
        validation : (X, y), optional
            Clips that are not trained on: the weights of the last epoch that is not clearly worse than the best one are
            kept, and the threshold of detectors is chosen on them.
        checkpoint : path, optional
            Where the state of the training is saved while it runs. If the file is there, the training resumes from it,
            to the same weights as if it had never stopped.
        sample_weight : float array, shape (clips,), optional
            How much the loss of each clip counts, beside `class_weight`; their mean does not matter. Clips of weight 0
            are left out.
        sublabels : sequence of str, optional
            Which word each clip of "unknown" is; of other clips what it holds does not matter. A network that is
            trained on 8,000 clips or more learns them beside its classes, and so keeps apart what `adapt` is to tell.

        Returns
        -------
        self : KeywordClassifier

        Raises
        ------
        ArgumentError, ShapeError, DtypeError, AudioFileError, ModelFileError
            If there are fewer than two labels, as many labels as clips are not given, a parameter makes no sense, or
            clips cannot be used; of files that cannot be read each is named.
        """
        check_parameters(self)
        seed, notices = seed_of(self.random_state), Notices(self.verbose)
        task = training.make_task(self, X, y, groups, validation, sample_weight, sublabels)
        model = default_model(len(task.train.X)) if self.model is None else self.model
        features = models.resolve_model(model).features(int(self.sample_rate))
        if notice := training.notice_of_silence(self, task):
            notices.say(notice)
        clips, held_out = training.read_examples(self, task.train, notices), None
        if task.validation is not None:
            held_out = training.read_examples(self, task.validation, notices), task.validation.labels
        noises = training.load_noises(self, clips, seed, notices)
        frames = features.frames(self.clip_length)
        network = models.build(model, len(task.classes), features.n_features, seed, frames)
        loader = training.make_loader(
            self, task, training.make_augmenter(self, task, clips, features, noises, seed), network
        )
        # from here on nothing is refused, so that a refitted object is never half old and half new
        self.scorer_ = Scorer(task.classes, features, network, loader.mean, loader.std, self.clip_length, *self._tta())
        self.model_ = model
        self.n_features_in_, self.threshold_ = _samples(task.train.X, self.clip_length), THRESHOLD
        self.seed_, self.split_ = seed, None
        self.card_ = ModelCard().with_facts(
            {
                "clips": len(clips),
                "speakers": count_speakers(groups),
                "validation_clips": None if held_out is None else len(held_out[0]),
                "background_noises": len(noises) or None,
            }
        )
        self.trained_on_, self.validated_on_ = (
            np.unique(clip_digests.digests(some, self.threads))
            for some in (clips, np.empty((0, 0), np.float32) if held_out is None else held_out[0])
        )
        path = None if checkpoint is None else pathlib.Path(checkpoint)
        self._train(loader, task.class_weight, held_out, path)
        if held_out is not None:
            self._calibrate(*held_out, noises, seed)
        return self

    def _train(
        self,
        loader: DataLoader,
        class_weight: Array | None,
        held_out: tuple[Float32Array, Array] | None,
        checkpoint: pathlib.Path | None,
    ) -> None:
        self.history_, self.best_epoch_, self.interrupted_ = training.train_network(
            self, self.scorer_, loader, class_weight, held_out, checkpoint
        )
        self.statistics_ = None
        try:
            if self.history_:
                self.statistics_ = training.feature_statistics(self.scorer_, loader, self.threads)
        except KeyboardInterrupt:  # a second one: the weights are worth more than what `adapt` needs
            self.interrupted_ = True

    def _calibrate(self, clips: Float32Array, labels: Array, noises: list[Float32Array], seed: int) -> None:
        """Choose the threshold of detectors; Ctrl-C leaves the default, and the trained weights."""
        from audioconv.classify.calibrate import choose_threshold

        try:
            self.threshold_ = choose_threshold(self.scorer_, clips, labels, noises, seed=seed, threads=self.threads)
        except KeyboardInterrupt:
            self.interrupted_ = True

    def _training_config(self) -> TrainingConfig:
        return TrainingConfig() if self.training is None else self.training

    def _augmentation(self) -> Augmentation | None:
        if isinstance(self.augment, Augmentation):
            return self.augment
        return Augmentation() if self.augment else None

    def _tta(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Pitch factors and shifts of test-time augmentation: none where training was without augmentation."""
        if not self._augmentation():
            return (1.0,), (0.0,)
        config = self._training_config()
        return tuple(map(float, config.tta_pitch_factors)), tuple(map(float, config.tta_shifts_s))

    def adapt(self, X: Clips, y: ArrayLike) -> Self:
        """Make a classifier that knows more words, or known ones better, from 3 to 20 clips of each.

        Only these clips and what the model remembers of its training are used, `statistics_`, and it takes seconds. The
        network stays as it is but for its last layer, in which a new word gets a column of its own, and that of a known
        word is moved towards its clips. A clip is what it was before unless a new word is likelier.

        Parameters
        ----------
        X : list of paths, or float array of shape (clips, samples) at `sample_rate`
            Each with its word once, of as many speakers as can be had.
        y : sequence of labels
            New ones, and such that the classifier has.

        Returns
        -------
        classifier : KeywordClassifier
            Another one; this one is as it was, so that the two can be compared.

        Raises
        ------
        ArgumentError, ShapeError, DtypeError, AudioFileError
            If the model remembers nothing of its training, as one of another architecture than those that end in a
            dense layer, there are fewer than two clips of a new word, labels are such as "unknown", or clips cannot be
            used.

        Examples
        --------
        >>> import audioconv as ac
        >>> clf = ac.KeywordClassifier.load("words.safetensors")  # doctest: +SKIP
        >>> more = clf.adapt(["anna.wav", "ben.wav", "cleo.wav"], ["computer"] * 3)  # doctest: +SKIP
        """
        clips = self._clips(X)
        labels = check_labels(y, len(clips))
        return adapt(self, {label: clips[labels == label] for label in np.unique(labels).tolist()})

    # --- files ---

    def save(self, path: Path) -> None:
        """Serialise the trained model to a safetensors file, replacing one that is there (atomic write).

        Parameters
        ----------
        path : path
            Ends in .safetensors, .model or nothing.

        Raises
        ------
        ArgumentError
            For what is no path.
        ModelFileError
            If it cannot be written, or the name has the suffix of another format.
        """
        check_is_fitted(self, "scorer_")
        serialization.save(self, path)

    @classmethod
    def load(cls, path: Path = serialization.SHIPPED, model: models.ModelFactory | None = None) -> Self:
        """Load a model that `save` serialised, with its parameters.

        Parameters
        ----------
        path : path
            By default the classifier that comes along: *yes no up down left right go stop*, other words, and silence.
        model : function, optional
            That made the network, where it was not one of `audioconv.models.MODELS`.

        Returns
        -------
        classifier : KeywordClassifier

        Raises
        ------
        ArgumentError
            For what is no path.
        ModelFileError
            If it cannot be read, is not complete, is that of a detector, or if this installation does not give the
            posteriors that it gave where it was made.
        """
        return serialization.load(cls, path, model)


def _samples(X: Any, clip_length: int) -> int:
    """Samples of the clips that are given as arrays; those of files are brought to `clip_length`."""
    return clip_length if isinstance(X[0], (str, os.PathLike)) else len(X[0])


def _same(value: Any, default: Any) -> bool:
    """Whether a parameter has its default, so that `repr` leaves it out."""
    return value is default or (type(value) is type(default) and bool(value == default))
