"""Thread pools, one for each number of threads: made on first use and after a fork; one thread in worker processes.

The calling thread works, too: a pool for n threads has n - 1 others.

Kernels release the GIL, so that threads run them side by side. Results never depend on the number of threads:
work is cut into pieces by its size alone, and pieces are joined in order.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from audioconv.arrays import whole
from audioconv.errors import ArgumentError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

LEAST_S = 250e-6  # of work that a thread is worth: to wake one takes about half of that

# By their number of threads; kept for the life of the process, because starting threads costs more than work.
_pools: dict[int, ThreadPoolExecutor] = {}
_single: ContextVar[bool] = ContextVar("single", default=False)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)


def thread_count(threads: int | None = None) -> int:
    """Number of threads to use: `threads`, or `AUDIOCONV_THREADS`, or the cores that this process may use."""
    if threads is None:
        if _single.get():
            return 1
        text = os.environ.get("AUDIOCONV_THREADS", "")
        if text:
            if not text.isdigit() or int(text) < 1:
                raise ArgumentError(f"AUDIOCONV_THREADS must be a whole number from 1, not {text!r}")
            return int(text)
        if multiprocessing.parent_process() is not None:
            return 1  # a pool of processes already keeps the cores busy
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return whole(threads, "threads")


def worthwhile(threads: int | None, predicted_s: float) -> int:
    """How many of the threads get enough to do, of work that should take one thread so long; infinite if unknown."""
    return max(1, int(min(thread_count(threads), predicted_s / LEAST_S)))


@contextmanager
def single_thread() -> Iterator[None]:
    """Make one thread the default in this block and thread, where processes beside it keep the other cores busy."""
    token = _single.set(True)
    try:
        yield
    finally:
        _single.reset(token)


def run(function: Callable[[_Item], _Result], items: Iterable[_Item], threads: int | None = None) -> list[_Result]:
    """Call `function` on each item and return the results in order; the first error is raised.

    The calling thread does what no other has begun, from the end: to wake a thread takes as long as a small piece.
    """
    items = list(items)
    count = thread_count(threads)
    if min(count, len(items)) <= 1:
        return [function(item) for item in items]
    if count not in _pools:
        _pools[count] = ThreadPoolExecutor(count - 1, thread_name_prefix="audioconv")
    futures = [_pools[count].submit(function, item) for item in items]
    outcomes = list(futures)
    try:
        for i in reversed(range(len(items))):
            if futures[i].cancel():
                outcomes[i] = _outcome(function, items[i])
        return [outcome.result() for outcome in outcomes]
    except BaseException:  # no thread may still write into the caller's arrays
        for future in futures:
            future.cancel()
        wait(futures)
        raise


def _outcome(function: Callable[[_Item], _Result], item: _Item) -> "Future[_Result]":
    """The result or error of a call in this thread, as a pool gives it."""
    outcome: Future[_Result] = Future()
    try:
        outcome.set_result(function(item))
    except Exception as error:
        outcome.set_exception(error)
    return outcome
