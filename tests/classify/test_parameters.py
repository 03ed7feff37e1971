"""What an estimator is given: refused if it makes no sense, within reach of searches, and what it does."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import audioconv as ac
from audioconv import nn
from audioconv.arrays import number, seed_of
from audioconv.classify import Augmentation, SlidingWindowDetector, TrainingConfig
from audioconv.classify.data_loader import _dropout_seed
from audioconv.classify.labels import class_weights
from tests.classify.test_classifier import examples
from tests.compare import assert_close
from tests.models_at_random import random_classifier


def make(**settings):
    return ac.KeywordClassifier(**({"epochs": 1, "batch_size": 12, "verbose": 0, "clip_s": 0.5} | settings))


def weights(fitted):
    return fitted.network_.state_dict()["0.weight"]


# --- seeds ----------------------------------------------------------------------------------------------------


def test_seeds_come_from_whatever_stands_for_randomness():
    assert [seed_of(given) for given in (None, 0, 20250101, np.int64(7), 2.0, 2**64, 2**70)] == [
        0, 0, 20250101, 7, 2, 2**64, 2**70
    ]  # fmt: skip
    for kind in (np.random.RandomState, np.random.default_rng, np.random.PCG64, np.random.SeedSequence):
        assert seed_of(kind(1)) == seed_of(kind(1)) != seed_of(kind(2))
    generator = np.random.default_rng(0)
    assert seed_of(generator) != seed_of(generator)
    for bad, message in (("1", "not '1'"), (-1, "at least 0"), (0.5, "whole"), (True, "whole"), ([1], r"not \[1\]")):
        with pytest.raises(ac.ArgumentError, match=f"random_state must .*{message}"):
            seed_of(bad)


def test_seeds_of_dropout_are_as_they_were_where_there_is_room_and_others_where_not():
    assert [_dropout_seed(seed) for seed in (0, 1, 2**23 - 1)] == [0, 1, 2**23 - 1]
    large = [_dropout_seed(seed) for seed in (2**23, 20250101, 2**24, 2**64, 2**70)]
    assert len(set(large)) == 5
    assert all(0 <= seed < 2**23 for seed in large)


def test_large_seeds_leave_room_for_the_epoch_that_is_remembered():
    X, y = examples(3, 0)
    for seed in (2**23 - 1, 20250101):
        assert make(random_state=seed).fit(X, y).seed_ == seed


@pytest.mark.parametrize("seed", [2**23, 20250101, 2**64 + 1])
def test_large_seeds_train_and_give_the_same_bits_again(seed):
    X, y = examples(3, 0)
    first, again = (make(random_state=seed, model=model_with_dropout).fit(X, y) for _ in range(2))
    assert first.seed_ == seed
    assert np.array_equal(weights(first), weights(again))
    assert not np.array_equal(weights(first), weights(make(random_state=seed + 1, model=model_with_dropout).fit(X, y)))


def model_with_dropout(classes, features, *, rng):
    layers = [nn.Conv1d(features, 8, 5, stride=4, rng=rng), nn.ReLU(), nn.GlobalAveragePool()]
    return [*layers, nn.Dropout(0.3), nn.Dense(8, classes, rng=rng)]


def test_a_generator_gives_each_fit_another_seed():
    X, y = examples(3, 0)
    fitted = make(random_state=np.random.RandomState(3))
    first = weights(fitted.fit(X, y)).copy()
    seed = fitted.seed_
    assert not np.array_equal(weights(fitted.fit(X, y)), first)
    assert np.array_equal(weights(make(random_state=seed).fit(X, y)), first)
    assert np.array_equal(weights(clone(make(random_state=np.random.RandomState(3))).fit(X, y)), first)


def test_minirocket_takes_large_seeds():
    X, y = examples(3, 0)
    first, again = (make(model="minirocket", random_state=2**40).fit(X, y) for _ in range(2))
    assert np.array_equal(first.predict_proba(X), again.predict_proba(X))


# --- checks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": -1}, "learning_rate must be above 0, not -1"),
        ({"learning_rate": np.nan}, "learning_rate must be a finite number above 0, not nan"),
        ({"learning_rate": "fast"}, "learning_rate must be a finite number above 0, not 'fast'"),
        ({"sample_rate": 0}, "sample_rate must be at least 1, not 0"),
        ({"sample_rate": "16k"}, "sample_rate must be a whole number"),
        ({"clip_s": -1.0}, "clip_s must be above 0, not -1"),
        ({"clip_s": None}, "clip_s must be a finite number above 0, not None"),
        ({"clip_s": np.inf}, "clip_s must be a finite number"),
        ({"epochs": True}, "epochs must be a whole number"),
        ({"epochs": -3}, "epochs must be at least 1, not -3"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"training": {"epochs": 3}}, "training must be a TrainingConfig or None"),
        ({"augment": "yes"}, "augment must be True, False or an Augmentation, not 'yes'"),
        ({"background_noise": "hum.wav"}, "background_noise must be a list of paths or arrays, not the one path"),
        ({"background_noise": 3}, "background_noise must be a list of paths or arrays, not 3"),
        ({"silence": ["silence"]}, "silence must be a label or None"),
        ({"silence": 3}, "silence must be a label like those of y, which are text, not 3"),
        ({"class_weight": {"high": "much"}}, "class_weight must hold numbers"),
        ({"class_weight": "equal"}, "class_weight must be None, 'balanced' or a dict"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"random_state": "7"}, "random_state must be None, a whole number"),
        ({"verbose": -1}, "verbose must be at least 0"),
        ({"verbose": "loud"}, "verbose must be a whole number"),
    ],
)
def test_parameters_are_checked_before_a_clip_is_read(change, message, monkeypatch):
    monkeypatch.setattr("audioconv.classify.training.load_clips", None)
    X, y = examples(2, 0)
    with pytest.raises(ac.ArgumentError, match=message):
        make(**change).fit(X, y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"min_steps": 1.5}, "min_steps must be a whole number"),
        ({"learning_rate": 0}, "learning_rate must be above 0"),
        ({"warmup_ratio": 1.5}, "warmup_ratio must be at least 0 and at most 1, not 1.5"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0"),
        ({"label_smoothing": 1}, "label_smoothing must be at least 0 and below 1, not 1"),
        ({"ema_decay": 1}, "ema_decay must be at least 0 and below 1"),
        ({"tta_pitch_factors": ()}, "tta_pitch_factors must hold at least one number"),
        ({"tta_pitch_factors": (1.0, 20)}, "tta_pitch_factors must be at least 0.5 and at most 2, not 20"),
        ({"tta_shifts_s": (np.nan,)}, "tta_shifts_s must be a finite number, not nan"),
        ({"tta_shifts_s": 0.1}, "tta_shifts_s must hold at least one number, not 0.1"),
    ],
)
def test_training_configs_out_of_range_are_refused(change, message):
    with pytest.raises(ac.ArgumentError, match=message):
        TrainingConfig(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shift_s": -0.1}, "shift_s must be at least 0"),
        ({"speed": (1.2, 0.8)}, "speed must be the lowest and then the highest number"),
        ({"speed": (0.0, 1.0)}, "speed must be at least 0.1 and at most 10, not 0"),
        ({"speed": 1.0}, "speed must be two numbers"),
        ({"vocal_tract": (1.0, np.inf)}, "vocal_tract must be a finite number"),
        ({"gain_db": (3,)}, "gain_db must be two numbers"),
        ({"equaliser_db": "flat"}, "equaliser_db must be a finite number"),
        ({"noise_probability": 1.1}, "noise_probability must be at least 0 and at most 1, not 1.1"),
        ({"snr_db": (40.0, 0.0)}, "snr_db must be the lowest"),
        ({"reverb_probability": -0.1}, "reverb_probability must be at least 0"),
        ({"time_mask_s": -1}, "time_mask_s"),
        ({"frequency_mask_bands": 2.5}, "frequency_mask_bands must be a whole number"),
        ({"n_masks": -1}, "n_masks must be at least 0"),
        ({"mixup_alpha": -0.3}, "mixup_alpha must be at least 0"),
        ({"noise_clip_ratio": np.nan}, "noise_clip_ratio must be a finite number"),
        ({"noise_dbfs": (-6.0, -70.0)}, "noise_dbfs must be the lowest"),
    ],
)
def test_augmentations_out_of_range_are_refused(change, message):
    with pytest.raises(ac.ArgumentError, match=message):
        Augmentation(**change)


def test_detectors_refuse_times_and_thresholds_that_make_no_sense():
    classifier = random_classifier()
    with pytest.raises(ac.ArgumentError, match=r"scorer must be a Scorer, .* not KeywordClassifier"):
        SlidingWindowDetector(classifier)
    for change in ({"threshold": 0}, {"threshold": 1.5}, {"threshold": np.nan}, {"threshold": "high"}):
        with pytest.raises(ac.ArgumentError, match="threshold must lie between 0 and 1"):
            SlidingWindowDetector(classifier.scorer_, **change)
    for name in ("smoothing_s", "min_duration_s", "refractory_s"):
        for bad in (-1, np.inf, "long", None):
            with pytest.raises(ac.ArgumentError, match=f"{name} must be "):
                classifier.stream(**{name: bad})


def test_a_number_says_its_range():
    assert number(np.float32(0.5), "share", 0, 1) == 0.5
    for bad in (True, "1", None, 1j, np.nan, -np.inf):
        with pytest.raises(ac.ArgumentError, match="share must be a finite number at least 0 and below 1, not "):
            number(bad, "share", 0, below=1)


# --- balance --------------------------------------------------------------------------------------------------


def test_a_class_of_noise_alone_is_balanced_by_its_clips_of_noise():
    classes, targets = np.array(["a", "b", "silence"]), np.array([0] * 30 + [1] * 10)
    found = class_weights("balanced", classes, targets, noise_clips=4)
    assert found == pytest.approx([44 / 90, 44 / 30, 44 / 12])
    assert class_weights("balanced", classes, targets)[2] == 1
    assert class_weights("balanced", classes[:2], targets) == pytest.approx([40 / 60, 40 / 20])
    X, y = examples(3, 0)
    fitted = make(silence="silence", class_weight="balanced").fit(X, y)
    assert fitted.classes_.tolist() == ["high", "low", "noise", "silence"]
    assert np.isfinite(weights(fitted)).all()


def test_silence_without_anything_to_learn_it_from_is_said(capsys):
    X, y = examples(2, 0)
    make(silence="silence", augment=False, verbose=1).fit(X, y)
    assert "there is nothing to learn 'silence' from" in capsys.readouterr().err


# --- settings within settings -----------------------------------------------------------------------------------


def test_searches_reach_the_training_config_and_the_augmentation():
    X, y = examples(4, 0)
    grid = {"training__label_smoothing": [0.0, 0.3], "augment__n_masks": [0, 1]}
    search = GridSearchCV(make(), grid, cv=2).fit(X, y)
    assert set(search.best_params_) == set(grid)
    best = search.best_estimator_
    assert best.training == TrainingConfig(label_smoothing=search.best_params_["training__label_smoothing"])
    assert best.augment == Augmentation(n_masks=search.best_params_["augment__n_masks"])


def test_nested_parameters_are_set_listed_and_cloned():
    given = TrainingConfig(weight_decay=0.2)
    clf = make(training=given)
    assert clf.get_params()["training__weight_decay"] == 0.2
    assert make().get_params()["training__label_smoothing"] == TrainingConfig().label_smoothing
    assert make().get_params()["augment__speed"] == Augmentation().speed
    clf.set_params(training__label_smoothing=0.2, augment__mixup_alpha=0.1, epochs=7)
    assert clf.training == TrainingConfig(weight_decay=0.2, label_smoothing=0.2)
    assert given == TrainingConfig(weight_decay=0.2)  # that of the caller, and maybe of others
    assert (clf.augment.mixup_alpha, clf.epochs) == (0.1, 7)
    copied = clone(clf)
    assert copied.training == clf.training
    assert copied.get_params() == clf.get_params()
    assert clone(given) == given
    clf.set_params(training=None, training__epochs=4)
    assert clf.training == TrainingConfig(epochs=4)
    with pytest.raises(ac.ArgumentError, match="training has no smoothing; did you mean label_smoothing"):
        clf.set_params(training__smoothing=0.1)
    with pytest.raises(ac.ArgumentError, match="label_smoothing must be at least 0 and below 1, not 2"):
        clf.set_params(training__label_smoothing=2)
    with pytest.raises(ValueError, match="Invalid parameter"):
        clf.set_params(nothing=1)


# --- weights of clips -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["tc-resnet8", "minirocket"])
def test_clips_of_weight_0_are_left_out(model):
    X, y = examples(4, 0)
    count = np.arange(len(X)) % 4 > 0
    left_out = make(model=model).fit(X, y, sample_weight=3.0 * count)
    assert np.array_equal(
        left_out.predict_proba(X), make(model=model).fit(X[count], y[count], sample_weight=np.ones(9)).predict_proba(X)
    )
    assert left_out.trained_on_.size == 9


@pytest.mark.parametrize("model", ["tc-resnet8", "minirocket"])
def test_equal_weights_are_as_none_and_large_ones_count(model):
    X, y = examples(6, 0)
    plain = make(model=model, epochs=3).fit(X, y)
    assert make(model=model, epochs=3).fit(X, y, sample_weight=np.full(18, 7.0)).predict_proba(X) == pytest.approx(
        plain.predict_proba(X), abs=1e-3
    )
    wrong = np.concatenate((y, np.full(6, "low")))
    both = np.concatenate((X, X[:6]))  # "high" as they are, and once more as "low"
    scores = []
    for weight in (0.01, 100.0):
        fitted = make(model=model, epochs=30 if model == "tc-resnet8" else 1, augment=False)
        fitted.fit(both, wrong, sample_weight=np.repeat([1.0, weight], [18, 6]))
        scores.append(fitted.predict_proba(X[:6])[:, fitted.classes_.tolist().index("low")].mean())
    assert scores[0] < 0.4 < 0.6 < scores[1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1.0] * 5, r"one number a clip: 6 clips, weights of shape \(5,\)"),
        ([1.0] * 5 + [-1.0], "at least 0"),
        ([0.0] * 6, "at least one number that is not zero"),
        ([np.nan] * 6, "finite"),
        (["a"] * 6, "one number a clip"),
        ([0.0] * 2 + [1.0] * 2 + [0.0] * 2, "at least two labels, not one class only, 'low'"),
    ],
)
def test_weights_that_make_no_sense_are_refused(given, message):
    X, y = examples(2, 0)
    with pytest.raises(ac.ArgumentError, match=message):
        make().fit(X, y, sample_weight=given)


@pytest.mark.parametrize("model", ["tc-resnet8", "minirocket"])
def test_weights_of_any_size_train(model):
    X, y = examples(2, 0)
    for given in (np.full(6, 1e308), np.full(6, 1e-320), [1e-60, 1, 1, 1, 1, 1]):
        probabilities = make(model=model).fit(X, y, sample_weight=given).predict_proba(X)
        assert_close(probabilities.sum(axis=1), np.ones(6), 1e-6)


def test_clips_may_come_one_by_one():
    X, y = examples(2, 0)
    assert np.array_equal(weights(make().fit(iter(X), y, sample_weight=np.ones(6))), weights(make().fit(X, y, None)))


@pytest.mark.parametrize(
    "labels",
    [
        np.array([1, 2**63 + 5], np.uint64),
        np.array([-3, 2], np.int8),
        np.array([False, True]),
        np.array([np.str_("x"), np.str_("y")], object),
        np.array(["x", "longer"], np.dtypes.StringDType()),
    ],
)
def test_labels_are_the_same_in_the_file(labels, tmp_path):
    X, _ = examples(2, 0)
    fitted = make().fit(X, labels[np.arange(6) % 2])
    fitted.save(tmp_path / "model")
    loaded = ac.KeywordClassifier.load(tmp_path / "model")
    assert sorted(loaded.classes_.tolist()) == sorted(labels.tolist())
    assert loaded.classes_.dtype == fitted.classes_.dtype
    assert np.array_equal(loaded.predict(X), fitted.predict(X))


def test_scores_take_weights():
    X, y = examples(2, 0)
    fitted = make().fit(X, y)
    wrong = fitted.predict(X) != y
    assert fitted.score(X, y, sample_weight=~wrong + 1e-9) == pytest.approx(1) or wrong.all()


# --- decisions ------------------------------------------------------------------------------------------------


def test_decisions_and_logarithms_agree_with_the_posteriors():
    X, y = examples(4, 0)
    many, two = make(epochs=3).fit(X, y), make(epochs=3).fit(X[:8], y[:8])
    assert many.decision_function(X).shape == (12, 3)
    assert np.array_equal(many.classes_[many.decision_function(X).argmax(axis=1)], many.predict(X))
    assert np.allclose(nn.softmax(many.decision_function(X)), many.predict_proba(X), atol=1e-6)
    assert np.allclose(many.predict_log_proba(X), np.log(many.predict_proba(X)), atol=1e-4)
    decisions, posteriors = two.decision_function(X), two.predict_proba(X)
    assert decisions.shape == (12,)
    assert np.allclose(decisions, np.log(posteriors[:, 1] / posteriors[:, 0]), atol=1e-4)
    assert np.array_equal(two.classes_[(decisions > 0).astype(int)], two.predict(X))
