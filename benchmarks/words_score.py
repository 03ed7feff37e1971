"""Figures of a detector of words: what `ac.detect.evaluate` says of it, and the false alarms of each word."""

from words_data import RATE, data_folder, find_speech, held_noise
from words_models import keywords_of

import audioconv as ac
from audioconv.classify.intervals import wilson_interval
from audioconv.detect import EvaluationSettings, FalseAlarmRate, evaluate, find_negatives
from audioconv.detect.evaluation.subject import decode, subject_of

SETTINGS = EvaluationSettings(snr_db=(20.0, 10.0), stream_words=1000, challenge_words=400, examples=0)
QUICK = EvaluationSettings(snr_db=(20.0, 10.0), stream_words=20, challenge_words=10, examples=0)
SPEECH = "librispeech_mini"
CHALLENGES = {
    "first halves": "first half alone",
    "last halves": "second half alone",
    "both of two": "two keywords run together",
    "in a sentence": "keyword in a sentence",
}


def figures(model, material, split, quick):
    """All figures of a model that is calibrated, as a row; `quick` hears a few words."""
    part = material.clips.part(split)
    if not len(part):
        raise SystemExit(f"the clips of {', '.join(keywords_of(model))} have no part {split!r}")
    found = evaluate(
        model,
        part.files,
        part.labels,
        speakers=part.groups,
        negatives=material.tried,
        background_noise=held_noise(),
        settings=QUICK if quick else SETTINGS,
    )
    streams = {condition.name: condition.score for condition in found.conditions}
    challenges = {challenge.name: challenge for challenge in found.challenges}
    speech, quiet = _alarms(found, True), _alarms(found, False)
    row = {"model": type(model).__name__, "seed": model.seed_, "thresholds": _thresholds(model)}
    for name, score in streams.items():
        row[f"found, {name}"] = share(score.hits, score.words)
    row |= {"delay": streams["10 dB"].median_delay_s, "delay, 95 %": streams["10 dB"].delay_95_s}
    row |= {"false an hour, speech": speech, "false an hour, noises": quiet}
    for name, known in CHALLENGES.items():
        if known in challenges:
            row[name] = share(challenges[known].happened, challenges[known].trials)
    return row


def share(count, trials):
    """A share with its interval."""
    return {"count": count, "of": trials, "share": count / trials, "interval": wilson_interval(count, trials)}


def rate(alarms):
    """A rate of false alarms with its interval."""
    return {"count": alarms.count, "hours": alarms.hours, "an hour": alarms.per_hour,
            "interval": (alarms.low, alarms.high)}  # fmt: skip


def _alarms(found, speech):
    scores = [score for score in found.negatives if score.source != "all" and (score.source == SPEECH) == speech]
    return rate(FalseAlarmRate(sum(s.total.count for s in scores), sum(s.seconds for s in scores) / 3600))


def _thresholds(model):
    if isinstance(model, ac.KeywordDetector):
        return {str(label): round(float(t), 3) for label, t in zip(model.classes_, model.thresholds_, strict=True)}
    return dict.fromkeys(keywords_of(model), model.threshold_)


def alarms_by_word(model):
    """False alarms of each word in all read speech of other speakers but the utterances that hold this word.

    These are more hours than those that hold none of the words.
    """
    subject = subject_of(model)
    told = {}
    for recording in find_negatives([data_folder() / SPEECH], (), split="val").recordings:
        samples = recording.samples(RATE)
        told[recording.name] = len(samples), [d.label for d in decode(subject.base_decoder, subject.rows(samples))]
    rows = []
    for word in subject.keywords:
        heard = [told[recording.name] for recording in find_speech([word], "val").recordings]
        count = sum(labels.count(word) for _, labels in heard)
        rows.append({"word": word, **rate(FalseAlarmRate(count, sum(length for length, _ in heard) / RATE / 3600))})
    return rows
