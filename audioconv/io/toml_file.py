"""TOML files that users write: chains, presets."""

import tomllib
from pathlib import Path
from typing import Any

from audioconv.errors import ArgumentError, AudioFileError


def read_toml(path: Path, wanted: str) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : Path
    wanted : str
        What the error message says should be there.

    Returns
    -------
    content : dict

    Raises
    ------
    AudioFileError
        If the file cannot be read.
    ArgumentError
        If it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArgumentError(f"{path} is not TOML: {error}") from error
    except (OSError, ValueError) as error:  # the latter for a name with a zero byte
        raise AudioFileError(
            f"{path} cannot be read: {getattr(error, 'strerror', error)}; {wanted} is wanted"
        ) from error
