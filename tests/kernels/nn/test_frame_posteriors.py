"""From samples to posteriors in one step, small: also without JIT, where every access is checked."""

import numpy as np
import pytest

import audioconv as ac
from audioconv import nn
from audioconv.detect import DetectorMonitor, FrameScorer
from tests.compare import assert_close
from tests.signals import noise

RATE = 2000
FEATURES = {"sample_rate": RATE, "window_ms": 32, "hop_ms": 16, "fmin": 100}
RNG = np.random.default_rng


def made(features):
    layers = [nn.Conv1d(4, 3, 3, 2, padding="causal", rng=RNG(0)), nn.ReLU(), nn.Dense(3, 3, rng=RNG(1))]
    statistics = np.full(4, -2, np.float32), np.full(4, 2, np.float32)
    return FrameScorer(np.array(["no", "yes"]), features, nn.Sequential(layers), *statistics)


@pytest.mark.parametrize(
    "features",
    [
        ac.LogMel(n_mels=4, **FEATURES),
        ac.LogMel(n_mels=4, center=True, top_db=20, **FEATURES),
        ac.Mfcc(n_mels=5, n_mfcc=4, **FEATURES),
    ],
    ids=["log-mel", "relative", "mfcc"],
)
def test_the_step_does_what_its_parts_do(features):
    scorer, samples = made(features), noise(500)
    logits = scorer.network.forward(scorer.network_input(features(samples))[None])[0]
    stream = scorer.stream()
    rows = np.concatenate([*map(stream.process, np.split(samples, [1, 100, 350])), stream.flush()])
    assert len(rows) > 5
    assert_close(rows, nn.softmax(logits)[:, 1:], 1e-6)


@pytest.mark.parametrize("rate", [4000])
def test_in_a_chain_at_another_rate_it_hears_two_channels_and_drops_what_nobody_reads(rate):
    scorer, both = made(ac.LogMel(n_mels=4, **FEATURES)), noise((800, 2))
    both[5, 1] = np.nan
    mean = np.nan_to_num(both).sum(axis=1) / 2
    expected = np.concatenate([(stream := scorer.stream(rate)).process(mean), stream.flush()])
    words = DetectorMonitor(scorer, scorer.decoder(0.3), sample_rate=rate, channels=2, buffer_s=0.01)
    for block in np.split(both, [300]):
        assert np.array_equal(words.process(block), block, equal_nan=True)
    assert words.dropped > 0
    assert words.nonfinite_count == 1
    rows = words._last_rows()
    heard = rows.any(axis=1)
    assert rows.shape == expected.shape
    assert np.array_equal(rows[heard], expected[heard])
    assert (~heard).sum() == words.dropped
