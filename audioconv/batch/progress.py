"""One bar for all files of a run: how many are done, how many a second, and how long the rest will take."""

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PATIENCE_S = 2.0  # a bar is shown where it takes longer
_REFRESH_S = 0.1


class FileBar:
    """A progress bar on stderr, if that is a terminal, once a run takes longer than two seconds.

    Parameters
    ----------
    title : str
        What is being done.
    count : function of no arguments, optional
        Says how many files there are. It is called beside the run, as it may have to look through folders; until it
        is known, the bar shows no end.
    shown : bool
    """

    def __init__(self, title: str, count: Callable[[], int] | None = None, *, shown: bool = True) -> None:
        self._title = title
        self._total: int | None = None
        self._is_shown = shown and sys.stderr is not None and sys.stderr.isatty()
        self._start = self._last = time.monotonic()
        self._done = self._failed = 0
        self._bar: tuple[Progress, TaskID] | None = None
        if self._is_shown and count is not None:
            threading.Thread(target=self._count, args=(count,), name="audioconv-count", daemon=True).start()

    def __enter__(self) -> "FileBar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar[0].stop()

    def _count(self, count: Callable[[], int]) -> None:
        self._total = count()

    def add(self, done: int, failed: int = 0) -> None:
        """Count files that are done, some of which failed."""
        self._done, self._failed = self._done + done, self._failed + failed
        now = time.monotonic()
        if not self._is_shown or now - self._last < _REFRESH_S or now - self._start < _PATIENCE_S:
            return
        self._last = now
        progress, task = self._bar = self._bar or self._made()
        rate = self._done / (now - self._start)
        state = f"{rate:.3g} a second" + (f", {self._failed} failed" if self._failed else "")
        progress.update(task, completed=self._done, total=self._total, state=state)

    def _made(self) -> "tuple[Progress, TaskID]":
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("files, {task.fields[state]},"), TimeRemainingColumn(compact=True), TextColumn("left"),
        )  # fmt: skip
        progress = Progress(*columns, console=Console(stderr=True), transient=True)
        progress.start()
        return progress, progress.add_task(self._title, total=self._total, state="")
