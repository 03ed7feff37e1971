"""Audit of a data set before training: damage, data leakage, duplicates, clipping, silence, imbalance."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from audioconv import io, parallel
from audioconv._typing import Float32Array
from audioconv._wording import counted
from audioconv.arrays import number
from audioconv.classify.clips import LONG
from audioconv.classify.dataset import SPLITS, Dataset
from audioconv.classify.labels import UNKNOWN_LABELS
from audioconv.classify.set_size import is_many
from audioconv.errors import ArgumentError, AudioFileError

SILENT = 1e-3  # a clip whose peak is below is silent: -60 dB of full scale
FULL, RUN = 0.999, 4  # so many samples in a row at full scale are cut off
EDGE_S, LOUD_DB = 0.01, -12.0  # a clip whose first or last 10 ms are so near its loudest 10 ms is cut within its sound
IMBALANCE_RATIO = 3.0  # times as many clips of one label as of another
SHORT = 0.1  # times the length that clips are brought to
FindingKind: TypeAlias = Literal[
    "broken",
    "leak",
    "duplicate",
    "contradiction",
    "clipped",
    "silent",
    "truncated",
    "imbalance",
    "too long",
    "too short",
]
NO_FAULTS: tuple[FindingKind, ...] = ("imbalance", "too long", "too short")  # what training copes with


class Finding(NamedTuple):
    """One kind of issue of a data set, in words, and the files that have it.

    Parameters
    ----------
    kind : str
        broken, leak, duplicate, contradiction, clipped, silent or truncated, which are faults; imbalance, too long or
        too short, which are remarks.
    text : str
    files : tuple of str

    Examples
    --------
    >>> from audioconv.classify import Finding
    >>> finding = Finding("silent", "1 of 20 clips hold nothing louder than -60 dB of full scale", ("a.wav",))
    >>> finding, finding.is_fault
    (Finding(silent: 1 of 20 clips hold nothing louder than -60 dB of full scale), True)
    """

    kind: FindingKind
    text: str
    files: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Finding({self.kind}: {self.text})"

    @property
    def is_fault(self) -> bool:
        """Whether something should be done about it; a remark is only good to know."""
        return self.kind not in NO_FAULTS


def audit(data: Dataset, *, clip_s: float = 1.0, threads: int | None = None) -> list[Finding]:
    """Check each clip of a data set, and its labels and splits.

    Parameters
    ----------
    data : Dataset
    clip_s : float, in seconds
        Length of the clips that a classifier is trained on.
    threads : int, optional

    Returns
    -------
    findings : list of Finding
        broken: files that cannot be read, each named. leak: a speaker in more than one split, which is data
        leakage. duplicate: the same samples in two files; contradiction: under two labels. clipped: at full
        scale for four samples or more. silent: nothing above -60 dB of full scale. truncated: loud from the first or to
        the last moment. And what is no fault (`Finding.is_fault`): imbalance, three times as many clips of one label as
        of another; too long, of which most will be left out; too short for a word.

    Raises
    ------
    ArgumentError
        If there are no clips.

    Examples
    --------
    >>> from audioconv.classify import audit, load_dataset
    >>> data = load_dataset("data/keywords")
    >>> audit(data.select(data.labels == "unknown"))
    []
    """
    number(clip_s, "clip_s", above=0)
    if not len(data):
        raise ArgumentError("data has no clips; at least one is wanted")
    found = parallel.run(lambda file: _inspect(file, clip_s), data.files, threads)
    broken = {file: look for file, look in zip(data.files, found, strict=True) if isinstance(look, AudioFileError)}
    whole, about = data.without(broken), [look for look in found if not isinstance(look, AudioFileError)]
    findings = [*_broken(broken, len(data)), *_leaks(data), *_duplicates(whole, [digest for digest, _ in about])]
    descriptions: dict[FindingKind, str] = {
        "clipped": "reach full scale and are cut off there",
        "silent": "hold nothing louder than -60 dB of full scale",
        "truncated": "are loud from the first or to the last moment: the sound may be cut",
        "too long": f"are longer than {LONG * clip_s:g} s: of each the loudest {clip_s:g} s are taken",
        "too short": f"are shorter than {1000 * SHORT * clip_s:g} ms: too short for a word",
    }
    for kind, description in descriptions.items():
        files = tuple(file for file, (_, issues) in zip(whole.files, about, strict=True) if kind in issues)
        if files:
            text = f"{len(files)} of {len(data)} clips {description}, such as {files[0]}"
            findings.append(Finding(kind, text, files))
    return findings + _imbalance(data)


def _broken(errors: Mapping[str, AudioFileError], clips: int) -> list[Finding]:
    if not errors:
        return []
    text = f"{len(errors)} of {clips} clips cannot be read: {'; '.join(map(str, errors.values()))}"
    return [Finding("broken", text, tuple(errors))]


def _inspect(path: str, clip_s: float) -> tuple[bytes, set[str]] | AudioFileError:
    """A digest of the samples of a file, and what is wrong with them; or the error that says why it cannot be read."""
    try:
        samples, sample_rate = io.read(path)
    except AudioFileError as error:
        return error
    digest = hashlib.sha256(np.ascontiguousarray(samples).tobytes() + str(sample_rate).encode()).digest()
    columns, length_s = samples.reshape(len(samples), -1), len(samples) / sample_rate
    lengths = {"too long": length_s > LONG * clip_s, "too short": length_s < SHORT * clip_s}
    peaks, issues = np.abs(columns).max(axis=1), {kind for kind, found in lengths.items() if found}
    if peaks.max() < SILENT:
        return digest, issues | {"silent"}
    full = np.concatenate(([0], np.cumsum(peaks >= FULL)))
    if (full[RUN:] - full[:-RUN]).max(initial=0) == RUN:
        issues.add("clipped")
    if _truncated(columns.mean(axis=1), max(1, round(EDGE_S * sample_rate))):
        issues.add("truncated")
    return digest, issues


def _truncated(samples: Float32Array, edge: int) -> bool:
    """Whether the first or the last stretch of `edge` samples is nearly as loud as the loudest."""
    stretches = len(samples) // edge
    if stretches < 4:
        return False
    power = np.square(samples[: stretches * edge].reshape(stretches, edge)).mean(axis=1)
    last = np.square(samples[-edge:]).mean()
    loud = max(power[0], last) > 10 ** (LOUD_DB / 10) * power.max()
    return bool(loud and np.median(power) < 0.1 * power.max())


def _leaks(data: Dataset) -> list[Finding]:
    if data.groups is None:
        return []
    used: defaultdict[str, set[str]] = defaultdict(set)
    for group, split in zip(data.groups, data.splits, strict=True):
        used[group].add(str(split))
    shared = {group: splits for group, splits in used.items() if len(splits) > 1}
    if not shared:
        return []
    files = tuple(file for file, group in zip(data.files, data.groups, strict=True) if group in shared)
    where = " and ".join(split for split in SPLITS if any(split in splits for splits in shared.values()))
    text = f"{counted(len(shared), 'speaker')} in {where}, such as {min(shared)}: one helps with the other"
    return [Finding("leak", text, files)]


def _duplicates(data: Dataset, digests: Sequence[bytes]) -> list[Finding]:
    by_digest: defaultdict[bytes, list[int]] = defaultdict(list)
    for i, digest in enumerate(digests):
        by_digest[digest].append(i)
    groups = [places for places in by_digest.values() if len(places) > 1]
    same = [places for places in groups if len(set(data.labels[places])) == 1]
    other = [places for places in groups if len(set(data.labels[places])) > 1]
    findings = []
    if same:
        across = sum(len(set(data.splits[places])) > 1 for places in same)
        pair = " and ".join(data.files[i] for i in same[0][:2])
        text = f"{counted(len(same), 'recording')} in more than one file, {across} in two parts, such as {pair}"
        findings.append(Finding("duplicate", text, _files(data, same)))
    if other:
        first = other[0][0]
        second = next(i for i in other[0] if data.labels[i] != data.labels[first])
        pair = " and ".join(f"{data.files[i]} ({data.labels[i]})" for i in (first, second))
        text = f"{counted(len(other), 'recording')} with two labels, such as {pair}"
        findings.append(Finding("contradiction", text, _files(data, other)))
    return findings


def _files(data: Dataset, groups: Sequence[Sequence[int]]) -> tuple[str, ...]:
    return tuple(data.files[i] for places in groups for i in places)


def _imbalance(data: Dataset) -> list[Finding]:
    labels, counts = np.unique(data.labels, return_counts=True)
    if is_many(int((data.splits == "train").sum())):  # unknown words are weighted then
        counts, labels = (each[~np.isin(labels, UNKNOWN_LABELS)] for each in (counts, labels))
    if not counts.size or counts.max() <= IMBALANCE_RATIO * counts.min():
        return []
    most, fewest = labels[counts.argmax()], labels[counts.argmin()]
    text = (f"there are {counts.max()} clips of {str(most)!r} and {counts.min()} of {str(fewest)!r}: the rare one will "
            f"be missed more often, unless classes are balanced")  # fmt: skip
    return [Finding("imbalance", text, _files(data, [np.flatnonzero(data.labels == fewest).tolist()]))]
