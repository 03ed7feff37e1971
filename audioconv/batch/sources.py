"""Which files a run works on: single ones, whole folders and patterns, read one after the other and never as a list."""

import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from audioconv.errors import ArgumentError
from audioconv.io.formats import is_sound_name
from audioconv.io.paths import AnyPath, is_path


class SourceFile(NamedTuple):
    """A file to work on.

    Parameters
    ----------
    path : str
        Absolute, so that a worker with another working folder finds it.
    name : str
        What its output is called inside the target folder, but for the suffix: the path below the folder or the fixed
        part of the pattern that it was found by; the name alone of a file that was named itself.
    error : str, optional
        Why a folder cannot be read, which stands here in place of its files.
    """

    path: str
    name: str
    error: str | None = None


def source_files(files: AnyPath | Iterable[AnyPath], leave_out: str | None = None) -> Iterator[SourceFile]:
    """Find files, in an order that is the same each time, while they are asked for.

    Parameters
    ----------
    files : path, or iterable of paths
        A folder stands for the sound files in it and in those below; a pattern (`*`, `?`, `[...]`, `**` for any
        folders) that is no file for what it matches. What is hidden is left out in both.
    leave_out : str, optional
        A folder to pass over: that of the outputs, if it lies inside.

    Yields
    ------
    file : SourceFile
    """
    left_out = os.path.realpath(leave_out) if leave_out is not None else None
    for file in [files] if is_path(files) else files:
        path = os.path.abspath(os.fsdecode(file))
        if os.path.isdir(path):
            if os.path.realpath(path) == left_out:
                raise ArgumentError(
                    f"{path} cannot hold the files and their outputs; another folder is wanted for these"
                )
            yield from _matching(path, ["**", "*"], "", left_out, sounds=True)
        elif glob.has_magic(path) and not os.path.lexists(path):
            parts = path.split(os.sep)
            fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
            yield from _matching(os.sep.join(parts[:fixed]) or os.sep, parts[fixed:], "", left_out, sounds=False)
        else:
            yield SourceFile(path, os.path.basename(path))


def _matching(folder: str, parts: list[str], inside: str, left_out: str | None, sounds: bool) -> Iterator[SourceFile]:
    """Files below a folder whose path matches a pattern, one part of it a folder; links to folders are not followed."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    except (OSError, ValueError) as error:  # a ValueError for a zero byte
        yield SourceFile(folder, inside, f"{folder} cannot be read: {getattr(error, 'strerror', None) or error}")
        return
    pattern, rest = parts[0], parts[1:]
    if pattern == "**":  # here, and in each folder below
        yield from _matching(folder, rest or ["*"], inside, left_out, sounds)
    for name, is_folder in found:
        path, below = os.path.join(folder, name), os.path.join(inside, name)
        if name.startswith(".") or (is_folder and os.path.realpath(path) == left_out):
            continue
        if is_folder and pattern == "**":
            yield from _matching(path, parts, below, left_out, sounds)
        elif is_folder and rest and fnmatch.fnmatchcase(name, pattern):
            yield from _matching(path, rest, below, left_out, sounds)
        is_last = not (is_folder or rest or pattern == "**") and (is_sound_name(name) or not sounds)
        if is_last and fnmatch.fnmatchcase(name, pattern) and os.path.isfile(path):
            yield SourceFile(path, below)
