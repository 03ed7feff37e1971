"""File names as text that can be printed anywhere."""

import os


def display_path(path):
    """Return a file name for a message; bytes that are not UTF-8 come as `\\xe9`, so that it can always be printed.

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
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def native_path(path):
    """Return a path as libsndfile takes it: bytes, as names need not be UTF-8; text on Windows."""
    return os.fspath(path) if os.name == "nt" else os.fsencode(path)


def is_path(file):
    """Whether this is the path of a file, rather than an open one."""
    return isinstance(file, (str, bytes, os.PathLike))
