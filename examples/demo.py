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
from audioconv.detect import KeywordDetector, word_bounds

ROOT = Path(__file__).resolve().parent.parent
DATA, OUT = ROOT / "data", ROOT / "demo"
BLOCK, STREAM_BLOCK = 64, 320  # samples
SNR_DB = 10
KEYWORDS, OTHER_WORDS = 32, 8  # in the stream
COLUMNS = ["said", "from-to (s)", "heard", "from-to (s)", "told (s)", "after (s)", ""]
screen = Console(highlight=False)


def main():
    OUT.mkdir(exist_ok=True)
    page = report.Report("audioconv: what the demo did")
    page.text(
        "One convolution did all of this: it put a voice into a hall, trained a small network to tell ten words "
        "apart, and let another one, which comes along, hear words in a stream as they were said."
    )
    times = {}
    with timed("1  A voice in a hall", times):
        filter_recording(page)
    with timed("2  A keyword model", times):
        train_model(page)
    with timed("3  A stream of words and noise", times):
        listen(page)
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


# --- 3 ---


def listen(page):
    """The detector that comes along hears words in noise and noise alone, as they would come from a sound card."""
    detector = KeywordDetector.load()
    rate = detector.sample_rate
    words, noise, truth = make_stream(detector)
    stream = np.concatenate([words, noise])
    ac.write(OUT / "stream.wav", stream / np.abs(stream).max(), rate)

    listening, found = detector.stream(), []  # a detection, and when it was told
    start = time.perf_counter()
    for begin in range(0, len(stream), STREAM_BLOCK):
        told_s = min(begin + STREAM_BLOCK, len(stream)) / rate
        found += [(word, told_s) for word in listening.process(stream[begin : begin + STREAM_BLOCK])]
    took_s = time.perf_counter() - start
    found += [(word, len(stream) / rate) for word in listening.flush()]

    seconds = len(stream) / rate
    keywords = [word for word in truth if word.label in detector.classes_]
    detections = [word for word, _ in found]
    result = score_detections(detections, keywords, seconds)
    rows = compare(found, truth, detector.classes_)
    delays = [float(row[-2]) for row in rows if not row[-1] and row[-2]]
    text = (
        f"The detector that comes along heard {len(truth)} words of voices that it never heard before, in noise at "
        f"{SNR_DB} dB, {OTHER_WORDS} of them no keywords, then {len(noise) / rate:.0f} s of noise alone; "
        f"{seconds:.0f} s in blocks of {1000 * STREAM_BLOCK / rate:.0f} ms, {seconds / took_s:.0f} times as fast as "
        f"they were said. Found {result.hits} of {result.words} keywords ({result.recall:.0%}), with "
        f"{result.false_alarms} false detections, told {np.median(delays) if delays else np.nan:.2f} s after their end "
        f"(median)."
    )
    screen.print(table_of(rows), text)
    page.heading("3. A stream of words and noise")
    page.text(f"{text} A detection counts as right if its label is and it begins at most half a second after its word.")
    draw_stream(page, detector, stream, len(words) / rate, truth, detections)
    page.table(COLUMNS, rows, folded=f"All {len(rows)} words, one by one")


def make_stream(detector):
    """Validation clips, keywords and others in random order, in noise of another seed than in training; noise alone."""
    rng, part, rate = np.random.default_rng(1), load_dataset(DATA / "keywords").part("val"), detector.sample_rate
    is_keyword = np.isin(part.labels, detector.classes_)
    chosen = rng.permutation(
        np.concatenate([
            rng.choice(np.flatnonzero(is_keyword), KEYWORDS, replace=False),
            rng.choice(np.flatnonzero(~is_keyword), OTHER_WORDS, replace=False),
        ])
    )  # fmt: skip
    clips = load_clips([part.files[i] for i in chosen], rate, rate)
    noise, more = (np.concatenate(synthetic_noise(rate, seed, seconds=30)) for seed in (2, 3))
    words, placed = place_words(clips, part.labels[chosen], noise, rate, snr_db=SNR_DB, rng=rng)
    truth = []
    for clip, whole in zip(clips, placed, strict=True):  # the word is in the middle of its clip
        begin, end = word_bounds(clip, rate)
        truth.append(whole._replace(start_s=whole.start_s + begin / rate, end_s=whole.start_s + end / rate))
    return words, np.float32(NOISE_LEVEL) * more, truth


def compare(found, truth, keywords):
    """Rows of when a word was said, heard, and told, in order of time; a detection belongs to one word at most.

    found: (detection, when it was told) each.
    """
    rows, left = [], list(found)
    for word in truth:
        near = [each for each in left if is_near(each[0], word)]
        heard = next((each for each in near if each[0].label == word.label), near[0] if near else None)
        if heard:
            left.remove(heard)
        is_other = word.label not in keywords
        wrong = heard and heard[0].label != word.label
        said = (f"({word.label})" if is_other else str(word.label), times(word))
        delay = f"{heard[1] - word.end_s:.2f}" if heard else ""
        verdict = "false" if wrong else "" if heard or is_other else "missed"
        rows.append((word.start_s, *said, *heard_cells(heard), delay, verdict))
    rows += [(word.start_s, "-", "", *heard_cells((word, told_s)), "", "false") for word, told_s in left]
    return [row[1:] for row in sorted(rows)]


def heard_cells(heard):
    """What was heard, from when to when, and when it was told; or that nothing was."""
    if heard is None:
        return ("-", "", "")
    word, told_s = heard
    return (str(word.label), times(word), f"{told_s:.2f}")


def times(word):
    return f"{word.start_s:.2f}-{word.end_s:.2f}"


def table_of(rows):
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def draw_stream(page, detector, stream, words_s, truth, found):
    rate, scorer = detector.sample_rate, detector.scorer_
    page.figure(report.waveform({"words in noise, then noise alone": stream}, rate), "The whole stream.")
    rows = scorer.posteriors(stream)
    times_s = (scorer.row_end + np.arange(len(rows)) * scorer.row_hop) / rate
    in_words = times_s < words_s
    keywords = [word for word in truth if word.label in detector.classes_]
    page.figure(
        report.posteriors(rows[in_words], times_s[in_words], detector.classes_, truth=keywords, detections=found),
        "What the network thinks over time; it is sure right after a word's end. A box is a keyword that was said, a "
        "dot one that was heard. A box without a dot is a missed word, a dot outside all boxes a false detection.",
    )
    page.figure(
        report.posteriors(
            rows[~in_words], times_s[~in_words], detector.classes_,
            detections=[d for d in found if d.start_s >= words_s], row_s=1000,
        ),
        "The noise alone: no box, so every dot here would be a false detection.",
    )  # fmt: skip


if __name__ == "__main__":
    main()
