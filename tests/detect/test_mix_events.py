"""Labelled mixtures: the same by the same seed, with events where they are said to be, at their levels."""

import numpy as np
import pytest

import audioconv as ac
from tests.compare import assert_close

RATE = 8000


def clip(hz, seconds=2.0, pause_s=0.5):
    tone = np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)
    return np.pad(tone, round(pause_s * RATE)).astype(np.float32)


CLIPS, LABELS = [clip(300), clip(900), clip(2000, 0.4)], ["low", "mid", "short"]


def mixed(clips=CLIPS, labels=LABELS, background=None, **given):
    options = {"count": 3, "duration_s": 20.0, "sample_rate": RATE, "random_state": 3} | given
    return list(ac.mix_events(clips, labels, background, **options))


def tone_level(samples, hz):
    """The power of a tone in samples, by their spectrum."""
    t = np.arange(samples.size) / RATE
    return 2 * abs(np.mean(samples * np.exp(-2j * np.pi * hz * t))) ** 2


def test_the_same_seed_gives_the_same_mixtures_however_many_there_are():
    first, again, more = mixed(), mixed(), mixed(count=5)
    for a, b, c in zip(first, again, more, strict=False):
        assert np.array_equal(a.samples, b.samples)
        assert np.array_equal(a.samples, c.samples)
        assert a.events == b.events == c.events
    assert not np.array_equal(first[0].samples, first[1].samples)
    assert not np.array_equal(first[0].samples, mixed(random_state=4)[0].samples)


def test_events_are_where_they_are_said_to_be_and_as_loud():
    hz = {"low": 300, "mid": 900, "short": 2000}
    noise = np.random.default_rng(0).standard_normal(RATE * 5).astype(np.float32)
    seen = 0
    for mixture in mixed(background=[noise], snr_db=(5.0, 15.0), background_dbfs=(-40.0, -40.0), max_polyphony=1):
        assert [e.onset_s for e in mixture.events] == sorted(e.onset_s for e in mixture.events)
        for event, snr_db in zip(mixture.events, mixture.snr_db, strict=True):
            begin, end = (round(s * RATE) for s in (event.onset_s, event.offset_s))
            if end - begin < RATE // 4:
                continue
            seen += 1
            inside = tone_level(mixture.samples[begin:end], hz[event.label])
            assert 10 * np.log10(inside) == pytest.approx(-40 + snr_db, abs=1.0)
            before = mixture.samples[max(0, begin - RATE // 4) : max(0, begin - 80)]
            if before.size > RATE // 8:
                assert tone_level(before, hz[event.label]) < inside / 5
    assert seen > 5


def lengths_s(mixtures, digits):
    """How long events are that the end of a mixture does not cut off."""
    return {round(e.offset_s - e.onset_s, digits) for m in mixtures for e in m.events if e.offset_s < 20}


@pytest.mark.parametrize("most", [1, 2, 4])
def test_no_more_events_sound_at_once_than_may(most):
    largest = 0
    for mixture in mixed(max_polyphony=most, gap_s=(0.0, 1.0)):
        active = np.zeros((round(20 * RATE), 3), int)
        for event in mixture.events:
            begin, end = (round(s * RATE) for s in (event.onset_s, event.offset_s))
            active[begin:end, LABELS.index(event.label)] += 1
        assert active.max() == 1, "of one class none overlaps another"
        largest = max(largest, int(active.sum(axis=1).max()))
    assert largest == min(most, 3)


def test_pauses_within_a_clip_end_events_if_they_are_long():
    clips = [np.concatenate([clip(500, 0.5, 0.0), np.zeros(round(0.4 * RATE), np.float32), clip(500, 0.5, 0.0)])]
    one, two = (mixed(clips, ["a"], count=6, pause_s=p, event_s=(2.0, 2.0), max_polyphony=1) for p in (0.5, 0.2))
    assert lengths_s(one, 1) <= {1.4, 1.5}
    assert lengths_s(two, 1) <= {0.5}


def test_a_long_sound_is_cut_and_a_pace_changes_its_length():
    long = mixed([clip(500, 6.0)], ["a"], event_s=(1.0, 1.0), max_polyphony=1)
    assert lengths_s(long, 2) == {1.0}
    slow = mixed([clip(500, 1.0)], ["a"], pace=(0.5, 0.5), event_s=(5.0, 5.0), max_polyphony=1)
    assert lengths_s(slow, 1) in ({2.0}, {2.1}, {2.0, 2.1})


def test_mixtures_are_finite_and_within_full_scale():
    (mixture,) = mixed(count=1, background_dbfs=(0.0, 0.0), snr_db=(20.0, 20.0))
    assert mixture.samples.dtype == np.float32
    assert np.abs(mixture.samples).max() == 1
    (quiet,) = mixed(count=1, background=[np.ones(100, np.float32)], snr_db=(-60.0, -60.0), background_dbfs=(-20, -20))
    assert_close(quiet.samples, np.full(20 * RATE, 0.1, np.float32), 6e-3)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"labels": ["low"]}, "one label a clip: 3 clips"),
        ({"clips": []}, "clips holds no recordings"),
        ({"clips": "a.wav"}, "must be a list of recordings, not the one path"),
        ({"clips": [*CLIPS[:2], np.zeros(800, np.float32)]}, "all clips of short are silent"),
        ({"clips": [*CLIPS[:2], np.full(800, np.nan, np.float32)]}, "holds NaN"),
        ({"background": []}, "None is noise that is made"),
        ({"background": [np.zeros(800, np.float32)]}, "is silent"),
        ({"snr_db": (10.0, 0.0)}, "snr_db must be the lowest and then"),
        ({"max_polyphony": 0}, "max_polyphony must be at least 1"),
        ({"event_s": (0.0, 1.0)}, "event_s must be at least 0.05"),
        ({"pace": (0.1, 1.0)}, "pace must be at least 0.5"),
    ],
)
def test_what_cannot_be_mixed_is_refused_before_anything_is_made(given, says):
    with pytest.raises(ac.AudioconvError, match=says):
        mixed(**given)


def test_files_are_read_at_the_sample_rate_that_is_wanted(tmp_path):
    ac.write(tmp_path / "a.wav", np.stack([clip(440), clip(440)], axis=1), RATE)
    (mixture,) = ac.mix_events([tmp_path / "a.wav"], ["tone"], duration_s=8, sample_rate=16000, gap_s=(0.1, 0.5))
    assert mixture.samples.size == 8 * 16000
    assert {event.label for event in mixture.events} == {"tone"}
