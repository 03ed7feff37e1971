"""Where outputs go: a file each in a folder, or rows of one table; what is done is in a journal beside them."""

import os
import shutil
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from audioconv.batch.disk import check_room
from audioconv.batch.journal import Entry, Journal
from audioconv.batch.sources import SourceFile, source_files
from audioconv.batch.summary import MOST_FAILURES, MOST_NOTES, BatchSummary, Failure, Note, write_failures
from audioconv.batch.table import PARTS, SPOOL, Spool, TableTask, check_pyarrow, write_table
from audioconv.batch.worker import FileTask, Job, Outcome, Task, ValueTask
from audioconv.errors import ArgumentError, AudioFileError, AudioFileWarning
from audioconv.io.atomic import writable_path
from audioconv.io.paths import AnyPath, display_path

Files = AnyPath | Iterable[AnyPath]
NewSuffix = Callable[[str], str]

_HOME = ".audioconv"  # the folder of the journal inside that of the outputs
_MOST_WARNINGS = 20  # that are shown one by one
_IN_A_FOLDER = 1000  # files of rows


class Outputs(Protocol):
    """What is done to files, and what becomes of the results."""

    @property
    def task(self) -> Task:
        """What workers do."""

    @property
    def skipped(self) -> int:
        """How many files were done before, so far."""

    def jobs(self) -> Iterator[Job]:
        """The files to work on, found while they are asked for."""

    def sync(self) -> None:
        """Is called before files are worked on."""

    def take(self, job: Job, outcome: Outcome) -> None:
        """Take a result."""

    def finish(self) -> BatchSummary:
        """Is called when all files are done."""

    def close(self) -> None:
        """Let go of what is open."""


class Values:
    """Values that a function returns, in a list.

    Parameters
    ----------
    fn : function of (source)
    files : path, or iterable of paths
    """

    skipped = 0

    def __init__(self, fn: Callable[[Path], Any], files: Files) -> None:
        self.task, self._files = ValueTask(fn), files
        self._values: dict[int, Any] = {}
        self._failures: dict[int, Failure] = {}
        self._warned = Warned()

    def jobs(self) -> Iterator[Job]:
        """The files to work on, found while they are asked for."""
        for number, file in enumerate(source_files(self._files)):
            if file.error is None:
                yield Job(number, file.path)
            else:
                self._failures[number] = Failure(file.path, file.error)

    def sync(self) -> None:
        """There is nothing to keep."""

    def take(self, job: Job, outcome: Outcome) -> None:
        """Take a result."""
        self._warned.add(outcome.warnings)
        if outcome.error is not None:
            self._failures[job.number] = Failure(job.source, outcome.error)
        self._values[job.number] = outcome.value

    def finish(self) -> BatchSummary:
        """The values in the order of the files."""
        self._warned.end()
        failures = [self._failures[number] for number in sorted(self._failures)]
        count = len(self._values.keys() | self._failures.keys())
        values = [self._values.get(number) for number in range(count)]
        done = count - len(failures)
        return BatchSummary(done, 0, len(failures), tuple(failures[:MOST_FAILURES]), values=values)

    def close(self) -> None:
        """There is nothing open."""


