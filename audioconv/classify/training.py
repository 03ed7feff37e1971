"""The steps of `KeywordClassifier.fit`: check the task, read clips and noises, train the network."""

import itertools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from audioconv import models, nn, parallel
from audioconv._typing import Array, Float32Array
from audioconv.classify import closed_form, serialization
from audioconv.classify.augmentation import UNCHANGED, check_noise, synthetic_noise, unit_power
from audioconv.classify.augmenter import Augmenter
from audioconv.classify.auxiliary_words import AuxiliaryWords
from audioconv.classify.clips import CheckedClips, check_clips, load_clips, read_all, read_mono
from audioconv.classify.data_loader import DataLoader
from audioconv.classify.feature_statistics import FeatureStatistics, estimated_statistics
from audioconv.classify.labels import UNKNOWN_LABELS, check_labels, class_weights, noise_target, sample_weights
from audioconv.classify.last_layer import features_before_last, is_linear_at_the_end, last_columns, with_columns
from audioconv.classify.made_up_words import MadeUpWords, made_up_words, unknown_class, unknown_weight
from audioconv.classify.parameters import check_silence
from audioconv.classify.progress import Notices, TrainingProgress
from audioconv.classify.quiet_noise import quiet_noises
from audioconv.classify.scorer import Scorer
from audioconv.classify.set_size import is_many
from audioconv.classify.training_config import TrainingConfig, standard_error
from audioconv.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from audioconv.classify.classifier import KeywordClassifier

Score = tuple[float, float]  # accuracy, -loss
REMEMBERED_CLIPS = 6000  # at most, that statistics of features are taken from, ...
REMEMBERED_EPOCH = (1 << 16) - 2  # ... as they are augmented in the last epoch that seeds of dropout have room for


class Examples(NamedTuple):
    """Labelled clips, checked."""

    X: CheckedClips
    labels: Array

    def select(self, mask: Array) -> "Examples":
        """Those where the mask is true."""
        X = self.X[mask] if isinstance(self.X, np.ndarray) else [self.X[i] for i in np.flatnonzero(mask).tolist()]
        return Examples(X, self.labels[mask])


class Task(NamedTuple):
    """A training task, checked as far as that can be done without reading a clip."""

    train: Examples
    validation: Examples | None
    classes: Array
    targets: Array  # the class of each clip
    class_weight: Array | None  # how much clips of each class count
    sample_weight: Array | None  # how much each clip counts
    speakers: Array | None
    auxiliary: AuxiliaryWords | None


class Outcome(NamedTuple):
    """The result of a training."""

    history: list[dict[str, Any]]
    best_epoch: int
    interrupted: bool


def make_task(
    classifier: "KeywordClassifier", X: Any, y: Any, groups: Any, validation: Any, sample_weight: Any, sublabels: Any
) -> Task:
    """Check clips, labels, speakers, weights and names of words of `fit`."""
    train = _examples(X, y)
    speakers, words = _one_a_clip(groups, "groups", train), _one_a_clip(sublabels, "sublabels", train)
    weights = sample_weights(sample_weight, len(train.X))
    if weights is not None:
        counts = weights > 0
        train, weights = train.select(counts), weights[counts]
        speakers, words = (None if some is None else some[counts] for some in (speakers, words))
    silence = classifier.silence
    check_silence(silence, train.labels)
    classes = np.unique(train.labels if silence is None else np.append(train.labels, silence))
    if len(classes) < 2:
        raise ArgumentError(f"y must hold at least two labels, not one class only, {str(classes[0])!r}")
    if validation is not None and not (isinstance(validation, (tuple, list)) and len(validation) == 2):
        raise ArgumentError("validation must be a pair (X, y), clips and their labels")
    held_out = None if validation is None else _examples(*validation)
    unknown = () if held_out is None else np.setdiff1d(held_out.labels, classes)
    if len(unknown):
        raise ArgumentError(f"validation holds labels that training does not: {', '.join(map(str, unknown))}")
    targets, augmentation = np.searchsorted(classes, train.labels), classifier._augmentation()
    noise_clips = round(len(targets) * augmentation.noise_clip_ratio) if augmentation else 0
    weight = class_weights(classifier.class_weight, classes, targets, noise_clips)
    if classifier.class_weight is None:
        weight = unknown_weight(classes, targets, made_up_words(len(targets)) if augmentation else 0)
    auxiliary = None
    if words is not None and augmentation and made_up_words(len(targets)) and unknown_class(classes) is not None:
        auxiliary = AuxiliaryWords.of(np.where(np.isin(train.labels, UNKNOWN_LABELS), words, train.labels))
    return Task(train, held_out, classes, targets, weight, weights, speakers, auxiliary)


