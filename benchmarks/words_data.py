"""What detectors of words are trained on, and what they are tried on: recordings of AUDIOCONV_DATA.

Trained on: clips of training speakers, read speech of training speakers without the words, ESC-10 folds 1 to 3, four
noises. Tried on: clips of validation speakers, read speech of other speakers, ESC-10 fold 4, the two other noises,
music and birds. Utterances that hold a word are left out for it, and those with what sounds like it.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audioconv.classify import load_dataset
from audioconv.classify.clips import read_mono
from audioconv.cli.train_stream import CALIBRATION_SHARE
from audioconv.detect import Negatives, find_negatives

RATE = 16000
KEYWORDS = ("down", "go", "left", "no", "right", "stop", "up", "yes")
SOUND_ALIKES = {
    "go": ("goes",),
    "no": ("know", "known", "knows"),
    "right": ("rights", "rite", "wright", "write", "writes"),
    "stop": ("stops",),
    "up": ("upon", "ups"),
    "happy": ("happier", "happily", "happiness", "unhappy"),
}
HELD_NOISES = ("exercise_bike", "running_tap")
READ = ("198-209-0000", "3436-172162-0000")  # of the recordings: speech, whose words are not written down


class Material(NamedTuple):
    """Recordings for a set of words. Clips of other words are labelled "unknown"."""

    clips: object  # Dataset, with its parts
    negatives: list  # files to train on ...
    held_out: list  # ... and those that thresholds are chosen by
    tried: Negatives
    noises: list  # to train on


def data_folder():
    """Where the recordings are."""
    return Path(os.environ["AUDIOCONV_DATA"])


def material(words, clips):
    """Recordings for words, and a set of clips in which they are labelled."""
    root = data_folder()
    others = replace(clips, labels=np.where(np.isin(clips.labels, words), clips.labels, "unknown"))
    trained = find_speech(words, "train").recordings
    trained += [r for fold in (1, 2, 3) for r in find_negatives([root / "esc10"], (), split=f"fold{fold}").recordings]
    files = [recording.sound for recording in trained]
    held_out = files[::CALIBRATION_SHARE]
    tried = find_speech(words, "val")
    tried.recordings += quiet_recordings()
    noises = [p for p in sorted((root / "background_noise").glob("*.flac")) if p.stem not in HELD_NOISES]
    return Material(others, [file for file in files if file not in held_out], held_out, tried, noises)


def find_speech(words, split):
    """Read speech that holds none of the words and nothing that sounds like one."""
    alike = [other for word in words for other in SOUND_ALIKES.get(word, ())]
    return find_negatives([data_folder() / "librispeech_mini"], words, split=split, sound_alikes=alike)


def quiet_recordings():
    """What nobody speaks in, and nobody was trained on: the last fold of ESC-10, two noises, music and birds."""
    root = data_folder()
    music = [path for path in sorted((root / "recordings").glob("*.ogg")) if not path.name.startswith(READ)]
    noises = [root / "background_noise" / f"{name}.flac" for name in HELD_NOISES]
    sounds = find_negatives([root / "esc10"], (), split="fold4").recordings
    return sounds + find_negatives([*noises, *music], ()).recordings


def keyword_clips():
    """Eight keywords and ten other words."""
    return load_dataset(data_folder() / "speech_commands_8")


def wake_clips(word, folder, count, seed):
    """A set of clips with so many of a word to train on, drawn at random, and no other word to train on."""
    clips = load_dataset(data_folder() / folder)
    mine = np.flatnonzero((clips.labels == word) & (clips.splits == "train"))
    chosen = np.random.default_rng(seed).permutation(mine)[:count]
    return clips.select((clips.splits == "val") | np.isin(np.arange(len(clips)), chosen))


def joined(recordings):
    """Recordings as one stream."""
    return np.concatenate([recording.samples(RATE) for recording in recordings])


def held_noise():
    """The noises that nobody was trained on, one after the other."""
    return [read_mono(data_folder() / "background_noise" / f"{name}.flac", RATE) for name in HELD_NOISES]
