"""audioconv info: what a model file or a sound file holds."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from audioconv._wording import counted
from audioconv.cli.batch import paths_of
from audioconv.cli.outputs import Json, Partial, print_json, sound_source

_MODEL_SUFFIXES = (".safetensors", ".model")
_KINDS = {
    "KeywordDetector": "words in streams",
    "KeywordClassifier": "clips",
    "SoundEventDetector": "sounds in streams, from when to when",
    "NeuralDenoise": "speech without its noise",
}
_WIDTH = 80  # where the output is no terminal
_MOST_ITEMS = 20  # of a list that are shown; all with --json


def info(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Model and sound files, and folders of sound; - is a sound on standard input. By default the detector "
            "that comes along.",
        ),
    ] = None,
    as_json: Json = False,
    partial: Partial = False,
) -> None:
    """Show what a model file or a sound file holds.

    Of a model: architecture, features, labels with their thresholds, settings of the training, its card, and whether
    this installation reproduces it. Of a sound: format, length, channels, tags and markers. With --json all of it, of
    several files in a list.

    \b
    audioconv info words.safetensors
    audioconv info talks/ --json
    """
    names = paths_of(files) if files else [_shipped()]
    found = [_about(name, partial) for name in names]
    if as_json:
        print_json(found if len(found) > 1 else found[0])
        return
    for i, about in enumerate(found):
        if i:
            typer.echo()
        _show(_rows_of_model(about) if "kind" in about else list(about.items()))


def _shipped() -> str:
    from audioconv.detect.kinds import SHIPPED

    return str(SHIPPED)


def _about(file: str, partial: bool) -> dict[str, Any]:
    from audioconv.io.model_file import load_settings, seems_model

    if Path(file).suffix.lower() not in _MODEL_SUFFIXES and not seems_model(file):
        return _sound_info(file, partial)
    load_settings(file)  # says what is wrong with it before all that reads models is loaded
    from audioconv.detect.model_info import model_info

    return model_info(file)


def _sound_info(file: str, partial: bool) -> dict[str, Any]:
    from audioconv import io

    with sound_source(file) as source:
        about = io.info(source, partial=partial)
        found = io.read_metadata(source, about)
    return {
        "file": file,
        "format": about.format,
        "subtype": about.subtype,
        "sample_rate": about.sample_rate,
        "channels": about.channels,
        "frames": about.frames,
        "duration_s": about.duration_s,
        "tags": found.tags,
        "markers": [marker._asdict() for marker in found.markers],
        "pictures": len(found.pictures),
    }


def _rows_of_model(about: dict[str, Any]) -> list[tuple[str, object]]:
    """Name and value of each line, in the order in which somebody asks."""
    card, parity, history = about["card"], about["parity"], about["history"]
    labels, of_probe = about.get("labels", []), "posteriors" if "labels" in about else "gains"
    within = f"{parity['deviation']:.1g} (limit {parity['limit']:g})"
    rows: list[tuple[str, object]] = [
        ("file", f"{about['file']}, {about['bytes']:,} bytes"),
        ("kind", f"{about['kind']}: {_KINDS[about['kind']]}"),
        ("model", f"{about['model']}, {about['weights']:,} weights"),
        ("parity", f"this installation gives the {of_probe} of where the model was made, within {within}"),
        *([("labels", "\n".join(f"{label['label']}: {_of_label(label)}" for label in labels))] if labels else []),
        *((name, text) for name, text in card.items() if name != "facts" and text),
        ("recorded", "\n".join(f"{name}: {_line(fact)}" for name, fact in card["facts"].items())),
    ]
    shown = {"file", "bytes", "kind", "model", "weights", "parity", "labels", "card", "history"}
    rows += [(name, value) for name, value in about.items() if name not in shown]
    last = f", the last one {_line(history[-1])}" if history else ""
    return [*rows, ("history", f"{counted(len(history), 'record')}{last}")]


def _of_label(label: dict[str, Any]) -> str:
    threshold = "not told in streams" if label["threshold"] is None else f"from {label['threshold']:.3f}"
    return threshold if label["word_s"] is None else f"{threshold}, {label['word_s']:.2f} s long"


def _show(rows: list[tuple[str, object]]) -> None:
    """A table without lines; what a file says is shown as it is, and steers nothing."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from audioconv.io.plain_text import printable

    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(printable(name), "bold"), Text(printable(_line(value), allowed="\n")))
    Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False).print(table)


def _line(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        more = f" and {len(value) - _MOST_ITEMS} more" if len(value) > _MOST_ITEMS else ""
        return f"{', '.join(map(_line, value[:_MOST_ITEMS])) or '-'}{more}"
    if isinstance(value, dict):
        parts = (f"{k} ({_line(v)})" if isinstance(v, list) else f"{k} {_line(v)}" for k, v in value.items())
        return ", ".join(parts) or "-"
    return "-" if value is None or value == "" else str(value)
