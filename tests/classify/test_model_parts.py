"""What a model file holds of features, network and probe: little, and exact; and what files of before held."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as any_array

import audioconv as ac
from audioconv.classify import model_parts
from audioconv.io import model_file
from audioconv.io.stored_settings import StoredSettings
from tests.models_at_random import random_classifier, random_detector

MAKE = {ac.KeywordDetector: random_detector, ac.KeywordClassifier: random_classifier}


def stored(features):
    settings = StoredSettings(model_parts.features_settings(features), "features")
    return model_parts.stored_features(settings, model_parts.features_arrays(features), features.sample_rate)


@pytest.mark.parametrize("features", [ac.LogMel(), ac.Mfcc(8000, n_mels=20), ac.LogMel(44100, 30, n_mels=80, htk=True)])
def test_mel_filters_are_the_same_to_the_bit_and_stored_without_their_zeros(features):
    found = stored(features)
    assert type(found) is type(features)
    assert np.array_equal(found.filters, features.filters)
    assert sum(array.nbytes for array in model_parts.features_arrays(features).values()) < features.filters.nbytes / 8


@given(any_array(np.float64, (4, 65), elements=st.sampled_from([0.0, 0.0, 0.25, -1.0])))
def test_any_filters_come_back(filters):
    filters[:, 7] = 1  # a band must hold a bin
    features = ac.LogMel(4000, n_mels=4, filters=filters)
    assert np.array_equal(stored(features).filters, filters)


@pytest.mark.parametrize("kind", MAKE)
def test_files_of_before_are_loaded(kind, tmp_path):
    """With dense filters, and with a probe of half a second that was heard once."""
    fitted = MAKE[kind]()
    fitted.save(tmp_path / "new")
    arrays, settings = model_file.load(tmp_path / "new")
    for name in ("filter_bins", "filter_spans", "filter_weights"):
        del arrays[name]
    probe = np.random.default_rng(0).integers(-3000, 3000, 8000).astype(np.int16)
    sound = probe.astype(np.float32) / np.float32(32768)
    one_clip = kind is ac.KeywordClassifier
    heard = fitted.predict_proba(np.resize(sound, 16000)[None]) if one_clip else fitted.scorer_.posteriors(sound)
    assert len(heard) == (1 if one_clip else 24)
    arrays |= {"filters": fitted.scorer_.features.filters, "probe": probe, "probe_posteriors": heard}
    model_file.save(tmp_path / "old", arrays, {name: value for name, value in settings.items() if name != "format"})
    loaded = kind.load(tmp_path / "old")
    assert loaded.parity_ <= 1e-6
    assert np.array_equal(loaded.scorer_.features.filters, fitted.scorer_.features.filters)


@pytest.mark.parametrize("kind", MAKE)
def test_a_file_is_little_more_than_its_weights_and_half_if_half_precision_holds_them(kind, tmp_path):
    fitted = MAKE[kind]()
    fitted.statistics_ = None  # which are no weights
    network = fitted.scorer_.network
    fitted.save(tmp_path / "single")
    weights = sum(array.nbytes for array in network.state_dict().values())
    assert (tmp_path / "single").stat().st_size < weights + 30_000
    network.load_state_dict({name: array.astype(np.float16).astype(array.dtype)
                             for name, array in network.state_dict().items()})  # fmt: skip
    fitted.save(tmp_path / "half")
    assert (tmp_path / "half").stat().st_size < weights / 2 + 30_000
    loaded = kind.load(tmp_path / "half").scorer_.network.state_dict()
    assert all(loaded[name].dtype == array.dtype and np.array_equal(loaded[name], array)
               for name, array in network.state_dict().items())  # fmt: skip


def test_a_probe_goes_through_every_tap_of_a_detector(tmp_path):
    """A weight that only sound of long ago meets is missed by no probe."""
    fitted = random_detector()
    names = [name for name in fitted.scorer_.network.state_dict() if name.endswith("main.0.weight")]
    assert len(names) > 5
    for name in names:
        fitted.save(tmp_path / "m")
        arrays, settings = model_file.load(tmp_path / "m")
        arrays[f"network.{name}"][0] += np.float32(0.5)  # the tap that reaches back furthest
        model_file.save(tmp_path / "m", arrays, {name: value for name, value in settings.items() if name != "format"})
        with pytest.raises(ac.ModelFileError, match="does not give the posteriors here"):
            ac.KeywordDetector.load(tmp_path / "m")
