"""The command line: one command a file, nothing but argument parsing and printing.

Whatever takes long to import is imported inside the functions, and the file of a command once that is named, so that
each starts at once.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import audioconv
from audioconv.cli.messages import say, show_warnings
from audioconv.errors import AudioconvError

# in the order in which they are listed; `filter` is the function of that name in `_filter.py`
COMMANDS = (
    "filter", "denoise", "spectrogram", "features", "live", "record", "train", "adapt", "evaluate", "predict", "listen",
    "events", "serve", "export", "info", "lab", "bench", "doctor", "data",
)  # fmt: skip

CLOSED_PIPE = 128 + 13  # what the shell says of a program that SIGPIPE ended


class Commands(TyperGroup):
    """The commands, each loaded once it is named.

    An error is one line and exit code 2, Ctrl-C is 130, and a reader of the output that has gone away 141.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            for name in COMMANDS:  # of those that are loaded the most similar ones are suggested
                self.get_command(ctx, name)
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = _loaded(cmd_name)
        return self.commands[cmd_name]

    def make_context(self, *args: Any, **more: Any) -> Any:
        with _quiet_if_unread():  # the help is printed here
            return super().make_context(*args, **more)

    def invoke(self, ctx: Any) -> Any:
        try:
            with _quiet_if_unread(), show_warnings():
                return super().invoke(ctx)
        except (AudioconvError, OSError) as error:
            if os.environ.get("AUDIOCONV_DEBUG"):
                raise
            say(f"error: {error}")
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            say("interrupted")
            raise typer.Exit(130) from error
        except MemoryError as error:  # absurd headers ask for gigabytes: a rate of 10 MHz, a hundred channels
            say(f"error: this takes more memory than there is ({error}); see what `audioconv info` says of the file")
            raise typer.Exit(2) from error


# plain help is there at once; rich is imported only by what shows tables or bars
_PLAIN: dict[str, Any] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}
app = typer.Typer(cls=Commands, name="audioconv", no_args_is_help=True, **_PLAIN)


@contextmanager
def _quiet_if_unread() -> Iterator[None]:
    """End without a word where whatever read standard output has seen enough: `audioconv predict ... | head`."""
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:
        if isinstance(error, SystemExit) and not isinstance(
            error.__context__, BrokenPipeError
        ):  # which rich makes of it
            raise
        _drop_output()
        raise typer.Exit(CLOSED_PIPE) from error


def _drop_output() -> None:
    """Send what is still buffered for standard output nowhere: Python would complain at exit that nobody reads it."""
    with suppress(OSError, ValueError, AttributeError):  # an output that is no file, or closed already
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _loaded(name: str) -> Any:
    """A command, or a group of them, from its file."""
    found = getattr(import_module(f"audioconv.cli._{name}"), name)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    alone = typer.Typer(add_completion=False, **_PLAIN)
    alone.command(name)(found)
    return typer.main.get_command(alone)


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"audioconv {audioconv.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Filter and denoise sound files and live sound, train keyword classifiers, and detect keywords in recordings.

    Exit codes: 0 all was done; 1 some of many files failed, or `data check` found faults; 2 an error, in one line on
    stderr (AUDIOCONV_DEBUG=1 shows where it came from); 130 Ctrl-C; 141 the reader of the output went away (`| head`);
    143 SIGTERM.

    \b
    audioconv filter talk.wav hall.wav --ir hall.flac --wet 0.4
    audioconv filter 'in/*.flac' out/ --highpass 80 --jobs 2
    """


def main() -> None:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):  # a name that is not UTF-8 must not end a command that has done its work
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # leave through `finally`: no half files
    app(prog_name="audioconv")  # also where it was started as `python -m audioconv`
