"""The detector that comes along: words found in streams, false alarms an hour, delay, halves, pairs, sentences, cost.

Needs AUDIOCONV_DATA. It is tried as the detectors of `words` are, at its own thresholds, on what it was not trained on
and thresholds were not chosen by: clips of validation speakers, read speech of other readers, noises, music. And on
words of the synthetic voices that it did not hear.
"""

import os

from side_by_side import show
from words import as_text, print_figures
from words_cost import cost
from words_data import KEYWORDS, held_noise, keyword_clips, material
from words_score import alarms_by_word, figures, share

import audioconv as ac
from audioconv.classify import load_dataset
from audioconv.detect import EvaluationSettings, evaluate
from audioconv.detect.serialization import SHIPPED

SYNTHETIC = EvaluationSettings(snr_db=(20.0, 10.0), challenge_words=2, examples=0)


def main(options):
    """Print the tables; what was measured."""
    if not os.environ.get("AUDIOCONV_DATA"):
        print("not run: AUDIOCONV_DATA is not set")
        return None
    model, spent = ac.KeywordDetector.load(), cost(SHIPPED)
    row = figures(model, material(KEYWORDS, keyword_clips()), "val", options.quick) | synthetic(model)
    row |= {"% of a core": 100 * spent["core"], "MB a stream": spent["MB"], "kB of file": SHIPPED.stat().st_size / 1000}
    by_word = alarms_by_word(model)
    print_figures("the detector that comes along", [row])
    show("false alarms in read speech", [as_text(word) for word in by_word])
    return None if options.quick else {"figures": row, "by word": by_word}


def synthetic(model):
    """Words of synthetic voices found in the same noises."""
    part = load_dataset("data/keywords").part("val")
    found = evaluate(model, part.files, part.labels, background_noise=held_noise(), settings=SYNTHETIC)
    return {f"synthetic voices found, {condition.name}": share(condition.score.hits, condition.score.words)
            for condition in found.conditions}  # fmt: skip
