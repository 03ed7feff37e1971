"""What detectors of sound events are trained on, and what they are tried on: mixtures of recordings of AUDIOCONV_DATA.

Trained on: sounds of ESC-10, folds 1 to 3, in four noises. Tried on: sounds of fold 4, which are of other recordings,
in the two other noises. Mixtures are a minute long, with events at 0 to 10 dB and at most two at once.
"""

from typing import NamedTuple

import numpy as np
from words_data import HELD_NOISES, RATE, data_folder

import audioconv as ac
from audioconv.classify.manifest import read_manifest

TRAINED_FOLDS, TRIED_FOLDS = ("fold1", "fold2", "fold3"), ("fold4",)
TRAINED_COUNT, TRIED_COUNT = 90, 30  # mixtures, which are minutes
TRIED_SEED = 7
CLIP_S = 1.0  # windows of the classifier of clips
BACKGROUND = "background"


class Labelled(NamedTuple):
    """Recordings, and the events of all of them."""

    recordings: list
    events: list


def noises(held):
    """The noises to try on, or those to train on."""
    files = sorted((data_folder() / "background_noise").glob("*.flac"))
    return [file for file in files if (file.stem in HELD_NOISES) == held]


def trained(seed, count=TRAINED_COUNT):
    """Mixtures to train on."""
    return _mixed(TRAINED_FOLDS, False, count, 100 + seed)


def tried(count=TRIED_COUNT):
    """Mixtures to try on, always the same."""
    return _mixed(TRIED_FOLDS, True, count, TRIED_SEED)


def _mixed(folds, held, count, seed):
    root = data_folder() / "esc10"
    files, labels, _, _ = read_manifest(root / "manifest.csv", False, [])
    folds_of = [f"fold{file.rsplit('/', 1)[-1][0]}" for file in files]  # a name begins with the fold
    chosen = [i for i, fold in enumerate(folds_of) if fold in folds]
    made = ac.mix_events(
        [files[i] for i in chosen], [labels[i] for i in chosen], noises(held), count=count, random_state=seed
    )
    mixtures = list(made)
    return Labelled([m.samples for m in mixtures], [event for m in mixtures for event in m.events])


def windows(labelled, seed):
    """Clips of a second out of mixtures: the middle of each event, and noise alone."""
    rng, clips, labels, size = np.random.default_rng(seed), [], [], round(CLIP_S * RATE)
    for which, samples in enumerate(labelled.recordings):
        events = [event for event in labelled.events if event.recording == which]
        for event in events:
            middle = round((event.onset_s + event.offset_s) / 2 * RATE)
            clips.append(_cut(samples, middle - size // 2, size))
            labels.append(event.label)
        for begin in rng.integers(0, samples.size - size, 6).tolist():
            if not any(e.onset_s * RATE < begin + size and begin < e.offset_s * RATE for e in events):
                clips.append(samples[begin : begin + size])
                labels.append(BACKGROUND)
    return np.stack(clips), np.array(labels)


def _cut(samples, begin, size):
    begin = min(max(begin, 0), samples.size - size)
    return samples[begin : begin + size]
