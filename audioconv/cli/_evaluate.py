"""audioconv evaluate: the accuracy of a model, and its confusion matrix."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from audioconv.cli.datasets import SkipBroken, Speaker, hint_at_skipping, load, unreadable
from audioconv.cli.messages import say
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from rich.table import Table

    from audioconv._typing import Array
    from audioconv.classify import KeywordClassifier
    from audioconv.classify.dataset import Dataset, SplitName


def evaluate(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    folder: Annotated[Path, typer.Argument(help="A folder a label, or manifest.csv: file,label,speaker,split.")],
    split: Annotated[
        str | None,
        typer.Option(help="Part to use: train, val, test or all; test if the manifest has one, else all that is new."),
    ] = None,
    speaker: Speaker = None,
    errors: Annotated[bool, typer.Option("--errors", help="List the misclassified clips.")] = False,
    skip_broken: SkipBroken = False,
) -> None:
    """Measure the accuracy of a model.

    Prints accuracy with its 95 % interval, confusion matrix and the recall of each class. Clips that the model was
    trained on are left out, unless --split is train or all.
    """
    import numpy as np

    from audioconv.classify import KeywordClassifier
    from audioconv.classify.intervals import wilson_interval
    from audioconv.report.scores import confusion_matrix, confusion_table

    classifier = KeywordClassifier.load(model)
    classifier.verbose = 1  # says on stderr when clips are resampled
    classes = [str(label) for label in classifier.classes_]
    data = _dataset(classifier, model, folder, speaker, skip_broken=skip_broken, say_split=split is not None)
    if split is None and not data.official:
        say(f"{folder} has no split into train, val and test: all clips are used that {model} was not trained on")
    part = _part(data, split, folder)
    if skip_broken:
        part = part.without(unreadable(part.files))
    if unknown := sorted(set(np.asarray(part.labels, str)) - set(classes)):
        raise ArgumentError(f"{folder} has labels that {model} does not know: {' '.join(unknown)}")
    part, clips = _unseen_clips(classifier, model, part, split or ("test" if data.official else "new"))
    truth, predictions = np.asarray(part.labels, str), np.asarray(classifier.predict(clips), str)
    right = int((predictions == truth).sum())
    low, high = wilson_interval(right, len(truth))
    typer.echo(
        f"accuracy {right / len(truth):.2%} ({right} of {len(truth)} clips; 95 % interval {low:.2%} to {high:.2%})"
    )
    _print_table(confusion_table(confusion_matrix(truth.tolist(), predictions.tolist(), classes), classes), classes)
    if errors:
        for file, true, predicted in zip(part.files, truth, predictions, strict=True):
            if true != predicted:
                typer.echo(f"{file}\t{true}\t{predicted}")


def _dataset(
    classifier: "KeywordClassifier",
    model: Path,
    folder: Path,
    speaker: str | None,
    *,
    skip_broken: bool,
    say_split: bool,
) -> "Dataset":
    """The clips of a folder, with labels as the model has them, and split by speaker if those of the training were."""
    from dataclasses import replace

    import numpy as np

    from audioconv.classify import load_dataset
    from audioconv.classify.labels import UNKNOWN, UNKNOWN_LABELS

    speaker = speaker or _speaker_of_training(classifier, model, folder)
    classes = {str(label) for label in classifier.classes_}
    unknown = next((label for label in UNKNOWN_LABELS if label in classes), None)
    labels = set(load_dataset(folder, speaker=speaker, missing=True).labels.tolist())
    if unknown is None or labels <= classes:
        return load(folder, skip_broken, say_split, speaker=speaker)
    words = sorted(labels & classes - {unknown})
    say(f"clips of labels that {model} does not know are {unknown!r}, as many of them as of a word")
    data = load(folder, skip_broken, say_split, speaker=speaker, words=words)
    return replace(data, labels=np.where(data.labels == UNKNOWN, unknown, data.labels))


def _speaker_of_training(classifier: "KeywordClassifier", model: Path, folder: Path) -> str | None:
    """The expression that found speakers when the model was trained, if it finds them in these names as well."""
    from audioconv.classify import load_dataset

    speaker: str | None = (classifier.split_ or {}).get("speaker")
    if speaker is None:
        return None
    try:
        data = load_dataset(folder, speaker=speaker, missing=True)
    except ArgumentError:
        return None
    if not data.official:
        say(f"speakers are found as when {model} was trained, by --speaker {speaker!r}")
    return speaker


def _part(data: "Dataset", split: str | None, folder: Path) -> "Dataset":
    """The part of a data set that was asked for; by default its official test part, or all if it has no parts."""
    if split == "all" or (split is None and not data.official):
        return data
    part = data.part(cast("SplitName", split or "test"))  # which refuses what is none
    if not len(part):
        raise ArgumentError(f"{folder} has no clips in the part {split or 'test'!r}; it has "
                            f"{' '.join(sorted(set(data.splits.tolist())))}")  # fmt: skip
    return part


def _unseen_clips(classifier: "KeywordClassifier", model: Path, part: "Dataset", split: str) -> "tuple[Dataset, Array]":
    """Clips that the model was not trained on, and their samples; what is left out, or not known, is said."""
    from audioconv.classify.clips import check_clips, load_clips
    from audioconv.classify.progress import Notices

    with hint_at_skipping():
        clips = load_clips(check_clips(part.files), classifier.sample_rate, classifier.clip_length, Notices(1))
    trained, validated = classifier.was_trained_on(clips)
    if trained is None:
        if split != "train":
            say(
                f"warning: {model} does not say which clips it was trained on. If some of these are among them, it is "
                "right more often here than with others; --split test takes the part that training leaves alone"
            )
        return part, clips
    known = trained if split == "val" else trained | validated  # which are there to choose by
    if split in ("train", "all"):
        if trained.any():
            say(f"{trained.sum()} of these {len(part)} clips were trained on, which says nothing of others")
        return part, clips
    if known.all():
        raise ArgumentError(
            f"{model} was trained on all of these {len(part)} clips, or chosen by them, which says nothing of others; "
            "--split all has them"
        )
    if known.any():
        say(f"{known.sum()} of {len(part)} clips are left out: {model} was trained on them, or chosen by them")
    return part.select(~known), clips[~known]


def _print_table(table: "Table", classes: list[str]) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width of its own; no column may be lost
        console = Console(width=max(80, 12 + sum(len(label) + 5 for label in classes) + 10))
    console.print(table)
