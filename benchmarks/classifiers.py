"""Recognition rates of the models with their defaults, several seeds each, on data sets of three kinds.

Needs AUDIOCONV_DATA. `speech_commands`: official split, speakers apart. `spoken_digits`: each speaker in turn is not
trained on. `esc10`: each fold in turn. `keywords`: the shipped words, voices apart. The last epoch's weights are scored
where there is no validation part. `--split folds`: fifths of the speakers of training and validation part in turn (of
the shipped words, of those who speak, whatever the accent and pitch), and the last epoch; `--split few`: 24 of the
speakers with the most clips are trained on, all others scored, three times. `--split test` opens test parts, which
docs/results.md logs. Rows with "PyTorch" have the same network trained there, with the same recipe and batches.
"""

import csv
import json
import os
import time
from pathlib import Path

import numpy as np
from side_by_side import show
from sklearn.model_selection import GroupKFold

import audioconv as ac
from audioconv.classify import load_dataset
from audioconv.classify.intervals import wilson_interval

RESULT = Path(__file__).parent / "results" / "classifiers.json"
RUNS = (
    ("speech_commands", "tc-resnet8", {}),
    ("speech_commands", "bc-resnet-1", {}),
    ("speech_commands", "ds-tcn", {}),
    ("speech_commands", "minirocket", {}),
    ("speech_commands", "mlp", {}),
    ("spoken_digits", "tc-resnet8", {}),
    ("esc10", "tc-resnet8", {"clip_s": 5.0}),
    ("keywords", "tc-resnet8", {}),
    ("speech_commands", "tc-resnet8 in PyTorch", {}),
)


def main(options):
    root, rows = Path(os.environ["AUDIOCONV_DATA"]), []
    for name, model, settings in RUNS:
        if options.only not in f"{name} {model}":
            continue
        folder = Path("data/keywords") if name == "keywords" else root / name
        rows.append({"split": options.split, "data": name, "model": model, **run(folder, model, settings, options)})
        show(f"{name}, {model}", rows[-1:])
    return rows + _others(rows)


def _others(rows):
    """Rows of earlier runs that this one did not do."""
    found = json.loads(RESULT.read_text())["rows"] if RESULT.is_file() else []
    done = [[row[key] for key in ("split", "data", "model")] for row in rows]
    return [row for row in found if [row[key] for key in ("split", "data", "model")] not in done]


def run(folder, model, settings, options):
    """Errors of each seed over all folds, their rate with its 95 % interval, and the seconds of a training."""
    errors, clips, times_s = [], 0, []
    for seed in range(5) if options.seeds is None else options.seeds:
        wrong, clips = 0, 0
        for train, val, scored in folds(folder, options.split):
            start = time.perf_counter()
            classifier = _kind(model)(model.split()[0], random_state=seed, verbose=0, **settings)
            classifier.fit(train.files, train.labels, validation=val and (val.files, val.labels))
            times_s.append(time.perf_counter() - start)
            wrong += int(np.sum(classifier.predict(scored.files) != scored.labels))
            clips += len(scored)
        errors.append(wrong)
        print(f"{folder.name}, {model}, seed {seed}: {wrong} errors of {clips}, {times_s[-1]:.0f} s", flush=True)
    mean = float(np.mean(errors))
    low, high = wilson_interval(round(clips - mean), clips)  # of one test part: other seeds are no new clips
    return {"clips": clips, "errors": errors, "right": 1 - mean / clips, "low": low, "high": high,
            "seconds": float(np.median(times_s))}  # fmt: skip


def _kind(model):
    """The classifier, or the one of PyTorch, which is loaded where it is wanted alone."""
    if "PyTorch" not in model:
        return ac.KeywordClassifier
    from torch_classifier import TorchClassifier

    return TorchClassifier


def folds(folder, split):
    """(train, validation or None, scored) of a data set: its parts, or some speakers or each fold in turn."""
    data, parts = load_dataset(folder), folder.name in ("speech_commands", "keywords")
    if parts and split in ("val", "test"):
        yield data.part("train"), data.part("val"), data.part(split)
        return
    if parts:
        data = data.select(data.splits != "test")
    for scored in _few(data.groups) if parts and split == "few" else _each_group(data, folder.name):
        yield data.select(~scored), None, data.select(scored)


def _few(speakers, count=24):
    """The clips that are not by `count` of the speakers with the most of them, three times."""
    names, clips = np.unique(speakers, return_counts=True)
    busiest, rng = names[np.argsort(-clips, kind="stable")[: 3 * count]], np.random.default_rng(1)
    return [~np.isin(speakers, rng.permutation(busiest)[:count]) for _ in range(3)]


def _each_group(data, name):
    """The clips of each speaker, or fold; of a fifth of the speakers where there are many."""
    if name == "spoken_digits":
        groups = data.groups
    elif name == "esc10":  # the first digit of a file is its fold
        groups = np.array([Path(file).name[0] for file in data.files])
    else:
        people = _people(data.groups) if name == "keywords" else data.groups
        scored = [scored for _, scored in GroupKFold(5).split(data.files, groups=people)]
        return [np.isin(np.arange(len(data)), part) for part in scored]
    return [groups == group for group in np.unique(groups)]


def _people(speakers):
    """Who the speakers of the shipped words are, whatever the accent, pitch and rate: the names without these."""
    with open("data/keywords/voices.csv", newline="") as table:
        voices = {row["speaker"]: row for row in csv.DictReader(table)}
    espeak = [voices[speaker]["engine"] == "espeak-ng" for speaker in speakers]
    return [s.split("-")[0] if synthetic else voices[s]["voice"] for s, synthetic in zip(speakers, espeak, strict=True)]
