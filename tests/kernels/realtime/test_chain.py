"""Steps of sound on short signals, as loops would have it; without JIT all that they touch is checked to be theirs."""

import numpy as np
import pytest

import audioconv as ac
from audioconv.kernels.realtime.chain import SUB_BLOCK
from tests import naive
from tests.compare import assert_close
from tests.signals import channel_noise

LENGTHS = [0, 1, 9, SUB_BLOCK, SUB_BLOCK + 3]


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
    x = channel_noise(length, channels)
    y = twice(ac.Gain(20.0, channels=channels), x, lambda gain: setattr(gain, "gain_db", 40.0))
    factors = way(10, 100, length).reshape(-1, *[1] * (x.ndim - 1))
    assert_close(y, np.concatenate([10 * x, factors * x]), 1e-6)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("before", "after"), [(1, 2), (3, 2), (2, 2)])
def test_mix(length, before, after):
    x, (m, n) = channel_noise(length, before), np.random.default_rng(1).standard_normal((2, before, after))
    y = twice(ac.MatrixMixer(m), x, lambda mix: setattr(mix, "matrix", n))
    columns = x.reshape(length, before)
    moving = np.einsum("tio,ti->to", way(m, n, 1) + (way(0, 1, length)[:, None, None] - 1) * (n - m), columns)
    assert_close(y, np.concatenate([columns @ m, moving]), 1e-6)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("channels", [1, 2])
def test_sections(length, channels):
    x, (old, new) = channel_noise(length, channels), np.random.default_rng(2).uniform(-0.4, 0.4, (2, 2, 6))
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
    x = channel_noise(length, 2)
    inside = ac.Limiter(60.0, sample_rate=1000, look_ahead_ms=late, channels=2)
    y = twice(
        ac.DryWet(ac.Chain([inside, ac.Gain(20.0, channels=2)]), 0.5), x, lambda stage: setattr(stage, "wet", 1.0)
    )
    delayed = np.concatenate([np.zeros((late, 2)), x, x])[: 2 * length]
    wet = np.concatenate([np.full(length, 0.5), way(0.5, 1.0, length)])[:, None]
    assert_close(y, (1 - wet) * delayed + wet * 10 * delayed, 1e-6, zeros_allowed=length == 1)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_chain_of_many_widths(length):
    x, rng = channel_noise(length), np.random.default_rng(3)
    a, b, c = rng.standard_normal((1, 2)), rng.standard_normal((2, 5)), rng.standard_normal((5, 1))
    chain = ac.Chain([ac.MatrixMixer(a), ac.Gain(6.0, channels=2), ac.MatrixMixer(b), ac.MatrixMixer(c)])
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

    x = channel_noise(20, 2)
    y = ac.JitStage(difference, np.zeros(2), channels=2).process(x)
    assert_close(y, np.diff(x, axis=0, prepend=0), 1e-6)


# --- samples that are not finite ---------------------------------------------------------------------------

overflowing = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # without JIT NumPy warns of each


@overflowing
@pytest.mark.parametrize("length", [1, 9, SUB_BLOCK, SUB_BLOCK + 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_sections_take_what_is_not_finite_as_zeros_and_count_it(length, channels, bad):
    x = channel_noise(length, channels).reshape(length, channels)
    x[[0, length // 2, -1], 0] = bad
    sos = np.random.default_rng(2).uniform(-0.4, 0.4, (2, 6))
    sos[:, 3] = 1
    stage = ac.Biquad(sos, channels=channels)
    y, made = stage.process(x), [naive.sections(column, sos) for column in x.T]
    assert_close(y, np.stack([column for column, _ in made], axis=1), 1e-6, zeros_allowed=length == 1 == channels)
    assert stage.nonfinite_count == sum(count for _, count in made) == len({0, length // 2, length - 1})
    clean = np.where(np.isfinite(x), x, np.float32(0))
    assert np.array_equal(ac.Biquad(sos, channels=channels).process(clean), y)


@overflowing
@pytest.mark.parametrize("length", [3, SUB_BLOCK + 3])
@pytest.mark.parametrize("cut", [1, 2, 700])
def test_sections_that_are_not_stable_begin_anew(length, cut):
    x = channel_noise(length, 2)
    wild, tame = [1.0, 0, 0, 1, -1e30, 0], [1.0, 0.5, 0, 1, -0.25, 0]
    stage = ac.Biquad([tame, wild], channels=2)
    y = np.concatenate([stage.process(x[first : first + cut]) for first in range(0, length, cut)])
    made = [naive.sections(column, np.array([tame, wild])) for column in x.T]
    expected = np.stack([column for column, _ in made], axis=1)
    assert np.array_equal(np.isinf(y), np.isinf(expected))
    assert_close(y[np.isfinite(y)], expected[np.isfinite(y)], 1e-6)
    assert stage.nonfinite_count == sum(count for _, count in made) == np.isinf(y).sum() > length // 3
    stage.sos = [tame, tame]
    settled = np.concatenate([stage.process(x) for _ in range(3)])[-length:]
    assert np.isfinite(settled).all()
    stage.reset()
    assert stage.nonfinite_count == 0
    assert np.array_equal(stage.process(x), ac.Biquad([tame, tame], channels=2).process(x))


@overflowing
def test_sections_on_their_way_recover():
    x, old, new = channel_noise(SUB_BLOCK + 20), [[1.0, 0, 0, 1, -0.5, 0]], [[0.5, 0.2, 0, 1, 0.5, 0.1]]
    x[[3, SUB_BLOCK + 3]] = np.nan, np.inf
    stages = ac.Biquad(old), ac.Biquad(old)
    for stage in stages:
        stage.sos = new
    y, clean = stages[0].process(x), stages[1].process(np.where(np.isfinite(x), x, np.float32(0)))
    assert np.array_equal(y, clean)
    assert (stages[0].nonfinite_count, stages[1].nonfinite_count) == (2, 0)
    assert np.isfinite(y).all()


@overflowing
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "made",
    [
        lambda: ac.Limiter(-6.0, sample_rate=1000, look_ahead_ms=5, release_ms=30, channels=2),
        lambda: ac.DryWet(ac.Limiter(-6.0, sample_rate=1000, look_ahead_ms=5, channels=2), 0.5),
        lambda: ac.DryWet(ac.Gain(6.0, channels=2), 0.25),
    ],
)
def test_what_looks_ahead_or_waits_takes_what_is_not_finite_as_zeros(made, bad):
    x = channel_noise(SUB_BLOCK + 40, 2)
    x[[0, 30, SUB_BLOCK + 1], [0, 1, 0]] = bad
    stage, clean = made(), np.where(np.isfinite(x), x, np.float32(0))
    y = [stage.process(x[:100]), stage.process(x[100:])]
    assert stage.nonfinite_count == 3
    other = made()
    expected = np.concatenate([other.process(clean[:100]), other.process(clean[100:]), other.flush()])
    assert np.array_equal(np.concatenate([*y, stage.flush()]), expected)
    assert np.isfinite(expected).all()
    assert stage.nonfinite_count == other.nonfinite_count == 0
