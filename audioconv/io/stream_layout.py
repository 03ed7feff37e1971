"""The layout of a sound file: its parts, what is missing, and what a decoder must be given instead."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from audioconv._wording import counted

Range: TypeAlias = bytes | tuple[int, int]  # new bytes, or the first and the one after the last byte of a file
Ranges: TypeAlias = Sequence[Range]


class StreamLayout(NamedTuple):
    """How to read a sound file."""

    parts: tuple[Ranges | None, ...] = (
        None,
    )  # one after the other; each None for the file as it is, or the pieces of a SplicedFile
    format: str | None = None  # what the file is, where its pieces are something else
    length_is_exact: bool = True  # whether the number of samples in the header is the true one
    missing: str = ""  # what is missing or wrong, as the rest of a sentence; "" if nothing is known to be
    inflated: tuple[
        int, ...
    ] = ()  # numbers of parts that claim a greater length than theirs, so that no decoder guesses from it
    needs_ffmpeg: bool = False  # libsndfile cannot read it
    kind: str | None = None  # what a file is that is none of libsndfile's


def cut_short(count: int) -> str:
    """The message about a file that lacks `count` bytes."""
    return f"is cut short: at least {counted(count, 'byte')} missing"
