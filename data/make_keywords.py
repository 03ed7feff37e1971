"""Make the keyword set and the demo recording of this folder with four speech synthesisers.

Needs the programs espeak-ng, flite and festival (Debian: ``apt-get install espeak-ng flite festival
festvox-kdlpc16k``) and SVOX Pico (``pip install ttspico``). Every choice comes from the tables below or from a
generator seeded with the voice's name, so that a second run gives the same files.

    python data/make_keywords.py            # writes keywords/ and recordings/ beside this script
"""

import argparse
import csv
import shutil
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pico_voices
import soundfile
import soxr
from pico_voices import FRAME, SAMPLE_RATE, loud_frames

SHORTEST_S, LONGEST_S = 0.25, 1.0  # of a clip, margins included
MARGIN_S = 0.03  # kept around the word when silence is trimmed
FADE_S = 0.005
# Silence, in dB below the loudest frame. The weakest fricatives ("off", "left") lie 30 to 35 down; the voices of
# recorded people have room noise some 40 down.
SILENCE_DB = {"espeak-ng": -45.0, "flite": -37.0, "festival": -37.0, "pico": -37.0}
# Of a training voice: repetitions of each keyword, words for "unknown". There are few recorded people: they say more.
TRAINING_REPETITIONS, TRAINING_UNKNOWN = (
    {"espeak-ng": 3, "flite": 5, "pico": 5},
    {"espeak-ng": 15, "flite": 25, "pico": 25},
)
# Of a voice of the other parts: keywords that it says twice, and words for "unknown".
SECOND_TAKES, UNKNOWN = 3, 6
# Training clips are lossy, so that there are more of them in 12 MB: three times as many took errors on unseen voices of
# espeak-ng from 2 of 190 to none. The level is soundfile's; 0 keeps most.
OPUS_LEVEL = 0.93

KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")

# No homophones of a keyword here (know, write): the same sound must not carry two labels.
OTHER_WORDS = (
    "bed bird cat dog happy house marvin sheila tree wow zero one two three four five six seven eight nine "
    "backward forward follow learn visual top gone town cup yet lift of light night low goat step shop own nope "
    "gold dawn done let less"
)
# Said in the training part alone. With them a model took 24 of 120 clips of ten other words near to keywords for one,
# without 31 and 40 (seeds 0 and 1).
TRAINING_WORDS = """
    yell yesterday press mess dress yard nose note knob row snow slow toe show so cut cub bump pump but us bus noun
    round sound ground brown gown found leg lend laughed gift theft swift rice white bite fight height rat wrong
    wide arm hot want cough often office awful stock spot stab store strap stay start girl ghost good water table
    green yellow hello computer people paper garden river mountain summer minute second open close play pause volume
    door again money letter number mother father sister school morning coffee kitchen sugar blue black pink orange
    purple silver ten eleven hundred thousand sunday monday friday march april big small long short fast quick early
    late never always maybe please thanks sorry ready boat lot gun run fun sun cold hold old hat
"""
# Said in the test part alone, so that part of its "unknown" is unknown to the model.
TEST_ONLY_WORDS = "pup grow loft chess ripe window music apple"

# The voices: "variant:accent" is espeak-ng, "engine:name:pitch" another engine. A line is a family: variants that
# were derived from one another (shared formant tables) or lie close, or one person's. No variant and no person is in
# two parts; but some male variants of different parts have formants within a few per cent (ed and default, for one).
VOICES = {
    "train": """
        default:en-us default:en-gb default:en-gb-scotland adam:en-us croak:en-gb croak:en-us-nyc grandpa:en-gb-x-rp
            m6:en-029 m7:en-us m7:en-gb-scotland Alex:en-029 caleb:en-us
        klatt:en-us klatt:en-gb-x-rp klatt3:en-gb klatt4:en-us klatt4:en-gb-scotland klatt5:en-us-nyc klatt6:en-gb
            benjamin:en-gb-x-gbclan edward:en-us edward2:en-gb-x-rp
        m1:en-us m1:en-gb m3:en-gb-x-rp m3:en-us-nyc m8:en-us m8:en-gb-scotland Mike:en-gb Nguyen:en-us
            rob:en-us robert:en-gb-x-rp quincy:en-us-nyc pablo:en-gb Storm:en-us
        m4:en-us m4:en-gb-x-gbcwmd paul:en-gb
        Diogo:en-us Diogo:en-gb Hugo:en-029 Henrique:en-us-nyc michel:en-gb-x-rp
        f1:en-us f1:en-gb f1:en-gb-scotland
        f2:en-us f2:en-gb-x-rp f2:en-us-nyc f5:en-us f5:en-gb f5:en-029 whisperf:en-us
        anika:en-us anika:en-gb
        flite:kal16:95 flite:kal16:125
        flite:rms:95
        flite:awb:110 flite:awb:145
        pico:en-US:80 pico:en-US:100 pico:en-US:125
        pico:en-GB:80 pico:en-GB:100 pico:en-GB:125
        pico:de-DE:84 pico:de-DE:110
        pico:fr-FR:84 pico:fr-FR:110
        pico:es-ES:84 pico:es-ES:110
        pico:it-IT:84 pico:it-IT:110""",
    "val": """
        f3:en-us f3:en-gb-x-rp
        steph:en-gb steph:en-us-nyc
        grandma:en-gb-scotland
        david:en-us
        Andy:en-us
        Gene2:en-gb
        iven:en-gb-x-rp iven3:en-us
        festival:ked:105 festival:ked:135""",
    "test": """
        f4:en-us f4:en-gb-x-rp aunty:en-gb linda:en-us-nyc
        Denis:en-gb victor:en-us
        m5:en-gb-scotland
        m2:en-us
        ed:en-gb-x-rp
        Mario:en-us
        antonio:en-029
        flite:slt:165 flite:slt:205""",
}

