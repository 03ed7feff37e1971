"""Words cut out of streams: where they are, what is wrong with them, and that blocks do not matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.classify import EnergySegmenter, FixedChunks
from audioconv.io import resample
from tests.signals import noise

RATE = 16000
NEAR_S = 0.05


def noise_at(seconds, level_db, seed=0):
    return noise(round(seconds * RATE), seed=seed, scale=10 ** (level_db / 20))


def burst(seconds, level_db, seed=1):
    """A voice of 140 Hz and 30 harmonics, with soft edges of 20 ms."""
    times_s = np.arange(round(seconds * RATE)) / RATE
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, 30)
    tone = sum(np.sin(2 * np.pi * 140 * k * times_s + phases[k - 1]) / k for k in range(1, 31))
    tone *= np.clip(np.minimum(times_s, times_s[::-1]) / 0.02, 0, 1)
    return (10 ** (level_db / 20) * tone / np.sqrt(np.mean(tone**2))).astype("float32")


def stream(seconds, floor_db, *bursts, seed=0):
    """Noise, and bursts (middle_s, length_s, level_db) in it."""
    samples = noise_at(seconds, floor_db, seed)
    for middle_s, length_s, level_db in bursts:
        said, first = burst(length_s, level_db), round((middle_s - length_s / 2) * RATE)
        samples[first : first + len(said)] += said
    return samples


def segments_of(samples, sizes=(1024,), segmenter=None):
    segmenter, found, place, k = segmenter or EnergySegmenter(RATE), [], 0, 0
    while place < len(samples):
        size = sizes[k % len(sizes)]
        found += segmenter.process(samples[place : place + size])
        place, k = place + size, k + 1
    return found + segmenter.flush()


def same(ours, theirs):
    return [segment[1:] for segment in ours] == [segment[1:] for segment in theirs] and all(
        np.array_equal(a.samples, b.samples) for a, b in zip(ours, theirs, strict=True)
    )


@pytest.mark.parametrize("snr_db", [15, 20, 30, 60])
@pytest.mark.parametrize("level_db", [-15, -35])
def test_each_word_lies_in_the_middle_of_a_clip(level_db, snr_db):
    middles_s = np.array([1.5, 3.2, 4.63, 6.5])
    lengths_s = np.array([0.2, 0.6, 0.4, 0.85])
    words = [(middle, length, level_db) for middle, length in zip(middles_s, lengths_s, strict=True)]
    samples = stream(8, level_db - snr_db, *words)
    found = segments_of(samples)
    assert [segment.issue for segment in found] == [None] * 4
    starts, ends = (np.array([segment[k] for segment in found]) for k in (1, 2))
    assert np.abs((starts + ends) / 2 - middles_s).max() < NEAR_S
    assert np.abs(ends - starts - lengths_s).max() < NEAR_S
    for segment, middle in zip(found, middles_s, strict=True):
        first = round((segment.start_s + segment.end_s) / 2 * RATE) - RATE // 2
        assert np.array_equal(segment.samples, samples[first : first + RATE])
        loud = np.flatnonzero(np.abs(segment.samples) > 10 ** (level_db / 20))
        assert (loud[0] + loud[-1]) / 2 / RATE == pytest.approx(0.5, abs=NEAR_S), middle
        assert segment.level_db == pytest.approx(level_db, abs=3)


@pytest.mark.parametrize("offset", [0.3, -0.3])
@pytest.mark.parametrize("floor_db", [-300, -80, -50, -30])
def test_floors_and_offsets_of_any_size(floor_db, offset):
    samples = stream(6, floor_db, (2.0, 0.5, -15), (4.0, 0.5, -15)) + np.float32(offset)
    found = segments_of(samples)
    assert [segment.issue for segment in found] == [None, None]
    assert [(segment.start_s + segment.end_s) / 2 for segment in found] == pytest.approx([2, 4], abs=NEAR_S)
    assert found[0].samples.mean() == pytest.approx(offset, abs=0.01)  # kept as it was


@pytest.mark.parametrize("floor_db", [-60, -30])
def test_noise_alone_holds_no_words(floor_db):
    assert segments_of(noise_at(30, floor_db)) == []
    assert segments_of(np.zeros(5 * RATE, "float32")) == []


def test_hum_and_rumble_are_no_words():
    times_s = np.arange(6 * RATE) / RATE
    rumble = 0.02 * np.sin(2 * np.pi * 20 * times_s) * (1 + np.sin(2 * np.pi * 0.7 * times_s))
    samples = (stream(6, -60, (3.0, 0.5, -20)) + rumble).astype("float32")
    found = segments_of(samples)
    assert [(segment.start_s + segment.end_s) / 2 for segment in found] == pytest.approx([3], abs=NEAR_S)


@pytest.mark.parametrize(
    ("word", "issue"),
    [
        ((2.0, 0.5, -15), None),
        ((2.0, 0.98, -15), None),
        ((2.0, 1.1, -15), "too long"),
        ((3.0, 3.0, -15), "too long"),
        ((2.0, 0.05, -15), "too short"),
        ((2.0, 0.5, -52), "too quiet"),
        ((2.0, 0.5, -1), "clipped"),
    ],
)
def test_bad_segments_are_named_and_good_ones_after_them_kept(word, issue):
    samples = np.clip(stream(8, -75, word, (6.5, 0.5, -15)), -1, 1)
    found = segments_of(samples)
    assert [segment.issue for segment in found] == [issue, None]
    assert found[0].start_s == pytest.approx(word[0] - word[1] / 2, abs=NEAR_S)
    assert (found[1].start_s + found[1].end_s) / 2 == pytest.approx(6.5, abs=NEAR_S)
    assert {segment.samples.shape for segment in found} == {(RATE,)}


def test_what_was_cut_off_is_found_after_resampling():
    loud = np.clip(resample(stream(4, -60, (2.0, 0.5, 3)), RATE, 48000), -1, 1)
    assert [segment.issue for segment in segments_of(resample(loud, 48000, RATE))] == ["clipped"]


def test_a_louder_noise_is_one_sound_and_then_the_floor():
    samples = np.concatenate((noise_at(3, -70), stream(9, -40, (7.0, 0.5, -15), seed=2)))
    found = segments_of(samples)
    assert [segment.issue for segment in found] == ["too long", None]
    assert (found[1].start_s + found[1].end_s) / 2 == pytest.approx(10, abs=NEAR_S)


def test_parts_of_a_word_are_one_and_its_echo_is_none_of_it():
    found = segments_of(stream(4, -60, (1.8, 0.2, -20), (2.15, 0.2, -20)))  # 0.15 s apart, like "cat" and its t
    assert [segment.issue for segment in found] == [None]
    assert (found[0].start_s, found[0].end_s) == pytest.approx((1.7, 2.25), abs=NEAR_S)
    samples = stream(4, -90, (2.0, 0.4, -10))
    samples[round(2.2 * RATE) :] += noise_at(1.8, -10) * np.exp(-np.arange(1.8 * RATE) / (0.07 * RATE)).astype(
        "float32"
    )
    (segment,) = segments_of(samples)  # 60 dB in half a second
    assert segment.issue is None
    assert 2.3 < segment.end_s < 2.5


def test_what_begins_within_a_clip_is_no_word_of_its_own():
    samples = stream(6, -60, (2.0, 0.3, -20), (2.7, 0.15, -25), (4.5, 0.3, -20))
    assert len(segments_of(samples)) == 3
    found = segments_of(samples, segmenter=EnergySegmenter(RATE, 2.0))
    assert [segment.start_s for segment in found] == pytest.approx([1.85, 4.35], abs=NEAR_S)
    assert found[0].samples.shape == (2 * RATE,)


def test_beyond_the_ends_of_the_stream_is_silence():
    samples = stream(1.6, -60, (0.35, 0.2, -20), (1.4, 0.3, -20))
    first, last = segments_of(samples)
    assert not first.samples[:2000].any()
    assert not last.samples[-3000:].any()
    assert first.samples[-8000:].all()
    assert len(first.samples) == len(last.samples) == RATE
    (short,) = segments_of(stream(0.45, -60, (0.3, 0.2, -20)))
    assert (short.start_s + short.end_s) / 2 == pytest.approx(0.3, abs=NEAR_S)


def test_what_had_begun_before_or_does_not_end_is_cut():
    samples = stream(5, -60, (0.9, 0.6, -20), (2.5, 0.5, -20), (4.3, 0.6, -20))
    assert [segment.issue for segment in segments_of(samples)] == [None] * 3
    found = segments_of(samples[RATE : round(4.3 * RATE)])
    assert [segment.issue for segment in found] == ["truncated", None, "truncated"]
    assert (found[1].start_s + found[1].end_s) / 2 == pytest.approx(1.5, abs=NEAR_S)


MIXED = stream(
    12, -55, (0.9, 0.4, -20), (2.2, 1.3, -20), (4.2, 0.3, -20), (5.0, 0.2, -15), (6.5, 0.04, -15), (11.9, 0.2, -20)
)
MIXED[8 * RATE : 8 * RATE + 12800] += burst(0.8, -3)
WHOLE = segments_of(MIXED, [len(MIXED)])


def test_the_mixture_holds_takes_of_each_kind():
    assert [segment.issue for segment in WHOLE].count(None) == 3
    assert {segment.issue for segment in WHOLE} == {None, "too long", "truncated", "too short", "clipped"}


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=6).filter(any))
def test_any_cut_gives_the_same_takes(sizes):
    assert same(segments_of(MIXED, sizes), WHOLE)


def test_small_blocks_give_the_same_takes_and_a_cutter_is_as_new_after_flush_and_reset():
    segmenter = EnergySegmenter(RATE)
    assert same(segments_of(MIXED[: 6 * RATE], [37], segmenter), segments_of(MIXED[: 6 * RATE]))
    segmenter.process(MIXED[:30001])
    segmenter.reset()
    assert same(segments_of(MIXED, segmenter=segmenter), WHOLE)


def test_takes_come_as_soon_as_their_clips_are_complete_and_memory_is_bounded():
    segmenter, found = EnergySegmenter(RATE), []
    samples = stream(120, -60, *((2 * k, 0.4, -20) for k in range(1, 60)))
    for place in range(0, len(samples), 1000):
        for segment in segmenter.process(samples[place : place + 1000]):
            found.append(segment)
            due_s = max(segment.end_s + 0.3, (segment.start_s + segment.end_s) / 2 + 0.5)
            assert (place + 1000) / RATE - due_s < 0.15
        assert len(segmenter._samples.items) < 4 * RATE
    assert len(found) == 59


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
def test_other_sample_rates(rate):
    samples = resample(stream(6, -50, (2.0, 0.5, -20), (4.0, 0.5, -20)), RATE, rate)
    found = segments_of(samples, segmenter=EnergySegmenter(rate, 0.8))
    assert [(segment.start_s + segment.end_s) / 2 for segment in found] == pytest.approx([2, 4], abs=NEAR_S)
    assert {len(segment.samples) for segment in found} == {round(0.8 * rate)}


def test_a_threshold_of_choice():
    samples = stream(4, -40, (2.0, 0.5, -25))
    assert len(segments_of(samples, segmenter=EnergySegmenter(RATE, threshold_db=8.0))) == 1
    assert segments_of(samples, segmenter=EnergySegmenter(RATE, threshold_db=25.0)) == []


@given(st.lists(st.integers(0, 20000), min_size=1, max_size=5).filter(any))
def test_pieces_are_one_after_the_other(sizes):
    samples = noise_at(3.3, -30)
    samples[20000] = 1
    found = segments_of(samples, sizes, FixedChunks(RATE, 0.5))
    assert np.array_equal(np.concatenate([segment.samples for segment in found]), samples[: 6 * 8000])
    assert [segment.issue for segment in found] == [None, None, "clipped", None, None, None]
    assert [segment.start_s for segment in found] == [0, 0.5, 1, 1.5, 2, 2.5]
    assert found[0].level_db == pytest.approx(-30, abs=0.5)


@pytest.mark.parametrize("kind", [EnergySegmenter, FixedChunks])
def test_what_makes_no_sense_is_refused(kind):
    for args, message in (((0,), "sample_rate"), ((RATE, 0.01), "clip_s"), ((RATE, np.nan), "clip_s")):
        with pytest.raises(ac.ArgumentError, match=message):
            kind(*args)
    segmenter = kind(RATE)
    with pytest.raises(ac.DtypeError, match="float64"):
        segmenter.process(np.zeros(10))
    with pytest.raises(ac.ShapeError):
        segmenter.process(np.zeros((10, 2), "float32"))
    with pytest.raises(ac.ArgumentError, match="sample 3"):
        segmenter.process(np.array([0, 0, 0, np.nan], "float32"))
    with pytest.raises(ac.ArgumentError, match="threshold_db"):
        EnergySegmenter(RATE, threshold_db=0)
