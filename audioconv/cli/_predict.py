"""audioconv predict: classify short clips."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from audioconv.cli.datasets import SkipBroken, hint_at_skipping, unreadable


def predict(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    files: Annotated[list[Path], typer.Argument(help="Clips, one word each.")],
    top: Annotated[int, typer.Option(min=1, metavar="K", help="Number of labels a clip (top-k).")] = 1,
    skip_broken: SkipBroken = False,
) -> None:
    """Classify clips: which word each holds.

    One line a label: file, label, probability; tab-separated when the output is not a terminal.
    """
    from audioconv.classify import KeywordClassifier

    classifier = KeywordClassifier.load(model)
    classifier.verbose = 1  # says on stderr when clips are resampled
    names = [str(file) for file in files]
    if skip_broken:
        broken = unreadable(names)
        names = [name for name in names if name not in broken]
    with hint_at_skipping():
        posteriors = classifier.predict_proba(names)
    rows = []
    for file, row in zip(names, posteriors, strict=True):
        best = sorted(zip(row, classifier.classes_, strict=True), reverse=True)[:top]
        rows += [(file, str(label), f"{probability:.4f}") for probability, label in best]
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(row))
        return
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for file, label, probability in rows:
        typer.echo(f"{file:{widths[0]}}  {label:{widths[1]}}  {probability}")
