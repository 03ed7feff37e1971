"""Words said by the voices of SVOX Pico, each made from recordings of one woman.

The two English ones read the word. Those of other languages are given the sounds of it, as near as theirs come, so
that they say it with an accent. Needs ``pip install ttspico`` (Apache 2.0, engine and voices) and espeak-ng, for the
sounds.
"""

# ruff: noqa: RUF001 - letters of the phonetic alphabet are meant
import subprocess
from functools import cache

import numpy as np

SAMPLE_RATE = 16000  # of all voices
FRAME = SAMPLE_RATE // 200  # 5 ms
PAUSE_S, PAUSE_DB = 0.22, -37.0  # quiet, below the loudest 5 ms, after which there is only a click at the end

# The sounds of American English as espeak-ng names them, and for each the nearest of German, French, Spanish and
# Italian in X-SAMPA; "-" is none.
LANGUAGES = ("de-DE", "fr-FR", "es-ES", "it-IT")
SOUNDS = """
    ɑː a: a a a     ɔː O: o o o     ɔ O o o o      oː o: o o o     ɜː 9 9 e E      ɚ 6 9 a a      iː i: i i i
    uː u: u u u     oʊ o: o ou ou   aʊ aU au au au aɪ aI aj ai ai  eɪ e: ej ei ei  ɔɪ OY oj oi oi
    æ E a a E       ɛ E E e E       ɪ I i i i      ᵻ I i i i       i i i i i       ʊ U u u u
    ʌ a a a a       ɐ a a a a       ə @ 9 a e      əl @l 9l al el  n̩ @n 9n an en
    ɹ R R r r       ɾ t t t t       θ s s T t      ð d z D d       ʃ S S tS S      ʒ S Z jj dZ
    tʃ tS tS tS tS  dʒ tS dZ jj dZ  ŋ N ng ng ng   ɡ g g g g       w v w gu u      j j j j i      h h - x -
    v v v b v       z z z s z       p p p p p      b b b b b       t t t t t       d d d d d      k k k k k
    f f f f f       s s s s s       m m m m m      n n n n n       l l l l l
"""


def say(language, text, pitch, rate):
    """Samples of a word with its ending, such as "yes?"; pitch and rate in percent of the voice's own."""
    engine = _engine(language)
    engine.pitch, engine.rate = round(pitch), round(rate)
    if language in LANGUAGES:
        sounds = " ".join(_sounds_in(language)[sound] for sound in _sounds(text[:-1]))
        text = f'<phoneme alphabet="xsampa" ph="{sounds}"/>{text[-1]}'
    return _first_part(np.frombuffer(engine.speak(text), np.int16) / 2**15)


@cache
def _engine(language):
    from ttspico import TtsEngine

    engine = TtsEngine(language)
    engine.volume = 50  # at 100 it clips
    return engine


@cache
def _sounds_in(language):
    """From the sounds of English to a language's own."""
    cells, place = SOUNDS.split(), 1 + LANGUAGES.index(language)
    rows = [cells[first : first + 5] for first in range(0, len(cells), 5)]
    return {row[0]: row[place].replace("-", "") for row in rows}


@cache
def _sounds(word):
    """The sounds of an English word, the longest names first."""
    command = ["espeak-ng", "-q", "--ipa", "-v", "en-us", word]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    text, found = text.replace("ˈ", "").replace("ˌ", ""), []
    names = sorted(_sounds_in(LANGUAGES[0]), key=len, reverse=True)
    while text:
        found.append(next(name for name in names if text.startswith(name)))
        text = text[len(found[-1]) :]
    return found


def loud_frames(samples, silence_db):
    """Numbers of the frames of `FRAME` samples that are louder than so many dB below the loudest."""
    energy = np.mean(samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME) ** 2, axis=1)
    return np.flatnonzero(energy > energy.max() * 10 ** (silence_db / 10))


def _first_part(samples):
    """What comes before the first pause."""
    loud = loud_frames(samples, PAUSE_DB)
    pauses = np.flatnonzero(np.diff(loud) * FRAME > PAUSE_S * SAMPLE_RATE)
    return samples[: (loud[pauses[0]] + 1) * FRAME] if len(pauses) else samples
