"""Threads that start at once and may wait for each other at barriers, as the phases of a training step need.

A helper thread that has done its share spins for a while, without the GIL, before it goes to sleep: to wake a thread
takes 80 us, which is a tenth of a small batch; one that spins begins after 10.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

import numpy as np

from audioconv.kernels._layout import layout
from audioconv.kernels.nn.barrier import YIELD_LIMIT, wait_for_change
from audioconv.kernels.realtime.atomics import increment, read

CACHE_LINE = 8  # int64 numbers
# What the threads of a team share, a cache line apart: how many calls have begun, and how many helpers are done.
CONTROL = layout("CONTROL", ("round", CACHE_LINE), ("done", CACHE_LINE))
_YIELDS = 300  # to other threads while spinning: about as long as preparing the next batch takes
_NAPS = 1000  # until Python sees whether it was interrupted

_teams: dict[int, ThreadTeam] = {}  # by how many helpers they have
_making = threading.Lock()


def _forget() -> None:
    """In a forked process there are no helpers."""
    global _making
    _making = threading.Lock()
    _teams.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def run_together(function: Callable[[int], object], threads: int, abandon: Callable[[], object]) -> None:
    """Call function(thread) for each of `threads` at once: they may wait for each other.

    The calling thread is number 0. If one of them fails, `abandon()` tells the others; the error is raised.
    """
    if threads == 1:
        function(0)
        return
    helpers = threads - 1
    with _making:
        if helpers not in _teams:
            _teams[helpers] = ThreadTeam(helpers)
    _teams[helpers].run(function, abandon)


class ThreadTeam:
    """Helper threads for one call at a time; other calls wait."""

    def __init__(self, helpers: int) -> None:
        self._control, self._lock = np.zeros(CONTROL.row_size, np.int64), threading.Lock()
        self._job: Callable[[int], object] | None = None
        self._asleep = [False] * helpers
        self._wakeups: list[SimpleQueue[None]] = [SimpleQueue() for _ in range(helpers)]
        for i in range(helpers):
            threading.Thread(target=self._help, args=(i,), name=f"audioconv-team-{i}", daemon=True).start()

    def __repr__(self) -> str:
        return f"ThreadTeam({len(self._wakeups)} helpers)"

    def run(self, function: Callable[[int], object], abandon: Callable[[], object]) -> None:
        """Call function(thread) in the calling thread, number 0, and in all helpers; see `run_together`."""
        errors: list[BaseException] = []

        def guarded(thread: int) -> None:
            try:
                function(thread)
            except BaseException as error:
                abandon()
                errors.append(error)

        with self._lock:
            self._job, self._control[CONTROL.done] = guarded, 0
            increment(self._control, CONTROL.round)
            try:
                for i, wakeup in enumerate(self._wakeups):
                    if self._asleep[i]:  # a helper sets this before it reads the round: no wake-up is lost
                        wakeup.put(None)
                guarded(0)
            except BaseException:  # KeyboardInterrupt outside of `guarded`
                abandon()
                raise
            finally:
                errors += self._wait()
                self._job = None
        if errors:
            raise errors[0]

    def _wait(self) -> list[KeyboardInterrupt]:
        """Until all helpers are done, whatever happens: they write into what the caller has."""
        interrupts = []
        while (done := read(self._control, CONTROL.done)) < len(self._wakeups):
            try:
                wait_for_change(self._control, CONTROL.done, done, YIELD_LIMIT, _NAPS)
            except KeyboardInterrupt as error:
                interrupts.append(error)
        return interrupts

    def _help(self, i: int) -> None:
        """Do the share of a helper in one call after the other."""
        seen = 0
        while True:
            if wait_for_change(self._control, CONTROL.round, seen, _YIELDS, 0):
                seen += 1
                if self._job is not None:  # never None while a round is open
                    self._job(1 + i)
                increment(self._control, CONTROL.done)
            else:
                self._asleep[i] = True
                if self._control[CONTROL.round] == seen:
                    self._wakeups[i].get()
                self._asleep[i] = False
