"""Words that nobody says, for the class of unknown words: splices of two clips, and clips played backwards.

A network that knows ten other words takes an eleventh for the keyword next to it. Words made of the sounds of those
that are there teach it that the beginning of a keyword is not enough, nor its end. Small sets are trained without, and
with unknown words as they are: what is said here was seen on `training_config.MANY_CLIPS` or more.
"""

import numpy as np

from audioconv._typing import Array, Float32Array
from audioconv.classify import training_config
from audioconv.classify.labels import NON_KEYWORD_LABELS, SILENCE_LABELS, UNKNOWN_LABELS

UNKNOWN_AS_WORDS = 2
MADE_UP_RATIO = 0.1  # of the clips that there are
BACKWARDS = 0.3  # share of made-up words that are a clip played backwards
CUT = (0.3, 0.7)  # a splice is made where this share of the energy has passed
CROSSFADE = 80  # samples
SMOOTHING = 160  # samples, of the energy


def unknown_class(classes: Array) -> int | None:
    """The class of unknown words, if there is one."""
    found = np.flatnonzero(np.isin(classes, UNKNOWN_LABELS)) if classes.dtype.kind == "U" else ()
    return int(found[0]) if len(found) else None


def unknown_weight(classes: Array, targets: Array, made_up: int) -> Array | None:
    """Weights of classes by which unknown words, made-up ones too, count as two keywords; None if they are fewer.

    Otherwise what is most frequent in training would be what is answered in doubt (prior shift). None for small sets,
    too.
    """
    unknown, counts = unknown_class(classes), np.bincount(targets, minlength=len(classes))
    if unknown is None or len(targets) < training_config.MANY_CLIPS:
        return None
    keywords, found = counts[~np.isin(classes, NON_KEYWORD_LABELS)], counts[unknown] + made_up
    wanted = UNKNOWN_AS_WORDS * keywords.mean() if keywords.size else np.inf
    if found <= wanted:
        return None
    return np.where(np.arange(len(classes)) == unknown, wanted / found, 1.0)


def made_up_words(clips: int) -> int:
    """How many there are to be beside so many clips."""
    return round(clips * MADE_UP_RATIO) if clips >= training_config.MANY_CLIPS else 0


def make_words(clips: Float32Array, labels: Array, seed: int) -> Float32Array:
    """Made-up words, (words, samples), one for each ten clips; none for small sets.

    Parameters
    ----------
    clips : float32 array, shape (clips, samples)
    labels : array of str, shape (clips,)
        A splice is of two clips of different labels, or of two unknown words.
    seed : int

    Returns
    -------
    words : float32 array, shape (words, samples)
    """
    rng = np.random.default_rng([seed, 0x6D75])
    words, spoken = made_up_words(len(clips)), np.flatnonzero(~np.isin(labels, SILENCE_LABELS))
    made = list[Float32Array]()
    for _ in range(words):
        first, second = rng.choice(spoken, 2)
        cuts, backwards = rng.uniform(*CUT, 2), rng.random() < BACKWARDS
        if backwards or (labels[first] == labels[second] and labels[first] not in UNKNOWN_LABELS):
            made.append(clips[first][::-1])
        else:
            made.append(splice(clips[first], clips[second], cuts))
    return np.array(made, np.float32).reshape(words, clips.shape[1])


def splice(first: Float32Array, second: Float32Array, cuts: Array) -> Float32Array:
    """The beginning of a clip and the end of another, made as loud; the middle of the word is that of the clip."""
    before, after = _where(first, cuts[0]), _where(second, cuts[1])
    half = min(CROSSFADE // 2, before, first.size - before, after, second.size - after)
    gain = np.sqrt(_power(first) / max(_power(second), 1e-12))
    joined = np.concatenate((first[: before + half], gain * second[after + half :]))
    fade = np.linspace(0, 1, 2 * half)
    joined[before - half : before + half] *= 1 - fade
    joined[before - half : before + half] += fade * gain * second[after - half : after + half]
    word, start = np.zeros(first.size, np.float32), first.size // 2 - _where(joined, 0.5)
    kept = joined[max(0, -start) : first.size - start]
    word[max(0, start) : max(0, start) + kept.size] = kept
    return word


def _power(samples: Array) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def _where(samples: Array, share: float) -> int:
    """The sample by which this share of the energy has passed; the middle of silence."""
    energy = np.cumsum(np.convolve(np.square(samples, dtype=np.float64), np.ones(SMOOTHING), "same"))
    return int(np.searchsorted(energy, share * energy[-1])) if energy[-1] > 0 else samples.size // 2
