"""Manifests: tables of the files, labels, speakers and splits of a data set."""

import csv
from pathlib import Path

from audioconv._wording import counted
from audioconv.errors import AudioFileError

_SPLIT_NAMES = {"training": "train", "validation": "val", "valid": "val", "dev": "val", "testing": "test"}
_DELIMITERS = ",;\t"  # of tables from spreadsheets
_SPEAKER_COLUMNS = ("speaker", "speaker_or_group", "group")


def read_manifest(
    manifest: Path, missing: bool, notices: list[str]
) -> tuple[list[str], list[str], list[str] | None, list[str] | None]:
    """Files, labels, speakers or None, and splits or None.

    Raises
    ------
    AudioFileError
        If the table cannot be read, or names what is not there, unless `missing`.
    """
    rows = _read_rows(manifest)
    columns = rows[0].keys() if rows else ()
    if not {"file", "label"} <= set(columns):
        raise AudioFileError(
            f"{manifest} must have columns file and label, not {', '.join(map(str, columns)) or 'none'}"
        )
    for line, row in enumerate(rows, 2):
        row["label"] = (row["label"] or "").strip()
        if not row["file"] or not row["label"]:
            raise AudioFileError(f"{manifest}, line {line}: file and label must both be given")
        row["file"] = _place(manifest.parent, row["file"])
    splits = _read_splits(manifest, rows) if "split" in columns else None
    if splits is None:
        rows = _once(manifest, rows, notices)
    absent = [row["file"] for row in rows if not Path(row["file"]).is_file()]
    if absent and not missing:
        raise AudioFileError(f"{manifest} names {counted(len(absent), 'missing file')}, such as {absent[0]}")
    speaker = next((name for name in _SPEAKER_COLUMNS if name in columns), None)
    groups = [(row[speaker] or "").strip() for row in rows] if speaker else None
    return [row["file"] for row in rows], [row["label"] for row in rows], groups, splits


def _read_rows(manifest: Path) -> list[dict[str, str]]:
    """The rows of a table with commas, semicolons or tabs between its columns, whose names are in small letters."""
    try:
        with open(manifest, encoding="utf-8-sig", newline="", errors="strict") as text:
            header = text.readline()
            text.seek(0)
            reader = csv.DictReader(text, delimiter=max(_DELIMITERS, key=header.count), skipinitialspace=True)
            reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AudioFileError(f"{manifest} cannot be read: {error}") from error


def _place(folder: Path, name: str) -> str:
    """Where a file of the manifest is: beside it, or where an absolute path says; also with backslashes between."""
    place = folder / name
    if "\\" in name and not place.exists():
        place = folder / name.replace("\\", "/")
    return str(place)


def _once(manifest: Path, rows: list[dict[str, str]], notices: list[str]) -> list[dict[str, str]]:
    """Each row once: a file that is named twice could be in two splits (data leakage)."""
    once: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        once.setdefault((row["file"], row["label"]), row)
    if len(once) < len(rows):
        notices.append(f"{manifest} names {counted(len(rows) - len(once), 'file')} more than once; each is taken once")
    return list(once.values())


def _read_splits(manifest: Path, rows: list[dict[str, str]]) -> list[str] | None:
    """The split of each row, or None where the column holds another division, such as folds."""
    names = [(row["split"] or "").strip().lower() for row in rows]
    splits = [_SPLIT_NAMES.get(name, name) for name in names]
    known = [split in ("train", "val", "test") for split in splits]
    if any(known) and not all(known):
        line = known.index(False) + 2
        raise AudioFileError(
            f"{manifest}, line {line}: split must be train, val or test, not {rows[line - 2]['split']!r}"
        )
    return splits if all(known) else None
