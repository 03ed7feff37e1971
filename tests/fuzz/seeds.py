"""Whole files that mutants are made of: each container, codec, bit depth and channel layout that can be written."""

import csv
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

import audioconv as ac
from audioconv.enhance import denoiser_model
from tests.models_at_random import random_classifier, random_detector, random_sound_event_detector

RATE = 16000
SAMPLES = 2400
CHANNELS = (1, 2, 6)
_NO_SUFFIX = {"WAVEX": "wav", "RF64": "wav", "NIST": "sph", "IRCAM": "sf", "MPC2K": "snd", "AIFF": "aiff"}
_WITHOUT_HEADER = ("RAW", "SD2")  # neither tells what it holds; the latter is two files
_FFMPEG = {  # suffix: codecs, each for 1 and 2 channels
    "m4a": ("aac", "alac"), "mp4": ("aac",), "mov": ("pcm_s16be", "pcm_s24le", "adpcm_ima_qt"),
    "webm": ("libopus", "libvorbis"), "mka": ("flac", "aac", "pcm_s16le", "tta"), "wma": ("wmav1", "wmav2"),
    "ac3": ("ac3",), "eac3": ("eac3",), "mp2": ("mp2",), "wv": ("wavpack",), "tta": ("tta",), "aac": ("aac",),
    "flv": ("libmp3lame",), "ts": ("mp2", "aac"), "oga": ("flac", "libspeex"), "dts": ("dca",), "thd": ("truehd",),
    "nut": ("pcm_s16le",), "swf": ("libmp3lame",), "avi": ("pcm_s16le", "libmp3lame"), "3gp": ("aac",), "rm": ("ac3",),
    "adx": ("adpcm_adx",), "spx": ("libspeex",), "aptx": ("aptx",), "sbc": ("sbc",), "w64": ("pcm_s32le",),
    "wav": ("adpcm_ima_wav", "adpcm_ms", "adpcm_yamaha", "pcm_s24le", "pcm_f64le", "g722"), "caf": ("alac",),
    "aiff": ("pcm_s16le", "pcm_f32be", "pcm_s24be"), "au": ("pcm_f32be",), "voc": ("pcm_u8",), "mp3": ("libmp3lame",),
    "ogg": ("libvorbis", "libopus"), "flac": ("flac",), "gsm": ("libgsm",),
}  # fmt: skip
_SOX = (
    "8svx", "aifc", "aiff", "au", "avr", "caf", "cvs", "dvms", "flac", "fssd", "gsm", "hcom", "htk", "ima", "maud",
    "mp3", "nist", "ogg", "paf", "prc", "pvf", "sf", "smp", "sndr", "sou", "sox", "sph", "txw", "voc", "vox", "w64",
    "wav", "wve", "xi",
)  # fmt: skip


CHAIN = """
[[stage]]
type = "gain"
gain_db = -6.0

[[stage]]
type = "biquad"
kind = "highpass"
frequency_hz = 80.0
q = 0.7

[[stage]]
type = "sections"
sos = [[1.0, 0.0, 0.0, 1.0, 0.5, 0.25]]

[[stage]]
type = "convolver"
ir = "responses/1.wav"
wet = 0.3
true_stereo = false

[[stage]]
type = "matrix_mixer"
channels = 2

[[stage]]
type = "matrix_mixer"
matrix = [[0.5], [0.5]]

[[stage]]
type = "denoise"
threshold_db = 4.0
reduction_db = 20.0
memory_s = 1.5

[[stage]]
type = "neural_denoise"
reduction_db = 20.0

[[stage]]
type = "resample"
rate_out = 8000
quality = "HQ"

[[stage]]
type = "limiter"
threshold_db = -1.0
look_ahead_ms = 1.5
release_ms = 50.0
"""


class Seeds(NamedTuple):
    """Folders and files that commands are given."""

    sounds: list[Path]
    responses: list[Path]
    models: list[Path]
    texts: dict[str, Path]  # by what they are
    clean: Path
    clips: Path


