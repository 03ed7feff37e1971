"""The detector that comes along: small, heard without a word about files, and as good as said on voices that ship."""

import numpy as np
import pytest

import audioconv as ac
from audioconv.classify import load_dataset
from audioconv.classify.augmentation import synthetic_noise
from audioconv.classify.calibrate import Word, place_words
from audioconv.classify.clips import load_clips
from audioconv.detect import score_stream, word_bounds
from audioconv.detect.serialization import SHIPPED
from audioconv.io import model_file
from tests.command import refused, run

WORDS = ["down", "go", "left", "no", "right", "stop", "up", "yes"]
RATE = 16000


@pytest.fixture(scope="module")
def detector():
    return ac.KeywordDetector.load()


@pytest.fixture(scope="module")
def said():
    """Words of the validation voices in a stream with noise, keywords and others, and which ones are keywords."""
    part = load_dataset("data/keywords").part("val")
    rng = np.random.default_rng(3)
    chosen = rng.permutation(len(part))
    clips = load_clips([part.files[i] for i in chosen], RATE, RATE)
    noise = np.concatenate(synthetic_noise(RATE, 7, seconds=20))
    stream, placed = place_words(clips, part.labels[chosen], noise, RATE, snr_db=20, rng=rng)
    bounds = [[at / RATE for at in word_bounds(clip, RATE)] for clip in clips]
    truth = [
        Word(word.label, word.start_s + begin, word.start_s + end)
        for word, (begin, end) in zip(placed, bounds, strict=True)
        if word.label in WORDS
    ]
    return stream, truth


def test_it_is_small_and_says_where_it_comes_from(detector):
    assert SHIPPED.stat().st_size < 400_000
    assert detector.classes_.tolist() == WORDS
    assert detector.card_.licence.startswith("CC BY 4.0")
    assert "Speech Commands" in detector.card_.data
    assert ((detector.thresholds_ > 0.05) & (detector.thresholds_ < 1)).all()
    assert "CC BY 4.0" in SHIPPED.with_suffix(".md").read_text()


def test_words_of_other_voices_are_found_soon_after_their_end(detector, said):
    stream, truth = said
    delay_s = detector.training.lag_s
    score = score_stream(detector.detect(stream), truth, len(stream) / RATE / 3600, delay_s=delay_s)
    assert len(truth) == 125
    assert score.recall >= 0.4
    assert score.false_alarms.count <= 20  # among 104 other words, on and off too
    assert score.median_delay_s <= 0.25


def test_it_tells_no_words_in_noise_music_and_silence(detector):
    tones = 0.1 * np.sin(2 * np.pi * np.repeat([220, 330, 440, 262, 392], RATE) * np.arange(5 * RATE) / RATE)
    steps = 0.2 * (np.arange(20 * RATE) // RATE % 2)
    noise = 0.05 * np.concatenate(synthetic_noise(RATE, 9, seconds=10))
    sound = np.concatenate([np.zeros(3 * RATE), tones, steps, noise]).astype(np.float32)
    assert detector.detect(sound) == []


def test_listen_and_evaluate_take_it_where_no_model_is_given(detector, said, tmp_path):
    stream = said[0][: 60 * RATE]
    ac.write(tmp_path / "words.wav", stream, RATE, subtype="FLOAT")
    result = run("listen", "--file", tmp_path / "words.wav")
    assert result.exit_code == 0, result.output
    assert "no model is given; listening for down, go, left, no, right, stop, up, yes" in result.stderr
    assert [line.split()[3] for line in result.stdout.splitlines()[:-1]] == [d.label for d in detector.detect(stream)]
    assert len(result.stdout.splitlines()) > 2
    clips = tmp_path / "clips"
    for label in ("maybe", "perhaps"):
        (clips / label).mkdir(parents=True)
        for i in range(3):
            ac.write(clips / label / f"{i}.wav", 0.1 * stream[i * RATE :][:RATE], RATE)
    result = run("evaluate", clips, "--split", "all")
    assert result.exit_code == 2
    assert f"no clips of the words that {SHIPPED} tells" in result.stderr
    assert "a model and a folder are wanted, not 3 paths" in refused("evaluate", "a", "b", "c")


def test_its_file_says_what_a_model_saved_today_says(detector, tmp_path):
    detector.save(tmp_path / "again.safetensors")
    (arrays, settings), (arrays_again, settings_again) = map(model_file.load, (SHIPPED, tmp_path / "again.safetensors"))
    assert settings == settings_again
    assert arrays.keys() == arrays_again.keys()
    assert all(np.array_equal(array, arrays_again[name]) for name, array in arrays.items())
