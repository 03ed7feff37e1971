"""Sound events in time: the dilated network, the same without dilation, and clips classified in windows that slide.

Needs AUDIOCONV_DATA, sed_eval and psds_eval. All are trained on the same mixtures, one set a seed, and tried on the
same thirty minutes, with the same decision: smoothing, hysteresis, shortest duration, longest gap. Thresholds are the
defaults; PSDS goes through all. `--keep FOLDER` keeps the models, and takes those that are there; `--only` leaves out
models whose name does not hold a text, `--quick` trains for seconds, to see that all of it runs.
"""

import os
import tempfile
import time
from functools import partial
from pathlib import Path

import events_data as data
import numpy as np
from events_score import found_by_psds_eval, found_by_sed_eval, sed_eval
from side_by_side import show
from words_data import RATE

import audioconv as ac
from audioconv import models
from audioconv.classify import TrainingConfig
from audioconv.detect import SoundEventDecision, SoundEventDecoder, SoundEventTraining
from audioconv.features import spectrogram_db
from audioconv.report import sound_events

UNDILATED = models.FRAME_MODELS["sed-tcn"]._replace(make=partial(models.sed_tcn, dilated=False))
NETWORKS = {"dilated": "sed-tcn", "undilated": UNDILATED}
WINDOWS = "clips in windows"
POINTS = np.linspace(0.02, 0.98, 49)  # thresholds for PSDS
MINUTE_S = 60.0
WINDOW_EPOCHS, CLIP_THRESHOLD = 60, 0.5
QUICK = SoundEventTraining(rounds=1, stretches=8, steps=4, batch_size=4)


def main(options):
    """Print the table; what was measured, if all of it was."""
    if not os.environ.get("AUDIOCONV_DATA") or sed_eval is None:
        print("not run: AUDIOCONV_DATA is not set" if sed_eval else "not run: sed_eval and psds_eval are not installed")
        return None
    seeds, rows = options.seeds or [0, 1, 2], []
    tried = data.tried(2 if options.quick else data.TRIED_COUNT)
    names = [name for name in (*NETWORKS, WINDOWS) if options.only in name]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(options.keep or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            for seed in seeds:
                model, minutes = _model(name, seed, folder, options.quick)
                rows.append({"model": name, "seed": seed, "minutes": minutes, **figures(model, tried)})
                if name == "dilated" and seed == seeds[0]:
                    draw(model, tried, folder / "minute.png")
    means = [_mean([row for row in rows if row["model"] == name]) for name in names]
    show("sound events: thirty minutes of fold 4 in held-out noises", [_shown(row) for row in [*rows, *means]])
    return {"seeds": seeds, "rows": rows, "means": means} if len(names) == 3 and not options.quick else None


def _model(name, seed, folder, quick):
    """The model of a name, from its file or trained, and the minutes of a core that took."""
    file = folder / f"{name.replace(' ', '-')}-{seed}.safetensors"
    if file.exists():
        if name == WINDOWS:
            return ac.KeywordClassifier.load(file), None
        return ac.SoundEventDetector.load(file, None if name == "dilated" else NETWORKS[name]), None
    trained = data.trained(seed, 2 if quick else data.TRAINED_COUNT)
    print(f"training {name}, seed {seed}", flush=True)
    begin = time.process_time()
    if name == WINDOWS:
        config = TrainingConfig(min_steps=0, tta_pitch_factors=(1.0,), tta_shifts_s=(0.0,))
        made = ac.KeywordClassifier(
            clip_s=data.CLIP_S, epochs=1 if quick else WINDOW_EPOCHS, training=config, random_state=seed, verbose=0,
            background_noise=data.noises(False),
        )  # fmt: skip
        made.fit(*data.windows(trained, seed))
    else:
        training = QUICK if quick else None
        made = ac.SoundEventDetector(NETWORKS[name], training=training, random_state=seed, verbose=0)
        made.fit(*trained, background_noise=data.noises(False))
    made.save(file)
    return made, (time.process_time() - begin) / 60


def _decoder(model, threshold):
    """The decision of a model: the same for all."""
    if isinstance(model, ac.SoundEventDetector):
        return model._decoder(threshold)
    scorer = model.scorer_
    labels = [label for label in scorer.classes.tolist() if label != data.BACKGROUND]
    return SoundEventDecoder(
        labels, CLIP_THRESHOLD if threshold is None else threshold, row_hop_s=scorer.window_hop / RATE,
        row_end_s=data.CLIP_S, delay_s=data.CLIP_S / 2, **SoundEventDecision().get_params(),
    )  # fmt: skip


def _rows(model, samples):
    """Posteriors of sounds, row by row."""
    rows = model.scorer_.posteriors(samples)
    if isinstance(model, ac.SoundEventDetector):
        return rows
    return np.ascontiguousarray(rows[:, model.scorer_.classes != data.BACKGROUND])


def _found(model, rows, threshold=None):
    decoder = _decoder(model, threshold)
    return [(d.start_s, d.end_s, str(d.label)) for d in decoder.process(rows) + decoder.flush()]


def _truth(tried):
    return [
        [(e.onset_s, e.offset_s, str(e.label)) for e in tried.events if e.recording == i]
        for i in range(len(tried.recordings))
    ]


def figures(model, tried):
    truth, rows = _truth(tried), [_rows(model, samples) for samples in tried.recordings]
    row = found_by_sed_eval(truth, [_found(model, each) for each in rows], MINUTE_S)
    points = [[_found(model, each, threshold) for each in rows] for threshold in POINTS.tolist()]
    return row | {"PSDS": found_by_psds_eval(truth, points, MINUTE_S)}


def draw(model, tried, file):
    """The first minute: what there is, and what was detected."""
    samples = tried.recordings[0]
    truth = [event for event in tried.events if event.recording == 0]
    levels = spectrogram_db([samples], samples.size, RATE, columns=2400)
    title = "sounds that were never heard, in a noise that was never heard"
    sound_events(levels, model.detect(samples), truth=truth, title=title, dpi=110).savefig(file, format="png")
    print(f"{file}: a minute, with truth and prediction")


def _mean(rows):
    figures = [name for name, value in rows[0].items() if isinstance(value, float) and name != "minutes"]
    mean = {name: float(np.mean([row[name] for row in rows])) for name in figures}
    return {"model": rows[0]["model"], "seed": "mean", "minutes": None, **mean}


def _shown(row):
    names = {name: name.replace("f_measure", "F1").replace(", mean of classes", " (classes)") for name in row}
    return {names[name]: round(value, 3) if isinstance(value, float) else value for name, value in row.items()}
