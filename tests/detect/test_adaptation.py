"""More words from few clips, for a detector of random weights: what is kept, what is new, and what is refused."""

import copy

import numpy as np
import pytest

import audioconv as ac
from audioconv.detect import FrameScorer, MixtureSettings, adaptation
from audioconv.errors import ArgumentError
from tests.command import refused, run
from tests.models_at_random import random_detector
from tests.tone_detector import tone_detector

RATE = 16000
SHORT = MixtureSettings(stretch_s=1.2)


def word(hz, seconds=0.3):
    times_s = np.arange(round(seconds * RATE)) / RATE
    return np.pad(0.2 * np.sin(2 * np.pi * hz * times_s), RATE // 5).astype(np.float32)


CLIPS = np.stack([word(hz) for hz in (700, 720, 740)])


@pytest.fixture(scope="module", autouse=True)
def few_stretches():
    patch = pytest.MonkeyPatch()
    patch.setattr(adaptation, "STRETCHES", 4)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def detector():
    return random_detector().set_params(mixtures=SHORT)


@pytest.fixture(scope="module")
def adapted(detector):
    return detector.adapt(CLIPS, ["beep"] * 3)


def logits(detector, sound):
    scorer = detector.scorer_
    x = scorer.network_input(scorer.features(sound)[None])
    return scorer.network.forward(x).reshape(-1, 1 + len(scorer.classes))


def test_a_new_word_gets_a_column_of_its_own_and_the_others_stay_to_the_bit(detector, adapted):
    assert adapted.classes_.tolist() == ["beep", "no", "yes"]
    assert detector.classes_.tolist() == ["no", "yes"]
    sound = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert np.array_equal(logits(adapted, sound)[:, [0, 2, 3]], logits(detector, sound))
    assert adapted.thresholds_.tolist() == [0.5, 0.4, np.inf]
    assert adapted.word_s_[1:].tolist() == [0.3, 0.4]
    assert adapted.word_s_[0] == pytest.approx(0.3, abs=0.05)
    assert adapted.card_.facts["adapted_to"] == "beep (3 clips)"
    assert "adapted_to" not in detector.card_.facts


def test_most_of_the_clips_are_told(adapted):
    """The network is random, but tones are not: their features are alike."""
    pause = np.zeros(RATE // 2, np.float32)
    rows = adapted.scorer_.posteriors(np.concatenate([0.5 * word(710), pause]))
    assert rows[:, 0].max() > 0.3


def test_the_same_clips_give_the_same_detector_with_any_number_of_threads(detector, adapted):
    again = detector.set_params(threads=2).adapt(list(CLIPS), np.array(["beep"] * 3))
    detector.set_params(threads=None)
    sound = word(700)
    assert np.array_equal(logits(again, sound), logits(adapted, sound))


def test_a_known_word_is_sharpened_and_keeps_its_threshold(detector):
    sharpened = detector.adapt(CLIPS[:1], ["no"])
    assert sharpened.classes_.tolist() == ["no", "yes"]
    assert sharpened.thresholds_.tolist() == [0.4, np.inf]
    sound = word(700)
    before, after = logits(detector, sound), logits(sharpened, sound)
    assert np.array_equal(before[:, [0, 2]], after[:, [0, 2]])
    assert not np.array_equal(before[:, 1], after[:, 1])


def test_an_adapted_detector_is_adapted_again_after_it_was_saved(adapted, tmp_path):
    adapted.save(tmp_path / "words.safetensors")
    loaded = ac.KeywordDetector.load(tmp_path / "words.safetensors")
    loaded.verbose = 0
    assert np.array_equal(loaded.statistics_.means, adapted.statistics_.means)
    more = {detector: detector.adapt(CLIPS[:2], ["zeta", "zeta"]) for detector in (adapted, loaded)}
    first, second = more.values()
    assert second.classes_.tolist() == ["beep", "no", "yes", "zeta"]
    assert np.array_equal(logits(first, word(700)), logits(second, word(700)))
    assert second.card_.facts["adapted_to"] == "beep (3 clips), zeta (2 clips)"


def test_what_cannot_be_adapted_is_refused(detector):
    with pytest.raises(ArgumentError, match="'unknown' is no word"):
        detector.adapt(CLIPS, ["unknown"] * 3)
    with pytest.raises(ArgumentError, match="of the kind of 'no', unlike 7"):
        detector.adapt(CLIPS, [7] * 3)
    with pytest.raises(ArgumentError, match="at least 2 clips, not 1"):
        detector.adapt(CLIPS[:1], ["beep"])
    with pytest.raises(ArgumentError, match="not one that ends in Conv1d"):
        tone_detector().adapt(CLIPS, ["beep"] * 3)
    forgetful = copy.copy(detector)
    forgetful.statistics_ = None
    with pytest.raises(ArgumentError, match="remembers nothing of its training"):
        forgetful.adapt(CLIPS, ["beep"] * 3)


def test_a_network_of_rows_is_adapted_as_one_of_planes_is(detector):
    rng = np.random.default_rng(0)

    def rows(classes, features, *, rng):
        return [
            ac.nn.Conv1d(features, 96, 5, padding="causal", rng=rng),
            ac.nn.ReLU(),
            ac.nn.Dense(96, classes, rng=rng),
        ]

    network = ac.models.build_frames(rows, 3, 40, 0)
    other = ac.KeywordDetector(rows, verbose=0, mixtures=SHORT)
    vars(other).update({name: value for name, value in vars(detector).items() if name.endswith("_")})
    still = np.zeros(40, np.float32)
    other.scorer_ = FrameScorer(detector.classes_, ac.LogMel(), network, still, still + 1)
    assert other.adapt(CLIPS, ["beep"] * 3).scorer_.posteriors(rng.standard_normal(RATE).astype("f4")).shape[1] == 3


def test_the_command_adapts_a_model_to_a_folder(detector, tmp_path):
    detector.save(tmp_path / "words.safetensors")
    (tmp_path / "clips" / "beep").mkdir(parents=True)
    for k, clip in enumerate(CLIPS):
        ac.write(tmp_path / "clips" / "beep" / f"{k}.wav", clip, RATE)
    given = ("adapt", tmp_path / "words.safetensors", tmp_path / "clips", "--out", tmp_path / "more.safetensors")
    done = run(*given)
    assert done.exit_code == 0, done.output
    assert "3 clips of beep; thresholds beep 0.50, no 0.40, yes inf" in done.stdout
    assert "nobody knows how many false alarms" in done.stderr
    assert ac.KeywordDetector.load(tmp_path / "more.safetensors").classes_.tolist() == ["beep", "no", "yes"]
    assert "exists and is not overwritten" in refused(*given)
    noise = 0.05 * np.random.default_rng(0).standard_normal(3 * RATE)
    (tmp_path / "hours").mkdir()
    ac.write(tmp_path / "hours" / "0.wav", noise, RATE)
    done = run(*given, "--force", "--negatives", tmp_path / "hours", "--false-alarms-per-hour", 2)
    assert done.exit_code == 0, done.output
    assert "too few to promise 2 false alarms an hour" in done.stderr
    assert "is not a folder" in refused(*given, "--force", "--negatives", tmp_path / "hours" / "0.wav")
    assert "none does not exist" in refused(*given, "--force", "--negatives", tmp_path / "none")
    of_none = [*given[:2], tmp_path / "none", *given[3:], "--force"]
    assert f"none does not exist; a folder of clips for each word, such as {tmp_path}" in refused(*of_none)
    assert "holds no folder with sound files" in refused(*given[:2], tmp_path / "hours", *given[3:], "--force")
