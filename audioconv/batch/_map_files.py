"""`map_files`: a function of a file, done to any number of files."""

import itertools
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import blake2b
from typing import Any

from audioconv.arrays import whole
from audioconv.batch.backends import Backend, Dask, Processes, Serial
from audioconv.batch.disk import full_disk_said
from audioconv.batch.engine import Engine
from audioconv.batch.outputs import Files, Folder, NewSuffix, Outputs, Table, Values
from audioconv.batch.progress import FileBar
from audioconv.batch.sources import source_files
from audioconv.batch.summary import BatchSummary
from audioconv.batch.worker import Job, Task
from audioconv.errors import ArgumentError
from audioconv.io.paths import AnyPath
from audioconv.parallel import thread_count

_TABLE = ".parquet"
_LONGEST_SETTINGS = 300  # characters; of longer ones a digest


def map_files(
    fn: Callable[..., Any],
    files: Files,
    target: AnyPath | None = None,
    *,
    suffix: str | NewSuffix | None = None,
    jobs: int | None = None,
    scheduler: Any = None,
    overwrite: bool = False,
    progress: bool | str = True,
) -> BatchSummary:
    """Do a function to many files: on this machine, or on a Dask cluster.

    A file that fails does not end the run; it is in the table of failures. The list of files is read while files are
    worked on, a few ahead, so that it may be longer than memory. With a target, a run that was cut, by whatever,
    continues where it was when it is called again: a journal beside the outputs says what is done, and files that have
    changed since are done again. An output is there whole or not at all, and never takes the place of a file that the
    run has not made, unless `overwrite` says so. Results are the same bits with any number of processes and machines,
    if those of the function are.

    Parameters
    ----------
    fn : function
        Of (source), two paths with a folder as target: (source, target), and then it writes a file there. It is sent to
        each process once in a while, by cloudpickle, and used there by one thread at a time.
    files : path, or iterable of paths
        A folder stands for all sound files in it, a pattern such as "talks/**/*.flac" for what it matches.
    target : path, optional
        A folder for a file of each source: it is made if it is missing, and its files are called as the sources are, in
        the same folders; where two would be called alike, the second has a number. Or a table that ends in .parquet:
        `fn` then returns a mapping from columns to arrays or lists of one length, a row an item (a value that is
        neither stands in all of them), or an iterable of such mappings for a file with many rows. The rows come in the
        order of the files, with the path in a column `file`. Without a target what `fn` returns is in the summary, in
        memory.
    suffix : str or function, optional
        What outputs end in, such as ".npy", instead of what their sources end in; or a function of that.
    jobs : int, optional
        Number of processes, each with one thread; by default `AUDIOCONV_THREADS` or the cores. 1 is this process.
    scheduler : str or dask.distributed.Cluster, optional
        Address of the scheduler of a Dask cluster, such as "tcp://10.0.0.1:8786", whose workers are used instead. They
        find sources and target by the same paths.
    overwrite : bool
        Write over files that are there. A run with the same settings that was allowed it and was cut is continued;
        any other begins anew.
    progress : bool or str
        Show a bar on stderr, if that is a terminal, once it takes longer than two seconds; text says what is done.

    Returns
    -------
    summary : BatchSummary
        How many files were done, were done before, and failed; the failures; values without a target.

    Raises
    ------
    ArgumentError
        If outputs of other settings are at the target, that is, of another function (by its name, or by the repr of a
        callable object) or suffix; for a function that cannot be sent to other processes.
    AudioFileError
        If the target cannot be written, exists (a table), or its disk is full.
    BusyError
        If another run has the same target.
    ClusterError
        If the cluster does not answer, has no workers, or these have another version of audioconv.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, audioconv as ac
    >>> folder = tempfile.TemporaryDirectory()
    >>> for name in ("a", "b"):
    ...     ac.write(f"{folder.name}/{name}.wav", np.full(8000, 0.5, "float32"), 8000)
    >>> def peak(source):
    ...     return float(abs(ac.read(source).samples).max())
    >>> ac.map_files(peak, folder.name, jobs=1).values
    [0.5, 0.5]
    >>> def softer(source, target):
    ...     ac.process_file(source, target, ac.Gain(-6.0))
    >>> print(ac.map_files(softer, f"{folder.name}/*.wav", f"{folder.name}/soft", jobs=1))
    2 files done
    >>> folder.cleanup()
    """
    count = thread_count() if jobs is None else whole(jobs, "jobs")
    if jobs is not None and scheduler is not None:
        raise ArgumentError("jobs and scheduler both say where files are worked on; one of them is wanted")
    title = progress if isinstance(progress, str) else "working on files"
    with (
        full_disk_said(target),
        closing(_outputs(fn, files, target, suffix, overwrite)) as outputs,
        FileBar(title, _count_of(files), shown=bool(progress)) as bar,
    ):
        waiting = _shown(outputs, bar)
        first = list(itertools.islice(waiting, 2))
        if first:
            count = min(count, len(first)) if scheduler is None else count
            with _backend(outputs.task, count, scheduler) as backend:
                _work(Engine(backend, outputs.sync), itertools.chain(first, waiting), outputs, bar)
        return outputs.finish()


