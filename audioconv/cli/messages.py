"""Messages of the commands beside their results: notices, warnings, progress bars."""

import shutil
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import typer

from audioconv._wording import counted
from audioconv.errors import AudioFileWarning

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.text import Text

    from audioconv._typing import FloatArray
    from audioconv.classify import Detection
    from audioconv.io.paths import PathOrFile
    from audioconv.stream.files import Processed

_LONGEST = 2000  # characters of a message: a damaged list of files may have "names" of any length
_PATIENCE_S = 2.0  # a bar is shown where it takes longer


def say(text: object) -> None:
    """Print one line on stderr, whatever line breaks the text has; what could steer a terminal comes as `\\x1b`.

    On a terminal it is wrapped at words.
    """
    from audioconv.io.plain_text import printable

    line = printable(" ".join(line.strip() for line in str(text).splitlines()))
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST // 2]} ... {line[-_LONGEST // 2 :]}"
    typer.echo(_wrapped(f"audioconv: {line}", sys.stderr), err=True)


def tell(text: str, hanging: int = 2) -> None:
    """Print a result that is a sentence: one line, on a terminal wrapped at words.

    Parameters
    ----------
    text : str
    hanging : int
        By how many columns further lines are indented more than the first.
    """
    typer.echo(_wrapped(text, sys.stdout, hanging))


def _wrapped(line: str, stream: TextIO | None, hanging: int = 2) -> str:
    if stream is None or not stream.isatty():
        return line  # what searches or cuts the output counts on lines
    width = shutil.get_terminal_size().columns
    if len(line) <= width:
        return line
    text = line.lstrip()
    indent = " " * (len(line) - len(text))
    return textwrap.fill(
        text, width, initial_indent=indent, subsequent_indent=indent + " " * hanging,
        break_long_words=False, break_on_hyphens=False,  # names of files stay whole
    )  # fmt: skip


def detection_line(found: "Detection") -> str:
    """A detected word as a line of a table: when it began and ended, label, score."""
    return f"{found.start_s:10.2f} {found.end_s:10.2f} s  {found.label:<16} {found.score:.3f}"


def with_progress(
    blocks: "Iterable[FloatArray]", total: int, title: str, patience_s: float = _PATIENCE_S
) -> "Iterator[FloatArray]":
    """Pass blocks on, with a progress bar on a terminal once that has taken longer than `patience_s`.

    Parameters
    ----------
    blocks : iterable of arrays
    total : int
        The sum of their lengths.
    title : str
        What is being done.
    """
    done = 0
    with _late_bar(title, patience_s) as update:
        for block in blocks:
            yield block
            done += len(block)
            update(done, total)


def bar(title: str, total: int | None) -> "tuple[Progress, TaskID]":
    """A progress bar on stderr, if that is a terminal, and its task."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    shown = Progress(console=console, transient=True, disable=not console.is_terminal)
    shown.start()
    return shown, shown.add_task(title, total=total)


def level_bar(level_db: float, width: int = 40) -> "Text":
    """A level between -60 dB and full scale as a bar of so many characters."""
    from rich.text import Text

    filled = round(max(0.0, min(60.0, level_db + 60)) * width / 60)
    colour = "red" if level_db >= 0 else "yellow" if level_db > -6 else "green"
    return Text("█" * filled, colour) + Text("·" * (width - filled), "dim")


@contextmanager
def _late_bar(title: str, patience_s: float = _PATIENCE_S) -> Iterator[Callable[..., None]]:
    """Give a function of (done, total, describe) that shows a progress bar once that has taken `patience_s`.

    describe: function from the seconds that have passed to what the bar says.
    """
    start, shown = time.monotonic(), None
    is_seen = sys.stderr is not None and sys.stderr.isatty()  # elsewhere rich is not even loaded

    def update(done: int, total: int | None, describe: Callable[[float], str] = lambda _: title) -> None:
        nonlocal shown
        passed_s = time.monotonic() - start
        if is_seen and shown is None and passed_s > patience_s:
            shown = bar(title, total)
        if shown is not None:
            shown[0].update(shown[1], completed=done, total=total, description=describe(passed_s))

    try:
        yield update
    finally:
        if shown is not None:
            shown[0].stop()


@contextmanager
def speed_bar(title: str, sample_rate: int) -> Iterator[Callable[[int, int | None], None]]:
    """Give a function of (done, total), in samples, that shows a bar with the speed once that has taken some time."""
    with _late_bar(title) as update:

        def show(done: int, total: int | None) -> None:
            update(done, total, lambda passed_s: f"{title}, {done / sample_rate / passed_s:.0f} times real time")

        yield show


@contextmanager
def byte_bar(title: str) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function of (what, done, total), in bytes, that shows a bar once it has taken some time."""
    with _late_bar(title) as update:

        def show(what: str, done: int, total: int) -> None:
            update(done, total, lambda _: f"{what} {title}, {done / 1e6:.0f} of {total / 1e6:.0f} MB")

        yield show


@contextmanager
def show_warnings() -> Iterator[None]:
    """Show what is warned of as one line each on stderr, and the same only once."""
    shown = set[str]()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in shown:
            shown.add(str(message))
            say(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", AudioFileWarning)
        warnings.showwarning = show
        yield


def warn_clipped(target: "PathOrFile", done: "Processed", remedy: str) -> None:
    """Say how much of a written file was clipped, if any was, and what avoids it."""
    from audioconv.io import display_name

    if done.clipped:
        name = display_name(target)
        say(f"warning: {counted(done.clipped, 'sample')} of {name} clipped at full scale; {remedy}")


def say_written(target: "PathOrFile", done: "Processed", more: Sequence[str] = ()) -> None:
    """Say what a file holds that `process_file` wrote: on stdout, or on stderr where the sound itself is on stdout."""
    from audioconv import io

    parts = [f"{done.frames / done.sample_rate:.3f} s", counted(done.channels, "channel"), f"{done.sample_rate} Hz"]
    text = f"{io.display_name(target)}: {', '.join([*parts, done.subtype, *more])}"
    (tell if io.is_path(target) else say)(text)


def loudness_texts(stage: Any) -> list[str]:
    """What the loudness meters of a stage or a chain have measured."""
    return [
        f"{meter.integrated_lufs:.1f} LUFS, range {meter.loudness_range_lu:.1f} LU, "
        f"true peak {meter.true_peak_db:.1f} dBTP"
        for meter in getattr(stage, "stages", [stage])
        if hasattr(type(meter), "integrated_lufs")  # without a meter there is no need to load its kernels
    ]
