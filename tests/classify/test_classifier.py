"""The estimator: what it learns, the same bits again, its file, and what it refuses."""

import copy
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

import audioconv as ac
from audioconv import nn
from audioconv.classify import TrainingConfig, load_dataset
from audioconv.classify.augmentation import Augmentation
from audioconv.classify.labels import noise_target
from audioconv.errors import ArgumentError
from audioconv.io import model_file
from tests.compare import assert_close

RATE = 16000
DATA = "data/keywords"


def sounds(label, count, seed):
    """Clips of one second: high or low harmonic tones, or noise, of any level."""
    rng = np.random.default_rng([seed, ord(label[0])])
    times_s = np.arange(RATE) / RATE
    clips = []
    for _ in range(count):
        clip = 0.01 * rng.standard_normal(RATE)
        if label != "noise":
            pitch_hz = {"high": 1500, "low": 250}[label] * rng.uniform(0.9, 1.1)
            clip += sum(np.sin(2 * np.pi * k * pitch_hz * times_s) / k for k in (1, 2, 3)) * (abs(times_s - 0.5) < 0.3)
        clips.append(clip * rng.uniform(0.02, 0.2))
    return np.array(clips, np.float32)


def examples(count, seed):
    labels = ("high", "low", "noise")
    return np.concatenate([sounds(label, count, seed) for label in labels]), np.repeat(labels, count)


def make(**settings):
    return ac.KeywordClassifier(**({"epochs": 6, "batch_size": 12, "verbose": 0, "random_state": 1} | settings))


@pytest.fixture(scope="module")
def trained():
    return make().fit(*examples(16, 0), validation=examples(4, 1))


def test_it_learns(trained):
    X, y = examples(10, 2)
    assert trained.score(X, y) >= 0.9
    assert trained.classes_.tolist() == ["high", "low", "noise"]
    assert len(trained.history_) == 6
    assert set(trained.history_[0]) == {"epoch", "loss", "accuracy", "val_accuracy", "learning_rate", "seconds"}
    assert trained.history_[-1]["loss"] < trained.history_[0]["loss"]
    assert 0 < trained.threshold_ < 1
    assert not trained.interrupted_


def test_probabilities_sum_to_one_and_do_not_depend_on_the_batch(trained):
    X, _ = examples(5, 3)
    proba = trained.predict_proba(X)
    assert proba.shape == (15, 3)
    assert np.allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert np.array_equal(np.concatenate([trained.predict_proba(x[None]) for x in X]), proba)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_the_same_seed_gives_the_same_bits_with_any_number_of_threads(threads):
    X, y = examples(9, 0)
    one = make(epochs=2, threads=1).fit(X, y)
    many = make(epochs=2, threads=threads).fit(X, y)
    for name, array in one.network_.state_dict().items():
        assert np.array_equal(array, many.network_.state_dict()[name]), name
    assert not np.array_equal(
        make(epochs=2, random_state=2).fit(X, y).network_.state_dict()["0.weight"],
        one.network_.state_dict()["0.weight"],
    )


def test_digital_silence_around_the_sound_does_not_hinder_learning():
    """Bands that are silent in all clips as they are, and full of noise once augmented, must not be blown up."""
    X, y = examples(16, 0)
    keep = y != "noise"
    X, y = X[keep] * (np.abs(np.arange(RATE) / RATE - 0.5) < 0.3), y[keep]
    X[np.abs(X) < 0.01] = 0
    assert make(epochs=8).fit(X, y).score(X, y) >= 0.9


