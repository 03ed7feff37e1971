"""NeuralDenoise: the compiled step against NumPy, cuts, channels, rates; the training of its network."""

import dataclasses
import pickle

import numpy as np
import pytest
from scipy.signal import lfilter

import audioconv as ac
from audioconv import models, nn
from audioconv.enhance import DenoiserModel, DenoiserTraining, NoisySpeechSettings, train_denoiser
from audioconv.enhance.compressed import (
    KEPT,
    _moving_averages,
    compress,
    frame_size,
    mask_transform,
    masked,
    network_features,
    spectrum_scale,
)
from audioconv.errors import ArgumentError, AudioconvError, ModelFileError
from audioconv.models._mask_unet import fold_batch_norms
from tests.command import run as run_command
from tests.compare import assert_close
from tests.models_at_random import random_denoiser
from tests.streaming import run

PLANES, CHANNELS, DILATIONS = (8, 8, 8), 8, (1, 2)
RATES = [8000, 16000, 44100, 48000]


@pytest.fixture(scope="module")
def model():
    return random_denoiser()


def noise(length, channels=None, seed=0):
    shape = (length,) if channels is None else (length, channels)
    return (0.1 * np.random.default_rng(seed).standard_normal(shape)).astype("float32")


def denoised(x, rate, model, reduction_db):
    """The same by NumPy, of a whole signal: transform, network, mask, mean gain above its bins, inverse."""
    size = frame_size(rate)
    transform, scale = mask_transform(size), np.float32(spectrum_scale(size))
    spectra = transform(x)
    bins = min(257, spectra.shape[1])
    compressed = np.zeros((len(spectra), 257), np.complex64)
    compressed[:, :bins] = compress(spectra[:, :bins] * scale)
    mask = model.network.forward(network_features(compressed)[None])[0]
    dry = 10 ** (-reduction_db / 20)
    above = np.minimum(np.hypot(mask[..., 0], mask[..., 1]), 1)[:, 193:] ** 3
    clean = spectra * (dry + (1 - dry) * above.mean(axis=1, keepdims=True))
    clean[:, :bins] = dry * spectra[:, :bins] + (1 - dry) * masked(compressed, mask)[:, :bins] / scale
    return transform.inverse(clean.astype(np.complex64), len(x))


@pytest.mark.parametrize("rate", RATES)
def test_step_is_transform_network_and_inverse(model, rate):
    x = noise(5000)
    stage = ac.NeuralDenoise(rate, model=model, reduction_db=20)
    y = np.concatenate([stage.process(x), stage.flush()])
    assert not y[: stage.latency].any()
    assert stage.latency <= 0.04 * rate
    assert_close(y[stage.latency :], denoised(x, rate, model, 20), 2e-6)
    assert_close(ac.neural_denoise(x, rate, model=model, reduction_db=20), y[stage.latency :], 1e-9)


@pytest.mark.parametrize("channels", [1, 2])
def test_any_cut_gives_the_same_bits(model, channels):
    x = noise(3000, None if channels == 1 else channels)
    stage = ac.NeuralDenoise(16000, model=model, channels=channels)
    whole = np.concatenate([stage.process(x), stage.flush()])
    for sizes in ((1,), (100,), (0, 255, 3, 1000), (257, 64)):
        np.testing.assert_array_equal(run(stage, x, sizes), whole)


def test_channels_are_apart(model):
    x = noise(3000, 2)
    both = ac.neural_denoise(x, 16000, model=model)
    for channel in range(2):
        np.testing.assert_array_equal(
            both[:, channel], ac.neural_denoise(np.ascontiguousarray(x[:, channel]), 16000, model=model)
        )
    np.testing.assert_array_equal(ac.neural_denoise(x.T, 16000, model=model, axis=1), both.T)


def test_no_reduction_is_the_signal(model):
    x = noise(3000)
    assert_close(ac.neural_denoise(x, 16000, model=model, reduction_db=0), x, 1e-6)


def test_silence_stays_silence_and_what_is_not_finite_is_silence(model):
    stage = ac.NeuralDenoise(16000, model=model)
    assert not np.concatenate([stage.process(np.zeros(2000, "float32")), stage.flush()]).any()
    x = noise(2000)
    spoilt = x.copy()
    spoilt[700] = np.nan
    x[700] = 0
    found = np.concatenate([stage.process(spoilt)])
    assert stage.nonfinite_count == 1
    stage.reset()
    np.testing.assert_array_equal(found, stage.process(x))


def test_goes_on_after_a_pickle_and_in_a_chain(model):
    x = noise(3000)
    stage = ac.NeuralDenoise(16000, model=model)
    stage.process(x[:1000])
    again = pickle.loads(pickle.dumps(stage))
    np.testing.assert_array_equal(again.process(x[1000:]), stage.process(x[1000:]))
    stage.reset()
    alone = 2 * stage.process(x)
    stage.reset()
    chain = ac.Chain([stage, ac.Gain(20 * np.log10(2))])
    assert chain.latency == 511
    assert chain.rate_in == 16000
    chain.compiled_step()
    assert_close(chain.process(x), alone, 1e-6)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sample_rate": 1000}, "sample_rate must be from 4000 to 192000 Hz, not 1000; Denoise"),
        ({"reduction_db": -1}, "reduction_db must be at least 0"),
        ({"model": 3}, "cannot be read as a model"),
    ],
)
def test_what_is_refused(given, words):
    with pytest.raises(AudioconvError, match=words):
        ac.NeuralDenoise(**{"sample_rate": 16000} | given)


