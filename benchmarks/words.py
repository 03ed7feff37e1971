"""Detectors of words in streams: words found, false alarms an hour, delay, halves, pairs and sentences, cost.

Needs AUDIOCONV_DATA. `KeywordDetector` with its defaults, one a seed, and the clip model that slides over the stream,
trained on the same clips: eight words; and a wake word from 200 clips. Thresholds are chosen on every fifth recording
of the negatives, which is not trained on, for `PROMISED` false alarms an hour, and are the same in all rows; the clip
model also has the one that it has by itself. Released models of openWakeWord and microWakeWord, and a detector of one
of their words from 200 clips, are heard on words of synthetic voices, which is not what people are: it compares.

Each training takes half an hour: `--model FILE ...` takes models instead, trained as here on what `words_data.py` says,
and leaves out what is not among them. `--only streams`, `wake` or `released` does a part, `--quick` trains for
seconds, to see that all of it runs; neither writes results. `--keep FOLDER` keeps the models.
"""

import os
import tempfile

import numpy as np
import words_released
from side_by_side import show
from words_cost import cost
from words_data import KEYWORDS, keyword_clips, material, wake_clips
from words_models import Shelf, calibrated
from words_score import alarms_by_word, figures, rate

from audioconv.detect import FalseAlarmRate

PROMISED, PROMISED_WAKE = 10.0, 0.5  # false alarms an hour in held-out negatives
WAKE_WORDS = {"happy": "speech_commands", "zero": "speech_commands_8"}  # and the clips of it
WAKE_CLIPS = 200
PARTS = ("streams", "wake", "released")


def main(options):
    """Print the tables; what was measured, if all of it was."""
    if not os.environ.get("AUDIOCONV_DATA"):
        print("not run: AUDIOCONV_DATA is not set")
        return None
    seeds = options.seeds or [0, 1, 2]
    with tempfile.TemporaryDirectory() as scratch:
        shelf = Shelf(options.model, options.keep or scratch, options.quick)
        measured = {
            "streams": lambda: _streams(shelf, seeds, options.split),
            "wake": lambda: _wake(shelf, seeds, options.split),
            "released": lambda: _released(shelf, seeds, scratch),
        }
        found = {part: measure() for part, measure in measured.items() if options.only in part}
    whole = len(found) == len(PARTS) and all(found.values()) and not options.quick
    return {"split": options.split, "seeds": seeds, **found} if whole else None


def _streams(shelf, seeds, split):
    """Eight words: a row for each model, their means, and the false alarms of each word."""
    recordings = material(KEYWORDS, keyword_clips())
    rows, by_word = [], []
    for model in shelf.detectors(KEYWORDS, recordings, seeds):
        model = calibrated(model, recordings.held_out, PROMISED)
        rows.append(figures(model, recordings, split, shelf.quick) | _cost(shelf, model))
        by_word.append(alarms_by_word(model))
    for model in shelf.classifiers(KEYWORDS, recordings, seeds[:1]):
        rows += _sliding(shelf, model, recordings, PROMISED, split)
    detectors = [row for row in rows if row["model"] == "KeywordDetector"]
    print_figures("eight words in streams", rows + [_mean(detectors)] * (len(detectors) > 1))
    sums = [_sum(each) for each in zip(*by_word, strict=True)]
    if sums:
        show(f"false alarms in read speech (detectors: {len(by_word)})", [as_text(row) for row in sums])
    return rows and {"models": rows, "by word": sums}


def _wake(shelf, seeds, split):
    """A wake word from 200 clips: the detector, and the clip model with snippets of the same negatives."""
    rows = []
    for word, folder in WAKE_WORDS.items():
        recordings = material((word,), wake_clips(word, folder, WAKE_CLIPS, seeds[0]))
        found = []
        for model in shelf.detectors([word], recordings, seeds[:1]):
            model = calibrated(model, recordings.held_out, PROMISED_WAKE)
            found.append(figures(model, recordings, split, shelf.quick) | _cost(shelf, model))
        for model in shelf.classifiers([word], recordings, seeds[:1]):
            found += _sliding(shelf, model, recordings, PROMISED_WAKE, split)
        print_figures(f"wake word {word!r} from {WAKE_CLIPS} clips", found)
        rows += [{"word": word, **row} for row in found]
    return rows


def _sliding(shelf, model, recordings, per_hour, split):
    """A clip model that slides, at its own threshold and at one for the promised false alarms."""
    own = figures(model, recordings, split, shelf.quick) | _cost(shelf, model)
    kept = figures(calibrated(model, recordings.held_out, per_hour), recordings, split, shelf.quick)
    return [own | {"model": "KeywordClassifier, its threshold"}, own | kept]


def _released(shelf, seeds, scratch):
    """Released models, and ours of a word from as many synthetic clips."""
    recordings = words_released.spoken_material(scratch)
    ours = []
    for model in shelf.detectors([words_released.OURS], recordings, seeds[:1]):
        model = calibrated(model, recordings.held_out, PROMISED_WAKE)
        ours.append((model, shelf.save(model)))
    rows = words_released.rows(ours, shelf.quick)
    print_figures("words of synthetic voices in held-out noise", rows)
    return rows


def _cost(shelf, model):
    found = cost(shelf.save(model))
    return {"% of a core": 100 * found["core"], "MB a stream": found["MB"]}


def _mean(rows):
    """The mean of each figure over seeds, with its smallest and largest one."""
    mean = {}
    for key, value in rows[0].items():
        values = [row[key] for row in rows]
        if isinstance(value, dict) and "share" in value:
            mean[key] = _mean_of([v["share"] for v in values])
        elif isinstance(value, dict) and "an hour" in value:
            mean[key] = _mean_of([v["an hour"] for v in values])
        elif isinstance(value, float):
            mean[key] = _mean_of(values)
        else:
            mean[key] = None
    return mean | {"model": "mean", "seed": "min to max"}


def _mean_of(values):
    return {"mean": float(np.mean(values)), "min": min(values), "max": max(values)}


def _sum(rows):
    """The false alarms of a word with several detectors, and the most and least of one."""
    counts = [row["count"] for row in rows]
    total = rate(FalseAlarmRate(sum(counts), sum(row["hours"] for row in rows)))
    return {"word": rows[0]["word"], **total, "least": min(counts), "most": max(counts)}


def print_figures(title, rows):
    """A table with a row for each figure and a column for each model."""
    if not rows:
        return
    flat = [{key: _text(key, value) for key, value in row.items() if key != "thresholds"} for row in rows]
    keys = list(dict.fromkeys(key for row in flat for key in row))
    show(title, [{"": key, **{str(i): row.get(key) for i, row in enumerate(flat)}} for key in keys])


def as_text(row):
    return {key: _text(key, value) if not isinstance(value, tuple) else _span(*value) for key, value in row.items()}


def _text(key, value):
    if not isinstance(value, dict):
        return value
    if "share" in value:
        return f"{value['share']:.1%} ({_span(*(100 * limit for limit in value['interval']))})"
    if "an hour" in value:
        return f"{value['an hour']:.3g} ({_span(*value['interval'])})"
    scale = 100 if value["max"] <= 1 and any(sign in key for sign in ("found", "halves", "two", "sentence")) else 1
    return f"{scale * value['mean']:.3g} ({_span(scale * value['min'], scale * value['max'])})"


def _span(low, high):
    return f"{low:.3g} to {high:.3g}"
