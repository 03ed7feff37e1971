"""Stages that change the number of channels, alone and in chains."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from tests.compare import assert_close
from tests.signals import channel_noise
from tests.streaming import run

RNG = np.random.default_rng


def matrix(before, after, seed=3):
    return RNG(seed).standard_normal((before, after))


@pytest.mark.parametrize("before", [1, 2, 5])
@pytest.mark.parametrize("after", [1, 2, 5])
def test_a_mix_is_a_product_with_its_matrix(before, after):
    x, m = channel_noise(300, before), matrix(before, after)
    y = run(ac.MatrixMixer(m), x, [7, 0, 100])
    expected = x.reshape(300, before).astype(float) @ m
    assert_close(y, expected if after > 1 else expected[:, 0], 1e-7)
    assert y.dtype == np.float32


def test_a_new_matrix_is_reached_in_a_straight_line_over_one_block():
    x, first, then = np.ones((10, 2), "float32"), matrix(2, 3), matrix(2, 3, 4)
    mix = ac.MatrixMixer(first)
    mix.matrix = then
    done = np.minimum(np.arange(1, 11) / 5, 1)[:, None]
    y = np.concatenate([mix.process(x[:5]), mix.process(x[5:])])
    assert_close(y, (1 - done) * first.sum(0) + done * then.sum(0), 1e-7)
    assert np.array_equal(mix.matrix, then)
    mix.matrix = first
    mix.reset()
    assert_close(mix.process(x), np.tile(first.sum(0), (10, 1)), 1e-7)


def widening():
    """1 -> 2 -> 3 -> 3 -> 1 channels, with tails and a latency."""
    ir = RNG(1).standard_normal((200, 3)).astype("float32")
    return ac.Chain([
        ac.MatrixMixer(matrix(1, 2)), ac.Limiter(0.0, sample_rate=1000, look_ahead_ms=30, channels=2),
        ac.MatrixMixer(matrix(2, 3)), ac.StreamConvolver(ir, channels=3, max_block=64),
        ac.Gain(-3.0, channels=3), ac.MatrixMixer(matrix(3, 1)),
    ])  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=4))
def test_a_chain_of_many_widths_is_its_stages_one_after_the_other_at_any_cut(sizes):
    x, chain = channel_noise(1500), widening()
    assert (chain.channels, chain.out_channels, chain.latency) == (1, 1, 30)
    expected = x
    for stage in widening().stages:
        expected = run(stage, expected, [64])
    assert len(expected) == 1500 + 30 + 199
    assert np.array_equal(run(chain, x, sizes), expected)
    assert np.array_equal(run(chain, x, [1500]), expected)  # and after a flush it is as new
    assert np.array_equal(run(ac.Chain([ac.Gain(0.0), chain]), x, [512]), expected)  # as a part of another


def test_a_chain_of_other_widths_is_a_step_too():
    x = channel_noise(600)
    inner = ac.DryWet(widening(), 0.5)
    whole = run(widening(), x, [600])
    late = np.concatenate([np.zeros(30, "float32"), x, np.zeros(199, "float32")])
    assert_close(run(inner, x, [37, 400]), 0.5 * late + 0.5 * whole, 1e-6)
    with pytest.raises(ac.ArgumentError, match="takes 1 and gives 2"):
        ac.DryWet(ac.MatrixMixer([[1.0, 1.0]]))


def test_out_has_the_shape_of_the_result():
    mix, x = ac.MatrixMixer([[1.0, 2.0]]), channel_noise(9)
    out = np.empty((9, 2), "float32")
    assert mix.process(x, out=out) is out
    assert np.array_equal(out, np.stack([x, 2 * x], axis=1))
    swap, both = ac.MatrixMixer([[0.0, 1.0], [1.0, 0.0]]), channel_noise(9, 2)
    expected = both[:, ::-1].copy()
    assert np.array_equal(swap.process(both, out=both), expected)
    with pytest.raises(ac.ShapeError, match=r"of shape \(9, 2\), not \(9,\)"):
        mix.process(x, out=x)
    x.flags.writeable = False
    assert mix.process(x[::2]).shape == (5, 2)
    assert ac.MatrixMixer([[0.5], [0.5]]).flush().shape == (0,)
    assert mix.flush().shape == (0, 2)


def test_a_pickled_chain_of_other_widths_goes_on_where_it_was():
    chain, x = widening(), channel_noise(700)
    chain.process(x[:300])
    copy = pickle.loads(pickle.dumps(chain))
    assert np.array_equal(copy.process(x[300:]), chain.process(x[300:]))


def test_what_is_refused():
    with pytest.raises(ac.ShapeError, match="matrix must have shape"):
        ac.MatrixMixer([1.0, 2.0])
    with pytest.raises(ac.ArgumentError, match="finite"):
        ac.MatrixMixer([[np.nan]])
    mix = ac.MatrixMixer([[1.0, 1.0]])
    with pytest.raises(ac.ShapeError, match=r"\(1, 2\) as before"):
        mix.matrix = [[1.0], [1.0]]
    with pytest.raises(ac.ArgumentError, match=r"stage 2 of the chain, Gain, takes 1 .* MatrixMixer before it gives 2"):
        ac.Chain([mix, ac.Gain()])
    with pytest.raises(ac.ShapeError, match="must have shape"):
        mix.process(channel_noise(5, 2))
