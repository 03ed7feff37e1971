"""Words from few clips: found, taken from the other words, and false alarms, against the nearest class mean.

Needs AUDIOCONV_DATA. Classifiers of the eight keywords of `speech_commands_8`, each trained without one of the ten
other words, learn that word from `CLIPS` clips of as many training speakers, in `DRAWS` draws, and are tried on the
clips of validation speakers. The nearest class mean has the same clips, versions and statistics; its bias is such that
it finds as many. False alarms are moments of read speech at which the new word is answered, of windows `HOP` apart.

Each training takes minutes: `--model FILE ...` takes models instead, each of which is tried on the words that it never
heard, and `--quick` trains one for seconds, to see that all of it runs; neither writes results.
"""

import os
from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from side_by_side import show
from words_data import KEYWORDS, RATE, data_folder, find_speech, keyword_clips

import audioconv as ac
from audioconv import nn
from audioconv.classify import adaptation
from audioconv.classify.clips import load_clips, read_all, read_mono
from audioconv.classify.last_layer import last_columns
from audioconv.classify.progress import Notices

CLIPS, DRAWS = 5, 10
HOP = RATE // 4
REFRACTORY = 4  # windows in which a word is counted once


class Tried:
    """What models are tried on: clips of validation speakers, and windows of read speech that holds no keyword."""

    def __init__(self, data):
        part = data.part("val")
        self.clips, self.labels = _read(part.files), part.labels
        files = [recording.sound for recording in find_speech(KEYWORDS, "val").recordings]
        self.speech = dict(zip(files, read_all(lambda file: read_mono(file, RATE), files), strict=True))


def main(options):
    """Print the table; the rows, if all words were left out in turn."""
    if not os.environ.get("AUDIOCONV_DATA"):
        print("not run: AUDIOCONV_DATA is not set")
        return None
    data = keyword_clips()
    tried, others = Tried(data), sorted(set(data.labels.tolist()) - set(KEYWORDS))
    rows = []
    for model in _models(options, data, others):
        rows += _rows(model, data, tried, others)
        show("words from few clips, % but for false alarms", [_as_text(row) for row in rows])
    if len(rows) > 1:
        mean = {name: float(np.mean([row[name] for row in rows])) for name in rows[0] if name != "word"}
        show("mean", [_as_text({"word": f"{len(rows)} words"} | mean)])
    return rows if options.model is None and not options.quick else None


def _models(options, data, others):
    if options.model:
        yield from map(ac.KeywordClassifier.load, options.model)
        return
    for word in others[:1] if options.quick else others:
        print(f"training without {word!r}", flush=True)
        part = data.part("train").select(data.part("train").labels != word)
        labels = np.where(np.isin(part.labels, KEYWORDS), part.labels, "unknown")
        noises = sorted((data_folder() / "background_noise").glob("*.flac"))
        classifier = ac.KeywordClassifier(
            silence="silence", background_noise=noises, epochs=1 if options.quick else None, verbose=0
        )
        yield classifier.fit(part.files, labels, groups=part.groups, sublabels=part.labels)


def _rows(model, data, tried, others):
    """A row for each word that the model never heard."""
    part, found = data.part("train"), []
    trunk = _Trunk(model)
    clips = trunk(tried.clips)
    speech = {file: trunk(sliding_window_view(sound, RATE)[::HOP]) for file, sound in tried.speech.items()}
    for word in others:
        own = part.select(part.labels == word)
        if model.was_trained_on(own.files[:20])[0].any():
            continue
        files = [recording.sound for recording in find_speech((*KEYWORDS, word), "val").recordings]
        windows, hours = [speech[file] for file in files], sum(len(tried.speech[file]) for file in files) / RATE / 3600
        draws = []
        for seed in range(DRAWS):
            adapted, figures = _draw(model, own, word, seed, clips, tried.labels)
            alarms = {label: _alarms(adapted, label, windows) / hours for label in (word, *KEYWORDS)}
            figures["false alarms an hour"] = alarms[word]
            figures["of a keyword"] = float(np.mean([alarms[label] for label in KEYWORDS]))
            draws.append(figures)
        found.append({"word": word} | {name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]})
        found[-1]["found, least of the draws"] = min(draw["found"] for draw in draws)
    return found


def _draw(model, own, word, seed, clips, labels):
    """The model of a draw, and figures of it and of the nearest class mean, on clips before the last layer."""
    order = np.random.default_rng(seed).permutation(len(own))
    _, first = np.unique(own.groups[order], return_index=True)
    chosen = order[np.sort(first)[:CLIPS]]
    few = _read([own.files[i] for i in chosen])
    adapted = model.adapt(few, [word] * CLIPS)
    is_word, before = labels == word, model.classes_[_logits(model, clips).argmax(axis=1)]
    wanted = np.where(np.isin(labels, KEYWORDS), labels, "unknown")
    keyword, other = np.isin(labels, KEYWORDS), ~np.isin(labels, [*KEYWORDS, word])
    own_class = adapted.classes_.tolist().index(word)

    def counts(taken):
        return {
            "found": 100 * taken[is_word].mean(),
            "keywords lost": 100 * (taken & (before == wanted))[keyword].mean(),
            "others taken": 100 * (taken & (before == wanted))[other].mean(),
        }

    margins = _margins(_logits(adapted, clips), own_class)
    ours = counts(margins > 0)
    means, rows = model.statistics_.means.astype(np.float64), adaptation._rows(model, few)
    means = np.vstack([means, np.mean([np.mean(versions, axis=0) for versions in rows], axis=0)])
    distances = -np.square(clips[:, None] - means).sum(axis=2)
    margins = _margins(distances, len(means) - 1)
    nearest = counts(margins > np.quantile(margins[is_word], 1 - ours["found"] / 100))
    return adapted, ours | {f"nearest mean: {name}": nearest[name] for name in ("keywords lost", "others taken")}


def _alarms(model, word, windows):
    """How often a word is answered in windows of recordings."""
    own = model.classes_.tolist().index(word)
    return sum(_events(_logits(model, rows).argmax(axis=1) == own) for rows in windows)


class _Trunk:
    """What the last layer is given of clips, the mean over test-time augmentation: the same for all that is learnt."""

    def __init__(self, model):
        self._scorer = replace(model.scorer_, network=nn.Sequential(model.network_.layers[:-1]))

    def __call__(self, clips):
        return self._scorer.logits(np.ascontiguousarray(clips)).astype(np.float64)


def _logits(model, features):
    columns = last_columns(model.network_)
    return features @ np.stack([column.weight for column in columns], axis=1) + [column.bias for column in columns]


def _margins(logits, own):
    return logits[:, own] - np.delete(logits, own, axis=1).max(axis=1)


def _events(hits):
    """How often something begins, at most once in `REFRACTORY` windows."""
    count, last = 0, -REFRACTORY
    for at in np.flatnonzero(hits):
        if at - last >= REFRACTORY:
            count, last = count + 1, at
    return count


def _read(files):
    return load_clips([str(file) for file in files], RATE, RATE, Notices(0))


def _as_text(row):
    return {name: value if isinstance(value, str) else f"{value:.1f}" for name, value in row.items()}
