"""The command line: one command a file, nothing but argument parsing and printing.

Whatever takes long to import is imported inside the functions, so that `--help` answers at once.
"""

import os
import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import audioconv
from audioconv.cli._adapt import adapt
from audioconv.cli._bench import bench
from audioconv.cli._data import data
from audioconv.cli._denoise import denoise
from audioconv.cli._doctor import doctor
from audioconv.cli._evaluate import evaluate
from audioconv.cli._events import events
from audioconv.cli._export import export
from audioconv.cli._features import features
from audioconv.cli._filter import filter_file
from audioconv.cli._info import info
from audioconv.cli._lab import lab
from audioconv.cli._listen import listen
from audioconv.cli._live import live
from audioconv.cli._predict import predict
from audioconv.cli._record import record
from audioconv.cli._serve import serve
from audioconv.cli._spectrogram import spectrogram
from audioconv.cli._train import train
from audioconv.cli.messages import say, show_warnings
from audioconv.errors import AudioconvError


class Commands(TyperGroup):
    """The commands in the order in which they were added; an error is one line and exit code 2, Ctrl-C is 130."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: Any) -> Any:
        try:
            with show_warnings():
                return super().invoke(ctx)
        except BrokenPipeError:  # `audioconv predict ... | head` has seen enough
            raise
        except (AudioconvError, OSError) as error:
            if os.environ.get("AUDIOCONV_DEBUG"):
                raise
            say(f"error: {error}")
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            say("interrupted")
            raise typer.Exit(130) from error


app = typer.Typer(
    cls=Commands,
    name="audioconv",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help is there at once; rich is imported only by what shows tables or bars
    pretty_exceptions_enable=False,
)


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

    An error is one line and exit code 2; AUDIOCONV_DEBUG=1 shows where it came from.
    """


app.command("filter")(filter_file)
app.add_typer(data, name="data")
for command in (
    denoise, spectrogram, features, live, record, train, adapt, evaluate, predict, listen, events, serve, export,
    info, lab, bench, doctor,
):  # fmt: skip
    app.command()(command)


def main() -> None:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):  # a name that is not UTF-8 must not end a command that has done its work
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # leave through `finally`: no half files
    app()
