"""Steps on short-time spectra against loops over samples and frames: the mask of a network, and the spectral gate."""

import numpy as np
import pytest

import audioconv as ac
from audioconv import nn
from audioconv.enhance import DenoiserModel, compressed, spectral_gate
from audioconv.kernels._jit import JIT_ENABLED
from tests import naive_spectra
from tests.compare import assert_close
from tests.signals import channel_noise
from tests.streaming import run

BINS, BIAS = 257, 1.7
LENGTHS, CHANNELS = ([1, 50, 300, 1000], [1, 2]) if JIT_ENABLED else ([1, 60], [2])


# --- the mask ---


@pytest.fixture(scope="module")
def model():
    """A network that hears one bin at a time: a matrix."""
    matrix = nn.Conv2d(4, 2, 1, rng=np.random.default_rng(0))
    matrix.bias = np.array([0.4, 0.1])
    return DenoiserModel(nn.Sequential([matrix]), (), 1, ())


@pytest.mark.parametrize(("rate", "channels"), [(4000, 2), (8000, 1), (24000, 1)])  # fewer bins than it knows, and more
def test_mask_of_a_network(model, rate, channels):
    stage = ac.NeuralDenoise(rate, model=model, reduction_db=20, channels=channels)
    size = stage.latency + 1
    x = 0.1 * channel_noise(size + size // 3, channels)
    y = run(stage, x, (size // 2 - 1, 1, 40))
    assert not y[: stage.latency].any()
    window, scale = np.sin(np.pi * np.arange(size) / size), compressed.spectrum_scale(size)
    (layer,) = model.network.children()
    kept = np.exp(-0.016)
    expected = [
        naive_spectra.spectral_mask(
            column, window, BINS, scale, 0.1, kept, lambda x: x @ layer.weight[0, 0] + layer.bias
        )
        for column in x.reshape(len(x), channels).T
    ]
    assert_close(y[stage.latency :], np.stack(expected, axis=1).reshape(x.shape), 2e-6)


# --- the gate ---

SMOOTHED = {"window_ms": 32, "smooth_ms": 16, "smooth_hz": 70, "memory_s": 0.1}


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(
    "options",
    [
        SMOOTHED,
        {"window_ms": 64, "smooth_ms": 0, "smooth_hz": 0, "memory_s": 0.13},
        SMOOTHED | {"smooth_hz": 600, "memory_s": 0.128},
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_gate(monkeypatch, length, channels, options, known):
    monkeypatch.setattr(spectral_gate, "_minimum_bias", lambda *about: BIAS)
    x, noise = channel_noise(length, channels), 0.7 * channel_noise(80, seed=1)
    x[length // 3 : 2 * length // 3] = 0  # silence, which is no noise
    gate = ac.Denoise(1000, channels=channels, noise=noise if known else None, **options)
    window, hop = gate.transform.window, gate.transform.hop
    given = {"noise": gate._noise} if known else {"memory": round(options["memory_s"] * 1000 / hop), "bias": BIAS}
    columns = x.reshape(length, channels)
    smoothing = gate._rows, gate._columns
    expected = naive_spectra.spectral_gate(columns, window, hop, *smoothing, 10**0.4, 10**-1.5, **given).reshape(
        x.shape
    )
    for cuts in ((hop - 1, 1, 5), (1000,)):
        y = run(gate, x, cuts)
        assert not y[: gate.latency].any()
        assert_close(y[gate.latency :], expected, 2e-6, zeros_allowed=length == 1)
