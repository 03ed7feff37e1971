"""The configuration of a training: lengths that follow the size of the set, and switches that do something."""

import dataclasses

import numpy as np
import pytest

import audioconv as ac
from audioconv.classify import TrainingConfig
from audioconv.classify.training_config import default_model, standard_error
from tests.classify.test_classifier import examples, make


@pytest.mark.parametrize(("batches", "epochs"), [(1, 1700), (2, 1700), (16, 213), (45, 76), (46, 75), (1000, 75)])
def test_small_sets_are_gone_through_more_often(batches, epochs):
    assert TrainingConfig().epochs_for(batches) == epochs


def test_sets_of_many_clips_are_gone_through_less_often():
    assert TrainingConfig().epochs_for(188, many=True) == 27
    assert TrainingConfig(epochs_of_many=3).epochs_for(2000, many=True) == 3
    assert TrainingConfig(epochs_of_many=3).epochs_for(1, many=True) == 1700
    with pytest.raises(ac.ArgumentError, match="epochs_of_many"):
        TrainingConfig(epochs_of_many=0)


@pytest.mark.parametrize(("clips", "model"), [(7999, "tc-resnet8"), (8000, "cnn-tc-resnet")])
def test_the_architecture_follows_the_number_of_clips(clips, model):
    assert default_model(clips) == model


def test_a_model_says_which_architecture_it_has_by_default(monkeypatch, tmp_path):
    X, y = examples(3, 0)
    few = make(model=None, epochs=1).fit(X, y)
    monkeypatch.setattr("audioconv.classify.set_size.MANY_CLIPS", len(X))
    many = make(model=None, epochs=1).fit(X, y)
    assert (few.model_, many.model_) == ("tc-resnet8", "cnn-tc-resnet")
    assert few.features_.top_db == 18
    assert many.features_.top_db == 40
    many.save(tmp_path / "many.safetensors")
    loaded = ac.KeywordClassifier.load(tmp_path / "many.safetensors")
    assert loaded.model is None
    assert loaded.model_ == "cnn-tc-resnet"
    assert np.array_equal(loaded.predict_proba(X), many.predict_proba(X))
    assert repr(loaded).startswith("KeywordClassifier('cnn-tc-resnet', ")


def test_the_schedule_rises_falls_and_ends_at_nothing():
    rates = [TrainingConfig(warmup_ratio=0.2).schedule(0.5, 100)(step) for step in range(101)]
    assert np.argmax(rates) == 20
    assert rates[20] == 0.5
    assert rates[0] < 0.03
    assert rates[100] == pytest.approx(0, abs=1e-12)
    assert TrainingConfig(warmup_ratio=0).schedule(0.5, 100)(0) == 0.5


def weights(**changes):
    fitted = make(epochs=2, training=dataclasses.replace(TrainingConfig(), **changes)).fit(*examples(6, 0))
    return np.concatenate([array.ravel() for array in fitted.network_.state_dict().values()])


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0.001},
        {"warmup_ratio": 0.5},
        {"weight_decay": 1.0},
        {"label_smoothing": 0},
        {"ema_decay": 0.9},
    ],
)
def test_each_setting_changes_the_weights(change):
    assert not np.array_equal(weights(), weights(**change))


def test_the_average_is_what_is_kept():
    fitted = make(epochs=2, training=TrainingConfig(ema_decay=0.999999)).fit(*examples(6, 0))
    begun = make(epochs=2, training=TrainingConfig(learning_rate=1e-12)).fit(*examples(6, 0))
    wanted, found = begun.network_.state_dict(), fitted.network_.state_dict()
    assert np.allclose(found["0.weight"], wanted["0.weight"], atol=1e-3)
    assert np.abs(found["0.weight"]).max() > 0.1


def test_training_configs_that_make_no_sense_are_refused():
    with pytest.raises(ac.ArgumentError, match="decay"):
        make(training=TrainingConfig(ema_decay=1.5)).fit(*examples(2, 0))


def test_a_clip_more_or_less_is_within_the_standard_error():
    assert standard_error(0.5, 100) == pytest.approx(0.05, rel=1e-3)
    for right, clips in ((99, 100), (550, 554), (10, 10)):
        assert standard_error(right / clips, clips) > 0.8 / clips
    assert standard_error(0.9, 10_000) < 0.004


def test_of_epochs_that_hardly_differ_the_last_is_kept():
    X, y = examples(12, 0)
    held = examples(6, 1)
    fitted = make(epochs=8).fit(X, y, validation=held)
    scores = [epoch["val_accuracy"] for epoch in fitted.history_]
    good = [
        s >= max(scores[: n + 1]) - standard_error(max(scores[: n + 1]), len(held[1])) for n, s in enumerate(scores)
    ]
    assert fitted.best_epoch_ == max(n for n, each in enumerate(good, 1) if each)
