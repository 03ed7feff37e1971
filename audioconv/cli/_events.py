"""audioconv events: which sounds are in a recording, from when to when."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audioconv.cli.inputs import mono_blocks
from audioconv.cli.messages import detection_line
from audioconv.cli.outputs import Force, Partial, check_output, event_table, sound_source
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv.classify import Detection
    from audioconv.io.paths import PathOrFile

_BLOCK = 1 << 16  # samples read at a time
_COLUMNS = 2400  # of the spectrogram


def events(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Recording of any length; - is standard input.")],
    model: Annotated[
        Path, typer.Option(metavar="MODEL", help="Model file that train --events or SoundEventDetector wrote.")
    ],
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="T", help="Threshold of all classes; by default those of the model."),
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="OUT", help="Write the events to a table as well.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the events as JSON.")] = False,
    labels: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write a label track that Audacity imports.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw the spectrogram with the events below it.")
    ] = None,
    partial: Partial = False,
    force: Force = False,
) -> None:
    """Detect sound events: which sound, from when to when.

    A line an event, in the order of their beginnings: when it began and ended, label, score (mean posterior). Sounds of
    different classes may overlap.
    """
    from audioconv.detect import SoundEventDetector

    if picture is not None and picture.suffix.lower() != ".png":
        raise ArgumentError(f"--picture must end in .png, not {picture.name!r}")
    for target in (csv, labels, picture):
        if target is not None:
            check_output(target, force)
    detector = SoundEventDetector.load(model)
    with sound_source(file) as source:
        blocks, sample_rate = mono_blocks(source, _BLOCK, detector.sample_rate, partial=partial)
        stream, found, frames = detector.stream(sample_rate=sample_rate, threshold=threshold), [], 0
        for block in blocks:
            found += stream.process(block)
            frames += len(block)
        found = sorted(found + stream.flush(), key=lambda event: (event.start_s, event.end_s))
        if picture is not None:
            _draw(source, found, picture, partial)
    with event_table(csv) as write_row:
        for event in found:
            write_row(event)
    if labels is not None:
        _write_labels(labels, found)
    _report(found, frames / sample_rate, as_json)


def _write_labels(path: Path, found: "Sequence[Detection]") -> None:
    """The label track of Audacity: begin, end and text, with tabs between."""
    from audioconv.io import atomic_write

    lines = (f"{e.start_s:.6f}\t{e.end_s:.6f}\t{' '.join(str(e.label).split())}\n" for e in found)
    with atomic_write(path) as part:
        part.write_text("".join(lines), encoding="utf-8")


def _draw(source: "PathOrFile", found: "Sequence[Detection]", path: Path, partial: bool) -> None:
    from audioconv import io
    from audioconv.features import spectrogram_db
    from audioconv.report import sound_events

    about = io.info(source, partial=partial)
    blocks = io.blocks(source, _BLOCK, partial=partial)
    levels = spectrogram_db(blocks, about.frames, about.sample_rate, columns=_COLUMNS)
    figure = sound_events(levels, found, title=Path(io.display_name(source)).name)
    with io.atomic_write(path) as part:
        figure.savefig(part, format="png")


def _report(found: "Sequence[Detection]", duration_s: float, as_json: bool) -> None:
    if as_json:
        rows = [
            {"start_s": round(e.start_s, 3), "end_s": round(e.end_s, 3), "label": e.label, "score": round(e.score, 4)}
            for e in found
        ]
        typer.echo(json.dumps({"duration_s": duration_s, "events": rows}, indent=2, default=lambda value: value.item()))
        return
    for event in found:
        typer.echo(detection_line(event))
    counts = Counter(str(event.label) for event in found)
    listed = ", ".join(f"{label} {count}" for label, count in sorted(counts.items())) or "none"
    typer.echo(f"{len(found)} events in {duration_s:.1f} s: {listed}")
