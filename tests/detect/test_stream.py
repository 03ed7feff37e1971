"""Posteriors for every frame, and words in a stream: the same at any cut, given out when they are complete."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv import models, nn
from audioconv.detect import DetectorStream, FrameScorer
from tests.compare import assert_close

RATE, HOP, WINDOW = 16000, 160, 400
NOISE = (np.random.default_rng(7).standard_normal(2 * RATE + 321) * 0.1).astype(np.float32)
NOISE *= np.abs(np.sin(np.arange(NOISE.size) / 3000)).astype(np.float32)  # so that posteriors move


def causal_network(rng, stride=2, keywords=2, width=8):
    block = [
        nn.DepthwiseConv1d(width, 5, 1, 2, "causal", rng=rng), nn.BatchNorm(width), nn.ReLU(),
        nn.Dense(width, width, rng=rng),
    ]  # fmt: skip
    first = nn.Conv1d(40, width, 5, stride, padding="causal", rng=rng)
    return nn.Sequential(
        [first, nn.ReLU(), nn.Residual(nn.Sequential(block), activation="relu"), nn.Dense(width, 1 + keywords, rng=rng)]
    )


def make_scorer(network=None, features=None):
    """A scorer whose network was never trained: what it says is arbitrary, but not flat."""
    network = network or causal_network(np.random.default_rng(1))
    statistics = np.full(40, -6, np.float32), np.full(40, 2, np.float32)
    return FrameScorer(np.array(["no", "yes"]), features or ac.LogMel(), network, *statistics)


@pytest.fixture(scope="module")
def scorer():
    return make_scorer()


@pytest.fixture(scope="module")
def whole(scorer):
    return scorer.posteriors(NOISE)


def cut(samples, cuts):
    return np.split(samples, np.cumsum(cuts)[:-1])


# --- posteriors -------------------------------------------------------------------------------------------


def test_rows_are_what_the_network_says_of_the_frames(scorer, whole):
    frames = (ac.LogMel()(NOISE) - scorer.mean) / scorer.std
    expected = nn.softmax(scorer.network.forward(frames[None])[0])[:, 1:]
    assert np.ptp(whole, axis=0).min() > 0.01, "the rows must differ for this to mean anything"
    assert whole.shape == (100, 2)
    assert_close(whole, expected, 1e-7)
    assert np.array_equal(scorer.frame_posteriors(ac.LogMel()(NOISE)), whole)


def planes_network(rng, channels=4):
    """Convolutions over time and frequency before those over time alone, of which some look ahead."""
    layers = [
        nn.Conv2d(1, channels, (3, 5), (2, 4), padding="causal", rng=rng), nn.BatchNorm(channels), nn.ReLU(),
        nn.DepthwiseConv2d(channels, 3, (1, 2), padding="same", rng=rng), nn.SubSpectralNorm(channels, 5),
        nn.Residual(nn.Sequential([
            nn.Conv2d(channels, channels, (3, 1), 1, (2, 1), padding=((4, 0), 0), rng=rng), nn.BatchNorm(channels),
        ])),
        nn.MaxPool2d((1, 5)), nn.Conv2d(channels, 3, 1, rng=rng),
    ]  # fmt: skip
    return nn.Sequential(layers)


@pytest.mark.parametrize("block", [1, 333, 4000])
@pytest.mark.parametrize(
    ("features", "network"),
    [
        (ac.LogMel(), planes_network),
        (ac.LogMel(center=True, top_db=30), causal_network),
        (ac.LogMel(pcen=ac.features.Pcen()), causal_network),
        (ac.LogMel(window_ms=10, hop_ms=15), causal_network),
        (ac.Mfcc(n_mfcc=40), causal_network),
    ],
    ids=["planes", "centred, relative", "pcen", "hop beyond the window", "mfcc"],
)
def test_front_end_and_network_in_one_step_give_what_each_gives_alone(features, network, block):
    scorer = make_scorer(network(np.random.default_rng(2)), features)
    samples = NOISE[: 4000 if block == 1 else NOISE.size]
    frames = scorer.network_input(features(samples))
    logits = scorer.network.forward(frames[None])[0].reshape(-1, 3)
    stream = scorer.stream()
    for _ in range(2):
        parts = [stream.process(samples[i : i + block]) for i in range(0, samples.size, block)]
        rows = np.concatenate([*parts, stream.flush()])
        assert_close(rows, nn.softmax(logits)[:, 1:], 1e-7)
        assert np.array_equal(rows, scorer.posteriors(samples))


@given(st.lists(st.integers(0, 9000), min_size=1, max_size=8))
def test_rows_are_the_same_bits_at_any_cut_and_flush_starts_afresh(scorer, cuts):
    samples = np.resize(NOISE, sum(cuts))
    expected, stream = scorer.posteriors(samples), scorer.stream()
    for _ in range(2):
        rows = [stream.process(block) for block in cut(samples, cuts)] + [stream.flush()]
        assert np.array_equal(np.concatenate(rows), expected)


@pytest.mark.parametrize("block", [1, 7, 160, 4000])
def test_blocks_of_any_length_give_the_same_bits(scorer, block):
    samples = NOISE[: 3000 if block == 1 else NOISE.size]
    stream = scorer.stream()
    rows = [stream.process(samples[i : i + block]) for i in range(0, samples.size, block)] + [stream.flush()]
    assert np.array_equal(np.concatenate(rows), scorer.posteriors(samples))


def test_long_recordings_are_scored_piece_by_piece_to_the_same_bits(scorer, whole, monkeypatch):
    monkeypatch.setattr("audioconv.detect.frame_scorer.PIECE", 5000)
    assert np.array_equal(scorer.posteriors(NOISE), whole)
    assert scorer.posteriors(NOISE[:0]).shape == (0, 2)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("features", [ac.LogMel(), ac.LogMel(center=True), ac.LogMel(pcen={"gain": 0.9})], ids=repr)
def test_a_row_comes_with_the_sample_that_row_hop_and_row_end_say(stride, features):
    scorer = make_scorer(causal_network(np.random.default_rng(0), stride), features)
    assert scorer.row_hop == stride * HOP
    assert scorer.row_end == (WINDOW // 2 if features.center else WINDOW)
    stream, samples = scorer.stream(), NOISE[: 3000 if stride < 3 else 4000]
    counts = np.cumsum([len(stream.process(sample[None])) for sample in samples])
    first = [int(np.searchsorted(counts, row + 1)) + 1 for row in range(counts[-1])]
    assert len(first) > 5
    assert first == [scorer.row_end + row * scorer.row_hop for row in range(len(first))]


def test_a_network_that_looks_ahead_says_so_in_its_row_end():
    network = nn.Sequential([nn.Conv1d(40, 3, 5, padding="same", rng=np.random.default_rng(0))])
    scorer = make_scorer(network)
    assert scorer.row_end == WINDOW + 2 * HOP
    stream = scorer.stream()
    assert [len(stream.process(NOISE[: scorer.row_end - 1])), len(stream.process(NOISE[:1]))] == [0, 1]
    assert len(scorer.posteriors(NOISE)) == ac.LogMel().frames(NOISE.size)


def test_a_bad_block_is_refused_and_changes_nothing(scorer, whole):
    stream, bad = scorer.stream(), NOISE[:100].copy()
    rows = [stream.process(NOISE[:20000])]
    bad[3] = np.inf
    for block, error in [(bad, ac.ArgumentError), (NOISE.astype(float), ac.DtypeError), (bad[:, None], ac.ShapeError)]:
        with pytest.raises(error):
            stream.process(block)
        with pytest.raises(error):
            scorer.posteriors(block)
    rows += [stream.process(NOISE[20000:]), stream.flush()]
    assert np.array_equal(np.concatenate(rows), whole)


def test_reset_forgets(scorer, whole):
    stream = scorer.stream()
    stream.process(NOISE[:20001])
    stream.reset()
    assert np.array_equal(np.concatenate((stream.process(NOISE), stream.flush())), whole)


def test_a_scorer_can_be_pickled(scorer, whole):
    copy = pickle.loads(pickle.dumps(scorer))
    assert (copy.row_hop, copy.row_end, copy.sample_rate) == (320, 400, RATE)
    assert np.array_equal(copy.posteriors(NOISE), whole)


def test_parts_that_do_not_fit_are_refused(scorer):
    rng, parts = np.random.default_rng(0), (scorer.features, scorer.network, scorer.mean, scorer.std)
    with pytest.raises(ac.ShapeError, match="must give 4 logits, of background and 3 keywords, not 3"):
        FrameScorer(np.array(["a", "b", "c"]), *parts)
    with pytest.raises(ac.ShapeError, match=r"mean must have a number for each feature, \(40,\), not \(2,\)"):
        FrameScorer(scorer.classes, scorer.features, scorer.network, np.zeros(2, np.float32), scorer.std)
    with pytest.raises(ac.DtypeError, match="the network must be float32, not float64"):
        make_scorer(nn.Sequential([nn.Dense(40, 3, rng=rng, dtype=np.float64)]))
    with pytest.raises(ac.ShapeError):
        make_scorer(nn.Sequential([nn.Dense(30, 3, rng=rng)]))
    layers = [nn.Conv1d(40, 4, 3, 2, padding="causal", rng=rng), nn.Conv1dTranspose(4, 3, 3, 3, rng=rng)]
    with pytest.raises(ac.ShapeError, match="a row each whole number of samples, not each 320/3"):
        make_scorer(nn.Sequential(layers))


# --- detections -------------------------------------------------------------------------------------------

SETTINGS = {"smoothing_s": 0.04, "min_duration_s": 0.02, "refractory_s": 0.06}


@pytest.fixture(scope="module")
def thresholds(whole):
    return np.quantile(whole, 0.7, axis=0)


@pytest.fixture(scope="module")
def words(scorer, thresholds):
    stream = DetectorStream(scorer, thresholds, **SETTINGS)
    found = stream.process(NOISE) + stream.flush()
    assert {word.label for word in found} == {"no", "yes"}, "the thresholds must let something through"
    return found


@given(st.lists(st.integers(0, 9000), min_size=1, max_size=8))
def test_words_are_the_same_at_any_cut_and_flush_starts_afresh(scorer, thresholds, cuts):
    samples, stream = np.resize(NOISE, sum(cuts)), DetectorStream(scorer, thresholds, **SETTINGS)
    expected = stream.process(samples) + stream.flush()
    assert [word for block in cut(samples, cuts) for word in stream.process(block)] + stream.flush() == expected


def test_a_word_is_told_by_the_block_that_decides_it(scorer, thresholds, words):
    stream, told_s = DetectorStream(scorer, thresholds, **SETTINGS), []
    for begin in range(0, NOISE.size, 80):
        block = NOISE[begin : begin + 80]
        told_s += [(begin + len(block)) / RATE] * len(stream.process(block))
    assert told_s == pytest.approx([word.end_s for word in words[: len(told_s)]])
    assert len(told_s) + len(stream.flush()) == len(words)


def test_times_are_before_the_decision_by_the_delay_and_the_length_of_the_word(scorer, thresholds, words):
    stream = DetectorStream(scorer, thresholds, **SETTINGS, word_s=[0.3, 0.5], delay_s=0.1)
    found, length = stream.process(NOISE) + stream.flush(), {"no": 0.3, "yes": 0.5}
    assert [word.end_s for word in found] == pytest.approx([max(0, word.end_s - 0.1) for word in words])
    assert [word.start_s for word in found] == pytest.approx([max(0, w.end_s - length[w.label]) for w in found])


def test_a_stream_at_another_rate_hears_the_same(scorer, thresholds):
    samples = ac.io.resample(NOISE, RATE, 48000)
    stream = DetectorStream(scorer, thresholds, sample_rate=48000, **SETTINGS)
    same = DetectorStream(scorer, thresholds, **SETTINGS)
    back = ac.io.resample(samples, 48000, RATE)
    expected = same.process(back) + same.flush()
    for block in (samples.size, 480, 1001):
        found = [w for i in range(0, samples.size, block) for w in stream.process(samples[i : i + block])]
        found += stream.flush()
        assert [word.label for word in found] == [word.label for word in expected]
        assert [word.end_s for word in found] == pytest.approx([word.end_s for word in expected])
        assert_close([word.score for word in found], [word.score for word in expected], 0.02)
    assert len(expected) > 3


@pytest.mark.parametrize("sample_rate", [None, 48000])
def test_a_bad_block_changes_nothing_and_reset_forgets(scorer, thresholds, sample_rate):
    stream = DetectorStream(scorer, thresholds, sample_rate=sample_rate, **SETTINGS)
    expected = stream.process(NOISE) + stream.flush()
    found, bad = stream.process(NOISE[:9000]), np.float32([0, np.nan])
    with pytest.raises(ac.ArgumentError, match="must be finite"):
        stream.process(bad)
    assert found + stream.process(NOISE[9000:]) + stream.flush() == expected
    stream.process(NOISE[:9001])
    stream.reset()
    assert stream.process(NOISE) + stream.flush() == expected


def test_settings_that_make_no_sense_are_refused(scorer):
    with pytest.raises(ac.ArgumentError, match="thresholds must be a number, or 2 of them"):
        DetectorStream(scorer, [0.5, 0.5, 0.5])
    with pytest.raises(ac.ArgumentError, match="sample_rate must be"):
        DetectorStream(scorer, 0.5, sample_rate=0)
    with pytest.raises(ac.ArgumentError, match="smoothing_s must be at least 0"):
        DetectorStream(scorer, 0.5, smoothing_s=-1)


def test_a_detector_stream_is_a_stage_and_shows_its_thresholds(scorer):
    stream = DetectorStream(scorer, [0.5, np.inf])
    assert isinstance(stream, ac.Stage)
    assert stream.latency == 0
    assert stream.thresholds.tolist() == [0.5, np.inf]


def test_streams_of_a_scorer_share_its_weights_and_take_new_ones_when_they_change():
    scorer = make_scorer()
    first, second = scorer.network_stream(), scorer.network_stream()
    assert first._program is second._program
    before = scorer.posteriors(NOISE)
    scorer.network.layers[0].weight *= np.float32(1.5)
    assert not np.allclose(scorer.posteriors(NOISE), before)
    frames = scorer.network_input(ac.LogMel()(NOISE))
    assert np.array_equal(first.process(frames), second.process(frames))
    assert not np.allclose(scorer.network_stream().process(frames), first.process(frames))


def test_a_stream_of_the_default_network_takes_less_than_a_megabyte():
    network = models.build_frames("ds-tcn", 9, 40, 0)
    assert network.stream((40, 1)).bytes < 1e6


@pytest.mark.parametrize("sample_rate", [1, 99, 768_001, 67_108_864])
def test_a_rate_that_no_filter_could_be_made_for_is_refused(scorer, sample_rate):
    with pytest.raises(ac.ArgumentError, match=f"sample_rate must be from 100 to 768000 Hz, not {sample_rate}"):
        DetectorStream(scorer, 0.5, sample_rate=sample_rate)