DEMO = (
    ("flite:slt:175", "Convolution gives a dry recording the sound of a room."),
    ("m3:en-gb", "Please turn left, go down the stairs, and stop at the second door on the right."),
)


@dataclass(frozen=True)
class Voice:
    """One synthetic speaker: an engine, its voice, and the pitch and rate around which it speaks.

    `pitch` is espeak-ng's 0 to 99, of pico percent of the voice's own, or the others' mean in Hz (the voice rms has a
    pitch of its own and ignores it). `rate` is espeak-ng's words a minute, or 160 / the others' duration stretch, so
    that more is faster for all.
    """

    name: str
    split: str
    engine: str
    voice: str
    pitch: float
    rate: float
    peak_db: float


def voice_from(spec, split):
    """Turn an entry of `VOICES` into a `Voice`; what the entry leaves open is drawn from its name."""
    rng = np.random.default_rng(zlib.crc32(spec.encode()))
    pitch, rate, peak_db = rng.uniform(38, 62), rng.uniform(145, 185), rng.uniform(-11, -2)
    name = spec.replace(":", "-").lower()
    if spec.startswith(("flite:", "festival:", "pico:")):
        engine, voice, pitch = spec.split(":")
        return Voice(name, split, engine, voice, float(pitch), round(rate, 1), round(peak_db, 1))
    variant, accent = spec.split(":")
    # espeak-ng 1.51 quietly drops the variant after "en-gb"; the same accent under its other name, "en", keeps it.
    accent = "en" if accent == "en-gb" else accent
    voice = accent if variant == "default" else f"{accent}+{variant}"
    return Voice(name, split, "espeak-ng", voice, round(pitch), round(rate), round(peak_db, 1))


def synthesise(voice, text, pitch, rate):
    """Let the voice's engine say `text`; samples at `SAMPLE_RATE`, silence and all."""
    if voice.engine == "pico":
        return pico_voices.say(voice.voice, text, pitch, rate / 1.6)
    if voice.engine == "flite":
        stretch, mean = f"duration_stretch={160 / rate:.3f}", f"int_f0_target_mean={pitch:.1f}"
        command = ["flite", "-voice", voice.voice, "--setf", stretch, "--setf", mean, "-t", text, "-o"]
    elif voice.engine == "festival":
        melody = f"(target_f0_mean {pitch:.1f}) (target_f0_std 14) (model_f0_mean 170) (model_f0_std 34)"
        settings = (
            f"(voice_{voice.voice}_diphone)",
            f"(set! int_lr_params '({melody}))",
            f"(Parameter.set 'Duration_Stretch {160 / rate:.3f})",
        )
        command = ["text2wave", *(word for setting in settings for word in ("-eval", setting)), "-o"]
    else:
        command = ["espeak-ng", "-v", voice.voice, "-p", f"{pitch:.0f}", "-s", f"{rate:.0f}", text, "-w"]
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        subprocess.run([*command, wav.name], check=True, capture_output=True, input=text.encode())
        samples, sample_rate = soundfile.read(wav.name)
    return soxr.resample(samples, sample_rate, SAMPLE_RATE, quality="VHQ")


def trim(samples, silence_db):
    """Leave `MARGIN_S` of silence around the word, and fade both ends, so that no clip begins with a click."""
    margin = round(MARGIN_S * SAMPLE_RATE)
    samples = np.pad(samples, (margin, margin + FRAME))  # espeak-ng begins at once
    loud = loud_frames(samples, silence_db)
    clip = samples[max(loud[0] * FRAME - margin, 0) : (loud[-1] + 1) * FRAME + margin].copy()
    fade = np.linspace(0, 1, round(FADE_S * SAMPLE_RATE), endpoint=False)
    clip[: len(fade)] *= fade
    clip[-len(fade) :] *= fade[::-1]
    return clip


