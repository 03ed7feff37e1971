"""Recordings without keywords that false alarms are counted in: which they are, and what was said in them."""

import csv
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from audioconv import arrays, io
from audioconv._typing import Float32Array
from audioconv.classify.clips import read_mono
from audioconv.classify.progress import NoticeSink
from audioconv.detect.negatives import Sources
from audioconv.errors import ArgumentError, AudioFileError

COLUMNS = {"file", "text", "keywords", "split", "label"}
HOMOPHONES = {  # of words that keywords often are, also in running speech
    "no": {"know"}, "right": {"write", "rite", "wright"}, "one": {"won"}, "two": {"too"}, "four": {"fore"},
    "eight": {"ate"},
}  # fmt: skip
WORDS_AROUND = 6  # of a transcript, before and after a place


class NegativeRecording(NamedTuple):
    """A recording without keywords."""

    source: str  # the name of its folder
    name: str
    sound: Path | Float32Array
    text: str | None = None  # what is said in it
    label: str | None = None  # what it is of

    def samples(self, sample_rate: int, notices: NoticeSink | None = None) -> Float32Array:
        """Its samples as float32, of one channel at a sample rate."""
        if isinstance(self.sound, np.ndarray):
            return self.sound
        return read_mono(self.sound, sample_rate, notices)


@dataclass(repr=False)
class Negatives:
    """Recordings without keywords, and what was left out of their folders.

    Parameters
    ----------
    recordings : list of NegativeRecording
    left_out : dict of source -> (why -> recordings)

    Examples
    --------
    >>> import numpy as np
    >>> Negatives([NegativeRecording("radio", "monday", np.zeros(16000, "float32"))])
    Negatives(1 recordings, 0 left out)
    """

    recordings: list[NegativeRecording] = field(default_factory=list)
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)

    def __repr__(self) -> str:
        left_out = sum(sum(reasons.values()) for reasons in self.left_out.values())
        return f"Negatives({len(self.recordings)} recordings, {left_out} left out)"

    def _leave_out(self, source: str, why: str) -> None:
        reasons = self.left_out.setdefault(source, {})
        reasons[why] = reasons.get(why, 0) + 1


def find_negatives(
    sources: Sources, keywords: Sequence[str], *, split: str | None = None, sound_alikes: Sequence[str] = ()
) -> Negatives:
    """List recordings without keywords.

    Of a folder with a `manifest.csv` that has a column `text` (what is said) or `keywords`, recordings that hold a
    keyword, a homophone of one (know, write, won, too, fore, ate) or a sound-alike that is given as a word are left
    out; and where it has a column `split` with the part that is wanted, those of other parts.

    Parameters
    ----------
    sources : sound files, folders of them, or float arrays (samples,) at the sample rate of the model
    keywords : sequence of str
    split : str, optional
    sound_alikes : sequence of str

    Returns
    -------
    negatives : Negatives

    Raises
    ------
    ArgumentError, AudioFileError
        If there are none, or none is left; or a manifest cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> find_negatives([np.zeros(16000, "float32")], ["yes", "no"])
    Negatives(1 recordings, 0 left out)
    """
    found = Negatives()
    if io.is_path(sources) or (isinstance(sources, np.ndarray) and sources.ndim == 1):
        sources = [sources]
    if not isinstance(sources, Iterable):
        raise ArgumentError(f"negatives must be sound files, folders of them, or float arrays, not {sources!r}")
    given, wanted = list[Any](sources), {word.lower() for word in keywords}
    alikes = {word.lower() for word in sound_alikes}.union(*(HOMOPHONES.get(word, ()) for word in wanted)) - wanted
    for number, source in enumerate(given):
        if not io.is_path(source):
            sound = arrays.floating(source, f"recording {number}", (1,)).astype(np.float32, copy=False)
            found.recordings.append(NegativeRecording("recordings", f"recording {number}", sound))
            continue
        path = Path(os.fsdecode(source))
        if path.is_dir():
            _walk(path, found, wanted, split, alikes)
        else:
            found.recordings.append(NegativeRecording("files", str(path), path))
    if not found.recordings:
        reasons = "; ".join(f"{source}: {why}" for source, why in found.left_out.items()) or "none are given"
        raise ArgumentError(f"negatives must hold at least one recording without the keywords ({reasons})")
    return found


def _walk(folder: Path, found: Negatives, keywords: set[str], split: str | None, sound_alikes: set[str]) -> None:
    """Add the recordings of a folder."""
    source, rows = folder.name, _manifest_rows(folder)
    if rows is None:
        found.recordings += (NegativeRecording(source, str(path), path) for path in io.sound_files(folder))
        return
    parted = any(row.get("split") == split for row in rows) and split is not None
    for row in rows:
        path = folder / str(row["file"]).replace("\\", "/")
        said = set(words_of(f"{row.get('text') or ''} {row.get('keywords') or ''}"))
        if parted and row.get("split") != split:
            found._leave_out(source, f"are not in the part {split}")
        elif said & keywords:
            found._leave_out(source, "hold a keyword")
        elif said & sound_alikes:
            found._leave_out(source, "hold a sound-alike")
        elif not parted and (row.get("label") or "").lower() in keywords:
            found._leave_out(source, "are of a keyword")
        else:
            recording = NegativeRecording(source, str(path), path, row.get("text"), row.get("label"))
            found.recordings.append(recording)


def _manifest_rows(folder: Path) -> list[dict[str, Any]] | None:
    """The rows of a manifest, if there is one, with the names of columns in small letters."""
    manifest = folder / "manifest.csv"
    if not manifest.exists():
        return None
    try:
        with open(manifest, encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text)
            reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AudioFileError(f"{manifest} cannot be read: {error}") from error
    if not rows or not rows[0].get("file"):
        raise AudioFileError(f"{manifest} must have a column file and at least one row")
    return rows


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower())


def text_around(text: str, share: float) -> str:
    """The words of a transcript about where so much of its letters are said, the likeliest one in brackets."""
    words, letters = text.split(), 0
    if not words:
        return ""
    total, at = sum(map(len, words)), len(words) - 1
    for i, word in enumerate(words):
        letters += len(word)
        if letters >= share * total:
            at = i
            break
    first, last = max(0, at - WORDS_AROUND), at + WORDS_AROUND + 1
    parts = [*words[first:at], f"[{words[at]}]", *words[at + 1 : last]]
    return " ".join([*(["…"] if first else []), *parts, *(["…"] if last < len(words) else [])])
