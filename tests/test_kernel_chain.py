"""Steps of sound on short signals, as loops would have it; without JIT all that they touch is checked to be theirs."""

import numpy as np
import pytest

import audioconv as ac
from audioconv.kernels.chain import CHUNK
from tests.compare import assert_close
from tests.streaming import noise

LENGTHS = [0, 1, 9, CHUNK, CHUNK + 3]


def way(start, aim, length):
    """What a step makes of a parameter in each of so many samples."""
    return start + (np.arange(length) + 1) / max(length, 1) * (aim - start)


def twice(stage, x, change):
    """A block, and one more after a change."""
    first = stage.process(x)
    change(stage)
    return np.concatenate([first, stage.process(x)])


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("channels", [1, 3])
def test_gain(length, channels):
    x = noise(length, channels)
    y = twice(ac.Gain(20.0, channels=channels), x, lambda gain: setattr(gain, "gain_db", 40.0))
    factors = way(10, 100, length).reshape(-1, *[1] * (x.ndim - 1))
    assert_close(y, np.concatenate([10 * x, factors * x]), 1e-6)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("before", "after"), [(1, 2), (3, 2), (2, 2)])
def test_mix(length, before, after):
    x, (m, n) = noise(length, before), np.random.default_rng(1).standard_normal((2, before, after))
    y = twice(ac.Mix(m), x, lambda mix: setattr(mix, "matrix", n))
    columns = x.reshape(length, before)
    moving = np.einsum("tio,ti->to", way(m, n, 1) + (way(0, 1, length)[:, None, None] - 1) * (n - m), columns)
    assert_close(y, np.concatenate([columns @ m, moving]), 1e-6)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("channels", [1, 2])
def test_sections(length, channels):
    x, (old, new) = noise(length, channels), np.random.default_rng(2).uniform(-0.4, 0.4, (2, 2, 6))
    old[:, 3] = new[:, 3] = 1
    y = twice(ac.Biquad(old, channels=channels), x, lambda filter: setattr(filter, "sos", new))
    expected = np.concatenate([x, x]).astype(float).reshape(-1, channels)
    place = np.concatenate([np.zeros(length), way(0, 1, length)])
    z = np.zeros((2, 2, channels))
    for t in range(2 * length):
        for section, (z1, z2) in zip((1 - place[t]) * old + place[t] * new, z, strict=True):
            b0, b1, b2, _, a1, a2 = section
            v = expected[t].copy()
            expected[t] = b0 * v + z1
            z1[...], z2[...] = b1 * v - a1 * expected[t] + z2, b2 * v - a2 * expected[t]
    assert_close(y.reshape(-1, channels), expected, 1e-6)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("late", [0, 5])
def test_dry_and_wet(length, late):
    x = noise(length, 2)
    inside = ac.Limiter(60.0, sample_rate=1000, look_ahead_ms=late, channels=2)
    y = twice(
        ac.DryWet(ac.Chain([inside, ac.Gain(20.0, channels=2)]), 0.5), x, lambda stage: setattr(stage, "wet", 1.0)
    )
    delayed = np.concatenate([np.zeros((late, 2)), x, x])[: 2 * length]
    wet = np.concatenate([np.full(length, 0.5), way(0.5, 1.0, length)])[:, None]
    assert_close(y, (1 - wet) * delayed + wet * 10 * delayed, 1e-6, zeros_allowed=length == 1)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_chain_of_many_widths(length):
    x, rng = noise(length), np.random.default_rng(3)
    a, b, c = rng.standard_normal((1, 2)), rng.standard_normal((2, 5)), rng.standard_normal((5, 1))
    chain = ac.Chain([ac.Mix(a), ac.Gain(6.0, channels=2), ac.Mix(b), ac.Mix(c)])
    expected = x[:, None].astype(float) @ a @ b @ c * 10 ** (6 / 20)
    assert_close(chain.process(x), expected[:, 0], 1e-6)
    assert_close(chain.process(x, out=x), expected[:, 0], 1e-6)


def test_a_function_of_ones_own():
    def difference(block, memory):
        for t in range(block.shape[0]):
            for c in range(block.shape[1]):
                now = block[t, c]
                block[t, c] = now - memory[c]
                memory[c] = now

    x = noise(20, 2)
    y = ac.Jitted(difference, np.zeros(2), channels=2).process(x)
    assert_close(y, np.diff(x, axis=0, prepend=0), 1e-6)
