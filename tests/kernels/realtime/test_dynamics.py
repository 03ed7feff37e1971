"""Steps that follow a level, echo, or measure, on short signals; without JIT all that they touch is checked."""

import numpy as np
import pytest

import audioconv as ac
from audioconv.kernels.realtime.chain import SUB_BLOCK
from tests import naive_stages
from tests.compare import assert_close
from tests.naive_stages import coefficient, over
from tests.signals import channel_noise

LENGTHS = [0, 1, 9, SUB_BLOCK, SUB_BLOCK + 3]
RATE = 1000


def twice(stage, x, **changes):
    """A block, and one more after a change."""
    first = stage.process(x)
    for name, value in changes.items():
        setattr(stage, name, value)
    return np.concatenate([first, stage.process(x)]).reshape(2 * len(x), stage.channels)


def ways(length, **ends):
    """Parameters over two blocks, of which the second is the way to another value."""
    return {name: np.concatenate([np.full(length, a), over(a, b, length)]) for name, (a, b) in ends.items()}


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("channels", [1, 3])
def test_compressor(length, channels):
    x = channel_noise(length, channels)
    stage = ac.Compressor(-20.0, 2.0, sample_rate=RATE, attack_ms=3, release_ms=20, channels=channels)
    y = twice(stage, x, threshold_db=-10.0, makeup_db=6.0)
    settings = ways(length, threshold=(-20, -10), ratio=(2, 2), knee=(6, 6), makeup=(0, 6),
                    attack=[coefficient(3, RATE)] * 2, release=[coefficient(20, RATE)] * 2)  # fmt: skip
    expected = naive_stages.compressor(np.concatenate([x, x]).reshape(-1, channels), settings)
    assert_close(y, expected, 1e-6)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("channels", [1, 3])
def test_noise_gate(length, channels):
    x = channel_noise(length, channels) * np.float32(0.3)
    stage = ac.NoiseGate(-12.0, sample_rate=RATE, attack_ms=2, hold_ms=3, release_ms=4, channels=channels)
    y, opens = twice(stage, x), 10 ** (-12 / 20)
    expected = naive_stages.noise_gate(np.concatenate([x, x]).reshape(-1, channels), opens, opens * 10 ** (-6 / 20),
                                       1e-3, coefficient(2, RATE), coefficient(4, RATE), 3)  # fmt: skip
    assert_close(y, expected, 1e-6)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("samples", [1, 5, 100])
def test_delay(length, channels, samples):
    x = channel_noise(length, channels)
    stage = ac.Delay(samples / RATE, 0.5, 0.25, sample_rate=RATE, max_delay_s=0.1, channels=channels)
    y = twice(stage, x, feedback=-0.5, mix=1.0)
    made = ways(length, delay=(float(samples), float(samples)), feedback=(0.5, -0.5), mix=(0.25, 1)).values()
    expected = naive_stages.delay(np.concatenate([x, x]).reshape(-1, channels), *made)
    assert_close(y, expected, 1e-6)
    stage.delay_s = 0.1
    assert stage.process(x).shape == x.shape


@pytest.mark.parametrize("channels", [1, 3])
def test_loudness_meter(channels):
    x = channel_noise(1700, channels)
    meter, again = ac.LoudnessMeter(4000, channels=channels), ac.LoudnessMeter(4000, channels=channels)
    for first, last in ((0, 0), (0, 1), (1, 1000), (1000, 1700)):
        assert np.array_equal(meter.process(x[first:last]), x[first:last])
    again.process(np.ones_like(x))
    again.flush()
    again.process(x)
    assert meter.integrated_lufs == again.integrated_lufs > -10
    assert meter.momentary_lufs == again.momentary_lufs > -10
    assert meter.true_peak_db == again.true_peak_db >= 20 * np.log10(np.abs(x).max(), dtype=np.float64)
