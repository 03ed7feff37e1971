"""Eight keywords in clips of a second: keywords, other words that are known, words never heard, and noise.

Needs AUDIOCONV_DATA. A classifier as `audioconv train speech_commands_8 --words yes,no,...` trains it with its
defaults, one a seed, is tried on validation speakers, by which its epoch was chosen, too; on *six seven nine* of the
digits, by other speakers, without their test part; and on six recordings of noise. Each word counts alike. What holds
no keyword is right if none is told. A training takes ten minutes of two cores: `--model FILE ...` takes models instead.
"""

import os

import numpy as np
from side_by_side import show
from words_data import KEYWORDS, RATE, data_folder

import audioconv as ac
from audioconv.classify import load_dataset
from audioconv.classify.clips import load_clips, read_mono
from audioconv.classify.intervals import wilson_interval

UNHEARD = {"6": "six", "7": "seven", "9": "nine"}  # labels of the digits


def main(options):
    """Print the table; what was measured."""
    if not os.environ.get("AUDIOCONV_DATA"):
        print("not run: AUDIOCONV_DATA is not set")
        return None
    if options.model:
        models = [ac.KeywordClassifier.load(file) for file in options.model]
    else:
        models = [_trained(seed, options) for seed in options.seeds or (0, 1, 2)]
    tried = {"known": _validation(), "never heard": _digits(), "noise": _noise()}
    rows = [_row(model, tried) for model in models]
    show("eight keywords in clips, % right", [*rows, _mean(rows)] if len(rows) > 1 else rows)
    return None if options.quick else rows


def _trained(seed, options):
    data = load_dataset(data_folder() / "speech_commands_8", words=list(KEYWORDS))
    part, held = data.part("train"), data.part("val")
    classifier = ac.KeywordClassifier(random_state=seed, epochs=1 if options.quick else None, verbose=0)
    classifier.fit(part.files, part.labels, groups=part.groups, validation=(held.files, held.labels))
    if options.keep:
        classifier.save(os.path.join(options.keep, f"clips-{seed}.safetensors"))
    return classifier


def _validation():
    part = load_dataset(data_folder() / "speech_commands_8").part("val")
    return load_clips(part.files, RATE, RATE), part.labels


def _digits():
    data = load_dataset(data_folder() / "spoken_digits")
    part = data.select(np.isin(data.labels, list(UNHEARD)) & (data.splits != "test"))
    return load_clips(part.files, RATE, RATE), part.labels


def _noise():
    seconds = []
    for file in sorted((data_folder() / "background_noise").glob("*.flac")):
        sound = read_mono(file, RATE)
        seconds.append(sound[: len(sound) // RATE * RATE].reshape(-1, RATE))
    return np.concatenate(seconds), np.repeat("noise", sum(map(len, seconds)))


def _row(model, tried):
    """Shares of clips that are right."""
    right, labels = {}, {}
    for name, (clips, said) in tried.items():
        told = model.predict(clips)
        right[name] = np.where(np.isin(said, KEYWORDS), told == said, ~np.isin(told, KEYWORDS))
        labels[name] = said
    keyword = np.isin(labels["known"], KEYWORDS)
    low, high = wilson_interval(int(right["known"][keyword].sum()), int(keyword.sum()))
    return {
        "seed": model.seed_,
        "weights": sum(weight.size for weight in model.network_.parameters().values()),
        "epochs": len(model.history_),
        "minutes": sum(epoch.get("seconds", 0.0) for epoch in model.history_) / 60 or None,  # files do not say
        "keywords": _by_word(right["known"][keyword], labels["known"][keyword]),
        "interval of clips": f"{100 * low:.1f} to {100 * high:.1f}",
        "other words": _by_word(right["known"][~keyword], labels["known"][~keyword]),
        "words never heard": _by_word(right["never heard"], labels["never heard"]),
        "noise": 100 * float(right["noise"].mean()),
    }


def _by_word(right, labels):
    return 100 * float(np.mean([right[labels == word].mean() for word in np.unique(labels)]))


def _mean(rows):
    """The mean of each column of shares, over seeds."""
    return {key: np.mean([row[key] for row in rows]) if isinstance(value, float) else "" for key, value in
            rows[0].items()} | {"seed": "mean"}  # fmt: skip
