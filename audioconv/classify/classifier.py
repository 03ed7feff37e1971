"""The estimator: from clips to a trained network, with scikit-learn's contract."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from audioconv import models, nn, parallel
from audioconv.arrays import seed_of
from audioconv.classify import clip_digests, closed_form, serialization
from audioconv.classify.augmentation import Augmentation, check_noise, synthetic_noise
from audioconv.classify.clips import check_clips, load_clips, read_all, read_mono
from audioconv.classify.data_loader import DataLoader
from audioconv.classify.labels import SILENCE_LABELS, UNKNOWN_LABELS, check_labels, class_weights, clip_weights
from audioconv.classify.parameters import NestedParameters, check_parameters, check_silence
from audioconv.classify.progress import Notices, Progress
from audioconv.classify.scorer import Judging
from audioconv.classify.training_config import TrainingConfig, standard_error
from audioconv.errors import ArgumentError

SHIPPED = Path(__file__).with_name("keywords.safetensors")  # made by data/make_model.py
STEP_MS = 50  # from one window of a stream to the next
THRESHOLD = 0.7  # of a detector, where there were no validation clips to choose it on


class _Examples(NamedTuple):
    """Labelled clips, checked, and read as soon as nothing else can be refused."""

    X: object
    labels: np.ndarray

    def select(self, mask):
        X = self.X[mask] if isinstance(self.X, np.ndarray) else [self.X[i] for i in np.flatnonzero(mask)]
        return _Examples(X, self.labels[mask])


class _Task(NamedTuple):
    """What is to be learnt."""

    given: _Examples
    held: _Examples | None  # to validate
    classes: np.ndarray
    targets: np.ndarray  # the class of each clip
    of_classes: np.ndarray | None  # how much clips of each class count
    weights: np.ndarray | None  # how much each clip counts


class KeywordClassifier(Judging, NestedParameters, ClassifierMixin, BaseEstimator):
    """A small convolutional network that tells words apart, in clips and in streams.

    Parameters
    ----------
    model : str, or function
        Architecture, one of `audioconv.models.MODELS`; or a function (classes, features, *, rng) that makes a list of
        layers, from (batch, frames, features) or (batch, frames, features, 1) to (batch, classes).
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
        Weight decay, label smoothing, warm-up, moving average, and what `epochs` and `learning_rate` are by default.
        Parameters as `training__label_smoothing` reach it, in `set_params` and grid searches.
    augment : bool or Augmentation
        Change the clips anew in each epoch. Parameters as `augment__snr_db` reach it.
    background_noise : list of paths or of float arrays at `sample_rate`, optional
        Mixed into the clips when augmenting, beside white, pink and brown noise made at run time.
    silence : str, optional
        A class of this label for noise alone, trained on the background noises. Without it, they are "silence" or
        "unknown" (with underscores or not) if there are clips of such a label, else no class more than another.
    class_weight : None, "balanced" or dict of label -> number
        How much clips of each label count, as in scikit-learn; balanced: as if there were as many of each.
    threads : int, optional
        Default `AUDIOCONV_THREADS`, or the cores of this process. The result does not depend on it.
    random_state : int, RandomState or Generator, optional
        The same number, of any size from 0, gives the same weights, bit for bit. None is 0. Of a RandomState or
        Generator each `fit` draws another number, `seed_`.
    verbose : int
        1 shows a progress bar and notices on stderr.

    Attributes
    ----------
    classes_ : array of labels, sorted
    network_ : nn.Sequential or MiniRocket
    features_ : LogMel
    tta_pitch_factors_ : tuple of float
        A clip is judged as if it were so many times as high; the mean of the logits decides.
    tta_shifts_s_ : tuple of float
        And as if it came so many seconds later.
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

    def __init__(self, model="tc-resnet8", *, sample_rate=16000, clip_s=1.0, epochs=None, batch_size=100,
                 learning_rate=None, training=None, augment=True, background_noise=None, silence=None,
                 class_weight=None, threads=None, random_state=None, verbose=1):  # fmt: skip
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

    # --- lengths ---

    @property
    def clip(self):
        """Length of a clip in samples."""
        return round(self.clip_s * self.sample_rate)

    @property
    def step(self):
        """From one window of a stream to the next, in samples: a whole number of feature hops."""
        return max(1, round(STEP_MS / self.features_.hop_ms)) * self.features_.hop

    # --- training ---

    def fit(self, X, y, groups=None, validation=None, checkpoint=None, sample_weight=None):
        """Train on labelled clips.

        Parameters
        ----------
        X : list of paths, or float array of shape (clips, samples) at `sample_rate`
        y : sequence of labels
        groups : ignored
            There so that scikit-learn's splitters may pass speakers on.
        validation : (X, y), optional
            Clips that are not trained on: the weights of the last epoch that is not clearly worse than the best one are
            kept, and the threshold of detectors is chosen on them.
        checkpoint : path, optional
            Where the state of the training is kept while it runs. If the file is there, the training goes on from it,
            to the same weights as if it had never stopped.
        sample_weight : float array, shape (clips,), optional
            How much the loss of each clip counts, beside `class_weight`; their mean does not matter. Clips of weight 0
            are left out.

        Returns
        -------
        self

        Raises
        ------
        ArgumentError, ShapeError, DtypeError, AudioFileError, ModelFileError
            If there are fewer than two labels, as many labels as clips are not given, a parameter makes no sense, or
            clips cannot be used; of files that cannot be read each is named.
        """
        features, seed, notices = check_parameters(self), seed_of(self.random_state), Notices(self.verbose)
        task = self._task(X, y, validation, sample_weight, notices)
        clips, held = self._read(task.given, notices), None
        if task.held is not None:
            held = self._read(task.held, notices), task.held.labels
        noises = self._noises(seed, notices)
        network = models.build(self.model, len(task.classes), features.n_features, seed, features.frames(self.clip))
        batches = DataLoader(
            clips, task.targets, features, noises, self._augmentation(), seed, self.threads, weights=task.weights,
            batch_size=int(self.batch_size), network=network, noise_target=self._noise_target(task.classes),
        )  # fmt: skip
        # from here on nothing is refused, so that an object that was fitted before is never half of each
        self.classes_, self.features_, self.network_ = task.classes, features, network
        self.mean_, self.std_ = batches.statistics
        config, augmented = self._training_config(), self._augmentation()
        # without augmentation the network has met no other pitch or position, so that test time has none either
        self.tta_pitch_factors_ = tuple(float(pitch) for pitch in (config.tta_pitch_factors if augmented else (1.0,)))
        self.tta_shifts_s_ = tuple(float(shift) for shift in (config.tta_shifts_s if augmented else (0.0,)))
        self.n_features_in_, self.threshold_, self._predictor = _samples(task.given.X, self.clip), THRESHOLD, None
        self.seed_, self.split_ = seed, None
        self.trained_on_, self.validated_on_ = (
            np.unique(clip_digests.digests(some, self.threads)) for some in (clips, () if held is None else held[0])
        )
        self._train(batches, task.of_classes, held, None if checkpoint is None else Path(checkpoint))
        if held is not None:
            self._calibrate(*held, noises, seed)
        return self

    def _task(self, X, y, validation, sample_weight, notices):
        """What is to be learnt, checked as far as that can be done without reading a clip."""
        given = self._checked(X, y)
        weights = clip_weights(sample_weight, len(given.X))
        if weights is not None:
            given, weights = given.select(weights > 0), weights[weights > 0]
        check_silence(self.silence, given.labels)
        classes = np.unique(given.labels if self.silence is None else np.append(given.labels, self.silence))
        if len(classes) < 2:
            raise ArgumentError(f"y must hold at least two labels, not one class only, {str(classes[0])!r}")
        held = None if validation is None else self._checked(*validation)
        strange = [] if held is None else np.setdiff1d(held.labels, classes)
        if len(strange):
            raise ArgumentError(f"validation holds labels that training does not: {', '.join(map(str, strange))}")
        targets, augmentation = np.searchsorted(classes, given.labels), self._augmentation()
        noise_clips = round(len(targets) * augmentation.noise_clip_ratio) if augmentation else 0
        if not noise_clips and self.silence is not None and self.silence not in given.labels:
            notices.say(f"there is nothing to learn {self.silence!r} from: augmentation would make noise alone")
        of_classes = class_weights(self.class_weight, classes, targets, noise_clips)
        return _Task(given, held, classes, targets, of_classes, weights)

    def _checked(self, X, y):
        """Clips and their labels, as many of the one as of the other."""
        X = check_clips(X)
        return _Examples(X, check_labels(y, len(X)))

    def _read(self, examples, notices):
        return load_clips(examples.X, self.sample_rate, self.clip, notices, self.threads, keep=True)

    def _calibrate(self, clips, labels, noises, seed):
        """Choose the threshold of detectors; Ctrl-C leaves the usual one, and the trained weights."""
        from audioconv.classify.calibrate import choose_threshold

        try:
            self.threshold_ = choose_threshold(self, clips, labels, noises, seed=seed)
        except KeyboardInterrupt:
            self.interrupted_ = True

    def _training_config(self):
        return TrainingConfig() if self.training is None else self.training

    def _augmentation(self):
        if isinstance(self.augment, Augmentation):
            return self.augment
        return Augmentation() if self.augment else None

    def _noise_target(self, classes):
        """What clips of noise alone are, as a share of each class."""
        own = [label for label in (self.silence, *SILENCE_LABELS, *UNKNOWN_LABELS) if label in classes.tolist()]
        return (classes == own[0]).astype(np.float32) if own else np.full(len(classes), 1 / len(classes), np.float32)

    def _noises(self, seed, notices):
        given = [] if self.background_noise is None else list(self.background_noise)
        paths = [noise for noise in given if isinstance(noise, (str, os.PathLike))]
        read = iter(read_all(lambda path: read_mono(path, self.sample_rate, notices), paths, self.threads))
        noises = synthetic_noise(self.sample_rate, seed)
        for noise in given:
            is_path = isinstance(noise, (str, os.PathLike))
            noises.append(check_noise(next(read) if is_path else noise, noise if is_path else "given as an array"))
        return noises

    def _train(self, batches, weights, held, checkpoint):
        score = None if held is None else self._validation_score(*held)
        if hasattr(self.network_, "fit"):
            self.history_, self.interrupted_ = closed_form.train(self, batches, weights, score)
            self.best_epoch_ = len(self.history_)
            return
        config = self._training_config()
        epochs = self.epochs or config.epochs_for(batches.steps)
        peak = config.learning_rate if self.learning_rate is None else float(self.learning_rate)
        training = nn.Trainer(
            config.training_step(self.network_, weights, batches.weighted),
            config.schedule(peak, epochs * batches.steps),
            epochs=epochs,
            validate=score,
            is_improvement=lambda score, best: score[0] >= best[0] - standard_error(best[0], len(held[1])),
            checkpoint=checkpoint,
            fingerprint=batches.fingerprint
            | {
                "epochs": epochs,
                "learning_rate": peak,
                "model": serialization.name_of(self.model),
                "training": repr(config),
            }
            | ({} if weights is None else {"class_weight": weights.tolist()}),
        )
        progress = Progress(self.verbose)
        with progress.training(epochs, batches, training.position):
            history = training.run(batches, progress.batch, progress.epoch, self.threads)
        self.interrupted_, self.best_epoch_ = history.interrupted, history.best_epoch
        self.history_ = [_record(epoch) for epoch in history.epochs]

    def _validation_score(self, clips, labels):
        """The function from a network to (accuracy, -loss) on clips."""
        features = self._standardised(np.stack(parallel.run(self.features_, list(clips), self.threads)))
        targets = np.searchsorted(self.classes_, labels)
        wanted = nn.one_hot(targets, len(self.classes_))

        def score(network):
            logits = network.forward(features, threads=self.threads)
            return float(np.mean(logits.argmax(axis=1) == targets)), -nn.softmax_cross_entropy(logits, wanted)[0]

        return score

    # --- files ---

    def save(self, path):
        """Write the trained model to one safetensors file, in the place of one that is there; whole or not at all.

        Raises
        ------
        ModelFileError
            If it cannot be written, or the name has the suffix of another format.
        """
        check_is_fitted(self, "network_")
        serialization.save(self, path)

    @classmethod
    def load(cls, path=SHIPPED, model=None):
        """Read a model that `save` wrote, with its parameters; one of a user's own function needs that as `model`.

        Without a path it is the one that comes along: ten English words, learnt from people and from synthetic voices.
        """
        return serialization.load(cls, path, model)

    def __getstate__(self):
        state = dict(super().__getstate__())
        state["_predictor"] = None  # closures over the weights; made again when needed
        return state


def _samples(X, clip):
    """Samples of the clips that are given as arrays; those of files are brought to `clip`."""
    return clip if isinstance(X[0], (str, os.PathLike)) else len(X[0])


def _record(epoch):
    """An epoch's entry of `history_`: plain numbers, with the validation accuracy for the score."""
    score = epoch.pop("score")
    return epoch | {"val_accuracy": None if score is None else score[0]}
