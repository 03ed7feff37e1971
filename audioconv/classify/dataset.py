"""Folders of labelled clips: a folder per label, or a manifest with speakers and splits."""

import csv
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from audioconv import io
from audioconv.errors import ArgumentError, AudioFileError

SPLITS = ("train", "val", "test")
_SPLIT_NAMES = {"training": "train", "validation": "val", "valid": "val", "dev": "val", "testing": "test"}
UNKNOWN = "unknown"  # the label of words that are none of those to tell apart
_SPEAKER_COLUMNS = ("speaker", "speaker_or_group", "group")


@dataclass(frozen=True)
class Dataset:
    """Labelled clips. `groups` (speakers, or None) never cross splits that were made here."""

    files: list
    labels: np.ndarray
    groups: np.ndarray | None
    splits: np.ndarray
    notices: list = field(default_factory=list)

    def part(self, split):
        """The clips of one split."""
        if split not in SPLITS:
            raise ArgumentError(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
        return self.select(self.splits == split)

    def select(self, mask):
        """The clips where `mask` is true."""
        where = np.flatnonzero(mask)
        groups = None if self.groups is None else self.groups[where]
        files = [self.files[i] for i in where]
        return Dataset(files, self.labels[where], groups, self.splits[where], self.notices)

    def __len__(self):
        return len(self.files)


def load_dataset(folder, *, seed=0, speaker=None, words=None):
    """List the labelled clips of a folder.

    Parameters
    ----------
    folder : path
        Either holds `manifest.csv` with columns file, label and, if known, speaker and split (train, val, test),
        or one folder of sound files per label. Folders whose names begin with an underscore or a dot are passed over.
    seed : int
        Of the split 70 / 15 / 15 %, of whole speakers where three or more are known, that is made where the manifest
        has none; and of the choice of unknown words.
    speaker : str, optional
        A regular expression that finds the speaker in the name of each file, without its folder: its first group, or
        all that it matches. "^(.+)_nohash" for Speech Commands. By default speakers are those of the manifest.
    words : list of labels, optional
        The words to tell apart. Clips of all other labels are "unknown", in each split as many as of a word on average.

    Raises
    ------
    AudioFileError
        If the folder or the manifest cannot be read, or a file of the manifest is missing.
    ArgumentError
        If there are fewer than two labels, or a label with a single clip; if `speaker` is no regular expression, or
        does not find one in each name; if one of `words` is no label.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AudioFileError(f"{folder} is not a folder; a folder of labelled clips is wanted")
    manifest = folder / "manifest.csv"
    files, labels, groups, splits = _read_manifest(manifest) if manifest.exists() else _walk(folder)
    _check_labels(folder, labels)
    labels = np.array(labels)
    if speaker is not None:
        groups = _speakers(files, speaker)
    groups = np.array(groups) if groups else None
    notices = []
    if not splits:
        splits = _make_splits(labels, groups, seed)
        how = "by speaker" if _enough(groups) else "at random, because fewer than 3 speakers are known"
        notices.append(f"{folder} has no split into train, val and test: 70 / 15 / 15 % were made {how}")
    data = Dataset(files, labels, groups, np.array(splits), notices)
    return data if words is None else _only(data, list(words), seed)


def _only(data, words, seed):
    """The clips of some labels, and a choice of all others as unknown words: in each split as many as of a word."""
    if missing := sorted(set(words) - set(data.labels.tolist())):
        raise ArgumentError(f"words must be labels of the clips, and {', '.join(missing)} are not")
    rng, known = np.random.default_rng(seed), np.isin(data.labels, words)
    chosen = [np.flatnonzero(known)]
    for split in SPLITS:
        others = np.flatnonzero(~known & (data.splits == split))
        count = round((known & (data.splits == split)).sum() / len(words))
        chosen.append(rng.permutation(others)[:count])
    return replace(data, labels=np.where(known, data.labels, UNKNOWN)).select(
        np.isin(np.arange(len(data)), np.concatenate(chosen))
    )


def _speakers(files, pattern):
    """What a regular expression finds in the name of each file."""
    try:
        found = [re.search(pattern, Path(file).name) for file in files]
    except re.error as error:
        raise ArgumentError(f"speaker must be a regular expression, and {pattern!r} is none: {error}") from error
    missing = [
        file for file, match in zip(files, found, strict=True) if not match or match[match.re.groups > 0] is None
    ]
    if missing:
        raise ArgumentError(f"speaker {pattern!r} finds none in {len(missing)} file name(s), such as {missing[0]}")
    return [match[match.re.groups > 0] for match in found]


def _check_labels(folder, labels):
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2:
        found = f"one ({str(names[0])!r})" if len(names) else "none"
        raise ArgumentError(f"{folder} must hold clips of at least two labels, a folder each; found {found}")
    if counts.min() < 2:
        raise ArgumentError(f"label {str(names[counts.argmin()])!r} in {folder} has one clip; at least two are wanted")


def _walk(folder):
    files, labels = [], []
    for label in sorted(folder.iterdir()):
        if label.is_dir() and label.name[0] not in "_.":
            found = io.sound_files(label)
            files += [str(path) for path in found]
            labels += [label.name] * len(found)
    return files, labels, None, None


def _read_manifest(manifest):
    try:
        with open(manifest, encoding="utf-8-sig", newline="") as text:
            rows = list(csv.DictReader(text))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AudioFileError(f"{manifest} cannot be read: {error}") from error
    columns = rows[0].keys() if rows else ()
    if not {"file", "label"} <= set(columns):
        raise AudioFileError(
            f"{manifest} must have columns file and label, not {', '.join(map(str, columns)) or 'none'}"
        )
    for line, row in enumerate(rows, 2):
        if not row["file"] or not row["label"]:
            raise AudioFileError(f"{manifest}, line {line}: file and label must both be given")
    files = [str(manifest.parent / row["file"]) for row in rows]
    missing = [file for file in files if not Path(file).is_file()]
    if missing:
        raise AudioFileError(f"{manifest} names {len(missing)} file(s) that do not exist, such as {missing[0]}")
    speaker = next((name for name in _SPEAKER_COLUMNS if name in columns), None)
    groups = [row[speaker] for row in rows] if speaker else None
    splits = _read_splits(manifest, rows) if "split" in columns else None
    return files, [row["label"] for row in rows], groups, splits


def _read_splits(manifest, rows):
    """The split of each row, or None where the column holds another division, such as folds."""
    names = [(row["split"] or "").strip().lower() for row in rows]
    splits = [_SPLIT_NAMES.get(name, name) for name in names]
    known = [split in SPLITS for split in splits]
    if any(known) and not all(known):
        line = known.index(False) + 2
        raise AudioFileError(
            f"{manifest}, line {line}: split must be train, val or test, not {rows[line - 2]['split']!r}"
        )
    return splits if all(known) else None


def _enough(groups):
    """Whether each part can have a speaker of its own."""
    return groups is not None and len(np.unique(groups)) >= len(SPLITS)


def _make_splits(labels, groups, seed):
    """70 / 15 / 15 %: of whole speakers where there are enough, else within each label."""
    rng = np.random.default_rng(seed)
    splits = np.full(len(labels), "train", dtype="<U5")
    if _enough(groups):
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