def _outputs(
    fn: Callable[..., Any], files: Files, target: AnyPath | None, suffix: str | NewSuffix | None, overwrite: bool
) -> Outputs:
    if not callable(fn):
        raise ArgumentError(f"fn must be a function of a path, not {fn!r}")
    if isinstance(suffix, str) and not suffix.startswith("."):
        raise ArgumentError(f"suffix must begin with a dot, such as '.npy', not {suffix!r}")
    if target is None:
        return Values(fn, files)
    path, settings = os.fsdecode(target), _described(fn)
    if path.lower().endswith(_TABLE):
        return Table(fn, files, target, settings, overwrite)
    settings += f" to {suffix}" if isinstance(suffix, str) else ""
    new: NewSuffix = suffix if callable(suffix) else lambda old: old if suffix is None else suffix
    return Folder(fn, files, path, new, settings, overwrite)


def _described(fn: Callable[..., Any]) -> str:
    """What a function is, as far as that is the same in the next process: its name, or what its object shows."""
    name = getattr(fn, "__qualname__", None)
    text = f"{fn.__module__}.{name}" if name else re.sub(r" at 0x[0-9a-fA-F]+", "", repr(fn))
    if len(text) <= _LONGEST_SETTINGS:
        return text
    return f"{text[:_LONGEST_SETTINGS]}... {blake2b(text.encode(errors='surrogatepass'), digest_size=8).hexdigest()}"


def _count_of(files: Files) -> Callable[[], int] | None:
    """What counts the files; None for an iterator, which can be read only once."""
    return None if isinstance(files, Iterator) else lambda: sum(1 for _ in source_files(files))


def _shown(outputs: Outputs, bar: FileBar) -> Iterator[Job]:
    """The jobs; the bar counts what is skipped between them."""
    before = 0
    for job in outputs.jobs():
        bar.add(outputs.skipped - before)
        before = outputs.skipped
        yield job


@contextmanager
def _backend(task: Task, count: int, scheduler: Any) -> Iterator[Backend]:
    backend: Backend
    if scheduler is not None:
        backend = Dask(task, scheduler)
    elif count == 1:
        backend = Serial(task)
    else:
        backend = Processes(task, count)
    try:
        yield backend
    except BaseException:
        backend.close(abandon=True)
        raise
    backend.close(abandon=False)


def _work(engine: Engine, jobs: Iterator[Job], outputs: Outputs, bar: FileBar) -> None:
    for finished in engine.run(jobs):
        for job, outcome in finished:
            outputs.take(job, outcome)
        bar.add(len(finished), sum(outcome.error is not None for _, outcome in finished))
