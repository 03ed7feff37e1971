"""Threads that begin at once and may wait for each other, as the phases of a training step want.

A helper that has done its share looks out for the next call for a while, without the GIL, before it goes to sleep: to
wake a thread takes 80 us, which is a tenth of a small batch; to find one that looks out takes 10.
"""

import os
import threading
from queue import SimpleQueue

import numpy as np

from audioconv.kernels.nn.barrier import increment, wait_for_change

ROUND, DONE = 0, 8  # what `control` counts: calls begun, helpers that are done; a cache line apart


_LOOKS = 300  # about as long as preparing the next batch takes


_teams, _making = {}, threading.Lock()  # teams by how many helpers they have


def _forget():
    """In a forked process there are no helpers."""
    global _making
    _making = threading.Lock()
    _teams.clear()


os.register_at_fork(after_in_child=_forget) if hasattr(os, "register_at_fork") else None


def run_together(function, threads, abandon):
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
    """Helpers for one call at a time; other calls wait."""

    def __init__(self, helpers):
        self._control, self._lock, self._job = np.zeros(16, np.int64), threading.Lock(), None
        self._asleep, self._bells = [False] * helpers, [SimpleQueue() for _ in range(helpers)]
        for i in range(helpers):
            threading.Thread(target=self._help, args=(i,), name=f"audioconv-team-{i}", daemon=True).start()

    def run(self, function, abandon):
        errors = []

        def careful(thread):
            try:
                function(thread)
            except BaseException as error:
                abandon()
                errors.append(error)

        with self._lock:
            self._job, self._control[DONE] = careful, 0
            increment(self._control, ROUND)
            try:
                for i, bell in enumerate(self._bells):
                    if self._asleep[i]:  # he looks at ROUND after he said so: one of us sees the other
                        bell.put(None)
                careful(0)
            except BaseException:  # Ctrl-C, a moment before or after our share
                abandon()
                raise
            finally:
                errors += self._wait()
                self._job = None
        if errors:
            raise errors[0]

    def _wait(self):
        """Until all helpers are done, whatever happens: they write into what the caller has."""
        interrupts = []
        while (done := self._control[DONE]) < len(self._bells):
            try:
                wait_for_change(self._control, DONE, done, _LOOKS)
            except KeyboardInterrupt as error:
                interrupts.append(error)
        return interrupts

    def _help(self, i):
        seen = 0
        while True:
            if wait_for_change(self._control, ROUND, seen, _LOOKS):
                seen += 1
                self._job(1 + i)
                increment(self._control, DONE)
            else:
                self._asleep[i] = True
                if self._control[ROUND] == seen:
                    self._bells[i].get()
                self._asleep[i] = False
