"""A day of sound through a stream: no drift, no growth of memory."""

import os
import resource

import numpy as np
import pytest

from audioconv.signal import convolve
from audioconv.stream import StreamConvolver
from tests.compare import assert_close

pytestmark = pytest.mark.long
DAY = 24 * 3600 * 48_000  # samples
BLOCK = 2**16 - 192  # no multiple of any partition


@pytest.mark.skipif(
    "AUDIOCONV_LONG" not in os.environ, reason="takes minutes; AUDIOCONV_LONG=1 runs it (make test-long)"
)
def test_a_day_of_sound_has_no_drift_and_takes_no_memory():
    rng = np.random.default_rng(0)
    taps = 48_000
    h = (rng.standard_normal(taps) * np.exp(-5 * np.arange(taps) / taps)).astype(np.float32)
    blocks = [rng.standard_normal(BLOCK).astype(np.float32) for _ in range(7)]
    stream, out = StreamConvolver(h, max_block=BLOCK), np.empty(BLOCK, np.float32)
    used_kib = None
    for turn in range(DAY // BLOCK):
        stream.process(blocks[turn % 7], out)
        if turn % 5000 == 100:
            past = np.concatenate([blocks[(turn - 1) % 7], blocks[turn % 7]])
            assert_close(out, convolve(past, h, mode="valid")[-BLOCK:], 2e-6)
            used_kib = used_kib or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert turn * BLOCK > DAY - 3 * BLOCK
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < used_kib + 512
