"""Data sets of labelled clips: a folder per label, or a manifest with speakers and splits."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from audioconv import _typing, io
from audioconv._typing import Array, ArrayLike
from audioconv._wording import counted
from audioconv.arrays import RandomState, choice, seed_of
from audioconv.classify.labels import BACKGROUND_NOISE_FOLDER, NON_KEYWORD_LABELS, UNKNOWN
from audioconv.classify.manifest import read_manifest
from audioconv.classify.set_size import is_many
from audioconv.errors import ArgumentError, AudioFileError
from audioconv.io.paths import check_folder

SplitName: TypeAlias = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


@dataclass(frozen=True, repr=False)
class Dataset:
    """Labelled clips, and how they are split into train, val and test.

    Parameters
    ----------
    files : list of str
    labels : array of str, shape (clips,)
    groups : array of str, shape (clips,), or None
        Speakers, which never cross splits that were made here (data leakage).
    splits : array of str, shape (clips,)
    notices : list of str
        What was ignored, and how splits were made.
    official : bool
        Whether the splits are those of the manifest; else they were made here.
    sublabels : array of str, shape (clips,), or None
        What the labels were before those that are not to be told became "unknown".

    Examples
    --------
    >>> from audioconv.classify import load_dataset
    >>> data = load_dataset("data/keywords")
    >>> data
    Dataset(4375 clips, 11 labels, 99 speakers, train 3900, val 228, test 247)
    >>> data.part("val").select([True] * 10 + [False] * 218)
    Dataset(10 clips, 1 label, 9 speakers, val 10)
    """

    files: list[str]
    labels: Array
    groups: Array | None
    splits: Array
    notices: list[str] = field(default_factory=list)
    official: bool = True
    sublabels: Array | None = None

    def __repr__(self) -> str:
        parts = [_counted(len(self), "clip"), _counted(len(set(self.labels.tolist())), "label")]
        if self.groups is not None:
            parts.append(_counted(len(set(self.groups.tolist())), "speaker"))
        counts = [(split, int((self.splits == split).sum())) for split in SPLITS]
        return f"Dataset({', '.join([*parts, *(f'{split} {count}' for split, count in counts if count)])})"

    def _repr_html_(self) -> str:
        """How many clips each label has in each split, as a table for notebooks."""
        splits = [split for split in SPLITS if (self.splits == split).any()]
        head = "".join(f"<th>{escape(str(cell))}</th>" for cell in ("label", *splits))
        rows = []
        for label in np.unique(self.labels):
            counts = [((self.labels == label) & (self.splits == split)).sum() for split in splits]
            rows.append("".join(f"<td>{escape(str(cell))}</td>" for cell in (label, *counts)))
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"<p>{escape(repr(self))}</p>{table}"

    def part(self, split: SplitName) -> "Dataset":
        """Return the clips of one split.

        Parameters
        ----------
        split : "train", "val" or "test"

        Returns
        -------
        data : Dataset

        Raises
        ------
        ArgumentError
            If it is another.
        """
        return self.select(self.splits == choice(split, "split", SPLITS))

    def select(self, mask: ArrayLike) -> "Dataset":
        """Return the clips where a mask is true.

        Parameters
        ----------
        mask : bool array, shape (clips,)

        Returns
        -------
        data : Dataset
        """
        where = np.flatnonzero(mask)
        groups = None if self.groups is None else self.groups[where]
        files, sublabels = [self.files[i] for i in where], None if self.sublabels is None else self.sublabels[where]
        return replace(
            self, files=files, labels=self.labels[where], groups=groups, splits=self.splits[where], sublabels=sublabels
        )

    def without(self, files: Iterable[str]) -> "Dataset":
        """Return the clips whose files are none of these.

        Parameters
        ----------
        files : iterable of str

        Returns
        -------
        data : Dataset
        """
        left_out = set(files)
        return self.select([file not in left_out for file in self.files])

    def __len__(self) -> int:
        return len(self.files)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count != 1 else ''}"


def load_dataset(
    folder: _typing.Path,
    *,
    seed: RandomState = 0,
    speaker: str | None = None,
    words: Sequence[str] | None = None,
    balance_unknown: bool = True,
    missing: bool = False,
) -> Dataset:
    """List the labelled clips of a folder.

    Parameters
    ----------
    folder : path
        Either holds `manifest.csv` with columns file, label and, if known, speaker and split (train, val, test),
        or one folder of sound files per label. Hidden files and folders are passed over, and so are folders whose names
        begin with an underscore, but for labels that are known to be no words, such as `_unknown_` and `_silence_`;
        `_background_noise_` holds noises to mix in. What of that has sounds is in the notices.
    seed : int, RandomState or Generator
        Of the split 70 / 15 / 15 %, of whole speakers where three or more are known, that is made where the manifest
        has none; and of the choice of unknown words.
    speaker : str, optional
        A regular expression that finds the speaker in the name of each file, without its folder: its first group, or
        all that it matches. "^(.+)_nohash" for Speech Commands. By default speakers are those of the manifest.
    words : list of labels, optional
        The words to tell apart. Clips of all other labels are "unknown".
    balance_unknown : bool
        Of the unknown words choose in each split only as many clips as there are of a word on average; to train on, as
        many as of all words together if these are 8,000 clips or more.
    missing : bool
        Keep files of the manifest that do not exist, to be reported by `audit` with all others that cannot be read.

    Returns
    -------
    data : Dataset

    Raises
    ------
    AudioFileError
        If the folder or the manifest cannot be read, or a file of the manifest is missing.
    ArgumentError
        If there are fewer than two labels, or a label with a single clip; if `speaker` is no regular expression, or
        does not find one in each name; if one of `words` is no label.

    Examples
    --------
    >>> from audioconv.classify import load_dataset
    >>> load_dataset("data/keywords", words=["yes", "no"]).part("val")
    Dataset(48 clips, 3 labels, 12 speakers, val 48)
    """
    folder, seed = Path(folder), seed_of(seed, "seed")
    notices: list[str] = []
    check_folder(folder, "a folder of labelled clips")
    manifest = folder / "manifest.csv"
    if manifest.exists():
        files, found, speakers, official_splits = read_manifest(manifest, missing, notices)
    else:
        (files, found), speakers, official_splits = _walk(folder, notices), None, None
    _check_labels(folder, found, notices)
    labels = np.array(found)
    if speaker is not None:
        speakers = _speakers(files, speaker)
    groups = np.array(speakers) if speakers else None
    splits: ArrayLike
    if not official_splits:
        splits = _make_splits(labels, groups, seed)
        how = "by speaker" if _enough(groups) else "at random, because fewer than 3 speakers are known"
        # the last of the notices, because not everybody wants to know it
        notices.append(f"{folder} has no split into train, val and test: 70 / 15 / 15 % were made {how}")
    else:
        splits = official_splits
    data = Dataset(files, labels, groups, np.array(splits), notices, official=bool(official_splits))
    return data if words is None else _only(data, list(words), balance_unknown, seed)


def _only(data: Dataset, words: list[str], balance_unknown: bool, seed: int) -> Dataset:
    """The clips of some labels, and all others or a choice of them as unknown words.

    Scores count unknown words as one word of many. Training wants many of them: what is no keyword is as diverse as all
    other words, see docs/trials.md, "Recognition: eight keywords"; there unknown words are weighted then.
    """
    if missing := sorted(set(words) - set(data.labels.tolist())):
        raise ArgumentError(f"words must be labels of the clips, and {', '.join(missing)} are not")
    rng, known = np.random.default_rng(seed), np.isin(data.labels, words)
    data = replace(data, labels=np.where(known, data.labels, UNKNOWN), sublabels=data.labels)
    if not balance_unknown:
        return data
    chosen = [np.flatnonzero(known)]
    for split in SPLITS:
        others = np.flatnonzero(~known & (data.splits == split))
        clips = int((known & (data.splits == split)).sum())
        large = split == "train" and is_many(clips + min(clips, others.size))
        count = clips if large else round(clips / len(words))
        chosen.append(rng.permutation(others)[:count])
    return data.select(np.isin(np.arange(len(data)), np.concatenate(chosen)))


def _speakers(files: list[str], pattern: str) -> list[str]:
    """What a regular expression finds in the name of each file."""
    try:
        found = [re.search(pattern, Path(file).name) for file in files]
    except re.error as error:
        raise ArgumentError(f"speaker must be a regular expression, and {pattern!r} is none: {error}") from error
    missing = [
        file for file, match in zip(files, found, strict=True) if not match or match[match.re.groups > 0] is None
    ]
    if missing:
        raise ArgumentError(
            f"speaker {pattern!r} finds none in {counted(len(missing), 'file name')}, such as {missing[0]}"
        )
    return [match[match.re.groups > 0] for match in found if match]


def _check_labels(folder: Path, labels: list[str], notices: list[str]) -> None:
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2:
        found = f"one ({str(names[0])!r})" if len(names) else "none"
        text = f"{folder} must hold clips of at least two labels, a folder each; found {found}"
        raise ArgumentError("; ".join([text, *notices]))
    if counts.min() < 2:
        raise ArgumentError(f"label {str(names[counts.argmin()])!r} in {folder} has one clip; at least two are wanted")


def _walk(folder: Path, notices: list[str]) -> tuple[list[str], list[str]]:
    """Files and labels of a folder of folders; what is ignored goes into the notices."""
    files: list[str] = []
    labels: list[str] = []
    passed = []
    for place in sorted(folder.iterdir()):
        name = place.name
        if not place.is_dir() or name == BACKGROUND_NOISE_FOLDER:
            continue
        if name.startswith(".") or (name.startswith("_") and name not in NON_KEYWORD_LABELS):
            passed.append(name)
            continue
        found = io.sound_files(place)
        files += [str(path) for path in found]
        labels += [name] * len(found)
    passed = [name for name in passed if _sounds(folder / name)]
    if passed:
        notices.append(
            f"{folder}: clips in {', '.join(passed)} are passed over, because of the first character of the name; "
            "rename a folder that is a label"
        )
    if files and (loose := [path for path in _sounds(folder) if path.parent == folder]):
        notices.append(
            f"{folder}: {counted(len(loose), 'sound file')} in no folder of a label and passed over, such as {loose[0]}"
        )
    return files, labels


def _sounds(folder: Path) -> list[Path]:
    try:
        found: list[Path] = io.sound_files(folder)
        return found
    except (AudioFileError, OSError):
        return []


def _enough(groups: Array | None) -> bool:
    """Whether each part can have a speaker of its own."""
    return groups is not None and len(np.unique(groups)) >= len(SPLITS)


def _make_splits(labels: Array, groups: Array | None, seed: int) -> Array:
    """70 / 15 / 15 %: of whole speakers where there are enough, else within each label."""
    rng = np.random.default_rng(seed)
    splits = np.full(len(labels), "train", dtype="<U5")
    if groups is not None and _enough(groups):
        speakers = rng.permutation(np.unique(groups))
        held = max(1, round(0.15 * len(speakers)))
        splits[np.isin(groups, speakers[:held])] = "val"
        splits[np.isin(groups, speakers[held : 2 * held])] = "test"
        return splits
    for label in np.unique(labels):
        clips = rng.permutation(np.flatnonzero(labels == label))
        held = max(1, round(0.15 * len(clips))) if len(clips) >= 3 else 0
        splits[clips[:held]] = "val"
        splits[clips[held : 2 * held]] = "test"
    return splits
