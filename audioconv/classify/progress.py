"""What training shows on stderr: notices, and a bar with loss, accuracy and the time left."""

import sys
from contextlib import contextmanager


class Notices:
    """Says on stderr what was done to files that did not fit: each kind once. Silent with verbose 0."""

    def __init__(self, verbose):
        self._verbose = verbose
        self._said = set()

    def say(self, text):
        """Print a notice, unless it was said already."""
        if self._verbose and text not in self._said:
            sys.stderr.write(f"audioconv: {text}\n")
        self._said.add(text)


class Progress:
    """A progress bar; silent with verbose 0."""

    def __init__(self, verbose):
        self._verbose = verbose
        self._bar, self._state = None, ""

    @contextmanager
    def training(self, epochs, batches, place):
        """Show the bar while a training of so many epochs runs, from a place (epoch, batch) on."""
        if not self._verbose:
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._epochs, self._steps, self._clips = epochs, batches.steps, len(batches)
        first = place[0] * batches.steps + place[1]
        columns = [BarColumn(bar_width=18), TimeRemainingColumn(), TextColumn("{task.fields[state]}")]
        with Bar(*columns, console=Console(stderr=True)) as self._bar:  # a line of 80 columns holds it
            self._task = self._bar.add_task("", total=epochs * batches.steps, completed=first, state="training")
            yield
        self._bar = None

    def batch(self, epoch, number, loss):
        """One batch is done."""
        if self._bar:
            self._bar.advance(self._task)
            speed = self._bar.tasks[self._task].speed
            if speed and self._state:
                self._bar.update(self._task, state=f"{self._state}  {speed * self._clips / self._steps:.0f} clips/s")

    def epoch(self, record):
        """One epoch is done; `record` is its entry in the history."""
        if not self._bar:
            return
        state = f"{record['epoch']}/{self._epochs}  loss {record['loss']:.3f}  accuracy {record['accuracy']:.1%}"
        if record["score"] is not None:
            state += f"  unseen {record['score'][0]:.1%}"
        self._state = state
        self._bar.update(self._task, state=state)
