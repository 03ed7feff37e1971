"""Stretches of sound as streams have them, made of clips: what detectors are trained on.

Who has heard clips alone has never heard a word begin where another ends, or half of a word. So a stretch is filled
with keywords among other words, running speech, halves of keywords and silence, each at its own level and pace, and
then put into a room and into noise. What a stretch is depends on (seed, number) alone, so that threads may make them
in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from audioconv._typing import Array, ArrayLike, Float32Array
from audioconv.arrays import frozen, interval, number, whole
from audioconv.classify.augmentation import check_noise, synthetic_noise, synthetic_room_impulse_responses
from audioconv.classify.settings import Settings
from audioconv.detect._transients import transients
from audioconv.detect._word_bounds import LEAST_RATE
from audioconv.detect.recordings import BACKGROUND, Cut, speech_recordings, whole_word, word_recordings
from audioconv.errors import ArgumentError
from audioconv.io import resample
from audioconv.kernels.dsp import augment as kernels
from audioconv.signal import convolve

LEAD_S = 0.5  # of sound before a stretch: words that have begun, and reverberation
SLOWEST, FASTEST = 0.5, 2.0  # paces

Item: TypeAlias = Literal["keyword", "first_half", "second_half", "other_word", "speech", "silence"]
PHRASES: dict[str, tuple[Item, ...]] = {  # items that follow each other closely, by the setting of their weight
    "keyword_weight": ("keyword",),
    "keyword_pair_weight": ("keyword", "keyword"),
    "keyword_in_speech_weight": ("speech", "keyword", "speech"),
    "first_half_weight": ("first_half",),
    "second_half_weight": ("second_half",),
    "first_half_before_speech_weight": ("first_half", "speech"),
    "other_word_weight": ("other_word",),
    "speech_weight": ("speech",),
    "silence_weight": ("silence",),
}


class Span(NamedTuple):
    """A keyword in a stretch of sound.

    Parameters
    ----------
    label_index : int
        Which keyword.
    begin, end : int, in samples
        Of the stretch; a word may begin before it and end after it.

    Examples
    --------
    >>> from audioconv.detect import Span
    >>> Span(2, 4800, 12000)
    Span(label_index=2, begin=4800, end=12000)
    """

    label_index: int
    begin: int
    end: int


@dataclass(frozen=True, repr=False)
class MixtureSettings(Settings):
    """What stretches of training sound are made of, and the ranges of its random changes.

    Weights are relative frequencies; what there are no recordings for is left out.

    Parameters
    ----------
    stretch_s : float, in seconds
    keyword_weight, other_word_weight, speech_weight, silence_weight : float
        Of a keyword, of another word, of a piece of running speech, and of a pause.
    first_half_weight, second_half_weight, first_half_before_speech_weight : float
        Of the first or second half of a keyword, which is no keyword, and of a first half that goes on as something
        else.
    keyword_pair_weight, keyword_in_speech_weight : float
        Of two keywords run together, and of a keyword right between two pieces of speech.
    speech_only_probability, noise_only_probability : float
        The share of stretches that are running speech throughout, and of those that have no speech at all.
    close_gap_probability : float
        How often the next item follows as closely as in a pair.
    close_gap_s, gap_s, silence_s, speech_s : (float, float), in seconds
        Gaps within pairs, gaps elsewhere, pauses, and pieces of running speech.
    half_share : (float, float)
        How much of a keyword is its half.
    fade_s : float, in seconds
        Of the fades with which items are cut out, just outside of their bounds.
    pace : (float, float)
        Tempo and pitch together of each item, by a factor between these, in steps of a hundredth.
    item_level_db : (float, float), in dB
        Level of each item relative to that of the speech of the stretch.
    level_dbfs : (float, float), in dB of full scale
        Level (RMS) of the speech of a stretch; what exceeds full scale is clipped.
    reverb_probability : float
        The share of stretches that are convolved with a synthetic room impulse response.
    snr_db : (float, float), in dB
        Level of the speech relative to the noise of the stretch.
    clean_probability : float
        The share of stretches with speech in a quiet place.
    clean_snr_db : (float, float), in dB
        Level of the speech relative to the noise of these.
    noise_dbfs : (float, float), in dB of full scale
        Level of noise alone, down to what is as good as silence.

    Raises
    ------
    ArgumentError
        For a number that is out of its range.

    Examples
    --------
    >>> from audioconv.detect import MixtureSettings
    >>> MixtureSettings(stretch_s=2.4, snr_db=(5.0, 30.0))
    MixtureSettings(stretch_s=2.4, snr_db=(5.0, 30.0))
    """

    stretch_s: float = 3.2
    keyword_weight: float = 0.4
    other_word_weight: float = 0.2
    speech_weight: float = 0.16
    silence_weight: float = 0.06
    first_half_weight: float = 0.11
    second_half_weight: float = 0.08
    first_half_before_speech_weight: float = 0.03
    keyword_pair_weight: float = 0.08
    keyword_in_speech_weight: float = 0.1
    speech_only_probability: float = 0.15
    noise_only_probability: float = 0.08
    close_gap_probability: float = 0.4
    close_gap_s: tuple[float, float] = (0.0, 0.08)
    gap_s: tuple[float, float] = (0.08, 0.7)
    silence_s: tuple[float, float] = (0.2, 1.0)
    speech_s: tuple[float, float] = (0.25, 1.6)
    half_share: tuple[float, float] = (0.3, 0.55)
    fade_s: float = 0.02
    pace: tuple[float, float] = (0.87, 1.15)
    item_level_db: tuple[float, float] = (-3.0, 3.0)
    level_dbfs: tuple[float, float] = (-50.0, -14.0)
    reverb_probability: float = 0.3
    snr_db: tuple[float, float] = (-2.0, 30.0)
    clean_probability: float = 0.15
    clean_snr_db: tuple[float, float] = (25.0, 45.0)
    noise_dbfs: tuple[float, float] = (-100.0, -14.0)

    def __post_init__(self) -> None:
        number(self.stretch_s, "stretch_s", 0.1)
        number(self.fade_s, "fade_s", 0)
        for name in PHRASES:
            number(getattr(self, name), name, 0)
        for name in self.names():
            if name.endswith("_probability"):
                number(getattr(self, name), name, 0, 1)
        for name in ("close_gap_s", "gap_s", "silence_s"):
            interval(getattr(self, name), name, 0)
        interval(self.speech_s, "speech_s", 0.01)
        interval(self.half_share, "half_share", 0.01, 0.99)
        interval(self.pace, "pace", SLOWEST, FASTEST)
        for name in ("item_level_db", "level_dbfs", "snr_db", "clean_snr_db", "noise_dbfs"):
            interval(getattr(self, name), name)


class MixtureGenerator:
    """Stretches of sound to train a detector on, and where the keywords are in them.

    Parameters
    ----------
    words : sequence of sequences of float arrays, shape (samples,)
        For each keyword its clips, each of them with the word once (see `word_bounds`). Silent clips are left out.
    others : sequence of float arrays, shape (samples,), optional
        Clips of other words.
    speech : sequence of float arrays, shape (samples,), optional
        Recordings of running speech without the keywords, of any length.
    noises : sequence of float arrays, shape (samples,), optional
        Recordings of background noise, used beside synthetic ones.
    settings : MixtureSettings
    sample_rate : int, in Hz
        Of all of them; at least 1000.
    seed : int >= 0

    Raises
    ------
    DtypeError, ShapeError, ArgumentError
        For recordings that are no mono signals, noise that is silent, and keywords without a clip.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv.detect import MixtureGenerator
    >>> word = np.zeros(16000, "float32")
    >>> word[4000:9600] = np.sin(np.arange(5600) / 5)
    >>> mixtures = MixtureGenerator([[word], [word[::-1]]], seed=1)
    >>> samples, spans = mixtures.draw(0)
    >>> samples.shape, spans[0]
    ((51200,), Span(label_index=0, begin=6529, end=11386))
    """

    def __init__(
        self,
        words: Sequence[Sequence[ArrayLike]],
        others: Sequence[ArrayLike] = (),
        speech: Sequence[ArrayLike] = (),
        noises: Sequence[ArrayLike] = (),
        settings: MixtureSettings | None = None,
        *,
        sample_rate: int = 16000,
        seed: int = 0,
    ) -> None:
        self.sample_rate, self.seed = whole(sample_rate, "sample_rate", LEAST_RATE), whole(seed, "seed", 0)
        self.settings = MixtureSettings() if settings is None else settings
        self._words = [word_recordings(clips, self.sample_rate, f"word {i}") for i, clips in enumerate(words)]
        if not self._words or not all(self._words):
            raise ArgumentError("each keyword needs a clip that is not silent; of words there are "
                                f"{', '.join(str(len(clips)) for clips in self._words) or 'none'}")  # fmt: skip
        self._others = word_recordings(others, self.sample_rate, "other word")
        self._speech = speech_recordings(speech)
        self._speech_ends = np.cumsum([recording.end for recording in self._speech])
        beside = [check_noise(samples, i) for i, samples in enumerate(noises)]
        all_noises = [*beside, *synthetic_noise(self.sample_rate, self.seed), transients(self.sample_rate, self.seed)]
        self._noises = np.concatenate(all_noises)
        self._noise_sizes = np.array([noise.size for noise in all_noises])
        self._rooms = synthetic_room_impulse_responses(self.sample_rate, self.seed)
        self._phrases, self._cumulative = self._available()

    def __repr__(self) -> str:
        clips = sum(len(clips) for clips in self._words)
        beside = f"{len(self._others)} of others, {len(self._speech)} recordings, {len(self._noise_sizes)} noises"
        return f"MixtureGenerator({clips} clips of {len(self._words)} words, {beside}, seed={self.seed})"

    @property
    def samples(self) -> int:
        """The length of a stretch."""
        return self._length(self.settings.stretch_s)

    def _length(self, seconds: float) -> int:
        return round(seconds * self.sample_rate)

    def _available(self) -> tuple[list[tuple[Item, ...]], Array]:
        """The phrases that there are recordings for, and their cumulative weights."""
        words = {"other_word"} if self._others else set()
        speech = {"speech"} if self._others or self._speech else set()  # of which other words are made if need be
        there = {"keyword", "first_half", "second_half", "silence"} | words | speech
        weights = {phrase: getattr(self.settings, name) for name, phrase in PHRASES.items() if there.issuperset(phrase)}
        if not any(weights.values()):
            raise ArgumentError(f"{self.settings!r} leaves nothing to fill a stretch with")
        return list(weights), np.cumsum(list(weights.values()))

    def draw(self, number: int) -> tuple[Float32Array, list[Span]]:
        """Make a stretch of sound.

        Parameters
        ----------
        number : int >= 0
            Which one: with the same seed it is always the same.

        Returns
        -------
        samples : float32 array, shape (samples,)
        spans : list of Span
            The keywords in it, in the order in which they begin.
        """
        settings, lead = self.settings, self._length(LEAD_S)
        rng = np.random.default_rng([self.seed, whole(number, "number", 0), 0x4D])
        sound = np.zeros(lead + self.samples, np.float32)
        noise_only = rng.random() < settings.noise_only_probability
        spans = [] if noise_only else self._fill(sound, lead, rng)
        if not noise_only and rng.random() < settings.reverb_probability:
            sound = self._in_room(sound, rng)
        stretch = sound[lead:]
        self._mix_noise(stretch, noise_only, rng)
        return np.clip(stretch, -1, 1, out=stretch), spans

    def in_noise(self, samples: ArrayLike, number: int) -> Float32Array:
        """Put sound that was recorded as it is, at some pace, into a room and noise, as stretches are.

        Parameters
        ----------
        samples : float array, shape (n,)
            Brought to the length of a stretch by zeros, or cut; a faster pace takes more of them.
        number : int >= 0
            Which pace, room, noise and level: with the same seed they are always the same.

        Returns
        -------
        samples : float32 array, shape (samples,)
        """
        rng = np.random.default_rng([self.seed, whole(number, "number", 0), 0x4E])
        slow, fast = (round(100 * pace) for pace in self.settings.pace)
        percent = int(rng.integers(slow, fast, endpoint=True))
        given = resample(np.asarray(samples, np.float32), percent, 100).astype(np.float32, copy=False)[: self.samples]
        sound = np.pad(given, (0, self.samples - given.size))
        if np.any(sound):
            sound = sound * np.float32(1 / np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
        if rng.random() < self.settings.reverb_probability:
            sound = self._in_room(sound, rng)
        self._mix_noise(sound, False, rng)
        return np.clip(sound, -1, 1, out=sound)

    @property
    def word_s(self) -> Array:
        """The mean duration of each keyword, in seconds."""
        durations = [np.mean([clip.end - clip.begin for clip in clips]) for clips in self._words]
        return np.array(durations) / self.sample_rate

    def _in_room(self, sound: Float32Array, rng: np.random.Generator) -> Float32Array:
        room = self._rooms[int(rng.integers(len(self._rooms)))]
        return convolve(sound, room, "causal", method="overlap_add", threads=1).astype(np.float32, copy=False)

    def _fill(self, sound: Float32Array, lead: int, rng: np.random.Generator) -> list[Span]:
        """Put items into a stretch and what precedes it, and return the keywords that sound in it."""
        if self._speech and rng.random() < self.settings.speech_only_probability:
            position = 0
            while position < sound.size:
                position = self._place(self._piece(sound.size, rng), sound, position, rng)
            return []
        found: list[Span] = []
        position = int(rng.integers(2 * lead))
        while position < sound.size:
            which = np.searchsorted(self._cumulative, rng.random() * self._cumulative[-1], "right")
            for i, item in enumerate(self._phrases[which]):
                if item == "silence":
                    position += 1 + self._draw_length(self.settings.silence_s, rng)
                    continue
                position += self._draw_length(self.settings.close_gap_s, rng) if i else 0
                cut = self._choose(item, rng)
                begin, position = position, self._place(cut, sound, position, rng)
                if cut.label_index != BACKGROUND and begin < sound.size and position > lead:
                    found.append(Span(cut.label_index, begin - lead, position - lead))
            close = rng.random() < self.settings.close_gap_probability
            position += self._draw_length(self.settings.close_gap_s if close else self.settings.gap_s, rng)
        return found

    def _draw_length(self, between_s: tuple[float, float], rng: np.random.Generator) -> int:
        return self._length(rng.uniform(*between_s))

    def _choose(self, item: Item, rng: np.random.Generator) -> Cut:
        """What to cut out of which recording."""
        if item == "speech" and self._speech:
            return self._piece(self._draw_length(self.settings.speech_s, rng), rng)
        if item in ("speech", "other_word"):
            return whole_word(self._others[int(rng.integers(len(self._others)))])
        label_index = int(rng.integers(len(self._words)))
        cut = whole_word(self._words[label_index][int(rng.integers(len(self._words[label_index])))])
        if item == "keyword":
            return cut._replace(label_index=label_index)
        part = max(1, round((cut.end - cut.begin) * rng.uniform(*self.settings.half_share)))
        return cut._replace(end=cut.begin + part) if item == "first_half" else cut._replace(begin=cut.end - part)

    def _piece(self, length: int, rng: np.random.Generator) -> Cut:
        """A piece of running speech; each second of all recordings is as likely to be in one."""
        which = np.searchsorted(self._speech_ends, rng.random() * self._speech_ends[-1], "right")
        recording = self._speech[which]
        begin = int(rng.integers(max(0, recording.end - length) + 1))
        return Cut(recording, begin, min(begin + length, recording.end))

    def _place(self, cut: Cut, sound: Float32Array, position: int, rng: np.random.Generator) -> int:
        """Add what is cut out to `sound`, so that it begins at a position, and return where it ends."""
        slow, fast = (round(100 * pace) for pace in self.settings.pace)
        percent = int(rng.integers(slow, fast + 1))
        gain = 10 ** (rng.uniform(*self.settings.item_level_db) / 20)
        x, before = cut.samples(self._length(self.settings.fade_s), gain)
        x = resample(x, percent, 100).astype(np.float32, copy=False)
        start = position - round(before * 100 / percent)
        begin, end = max(0, start), min(start + x.size, sound.size)
        if begin < end:
            sound[begin:end] += x[begin - start : end - start]
        return position + max(1, round((cut.end - cut.begin) * 100 / percent))

    def _mix_noise(self, stretch: Float32Array, alone: bool, rng: np.random.Generator) -> None:
        """Mix noise in at its ratio to speech of unit power, and bring the whole to its level."""
        settings = self.settings
        which = int(rng.integers(len(self._noise_sizes)))
        size = int(self._noise_sizes[which])
        clean = rng.random() < settings.clean_probability
        ratio_db = rng.uniform(*(settings.clean_snr_db if clean else settings.snr_db))
        level_db = rng.uniform(*(settings.noise_dbfs if alone else settings.level_dbfs))
        row = kernels.NOISE.pack(
            length=stretch.size,
            recording=int(self._noise_sizes[:which].sum()),
            recording_size=size,
            start=int(rng.integers(max(1, size - stretch.size + 1))),
        )
        level = kernels.NOISE_LEVEL.pack(
            relative_power=0.0, absolute_power=1.0 if alone else 10 ** (-ratio_db / 10), gain=10 ** (level_db / 20)
        )
        rows, levels = frozen([row], np.int64), frozen([level], np.float32)
        kernels.mix_noise(stretch[None], rows, levels, frozen(self._noises, np.float32))
