"""The clips that a model is evaluated on: labels, speakers, and their sound when it is wanted."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from audioconv._typing import Array, ArrayLike, Float32Array
from audioconv.arrays import floating
from audioconv.classify.clips import Clips, check_clips, read_all, read_mono
from audioconv.classify.labels import SILENCE_LABELS, UNKNOWN_LABELS, check_labels
from audioconv.classify.progress import Notices, StagedProgress
from audioconv.detect.evaluation.clips import ClipScore
from audioconv.detect.evaluation.examples import Mistake
from audioconv.detect.evaluation.streams import Source
from audioconv.detect.evaluation.subject import NO_KEYWORD, DetectorSubject, Subject
from audioconv.detect.recordings import word_recordings
from audioconv.errors import ArgumentError, ShapeError

BATCH = 100


class ClipSet:
    """Labelled clips at the sample rate of a model."""

    def __init__(
        self, X: Clips, y: ArrayLike, speakers: Sequence[Any] | None, subject: Subject, notices: Notices
    ) -> None:
        self._clips: Any = check_clips(X)
        self._rate, self._notices = subject.sample_rate, notices
        self.labels = check_labels(y, len(self._clips)).astype(str)
        self.truth = _truth(self.labels, subject)
        self.speakers = None if speakers is None else np.asarray(speakers, str)
        if self.speakers is not None and self.speakers.shape != self.labels.shape:
            raise ShapeError(f"speakers must hold one a clip: {len(self.labels)} clips, {self.speakers.shape}")
        self.is_keyword = np.isin(self.labels, subject.keywords)
        self.score_labels = [*subject.keywords, NO_KEYWORD] if isinstance(subject, DetectorSubject) else subject.labels

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, i: int) -> str:
        """The file of a clip, or its number."""
        clip = self._clips[i]
        return os.fspath(clip) if isinstance(clip, (str, os.PathLike)) else f"clip {i}"

    def sounds(self, which: Iterable[int]) -> list[Float32Array]:
        """The samples of some clips."""
        return read_all(self._sound, list(which))

    def _sound(self, i: int) -> Float32Array:
        clip = self._clips[i]
        if isinstance(clip, (str, os.PathLike)):
            return read_mono(clip, self._rate, self._notices)
        return floating(clip, "clip", (1,)).astype(np.float32, copy=False)

    def sources(self, count: int, seed: int) -> list[Source]:
        """Words to make streams of: at most so many keywords, drawn at random, and a quarter as many other words."""
        rng, found = np.random.default_rng([seed, 0x57]), list[Source]()
        other_words = ~self.is_keyword & ~np.isin(self.labels, SILENCE_LABELS)
        for mask, most in ((self.is_keyword, count), (other_words, -(-count // 4))):
            chosen = rng.permutation(np.flatnonzero(mask))[:most].tolist()
            for i, sound in zip(chosen, self.sounds(chosen), strict=True):
                for recording in word_recordings([sound], self._rate, self.name(i)):  # none of a silent clip
                    found.append(Source(self.name(i), str(self.labels[i]), recording, bool(self.is_keyword[i])))
        return found


def _truth(labels: Array, subject: Subject) -> Array:
    """What a model should say of clips of these labels."""
    if isinstance(subject, DetectorSubject):
        return np.where(np.isin(labels, subject.keywords), labels, NO_KEYWORD)
    unknown = next((label for label in UNKNOWN_LABELS if label in subject.labels), None)
    strange = sorted(set(labels.tolist()) - set(subject.labels))
    if strange and unknown is None:
        raise ArgumentError(f"y has labels that the model does not know: {', '.join(strange)}")
    return np.where(np.isin(labels, subject.labels), labels, unknown or "")


def score_clips(
    subject: Subject, clips: ClipSet, progress: StagedProgress
) -> tuple[ClipScore, list[tuple[Mistake, int]]]:
    """The figures of clips, and which were labelled wrong, the surest first, with their numbers."""
    answers = []
    for begin in range(0, len(clips), BATCH):
        answers += subject.answer(clips.sounds(range(begin, min(begin + BATCH, len(clips)))))
        progress.update("clips", len(answers), len(clips))
    told = np.array([answer.told for answer in answers])
    confidence = np.array([answer.confidence for answer in answers])
    right = np.array([answer.favourite for answer in answers]) == clips.truth
    score = ClipScore(list(clips.score_labels), clips.truth, told, confidence, right, clips.speakers)
    wrong = np.flatnonzero(told != clips.truth).tolist()
    order = sorted(wrong, key=lambda i: (told[i] == NO_KEYWORD, -confidence[i]))
    return score, [
        (
            Mistake(
                "clip", clips.name(i), 0.0, str(clips.labels[i]), str(told[i]), float(confidence[i]),
                speaker="" if clips.speakers is None else str(clips.speakers[i]),
            ),
            i,
        )
        for i in order
    ]  # fmt: skip
