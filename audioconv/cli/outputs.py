"""What a command writes: never over a file that is there, unless `--force` says so."""

from pathlib import Path
from typing import Annotated

import typer

from audioconv.errors import AudioFileError

Force = Annotated[bool, typer.Option("--force", help="Overwrite an output file that exists.")]


def check_output(path: Path, force: bool, error: type[Exception] = AudioFileError) -> Path:
    """Return where an output file really goes, or say why it cannot be written; before hours of work, not after.

    Parameters
    ----------
    path : path
    force : bool
        Whether a file that is there may be overwritten.
    error : type of AudioconvError
        What to raise.
    """
    from audioconv.io import writable

    target = writable(path, error)
    if target.exists() and not force:
        raise error(f"{path} exists and is not overwritten; give another name, or --force to overwrite it")
    return target