def make(folder):
    """Write all of them into a folder that is empty."""
    for name in ("sounds", "responses", "models", "clips"):
        (folder / name).mkdir()
    rng = np.random.default_rng(7)
    clean, clips = folder / "clean.wav", folder / "clips"
    ac.write(clean, signal(rng, 1, RATE)[:, 0], RATE)
    _write_sounds(folder / "sounds", rng)
    for channels in (1, 2, 4):
        response = signal(rng, channels, 800) * np.exp(-np.arange(800) / 200)[:, None]
        ac.write(folder / "responses" / f"{channels}.wav", response.astype(np.float32), RATE, subtype="FLOAT")
    random_classifier().save(folder / "models" / "classifier.safetensors")
    random_classifier("mlp").save(folder / "models" / "mlp.safetensors")
    random_detector().save(folder / "models" / "detector.safetensors")
    random_sound_event_detector().save(folder / "models" / "events.safetensors")
    shutil.copy(denoiser_model.SHIPPED, folder / "models" / "denoiser.safetensors")
    return Seeds(
        *(sorted((folder / name).iterdir()) for name in ("sounds", "responses", "models")),
        _write_texts(folder, clips, rng), clean, clips,
    )  # fmt: skip


def signal(rng, channels, samples=SAMPLES):
    """A tone in noise, another in each channel; shape (samples, channels)."""
    times_s = np.arange(samples)[:, None] / RATE
    tone = np.sin(2 * np.pi * 440 * (1 + np.arange(channels)) * times_s)
    return (0.3 * tone + 0.05 * rng.standard_normal((samples, channels))).clip(-0.9, 0.9).astype(np.float32)


def _write_sounds(folder, rng):
    for form in sorted(set(soundfile.available_formats()) - set(_WITHOUT_HEADER)):
        for subtype in sorted(soundfile.available_subtypes(form)):
            for channels in CHANNELS:
                suffix = _NO_SUFFIX.get(form, form.lower())
                _write(folder / f"sf_{form}_{subtype}_{channels}.{suffix}", form, subtype, signal(rng, channels))
    source = folder / "source.wav"
    for channels in (1, 2):
        soundfile.write(source, signal(rng, channels), RATE, "PCM_16")
        for suffix, codecs in _FFMPEG.items() if shutil.which("ffmpeg") else ():
            for codec in codecs:
                target = folder / f"ffmpeg_{codec}_{channels}.{suffix}"
                _run(target, "ffmpeg", "-v", "quiet", "-strict", "-2", "-i", source, "-c:a", codec, target)
        for suffix in _SOX if shutil.which("sox") else ():
            _run(
                folder / f"sox_{suffix}_{channels}.{suffix}",
                "sox",
                source,
                folder / f"sox_{suffix}_{channels}.{suffix}",
            )
    source.unlink()


def _write(path, form, subtype, samples):
    """Write a sound file, if libsndfile has this form of it."""
    try:
        with soundfile.SoundFile(path, "w", RATE, samples.shape[1], subtype, format=form) as file:
            file.write(samples)
        soundfile.info(path)
    except soundfile.LibsndfileError:
        path.unlink(missing_ok=True)


def _run(target, *command):
    """Let another program write a file, if it can."""
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=60, check=False)
    if done.returncode or not target.exists() or not target.stat().st_size:
        target.unlink(missing_ok=True)


def _write_texts(folder, clips, rng):
    rows = [("file", "label", "speaker", "split")]
    for number in range(8):
        name, label = f"{number}.wav", ("yes", "no")[number % 2]
        ac.write(clips / name, signal(rng, 1, RATE // 2)[:, 0], RATE)
        rows.append((name, label, f"voice{number // 2}", ("train", "train", "validation", "test")[number // 2]))
    texts = {name: folder / name for name in ("chain.toml", "card.toml", "list.txt", "events.csv")}
    for path, table in (
        (clips / "manifest.csv", rows),
        (texts["events.csv"], [("recording", "onset_s", "offset_s", "label"), ("0.wav", "0.1", "0.3", "bell")]),
    ):
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows(table)
    texts["manifest.csv"] = clips / "manifest.csv"
    texts["chain.toml"].write_text(CHAIN)
    texts["card.toml"].write_text('licence = "CC0"\ndata = """made\nup"""\n')
    texts["list.txt"].write_text(f"{clips / '0.wav'}\n{clips / '1.wav'}\n{clips}\n")
    return texts
