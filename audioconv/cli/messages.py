"""What the commands say beside their results."""

import time

import typer


def say(text):
    """Print one line on stderr, whatever line breaks the text has."""
    typer.echo(f"audioconv: {' '.join(line.strip() for line in str(text).splitlines())}", err=True)


def watched(blocks, total, title, patience_s=2.0):
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
