"""What became of many files."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from audioconv._wording import counted
from audioconv.io.atomic import atomic_write
from audioconv.io.paths import display_path

MOST_FAILURES = 1000  # in a summary; the table on disk has all
MOST_NOTES = 1000


class Failure(NamedTuple):
    """A file that failed.

    Parameters
    ----------
    source : str
        Its path.
    error : str
        Why, in one line.

    Examples
    --------
    >>> Failure("/talks/a.wav", "/talks/a.wav is empty (0 bytes); a sound file is wanted").source
    '/talks/a.wav'
    """

    source: str
    error: str


class Note(NamedTuple):
    """What a function that writes files said of one.

    Parameters
    ----------
    source : str
        Its path.
    text : str

    Examples
    --------
    >>> Note("/talks/a.wav", "by the network for speech").text
    'by the network for speech'
    """

    source: str
    text: str


@dataclass(frozen=True)
class BatchSummary:
    """What became of the files of `map_files`.

    Parameters
    ----------
    done : int
        Files that were worked on in this call.
    skipped : int
        Files that an earlier call had done.
    failed : int
    failures : tuple of Failure
        In the order of the files; at most 1,000.
    failures_path : str, optional
        The table of all failures (CSV), where there are some and outputs are written.
    values : list
        What the function returned, in the order of the files, None for those that failed; empty where outputs are
        written.
    notes : tuple of Note
        Where files are written, the texts that the function returned in this call; at most 1,000.

    Examples
    --------
    >>> print(BatchSummary(done=98, skipped=0, failed=2))
    98 files done, 2 failed
    """

    done: int
    skipped: int
    failed: int
    failures: tuple[Failure, ...] = ()
    failures_path: str | None = None
    values: list[Any] = field(default_factory=list, repr=False)
    notes: tuple[Note, ...] = ()

    def __str__(self) -> str:
        parts = [f"{counted(self.done, 'file')} done"]
        parts += [f"{self.skipped} done before"] if self.skipped else []
        parts += [f"{self.failed} failed"] if self.failed else []
        return ", ".join(parts)


def write_failures(path: Path, failures: Iterable[Failure]) -> None:
    """Write a table of failures: file, error.

    Parameters
    ----------
    path : path
    failures : iterable of Failure
    """
    import csv

    with atomic_write(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "error"))
        writer.writerows((display_path(found.source), found.error) for found in failures)
