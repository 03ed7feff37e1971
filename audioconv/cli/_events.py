"""audioconv events: which sounds are in a recording, from when to when."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audioconv._wording import counted
from audioconv.cli.batch import paths_of
from audioconv.cli.inputs import check_sound, checked_kind, mono_blocks
from audioconv.cli.messages import detection_line, tell
from audioconv.cli.outputs import (
    Force,
    Json,
    Partial,
    check_output,
    detection_row,
    event_table,
    print_json,
    sound_source,
)
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv.classify import Detection
    from audioconv.detect import SoundEventDetector
    from audioconv.io.paths import PathOrFile

_BLOCK = 1 << 16  # samples read at a time
_COLUMNS = 2400  # of the spectrogram


def events(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="Recordings of any length, and folders of them; - is standard input."),
    ],
    model: Annotated[
        Path, typer.Option(metavar="MODEL", help="Model file that train --events or SoundEventDetector wrote.")
    ],
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="T",
            help="Posterior from which a class sounds; by default each has its own, of the model.",
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="OUT", help="Write the events to a table as well.")] = None,
    as_json: Json = False,
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

    A line an event, in the order of their beginnings: when it began and ended, label, score (mean posterior from
    beginning to end, which --threshold moves). Sounds of different classes may overlap. Of several recordings, folders
    or patterns the table has a column with the recording first; a label track and a picture are of one.

    \b
    audioconv events night.wav --model yard.safetensors --labels night.txt
    audioconv events nights/ --model yard.safetensors --json
    """
    from audioconv.io import display_path

    names = paths_of(files)
    _check_outputs(len(names), csv, labels, picture, force)
    checked_kind(model, ("SoundEventDetector",))
    for name in names:
        check_sound(name, partial)
    from audioconv.detect import SoundEventDetector

    detector, reports = SoundEventDetector.load(model), []
    with event_table(csv, of_several=len(names) > 1) as write_row:
        for name in names:
            with sound_source(name) as source:
                found, duration_s = _detected(detector, source, threshold, partial)
                if picture is not None:
                    _draw(source, found, picture, partial)
            for event in found:
                write_row(event, name)
            if labels is not None:
                _write_labels(labels, found)
            if as_json:
                reports.append({"file": name, "duration_s": duration_s, "events": [*map(detection_row, found)]})
            else:
                _print(found, duration_s, f"{display_path(name)}: " if len(names) > 1 else "")
    if as_json:
        print_json(reports if len(names) > 1 else reports[0])


def _check_outputs(count: int, csv: Path | None, labels: Path | None, picture: Path | None, force: bool) -> None:
    """Refuse what cannot be written before the recordings are heard."""
    if picture is not None and picture.suffix.lower() != ".png":
        raise ArgumentError(f"--picture must end in .png, not {picture.name!r}")
    if count > 1 and (labels is not None or picture is not None):
        raise ArgumentError(f"--labels and --picture are of one recording, and {count} are given")
    for target in (csv, labels, picture):
        if target is not None:
            check_output(target, force)


def _detected(
    detector: "SoundEventDetector", source: "PathOrFile", threshold: float | None, partial: bool
) -> "tuple[list[Detection], float]":
    """The events of a recording in the order of their beginnings, and how long it is."""
    blocks, sample_rate = mono_blocks(source, _BLOCK, detector.sample_rate, partial=partial)
    stream, frames = detector.stream(sample_rate=sample_rate, threshold=threshold), 0
    found: list[Detection] = []
    for block in blocks:
        found += stream.process(block)
        frames += len(block)
    return sorted(found + stream.flush(), key=lambda event: (event.start_s, event.end_s)), frames / sample_rate


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


def _print(found: "Sequence[Detection]", duration_s: float, of: str) -> None:
    for event in found:
        typer.echo(detection_line(event))
    counts = Counter(str(event.label) for event in found)
    listed = ", ".join(f"{label} {count}" for label, count in sorted(counts.items())) or "none"
    tell(f"{of}{counted(len(found), 'event')} in {duration_s:.1f} s: {listed}")
