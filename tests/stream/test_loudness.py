"""Loudness of what passes: that of the whole signal by pyloudnorm and by ffmpeg, whatever the cut."""

import pickle
import re
import shutil
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import sosfilt

import audioconv as ac
from audioconv.stream.loudness import _weighting
from tests.conftest import DATA
from tests.streaming import run

STANDARD = "DeMan"  # the filters of the standard at any sample rate; the others of pyloudnorm are approximations
MEASURES = "integrated_lufs", "momentary_lufs", "short_term_lufs", "loudness_range_lu", "true_peak_db", "measured_s"


def sounds(channels, sample_rate, seconds=6):
    """Noise that goes from loud to silent and back, so that both gates have something to do."""
    rng = np.random.default_rng(channels)
    level = np.repeat(rng.uniform(0.0, 0.3, 5 * seconds) ** 2, sample_rate // 5)
    level[len(level) // 3 : len(level) // 2] = 0
    x = rng.standard_normal((len(level), channels)) * level[:, None]
    return (x if channels > 1 else x[:, 0]).astype("float32")


def meter_for(x, sample_rate, **options):
    return ac.LoudnessMeter(sample_rate, channels=1 if x.ndim == 1 else x.shape[1], **options)


def metered(x, sample_rate, block=7777, **options):
    meter = meter_for(x, sample_rate, **options)
    y = run(meter, x, [block])
    assert np.array_equal(y, x)
    return meter.integrated_lufs


def reference(x, sample_rate, filters=STANDARD):
    return pyloudnorm.Meter(sample_rate, filters).integrated_loudness(x.astype(float))


def weighted(x, sample_rate):
    """The power of the weighted signal of one channel."""
    b, a = _weighting(sample_rate)[:, :3], _weighting(sample_rate)[:, 3:]
    return sosfilt(np.concatenate([b, np.ones((2, 1)), a], axis=1), x.astype(float)) ** 2


def lufs(power):
    return -0.691 + 10 * np.log10(power)


# --- integrated loudness --------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("sample_rate", [8000, 44100, 48000])
def test_the_loudness_is_that_of_pyloudnorm(channels, sample_rate):
    x = sounds(channels, sample_rate)
    expected = reference(x, sample_rate)
    assert -60 < expected < -10
    assert abs(metered(x, sample_rate) - expected) < 0.005
    assert metered(x, sample_rate, block=len(x)) == metered(x, sample_rate, block=100)


@pytest.mark.data
@pytest.mark.parametrize("path", sorted(Path(DATA or ".").glob("recordings/*.ogg")), ids=lambda path: path.name[:8])
def test_recordings_are_as_loud_as_pyloudnorm_says(path):
    """Its usual filters have a shelf at 1500 Hz instead of 1682, and so 0.05 LU less; at 16 kHz 0.13."""
    x, sample_rate = soundfile.read(path, dtype="float32")
    found = metered(x, sample_rate, block=65536)
    assert abs(found - reference(x, sample_rate)) < 0.01
    usual = reference(x, sample_rate, "K-weighting")
    assert 0 < found - usual < (0.1 if sample_rate > 40000 else 0.15)


def test_the_weighting_is_that_of_the_standard():
    """ITU-R BS.1770-4, annex 1, tables 1 and 2: at 48 kHz."""
    shelf, high_pass = _weighting(48000)
    expected = [1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585]
    assert np.allclose(shelf, expected, rtol=0, atol=1e-8)
    assert np.allclose(high_pass, [1, -2, 1, -1.99004745483398, 0.99007225036621], rtol=0, atol=1e-8)


def test_a_tone_of_full_scale_is_at_3_lufs():
    """ITU-R BS.1770: a sine of 997 Hz at 0 dB in one channel has -3.01 LKFS."""
    tone = np.sin(2 * np.pi * 997 / 48000 * np.arange(96000)).astype("float32")
    assert metered(tone, 48000) == pytest.approx(-3.01, abs=0.005)


@pytest.mark.parametrize(
    ("levels_db", "seconds", "expected"),
    [
        ([-23], [20], -23.0),  # EBU Tech 3341, table 1, cases 1 and 3 to 5, some of them shorter
        ([-36, -23, -36], [10, 60, 10], -23.0),
        ([-72, -36, -23, -36, -72], [10, 10, 60, 10, 10], -23.0),
        ([-26, -20, -26], [20, 20.1, 20], -23.0),
    ],
)
def test_the_gates_are_those_of_the_ebu(levels_db, seconds, expected):
    level = np.concatenate([np.full(int(s * 8000), 10 ** (d / 20)) for d, s in zip(levels_db, seconds, strict=True)])
    tone = np.sin(2 * np.pi * 1000 / 8000 * np.arange(len(level))) * level
    stereo = np.stack([tone, tone], axis=1).astype("float32")
    offset = lufs(2 * weighted(tone[8000:9000] / np.abs(tone[8000:9000]).max(), 8000)[500:].mean())
    assert abs(metered(stereo, 8000) - offset - expected) < 0.1


def test_channels_count_by_their_loudspeakers():
    x = sounds(6, 48000)
    without_bass = reference(x[:, [0, 1, 2, 4, 5]], 48000)
    assert abs(metered(x, 48000) - without_bass) < 0.01
    assert abs(metered(x, 48000, channel_mask=0x3F) - without_bass) < 0.01
    assert metered(x, 48000, channel_mask=0) > without_bass + 0.1  # nobody says that one is for low frequencies
    four = sounds(4, 48000)
    assert metered(four, 48000, channel_mask=0x33) > metered(four, 48000, channel_mask=0) + 0.3


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_all_measures_are_those_of_ffmpeg(tmp_path, channels):
    x = sounds(channels, 48000, 20)
    soundfile.write(tmp_path / "a.wav", x, 48000, subtype="FLOAT", format="WAVEX")
    command = [
        "ffmpeg",
        "-nostats",
        "-i",
        tmp_path / "a.wav",
        "-filter_complex",
        "ebur128=peak=true",
        "-f",
        "null",
        "-",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr
    meter = meter_for(x, 48000)
    meter(x)
    lines = re.findall(r"TARGET:.* M:\s*(\S+) S:\s*(\S+)", said)
    assert meter.integrated_lufs == pytest.approx(float(re.findall(r"I:\s+(\S+) LUFS", said)[-1]), abs=0.06)
    assert meter.momentary_lufs == pytest.approx(float(lines[-1][0]), abs=0.06)
    assert meter.short_term_lufs == pytest.approx(float(lines[-1][1]), abs=0.06)
    # the short interpolator of the standard falls off where white noise does not end
    assert meter.true_peak_db == pytest.approx(float(re.findall(r"Peak:\s+(\S+) dBFS", said)[-1]), abs=0.6)


# --- the other measures ---------------------------------------------------------------------------------------


def test_momentary_and_short_term_loudness_are_of_the_last_full_steps():
    x, rate = sounds(1, 8000), 8000
    power = weighted(x, rate)
    meter = ac.LoudnessMeter(rate)
    for end, step in ((3199, 0), (3200, 4), (24000, 30), (24799, 30), (24800, 31), (41700, 52)):
        meter.reset()
        meter.process(x[:end])
        last = power[: step * 800]
        for name, samples in (("momentary_lufs", 3200), ("short_term_lufs", 24000)):
            expected = lufs(last[-samples:].mean()) if len(last) >= samples else -np.inf
            assert getattr(meter, name) == pytest.approx(expected, abs=1e-6), (name, end)
        assert meter.measured_s == end / rate


def test_the_loudness_range_is_that_of_tones():
    """EBU Tech 3342, table 1, case 1: 20 s each at -20 and -30 dB are 10 LU apart."""
    level = np.repeat([0.1, 10**-1.5], 20 * 8000)
    tone = (level * np.sin(2 * np.pi * 1000 / 8000 * np.arange(len(level)))).astype("float32")
    meter = ac.LoudnessMeter(8000)
    assert meter.loudness_range_lu == 0
    meter(tone)
    assert meter.loudness_range_lu == pytest.approx(10.0, abs=0.1)


@pytest.mark.parametrize("channels", [1, 2])
def test_the_loudness_range_is_that_of_sorted_windows(channels):
    """EBU Tech 3342, section 4: the quantiles of what is above both gates."""
    x, rate = sounds(channels, 8000, 20), 8000
    energies = sum(weighted(column, rate) for column in x.reshape(len(x), channels).T).reshape(-1, 800).sum(axis=1)
    powers = np.convolve(energies, np.ones(30), "valid") / 24000
    powers = powers[powers > 10 ** ((-70 + 0.691) / 10)]
    found = np.sort(lufs(powers[powers >= powers.mean() / 100]))
    low, high = (found[round((len(found) - 1) * part)] for part in (0.10, 0.95))
    meter = meter_for(x, rate)
    meter(x)
    assert high - low > 3
    assert meter.loudness_range_lu == pytest.approx(high - low, abs=0.011)


@pytest.mark.parametrize("phase", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("cut", [1, 7, 480])
def test_the_true_peak_is_between_the_samples(phase, cut):
    """A tone at a quarter of the sample rate, whose samples may miss its peak by 3 dB: EBU Tech 3341, case 15 on."""
    x = (0.5 * np.sin(2 * np.pi * (np.arange(480) / 4 + phase / 2))).astype("float32")
    x *= np.hanning(480).astype("float32") ** 0.25
    meter = ac.LoudnessMeter(48000)
    run(meter, x, [cut])
    assert meter.true_peak_db == pytest.approx(20 * np.log10(0.5), abs=0.3)
    run(meter, np.array([0.25, 0, 0], "float32"), [1])
    assert meter.true_peak_db >= 20 * np.log10(0.25)  # never below a sample


# --- as a stage -----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 1500), min_size=1, max_size=4).filter(any), st.sampled_from([1, 2]))
def test_the_cut_does_not_matter(cut, channels):
    x = sounds(channels, 8000, 4)[:30000]
    whole, parts = meter_for(x, 8000), meter_for(x, 8000)
    assert np.array_equal(whole(x), x)
    assert np.array_equal(run(parts, x, cut), x)
    assert [getattr(whole, name) for name in MEASURES] == [getattr(parts, name) for name in MEASURES]


def test_what_was_measured_stays_until_the_next_signal_begins():
    x, meter = sounds(1, 8000), ac.LoudnessMeter(8000)
    before = [getattr(meter, name) for name in MEASURES]
    chain = ac.Chain([ac.Gain(0.0), meter])
    chain(x)
    found = [getattr(meter, name) for name in MEASURES]
    assert found[0] == metered(x, 8000)
    assert [getattr(pickle.loads(pickle.dumps(meter)), name) for name in MEASURES] == found
    chain.process(x[:0])
    assert [getattr(meter, name) for name in MEASURES] == found
    chain.process(x[:10000])
    other = ac.LoudnessMeter(8000)
    other.process(x[:10000])
    assert [getattr(meter, name) for name in MEASURES] == [getattr(other, name) for name in MEASURES] != found
    chain.reset()
    assert [getattr(meter, name) for name in MEASURES] == before


def test_bad_samples_pass_and_are_measured_as_zeros():
    x = sounds(2, 8000)
    spoilt = x.copy()
    spoilt[[5, 9000, 9001], [0, 1, 0]] = np.nan, np.inf, -np.inf
    meter, other = meter_for(x, 8000), meter_for(x, 8000)
    assert np.array_equal(meter.process(spoilt), spoilt, equal_nan=True)
    other.process(np.where(np.isfinite(spoilt), spoilt, np.float32(0)))
    assert meter.nonfinite_count == 3
    assert [getattr(meter, name) for name in MEASURES] == [getattr(other, name) for name in MEASURES]
    meter.flush()
    assert meter.nonfinite_count == 0


def test_memory_does_not_grow():
    meter, x = ac.LoudnessMeter(4000), sounds(1, 4000, 10)
    meter.process(x)
    tracemalloc.start()
    for _ in range(100):  # 17 minutes
        meter.process(x, out=x)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 10_000
    assert meter.measured_s == 1010
    assert abs(meter.integrated_lufs - metered(x, 4000)) < 0.1


def test_silence_and_what_is_too_short():
    assert metered(np.zeros(48000, "float32"), 48000) == -np.inf
    assert metered(np.full(48000, 1e-6, "float32"), 48000) == -np.inf
    assert metered(np.ones(14400, "float32"), 48000) == -np.inf
    with pytest.raises(ac.ArgumentError, match="from 4000 Hz"):
        ac.LoudnessMeter(2000)
    with pytest.raises(
        ac.ShapeError,
        match=r"not \(5, 2\); this LoudnessMeter is made for 1 channel.* LoudnessMeter\(..., channels=2\)",
    ):
        ac.LoudnessMeter(48000).process(np.ones((5, 2), "float32"))


def test_a_file_that_is_too_short_has_no_loudness(tmp_path):
    ac.write(tmp_path / "in.wav", np.ones(14400, "float32") / 2, 48000)
    with pytest.raises(ac.ArgumentError, match=r"over 0\.4 s at least, and there are 0\.300 s"):
        ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(), loudness_lufs=-20)