def notice_of_silence(classifier: "KeywordClassifier", task: Task) -> str | None:
    """A notice if a class of silence has neither clips nor noise to learn it from."""
    augmentation, silence = classifier._augmentation(), classifier.silence
    noise_clips = round(len(task.targets) * augmentation.noise_clip_ratio) if augmentation else 0
    if noise_clips or silence is None or silence in task.train.labels:
        return None
    return f"there is nothing to learn {silence!r} from: augmentation would make noise alone"


def _one_a_clip(values: Any, name: str, examples: Examples) -> Array | None:
    """Texts, one a clip, if there are some."""
    texts = None if values is None else np.asarray(values).astype(str)
    if texts is not None and texts.shape != examples.labels.shape:
        raise ShapeError(f"{name} must be one a clip: {len(examples.X)} clips, {name} of shape {texts.shape}")
    return texts


def _examples(X: Any, y: Any) -> Examples:
    """Clips and their labels, as many of the one as of the other."""
    clips = check_clips(X)
    return Examples(clips, check_labels(y, len(clips)))


def read_examples(classifier: "KeywordClassifier", examples: Examples, notices: Notices) -> Float32Array:
    """Clips of one length at the sample rate of the classifier."""
    length, threads = classifier.clip_length, classifier.threads
    return load_clips(examples.X, classifier.sample_rate, length, notices, threads, cache=True)


def load_noises(
    classifier: "KeywordClassifier", clips: Float32Array, seed: int, notices: Notices
) -> list[Float32Array]:
    """Synthetic noises, those of many clips, and the background noises that were given, each of unit power."""
    rate = classifier.sample_rate
    given = [] if classifier.background_noise is None else list(classifier.background_noise)
    paths = [noise for noise in given if isinstance(noise, (str, os.PathLike))]
    read = iter(read_all(lambda path: read_mono(path, rate, notices), paths, classifier.threads))
    noises = synthetic_noise(rate, seed)
    if is_many(len(clips)):
        noises += [unit_power(noise) for noise in quiet_noises(clips, rate, seed)]
    for noise in given:
        if isinstance(noise, (str, os.PathLike)):
            noises.append(check_noise(next(read), noise))
        else:
            noises.append(check_noise(noise, "given as an array"))
    return noises


def make_loader(
    classifier: "KeywordClassifier", task: Task, augmenter: Augmenter, network: models.Network
) -> DataLoader:
    """The batches of a training."""
    words, weights = augmenter.words, task.sample_weight
    unknown = np.full(words, unknown_class(task.classes) if words else 0)
    return DataLoader(
        augmenter,
        np.concatenate((task.targets, unknown)),
        network=network,
        batch_size=int(classifier.batch_size),
        noise_target=noise_target(task.classes, classifier.silence),
        sample_weight=None if weights is None else np.concatenate((weights, np.ones(words))),
        auxiliary=task.auxiliary if is_linear_at_the_end(network) else None,
        threads=classifier.threads,
    )


def make_augmenter(
    classifier: "KeywordClassifier",
    task: Task,
    clips: Float32Array,
    features: Any,
    noises: list[Float32Array],
    seed: int,
) -> Augmenter:
    """Clips, and made-up words beside unknown ones, changed as the classifier's settings say; or clips as they are."""
    settings, made_up = classifier._augmentation(), None
    if settings and unknown_class(task.classes) is not None:
        made_up = MadeUpWords(task.train.labels, task.speakers, made_up_words(len(clips)))
    return Augmenter(clips, features, noises, settings or UNCHANGED, seed, made_up)


