"""Wake words that nobody recorded, said by synthetic voices: espeak-ng's formants, and flite's recorded people.

Needs both programs (Debian: ``apt-get install espeak-ng flite``). Voices that are trained on and voices that are tried
are apart: no person and no family of variants is in both, as in `data/make_keywords.py`, whose voices they are.
"""

import shutil
import sys
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "data"))
from make_keywords import SILENCE_DB, VOICES, synthesise, trim, voice_from

PROGRAMS = ("espeak-ng", "flite")
FLITE = {
    "train": ("flite:rms:95", "flite:kal16:95", "flite:kal16:125", "flite:kal:110"),
    "tried": ("flite:slt:165", "flite:slt:205", "flite:awb:110", "flite:awb:145"),
}
PITCH, RATE = (0.85, 1.15), (0.85, 1.2)  # by which an utterance differs from the habits of its voice
ENDINGS = (".", ".", "?", "!")


class Utterance(NamedTuple):
    """A phrase, said by a synthetic voice."""

    engine: str
    voice: str
    samples: np.ndarray


def missing():
    """Which of the programs are not installed."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def voices(part):
    """The voices of a part ("train" or "tried"), by engine."""
    specs = " ".join(VOICES[name] for name in (["train"] if part == "train" else ["val", "test"])).split()
    others = ("flite:", "festival:", "pico:")
    return {"espeak-ng": [spec for spec in specs if not spec.startswith(others)], "flite": FLITE[part]}


def utterances(phrase, part, count):
    """So many utterances of a phrase by each engine; the same ones each time."""
    return [
        _say(specs[i % len(specs)], phrase, i // len(specs))
        for engine, specs in voices(part).items()
        for i in range(count[engine])
    ]


def _say(spec, phrase, repetition):
    voice = voice_from(spec, "wake")
    rng = np.random.default_rng(zlib.crc32(f"{spec} {phrase} {repetition}".encode()))
    text = phrase + rng.choice(ENDINGS)
    samples = synthesise(voice, text, voice.pitch * rng.uniform(*PITCH), voice.rate * rng.uniform(*RATE))
    samples = trim(samples, SILENCE_DB[voice.engine]).astype(np.float32)
    return Utterance(voice.engine, spec, samples / np.abs(samples).max() / 2)
