"""File names as text that can be printed anywhere."""

import os
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

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
