"""Stretches of training sound: what is in them is where the spans say, and depends on seed and number alone."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import audioconv as ac
from audioconv.classify import load_dataset
from audioconv.detect import MixtureGenerator, MixtureSettings, Span, frame_targets, word_bounds
from audioconv.detect.mixtures import PHRASES

RATE = 16000
PLAIN = MixtureSettings(  # keywords as they are, next to no noise, each stretch with speech
    **{name: 0.0 for name in PHRASES if name != "keyword_weight"},
    speech_only_probability=0.0,
    noise_only_probability=0.0,
    reverb_probability=0.0,
    pace=(1.0, 1.0),
    item_level_db=(0.0, 0.0),
    level_dbfs=(-20.0, -20.0),
    snr_db=(60.0, 60.0),
    clean_snr_db=(60.0, 60.0),
)


def tone(pitch_hz, begin=4000, samples=5600, size=RATE, gain=0.3):
    """A clip with one sound in it."""
    clip = np.zeros(size, np.float32)
    clip[begin : begin + samples] = gain * np.sin(2 * np.pi * pitch_hz * np.arange(samples) / RATE)
    return clip


WORDS = [[tone(500), tone(520, 2000, 6000)], [tone(1500), tone(1550, 8000, 4000)]]
OTHERS = [tone(3000), tone(3200, 100, 3000)]
SPEECH = [np.tile(tone(5000, 0, 12000), 6)]


def generator(settings=PLAIN, *, words=WORDS, **others):
    return MixtureGenerator(words, settings=settings, **others)


def draw(mixtures, count):
    return [mixtures.draw(number) for number in range(count)]


def only(weight, **settings):
    return replace(PLAIN, keyword_weight=0.0, **{weight: 1.0}, **settings)


def power(samples, low_hz, high_hz):
    """Power between two frequencies, each 10 ms."""
    spectrum = np.abs(ac.stft(samples, np.hanning(320), 160)) ** 2
    bins_hz = np.fft.rfftfreq(320, 1 / RATE)
    band = (bins_hz >= low_hz) & (bins_hz < high_hz)
    return spectrum[:, band].sum(axis=1)


def sounding(samples, spans):
    """Which samples lie in spans or the fades around."""
    inside = np.zeros(samples.size, bool)
    for span in spans:
        inside[max(0, span.begin - 400) : max(0, span.end + 400)] = True
    return inside


def test_a_stretch_depends_on_seed_and_number_alone():
    def make(seed=3):
        return generator(MixtureSettings(), others=OTHERS, speech=SPEECH, noises=[tone(700)], seed=seed)

    first = make()
    drawn = [first.draw(number) for number in range(8)]
    with ThreadPoolExecutor(3) as pool:
        again = list(pool.map(make().draw, reversed(range(8))))[::-1]
    for (samples, spans), (others, other_spans) in zip(drawn, again, strict=True):
        assert np.array_equal(samples, others)
        assert spans == other_spans
    assert not np.array_equal(make(4).draw(0)[0], drawn[0][0])
    assert len({samples.tobytes() for samples, _ in drawn}) == 8


def test_a_stretch_is_as_long_as_was_said_and_within_full_scale():
    loud = generator(MixtureSettings(stretch_s=1.7, level_dbfs=(0, 6)), others=OTHERS, speech=SPEECH)
    peaks = []
    for number in range(20):
        samples, spans = loud.draw(number)
        assert samples.shape == (27200,)
        assert samples.dtype == np.float32
        assert all(span.end > 0 and span.begin < 27200 for span in spans)
        peaks.append(np.abs(samples).max())
    assert max(peaks) == 1


def test_keywords_are_where_the_spans_say():
    mixtures = generator()
    found = 0
    for number in range(20):
        samples, spans = mixtures.draw(number)
        inside = sounding(samples, spans)
        loud = np.abs(samples) > 0.02
        assert not loud[~inside].any()
        for label_index, begin, end in spans:
            part = samples[max(0, begin) : end]
            if part.size > 1600:
                levels = power(part, 400, 600).sum(), power(part, 1400, 1600).sum()
                assert np.argmax(levels) == label_index
                assert np.sqrt(np.mean(part**2)) == pytest.approx(0.1, rel=0.05)
                found += 1
    assert found > 40


def test_spans_are_in_order_and_keywords_follow_in_the_gaps_that_were_asked_for():
    for _, spans in draw(generator(replace(PLAIN, gap_s=(0.3, 0.3), close_gap_probability=0)), 10):
        assert spans == sorted(spans, key=lambda span: span.begin)
        assert all(after.begin - before.end == 4800 for before, after in pairwise(spans))
    together = generator(only("keyword_pair_weight", close_gap_s=(0.0, 0.0), close_gap_probability=0)).draw(0)[1]
    assert any(after.begin == before.end for before, after in pairwise(together))


def test_words_begin_before_a_stretch_and_end_after_it():
    spans = [span for _, found in draw(generator(), 40) for span in found]
    assert any(span.begin < 0 for span in spans)
    assert any(span.end > 51200 for span in spans)


@pytest.mark.parametrize(
    ("weight", "low_hz", "high_hz"), [("other_word_weight", 2800, 3400), ("speech_weight", 4800, 5200)]
)
def test_other_words_and_speech_are_no_keywords(weight, low_hz, high_hz):
    samples, spans = generator(only(weight), others=OTHERS, speech=SPEECH).draw(0)
    assert spans == []
    assert power(samples, low_hz, high_hz).sum() > 0.9 * power(samples, 50, 8000).sum()


@pytest.mark.parametrize(
    ("weight", "heard"),
    [("first_half_weight", (True, False)), ("second_half_weight", (False, True)),
     ("first_half_before_speech_weight", (True, False))],
)  # fmt: skip
def test_halves_of_keywords_are_no_keywords(weight, heard):
    chirp = 1e-3 * np.random.default_rng(0).standard_normal(RATE, np.float32)  # or its quieter half is the noise
    hz = np.repeat([600.0, 2500.0], 3200)
    chirp[3200:9600] = np.sin(2 * np.pi * np.cumsum(hz) / RATE)
    halves = generator(only(weight, half_share=(0.35, 0.35)), words=[[chirp]], speech=SPEECH)
    samples, spans = halves.draw(0)
    assert spans == []
    halves_heard = power(samples, 500, 700), power(samples, 2400, 2600)
    sums = np.array([power.sum() for power in halves_heard])
    assert tuple(sums > 0.05 * sums.max()) == heard
    least = 0.05 * max(power.max() for power in halves_heard)
    half = halves_heard[heard.index(True)] > least
    lengths = np.diff(np.flatnonzero(np.diff(half, prepend=False, append=False)))[::2]
    assert 12 <= np.median(lengths) < 20  # of 10 ms: less than half of the word of 400 ms, fades and all
    assert (power(samples, 4800, 5200) > least).any() == ("speech" in weight)


def test_recordings_are_put_into_noise_at_some_pace():
    paced = generator(replace(PLAIN, pace=(1.25, 1.25)))
    given = np.tile(tone(1000, 0, RATE), 5)
    samples = paced.in_noise(given[: 51200 * 5 // 4], 0)
    assert samples.shape == (51200,)
    assert power(samples, 1200, 1300).sum() > 0.8 * power(samples, 50, 8000).sum()
    assert np.abs(samples[-1600:]).max() > 0.01  # enough was given for the faster pace
    np.testing.assert_array_equal(samples, paced.in_noise(given[: 51200 * 5 // 4], 0))
    assert np.isfinite(paced.in_noise(np.empty(0, "float32"), 0)).all()


def test_keywords_stand_right_between_pieces_of_speech():
    settings = only("keyword_in_speech_weight", close_gap_s=(0.0, 0.0), speech_s=(0.5, 0.5))
    samples, spans = generator(settings, speech=[np.tile(tone(5000, 0, RATE), 5)]).draw(1)
    (label_index, begin, end), *_ = [span for span in spans if span.begin > 8000 and span.end < 43000]
    assert power(samples[begin - 1600 : begin], 4800, 5200).mean() > 100 * power(samples, 6000, 8000).mean()
    assert power(samples[end : end + 1600], 4800, 5200).mean() > 100 * power(samples, 6000, 8000).mean()
    assert power(samples[begin:end], *((400, 600), (1400, 1600))[label_index]).mean() > 1e-3


def test_pace_changes_pitch_and_length():
    fast = replace(PLAIN, pace=(1.25, 1.25))
    samples, spans = generator(fast, words=[[tone(1000)]]).draw(0)
    begin, end = word_bounds(tone(1000), RATE)
    assert {span.end - span.begin for span in spans} == {round((end - begin) / 1.25)}
    assert power(samples, 1200, 1300).sum() > 0.8 * power(samples, 50, 8000).sum()


def test_noise_has_its_ratio_to_the_speech_and_the_whole_its_level():
    noisy = replace(PLAIN, snr_db=(10, 10), clean_probability=0, keyword_weight=0, silence_weight=1)
    for samples, _ in draw(generator(noisy), 4):
        assert 20 * np.log10(np.sqrt(np.mean(samples**2))) == pytest.approx(-30, abs=6)  # clicks are uneven
    alone = replace(PLAIN, noise_only_probability=1, noise_dbfs=(-40, -40))
    for samples, spans in draw(generator(alone), 4):
        assert spans == []
        assert 20 * np.log10(np.sqrt(np.mean(samples**2))) == pytest.approx(-40, abs=6)


def test_a_room_is_heard_also_of_what_came_before():
    dry, wet = (generator(replace(PLAIN, reverb_probability=p)) for p in (0, 1))
    for number in range(10):
        (plain, spans), (reverberant, same) = dry.draw(number), wet.draw(number)
        assert spans == same
        silence = ~sounding(plain, spans)
        assert silence.sum() < 8000 or np.mean(reverberant[silence] ** 2) > 3 * np.mean(plain[silence] ** 2)
    begins = [(dry.draw(number)[0][:800], wet.draw(number)[0][:800]) for number in range(40)]
    tails = [np.abs(reverberant).max() for plain, reverberant in begins if np.abs(plain).max() < 1e-3]
    assert max(tails) > 2e-3


def test_speech_only_and_what_is_missing():
    speech = generator(replace(PLAIN, speech_only_probability=1), speech=SPEECH)
    samples, spans = speech.draw(0)
    assert spans == []
    assert power(samples, 4800, 5200).sum() > 0.9 * power(samples, 50, 8000).sum()
    for beside in ({}, {"others": OTHERS}, {"speech": SPEECH}):
        drawn = draw(generator(MixtureSettings(), **beside), 30)
        assert all(np.isfinite(samples).all() for samples, _ in drawn)
        assert sum(len(spans) for _, spans in drawn) > 30
    with pytest.raises(ac.ArgumentError, match="nothing to fill a stretch with"):
        generator(only("other_word_weight"))


def test_silent_clips_are_left_out_and_words_without_a_clip_refused():
    silent = np.zeros(RATE, np.float32)
    assert "clips of 1 words" in repr(generator(words=[[silent, tone(500)]]))
    with pytest.raises(ac.ArgumentError, match="each keyword needs a clip that is not silent; of words there are 2, 0"):
        generator(words=[WORDS[0], [silent]])
    with pytest.raises(ac.ArgumentError, match="of words there are none"):
        generator(words=[])
    with pytest.raises(ac.ArgumentError, match="clip of word 0 1 holds NaN"):
        generator(words=[[tone(500), tone(500) * np.float32(np.nan)]])
    with pytest.raises(ac.ArgumentError, match="background noise 0 is silent"):
        generator(noises=[silent])
    with pytest.raises(ac.ArgumentError, match="number must be at least 0"):
        generator().draw(-1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stretch_s": 0},
        {"speech_weight": -1},
        {"reverb_probability": 1.1},
        {"pace": (0.1, 1)},
        {"gap_s": (-0.1, 0)},
        {"half_share": (0.5, 1)},
        {"snr_db": (10, 0)},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ac.ArgumentError, match=next(iter(wrong))):
        MixtureSettings(**wrong)


KEYWORDS = ("yes", "no", "stop", "right")


@pytest.fixture(scope="module")
def recordings(data_folder):
    """Recorded words: keywords, and others; and read speech."""
    dataset = load_dataset(data_folder / "speech_commands_8").part("val")
    clips = {label: [] for label in np.unique(dataset.labels)}
    for file, label in zip(dataset.files, dataset.labels, strict=True):
        if len(clips[label]) < 20:
            clips[label].append(ac.read(file).samples)
    others = [clip for label in clips if label not in KEYWORDS for clip in clips[label]]
    speech = [ac.read(path).samples for path in sorted((data_folder / "librispeech_mini").rglob("*.opus"))[:5]]
    return [clips[label] for label in KEYWORDS], others, speech


@pytest.mark.data
def test_the_energy_of_real_words_lies_in_their_spans(recordings):
    quiet = replace(PLAIN, gap_s=(0.2, 0.5), close_gap_probability=0, pace=(0.9, 1.1), snr_db=(50, 50))
    mixtures = generator(quiet, words=recordings[0])
    seen = begun = ended = 0
    for number in range(20):
        samples, spans = mixtures.draw(number)
        outside = samples[~sounding(samples, spans)]
        assert 10 * np.log10(np.mean(outside**2)) < -45  # the words have -20 dB
        for span in spans:
            if span.begin >= 0 and span.end <= samples.size:
                seen += 1
                begun += np.mean(samples[span.begin : span.begin + 800] ** 2) > 1e-5
                ended += np.mean(samples[span.end - 800 : span.end] ** 2) > 1e-5
    assert seen > 25
    assert min(begun, ended) > 0.8 * seen


@pytest.mark.data
def test_real_stretches_have_targets_for_their_words(recordings):
    words, others, speech = recordings
    mixtures = generator(MixtureSettings(), words=words, others=others, speech=speech)
    features, taught, spoken = ac.LogMel(), 0, 0
    for number in range(20):
        samples, spans = mixtures.draw(number)
        frames = features(samples)
        assert np.isfinite(frames).all()
        targets = frame_targets(spans, len(frames) // 2, 320, features.win_length, len(words))
        whole = [span for span in spans if span.begin >= 0 and span.end + 4000 < samples.size]
        spoken += len(whole)
        taught += sum(int(targets[(span.end + 1600) // 320, 1 + span.label_index]) for span in whole)
    assert spoken > 20
    assert taught >= 0.9 * spoken


def test_a_span_shows_itself():
    assert repr(Span(1, -200, 4000)) == "Span(label_index=1, begin=-200, end=4000)"
