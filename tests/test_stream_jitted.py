"""A user's own function as a stage: what it computes, its memory, and what cannot be compiled."""

import pickle

import numba
import numpy as np
import pytest
from scipy import signal

import audioconv as ac
from audioconv.kernels._jit import JIT_ENABLED
from tests.compare import assert_close
from tests.streaming import noise, run


def smooth(block, memory):
    """y = 0.5 y' + x a channel; memory (channels, 1)."""
    for t in range(block.shape[0]):
        for c in range(block.shape[1]):
            memory[c, 0] = 0.5 * memory[c, 0] + block[t, c]
            block[t, c] = memory[c, 0]


def times(block, memory):
    block *= memory[0]


@pytest.mark.parametrize("function", [smooth, numba.njit(smooth)])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_function_of_ones_own_is_a_stage(function, channels):
    x, stage = noise(500, channels), ac.Jitted(function, np.zeros((channels, 1)), channels=channels)
    expected = signal.lfilter([1.0], [1.0, -0.5], x.astype(float), axis=0)
    for _ in range(2):  # a flush leaves it as new
        assert_close(run(stage, x, [3, 0, 77]), expected, 1e-7)
    chain = ac.Chain([ac.Gain(20.0, channels=channels), stage, ac.DryWet(ac.Gain(0.0, channels=channels), 0.5)])
    assert_close(run(chain, x, [200]), 10 * expected, 1e-6)


def test_the_memory_begins_as_it_was_given_and_may_be_set():
    first = np.array([3.0])
    stage = ac.Jitted(times, first)
    first[0] = 9.0
    assert np.array_equal(stage.process(np.ones(2, "float32")), [3, 3])
    stage.memory[0] = 5.0
    assert np.array_equal(stage.process(np.ones(2, "float32")), [5, 5])
    stage.memory = [7.0]
    assert np.array_equal(stage.process(np.ones(2, "float32")), [7, 7])
    stage.reset()
    assert np.array_equal(stage.process(np.ones(2, "float32")), [3, 3])


def test_a_function_may_have_no_memory():
    def negative(block, memory):
        block[:] = -block

    assert np.array_equal(ac.Jitted(negative).process(np.ones(2, "float32")), [-1, -1])


def test_a_pickled_stage_goes_on_where_it_was():
    stage, x = ac.Jitted(smooth, np.zeros((1, 1))), noise(100)
    stage.process(x[:40])
    copy = pickle.loads(pickle.dumps(stage))
    assert np.array_equal(copy.process(x[40:]), stage.process(x[40:]))


@pytest.mark.skipif(not JIT_ENABLED, reason="nothing is compiled with NUMBA_DISABLE_JIT=1")
def test_a_function_that_cannot_be_compiled_is_refused_with_the_reason():
    def strange(block, memory):
        memory.no_such_thing()

    def one(block):
        pass

    for function in (strange, numba.njit(strange)):
        with pytest.raises(
            ac.ArgumentError, match=r"strange cannot be compiled .*Unknown attribute 'no_such_thing'"
        ) as e:
            ac.Jitted(function)
        assert len(str(e.value)) < 250
    with pytest.raises(ac.ArgumentError, match="2 argument types given, but function takes 1"):
        ac.Jitted(one)


def test_what_is_refused():
    with pytest.raises(ac.ArgumentError, match=r"a function of \(block, memory\) is wanted, not 3"):
        ac.Jitted(3)
    with pytest.raises(ac.DtypeError, match="memory must be"):
        ac.Jitted(times, np.zeros(2, int))


def test_a_function_in_a_chain_is_one():
    def half(block, memory):
        for t in range(len(block)):
            block[t, 0] *= 0.5

    chain = ac.Chain([ac.Gain(20.0), half])
    assert np.array_equal(chain.process(np.ones(3, "float32")), np.full(3, 5, "float32"))
