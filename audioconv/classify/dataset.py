"""Folders of labelled clips: a folder per label, or a manifest with speakers and splits."""

import csv
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from audioconv import io
from audioconv.arrays import seed_of
from audioconv.classify.labels import BACKGROUND_NOISE_FOLDER, NON_KEYWORD_LABELS, UNKNOWN
from audioconv.errors import ArgumentError, AudioFileError

SPLITS = ("train", "val", "test")
_SPLIT_NAMES = {"training": "train", "validation": "val", "valid": "val", "dev": "val", "testing": "test"}
_DELIMITERS = ",;\t"  # of tables from spreadsheets
_SPEAKER_COLUMNS = ("speaker", "speaker_or_group", "group")


@dataclass(frozen=True)
class Dataset:
    """Labelled clips. `groups` (speakers, or None) never cross splits that were made here.

    `official` says whether the splits are those of the manifest; else they were made here.
    """

    files: list
    labels: np.ndarray
    groups: np.ndarray | None
    splits: np.ndarray
    notices: list = field(default_factory=list)
    official: bool = True

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
        return replace(self, files=files, labels=self.labels[where], groups=groups, splits=self.splits[where])

    def without(self, files):
        """The clips whose files are none of these."""
        files = set(files)
        return self.select([file not in files for file in self.files])

    def __len__(self):
        return len(self.files)


def load_dataset(folder, *, seed=0, speaker=None, words=None, missing=False):
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
        The words to tell apart. Clips of all other labels are "unknown", in each split as many as of a word on average.
    missing : bool
        Keep files of the manifest that do not exist, to be told of by `audit` with all others that cannot be read.

    Raises
    ------
    AudioFileError
        If the folder or the manifest cannot be read, or a file of the manifest is missing.
    ArgumentError
        If there are fewer than two labels, or a label with a single clip; if `speaker` is no regular expression, or
        does not find one in each name; if one of `words` is no label.
    """
    folder, seed, notices = Path(folder), seed_of(seed, "seed"), []
    if not folder.is_dir():
        raise AudioFileError(f"{folder} is not a folder; a folder of labelled clips is wanted")
    manifest = folder / "manifest.csv"
    if manifest.exists():
        files, labels, groups, splits = _read_manifest(manifest, missing, notices)
    else:
        (files, labels), groups, splits = _walk(folder, notices), None, None
    _check_labels(folder, labels, notices)
    labels = np.array(labels)
    if speaker is not None:
        groups = _speakers(files, speaker)
    groups = np.array(groups) if groups else None
    if not splits:
        splits = _make_splits(labels, groups, seed)
        how = "by speaker" if _enough(groups) else "at random, because fewer than 3 speakers are known"
        # the last of the notices, because not everybody wants to know it
        notices.append(f"{folder} has no split into train, val and test: 70 / 15 / 15 % were made {how}")
        official = False
    else:
        official = True
    data = Dataset(files, labels, groups, np.array(splits), notices, official)
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


def _check_labels(folder, labels, notices):
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2:
        found = f"one ({str(names[0])!r})" if len(names) else "none"
        text = f"{folder} must hold clips of at least two labels, a folder each; found {found}"
        raise ArgumentError("; ".join([text, *notices]))
    if counts.min() < 2:
        raise ArgumentError(f"label {str(names[counts.argmin()])!r} in {folder} has one clip; at least two are wanted")


def _walk(folder, notices):
    """Files and labels of a folder of folders; what is passed over goes into the notices."""
    files, labels, passed = [], [], []
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
            f"{folder}: {len(loose)} sound file(s) are in no folder of a label and passed over, such as {loose[0]}"
        )
    return files, labels


def _sounds(folder):
    try:
        return io.sound_files(folder)
    except (AudioFileError, OSError):
        return []


def _read_manifest(manifest, missing, notices):
    rows = _read_rows(manifest)
    columns = rows[0].keys() if rows else ()
    if not {"file", "label"} <= set(columns):
        raise AudioFileError(
            f"{manifest} must have columns file and label, not {', '.join(map(str, columns)) or 'none'}"
        )
    for line, row in enumerate(rows, 2):
        row["label"] = (row["label"] or "").strip()
        if not row["file"] or not row["label"]:
            raise AudioFileError(f"{manifest}, line {line}: file and label must both be given")
        row["file"] = _place(manifest.parent, row["file"])
    splits = _read_splits(manifest, rows) if "split" in columns else None
    if splits is None:
        rows = _once(manifest, rows, notices)
    absent = [row["file"] for row in rows if not Path(row["file"]).is_file()]
    if absent and not missing:
        raise AudioFileError(f"{manifest} names {len(absent)} file(s) that do not exist, such as {absent[0]}")
    speaker = next((name for name in _SPEAKER_COLUMNS if name in columns), None)
    groups = [(row[speaker] or "").strip() for row in rows] if speaker else None
    return [row["file"] for row in rows], [row["label"] for row in rows], groups, splits


def _read_rows(manifest):
    """The rows of a table with commas, semicolons or tabs between its columns, whose names are in small letters."""
    try:
        with open(manifest, encoding="utf-8-sig", newline="", errors="strict") as text:
            header = text.readline()
            text.seek(0)
            reader = csv.DictReader(text, delimiter=max(_DELIMITERS, key=header.count), skipinitialspace=True)
            reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AudioFileError(f"{manifest} cannot be read: {error}") from error


def _place(folder, name):
    """Where a file of the manifest is: beside it, or where an absolute path says; also with backslashes between."""
    place = folder / name
    if "\\" in name and not place.exists():
        place = folder / name.replace("\\", "/")
    return str(place)


def _once(manifest, rows, notices):
    """Each row once: a file that is named twice alike would be in two parts of a split that is made."""
    once = {}
    for row in rows:
        once.setdefault((row["file"], row["label"]), row)
    if len(once) < len(rows):
        notices.append(f"{manifest} names {len(rows) - len(once)} file(s) more than once; each is taken once")
    return list(once.values())


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
