"""Train the classifier of clips that comes along: python data/make_classifier.py RECORDINGS MODEL.safetensors

RECORDINGS is a folder as `make_model.py` takes it. Words are those that its detector learns from. Noises, which are
mixed in and are the class "silence", are four background noises and folds 1 to 3 of ESC-10, a recording for each kind
of sound. The epoch and the threshold of streams are chosen on validation speakers and voices.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from make_model import CARD, events, noises, round_weights, words

import audioconv as ac
from audioconv.classify.clips import read_mono

OWN_CARD = {
    "data": "Speech Commands (P. Warden, arXiv 1804.03209), training speakers: eight keywords, ten other words, four "
    "background noises. ESC-10 (K. J. Piczak, ACM Multimedia 2015), folds 1 to 3 without two clips. Synthetic voices "
    "of data/keywords.",
    "licence": "CC BY 4.0. Of the data: Speech Commands CC BY 4.0, ESC-10 CC BY 3.0 (its two clips under Sampling+ "
    "are left out), synthetic voices CC0 1.0.",
    "recipe": "data/make_classifier.py: KeywordClassifier with its defaults, seed 0; weights in half precision.",
    "speakers": CARD["speakers"],
    "limits": "English, single words in clips of a second. For words in running sound take the detector.",
    "thresholds": "Of streams: chosen on validation speakers and voices in the noises.",
}


def main(recordings, out, **parameters):
    """Train and write the model; `parameters` are those of KeywordClassifier other than the defaults."""
    recordings = Path(recordings)
    files, labels, speakers = words(recordings)
    classifier = ac.KeywordClassifier(
        background_noise=[*noises(recordings), *sounds(recordings)], silence="silence", random_state=0, **parameters
    )
    classifier.fit(files, labels, groups=speakers, validation=words(recordings, "val")[:2])
    if classifier.interrupted_:
        sys.exit("interrupted; nothing is written")
    round_weights(classifier.network_)
    classifier.card_ = replace(classifier.card_, **OWN_CARD)
    classifier.save(out)
    kept = classifier.history_[classifier.best_epoch_ - 1]["val_accuracy"]
    print(f"{out}: {Path(out).stat().st_size:,} bytes; {len(files)} clips; validation accuracy {kept:.2%}; threshold "
          f"{classifier.threshold_:.2f}")  # fmt: skip


def sounds(recordings):
    """Recordings that are no words: all clips of a kind, one after the other."""
    kinds = {}
    for file in events(recordings):
        kinds.setdefault(file.parent, []).append(read_mono(file, 16000))
    return [np.concatenate(clips) for clips in kinds.values()]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
