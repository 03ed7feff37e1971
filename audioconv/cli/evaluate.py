"""audioconv evaluate: how often a model is right, and where it is not."""

from pathlib import Path
from typing import Annotated

import typer

from audioconv.cli.messages import say
from audioconv.errors import ArgumentError


def evaluate(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    folder: Annotated[Path, typer.Argument(help="A folder a label, or manifest.csv: file,label,speaker,split.")],
    split: Annotated[str, typer.Option(help="Part to use: train, val, test or all.")] = "test",
    speaker: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Finds the speaker in each file name, such as '^(.+)_nohash'.")
    ] = None,
    errors: Annotated[
        bool, typer.Option("--errors", help="List the clips that were taken for something else.")
    ] = False,
):
    """Count how often a model is right.

    Prints accuracy with its 95 % interval, confusion matrix and the recall of each class.
    """
    import numpy as np

    from audioconv.classify import KeywordClassifier, load_dataset
    from audioconv.classify.dataset import UNKNOWN
    from audioconv.report.scores import confusion_counts, confusion_table, wilson

    classifier = KeywordClassifier.load(model)
    classifier.verbose = 1  # says on stderr when clips are resampled
    classes = [str(label) for label in classifier.classes_]
    data = load_dataset(folder, speaker=speaker)
    if UNKNOWN in classes and not set(data.labels) <= set(classes):
        words = sorted(set(data.labels) & set(classes) - {UNKNOWN})
        data = load_dataset(folder, speaker=speaker, words=words)
        say(f"clips of labels that {model} does not know are {UNKNOWN!r}, as many of them as of a word")
    for notice in data.notices:
        say(notice)
    part = data if split == "all" else data.part(split)
    if not len(part.files):
        raise ArgumentError(f"{folder} has no clips in the part {split!r}; it has {' '.join(sorted(set(data.splits)))}")
    truth = np.asarray(part.labels, str)
    strange = sorted(set(truth) - set(classes))
    if strange:
        raise ArgumentError(f"{folder} has labels that {model} does not know: {' '.join(strange)}")
    guess = np.asarray(classifier.predict(part.files), str)
    right = int((guess == truth).sum())
    low, high = wilson(right, len(truth))
    typer.echo(
        f"accuracy {right / len(truth):.2%} ({right} of {len(truth)} clips; 95 % interval {low:.2%} to {high:.2%})"
    )
    _print_table(confusion_table(confusion_counts(truth, guess, classes), classes), classes)
    if errors:
        for file, true, said in zip(part.files, truth, guess, strict=True):
            if true != said:
                typer.echo(f"{file}\t{true}\t{said}")


def _print_table(table, classes):
    from rich.console import Console

    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width of its own; no column may be lost
        console = Console(width=max(80, 12 + sum(len(label) + 5 for label in classes) + 10))
    console.print(table)
