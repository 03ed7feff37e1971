"""Train the detector that comes along: python data/make_model.py RECORDINGS MODEL.safetensors

RECORDINGS is a folder with speech_commands_8, librispeech_mini and esc10, each with a manifest.csv, and
background_noise. Of each set that has parts only the training part is used. Words are those of Speech Commands and the
synthetic ones of data/keywords; all others than KEYWORDS are other words. Sounds without the words are read sentences
that hold none, nor a homophone of one, and folds 1 to 3 of ESC-10. Thresholds are chosen on readers that were not
trained on. Validation speakers, the other readers, fold 4 and HELD_NOISES are left for `benchmarks/run.py shipped`.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

import audioconv as ac
from audioconv.classify import load_dataset
from audioconv.detect import find_negatives

KEYWORDS = ("down", "go", "left", "no", "right", "stop", "up", "yes")  # of on and off there are no clips by people
NOT_CC_BY = ("1-40730-A", "2-96460-A")  # of ESC-10: Sampling+
HELD_NOISES = ("exercise_bike", "running_tap")
HELD_READERS = 5  # every fifth one chooses thresholds
FALSE_ALARMS_PER_HOUR = 10.0  # for a smaller promise the held-out readers are too few
CARD = {
    "data": "Speech Commands (P. Warden, arXiv 1804.03209), training speakers: eight keywords, ten other words, four "
    "background noises. LibriSpeech train-clean-5 (V. Panayotov et al., ICASSP 2015): sentences without a keyword and "
    "its homophones. ESC-10 (K. J. Piczak, ACM Multimedia 2015), folds 1 to 3 without two clips. Synthetic voices of "
    "data/keywords.",
    "licence": "CC BY 4.0. Of the data: Speech Commands and LibriSpeech CC BY 4.0, ESC-10 CC BY 3.0 (its two clips "
    "under Sampling+ are left out), synthetic voices CC0 1.0.",
    "recipe": "data/make_model.py: KeywordDetector with its defaults, seed 0; weights rounded to half precision.",
    "speakers": "Volunteers who recorded single English words by the microphones of their browsers, American readers, "
    "and synthetic voices.",
    "limits": "English, eight short words, to try things with. What sounds like a keyword (know, write, goes, on) may "
    "be told as one; loud noise and rooms cost words.",
    "thresholds": f"The lowest at which all words together give at most {FALSE_ALARMS_PER_HOUR:g} false alarms an hour "
    "of read sentences, by readers that were not trained on.",
}


def main(recordings, out, training=None):
    """Train, choose thresholds, and write the model; `training` is a DetectorTraining other than the defaults."""
    recordings = Path(recordings)
    files, labels, speakers = words(recordings)
    negatives, held = sounds(recordings)
    detector = ac.KeywordDetector(training=training, random_state=0)
    detector.fit(files, labels, groups=speakers, negatives=negatives, background_noise=noises(recordings))
    if detector.interrupted_:
        sys.exit("interrupted; nothing is written")
    round_weights(detector.scorer_.network)
    detector.calibrate(held, FALSE_ALARMS_PER_HOUR)
    detector.card_ = replace(detector.card_, **CARD)
    detector.save(out)
    told = ", ".join(f"{word} {at:.3f}" for word, at in zip(detector.classes_, detector.thresholds_, strict=True))
    print(f"{out}: {Path(out).stat().st_size:,} bytes; {len(files)} clips; {len(negatives)} and {len(held)} sounds "
          f"without the words; thresholds {told}")  # fmt: skip


def words(recordings, part="train"):
    """Files, labels and speakers of clips by people and by synthetic voices."""
    parts = [
        load_dataset(folder, words=list(KEYWORDS), balance_unknown=False).part(part)
        for folder in (recordings / "speech_commands_8", Path(__file__).with_name("keywords"))
    ]
    return [np.concatenate([getattr(part, name) for part in parts]).tolist() for name in ("files", "labels", "groups")]


def sounds(recordings):
    """Files without the words: to train on, and by other readers to choose thresholds."""
    sentences = [r.sound for r in find_negatives([recordings / "librispeech_mini"], KEYWORDS, split="train").recordings]
    held_readers = sorted({file.parent for file in sentences})[::HELD_READERS]
    held = [file for file in sentences if file.parent in held_readers]
    return [file for file in sentences if file not in held] + events(recordings), held


def events(recordings):
    """Files of sounds that are not speech."""
    folds = [find_negatives([recordings / "esc10"], (), split=f"fold{fold}").recordings for fold in (1, 2, 3)]
    return [r.sound for fold in folds for r in fold if r.sound.stem not in NOT_CC_BY]


def noises(recordings):
    """Files of noises that are mixed in."""
    return [file for file in sorted((recordings / "background_noise").glob("*.flac")) if file.stem not in HELD_NOISES]


def round_weights(network):
    """Round what is multiplied to half precision, which a model file then holds in half the space."""
    network.load_state_dict({
        name: array.astype(np.float16).astype(array.dtype) if array.ndim > 1 else array
        for name, array in network.state_dict().items()
    })  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
