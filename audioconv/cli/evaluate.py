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
    errors: Annotated[
        bool, typer.Option("--errors", help="List the clips that were taken for something else.")
    ] = False,
):
    """Count how often a model is right.

    Prints accuracy with its 95 % interval, confusion matrix and the recall of each class.
    """
    import numpy as np

    from audioconv.classify import KeywordClassifier, load_dataset

    classifier = KeywordClassifier.load(model)
    classifier.verbose = 1  # says on stderr when clips are resampled
    data = load_dataset(folder)
    for notice in data.notices:
        say(notice)
    part = data if split == "all" else data.part(split)
    if not len(part.files):
        raise ArgumentError(f"{folder} has no clips in the part {split!r}; it has {' '.join(sorted(set(data.splits)))}")
    classes = [str(label) for label in classifier.classes_]
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
    typer.echo("rows: what it was; columns: what the model said")
    _table(classes, truth, guess)
    if errors:
        for file, true, said in zip(part.files, truth, guess, strict=True):
            if true != said:
                typer.echo(f"{file}\t{true}\t{said}")


def wilson(right, total, z=1.96):
    """Interval that holds the true rate in about 95 of 100 such trials (Wilson 1927).

    >>> [round(limit, 3) for limit in wilson(9, 10)]
    [0.596, 0.982]
    """
    rate, scale = right / total, 1 + z * z / total
    middle = (rate + z * z / (2 * total)) / scale
    half = z / scale * (rate * (1 - rate) / total + z * z / (4 * total * total)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def _table(classes, truth, guess):
    from rich.console import Console
    from rich.table import Table

    table = Table()
    table.add_column("")
    for label in classes:
        table.add_column(label, justify="right")
    table.add_column("recall", justify="right")
    for label in classes:
        said = guess[truth == label]
        counts = [int((said == other).sum()) for other in classes]
        cells = [f"[bold]{n}[/]" if other == label else str(n or "·") for n, other in zip(counts, classes, strict=True)]
        recall = f"{counts[classes.index(label)] / len(said):.1%}" if len(said) else "-"
        table.add_row(label, *cells, recall)
    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width of its own; no column may be lost
        console = Console(width=max(80, 12 + sum(len(label) + 5 for label in classes) + 10))
    console.print(table)