def train_network(
    classifier: "KeywordClassifier",
    scorer: Scorer,
    loader: DataLoader,
    class_weight: Array | None,
    validation: tuple[Float32Array, Array] | None,
    checkpoint: Path | None,
) -> Outcome:
    """Train the network of a scorer, in place."""
    validate = None if validation is None else validation_score(scorer, *validation, classifier.threads)
    network: Any = scorer.network
    if loader.auxiliary is not None:
        network = _built(classifier, scorer, len(scorer.classes) + loader.auxiliary.size)
    threads, verbose = classifier.threads, classifier.verbose
    if hasattr(scorer.network, "fit"):
        passes = (classifier.epochs or closed_form.PASSES) if classifier.augment else 1  # all would be the same
        history, interrupted = closed_form.train(
            scorer.network, loader, class_weight, passes=passes, validate=validate, threads=threads, verbose=verbose
        )
        return Outcome(history, len(history), interrupted)
    config, held_out = classifier._training_config(), 0 if validation is None else len(validation[1])
    epochs, peak = _epochs_and_peak(classifier, config, loader)
    trainer = nn.Trainer(
        config.training_step(
            network, class_weight, loader.weighted, None if network is scorer.network else len(scorer.classes)
        ),
        config.schedule(peak, epochs * loader.steps),
        epochs=epochs,
        validate=validate,
        is_improvement=lambda score, best: score[0] >= best[0] - standard_error(best[0], held_out),
        checkpoint=checkpoint,
        fingerprint=loader.fingerprint
        | {"epochs": epochs, "learning_rate": peak, "model": serialization.name_of(classifier.model_)}
        | {"training": repr(config.get_params())}
        | ({} if class_weight is None else {"class_weight": class_weight.tolist()}),
    )
    progress = TrainingProgress(verbose)
    with progress.training(epochs, loader.steps, len(loader), trainer.position):
        done = trainer.run(loader, progress.batch, progress.epoch, threads)
    if network is not scorer.network:
        with_columns(lambda _: scorer.network, network, last_columns(network)[: len(scorer.classes)])
    return Outcome([_record(epoch) for epoch in done.epochs], done.best_epoch, done.interrupted)


def _built(classifier: "KeywordClassifier", scorer: Scorer, outputs: int) -> Any:
    """The architecture with more outputs, from the same first weights below the last layer."""
    features = scorer.features
    return models.build(
        classifier.model_, outputs, features.n_features, classifier.seed_, features.frames(scorer.clip_length)
    )


def _epochs_and_peak(classifier: "KeywordClassifier", config: TrainingConfig, loader: DataLoader) -> tuple[int, float]:
    epochs = classifier.epochs or config.epochs_for(loader.steps, is_many(loader.clips))
    return epochs, config.learning_rate if classifier.learning_rate is None else float(classifier.learning_rate)


def feature_statistics(scorer: Scorer, loader: DataLoader, threads: int | None) -> FeatureStatistics | None:
    """What a classifier shall remember of its training, to learn more words by.

    None if its last layer is not linear, or if it saw too little. It is taken from clips as they are augmented in an
    epoch that was not trained on.
    """
    if not is_linear_at_the_end(scorer.network):
        return None
    features, targets, batches = [], [], -(-REMEMBERED_CLIPS // loader.batch_size)
    for x, wanted, _ in itertools.islice(loader(REMEMBERED_EPOCH), batches):
        wanted = wanted[:, : len(scorer.classes)]
        told = wanted.max(axis=1) > wanted.sum(axis=1) / 2  # neither mixed clips nor noise that is of no class
        features.append(features_before_last(scorer.network, x, threads)[told, 0])
        targets.append(wanted[told].argmax(axis=1))
    found, background = np.concatenate(targets), unknown_class(scorer.classes)
    return estimated_statistics(np.concatenate(features), found, len(scorer.classes), background)


def validation_score(scorer: Scorer, clips: Float32Array, labels: Array, threads: int | None) -> Callable[[Any], Score]:
    """The function from a network to (accuracy, -loss) on clips, without test-time augmentation."""
    features = scorer.network_input(np.stack(parallel.run(scorer.features, list(clips), threads)))
    targets = np.searchsorted(scorer.classes, labels)
    one_hot = nn.one_hot(targets, len(scorer.classes))

    def score(network: Any) -> Score:
        logits = network.forward(features, threads=threads)[:, : len(scorer.classes)]
        return float(np.mean(logits.argmax(axis=1) == targets)), -nn.softmax_cross_entropy(logits, one_hot)[0]

    return score


def _record(epoch: Mapping[str, Any]) -> dict[str, Any]:
    """An epoch's entry of `history_`: plain numbers, with the validation accuracy for the score."""
    score, numbers = epoch.get("score"), {name: value for name, value in epoch.items() if name != "score"}
    return numbers | {"val_accuracy": None if score is None else score[0]}