class Journalled(ABC):
    """What outputs have in common that a journal is kept of.

    Parameters
    ----------
    files : path, or iterable of paths
    home : Path
        Folder of the journal and of unfinished work; made if it is missing.
    settings : str
        What outputs depend on beside their sources.
    overwrite : bool
    failures_path : Path
        Of the table of failures.
    """

    def __init__(self, files: Files, home: Path, settings: str, overwrite: bool, failures_path: Path) -> None:
        self.files, self.home, self.failures_path = files, home, failures_path
        self.work = home / "work"
        self.done = self.skipped = self.failed = 0
        self._warned = Warned()
        self._notes: list[Note] = []
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AudioFileError(f"cannot make the folder {display_path(home)}: {error.strerror or error}") from error
        self.journal = Journal(home / "journal.jsonl", settings, overwrite=overwrite)
        shutil.rmtree(self.work, ignore_errors=True)  # of a run that was killed: the lock says that it is gone
        self.work.mkdir()

    def jobs(self) -> Iterator[Job]:
        """The files to work on, found while they are asked for."""
        for file in self.found():
            known = self.journal.find(file.path)
            if known is not None and known.is_of_this_run:
                continue  # named twice
            if file.error is not None:
                self._refuse(file.path, file.error)
                continue
            stamp = _stamp(file.path)
            if known is not None and known.is_done and known.stamp == stamp and self.is_there(known):
                self.journal.again(known.number)
                self.skipped += 1
                continue
            target = known.target if known is not None else self.journal.free_name(self.target_name(file))
            reason = self.reason_against(file, target, is_ours=known is not None)
            if reason is not None:
                self._refuse(file.path, reason)
                continue
            entry = self.journal.begin(file.path, target, stamp)
            yield Job(entry.number, file.path, self.target_path(entry))

    def found(self) -> Iterator[SourceFile]:
        """The files."""
        return source_files(self.files)

    @abstractmethod
    def target_name(self, file: SourceFile) -> str:
        """What the output of a file is to be called, inside the folder of outputs."""

    @abstractmethod
    def target_path(self, entry: Entry) -> str:
        """Where the output of a file goes."""

    @abstractmethod
    def is_there(self, entry: Entry) -> bool:
        """Whether the output of a file that is done is still there."""

    def reason_against(self, file: SourceFile, target: str, is_ours: bool) -> str | None:
        """Why a file is not to be worked on, if there is a reason."""
        return None

    def kept(self, job: Job, outcome: Outcome) -> str | None:
        """Where the rows of a file are kept, if it has some."""
        return None

    def _refuse(self, source: str, error: str) -> None:
        self.journal.refuse(source, error)
        self.failed += 1

    def sync(self) -> None:
        """Have on the disk what is begun before outputs of it can be there."""
        self.journal.sync()

    def take(self, job: Job, outcome: Outcome) -> None:
        """Take a result."""
        self._warned.add(outcome.warnings)
        if outcome.error is None:
            self.journal.done(job.number, self.kept(job, outcome))
            self.done += 1
            if isinstance(outcome.value, str) and len(self._notes) < MOST_NOTES:
                self._notes.append(Note(job.source, outcome.value))
            return
        self.journal.failed(job.number, outcome.error)
        self.failed += 1
        check_room(self.home, outcome.error)

    def summary(self) -> BatchSummary:
        """What became of the files; the table of failures is written."""
        self._warned.end()
        failures = []
        with suppress(FileNotFoundError):
            self.failures_path.unlink()
        if self.failed:
            write_failures(self.failures_path, self.journal.failures())
            failures = [found for found, _ in zip(self.journal.failures(), range(MOST_FAILURES), strict=False)]
        path = str(self.failures_path) if self.failed else None
        return BatchSummary(self.done, self.skipped, self.failed, tuple(failures), path, notes=tuple(self._notes))

    def close(self) -> None:
        """Write the journal to the end and let go of it."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.journal.close()


class Folder(Journalled):
    """An output file for each source, in a folder.

    Parameters
    ----------
    fn : function of (source, target)
    files : path, or iterable of paths
    folder : str
    new_suffix : function of a suffix
        The suffix of the output for that of the source.
    settings : str
    overwrite : bool
    """

    def __init__(
        self,
        fn: Callable[[Path, Path], Any],
        files: Files,
        folder: str,
        new_suffix: NewSuffix,
        settings: str,
        overwrite: bool,
    ) -> None:
        self.folder, self._new_suffix = os.path.realpath(folder), new_suffix
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise ArgumentError(f"{display_path(folder)} is a file; a folder, or the name of a .parquet table, is "
                                f"wanted for the outputs of several files")  # fmt: skip
        home = Path(self.folder) / _HOME
        super().__init__(files, home, settings, overwrite, home / "failures.csv")
        self.task = FileTask(fn, str(self.work))

    def found(self) -> Iterator[SourceFile]:
        """The files, but for those in the folder of outputs."""
        return source_files(self.files, leave_out=self.folder)

    def target_name(self, file: SourceFile) -> str:
        """The path inside the folder that the file was found in, with another suffix."""
        stem, suffix = os.path.splitext(file.name)
        return stem + self._new_suffix(suffix)

    def target_path(self, entry: Entry) -> str:
        """Where the output of a file goes."""
        return os.path.join(self.folder, entry.target)

    def is_there(self, entry: Entry) -> bool:
        """Whether the output of a file that is done is still there."""
        return os.path.isfile(self.target_path(entry))

    def reason_against(self, file: SourceFile, target: str, is_ours: bool) -> str | None:
        """A file that is there is not written over, unless it is ours or that is allowed; a source never."""
        path = os.path.join(self.folder, target)
        if not os.path.lexists(path):
            return None
        name = display_path(path)
        if os.path.realpath(path) == os.path.realpath(file.path):
            return f"{name} is the file that is read; another folder for the outputs is wanted"
        if not (is_ours or self.journal.may_overwrite):
            return f"{name} exists and is not overwritten; another folder, or --force (overwrite=True) to overwrite it"
        return None

    def finish(self) -> BatchSummary:
        """What became of the files."""
        self.journal.end()
        return self.summary()


class Table(Journalled):
    """Rows of all sources in one Parquet file.

    Parameters
    ----------
    fn : function of (source)
    files : path, or iterable of paths
    target : path
    settings : str
    overwrite : bool
    """

    def __init__(
        self, fn: Callable[[Path], Any], files: Files, target: AnyPath, settings: str, overwrite: bool
    ) -> None:
        check_pyarrow()
        self.target = writable_path(target)
        if self.target.exists() and not overwrite:
            raise AudioFileError(f"{display_path(target)} exists and is not overwritten; give another name, or --force "
                                 f"(overwrite=True) to overwrite it")  # fmt: skip
        name = self.target.name
        home = self.target.with_name(f".{name}{_HOME}")
        super().__init__(files, home, settings, overwrite, self.target.with_name(f"{name}.failures.csv"))
        self.task = TableTask(fn, str(self.work))
        if not self.journal.next_number:  # begun anew
            (home / SPOOL).unlink(missing_ok=True)
            shutil.rmtree(home / PARTS, ignore_errors=True)
        self._spool = Spool(home / SPOOL)

    def target_name(self, file: SourceFile) -> str:
        """Where many rows are kept meanwhile, by the number of the file: its name could be too long."""
        number = self.journal.next_number
        return os.path.join(PARTS, str(number // _IN_A_FOLDER), f"{number}.arrow")

    def target_path(self, entry: Entry) -> str:
        """Where many rows of a file are kept meanwhile."""
        return str(self.home / entry.target)

    def is_there(self, entry: Entry) -> bool:
        """Rows of ours are nobody else's to remove."""
        return True

    def kept(self, job: Job, outcome: Outcome) -> str:
        """Where the rows of a file are kept: in the spool, or in the file that the worker has written."""
        if outcome.value is None:
            return os.path.relpath(str(job.target), self.home)
        return self._spool.append(outcome.value)

    def sync(self) -> None:
        """Have rows on the disk before the journal says that they are."""
        self._spool.sync()
        super().sync()

    def finish(self) -> BatchSummary:
        """Write the table, and remove what it was made of."""
        self.sync()
        if not write_table(self.target, self.home, self.journal.kept(), self._refused) and not self.failed:
            raise AudioFileError(f"{display_path(self.target)} is not written: there are no files")
        found = self.summary()
        shutil.rmtree(self.home)
        return found

    def _refused(self, number: int, error: str) -> None:
        self.journal.failed(number, error)
        self.done, self.failed = self.done - 1, self.failed + 1

    def close(self) -> None:
        """Write the rest of rows and journal, and let go of them."""
        if self.home.exists():
            self._spool.sync()
        self._spool.close()
        super().close()


class Warned:
    """What was warned of, shown as far as anybody would read it."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._more = 0

    def add(self, texts: Iterable[str]) -> None:
        """Show warnings about sound files that are new, unless there were many."""
        for text in texts:
            if text in self._texts:
                continue
            if len(self._texts) >= _MOST_WARNINGS:
                self._more += 1
                continue
            self._texts.add(text)
            warnings.warn(text, AudioFileWarning, stacklevel=2)

    def end(self) -> None:
        """Show how many more there were."""
        if self._more:
            warnings.warn(f"{self._more} more warnings are not shown", AudioFileWarning, stacklevel=2)


def _stamp(path: str) -> str:
    """Size and time of change of a file, by which it is seen that it has changed; nothing if there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # a name with a NUL byte is none
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"
