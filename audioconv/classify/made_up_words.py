"""Words that nobody says, for the class of unknown words: pieces of clips in another order, or played backwards.

A network that knows ten other words takes an eleventh for the keyword next to it. Words made of the sounds of those
that are there teach it that the beginning of a keyword is not enough, nor its end. Small sets are trained without, and
with unknown words as they are: what is said here was seen on `set_size.MANY_CLIPS` or more.
"""

from typing import Any

import numpy as np

from audioconv._typing import Array, Float32Array
from audioconv.classify.labels import NON_KEYWORD_LABELS, SILENCE_LABELS, UNKNOWN_LABELS
from audioconv.classify.set_size import is_many

UNKNOWN_AS_WORDS = 2
MADE_UP_RATIO = 0.25  # of the clips that there are
SPLICED, SWAPPED, HALVED, BACKWARDS = range(4)  # kinds: two words, the parts of one in turn, one of them, backwards
SHARES = (0.5, 0.2, 0.1)  # of the kinds but the last
CUT = (0.3, 0.7)  # a word is cut where this share of the energy has passed
ENDS = (0.01, 0.99)  # shares of the energy between which a word lies
CROSSFADE = 160  # samples
BLOCK = 80  # samples, of the energy


def unknown_class(classes: Array) -> int | None:
    """The class of unknown words, if there is one."""
    found = np.flatnonzero(np.isin(classes, UNKNOWN_LABELS)) if classes.dtype.kind == "U" else np.empty(0, int)
    return int(found[0]) if found.size else None


def unknown_weight(classes: Array, targets: Array, made_up: int) -> Array | None:
    """Weights of classes by which unknown words, made-up ones too, count as two keywords; None if they are fewer.

    Otherwise what is most frequent in training would be what is answered in doubt (prior shift). None for small sets,
    too.
    """
    unknown, counts = unknown_class(classes), np.bincount(targets, minlength=len(classes))
    if unknown is None or not is_many(len(targets)):
        return None
    keywords, found = counts[~np.isin(classes, NON_KEYWORD_LABELS)], counts[unknown] + made_up
    wanted = UNKNOWN_AS_WORDS * keywords.mean() if keywords.size else np.inf
    if found <= wanted:
        return None
    return np.where(np.arange(len(classes)) == unknown, wanted / found, 1.0)


def made_up_words(clips: int) -> int:
    """How many there are to be beside so many clips in each epoch."""
    return round(clips * MADE_UP_RATIO) if is_many(clips) else 0


class MadeUpWords:
    """Draws recipes of made-up words for each epoch anew; `make_word` makes them from the clips.

    Parameters
    ----------
    labels : array of str, shape (clips,)
        A splice is of two clips of different labels, or of two unknown words.
    speakers : array, shape (clips,), optional
        A splice is of clips of one speaker where they are known, so that no change of the voice gives it away.
    count : int
        Words in an epoch.
    """

    RECIPE = np.dtype([("kind", "i8"), ("first", "i8"), ("second", "i8"), ("cuts", "f8", 2)])

    def __init__(self, labels: Array, speakers: Array | None, count: int) -> None:
        spoken = np.flatnonzero(~np.isin(labels, SILENCE_LABELS))
        who = np.zeros(len(labels), int) if speakers is None else np.unique(speakers, return_inverse=True)[1]
        self._words = np.where(np.isin(labels, UNKNOWN_LABELS), -1, np.unique(labels, return_inverse=True)[1])
        self.order = spoken[np.argsort(who[spoken], kind="stable")]  # of clips, speaker by speaker
        self._starts = np.searchsorted(who[self.order], who, "left")
        self._counts = np.searchsorted(who[self.order], who, "right") - self._starts
        self._size = count if self.order.size else 0

    def __len__(self) -> int:
        return self._size

    def draw(self, rng: np.random.Generator) -> Array:
        """Recipes of the words of an epoch."""
        rows, size = np.zeros(len(self), self.RECIPE), len(self)
        first = self.order[rng.integers(self.order.size, size=size)]
        second = self.order[self._starts[first] + np.floor(rng.random(size) * self._counts[first]).astype(int)]
        kind = np.searchsorted(np.cumsum(SHARES), rng.random(size), "right")
        same = (first == second) | ((self._words[first] == self._words[second]) & (self._words[first] >= 0))
        rows["kind"] = np.where((kind == SPLICED) & same, SWAPPED, kind)
        rows["first"], rows["second"], rows["cuts"] = first, second, rng.uniform(*CUT, (size, 2))
        return rows


def make_word(clips: Float32Array, recipe: Any) -> Float32Array:
    """The word of a recipe, as long as a clip."""
    kind, first = recipe["kind"], clips[recipe["first"]]
    if kind == BACKWARDS:
        return np.ascontiguousarray(first[::-1])
    start, cut, stop = places_of(first, ENDS[0], recipe["cuts"][0], ENDS[1])
    if kind == SPLICED:
        second = clips[recipe["second"]]
        gain = np.float32(np.sqrt(_power(first) / max(_power(second), 1e-12)))
        return centred(join(first[:cut], gain * second[places_of(second, recipe["cuts"][1])[0] :]), first.size)
    pieces = (first[cut:stop], first[start:cut]) if kind == SWAPPED else (first[start:cut],)
    return centred(join(first[:start], *pieces, first[stop:]), first.size)


def join(*pieces: Float32Array) -> Float32Array:
    """Pieces one after the other, crossfaded."""
    joined = pieces[0].copy()
    for piece in pieces[1:]:
        overlap = min(CROSSFADE, joined.size, piece.size)
        fade, at = np.linspace(0, 1, overlap, dtype=np.float32), joined.size - overlap
        joined = np.concatenate((joined, piece[overlap:]))
        joined[at : at + overlap] += fade * (piece[:overlap] - joined[at : at + overlap])
    return joined


def centred(word: Float32Array, size: int) -> Float32Array:
    """A word as long as a clip, the middle of its energy in the middle."""
    clip, start = np.zeros(size, np.float32), size // 2 - places_of(word, 0.5)[0]
    kept = word[max(0, -start) : size - start]
    clip[max(0, start) : max(0, start) + kept.size] = kept
    return clip


def _power(samples: Float32Array) -> float:
    return float(_energy(samples).mean()) if samples.size >= BLOCK else 0.0


def _energy(samples: Float32Array) -> Array:
    """Of each block."""
    energy: Array = np.square(samples[: samples.size // BLOCK * BLOCK].reshape(-1, BLOCK)).sum(axis=1)
    return energy


def places_of(samples: Float32Array, *shares: float) -> list[int]:
    """The samples by which these shares of the energy have passed, to a block; of silence those shares of the time."""
    energy = np.cumsum(_energy(samples) + 1e-20, dtype=np.float64)
    wanted = np.multiply(shares, energy[-1] if energy.size else 0)
    places: list[int] = (np.searchsorted(energy, wanted) * BLOCK).tolist()
    return places
