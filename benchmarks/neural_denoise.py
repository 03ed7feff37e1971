"""Denoised speech: the network beside the gate, noisereduce and RNNoise, on the same mixtures; needs AUDIOCONV_DATA.

Speech is by the validation readers of librispeech_mini, 4 s each. Noises are those that the network that comes along
was not trained on: two of background_noise and fold 4 of ESC-10, every class as often; in the telephone's band also
eight voices at once, by validation speakers of speech_commands_8. Signal-to-noise ratios are over the whole stretch.
SI-SDR in dB, PESQ (ITU-T P.862.2 at 16 kHz, P.862 at 8 kHz) and STOI, each the mean over all mixtures of a level.
"""

import csv
import os
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from denoise import si_sdr_db
from scipy.signal import butter, sosfilt
from side_by_side import show

import audioconv as ac

SECONDS, MIXTURES = 4, 200  # of each, at each level
LEVELS_DB = (0, 5, 10, 15)
CLEAN_DB = 25
HELD_NOISES, HELD_FOLD = ("exercise_bike", "running_tap"), "fold4"
TELEPHONE_HZ, TALKERS = (300, 3400), 8
RNNOISE_RATE = 48000


def main(options):
    try:
        import pesq  # noqa: F401
        import pystoi  # noqa: F401
    except ImportError:
        print("not run: pesq and pystoi are wanted (pip install pesq pystoi)")
        return None
    if not os.environ.get("AUDIOCONV_DATA"):
        print("not run: AUDIOCONV_DATA is not set")
        return None
    count = 4 if options.quick else MIXTURES
    folder, tables = Path(os.environ["AUDIOCONV_DATA"]), {}
    for band, rate in (("wide band, 16 kHz", 16000), ("telephone, 8 kHz", 8000)):
        cases = mixtures(folder, rate, count)
        tables[band] = table(cases, rate, {name: scores(way, cases, rate) for name, way in ways().items()})
        show(f"{band}: {count} mixtures a level", tables[band])
    tables["speed"] = speed(cases[0][1])
    show("One thread, blocks of 10 ms: times real time", tables["speed"])
    return tables


def ways():
    """Each way of denoising, from noisy samples and their rate."""
    found = {"noisy": lambda x, rate: x, "network": ac.neural_denoise, "gate": ac.denoise}
    try:
        import noisereduce

        found["noisereduce"] = lambda x, rate: noisereduce.reduce_noise(x, rate)
    except ImportError:
        print("noisereduce is not installed")
    try:
        import pyrnnoise

        found["RNNoise"] = lambda x, rate: _rnnoise(pyrnnoise, x, rate)
    except ImportError:
        print("pyrnnoise is not installed")
    return found


def mixtures(folder, rate, count):
    """(level in dB, noisy, clean) for `count` stretches of speech, each in one noise at all levels."""
    rng = np.random.default_rng(0)
    speech, kinds = _speech(folder), _noises(folder)
    if rate < 16000:
        kinds["voices"] = [_voices(folder, rng)]
    names, found = sorted(kinds), []
    for i in range(count):
        own = kinds[names[i % len(names)]]
        clean = _stretch(speech[rng.integers(len(speech))], rng)
        noise = _stretch(own[rng.integers(len(own))], rng)
        if rate < 16000:
            band = butter(4, TELEPHONE_HZ, "bandpass", fs=16000, output="sos")
            clean, noise = (ac.io.resample(sosfilt(band, x).astype(np.float32), 16000, rate) for x in (clean, noise))
        for level_db in (*LEVELS_DB, CLEAN_DB):
            factor = np.sqrt(np.mean(clean**2) / np.mean(noise**2) / 10 ** (level_db / 10))
            noisy = clean + factor * noise
            peak = max(1.0, 1.01 * float(np.abs(noisy).max()))  # RNNoise takes 16 bits
            found.append((level_db, (noisy / peak).astype(np.float32), (clean / peak).astype(np.float32)))
    return found


