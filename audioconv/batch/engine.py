"""Chunks of files in flight: few at a time, large enough to be worth the way, and none lost with a process."""

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait

from audioconv.batch.backends import Backend, Finished
from audioconv.batch.worker import Job, Outcome, error_text

MOST_FILES = 64  # in a chunk
_CHUNK_S = 0.2  # that a chunk should take: far more than sending it
_FEW = 64  # chunks in flight: with more, each is larger, so that whoever sends them out follows
_DIED = "the process that worked on it died: out of memory, or a crash in a library"
_PATIENCE_S = 5.0  # without a result, after which it is looked whether somebody is still working


class Engine:
    """Work on files by a backend, in a bounded number of chunks at a time.

    Parameters
    ----------
    backend : Backend
    before_submit : function of no arguments
        Called once before new chunks are sent out.
    """

    def __init__(self, backend: Backend, before_submit: Callable[[], None] = lambda: None) -> None:
        self._backend, self._before_submit = backend, before_submit
        self._waiting: dict[Future[Finished], list[Job]] = {}
        self._suspects: deque[Job] = deque()  # of chunks that were lost: done one by one, to find which it is
        self._attempts = Counter[int]()  # of suspects alone, by their number
        self._is_broken = self._is_alone = False
        self._file_s = _CHUNK_S  # that a file takes, as seen so far

    def run(self, jobs: Iterator[Job]) -> Iterator[list[tuple[Job, Outcome]]]:
        """Do all jobs, which are taken one by one and only as many as are in flight.

        Parameters
        ----------
        jobs : iterator of Job

        Yields
        ------
        finished : list of (Job, Outcome)
            In the order in which they are done.
        """
        while True:
            self._send(jobs)
            if not self._waiting:
                return
            done = wait(self._waiting, _PATIENCE_S, return_when=FIRST_COMPLETED).done
            if not done:
                self._backend.check()
            finished = [self._finished(future) for future in done]
            del done  # a cluster keeps results, and makes lost ones again, as long as somebody holds them
            yield from finished

    def _send(self, jobs: Iterator[Job]) -> None:
        chunks: list[list[Job]] = []
        if self._is_broken and not self._waiting:
            self._backend.renew()
            self._is_broken = False
        if not self._waiting:
            self._is_alone = bool(self._suspects)
            chunks += [[self._suspects.popleft()]] if self._is_alone else []
        if not (self._is_alone or self._suspects):
            in_flight = self._backend.in_flight
            scale = max(1, in_flight // _FEW)
            size = max(1, min(MOST_FILES * scale, int(_CHUNK_S * scale / self._file_s)))
            room = range(in_flight - len(self._waiting))
            chunks += itertools.takewhile(bool, (list(itertools.islice(jobs, size)) for _ in room))
        if chunks:
            self._before_submit()
        for chunk in chunks:
            self._waiting[self._backend.submit(chunk)] = chunk

    def _finished(self, future: "Future[Finished]") -> list[tuple[Job, Outcome]]:
        chunk = self._waiting.pop(future)
        try:
            outcomes, seconds = future.result()
        except Exception as error:  # of the process or of the way to it; those of files are outcomes
            return self._lost(chunk, error)
        self._file_s = 0.5 * self._file_s + 0.5 * max(seconds / len(chunk), 1e-4)
        return list(zip(chunk, outcomes, strict=True))

    def _lost(self, chunk: list[Job], error: Exception) -> list[tuple[Job, Outcome]]:
        """What an error of a whole chunk means: a failure of its one file, or that its files are done one by one."""
        attempts = self._backend.attempts(error)
        self._is_broken |= attempts > 0
        if len(chunk) == 1 and not attempts:
            return [(chunk[0], Outcome(chunk[0].number, error=error_text(error)))]
        if self._is_alone:
            self._attempts[chunk[0].number] += 1
            if self._attempts[chunk[0].number] >= attempts:
                return [(chunk[0], Outcome(chunk[0].number, error=_DIED))]
            self._suspects.appendleft(chunk[0])
        else:
            self._suspects.extend(chunk)
        return []