def test_a_saved_model_says_the_same(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    trained.save(path)
    loaded = ac.KeywordClassifier.load(path)
    X, _ = examples(3, 4)
    assert np.array_equal(loaded.predict_proba(X), trained.predict_proba(X))
    assert loaded.predict(X).tolist() == trained.predict(X).tolist()
    history = [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in trained.history_]
    assert (loaded.threshold_, loaded.history_) == (trained.threshold_, history)
    assert path.stat().st_size < 400_000


def test_a_clip_is_scored_by_several_pitch_factors():
    X, y = examples(8, 0)
    one = make(epochs=3, training=TrainingConfig(tta_pitch_factors=(1.0,), tta_shifts_s=(0.0,))).fit(X, y)
    several = make(epochs=3, training=TrainingConfig(tta_pitch_factors=(0.9, 1.0, 1.2), tta_shifts_s=(0.0,))).fit(X, y)
    assert several.tta_pitch_factors_ == (0.9, 1.0, 1.2)
    assert make(epochs=1, augment=False).fit(X, y).tta_pitch_factors_ == (1.0,)
    assert np.array_equal(one.network_.state_dict()["0.weight"], several.network_.state_dict()["0.weight"])
    logits = []
    for pitch in several.tta_pitch_factors_:
        one.scorer_ = replace(one.scorer_, features=several.features_.with_pitch_factor(pitch))
        proba = np.log(one.predict_proba(X))
        logits.append(proba)
    mean = np.exp(np.mean(logits, axis=0))
    assert_close(several.predict_proba(X), mean / mean.sum(axis=1, keepdims=True), 1e-5)
    assert np.abs(several.predict_proba(X) - make(epochs=3).fit(X, y).predict_proba(X)).max() > 1e-4


def test_a_clip_is_scored_a_little_earlier_and_later_too():
    X, y = examples(8, 0)
    X[:, :2000] = X[:, -2000:] = 0  # so that nothing is lost at the ends
    one = make(epochs=3, training=TrainingConfig(tta_shifts_s=(0.0,))).fit(X, y)
    several = make(epochs=3, training=TrainingConfig(tta_shifts_s=(-0.05, 0.0, 0.1))).fit(X, y)
    assert several.tta_shifts_s_ == (-0.05, 0.0, 0.1)
    assert make(epochs=1, augment=False).fit(X, y).tta_shifts_s_ == (0.0,)
    mean = np.exp(np.mean([np.log(one.predict_proba(np.roll(X, n, axis=1))) for n in (-800, 0, 1600)], axis=0))
    assert_close(several.predict_proba(X), mean / mean.sum(axis=1, keepdims=True), 1e-5)
    assert np.abs(several.predict_proba(X) - one.predict_proba(X)).max() > 1e-4
    several.scorer_ = replace(several.scorer_, tta_shifts_s=(2.0,))  # beyond the clip: nothing is left
    assert np.ptp(several.predict_proba(X), axis=0).max() == 0


def quiet_noise(count, seed):
    rng = np.random.default_rng(seed)
    levels = 10 ** rng.uniform(-3, -1, (count, 1))
    return (levels * rng.standard_normal((count, RATE))).astype(np.float32)


def test_noise_alone_is_a_class_of_its_own_if_that_is_wanted():
    X, y = examples(16, 0)
    X, y = X[y != "noise"], y[y != "noise"]
    classifier = make(epochs=30, silence="silence", augment=Augmentation(noise_clip_ratio=0.5)).fit(X, y)
    assert classifier.classes_.tolist() == ["high", "low", "silence"]
    assert np.mean(classifier.predict(quiet_noise(20, 1)) == "silence") > 0.8
    assert classifier.score(X, y) > 0.8
    again = make(epochs=30, augment=Augmentation(noise_clip_ratio=0.5)).fit(X, y)
    assert again.predict_proba(quiet_noise(20, 1)).max(axis=1).mean() < 0.8  # no class more than another


def test_noise_belongs_to_the_label_that_says_so():
    classes = np.array(["_silence_", "unknown", "yes"])
    assert noise_target(classes).tolist() == [1, 0, 0]
    assert noise_target(classes[1:]).tolist() == [1, 0]
    assert noise_target(classes[2:]).tolist() == [1]
    assert noise_target(np.array(["hush", "silence"]), "hush").tolist() == [1, 0]
    assert noise_target(np.array([1, 2])).tolist() == [0.5, 0.5]


def mine(classes, features, *, rng):
    return [nn.Conv1d(features, 16, 9, rng=rng), nn.ReLU(), nn.GlobalAveragePool(), nn.Dense(16, classes, rng=rng)]


@pytest.mark.parametrize("model", ["ds-cnn-s", "mlp", "bc-resnet-1", mine])
def test_models_of_other_features_and_shapes_learn_stream_and_are_kept(model, tmp_path):
    X, y = examples(16, 0)
    classifier = make(model=model, epochs=4, augment=False).fit(X, y)
    assert classifier.history_[-1]["loss"] < classifier.history_[0]["loss"]
    rows = classifier.posteriors(X[0])
    assert_close(rows, classifier.predict_proba(X[:1]), 1e-5)
    classifier.save(tmp_path / "model.safetensors")
    loaded = ac.KeywordClassifier.load(tmp_path / "model.safetensors", model=model if callable(model) else None)
    assert np.array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    assert type(loaded.features_) is type(classifier.features_)
    if callable(model):
        with pytest.raises(ac.ModelFileError, match=r"made by 'mine'.*; .*load\(path, model="):
            ac.KeywordClassifier.load(tmp_path / "model.safetensors")


def test_balanced_classes_count_alike():
    """Two labels that nothing tells apart: the one that counts more is said."""
    rng = np.random.default_rng(0)
    X, y = (0.1 * rng.standard_normal((40, RATE))).astype(np.float32), np.array(["many"] * 32 + ["few"] * 8)
    shares = {}
    for weight in (None, "balanced", {"few": 16.0}):
        classifier = make(class_weight=weight, epochs=3, augment=False).fit(X, y)
        shares[str(weight)] = classifier.predict_proba(X)[:, 0].mean()  # of "few"
    assert shares["None"] < shares["balanced"] < shares[str({"few": 16.0})]
    assert shares["balanced"] > shares["None"] + 0.1


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("even", "class_weight must be None, 'balanced' or a dict"),
        ({"loud": 2.0}, "labels that y does not: loud"),
        ({"high": -1.0}, "at least 0"),
        ({"high": 0, "low": 0, "noise": 0}, "not all 0"),
    ],
)
def test_class_weights_that_make_no_sense_are_refused(weight, message):
    with pytest.raises(ArgumentError, match=message):
        make(class_weight=weight).fit(*examples(2, 0))


