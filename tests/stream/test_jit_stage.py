"""A user's own function as a stage: what it computes, its memory, and what cannot be compiled."""

import pickle

import numba
import numpy as np
import pytest
from scipy import signal

import audioconv as ac
from audioconv.kernels._jit import JIT_ENABLED
from tests.compare import assert_close
from tests.signals import channel_noise
from tests.streaming import run


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
    x, stage = channel_noise(500, channels), ac.JitStage(function, np.zeros((channels, 1)), channels=channels)
    expected = signal.lfilter([1.0], [1.0, -0.5], x.astype(float), axis=0)
    for _ in range(2):  # a flush leaves it as new
        assert_close(run(stage, x, [3, 0, 77]), expected, 1e-7)
    chain = ac.Chain([ac.Gain(20.0, channels=channels), stage, ac.DryWet(ac.Gain(0.0, channels=channels), 0.5)])
    assert_close(run(chain, x, [200]), 10 * expected, 1e-6)


def test_the_memory_begins_as_it_was_given_and_may_be_set():
    first = np.array([3.0])
    stage = ac.JitStage(times, first)
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

    assert np.array_equal(ac.JitStage(negative).process(np.ones(2, "float32")), [-1, -1])


def echo(block, memory):
    """y(t) = x(t) + 0.5 x(t - 40), late by 3; memory: place, and 43 samples for each of the channels."""
    for t in range(block.shape[0]):
        place = int(memory[0, 0])
        for c in range(block.shape[1]):
            now = block[t, c]
            block[t, c] = memory[1 + (place + 40) % 43, c] + 0.5 * memory[1 + place, c]
            memory[1 + place, c] = now
        memory[0, 0] = (place + 1) % 43


def echoed(channels):
    return ac.JitStage(echo, np.zeros((44, channels)), channels=channels, latency=3, tail=40)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sizes", [[100], [1, 0, 37]])
def test_what_rings_on_comes_out_at_the_end(tmp_path, channels, sizes):
    x, stage = channel_noise(200, channels) / np.float32(8), echoed(channels)
    taps = np.zeros(41)
    taps[[0, 40]] = 1, 0.5
    expected = ac.convolve(x.astype(float), taps)
    late = np.concatenate([np.zeros_like(expected[:3]), expected])
    for _ in range(2):  # a flush leaves it as new
        assert_close(run(stage, x, sizes), late, 1e-6)
    stage.process(x)
    copied = pickle.loads(pickle.dumps(stage))
    assert_close(copied.flush(), late[200:], 1e-6)
    assert not np.any(copied.flush())
    chain = ac.Chain([ac.Gain(6.0, channels=channels), echoed(channels), echoed(channels)])
    assert chain.latency == 6
    assert_close(run(chain, x, sizes)[6:], 10 ** (6 / 20) * ac.convolve(expected, taps), 1e-6)
    mixed = ac.DryWet(echoed(channels), 0.25)
    dry = np.concatenate([x, np.zeros_like(expected[:40])])
    assert_close(run(mixed, x, sizes)[3:], 0.25 * expected + 0.75 * dry, 1e-6)
    ac.write(tmp_path / "in.wav", x, 8000, subtype="FLOAT")
    for stage, wanted in ((echoed(channels), expected), (mixed, 0.25 * expected + 0.75 * dry)):
        done = ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", stage, block_size=33)
        assert done.frames == 240
        assert_close(ac.read(tmp_path / "out.wav").samples, wanted, 1e-6)
        (tmp_path / "out.wav").unlink()


def test_a_pickled_stage_goes_on_where_it_was():
    stage, x = ac.JitStage(smooth, np.zeros((1, 1))), channel_noise(100)
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
            ac.JitStage(function)
        assert len(str(e.value)) < 250
    with pytest.raises(ac.ArgumentError, match="2 argument types given, but function takes 1"):
        ac.JitStage(one)


def test_what_is_refused():
    with pytest.raises(ac.ArgumentError, match=r"a function of \(block, memory\) is wanted, not 3"):
        ac.JitStage(3)
    with pytest.raises(ac.DtypeError, match="memory must be"):
        ac.JitStage(times, np.zeros(2, int))


def test_a_function_in_a_chain_is_one():
    def half(block, memory):
        for t in range(len(block)):
            block[t, 0] *= 0.5

    chain = ac.Chain([ac.Gain(20.0), half])
    assert np.array_equal(chain.process(np.ones(3, "float32")), np.full(3, 5, "float32"))
