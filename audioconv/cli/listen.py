"""audioconv listen: the words in a long recording, block by block, with their times."""

from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from audioconv.cli.messages import say


def listen(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    file: Annotated[Path, typer.Option("--file", help="Recording to listen to, of any length.")],
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="T", help="Score from which a word counts.")
    ] = None,
    block: Annotated[int, typer.Option(min=1, metavar="N", help="Samples a block.")] = 1600,
    csv: Annotated[Path | None, typer.Option(metavar="OUT", help="Write the detections to a table as well.")] = None,
):
    """Hear words in a long recording.

    The file is taken block by block; each word is printed as it is found: time, label, score. The
    time is the middle of the word, where its score is largest; the table has where it began, too.
    """
    from audioconv import io
    from audioconv.classify import KeywordClassifier

    classifier = KeywordClassifier.load(model)
    about = io.info(file)
    if about.sample_rate != classifier.sample_rate:
        say(f"{file} is resampled from {about.sample_rate} to {classifier.sample_rate} Hz")
    if about.channels > 1:
        say(f"the {about.channels} channels of {file} are averaged")
    blocks = _mono(io.blocks(file, block))
    detector = classifier.stream() if threshold is None else classifier.stream(threshold=threshold)
    counts = Counter()
    with _table(csv) as write_row:
        for found in _detections(detector, io.resample_blocks(blocks, about.sample_rate, classifier.sample_rate)):
            counts[found.label] += 1
            typer.echo(f"{found.peak_s:10.2f} s  {found.label:<16} {found.score:.3f}")
            write_row((f"{found.start_s:.3f}", f"{found.peak_s:.3f}", found.label, f"{found.score:.4f}"))
    words = ", ".join(f"{label} {count}" for label, count in sorted(counts.items())) or "none"
    typer.echo(f"{counts.total()} detections in {about.frames / about.sample_rate:.1f} s: {words}")


def _mono(blocks):
    for block in blocks:
        yield block if block.ndim == 1 else block.mean(axis=1, dtype=block.dtype)


def _detections(detector, blocks):
    for block in blocks:
        yield from detector.process(block)
    yield from detector.flush()


@contextmanager
def _table(path):
    """A function that adds a row to the CSV file, or does nothing where none is wanted."""
    if path is None:
        yield lambda row: None
        return
    import csv

    from audioconv.io import replace_when_whole

    with replace_when_whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        write = csv.writer(file).writerow
        write(("start_s", "peak_s", "label", "score"))
        yield write
