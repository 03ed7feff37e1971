"""The model that comes along, in streams: words found among noise, and false words where nobody says one.

Needs AUDIOCONV_DATA. Words are those of validation speakers; which sounds the model was trained on is said.
"""

import os
import sys
from pathlib import Path

import numpy as np
from keywords import detect
from side_by_side import show

import audioconv as ac
from audioconv.classify.augmentation import check_noise
from audioconv.classify.calibrate import place_words, score_detections
from audioconv.classify.clips import load_clips, read_mono

sys.path.append(str(Path(__file__).parents[1] / "data"))
from make_model import HELD_NOISES, KEYWORDS, RATE, events, sentences, words

WORDS = 150  # of each kind of voice


def main(options):
    root, model = Path(os.environ["AUDIOCONV_DATA"]), ac.KeywordClassifier.load()
    alarms = [
        {"sound": name, "trained on": trained, "minutes": len(x) / RATE / 60, "false a minute": false_words(model, x)}
        for name, trained, x in sounds(root)
    ]
    show(f"words where there is none, threshold {model.threshold_}", alarms)
    noise = check_noise(read_mono(root / "background_noise" / f"{HELD_NOISES[0]}.flac", RATE), HELD_NOISES[0])
    found = [
        {"voices": voices, "noise": HELD_NOISES[0], "dB": snr_db, **hear(model, files, labels, noise, snr_db)}
        for voices, files, labels in chosen(root)
        for snr_db in (10, 30)
    ]
    show(f"words of validation speakers in a stream, {WORDS} of each", found)
    return {"threshold": model.threshold_, "alarms": alarms, "words": found}


def sounds(root):
    """(What, whether the model was trained on it, samples)."""
    yield "steps of DC, one a second", True, np.float32(0.2 * (np.arange(60 * RATE) // RATE % 2))
    yield "ESC-10, folds 1 to 3", True, np.concatenate(events(root, (1, 2, 3)))
    yield "ESC-10, fold 4", False, np.concatenate(events(root, (4,)))
    yield "read sentences without a keyword", False, np.concatenate(sentences(root, "val"))
    for name in HELD_NOISES:
        yield name, False, read_mono(root / "background_noise" / f"{name}.flac", RATE)


def false_words(model, samples):
    """Detections a minute."""
    return len(detect(model, samples)) / (len(samples) / RATE / 60)


def chosen(root):
    """(Kind of voice, files, labels) of some keywords."""
    files, labels = words(root, "val")
    rng = np.random.default_rng(0)
    for voices, of_people in (("people", True), ("synthetic", False)):
        fitting = [i for i, file in enumerate(files) if ("speech_commands" in str(file)) == of_people]
        fitting = rng.permutation([i for i in fitting if labels[i] in KEYWORDS])[:WORDS]
        yield voices, [files[i] for i in fitting], [labels[i] for i in fitting]


def hear(model, files, labels, noise, snr_db):
    """Share of the words found in noise, and false detections beside."""
    clips = load_clips(files, RATE, model.clip_length)
    stream, truth = place_words(clips, labels, noise, RATE, snr_db=snr_db, rng=np.random.default_rng(1))
    found = score_detections(detect(model, stream), truth, len(stream) / RATE)
    return {"words found": found.recall, "false among words": found.false_alarms}