def test_pickle_copy_and_clone(trained):
    X, _ = examples(2, 5)
    expected = trained.predict_proba(X)
    for again in (pickle.loads(pickle.dumps(trained)), copy.deepcopy(trained)):
        assert np.array_equal(again.predict_proba(X), expected)
        assert np.array_equal(again.posteriors(X[0]), trained.posteriors(X[0]))
    assert clone(trained).get_params() == trained.get_params()
    assert not hasattr(clone(trained), "network_")


def test_clips_and_streams_share_one_scorer(trained):
    scorer, (X, _) = trained.scorer_, examples(2, 5)
    assert trained.stream()._posteriors.scorer is scorer
    assert trained.network_ is scorer.network
    assert (trained.clip_length, trained.window_hop) == (scorer.clip_length, scorer.window_hop) == (RATE, 800)
    again = pickle.loads(pickle.dumps(scorer))
    assert np.array_equal(again.logits(X), scorer.logits(X))
    assert np.array_equal(again.posteriors(X[0]), trained.posteriors(X[0]))
    with pytest.raises(AttributeError):
        scorer.clip_length = 8000


def test_labels_may_be_numbers():
    X, y = examples(6, 0)
    clf = make(epochs=1).fit(X, np.searchsorted(["high", "low", "noise"], y))
    assert clf.classes_.tolist() == [0, 1, 2]
    assert clf.predict(X).dtype.kind == "i"


def test_ctrl_c_keeps_the_best_weights(monkeypatch):
    X, y = examples(8, 0)
    clf = make(epochs=20)
    calls = 0

    def tired(self, record):
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("audioconv.classify.progress.TrainingProgress.epoch", tired)
    clf.fit(X, y)
    assert clf.interrupted_
    assert len(clf.history_) == 2
    assert clf.predict_proba(X).shape == (24, 3)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1000], "cut short or not a model"),
        (lambda data: data[:5], "cut short or not a model"),
        (lambda data: b"", "cut short or not a model"),
        (lambda data: b"RIFF" + data, "not a model file"),
    ],
)
def test_a_damaged_model_file_is_refused(trained, tmp_path, damage, message):
    path = tmp_path / "model.safetensors"
    trained.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ac.ModelFileError, match=message):
        ac.KeywordClassifier.load(path)


def test_model_files_of_others_and_of_other_versions_are_refused(trained, tmp_path, monkeypatch):
    from safetensors.numpy import save_file

    path = tmp_path / "model.safetensors"
    with pytest.raises(ac.ModelFileError, match=r"nothing\.safetensors cannot be read|nothing\.safetensors .*not"):
        ac.KeywordClassifier.load(tmp_path / "nothing.safetensors")
    save_file({"x": np.zeros(3)}, path)
    with pytest.raises(ac.ModelFileError, match="holds arrays but no audioconv model"):
        ac.KeywordClassifier.load(path)
    for other in (1, 99):  # before names of settings changed, and of a version to come
        monkeypatch.setattr(model_file, "FORMAT", other)
        trained.save(path)
        monkeypatch.undo()
        with pytest.raises(ac.ModelFileError, match=f"has model format {other}; .* reads format 3. Train it anew"):
            ac.KeywordClassifier.load(path)
    save_file({"x": np.zeros(3)}, path, metadata={"audioconv": json.dumps({"format": model_file.FORMAT})})
    with pytest.raises(ac.ModelFileError, match="is not a whole model: kind of its settings is missing"):
        ac.KeywordClassifier.load(path)


