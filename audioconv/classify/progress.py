"""What training shows on stderr or in a notebook: notices, and a bar with loss, accuracy and the time left."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

REFRESH_S = 0.2
PATIENCE_S = 2.0  # a bar is shown where it takes longer
NOTEBOOK_BAR = 18  # characters


class NoticeSink(Protocol):
    """A receiver of notices."""

    def say(self, text: str) -> None:
        """Take a notice."""


class Notices:
    """Prints on stderr how files that did not fit were converted: each kind once. Silent with verbose 0."""

    def __init__(self, verbose: int) -> None:
        self._verbose = verbose
        self._announced: set[str] = set()

    def say(self, text: str) -> None:
        """Print a notice, unless it was said already."""
        if self._verbose and text not in self._announced:
            sys.stderr.write(f"audioconv: {text}\n")
        self._announced.add(text)


class _Bar(Protocol):
    """A line that shows how much of a whole is done, and a state beside it."""

    @property
    def speed(self) -> float | None: ...  # steps a second

    def advance(self) -> None: ...

    def show(self, state: str) -> None: ...

    def stop(self) -> None: ...


class TrainingProgress:
    """The progress bar of a training; silent with verbose 0."""

    def __init__(self, verbose: int) -> None:
        self._verbose = verbose
        self._bar: _Bar | None = None
        self._state = ""

    @contextmanager
    def training(self, epochs: int, steps: int, clips: int, place: tuple[int, int] = (0, 0)) -> Iterator[None]:
        """Show the bar while a training of `epochs`, each of `steps`, runs from `place` (epoch, step) on."""
        if not self._verbose:
            yield
            return
        self._epochs, self._clips_per_step = epochs, clips / steps
        self._bar = _bar(epochs * steps, place[0] * steps + place[1], "training")
        try:
            yield
        finally:
            self._bar.stop()
            self._bar = None

    def batch(self, epoch: int, number: int, loss: float | None) -> None:
        """One batch is done."""
        if self._bar is not None:
            self._bar.advance()
            if self._bar.speed and self._state:
                self._bar.show(f"{self._state}  {self._bar.speed * self._clips_per_step:.0f} clips/s")

    def epoch(self, record: Mapping[str, Any]) -> None:
        """One epoch is done; `record` is its entry in the history."""
        if self._bar is None:
            return
        state = f"{record['epoch']}/{self._epochs}  loss {record['loss']:.3f}  accuracy {record['accuracy']:.1%}"
        if record["score"] is not None:
            state += f"  unseen {record['score'][0]:.1%}"
        self._state = state
        self._bar.show(state)


class StagedProgress:
    """A bar for each stage of some work, on a terminal or in a notebook, once all of it has taken some time.

    Silent with verbose 0.
    """

    def __init__(self, verbose: int) -> None:
        self._verbose, self._start_s = verbose, time.monotonic()
        self._bar: _Bar | None = None
        self._state, self._percent = "", 0

    def update(self, stage: str, done: float, total: float) -> None:
        """So much of a stage is done."""
        if not self._verbose or time.monotonic() - self._start_s < PATIENCE_S or not _has_place():
            return
        if stage != self._state:
            self.stop()
            self._bar, self._state, self._percent = _bar(100, 0, stage), stage, 0
        while self._bar is not None and self._percent < int(100 * done / max(total, 1e-9)):
            self._bar.advance()
            self._percent += 1

    def stop(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
        self._bar, self._state = None, ""


def _has_place() -> bool:
    """Whether somebody sees a bar."""
    from rich.console import Console

    console = Console(stderr=True)
    return console.is_terminal or console.is_jupyter


def _bar(total: int, done: int, state: str) -> _Bar:
    from rich.console import Console

    console = Console(stderr=True)
    # a notebook's output is written to by itself: rich would warn there of widgets that are not installed
    if console.is_jupyter:
        return _NotebookBar(total, done, state)
    return _TerminalBar(console, total, done, state)


class _TerminalBar:
    """By rich, on stderr; a line of 80 columns holds it."""

    def __init__(self, console: Any, total: int, done: int, state: str) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = [BarColumn(bar_width=18), TimeRemainingColumn(), TextColumn("{task.fields[state]}")]
        self._shown = Progress(*columns, console=console)
        self._task = self._shown.add_task("", total=total, completed=done, state=state)
        self._shown.start()

    @property
    def speed(self) -> float | None:
        return self._shown.tasks[self._task].speed

    def advance(self) -> None:
        self._shown.advance(self._task)

    def show(self, state: str) -> None:
        self._shown.update(self._task, state=state)

    def stop(self) -> None:
        self._shown.stop()


class _NotebookBar:
    """A line of text in the output of a notebook's cell, rewritten in place."""

    def __init__(self, total: int, done: int, state: str) -> None:
        from IPython.display import display  # type: ignore[import-not-found]  # is there where a notebook runs

        self._total, self._begun, self._done, self._state = total, done, done, state
        self._start_s, self._shown_s = time.monotonic(), 0.0
        self._handle = display(self._line(), raw=True, display_id=True)

    @property
    def speed(self) -> float | None:
        passed_s = time.monotonic() - self._start_s
        return (self._done - self._begun) / passed_s if passed_s > 0 else None

    def _line(self) -> dict[str, str]:
        filled = round(NOTEBOOK_BAR * self._done / max(1, self._total))
        left_s = round((self._total - self._done) / self.speed) if self.speed else 0
        bar = "█" * filled + "·" * (NOTEBOOK_BAR - filled)
        return {"text/plain": f"{bar} {left_s // 60:02}:{left_s % 60:02}  {self._state}"}

    def advance(self) -> None:
        self._done += 1
        if time.monotonic() - self._shown_s > REFRESH_S:
            self._show()

    def show(self, state: str) -> None:
        self._state = state

    def stop(self) -> None:
        self._show()

    def _show(self) -> None:
        self._handle.update(self._line(), raw=True)
        self._shown_s = time.monotonic()
