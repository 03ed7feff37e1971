"""What the commands say beside their results."""

import time
import warnings
from contextlib import contextmanager

import typer

from audioconv.errors import AudioFileWarning

_PATIENCE_S = 2.0  # a bar is shown where it takes longer


def say(text):
    """Print one line on stderr, whatever line breaks the text has."""
    typer.echo(f"audioconv: {' '.join(line.strip() for line in str(text).splitlines())}", err=True)


def watched(blocks, total, title, patience_s=_PATIENCE_S):
    """Pass blocks on, with a progress bar on a terminal once that has taken longer than `patience_s`.

    Parameters
    ----------
    blocks : iterable of arrays
    total : int
        The sum of their lengths.
    title : str
        What is being done.
    """
    start, done, shown = time.monotonic(), 0, None
    try:
        for block in blocks:
            yield block
            done += len(block)
            if shown is None and time.monotonic() - start > patience_s:
                shown, task = bar(title, total)
            if shown is not None:
                shown.update(task, completed=done)
    finally:
        if shown is not None:
            shown.stop()


def bar(title, total):
    """A progress bar on stderr, if that is a terminal, and its task."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    shown = Progress(console=console, transient=True, disable=not console.is_terminal)
    shown.start()
    return shown, shown.add_task(title, total=total)


def level_bar(level_db, width=40):
    """A level between -60 dB and full scale as a bar of so many characters."""
    from rich.text import Text

    filled = round(max(0.0, min(60.0, level_db + 60)) * width / 60)
    colour = "red" if level_db >= 0 else "yellow" if level_db > -6 else "green"
    return Text("█" * filled, colour) + Text("·" * (width - filled), "dim")


@contextmanager
def speed_bar(title, sample_rate):
    """Give a function of (done, total), in samples, that shows a bar with the speed once that has taken some time."""
    start, shown = time.monotonic(), None

    def show(done, total):
        nonlocal shown
        passed_s = time.monotonic() - start
        if shown is None and passed_s > _PATIENCE_S:
            shown = bar(title, total)
        if shown is not None:
            speed = f"{title}, {done / sample_rate / passed_s:.0f} times real time"
            shown[0].update(shown[1], completed=done, description=speed)

    try:
        yield show
    finally:
        if shown is not None:
            shown[0].stop()


@contextmanager
def byte_bar(title):
    """Give a function of (what, done, total), in bytes, that shows a bar once it has taken some time."""
    start, shown = time.monotonic(), None

    def show(what, done, total):
        nonlocal shown
        if shown is None and time.monotonic() - start > _PATIENCE_S:
            shown = bar(title, total)
        if shown is not None:
            text = f"{what} {title}, {done / 1e6:.0f} of {total / 1e6:.0f} MB"
            shown[0].update(shown[1], completed=done, total=total, description=text)

    try:
        yield show
    finally:
        if shown is not None:
            shown[0].stop()


@contextmanager
def warnings_shown():
    """Show what is warned of as one line each on stderr, and the same only once."""
    told = set()

    def show(message, *_):
        if str(message) not in told:
            told.add(str(message))
            say(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", AudioFileWarning)
        warnings.showwarning = show
        yield


def warn_clipped(target, done, remedy):
    """Say how much of a written file was clipped, if any was, and what avoids it."""
    from audioconv.io import display_name

    if done.clipped:
        name = display_name(target)
        say(f"warning: {done.clipped} samples of {name} are beyond full scale and were clipped; {remedy}")


def say_written(target, done, more=()):
    """Say what a file holds that `process_file` wrote: on stdout, or on stderr where the sound itself is on stdout."""
    from audioconv import io

    if not io.is_path(target):
        say(", ".join([f"{io.display_name(target)}: {done.frames} samples a channel", *more]))
        return
    about = io.info(target)
    said = [f"{done.frames / about.sample_rate:.3f} s", f"{about.channels} channel(s)", f"{about.sample_rate} Hz"]
    typer.echo(f"{io.display_path(target)}: {', '.join([*said, about.subtype, *more])}")
