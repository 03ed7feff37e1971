"""Streams without an end in sight: no drift, no growth of memory, nothing that is not finite."""

import os

import numpy as np
import pytest
from scipy.signal import firwin, sosfilt

from audioconv.signal import convolve
from audioconv.stream import Biquad, Chain, Compressor, Fir, Gain, Limiter, StreamConvolver
from tests.compare import assert_close
from tests.memory import needs_proc, resident_mb

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        "AUDIOCONV_LONG" not in os.environ, reason="takes minutes; AUDIOCONV_LONG=1 runs it (make test-long)"
    ),
    needs_proc,
]
RATE = 48_000
DAY = 24 * 3600 * RATE  # samples
BILLION = 10**9  # nearly six hours
BLOCK = 2**16 - 192  # no multiple of any partition
PERIOD, CHECKED, EVERY = 7, 100, 714 * 7  # blocks of noise in turn; the first that is compared, and how many later


def test_a_day_of_sound_has_no_drift_and_takes_no_memory():
    h = decaying(48_000)
    final = holds(StreamConvolver(h, max_block=BLOCK), lambda past: convolve(past, h, mode="causal"), DAY, 1)
    assert np.abs(final).max() > 1


def test_a_billion_samples_through_a_chain_have_no_drift_and_take_no_memory():
    # What a stage remembers falls below 2e-7 after so many samples: the filters' taps, 1023 + 24,000; high-pass of
    # 80 Hz, 15.4 time constants of 135; release of the compressor, 16.8 of 4800 (from 20 dB to 1e-6 dB, 1e-7 as a
    # factor); release of the limiter, 15.4 of 2400. One follows the other: 145,000 in all. Four blocks are 261,000.
    taps, h, high_pass = firwin(1023, 8000, fs=RATE).astype("f4"), decaying(24_000), Biquad.design("highpass", RATE, 80)

    def dynamics():
        compressor = Compressor(-24.0, 4.0, sample_rate=RATE, release_ms=100.0)
        return [compressor, Gain(18.0), Limiter(-1.0, sample_rate=RATE, release_ms=50.0)]

    def offline(past):
        filtered = sosfilt(high_pass.sos, convolve(past, taps, mode="causal")).astype(np.float32)
        return Chain(dynamics()).process(convolve(filtered, h, mode="causal"))

    chain = Chain([Fir(taps), high_pass, StreamConvolver(h, max_block=BLOCK), *dynamics()])
    final = holds(chain, offline, BILLION, 4)
    assert chain.nonfinite_count == 0
    assert chain.stages[3].gain_reduction_db > 10, "the compressor has nothing to do"
    assert 0.89 < np.abs(final).max() < 0.8913, "the limiter has nothing to do"


def decaying(taps):
    """An impulse response."""
    h = np.random.default_rng(1).standard_normal(taps) * np.exp(-5 * np.arange(taps) / taps)
    return (h / np.linalg.norm(h)).astype(np.float32)


def holds(stage, offline, samples, past_blocks):
    """Send noise that repeats itself through a stage; what comes out last.

    To the end it must be what `offline` makes of the last block and as many before it as the stage remembers.
    """
    rng = np.random.default_rng(0)
    blocks = [rng.standard_normal(BLOCK).astype(np.float32) for _ in range(PERIOD)]
    expected = offline(np.concatenate([blocks[i % PERIOD] for i in range(CHECKED - past_blocks, CHECKED + 1)]))
    expected, out, used_mb = expected[-BLOCK:].copy(), np.empty(BLOCK, np.float32), []
    last = -(-samples // BLOCK)
    last += (CHECKED - last) % PERIOD
    for turn in range(last + 1):
        stage.process(blocks[turn % PERIOD], out)
        if turn % EVERY == CHECKED or turn == last:
            assert_close(out, expected, 2e-6)  # finite, too
            used_mb.append(resident_mb())
    assert turn * BLOCK >= samples
    assert len(used_mb) > 3
    assert max(used_mb) < used_mb[0] + 1
    return out
