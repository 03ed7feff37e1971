"""The journal of a run: what was begun and what is done, so that a run that was cut continues where it was.

A file of JSON lines that only grows. What was begun is on the disk before its output is written, so that an output of
our own is told from a file that somebody else has put there. To look things up, the lines are kept in a temporary
database, which leaves memory for the disk where there are many.
"""

import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from audioconv.batch.summary import Failure
from audioconv.errors import ArgumentError, AudioFileError, BusyError
from audioconv.io.paths import display_path
from audioconv.io.plain_text import printable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_VERSION = 1
_BEGUN, _DONE, _FAILED = range(3)
_TABLE = """CREATE TABLE file (number INTEGER PRIMARY KEY, source BLOB UNIQUE, target BLOB, key BLOB UNIQUE,
    stamp TEXT, state INTEGER, kept TEXT, error TEXT, run INTEGER)"""
_NAMES = "CREATE TABLE name (key BLOB PRIMARY KEY, count INTEGER)"


class Entry(NamedTuple):
    """What the journal knows of a source."""

    number: int  # in the order in which they were met
    target: str  # path inside the folder of outputs
    stamp: str  # size and time of the source when it was begun
    is_done: bool
    is_of_this_run: bool


class Journal:
    """The journal of one folder of outputs; held by one run at a time.

    Parameters
    ----------
    path : path
        Its file; made if it is not there.
    settings : str
        What outputs depend on beside their sources.
    overwrite : bool
        Begin anew, unless it is of a run with the same settings and this same permission that was cut.

    Attributes
    ----------
    next_number : int
        Of the next source that is not known.
    may_overwrite : bool
        Whether outputs may be written over files that are there: what the run that is continued was allowed, too.

    Raises
    ------
    BusyError
        If another run holds it.
    ArgumentError
        If it is of other settings.
    """

    def __init__(self, path: Path, settings: str, *, overwrite: bool = False) -> None:
        self.path, self.may_overwrite = path, overwrite
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise AudioFileError(f"cannot write {display_path(path)}: {error.strerror or error}") from error
        self._lines: list[bytes] = []
        self._header: dict[str, Any] = {}
        self._is_ended = False
        self._known = sqlite3.connect("", isolation_level=None)  # a file without a name once it is large
        try:
            self._lock()
            self._known.execute("PRAGMA journal_mode = OFF")
            self._known.execute(_TABLE)
            self._known.execute(_NAMES)
            self._load()
            self._begin_or_continue({"version": _VERSION, "settings": settings, "overwrite": overwrite})
        except BaseException:
            self._release()
            raise
        self.next_number = self._one("SELECT coalesce(max(number), -1) + 1 FROM file")[0]

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write the rest and let go of the file."""
        try:
            self.sync()
        finally:
            self._release()

    def _release(self) -> None:
        os.close(self._file)
        self._known.close()

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            name = display_path(self.path.parent)
            raise BusyError(f"another run works on {name}; wait for its end, or stop it") from error

    def _load(self) -> None:
        end = 0
        with open(self.path, "rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):  # torn by the end of the run
                    break
                end += len(line)
                self._read(line)
        os.ftruncate(self._file, end)

    def _begin_or_continue(self, header: dict[str, Any]) -> None:
        """Go on with what was read if it is of such a run; else begin anew, if that is allowed."""
        if self._header and self._header | {"overwrite": None} == header | {"overwrite": None}:
            if not self.may_overwrite or (self._header["overwrite"] and not self._is_ended):
                self.may_overwrite = self._header["overwrite"] and not self._is_ended
                return
        elif self._header and not self.may_overwrite:
            raise ArgumentError(
                f"{display_path(self.path.parent)} is of a run with other settings ({self._header['settings']}; now "
                f"{header['settings']}); give another target, or --force (overwrite=True) to begin anew"
            )
        os.ftruncate(self._file, 0)
        self._known.execute("DELETE FROM file")
        self._lines.append(_line(**header))

    def _read(self, line: bytes) -> None:
        """Take a line up; one that is damaged counts as not there, and its file is done again."""
        try:
            found: dict[str, Any] = json.loads(line)
            self._is_ended = "ended" in found
            if "settings" in found:
                self._header = {name: found[name] for name in ("version", "settings", "overwrite")}
            elif "source" in found:
                self._insert(found["number"], found["source"], found["target"], found["stamp"], run=0)
            elif "done" in found:
                self._set(found["done"], _DONE, kept=found.get("kept"))
            elif "failed" in found:
                self._set(found["failed"], _FAILED, error=found["error"])
        except (ValueError, KeyError, TypeError, sqlite3.Error):
            return

    def _insert(self, number: int, source: str, target: str, stamp: str, run: int) -> None:
        self._known.execute(
            "INSERT OR REPLACE INTO file (number, source, target, key, stamp, state, run) VALUES (?, ?, ?, ?, ?, 0, ?)",
            (number, os.fsencode(source), os.fsencode(target), _key(target), stamp, run),
        )

    def _one(self, query: str, *values: object) -> Any:
        return self._known.execute(query, values).fetchone()

    def find(self, source: str) -> Entry | None:
        """What is known of a source; None if nothing is."""
        row = self._one("SELECT number, target, stamp, state, run FROM file WHERE source = ?", os.fsencode(source))
        return row and Entry(row[0], os.fsdecode(row[1]), row[2], row[3] == _DONE, bool(row[4]))

    def begin(self, source: str, target: str, stamp: str) -> Entry:
        """Note that a source is begun.

        Parameters
        ----------
        source : str
        target : str
            Path inside the folder of outputs, which no other source has.
        stamp : str
            Size and time of the source.

        Returns
        -------
        entry : Entry
            With the number that it had, if it was known.
        """
        known = self.find(source)
        number = known.number if known else self.next_number
        self.next_number = max(self.next_number, number + 1)
        self._insert(number, source, target, stamp, run=1)
        self._lines.append(_line(number=number, source=source, target=target, stamp=stamp))
        return Entry(number, target, stamp, False, True)

    def again(self, number: int) -> None:
        """Note that a source that is done was met in this run."""
        self._known.execute("UPDATE file SET run = 1 WHERE number = ?", (number,))

    def refuse(self, source: str, error: str) -> None:
        """Note why a source is not even begun; only for this run, so that what lies at its target stays a stranger's.

        Parameters
        ----------
        source : str
        error : str
        """
        self._insert(self.next_number, source, source, "", run=1)
        self._set(self.next_number, _FAILED, error=error)
        self.next_number += 1

    def end(self) -> None:
        """Note that the run went through all files."""
        self._lines.append(_line(ended=True))

    def free_name(self, target: str) -> str:
        """Return the name, or with the next number that makes it one that no other source has."""
        wanted, (stem, suffix) = _key(target), os.path.splitext(target)
        (count,) = self._one("SELECT count FROM name WHERE key = ?", wanted) or (1,)
        while self._one("SELECT 1 FROM file WHERE key = ?", _key(target)):
            count += 1
            target = f"{stem}-{count}{suffix}"
        if count > 1:
            self._known.execute("INSERT OR REPLACE INTO name VALUES (?, ?)", (wanted, count))
        return target

    def done(self, number: int, kept: str | None = None) -> None:
        """Note that a source is done, and where its rows are kept, if it has some."""
        self._set(number, _DONE, kept=kept)
        self._lines.append(_line(done=number, kept=kept) if kept is not None else _line(done=number))

    def failed(self, number: int, error: str) -> None:
        """Note that a source has failed, and why."""
        self._set(number, _FAILED, error=error)
        self._lines.append(_line(failed=number, error=error))

    def _set(self, number: int, state: int, kept: str | None = None, error: str | None = None) -> None:
        values = state, kept, None if error is None else printable(error), number  # the table takes no half characters
        self._known.execute("UPDATE file SET state = ?, kept = ?, error = ? WHERE number = ?", values)

    def sync(self) -> None:
        """Write what was noted, and wait until the disk has it."""
        data = memoryview(b"".join(self._lines))
        self._lines.clear()
        if data:
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)

    def failures(self) -> Iterator[Failure]:
        """The sources of this run that failed, in the order in which they were met."""
        rows = self._known.execute("SELECT source, error FROM file WHERE state = ? AND run ORDER BY number", (_FAILED,))
        for source, error in rows:
            yield Failure(os.fsdecode(source), error)

    def kept(self) -> Iterator[tuple[int, str, str]]:
        """(number, source, where its rows are) of each source of this run that is done, in order."""
        rows = self._known.execute(
            "SELECT number, source, kept FROM file WHERE state = ? AND run AND kept IS NOT NULL ORDER BY number",
            (_DONE,),
        )
        for number, source, kept in rows:
            yield number, os.fsdecode(source), kept


def _key(target: str) -> bytes:
    """What is alike for names that are one file: where case is not told apart, without it."""
    return os.fsencode(target.casefold() if sys.platform in ("win32", "darwin") else target)


def _line(**fields: object) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"
