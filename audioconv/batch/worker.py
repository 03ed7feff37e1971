"""What is done in a worker: a chunk of files, one after the other, each with a result or the reason why it has none."""

import os
import pickle
import shutil
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from audioconv import parallel
from audioconv.errors import AudioconvError, AudioFileWarning
from audioconv.io.atomic import sync, without_sync
from audioconv.io.plain_text import printable

_FLUSHES = 8  # at once: a disk does many in the time of one
_PARENT_S = 1.0  # how often a worker looks whether the run is still there
_LONGEST_ERROR = 2000  # characters


class Job(NamedTuple):
    """A file for a worker.

    Parameters
    ----------
    number : int
    source : str
    target : str, optional
        Where the output goes; the folder is made if it is missing.
    """

    number: int
    source: str
    target: str | None = None


class Outcome(NamedTuple):
    """What became of a job.

    Parameters
    ----------
    number : int
        Of the job.
    value : object
        What the function returned, for a table its rows, for a file a text if that is what it returned.
    error : str, optional
        Why it failed.
    warnings : tuple of str
    """

    number: int
    value: Any = None
    error: str | None = None
    warnings: tuple[str, ...] = ()


class Task(Protocol):
    """What is done to a chunk of files."""

    def __call__(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Do it, and return an outcome for each."""


class ValueTask:
    """Call a function of the source, and keep what it returns.

    Parameters
    ----------
    fn : function of (source)
    """

    def __init__(self, fn: Callable[[Path], Any]) -> None:
        self.fn = fn

    def __call__(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Do it, and return an outcome for each."""
        return [attempt(job.number, self.fn, Path(job.source)) for job in jobs]


class FileTask:
    """Call a function of source and target, which writes the target.

    It is given a path in a folder for work. When the whole chunk is done, its files are flushed to the disk, many at
    once, and only then put into their places, so that a place never holds a part of a file.

    Parameters
    ----------
    fn : function of (source, target)
    work : str
        A folder in the file system of the targets.
    """

    def __init__(self, fn: Callable[[Path, Path], Any], work: str) -> None:
        self.fn, self.work = fn, work

    def __call__(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Do it, and return an outcome for each."""
        with work_folder(self.work) as folder:
            parts = [folder / f"{job.number}{os.path.splitext(str(job.target))[1]}" for job in jobs]
            with without_sync():
                outcomes = [self._written(job, part) for job, part in zip(jobs, parts, strict=True)]
            return place(jobs, parts, outcomes)

    def _written(self, job: Job, part: Path) -> Outcome:
        outcome = attempt(job.number, self.fn, Path(job.source), part)
        if outcome.error is not None:
            return outcome._replace(error=outcome.error.replace(str(part), str(job.target)))
        error = None if part.is_file() else "the function has written no file to its second argument"
        note = outcome.value if isinstance(outcome.value, str) else None
        return Outcome(job.number, note, error, _renamed(outcome.warnings, part, job))


def _renamed(texts: tuple[str, ...], part: Path, job: Job) -> tuple[str, ...]:
    return tuple(text.replace(str(part), str(job.target)) for text in texts)


@contextmanager
def work_folder(work: str) -> Iterator[Path]:
    """Give a folder of this chunk's own inside a folder for work, which is gone afterwards."""
    folder = tempfile.mkdtemp(dir=work)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def place(jobs: Sequence[Job], parts: Sequence[Path], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Flush files to the disk, and put those into their places that are whole."""
    whole = [number for number, outcome in enumerate(outcomes) if outcome.error is None]
    with ThreadPoolExecutor(max(1, min(_FLUSHES, len(whole)))) as pool:
        flushed = dict(zip(whole, pool.map(lambda number: _error_of(sync, parts[number]), whole), strict=True))
    found = list(outcomes)
    for number, error in flushed.items():
        error = error or _error_of(_move, parts[number], str(jobs[number].target))
        if error is not None:
            found[number] = outcomes[number]._replace(error=f"cannot write {jobs[number].target}: {error}")
    for folder in {os.path.dirname(str(jobs[number].target)) for number in whole}:
        with suppress(OSError):  # not every system can sync a folder; the files themselves are safe already
            sync(folder)
    return found


def _move(part: Path, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.replace(part, target)


def _error_of(function: Callable[..., Any], *values: Any) -> str | None:
    """What went wrong in a call, None if it went well."""
    try:
        function(*values)
    except OSError as error:
        return error.strerror or str(error)
    return None


def attempt(number: int, function: Callable[..., Any], *values: Any) -> Outcome:
    """Call a function, and return its value or its error; what it warns of is kept."""
    with _warnings_kept() as texts:
        try:
            value = function(*values)
        except (Exception, SystemExit) as error:
            return Outcome(number, error=error_text(error), warnings=tuple(texts))
    return Outcome(number, value, warnings=tuple(texts))


def error_text(error: BaseException) -> str:
    """An error as one line; the kind of those that are not raised on purpose is named."""
    text = str(error) if isinstance(error, AudioconvError) else f"{type(error).__name__}: {error}"
    return printable(" ".join(text.split()))[:_LONGEST_ERROR]


_kept: ContextVar[list[str] | None] = ContextVar("kept", default=None)
_keeping, _keepers, _filters = threading.Lock(), 0, warnings.catch_warnings()


@contextmanager
def _warnings_kept() -> Iterator[list[str]]:
    """Give a list of what this thread warns of about sound files; what else is warned of goes on its way.

    Filters of warnings belong to the process: the first thread to come changes them, the last one changes them back.
    """
    global _keepers, _filters
    with _keeping:
        _keepers += 1
        if _keepers == 1:
            _filters = warnings.catch_warnings()
            _filters.__enter__()
            warnings.simplefilter("always", AudioFileWarning)
            shown = warnings.showwarning

            def show(message: Warning | str, category: type[Warning], *rest: Any, **named: Any) -> None:
                texts = _kept.get()
                if texts is not None and issubclass(category, AudioFileWarning):
                    texts.append(str(message))
                else:
                    shown(message, category, *rest, **named)

            warnings.showwarning = show
    texts: list[str] = []
    token = _kept.set(texts)
    try:
        yield texts
    finally:
        _kept.reset(token)
        with _keeping:
            _keepers -= 1
            if not _keepers:
                _filters.__exit__(None, None, None)


_own = threading.local()  # the last task of a thread: stages of a task are not shared between threads


def run_chunk(pickled: bytes, jobs: Sequence[Job]) -> tuple[list[Outcome], float]:
    """Do a pickled task to a chunk of files.

    Parameters
    ----------
    pickled : bytes
        Made anew only when it differs from the one before.
    jobs : sequence of Job

    Returns
    -------
    outcomes : list of Outcome
    seconds : float
        How long it took.
    """
    if getattr(_own, "pickled", None) != pickled:
        _own.task = pickle.loads(pickled)
        _own.pickled = pickled
    return timed(_own.task, jobs)


def timed(task: Task, jobs: Sequence[Job]) -> tuple[list[Outcome], float]:
    """Do a task to a chunk of files on one thread, and tell how long it took."""
    start = time.perf_counter()
    with parallel.single_thread():
        outcomes = task(jobs)
    return outcomes, time.perf_counter() - start


def end_with(parent: int) -> None:
    """End this process when its parent is gone: a worker must not go on for a run that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_S)
        os._exit(1)

    threading.Thread(target=watch, name="audioconv-parent", daemon=True).start()


def version() -> str:
    """The version of audioconv that a worker has."""
    import audioconv

    return audioconv.__version__
