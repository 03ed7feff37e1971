"""The main job from end to end, on the data that ships: a room, a keyword model, and a stream that it listens to.

Run it with `make demo` or `python examples/demo.py`. What it makes is in the folder demo/; look at demo/report.html.
"""

import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import audioconv as ac
from audioconv import report
from audioconv.classify import KeywordClassifier, load_dataset
from audioconv.classify.augmentation import synthetic_noise
from audioconv.classify.calibrate import NOISE_LEVEL, is_near, place_words, score_detections
from audioconv.classify.clips import load_clips
from audioconv.detect import word_bounds

ROOT = Path(__file__).resolve().parent.parent
DATA, OUT = ROOT / "data", ROOT / "demo"
BLOCK, STREAM_BLOCK = 64, 1600  # samples
SNR_DB = 10
KEYWORDS, OTHER_WORDS = 32, 8  # in the stream
COLUMNS = ["said", "from (s)", "to (s)", "heard", "from (s)", "to (s)", "told (s)", ""]
screen = Console(highlight=False)


def main():
    OUT.mkdir(exist_ok=True)
    page = report.Report("audioconv: what the demo did")
    page.text(
        "One convolution did all of this: it put a voice into a hall, trained a small network to tell ten words "
        "apart, and ran that network over a stream, block by block."
    )
    times = {}
    with timed("1  A voice in a hall", times):
        filter_recording(page)
    with timed("2  A keyword model", times):
        model, test = train_model(page)
    with timed("3  A stream of words and noise", times):
        listen(page, model, test)
    page.heading("How long it took")
    page.table(["part", "seconds"], [[part, round(seconds, 1)] for part, seconds in times.items()])
    page.save(OUT / "report.html")
    screen.print(f"\n{sum(times.values()):.0f} s in all. Open {OUT / 'report.html'}, and hear hall.wav beside it.")


@contextmanager
def timed(title, times):
    screen.rule(f"[bold]{title}", align="left")
    start = time.perf_counter()
    yield
    times[title] = time.perf_counter() - start
    screen.print(f"[dim]{times[title]:.1f} s[/]")


# --- 1 ---


def filter_recording(page):
    """Filter whole and in blocks; both are the same."""
    voice, rate = ac.read(DATA / "recordings/speech.flac")
    hall, hall_rate = ac.read(DATA / "impulse_responses/hall.flac")
    hall, _ = ac.io.resample_response(hall, hall_rate, rate)  # times the ratio of rates: keeps the hall's gain

    whole = ac.convolve(voice, hall)
    stream = ac.StreamConvolver(hall, max_block=BLOCK)
    start = time.perf_counter()
    blocks = [stream.process(voice[i : i + BLOCK]) for i in range(0, len(voice), BLOCK)]
    block_us = 1e6 * (time.perf_counter() - start) / len(blocks)
    streamed = np.concatenate([*blocks, stream.flush()])

    difference = np.abs(streamed - whole).max() / np.abs(whole).max()
    if difference > 2e-6:
        raise SystemExit(f"the stream differs from the whole by {difference:.1e} of the maximum; at most 2e-6 is right")
    ac.write(OUT / "hall.wav", whole / np.abs(whole).max(), rate)
    said = (
        f"{len(voice) / rate:.1f} s of speech through a hall of {len(hall):,} taps, once whole and once in "
        f"{len(blocks):,} blocks of {BLOCK} samples: the largest difference is {difference:.1e} of the largest "
        f"sample, within 2e-6. A block took {block_us:.0f} µs and lasts {1e6 * BLOCK / rate:.0f} µs."
    )
    screen.print(said)
    page.heading("1. A voice in a hall")
    page.text(said + " So a live stream sounds as the file does. The sound is in hall.wav, beside this page.")
    signals = {"as recorded": voice, "in the hall": whole}
    page.figure(
        report.waveform(signals, rate), "The hall fills the gaps between the words and rings on after the last."
    )
    page.figure(
        report.log_mel(signals, ac.LogMel(rate)),
        "The same as energy over time and frequency, in the 40 bands that the keyword network sees, too.",
    )


# --- 2 ---


def train_model(page):
    """Train on some voices, count the errors on others."""
    data = load_dataset(DATA / "keywords")
    train, val, test = (data.part(split) for split in ("train", "val", "test"))
    model = KeywordClassifier(epochs=60, random_state=0, verbose=1)  # of 80, to be done in three minutes
    model.fit(train.files, train.labels, validation=(val.files, val.labels))
    model.save(OUT / "keywords.safetensors")
    model = KeywordClassifier.load(OUT / "keywords.safetensors")

    said = model.predict(test.files)
    counts = report.confusion_matrix(test.labels, said, model.classes_)
    right = counts.trace()
    low, high = report.wilson_interval(right, len(test))
    voices = [len(set(part.groups)) for part in (train, test)]
    text = (
        f"Trained on {len(train):,} clips by {voices[0]} voices. Of {len(test)} clips by {voices[1]} voices that it "
        f"never heard, the model knew {right}: accuracy {right / len(test):.1%}, 95% interval {low:.1%} to {high:.1%}."
    )
    screen.print(text, report.confusion_table(counts, model.classes_))
    page.heading("2. A keyword model")
    page.text(
        f"{text}\n\nThe voices are synthetic, so this shows that the code learns, not how well the model would hear "
        "you. Each epoch hears every clip anew: moved, louder or softer, faster or slower, with noise, with holes."
    )
    page.figure(
        report.training_curve(model.history_),
        "Training accuracy is counted on altered clips, hence below that on the validation voices, left as they are.",
    )
    page.figure(report.confusion(counts, model.classes_), "Test voices. All that is off the diagonal is an error.")
    return model, test


