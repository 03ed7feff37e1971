"""The model that comes along: small, as good as was said, and heard without a word about files."""

import numpy as np

import audioconv as ac
from audioconv.classify import load_dataset
from audioconv.classify.classifier import SHIPPED
from audioconv.io import model_file
from tests.command import run

WORDS = ["down", "go", "left", "no", "off", "on", "right", "stop", "unknown", "up", "yes"]


def test_it_is_small_and_knows_its_words():
    assert SHIPPED.stat().st_size < 550_000  # 163,000 of them say which clips it was trained on
    classifier = ac.KeywordClassifier.load()
    assert classifier.classes_.tolist() == WORDS
    part = load_dataset("data/keywords").part("val")
    assert classifier.score(part.files, part.labels) > 0.9
    found = classifier.posteriors(np.zeros(32000, np.float32))
    assert found.shape == (21, 11)
    assert np.delete(found, WORDS.index("unknown"), axis=1).max() < classifier.threshold_


def test_listen_takes_it_where_no_model_is_given(tmp_path):
    part = load_dataset("data/keywords").part("val")
    clips = [ac.read(part.files[np.flatnonzero(part.labels == word)[0]]).samples for word in ("yes", "stop", "left")]
    gap = np.zeros(16000, np.float32)
    ac.write(tmp_path / "words.wav", np.concatenate([gap, *(x for clip in clips for x in (clip, gap))]), 16000)
    result = run("listen", "--file", tmp_path / "words.wav")
    assert result.exit_code == 0, result.output
    assert "no model is given; listening for down, go, left," in result.stderr
    assert [line.split()[3] for line in result.stdout.splitlines()[:-1]] == ["yes", "stop", "left"]


def test_its_file_says_what_a_model_saved_today_says(tmp_path):
    ac.KeywordClassifier.load().save(tmp_path / "again.safetensors")
    (arrays, settings), (arrays_again, settings_again) = map(model_file.load, (SHIPPED, tmp_path / "again.safetensors"))
    assert settings == settings_again
    assert arrays.keys() == arrays_again.keys()
    assert all(np.array_equal(array, arrays_again[name]) for name, array in arrays.items())
