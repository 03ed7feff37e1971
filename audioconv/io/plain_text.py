"""Text that came out of a file and goes to a terminal: what could steer one is refused."""

import json
import math
import os
import reprlib
import unicodedata
from typing import Any

from audioconv.errors import ArgumentError

_STEERING = {"Cc", "Zl", "Zp"}  # control characters, escapes among them; separators of lines and paragraphs
_REORDERING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # bidirectional text


def check_text(value: object, name: str, most: int, *, allowed: str = "") -> str:
    """Return a text, or raise an error if it is none, too long, or could steer a terminal.

    What stands for something in HTML or in markup is let through: whoever writes such pages escapes it.

    Parameters
    ----------
    value : str
    name : str
        Its name in error messages.
    most : int
        At most so many characters.
    allowed : str
        Control characters that may be in it.

    Returns
    -------
    value : str

    Raises
    ------
    ArgumentError

    Examples
    --------
    >>> check_text("yes", "label", 10)
    'yes'
    >>> check_text("y\\x1b[31mes", "label", 10)
    Traceback (most recent call last):
        ...
    audioconv.errors.ArgumentError: label must hold no control characters, not 'y\\x1b[31mes'
    """
    if not isinstance(value, str):
        raise ArgumentError(f"{name} must be text, not {reprlib.repr(value)}")
    if len(value) > most:
        raise ArgumentError(f"{name} must have at most {most} characters, not {len(value)}: {reprlib.repr(value)}")
    for character in value:
        if _steers(character) and character not in allowed:
            raise ArgumentError(f"{name} must hold no control characters, not {value[:200]!a}")
    return value


def printable(text: str, allowed: str = "") -> str:
    r"""Return a text with what could steer a terminal as `\x1b`, and halves of characters as `\udce9`.

    Parameters
    ----------
    text : str
    allowed : str
        Control characters that stay.

    Returns
    -------
    text : str

    Examples
    --------
    >>> print(printable("no\x1b[31m"))
    no\x1b[31m
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(ascii(c)[1:-1] if (_steers(c) and c not in allowed) or _is_half(c) else c for c in text)


def _is_half(character: str) -> bool:
    """Whether it stands for a byte of a file name that is not UTF-8, and cannot be printed."""
    return "\ud800" <= character <= "\udfff"


def _steers(character: str) -> bool:
    return unicodedata.category(character) in _STEERING or character in _REORDERING


def json_text(value: Any, *, indent: int | None = None, ensure_ascii: bool = True) -> str:
    """Figures as JSON has them: no NaN, no arrays, no numbers of NumPy, no paths.

    Parameters
    ----------
    value : dict, list, or what they hold
    indent : int, optional
        Spaces a level; all of it is on one line without.
    ensure_ascii : bool
        As in `json.dumps`.

    Returns
    -------
    text : str

    Examples
    --------
    >>> json_text({"score": float("nan"), "labels": ("yes", "no")})
    '{"score": null, "labels": ["yes", "no"]}'
    """
    return json.dumps(_plain(value), indent=indent, ensure_ascii=ensure_ascii, allow_nan=False, default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return os.fspath(value) if isinstance(value, os.PathLike) else value
