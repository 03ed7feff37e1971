"""Train the model that comes along: python data/make_model.py RECORDINGS MODEL.safetensors

RECORDINGS is a folder with speech_commands_8, esc10, background_noise and librispeech_mini, the first and last with a
manifest.csv. Words are the synthetic ones of data/keywords and those of Speech Commands. Sounds that are no words are
folds 1 to 3 of ESC-10, four background noises, read sentences without a keyword, and clicks that are computed here; the
threshold is chosen on what was not trained on: fold 4, the two other noises, and the validation speakers.
"""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

import audioconv as ac
from audioconv.classify.calibrate import decode_posteriors
from audioconv.classify.clips import load_clips, read_mono

RATE = 16000
KEYWORDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
NOT_CC_BY = ("1-40730-A", "2-96460-A")  # of ESC-10: Sampling+
HELD_NOISES = ("doing_the_dishes", "dude_miaowing")
OTHERS = {"train": 200, "val": 25}  # clips of each word that is no keyword
EPOCHS = 40
QUIET = 1e-6  # energy of 50 ms, in which there is nothing to learn from
FALSE_PER_MINUTE = 0.5
THRESHOLDS = np.round(np.arange(0.3, 0.98, 0.02), 2)
MINUTE = 60 * RATE
CARD = {
    "data": "Speech Commands (P. Warden, arXiv 1804.03209): clips and background noises. LibriSpeech (V. Panayotov "
    "et al.): read sentences without a keyword. ESC-10 (K. J. Piczak): sounds that are no words. Synthetic voices of "
    "data/keywords, and computed clicks.",
    "licence": "MIT. Data: Speech Commands and LibriSpeech CC BY 4.0, ESC-10 CC BY 3.0 without clips of other ones, "
    "synthetic voices CC0 1.0.",
    "recipe": "data/make_model.py",
    "speakers": "Volunteers who recorded single English words by the microphones of their browsers, American readers, "
    "and synthetic voices; 'on' and 'off' were learnt from the synthetic voices alone.",
    "limits": "Trained on single words: in running speech it often takes parts of other words for one of its own.",
    "thresholds": "The lowest that gives at most one false word in two minutes of held-out noises and read sentences.",
}


def clicks(seconds, rng):
    """Steps of DC, short pulses, and bursts that die away: plugs, switches, doors and knocks."""
    sound, level, at = np.zeros(seconds * RATE), 0.0, 0
    while at < sound.size:
        strength = rng.choice([-1, 1]) * 10 ** rng.uniform(-1.5, 0)
        kind, rest = rng.integers(3), sound[at:]
        if kind == 0:
            rest += (0.0 if level else strength) - level
            level = 0.0 if level else strength
        elif kind == 1:
            rest[: rng.integers(1, 30)] += strength
        else:
            time_s = np.arange(round(10 ** rng.uniform(-2.5, -0.7) * RATE))[: rest.size] / RATE
            burst = np.sin(2 * np.pi * rng.uniform(60, 4000) * time_s) + rng.uniform() * rng.standard_normal(
                time_s.size
            )
            rest[: time_s.size] += strength * burst * np.exp(-6 * time_s / time_s[-1]) if time_s.size > 1 else 0
        at += round(rng.uniform(0.1, 1.5) * RATE)
    return sound.astype(np.float32)


def words(recordings, part):
    """Files and labels of synthetic voices and of people."""
    shipped = ac.classify.load_dataset(Path(__file__).with_name("keywords")).part(part)
    files, labels = list(shipped.files), list(shipped.labels)
    for word, found in by_label(recordings / "speech_commands_8", part).items():
        chosen = found if word in KEYWORDS else found[: OTHERS[part]]
        files += [str(file) for file in chosen]
        labels += [word if word in KEYWORDS else "unknown"] * len(chosen)
    return files, labels


def by_label(folder, part):
    """Label -> files, of a part of a data set, without the sentences that hold a keyword."""
    found = {}
    with open(folder / "manifest.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == part and not row.get("keywords"):
                found.setdefault(row.get("label", "speech"), []).append(folder / row["file"])
    return found


def events(recordings, folds):
    """Sounds of ESC-10; the fold is the first digit of a name."""
    return [
        read_mono(file, RATE) for file in sorted((recordings / "esc10").rglob("*.ogg")) if int(file.name[0]) in folds
    ]


def sentences(recordings, part):
    """Read speech."""
    return [read_mono(path, RATE) for path in by_label(recordings / "librispeech_mini", part)["speech"]]


def loud_seconds(sound, most, rng):
    """Up to so many seconds out of a sound, each with the loudest moment that is left somewhere in its middle."""
    envelope = np.convolve(sound**2, np.ones(RATE // 20), "same")
    padded, found = np.pad(sound, RATE), []
    for _ in range(most):
        middle = int(envelope.argmax())
        if envelope[middle] < QUIET:
            break
        start = middle + RATE // 2 + round(rng.uniform(-0.4, 0.4) * RATE)
        found.append(padded[start : start + RATE])
        envelope[max(0, middle - RATE // 4) : middle + RATE // 4] = 0
    return found


def threshold_of(classifier, sounds):
    """The lowest threshold that lets no more than so many false words a minute through, of sounds without words."""
    posteriors = classifier.posteriors(np.concatenate(sounds))
    most = FALSE_PER_MINUTE * sum(map(len, sounds)) / MINUTE
    return next(float(t) for t in THRESHOLDS if len(decode_posteriors(classifier.scorer_, posteriors, t)) <= most)


def main(recordings, out):
    rng, recordings = np.random.default_rng(20), Path(recordings)
    noises = sorted((recordings / "background_noise").glob("*.flac"))
    train, val = words(recordings, "train"), words(recordings, "val")
    heard = events(recordings, (1, 2, 3)), sentences(recordings, "train"), [clicks(300, rng)]
    seconds = [[second for sound in sounds for second in loud_seconds(sound, most, rng)]
               for sounds, most in zip(heard, (12, 4, 300), strict=True)]  # fmt: skip
    negatives = np.float32([second for each in seconds for second in each])
    clips = np.concatenate([load_clips(train[0], RATE, RATE), negatives])
    classifier = ac.KeywordClassifier(
        epochs=EPOCHS,
        augment=ac.classify.Augmentation(noise_clip_ratio=0.2),
        background_noise=[read_mono(path, RATE) for path in noises if path.stem not in HELD_NOISES] + seconds[0][::2],
        random_state=0,
    )
    classifier.fit(clips, train[1] + ["unknown"] * len(negatives), validation=val)
    unheard = [*events(recordings, (4,)), *sentences(recordings, "val")]
    unheard += [read_mono(path, RATE) for path in noises if path.stem in HELD_NOISES]
    classifier.threshold_ = threshold_of(classifier, unheard)
    classifier.card_ = replace(classifier.card_, **CARD)
    classifier.save(out)
    print(f"{classifier.score(*val):.1%} of {len(val[0])} validation clips; threshold {classifier.threshold_}; "
          f"{len(clips)} clips, {len(negatives)} of them no words")  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