# --- the model's file ---


def test_file(model, tmp_path):
    path = tmp_path / "own.safetensors"
    card = dataclasses.replace(model.card, limits="none known")
    dataclasses.replace(model, card=card, history=[{"epoch": 1, "loss": 0.5}]).save(path)
    loaded = DenoiserModel.load(path)
    assert (loaded.planes, loaded.channels, loaded.dilations) == (PLANES, CHANNELS, DILATIONS)
    assert (loaded.card, loaded.parity) == (card, 0)
    assert loaded.history == [{"epoch": 1, "loss": 0.5}]
    x = noise(2000)
    np.testing.assert_array_equal(ac.neural_denoise(x, 16000, model=path), ac.neural_denoise(x, 16000, model=model))
    about = run_command("info", path)
    assert about.exit_code == 0
    assert "speech without its noise" in about.stdout
    assert "none known" in about.stdout
    with pytest.raises(ModelFileError, match="is a NeuralDenoise"):
        ac.KeywordDetector.load(path)
    with pytest.raises(ModelFileError, match="KeywordDetector"):
        ac.NeuralDenoise(16000, model=ac.detect.serialization.SHIPPED)


# --- training ---


def test_training_lowers_the_loss_and_the_seed_is_all(tmp_path):
    rng = np.random.default_rng(0)
    t = np.arange(16000) / 16000
    voices = [np.sin(2 * np.pi * f * t).astype("float32") for f in (200, 300)]
    noises = [rng.standard_normal(16000).astype("float32")]
    mixtures = NoisySpeechSettings(clip_s=0.25, synthetic_minutes=0.05)
    training = DenoiserTraining(
        epochs=2, settle_epochs=1, batches=4, learning_rate=0.02, ema_decay=0.5, planes=PLANES, channels=8,
        dilations=(1,), mixtures=mixtures,
    )  # fmt: skip
    first, second = (
        train_denoiser(voices, noises, speakers=["a", "b"], training=training, threads=threads) for threads in (1, 2)
    )
    assert first.history[-1]["loss"] < 0.8 * first.history[0]["loss"]
    for name, array in first.network.state_dict().items():
        np.testing.assert_array_equal(array, second.network.state_dict()[name])
    assert first.card.facts["speakers"] == 2

    def stop(record):
        raise KeyboardInterrupt

    for on_epoch in (stop, None):  # the second call goes on where the first one was stopped
        resumed = train_denoiser(
            voices, noises, speakers=["a", "b"], training=training, checkpoint=tmp_path / "kept", on_epoch=on_epoch
        )
    for name, array in first.network.state_dict().items():
        np.testing.assert_array_equal(array, resumed.network.state_dict()[name])
    with pytest.raises(ArgumentError, match="one for each of the 2 items"):
        train_denoiser(voices, noises, speakers=["a"])
    with pytest.raises(ArgumentError, match="there are none"):
        train_denoiser(voices, [])
    with pytest.raises(ArgumentError, match=r"noises\[0\] must be at least 0.5 s"):
        train_denoiser(voices, [np.zeros(100, "float32")])


def test_batch_norms_are_folded():
    normed, plain = (
        models.mask_unet(PLANES, CHANNELS, DILATIONS, batch_norm=norm, rng=np.random.default_rng(0))
        for norm in (True, False)
    )
    x = np.random.default_rng(1).standard_normal((2, 20, 257, 4)).astype("float32")
    for _ in range(3):  # so that running statistics are not those of the start
        normed.forward(x, training=True)
    fold_batch_norms(normed, plain)
    assert not any(isinstance(layer, nn.BatchNorm) for layer in plain.children())
    assert_close(plain.forward(x), normed.forward(x), 1e-6)


def test_network_is_causal():
    network = models.mask_unet(PLANES, CHANNELS, DILATIONS, rng=np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((1, 12, 257, 4)).astype("float32")
    later = x.copy()
    later[:, 7:] = 0
    a, b = network.forward(x), network.forward(later)
    np.testing.assert_array_equal(a[:, :7], b[:, :7])
    assert np.abs(a[:, 7:] - b[:, 7:]).max() > 0
    assert isinstance(network, nn.Sequential)
    with pytest.raises(ArgumentError, match="3 levels"):
        models.mask_unet((8, 8), rng=np.random.default_rng(0))


def test_moving_averages_are_those_of_a_recursive_filter():
    frames = np.random.default_rng(0).standard_normal((2, 50, 7)).astype(np.float32)
    wanted = lfilter([1 - KEPT], [1, -KEPT], frames, axis=-2)
    assert_close(_moving_averages(frames), wanted, 1e-14)