# --- 3 ---


def listen(page, model, test):
    """Run the model over words in noise and over noise alone, as they would come from a sound card."""
    rate = model.sample_rate
    words, noise, truth = make_stream(model, test)
    stream = np.concatenate([words, noise])
    ac.write(OUT / "stream.wav", stream / np.abs(stream).max(), rate)

    detector, found, told_s = model.stream(), [], []
    for start in range(0, len(stream), STREAM_BLOCK):
        decided = detector.process(stream[start : start + STREAM_BLOCK])
        found += decided
        told_s += [min(start + STREAM_BLOCK, len(stream)) / rate] * len(decided)
    last = detector.flush()
    found, told_s = found + last, told_s + [len(stream) / rate] * len(last)

    seconds = len(stream) / rate
    keywords = [word for word in truth if word.label != "unknown"]
    result = score_detections(found, keywords, seconds)
    text = (
        f"{len(truth)} words of the test voices in noise at {SNR_DB} dB, {OTHER_WORDS} of them no keywords, then "
        f"{len(noise) / rate:.0f} s of noise alone; {seconds:.0f} s in blocks of {STREAM_BLOCK:,} samples. Found "
        f"{result.hits} of {result.words} keywords ({result.recall:.0%}), with {result.false_alarms} false detections "
        f"({result.false_alarms_per_hour:.0f} an hour)."
    )
    rows = compare(list(zip(found, told_s, strict=True)), truth)
    screen.print(table_of(rows), text)
    page.heading("3. A stream of words and noise")
    page.text(f"{text} A detection counts as right if its label is and it begins at most half a second after its word.")
    draw_stream(page, model, stream, len(words) / rate, truth, found)
    page.table(COLUMNS, rows, folded=f"All {len(rows)} words, one by one")


def make_stream(model, test):
    """Test clips, keywords and others in random order, in noise of another seed than in training; and noise alone."""
    rng = np.random.default_rng(1)
    is_other = test.labels == "unknown"
    chosen = rng.permutation(
        np.concatenate([
            rng.choice(np.flatnonzero(~is_other), KEYWORDS, replace=False),
            rng.choice(np.flatnonzero(is_other), OTHER_WORDS, replace=False),
        ])
    )  # fmt: skip
    clips = load_clips([test.files[i] for i in chosen], model.sample_rate, model.clip_length)
    noise, more = (np.concatenate(synthetic_noise(model.sample_rate, seed, seconds=30)) for seed in (2, 3))
    rate = model.sample_rate
    words, placed = place_words(clips, test.labels[chosen], noise, rate, snr_db=SNR_DB, rng=rng)
    truth = []
    for clip, whole in zip(clips, placed, strict=True):  # the word is in the middle of its clip
        begin, end = word_bounds(clip, rate)
        truth.append(whole._replace(start_s=whole.start_s + begin / rate, end_s=whole.start_s + end / rate))
    return words, np.float32(NOISE_LEVEL) * more, truth


def compare(found, truth):
    """Rows of when a word was said and when it was heard, in order of time; a detection belongs to one word at most.

    found: (detection, when it was told) each.
    """
    rows, left = [], list(found)
    for word in truth:
        near = [each for each in left if is_near(each[0], word)]
        heard = next((each for each in near if each[0].label == word.label), near[0] if near else None)
        if heard:
            left.remove(heard)
        is_other = word.label == "unknown"
        wrong = heard and heard[0].label != word.label
        said = ("(other)" if is_other else str(word.label), f"{word.start_s:.2f}", f"{word.end_s:.2f}")
        rows.append((*said, *heard_cells(heard), "false" if wrong else "" if heard or is_other else "missed"))
    rows += [("-", "", "", *heard_cells(each), "false") for each in left]
    return sorted(rows, key=lambda row: float(row[1] or row[4]))


def heard_cells(heard):
    """What was heard, from when to when, and when it was told; or that nothing was."""
    if heard is None:
        return ("-", "", "", "")
    word, told_s = heard
    return (str(word.label), f"{word.start_s:.2f}", f"{word.end_s:.2f}", f"{told_s:.2f}")


def table_of(rows):
    table = Table(*COLUMNS, box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*row)
    return table


def draw_stream(page, model, stream, words_s, truth, found):
    rate = model.sample_rate
    page.figure(report.waveform({"words in noise, then noise alone": stream}, rate), "The whole stream.")
    rows = model.posteriors(stream)
    times_s = model.clip_s / 2 + np.arange(len(rows)) * model.window_hop / rate
    in_words = times_s < words_s
    page.figure(
        report.posteriors(rows[in_words], times_s[in_words], model.classes_, truth=truth, detections=found),
        "What the network thinks over time. A box is a word that was said, a dot one that was heard. A box without a "
        "dot is a missed word (under 'unknown', rightly so), a dot outside all boxes a false detection.",
    )
    page.figure(
        report.posteriors(
            rows[~in_words], times_s[~in_words], model.classes_, detections=[d for d in found if d.start_s >= words_s],
            row_s=1000,
        ),
        "The noise alone: no box, so every dot here would be a false detection.",
    )  # fmt: skip


if __name__ == "__main__":
    main()
