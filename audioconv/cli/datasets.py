"""Folders of clips as commands take them: what is wrong is said, and broken clips are passed over if that is wanted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audioconv._wording import counted
from audioconv.cli.messages import say
from audioconv.errors import AudioFileError

if TYPE_CHECKING:
    from audioconv.classify.dataset import Dataset

Speaker = Annotated[
    str | None, typer.Option(metavar="REGEX", help="Finds the speaker in each file name, such as '^(.+)_nohash'.")
]
SkipBroken = Annotated[
    bool, typer.Option("--skip-broken", help="Go on without files that cannot be read, and say which.")
]


def load(
    folder: Path,
    skip_broken: bool,
    say_split: bool = True,
    *,
    speaker: str | None = None,
    words: Sequence[str] | None = None,
    balance_unknown: bool = True,
) -> "Dataset":
    """A folder of labelled clips, its notices said; with `skip_broken` files of its manifest may be missing."""
    from audioconv.classify import load_dataset

    data = load_dataset(folder, missing=skip_broken, speaker=speaker, words=words, balance_unknown=balance_unknown)
    for notice in data.notices if say_split or data.official else data.notices[:-1]:
        say(notice)
    return data


@contextmanager
def hint_at_skipping() -> Iterator[None]:
    """Add what helps to the message of files that cannot be read."""
    try:
        yield
    except AudioFileError as error:
        raise AudioFileError(f"{error}; --skip-broken goes on without what cannot be read") from error


def checked(data: "Dataset", check: bool, skip_broken: bool, threads: int | None = None) -> "Dataset":
    """The clips of a data set that can be read, after all that is wrong with them was said.

    Raises
    ------
    AudioFileError
        If some cannot be read, naming each, and they are not to be skipped.
    """
    from audioconv.classify import audit

    if not check:
        return data.without(unreadable(data.files, threads)) if skip_broken else data
    broken: tuple[str, ...] = ()
    for finding in audit(data, threads=threads):
        if finding.kind != "broken":
            say(finding.text)
            continue
        if not skip_broken:
            raise AudioFileError(f"{finding.text}; --skip-broken goes on without them")
        broken = finding.files
        say(f"skipped: {finding.text}")
    return data.without(broken)


def unreadable(files: Sequence[str | Path], threads: int | None = None) -> set[str]:
    """The files that cannot be read, which is said, to be skipped.

    Raises
    ------
    AudioFileError
        If none can be read.
    """
    from audioconv.classify.clips import broken_files

    broken = broken_files(files, threads)
    if broken:
        reasons = "; ".join(map(str, broken.values()))
        if len(broken) == len(files):
            raise AudioFileError(f"none of {counted(len(files), 'clip')} can be read: {reasons}")
        say(f"skipped: {len(broken)} of {counted(len(files), 'clip')} cannot be read: {reasons}")
    return {str(file) for file in broken}


def background_noises(folder: Path | None, clips: Path, skip_broken: bool) -> list[Path] | None:
    """The recordings of a folder of noises; by default of the one beside the labels, if there is one."""
    background_folder = clips / "_background_noise_"
    if folder is None and not background_folder.is_dir():
        return None
    from audioconv.io import sound_files

    noises = sound_files(background_folder if folder is None else folder)
    broken = unreadable(noises) if skip_broken else set[str]()
    return [noise for noise in noises if str(noise) not in broken]
