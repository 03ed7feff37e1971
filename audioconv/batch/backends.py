"""Where chunks of files are worked on: in this process, in processes of this machine (joblib), or on a Dask cluster."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future
from functools import partial
from typing import Any, Protocol
from weakref import WeakSet

from audioconv.batch import worker
from audioconv.batch.worker import Job, Outcome, Task
from audioconv.errors import ArgumentError, ClusterError

CHUNKS_A_SLOT = 2  # one is worked on, one waits
_IDLE_S = 60.0  # after which an idle process ends
_CONNECT_S = 20.0  # for the scheduler to answer
_WORKERS_S = 60.0  # for a worker to be there
_RESTARTS = 5  # of a scheduler, while one file is worked on
_SINGLE = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}

Finished = tuple[list[Outcome], float]


class Backend(Protocol):
    """A place where chunks of files are worked on."""

    @property
    def in_flight(self) -> int:
        """How many chunks may be in flight: worked on, or waiting to be."""

    def submit(self, jobs: Sequence[Job]) -> "Future[Finished]":
        """Have a chunk worked on."""

    def attempts(self, error: BaseException) -> int:
        """How often a file that is worked on alone may meet an error before it is to blame.

        0 for what is an error of the chunk itself; else processes were lost, for whatever reason.
        """

    def check(self) -> None:
        """Raise an error if nobody works any more; is called when there was no result for a while."""

    def renew(self) -> None:
        """After a loss: have processes again."""

    def close(self, *, abandon: bool) -> None:
        """End what was started here; at once where chunks are abandoned."""


class Serial:
    """This process, one file at a time.

    Parameters
    ----------
    task : Task
    """

    in_flight = 1

    def __init__(self, task: Task) -> None:
        self._task = task

    def submit(self, jobs: Sequence[Job]) -> "Future[Finished]":
        """Work on a chunk, and return when it is done."""
        future: Future[Finished] = Future()
        try:
            future.set_result(worker.timed(self._task, jobs))
        except Exception as error:
            future.set_exception(error)
        return future

    def attempts(self, error: BaseException) -> int:
        """There is no process to lose."""
        return 0

    def check(self) -> None:
        """This process works."""

    def renew(self) -> None:
        """There is nothing to renew."""

    def close(self, *, abandon: bool) -> None:
        """There is nothing to end."""


class Processes:
    """Processes of this machine, by joblib's loky: started afresh and not forked, and replaced when one dies.

    Parameters
    ----------
    task : Task
    jobs : int
        Number of processes.
    """

    def __init__(self, task: Task, jobs: int) -> None:
        self.in_flight, self._jobs, self._pickled = CHUNKS_A_SLOT * jobs, jobs, pickled(task)
        self.renew()

    def renew(self) -> None:
        """Start processes; those that are left of a pool that broke have ended."""
        from joblib.externals.loky import ProcessPoolExecutor

        self._pool = ProcessPoolExecutor(
            self._jobs, timeout=_IDLE_S, env=_SINGLE, initializer=worker.end_with, initargs=(os.getpid(),)
        )

    def submit(self, jobs: Sequence[Job]) -> "Future[Finished]":
        """Have a chunk worked on by a process that is free."""
        try:
            future: Future[Finished] = self._pool.submit(worker.run_chunk, self._pickled, jobs)
        except BrokenExecutor as error:
            future = Future()
            future.set_exception(error)
        return future

    def attempts(self, error: BaseException) -> int:
        """A pool breaks with the process that dies; the system may have killed it for the memory of others."""
        return 2 if isinstance(error, BrokenExecutor) else 0

    def check(self) -> None:
        """The death of a process is an error of its chunk."""

    def close(self, *, abandon: bool) -> None:
        """End the processes."""
        self._pool.shutdown(wait=not abandon, kill_workers=abandon)


class Dask:
    """The workers of a Dask cluster. One that dies is replaced by others; three dead of one chunk are a loss.

    Parameters
    ----------
    task : Task
    scheduler : str or dask.distributed.Cluster
        Address of the scheduler, such as "tcp://10.0.0.1:8786".

    Raises
    ------
    ClusterError
        If it does not answer, has no workers, or these have another version of audioconv.
    """

    def __init__(self, task: Task, scheduler: Any) -> None:
        try:
            import distributed  # noqa: F401
        except ImportError as error:
            raise ArgumentError("scheduler= needs dask.distributed: pip install 'audioconv[dask]'") from error
        self._scheduler, self._pickled = scheduler, pickled(task)
        self._connect(_CONNECT_S)

    def _connect(self, timeout_s: float) -> None:
        from distributed import Client

        try:
            self._client = Client(self._scheduler, timeout=timeout_s, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ClusterError(
                f"the scheduler at {self._scheduler} does not answer ({_first_line(error)}); an address such as "
                f"tcp://host:8786 is wanted, as `dask scheduler` prints it"
            ) from error
        try:
            self._client.wait_for_workers(1, timeout=_WORKERS_S)
            versions = set(self._client.run(worker.version).values())
        except TimeoutError as error:
            self._client.close()
            raise ClusterError(
                f"the scheduler at {self._scheduler} has no workers; start some with `dask worker ADDRESS`"
            ) from error
        except (ImportError, AttributeError) as error:
            self._client.close()
            raise ClusterError(f"the workers of {self._scheduler} cannot load audioconv: {error}") from error
        if versions != {worker.version()}:
            self._client.close()
            found = ", ".join(sorted(versions))
            raise ClusterError(f"the workers of {self._scheduler} have audioconv {found}, this is {worker.version()}; "
                               f"the same version is wanted everywhere")  # fmt: skip
        self._in_flight = WeakSet[Any]()

    @property
    def in_flight(self) -> int:
        """Some for each thread of the workers that are there now."""
        return CHUNKS_A_SLOT * max(1, sum(int(found["nthreads"]) for found in self._workers))

    def submit(self, jobs: Sequence[Job]) -> "Future[Finished]":
        """Have a chunk worked on by any worker."""
        future: Future[Finished] = Future()
        of_cluster = self._client.submit(worker.run_chunk, self._pickled, jobs, pure=False)
        self._in_flight.add(of_cluster)
        # Not the client's own executor: where the scheduler is lost between a result and its way here, it never ends.
        of_cluster.add_done_callback(partial(_settle, future))
        return future

    def attempts(self, error: BaseException) -> int:
        """Several workers have died of a chunk, or the scheduler is gone with all that it knew."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        if isinstance(error, KilledWorker):
            return 1
        return _RESTARTS if isinstance(error, (FutureCancelledError, CancelledError)) else 0

    def check(self) -> None:
        """Raise an error if there have been no workers for a while."""
        if self._client.status == "running" and not self._workers:
            try:
                self._client.wait_for_workers(1, timeout=_WORKERS_S)
            except TimeoutError as error:
                raise ClusterError(
                    f"the workers of {self._scheduler} are gone; with others the same call goes on from here"
                ) from error

    @property
    def _workers(self) -> list[Any]:
        return list(self._client.scheduler_info(n_workers=-1)["workers"].values())

    def renew(self) -> None:
        """Connect again, if the scheduler was gone."""
        if self._client.status == "running":
            return
        self._client.close(timeout=1)
        end = time.monotonic() + _WORKERS_S
        while True:
            try:
                self._connect(_CONNECT_S)
                return
            except ClusterError:
                if time.monotonic() > end:
                    raise
                time.sleep(1)

    def close(self, *, abandon: bool) -> None:
        """Leave the cluster; what is in flight is cancelled."""
        if abandon:
            self._client.cancel(list(self._in_flight))
        self._client.close()


def _settle(future: "Future[Finished]", of_cluster: Any) -> None:
    """Give a future what came of one of the cluster."""
    try:
        future.set_result(of_cluster.result())
    except BaseException as error:
        future.set_exception(error)


def pickled(task: Task) -> bytes:
    """A task as bytes, also of functions that no module has, such as lambdas.

    Raises
    ------
    ArgumentError
        If it cannot be sent to other processes.
    """
    import cloudpickle

    try:
        data: bytes = cloudpickle.dumps(task)
    except Exception as error:  # whatever an object's own __reduce__ raises
        raise ArgumentError(
            f"the function cannot be sent to other processes ({_first_line(error)}); jobs=1 works in this one"
        ) from error
    return data


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