def say(voice, word, repetition):
    """One clip of one word: stated, asked or called, at a pitch and rate a little off the voice's habits."""
    rng = np.random.default_rng(zlib.crc32(f"{voice.name} {word} {repetition}".encode()))
    ending = rng.choice([".", ".", "?", "!"])
    pitch = voice.pitch * rng.uniform(0.88, 1.12)
    rate = voice.rate * rng.uniform(0.92, 1.08)
    peak_db = min(voice.peak_db + rng.uniform(-1, 1), -1)
    for _ in range(20):
        clip = trim(synthesise(voice, word + ending, pitch, rate), SILENCE_DB[voice.engine])
        duration_s = len(clip) / SAMPLE_RATE
        if SHORTEST_S <= duration_s <= LONGEST_S:
            return clip * (10 ** (peak_db / 20) / np.abs(clip).max())
        rate *= 1.08 if duration_s > LONGEST_S else 0.92
    raise RuntimeError(f"{voice.name}: {word!r} lasts {duration_s:.2f} s at every rate tried")


def walk(words, count, index):
    """The `count` words that voice number `index` of a part says: a window that walks through the shuffled list."""
    shuffled = np.random.default_rng(1).permutation(words).tolist()
    return [shuffled[(index * count + n) % len(words)] for n in range(count)]


def words_of(index, voice):
    """What a voice, number `index` of its part, says: its keywords, with repeats, and its words for "unknown"."""
    others = OTHER_WORDS.split() + {"train": TRAINING_WORDS, "val": "", "test": TEST_ONLY_WORDS}[voice.split].split()
    if voice.split == "train":
        return KEYWORDS * TRAINING_REPETITIONS[voice.engine], walk(others, TRAINING_UNKNOWN[voice.engine], index)
    return [*KEYWORDS, *walk(KEYWORDS, SECOND_TAKES, index)], walk(others, UNKNOWN, index)


def write_clip(path, samples):
    """Write 16-bit FLAC, or Opus where the name ends so, making the folder where needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".opus":
        soundfile.write(path, samples, SAMPLE_RATE, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL)
    else:
        soundfile.write(path, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16", compression_level=1.0)


def make_voice(folder, voice, keywords, unknown_words):
    """Write every clip of one voice; return its rows of the manifest."""
    spoken = [(word, word) for word in keywords] + [("unknown", word) for word in unknown_words]
    repetitions = dict.fromkeys([*KEYWORDS, "unknown"], 0)
    rows = []
    for label, word in spoken:
        repetitions[label] += 1
        suffix = "opus" if voice.split == "train" else "flac"
        file = f"{label}/{voice.name}_{repetitions[label]}.{suffix}"
        write_clip(folder / file, say(voice, word, repetitions[label]))
        rows.append((file, label, voice.name, voice.split))
    return rows


def write_table(path, header, rows):
    """Write rows as CSV with plain newlines, whatever the system."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def make_keywords(folder):
    """Write all clips, manifest.csv (one row a clip, by label) and voices.csv (one row a voice)."""
    for label in [*KEYWORDS, "unknown"]:
        shutil.rmtree(folder / label, ignore_errors=True)
    clips, voices = [], []
    for split, specs in VOICES.items():
        for index, spec in enumerate(specs.split()):
            voice = voice_from(spec, split)
            keywords, others = words_of(index, voice)
            clips += make_voice(folder, voice, keywords, others)
            columns = (voice.name, split, voice.engine, voice.voice, voice.pitch, voice.rate, voice.peak_db)
            voices.append((*columns, " ".join(others)))
    write_table(folder / "manifest.csv", ("file", "label", "speaker", "split"), sorted(clips))
    header = ("speaker", "split", "engine", "voice", "pitch", "rate", "peak_db", "unknown_words")
    write_table(folder / "voices.csv", header, voices)
    return clips


def make_demo(folder):
    """Write speech.flac: two voices, a sentence each, half a second apart."""
    pause = np.zeros(SAMPLE_RATE // 2)
    parts = [pause]
    for spec, text in DEMO:
        voice = voice_from(spec, "demo")
        samples = trim(synthesise(voice, text, voice.pitch, voice.rate), SILENCE_DB[voice.engine])
        parts += [samples * (0.5 / np.abs(samples).max()), pause]
    write_clip(folder / "speech.flac", np.concatenate(parts))


def main():
    """Make everything in the folder of this script, or in another."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="default: the folder of this script")
    out = parser.parse_args().out
    for program in ("espeak-ng", "flite", "text2wave"):
        if shutil.which(program) is None:
            packages = "espeak-ng flite festival festvox-kdlpc16k"
            raise SystemExit(f"{program} is not installed (Debian: apt-get install {packages})")
    if find_spec("ttspico") is None:
        raise SystemExit("ttspico is not installed (pip install ttspico)")
    clips = make_keywords(out / "keywords")
    make_demo(out / "recordings")
    print(f"{len(clips)} clips in {out / 'keywords'}")


if __name__ == "__main__":
    main()