def scores(way, cases, rate):
    """(level, SI-SDR, PESQ, STOI) of each mixture; of nearly clean ones the first alone."""
    from pesq import NoUtterancesError, pesq
    from pystoi import stoi

    rows = []
    for level_db, noisy, clean in cases:
        found = np.asarray(way(noisy, rate), np.float32)
        quality, clarity = np.nan, np.nan
        if level_db != CLEAN_DB:
            clarity = stoi(clean, found, rate)
            with suppress(NoUtterancesError):  # for all ways the same: it finds no speech in the clean signal
                quality = pesq(rate, clean, found, "wb" if rate == 16000 else "nb")
        rows.append((level_db, si_sdr_db(clean, found), quality, clarity))
    return np.array(rows)


def table(cases, rate, found):
    """A row for each level and way."""
    rows = []
    for level_db in (*LEVELS_DB, CLEAN_DB):
        for name, values in found.items():
            here = values[values[:, 0] == level_db]
            row = {"level, dB": level_db, "way": name, "SI-SDR": float(here[:, 1].mean())}
            row["lowest gain"] = float((here - found["noisy"][found["noisy"][:, 0] == level_db])[:, 1].min())
            row |= {score: _mean(here[:, column]) for column, score in ((2, "PESQ"), (3, "STOI"))}
            rows.append(row)
    return rows


def speed(noisy):
    """How much faster than the sound each way of ours is, block by block, and whole signals by the others."""
    x = np.resize(noisy, 30 * 16000)
    stages, rows = {"network": ac.NeuralDenoise(16000), "gate": ac.Denoise(16000)}, []
    for name, stage in stages.items():
        times_s = []
        for _ in range(3):
            start = time.process_time()
            for first in range(0, len(x), 160):
                stage.process(x[first : first + 160])
            times_s.append(time.process_time() - start)
        rows.append({"way": name, "times real time": 30 / min(times_s), "latency, ms": stage.latency / 16})
    return rows


def _mean(values):
    return None if np.isnan(values).all() else float(np.nanmean(values))


def _speech(folder):
    rows = [row for row in _manifest(folder / "librispeech_mini") if row["split"] == "val"]
    files = [folder / "librispeech_mini" / row["file"] for row in rows]
    return [x for x in map(_mono, files) if len(x) >= SECONDS * 16000]


def _noises(folder):
    """Recordings by kind."""
    kinds = {name: [_mono(folder / "background_noise" / f"{name}.flac")] for name in HELD_NOISES}
    for row in _manifest(folder / "esc10"):
        if row["split"] == HELD_FOLD:
            kinds.setdefault(row["label"], []).append(_mono(folder / "esc10" / row["file"]))
    return kinds


def _voices(folder, rng):
    """A minute of several voices at once."""
    rows = [row for row in _manifest(folder / "speech_commands_8") if row["split"] == "val"]
    total = np.zeros(60 * 16000, np.float32)
    for _ in range(TALKERS):
        clips = [_mono(folder / "speech_commands_8" / rows[i]["file"]) for i in rng.choice(len(rows), 65)]
        voice = np.concatenate([0.05 * clip / np.sqrt(np.mean(clip**2) + 1e-9) for clip in clips])
        total += np.resize(voice, len(total))
    return total


def _manifest(folder):
    with (folder / "manifest.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def _mono(path):
    clip = ac.read(path)
    samples = clip.samples if clip.samples.ndim == 1 else clip.samples[:, 0]
    return ac.io.resample(np.ascontiguousarray(samples), clip.sample_rate, 16000)


def _stretch(x, rng):
    """So many seconds from a random place, on from the beginning where it ends, with some sound in it."""
    for _ in range(20):
        found = np.resize(np.roll(x, -int(rng.integers(len(x)))), SECONDS * 16000)
        if np.mean(found**2) > 0.1 * np.mean(x**2):
            break
    return found


def _rnnoise(pyrnnoise, x, rate):
    """Through 48 kHz and 16 bits, without its delay."""
    wide = ac.io.resample(x, rate, RNNOISE_RATE)
    samples = np.clip(np.pad(wide, (0, 4800)) * 32767, -32768, 32767).astype(np.int16)
    frames = [frame for _, frame in pyrnnoise.RNNoise(RNNOISE_RATE).denoise_chunk(samples[None], partial=True)]
    found = np.concatenate(frames, axis=1)[0].astype(np.float32) / 32767
    delay = max(range(0, 2000, 8), key=lambda d: float(wide[: len(wide) - 2000] @ found[d : d + len(wide) - 2000]))
    return ac.io.resample(found[delay : delay + len(wide)], RNNOISE_RATE, rate)[: len(x)]
