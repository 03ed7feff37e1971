"""File names as text that can be printed anywhere, and folders that must be there."""

import os
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from audioconv.errors import ArgumentError, AudioFileError
from audioconv.io.plain_text import printable

if TYPE_CHECKING:
    from typing_extensions import TypeIs

AnyPath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
PathOrFile: TypeAlias = AnyPath | BinaryIO


def display_path(path: AnyPath) -> str:
    """Return a file name for a message: in one line, and with bytes that are not UTF-8 as `\\xe9`.

    Parameters
    ----------
    path : str, bytes or path

    Returns
    -------
    text : str

    Examples
    --------
    >>> display_path("caf\\udce9.wav")
    'caf\\\\xe9.wav'
    """
    return printable(os.fsencode(path).decode("utf-8", "backslashreplace"))


def check_folder(folder: AnyPath, wanted: str, option: str = "") -> None:
    """Say that a folder is missing, or none.

    Parameters
    ----------
    folder : path
    wanted : str
        What is wanted there.
    option : str, optional
        The option that gives it; without one it is an argument.

    Raises
    ------
    AudioFileError
        For an argument.
    ArgumentError
        For an option.

    Examples
    --------
    >>> check_folder("no such folder", "a folder of clips")
    Traceback (most recent call last):
    audioconv.errors.AudioFileError: no such folder does not exist; a folder of clips is wanted
    """
    if os.path.isdir(folder):
        return
    problem = "is not a folder" if os.path.exists(folder) else "does not exist"
    text = f"{display_path(folder)} {problem}; {wanted} is wanted"
    raise ArgumentError(f"{option} {text}") if option else AudioFileError(text)


def native_path(path: AnyPath) -> str | bytes:
    """Return a path as libsndfile takes it: bytes, as names need not be UTF-8; text on Windows."""
    return os.fspath(path) if os.name == "nt" else os.fsencode(path)


def is_path(file: object) -> "TypeIs[AnyPath]":
    """Tell whether this is the path of a file, rather than an open one.

    Parameters
    ----------
    file : object

    Returns
    -------
    found : bool

    Examples
    --------
    >>> is_path("a.wav"), is_path(3)
    (True, False)
    """
    return isinstance(file, (str, bytes, os.PathLike))
