"""The models of the benchmark of words: trained here, or taken from files that were."""

from functools import partial
from pathlib import Path

import numpy as np
from words_data import RATE

import audioconv as ac
from audioconv.classify.calibrate import THRESHOLDS
from audioconv.classify.clips import fit_length, read_all, read_mono
from audioconv.detect import DetectorTraining, is_detector
from audioconv.detect.calibration import count_events
from audioconv.detect.evaluation.subject import subject_of

SNIPPETS = 1500  # of a second, that a classifier has of the negatives of a wake word
QUICK = DetectorTraining(rounds=2, stretches=40, steps=5, batch_size=8, hard_negatives=10)


class Shelf:
    """Models by their kind and words. Each is trained unless files were given, and kept as a file."""

    def __init__(self, files, folder, quick):
        self._folder, self.quick = Path(folder), quick
        self._given = [_load(file) for file in files or ()]
        self.trains = files is None

    def detectors(self, words, material, seeds):
        """Detectors of these words, one a seed or all that were given."""
        return self._all(ac.KeywordDetector, words, seeds, partial(_fitted_detector, material, self.quick))

    def classifiers(self, words, material, seeds):
        """Classifiers of clips of these words, silence, and other words."""
        train = partial(_fitted_classifier, material, self.quick)
        return self._all(ac.KeywordClassifier, words, seeds, train)

    def save(self, model):
        """The file that a model is in, at its present thresholds."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{type(model).__name__}-{'-'.join(keywords_of(model))}-{model.seed_}.safetensors"
        model.save(file)
        return file

    def _all(self, kind, words, seeds, train):
        found = [model for model in self._given if type(model) is kind and keywords_of(model) == sorted(words)]
        if self.trains:
            for seed in seeds:
                print(f"training {kind.__name__}, {len(words)} words, seed {seed}", flush=True)
                found.append(train(seed))
                self.save(found[-1])
        return found


def keywords_of(model):
    """Its words, without "unknown" and the like."""
    return sorted(subject_of(model).keywords)


def _load(file):
    return (ac.KeywordDetector if is_detector(file) else ac.KeywordClassifier).load(file)


def _fitted_detector(material, quick, seed):
    part = material.clips.part("train")
    detector = ac.KeywordDetector(random_state=seed, training=QUICK if quick else None, verbose=0)
    return detector.fit(part.files, part.labels, negatives=material.negatives, background_noise=material.noises)


def _fitted_classifier(material, quick, seed):
    part, validation = material.clips.part("train"), material.clips.part("val")
    classifier = ac.KeywordClassifier(
        random_state=seed, background_noise=material.noises, silence="silence", epochs=1 if quick else None, verbose=0
    )
    if "unknown" in part.labels:
        return classifier.fit(part.files, part.labels, validation=(validation.files, validation.labels))
    snippets = _snippets(material.negatives, np.random.default_rng(seed))
    clips = np.stack([*_clips(part.files, RATE), *snippets])
    labels = [*part.labels, *["unknown"] * len(snippets)]
    return classifier.fit(clips, labels, validation=(np.stack(_clips(validation.files, RATE)), validation.labels))


def _clips(files, length):
    return read_all(lambda file: fit_length(read_mono(file, RATE), length), files)


def _snippets(files, rng):
    """Seconds of recordings, each from one that is drawn at random."""
    sounds = read_all(lambda file: read_mono(file, RATE), [files[i] for i in rng.integers(len(files), size=SNIPPETS)])
    begins = [int(rng.integers(max(1, len(sound) - RATE))) for sound in sounds]
    return [fit_length(sound[begin : begin + RATE], RATE) for sound, begin in zip(sounds, begins, strict=True)]


def calibrated(model, held_out, per_hour):
    """The model at thresholds with so many false alarms an hour in held-out negatives: all rows are scored with these.

    A classifier has one threshold: the lowest one of those that are tried.
    """
    if isinstance(model, ac.KeywordDetector):
        return model.calibrate(held_out, per_hour)
    subject = subject_of(model)
    sounds = read_all(lambda file: read_mono(file, RATE), held_out)
    rows, hours = [subject.rows(sound) for sound in sounds], sum(map(len, sounds)) / RATE / 3600
    kept = (threshold for threshold in THRESHOLDS if _alarms(subject, threshold, rows) <= per_hour * hours)
    model.threshold_ = float(next(kept, THRESHOLDS[-1]))
    return model


def _alarms(subject, threshold, rows):
    decoder = subject.base_decoder
    return count_events(decoder.with_thresholds(np.where(np.isinf(decoder.thresholds), np.inf, threshold)), rows).sum()
