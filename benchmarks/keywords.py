"""Three spoken words (Speech Commands): errors on clips, words found in a stream of held-out noise, false detections.

Needs AUDIOCONV_DATA. Four of the six background recordings are mixed in while training, two are held out. All settings
come from training and validation; `--split test` opens the test part, which docs/results.md logs.
"""

import os
import time
from pathlib import Path

import numpy as np
from side_by_side import show

import audioconv as ac
from audioconv.classify import load_dataset
from audioconv.classify.augmentation import check_noise
from audioconv.classify.calibrate import NOISE_LEVEL, place_words, score_detections
from audioconv.classify.clips import load_clips, read_mono

HELD_OUT = ("exercise_bike", "running_tap")
BLOCK = 1600


def main(options):
    root = Path(os.environ["AUDIOCONV_DATA"])
    dataset = load_dataset(root / "speech_commands")
    train, val, scored = (dataset.part(name) for name in ("train", "val", options.split))
    recordings = sorted((root / "background_noise").glob("*.flac"))
    start = time.perf_counter()
    model = ac.KeywordClassifier(
        background_noise=[path for path in recordings if path.stem not in HELD_OUT], random_state=0
    ).fit(train.files, train.labels, validation=(val.files, val.labels))
    minutes = (time.perf_counter() - start) / 60
    wrong = int(np.sum(model.predict(scored.files) != scored.labels))
    rows = []
    for path in recordings:
        noise = check_noise(read_mono(path, model.sample_rate), path)
        rows.append({"noise": path.stem, "held out": path.stem in HELD_OUT, **hear(model, scored, noise)})
    show(
        f"{options.split}: {wrong} errors on {len(scored)} clips; trained in {minutes:.1f} minutes; "
        f"threshold {model.threshold_}",
        rows,
    )
    return {"split": options.split, "errors": wrong, "clips": len(scored), "minutes": minutes, "streams": rows}


def hear(model, dataset, noise):
    """Scores of the streaming detector on words in the noise at 10 dB, and on ten minutes of the noise alone."""
    clips = load_clips(dataset.files, model.sample_rate, model.clip_length)
    stream, truth = place_words(clips, dataset.labels, noise, model.sample_rate, rng=np.random.default_rng(0))
    words = score_detections(detect(model, stream), truth, stream.size / model.sample_rate)
    alone = np.resize(noise, 600 * model.sample_rate) * np.float32(NOISE_LEVEL)
    alarms = score_detections(detect(model, alone), [], 600)
    return {
        "words found": words.recall,
        "false among words": words.false_alarms,
        "false an hour of noise": alarms.false_alarms_per_hour,
    }


def detect(model, samples):
    """Detections in a stream, block by block."""
    detector, found = model.stream(), []
    for i in range(0, samples.size, BLOCK):
        found += detector.process(samples[i : i + BLOCK])
    return found + detector.flush()