def test_saving_to_a_folder_that_is_not_there_leaves_nothing(trained, tmp_path):
    with pytest.raises(ac.ModelFileError, match="does not exist"):
        trained.save(tmp_path / "no" / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y": ["a"] * 6}, ac.ArgumentError, "at least two labels, not one class only, 'a'"),
        ({"y": ["a", "b"]}, ac.ShapeError, "one label a clip: 6 clips"),
        ({"X": np.full((6, RATE), np.nan, np.float32)}, ac.ArgumentError, "no NaN or infinity"),
        ({"X": np.zeros((6, RATE), np.int16)}, ac.DtypeError, "32768"),
        (
            {"validation": (np.zeros((1, RATE), np.float32), ["c"])},
            ac.ArgumentError,
            "labels that training does not: c",
        ),
        ({"validation": 3}, ac.ArgumentError, r"validation must be a pair \(X, y\)"),
        ({"model": "resnet-152"}, ac.ArgumentError, "model cannot be 'resnet-152'; did you mean 'bc-resnet-2'"),
        ({"epochs": 0}, ac.ArgumentError, "epochs must be at least 1"),
        ({"batch_size": 1.5}, ac.ArgumentError, "batch_size must be a whole number"),
        ({"clip_s": 0.01}, ac.ArgumentError, "at least one window of 25 ms"),
        ({"background_noise": [np.zeros(100, np.float32)]}, ac.ArgumentError, "is silent"),
        ({"background_noise": ["nowhere.wav"]}, ac.AudioFileError, "nowhere.wav does not exist"),
        ({"random_state": -1}, ac.ArgumentError, "random_state must be at least 0"),
    ],
)
def test_bad_arguments_are_refused(change, error, message):
    X, y = examples(2, 0)
    given = {"X": X, "y": y} | change
    call = {key: given.pop(key) for key in ("X", "y", "validation") if key in given}
    with pytest.raises(error, match=message):
        make(**given).fit(**call)


def test_before_fit_nothing_is_predicted():
    from sklearn.exceptions import NotFittedError

    for method in ("predict", "predict_proba", "posteriors"):
        with pytest.raises(NotFittedError):
            getattr(make(), method)(np.zeros((1, RATE), np.float32))


@pytest.mark.slow
def test_the_shipped_words_are_learnt_from_unseen_voices():
    """A short training on four of the shipped words; chance is a quarter."""
    dataset = load_dataset(DATA)
    dataset = dataset.select(np.isin(dataset.labels, ["yes", "no", "stop", "left"]))
    train, test = dataset.part("train"), dataset.part("val")
    clf = make(epochs=12, augment=Augmentation(), batch_size=20).fit(train.files, train.labels)
    assert clf.score(test.files, test.labels) > 0.75


@pytest.mark.data
@pytest.mark.slow
def test_speech_commands_are_learnt_and_heard_in_a_stream(data_folder):
    """A short training on real words: whole and streamed posteriors over a real recording are the same."""
    dataset = load_dataset(data_folder / "speech_commands")
    part, val = dataset.part("train"), dataset.part("val")
    chosen = part.select(np.arange(len(part)) % 4 == 0)
    clf = make(epochs=6, batch_size=50).fit(chosen.files, chosen.labels)
    assert clf.score(val.files, val.labels) > 0.9
    recording = ac.read(next((data_folder / "recordings").glob("198-209-0000*.ogg")))
    samples = ac.io.resample(recording.samples, recording.sample_rate, RATE)
    whole = clf.posteriors(samples)
    for block in (7, 160, 4000):
        stream = clf.scorer_.stream()
        rows = [stream.process(samples[i : i + block]) for i in range(0, samples.size, block)] + [stream.flush()]
        assert_close(np.concatenate(rows), whole, 1e-5)


def test_ctrl_c_while_the_threshold_is_chosen_keeps_the_trained_model(monkeypatch):
    def tired(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("audioconv.classify.calibrate.choose_threshold", tired)
    clf = make(epochs=1).fit(*examples(4, 0), validation=examples(2, 1))
    assert clf.interrupted_
    assert len(clf.history_) == 1


def test_a_refused_fit_leaves_the_old_one_whole(trained):
    clf = copy.deepcopy(trained)
    X, y = examples(2, 0)
    expected = clf.predict_proba(X)
    with pytest.raises(ac.ArgumentError, match="labels that training does not"):
        clf.fit(X[:4], ["a", "b"] * 2, validation=(X, y))
    assert clf.classes_.tolist() == trained.classes_.tolist()
    assert np.array_equal(clf.predict_proba(X), expected)
