"""Another sample rate on the way: the same as at once, alone and in chains."""

import copy

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from tests.compare import assert_close
from tests.signals import channel_noise
from tests.streaming import run

RATES = [(44100, 48000), (48000, 16000), (8000, 44100), (16000, 16000)]


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(RATES), st.sampled_from([1, 2]), st.lists(st.integers(0, 900), min_size=1, max_size=4).filter(any)
)
def test_a_stream_is_resampled_as_the_whole_signal(rates, channels, sizes):
    x, stage = channel_noise(3000, channels), ac.Resample(*rates, channels=channels)
    expected = soxr.resample(x, *rates)
    assert len(expected) == round(3000 * rates[1] / rates[0])
    for _ in range(2):  # a flush leaves it as new
        assert_close(run(stage, x, sizes), expected, 2e-6)
    stage.process(x[:500])
    stage.reset()
    assert_close(run(stage, x, [3000]), expected, 2e-6)


def a_chain():
    ir = np.random.default_rng(1).standard_normal(100).astype("float32")
    return ac.Chain([
        ac.Gain(-6.0), ac.Limiter(0.0, sample_rate=48000, look_ahead_ms=1), ac.Resample(48000, 16000),
        ac.MatrixMixer([[1.0, -1.0]]), ac.StreamConvolver(ir, channels=2), ac.Resample(16000, 32000, channels=2),
        ac.Gain(2.0, channels=2),
    ])  # fmt: skip


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=4))
def test_a_chain_with_other_rates_is_its_stages_one_after_the_other(sizes):
    x, chain, expected = channel_noise(3000), a_chain(), channel_noise(3000)
    for stage in a_chain().stages:
        expected = run(stage, expected, [500])
    assert (chain.channels, chain.out_channels, chain.rate_in, chain.rate_out) == (1, 2, 48000, 32000)
    assert chain.latency == 32  # 48 samples at 48 kHz
    for _ in range(2):
        assert_close(run(chain, x, sizes), expected, 2e-6)
    chain.process(x[:999])
    chain.reset()
    assert_close(run(chain, x, [3000]), expected, 2e-6)
    assert_close(run(ac.Chain([chain, ac.Gain(0.0, channels=2)]), x, [3000]), expected, 2e-6)


def test_a_stage_in_python_of_ones_own_is_one_of_a_chain():
    class Backwards:
        """The last block first."""

        latency, channels = 0, 1

        def __init__(self):
            self.reset()

        def reset(self):
            self.kept = []

        def process(self, block):
            self.kept.insert(0, block)
            return block[:0]

        def flush(self):
            joined = np.concatenate(self.kept)
            self.reset()
            return joined

    x = channel_noise(10)
    y = run(ac.Chain([ac.Gain(20.0), Backwards(), ac.Biquad([[1.0, 0, 0, 1, 0, 0]])]), x, [5])
    assert_close(y, 10 * np.concatenate([x[5:], x[:5]]), 1e-6)


def test_what_is_refused():
    chain = a_chain()
    with pytest.raises(ac.ArgumentError, match="a chain with Resample has no compiled step"):
        chain.compiled_step()
    with pytest.raises(ac.ArgumentError, match="a chain with Resample has no compiled step"):
        ac.DryWet(ac.Resample(16000, 8000))
    with pytest.raises(ac.ArgumentError, match="out must be None"):
        chain.process(channel_noise(5), out=channel_noise(5))
    with pytest.raises(ac.ArgumentError, match="Resample, is made for 44100 Hz, but what comes before it for 48000 Hz"):
        ac.Chain([ac.Resample(44100, 48000), ac.Resample(44100, 48000)])
    with pytest.raises(ac.ArgumentError, match="rate_out"):
        ac.Resample(48000, 0)
    with pytest.raises(ac.ArgumentError, match="quality must be one of"):
        ac.Resample(48000, 44100, quality="best")
    with pytest.raises(ac.ShapeError, match="must have shape"):
        ac.Resample(48000, 44100, channels=2).process(channel_noise(5))
    with pytest.raises(ac.DtypeError, match="float32"):
        ac.Resample(48000, 44100).process(np.zeros(5))


def test_a_copy_is_made_between_signals_only():
    stage, x = ac.Resample(48000, 44100), channel_noise(1000)
    assert_close(run(copy.deepcopy(stage), x, [100]), soxr.resample(x, 48000, 44100), 2e-6)
    stage.process(x)
    with pytest.raises(ac.ArgumentError, match="amid a signal"):
        copy.deepcopy(stage)
    stage.reset()
    copy.deepcopy(ac.Chain([ac.Gain(), stage])).process(x)
