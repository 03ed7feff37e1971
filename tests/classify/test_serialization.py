"""What a model file keeps of an estimator: its parameters, labels, and the clips that it knows."""

import numpy as np
import pytest

import audioconv as ac
from audioconv.classify import Augmentation, TrainingConfig
from tests.classify.test_classifier import examples
from tests.classify.test_parameters import make, model_with_dropout, weights
from tests.models_at_random import random_classifier


def own_model(classes, features, *, rng):
    return model_with_dropout(classes, features, rng=rng)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"learning_rate": 0.02, "threads": 1, "random_state": 2**40, "class_weight": "balanced", "silence": "hush"},
        {
            "training": TrainingConfig(label_smoothing=0.2, tta_pitch_factors=(0.9, 1.0)),
            "augment": Augmentation(n_masks=2, speed=(0.9, 1.1)),
        },
        {"augment": False, "class_weight": {"high": 2.0, "low": np.float32(0.5)}},
    ],
)
def test_a_loaded_model_has_the_parameters_that_it_was_trained_with(settings, tmp_path):
    X, y = examples(2, 0)
    fitted = make(**settings).fit(X, y)
    fitted.save(tmp_path / "m.safetensors")
    loaded = ac.KeywordClassifier.load(tmp_path / "m.safetensors")
    assert loaded.get_params() == fitted.get_params()
    assert np.array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert np.array_equal(loaded.trained_on_, fitted.trained_on_)
    assert np.array_equal(weights(loaded.fit(X, y)), weights(fitted))


def test_what_a_file_cannot_say_is_left_out_of_the_parameters(tmp_path):
    X, y = examples(2, 0)
    hum = np.sin(np.arange(16000) / 9).astype(np.float32)
    ac.write(tmp_path / "hum.wav", hum, 16000)
    fitted = make(
        model=own_model, background_noise=[tmp_path / "hum.wav", hum], random_state=np.random.default_rng(5)
    ).fit(X, y)
    fitted.save(tmp_path / "m.safetensors")
    loaded = ac.KeywordClassifier.load(tmp_path / "m.safetensors", model=own_model)
    assert loaded.model is own_model
    assert loaded.background_noise == [str(tmp_path / "hum.wav")]
    assert loaded.random_state == fitted.seed_ == loaded.seed_


def test_a_model_without_digests_says_nothing_of_what_it_knows(tmp_path):
    fitted = random_classifier()
    fitted.trained_on_ = fitted.validated_on_ = None
    fitted.save(tmp_path / "m.safetensors")
    loaded = ac.KeywordClassifier.load(tmp_path / "m.safetensors")
    assert loaded.was_trained_on(np.zeros((2, 16000), np.float32)) == (None, None)


@pytest.mark.parametrize("kind", [int, np.int16, bool, float, object])
def test_labels_of_any_kind_are_kept(kind, tmp_path):
    X, _ = examples(2, 0)
    y = np.array(["no", "yés"] * 3, dtype=object) if kind is object else np.array([0, 1] * 3).astype(kind)
    fitted = make().fit(X, y)
    fitted.save(tmp_path / "m")
    loaded = ac.KeywordClassifier.load(tmp_path / "m")
    assert loaded.classes_.dtype == fitted.classes_.dtype
    assert np.array_equal(loaded.predict(X), fitted.predict(X))


@pytest.mark.parametrize("label", [None, 1.5, ["a", 1, "b"] * 2])
def test_labels_that_are_none_are_refused(label):
    X, _ = examples(2, 0)
    y = np.array(label if isinstance(label, list) else [label, "a"] * 3, dtype=object)
    with pytest.raises(ac.ArgumentError, match="labels of one kind, text or numbers, not "):
        make().fit(X, y)
    with pytest.raises(ac.ArgumentError, match=r"labels as text, not as bytes such as .*b'a'"):
        make().fit(X, [b"a", b"b"] * 3)


@pytest.mark.parametrize("path", [3, None, b"m"])
def test_what_is_no_path_is_refused(path):
    fitted = random_classifier()
    for use in (fitted.save, ac.KeywordClassifier.load):
        with pytest.raises(ac.ArgumentError, match=r"path of a model must be text or a pathlib\.Path, not "):
            use(path)


@pytest.mark.parametrize("name", ["m.onnx", "m.pt", "m.h5", "m.PKL", "model.v2"])
def test_the_suffix_of_another_format_is_refused(name, tmp_path):
    fitted = random_classifier()
    with pytest.raises(ac.ModelFileError, match=r"in the format of safetensors, not \.\w+; name it m.*\.safetensors"):
        fitted.save(tmp_path / name)
    assert not list(tmp_path.iterdir())
    for good in ("m.safetensors", "m.SafeTensors", "m.model", "m"):
        fitted.save(tmp_path / good)
        fitted.save(tmp_path / good)  # in the place of the older one
        assert ac.KeywordClassifier.load(tmp_path / good).classes_.tolist() == fitted.classes_.tolist()


def test_models_are_known_by_the_samples_that_they_were_trained_on(tmp_path):
    X, y = examples(3, 0)
    held = examples(1, 5)
    fitted = make(clip_s=1.0).fit(X, y, validation=held)
    trained, validated = fitted.was_trained_on(np.concatenate((X[:2], held[0], 0.5 * X[:1])))
    assert trained.tolist() == [True, True, False, False, False, False]
    assert validated.tolist() == [False, False, True, True, True, False]
    files = [tmp_path / "a.wav", tmp_path / "a.flac"]
    for file, subtype in zip(files, ("FLOAT", "PCM_24"), strict=True):
        ac.write(file, X[4], 16000, subtype=subtype)
    again = make(clip_s=1.0).fit([str(files[1])] * 3 + [str(files[0])] * 3, ["a", "b"] * 3)
    assert again.trained_on_.size == 2
    assert again.was_trained_on([str(file) for file in files])[0].tolist() == [True, True]
