"""The classifier of clips that comes along: small, right on voices that ship wherever a word lies, silent in clicks."""

import numpy as np
import pytest

import audioconv as ac
from audioconv.classify import load_dataset
from audioconv.classify.serialization import SHIPPED
from audioconv.io import model_file

RATE = 16000
KEYWORDS = ["down", "go", "left", "no", "right", "stop", "up", "yes"]


@pytest.fixture(scope="module")
def classifier():
    return ac.KeywordClassifier.load()


@pytest.fixture(scope="module")
def said():
    """Words of the validation voices, in the middle of a second, and which ones."""
    part = load_dataset("data/keywords", words=KEYWORDS).part("val")
    return part.files, np.array(part.labels)


def test_it_is_small_and_says_where_it_comes_from(classifier):
    assert SHIPPED.stat().st_size < 450_000  # 140,000 of them say which clips it was trained on
    assert classifier.classes_.tolist() == sorted([*KEYWORDS, "silence", "unknown"])
    assert classifier.card_.licence.startswith("CC BY 4.0")
    assert "Speech Commands" in classifier.card_.data
    assert "CC BY 4.0" in SHIPPED.with_suffix(".md").read_text()


def test_words_of_other_voices_are_right_in_clips_of_any_length(classifier, said):
    files, labels = said
    short = np.mean(classifier.predict(files) == labels)
    clips = [ac.read(file).samples for file in files]
    long = np.zeros((len(clips), 2 * RATE), np.float32)
    for row, clip in zip(long, clips, strict=True):
        row[RATE // 2 :][: len(clip)] = clip
    assert short > 0.85
    assert np.mean(classifier.predict(long) == labels) > short - 0.05


def test_no_word_is_heard_in_silence_and_in_plugs(classifier):
    steps = 0.2 * (np.arange(60 * RATE) // RATE % 2).astype("float32")
    stream = classifier.stream()
    assert stream.process(steps) + stream.flush() == []
    assert not set(classifier.predict(np.zeros((1, RATE), np.float32))) & set(KEYWORDS)


def test_its_file_says_what_a_model_saved_today_says(classifier, tmp_path):
    classifier.save(tmp_path / "again.safetensors")
    (arrays, settings), (arrays_again, settings_again) = map(model_file.load, (SHIPPED, tmp_path / "again.safetensors"))
    assert settings == settings_again
    assert arrays.keys() == arrays_again.keys()
    assert all(np.array_equal(array, arrays_again[name]) for name, array in arrays.items())
