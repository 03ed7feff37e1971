"""Test streams: clips of words, halves, pairs and speech in noise and in rooms, and where each of them lies.

What a stream holds depends on the seed alone, so that the same words come in the same order at each level of noise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from audioconv._typing import Float32Array
from audioconv.classify.augmentation import check_noise, synthetic_noise, synthetic_room_impulse_responses
from audioconv.classify.calibrate import Word
from audioconv.detect.recordings import Cut, Recording
from audioconv.signal import convolve

LEVEL = 0.063  # root mean square of words, of full scale: -24 dB, at each ratio to the noise
CLEAN_SNR_DB = 40.0  # what is called clean
FADE_S, MARGIN_S = 0.02, 0.15  # of what is cut out, and how much of a clip is left around its word
GAP_S, CLOSE_GAP_S = (0.4, 1.2), (0.0, 0.08)  # between phrases, and within them
WIDE_GAP_S = (1.2, 1.8)  # between halves, so that what one fires is not taken for what the next one does
PIECE_S = (0.7, 1.6)  # of speech
ROOM_SEED = 1 << 20  # so that rooms are others than those of trainings, whose seeds are small
SPEECH_SHARE = 0.3  # how often a piece of speech comes between two words

Half: TypeAlias = Literal["first half", "second half"]
Part: TypeAlias = Literal["word", "speech"] | Half
HALVES: tuple[Half, ...] = get_args(Half)


class Source(NamedTuple):
    """A recording that streams are made of: of a word, or of running speech."""

    name: str
    label: str
    recording: Recording
    keyword: bool = False


class Item(NamedTuple):
    """What is put into a stream: a part of a recording, between samples `begin` and `end` of it."""

    source: Source
    part: Part
    begin: int
    end: int
    margin: int = 0


class Placed(NamedTuple):
    """Where an item lies in a stream, in seconds."""

    item: Item
    start_s: float
    end_s: float

    @property
    def text(self) -> str:
        """What is said there, in a few words."""
        label = self.item.source.label
        return label if self.item.part == "word" else f"{self.item.part} of {label!r}" if "half" in self.item.part \
            else "speech"  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """Phrases at their places; `render` makes sound of them."""

    placed: list[Placed]
    phrases: list[list[int]]  # which of `placed` each holds
    length: int
    sample_rate: int
    seed: int

    @property
    def words(self) -> list[Word]:
        """The keywords that are said, in their order."""
        return [
            Word(p.item.source.label, p.start_s, p.end_s)
            for p in self.placed
            if p.item.source.keyword and p.item.part == "word"
        ]

    @property
    def seconds(self) -> float:
        """How long the stream is."""
        return self.length / self.sample_rate

    def render(self, noise: Float32Array, snr_db: float, rooms: Sequence[Float32Array] = ()) -> Float32Array:
        """The stream, with noise of unit power at its ratio to the words; each item in one of the rooms, if any."""
        rng = np.random.default_rng([self.seed, 0x4E])
        start = int(rng.integers(noise.size))
        sound = np.resize(np.roll(noise, -start), self.length) * np.float32(LEVEL * 10 ** (-snr_db / 20))
        fade = round(FADE_S * self.sample_rate)
        for place in self.placed:
            source, _, begin, end, margin = place.item
            first, last = max(0, begin - margin), min(end + margin, source.recording.samples.size)
            x, before = Cut(source.recording, first, last).samples(fade, LEVEL)
            room = int(rng.integers(len(rooms))) if rooms else 0
            if rooms:
                x = convolve(x, rooms[room], "full", method="overlap_add", threads=1).astype(np.float32, copy=False)
            at = round(place.start_s * self.sample_rate) - (begin - first) - before
            x = x[max(0, -at) : self.length - at]
            sound[max(0, at) : max(0, at) + x.size] += x
        return np.clip(sound, -1, 1, out=sound)


class StreamMaker:
    """Makes test streams of words, and of speech between them, if there is any."""

    def __init__(
        self,
        words: Sequence[Source],
        speech: Sequence[Source],
        noises: Sequence[Float32Array],
        sample_rate: int,
        seed: int,
    ) -> None:
        self.sample_rate, self.seed = sample_rate, seed
        self.keywords = [word for word in words if word.keyword]
        self._words, self._others = list(words), [word for word in words if not word.keyword]
        self._speech = list(speech) or self._others
        self._whole_speech = bool(speech)
        unit = [check_noise(noise, i) for i, noise in enumerate(noises)] or synthetic_noise(sample_rate, seed)
        self.noise = np.concatenate(unit)
        self.rooms = synthetic_room_impulse_responses(sample_rate, ROOM_SEED + seed)

    @property
    def has_speech(self) -> bool:
        """Whether keywords can come between something."""
        return bool(self._speech)

    def words(self) -> Layout:
        """All words, each on its own, in a random order, with speech in some of the pauses."""
        rng, phrases = self._rng(0), list[list[Item]]()
        for i in rng.permutation(len(self._words)).tolist():
            phrases.append([self._word(self._words[i], MARGIN_S)])
            if self._speech and rng.random() < SPEECH_SHARE:
                phrases.append([self._piece(rng)])
        return self._laid_out(phrases, rng)

    def halves(self, part: Half, count: int) -> Layout:
        """One half of each of so many keywords, with pauses around it."""
        return self._laid_out(
            [[self._half(source, part)] for source in self.keywords[:count]], self._rng(1), WIDE_GAP_S
        )

    def pairs(self, count: int) -> Layout:
        """Two keywords right after each other: each of so many with another in a random order."""
        rng = self._rng(2)
        order = rng.permutation(len(self.keywords[:count])).tolist()
        pairs = zip(order[::2], order[1::2], strict=False)
        return self._laid_out([[self._word(self.keywords[i], 0.0) for i in pair] for pair in pairs], rng)

    def sentences(self, count: int) -> Layout:
        """Each of so many keywords right between two pieces of speech."""
        rng = self._rng(3)
        words = [self._word(source, 0.0) for source in self.keywords[:count]]
        return self._laid_out([[self._piece(rng), word, self._piece(rng)] for word in words], rng)

    def _rng(self, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, number, 0x45])

    def _word(self, source: Source, margin_s: float) -> Item:
        recording = source.recording
        return Item(source, "word", recording.begin, recording.end, round(margin_s * self.sample_rate))

    def _half(self, source: Source, part: Half) -> Item:
        begin, end = source.recording.begin, source.recording.end
        middle = (begin + end) // 2
        return Item(source, part, *((begin, middle) if part == "first half" else (middle, end)))

    def _piece(self, rng: np.random.Generator) -> Item:
        source = self._speech[int(rng.integers(len(self._speech)))]
        if not self._whole_speech:
            return self._word(source, 0.0)
        length = round(rng.uniform(*PIECE_S) * self.sample_rate)
        begin = int(rng.integers(max(0, source.recording.end - length) + 1))
        return Item(source, "speech", begin, min(begin + length, source.recording.end))

    def _laid_out(
        self, phrases: Sequence[Sequence[Item]], rng: np.random.Generator, gap_s: tuple[float, float] = GAP_S
    ) -> Layout:
        rate, placed, numbers, at = self.sample_rate, list[Placed](), list[list[int]](), 0
        for phrase in phrases:
            at += round(rng.uniform(*gap_s) * rate) + phrase[0].margin
            numbers.append([])
            for i, item in enumerate(phrase):
                at += round(rng.uniform(*CLOSE_GAP_S) * rate) if i else 0
                numbers[-1].append(len(placed))
                placed.append(Placed(item, at / rate, (at + item.end - item.begin) / rate))
                at += item.end - item.begin
            at += phrase[-1].margin
        return Layout(placed, numbers, at + round(GAP_S[1] * rate), rate, self.seed)


def neighbours(layout: Layout, start_s: float, end_s: float) -> tuple[Placed | None, Placed | None, Placed | None]:
    """What lies before, in (what overlaps most), and after a stretch of a stream."""
    inside: Placed | None = None
    most = 0.0
    before = after = None
    for place in layout.placed:
        shared = min(end_s, place.end_s) - max(start_s, place.start_s)
        if shared > most:
            inside, most = place, shared
    for place in _others(layout, inside):
        if place.end_s <= (inside.start_s if inside else end_s) + 1e-9:
            before = place
        elif after is None and place.start_s >= (inside.end_s if inside else start_s) - 1e-9:
            after = place
    return before, inside, after


def _others(layout: Layout, inside: Placed | None) -> Iterator[Placed]:
    return (place for place in layout.placed if place is not inside)
