"""Tables of sound events: which sound, in which recording, from when to when."""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from audioconv import io
from audioconv._typing import ArrayLike
from audioconv._typing import Path as AnyPath
from audioconv.arrays import is_finite
from audioconv.errors import ArgumentError, AudioFileError

Recordings: TypeAlias = AnyPath | Sequence[AnyPath | ArrayLike]
Events: TypeAlias = AnyPath | Iterable[tuple[Any, float, float, Any]]

COLUMNS = {  # and what peers call them
    "recording": ("recording", "filename", "file", "audio_filename"),
    "onset_s": ("onset_s", "onset", "start_s", "event_onset"),
    "offset_s": ("offset_s", "offset", "end_s", "event_offset"),
    "label": ("label", "event_label", "event"),
}
DELIMITERS = "\t,;"


class SoundEvent(NamedTuple):
    """A sound in a recording: the ground truth.

    Parameters
    ----------
    recording : str or int
        Of which file, or which of several arrays.
    onset_s, offset_s : float, in seconds
        From when to when.
    label : str

    Examples
    --------
    >>> from audioconv.detect import SoundEvent
    >>> SoundEvent("street.wav", 3.25, 4.5, "dog")
    SoundEvent(recording='street.wav', onset_s=3.25, offset_s=4.5, label='dog')
    """

    recording: Any
    onset_s: float
    offset_s: float
    label: Any


def read_events(events: Events) -> list[SoundEvent]:
    """Read a table of sound events.

    Parameters
    ----------
    events : path, or iterable of (recording, onset_s, offset_s, label)
        A file has a line of names first, and commas, semicolons or tabs between the columns recording, onset_s,
        offset_s and label, or filename, onset, offset and event_label as in DCASE. A line with a recording alone says
        that nothing is in it.

    Returns
    -------
    events : list of SoundEvent

    Raises
    ------
    AudioFileError
        If the file cannot be read, or lacks a column.
    ArgumentError
        If an event is not four values, or ends before it begins.

    Examples
    --------
    >>> from audioconv.detect import read_events
    >>> read_events([("a.wav", 0.5, 2, "rain")])
    [SoundEvent(recording='a.wav', onset_s=0.5, offset_s=2.0, label='rain')]
    """
    if io.is_path(events):
        return _read_file(Path(os.fsdecode(events)))
    try:
        rows = [tuple(event) for event in events]
    except TypeError:
        wanted = "a file, or tuples (recording, onset_s, offset_s, label)"
        raise ArgumentError(f"events must be {wanted}, not {events!r}") from None
    return [_checked(row, f"event {i}") for i, row in enumerate(rows)]


def listed(recordings: Recordings) -> list[Any]:
    """Recordings as a list: the sound files of a folder, or what was given.

    Raises
    ------
    ArgumentError, AudioFileError
    """
    if io.is_path(recordings):
        return io.sound_files(recordings)
    try:
        found: list[Any] = list(recordings)
    except TypeError:
        raise ArgumentError(f"recordings must be a folder, or a list of files or arrays, not {recordings!r}") from None
    if found and np.ndim(found[0]) == 0 and not io.is_path(found[0]):
        raise ArgumentError("recordings must be a list of arrays; one recording is [samples]")
    return found


def events_of(events: Events, recordings: Sequence[AnyPath | ArrayLike]) -> list[list[SoundEvent]]:
    """Return the events of each recording.

    Raises
    ------
    ArgumentError
        If an event is of none of them, or a name could be that of several.
    """
    places = _places(recordings)
    found: list[list[SoundEvent]] = [[] for _ in recordings]
    for event in read_events(events):
        place = places.get(_key(event.recording))
        if place is None:
            many = "several" if _key(event.recording) in places else "none"
            raise ArgumentError(
                f"recording {event.recording!r} of an event is {many} of the {len(recordings)} recordings; files go by "
                "their path or the end of it, arrays by their number"
            )
        found[place].append(event)
    return found


def _key(recording: Any) -> Any:
    if io.is_path(recording):
        return os.fsdecode(recording).replace("\\", "/")
    return int(recording) if isinstance(recording, np.integer) else recording


def _places(recordings: Sequence[Any]) -> dict[Any, int | None]:
    """The number of a recording by its path and each end of it, or by its number; None where that is not one alone."""
    places: dict[Any, int | None] = {}
    for i, recording in enumerate(recordings):
        if not io.is_path(recording):
            places[i] = i
            continue
        parts = _key(recording).split("/")
        for k in range(len(parts)):
            name = "/".join(parts[k:])
            places[name] = i if places.get(name, i) == i else None
    return places


def _read_file(path: Path) -> list[SoundEvent]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as text:
            header = text.readline()
            delimiter = max(DELIMITERS, key=header.count)
            names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
            columns = _columns(names, path)
            rows = list(enumerate(csv.reader(text, delimiter=delimiter, skipinitialspace=True), 2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AudioFileError(f"{path} cannot be read as a table of events: {error}") from error
    found = []
    for line, row in rows:
        values = [row[i].strip() if i < len(row) else "" for i in columns]
        if any(values[1:]):
            found.append(_checked(tuple(values), f"{path}, line {line}:"))
    return found


def _columns(names: list[str], path: Path) -> list[int]:
    """Where each of the four columns is."""
    found = []
    for known in COLUMNS.values():
        index = next((names.index(name) for name in known if name in names), None)
        if index is None:
            raise AudioFileError(f"{path} has no column {' or '.join(known[:2])}, but {', '.join(names) or 'none'}")
        found.append(index)
    return found


def _checked(row: tuple[Any, ...], where: str) -> SoundEvent:
    if len(row) != 4:
        raise ArgumentError(f"{where} must be (recording, onset_s, offset_s, label), not {row!r}")
    recording, onset, offset, label = row
    try:
        times = [float(time) for time in (onset, offset)]
    except (TypeError, ValueError):
        times = [np.nan, np.nan]
    if not all(map(is_finite, times)) or not 0 <= times[0] < times[1]:
        raise ArgumentError(f"{where} onset_s must be at least 0 and below offset_s, not {onset!r} and {offset!r}")
    if isinstance(label, str) and not label:
        raise ArgumentError(f"{where} label is empty")
    return SoundEvent(recording, times[0], times[1], label)
