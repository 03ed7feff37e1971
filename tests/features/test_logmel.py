"""Log-mel features: against librosa in float64, and the stream against the whole clip."""

import json

import librosa
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.features import LogMel
from audioconv.features.mel_bands import mel_bands
from tests import naive
from tests.compare import assert_close

SPEECH = np.random.default_rng(1).standard_normal(16000) * np.hanning(16000) ** 4


def librosa_power(samples, features):
    """The oracle: librosa in float64 on the clip padded so that its frames lie where ours do."""
    pad = (features.fft_size - features.win_length) // 2
    return librosa.feature.melspectrogram(
        y=np.pad(samples.astype(np.float64), pad), sr=features.sample_rate, n_fft=features.fft_size,
        win_length=features.win_length, hop_length=features.hop, center=False, n_mels=features.n_mels,
        fmin=features.fmin, fmax=features.fmax, dtype=np.float64, htk=features.htk, norm=features.norm,
    ).T  # fmt: skip


def assert_like_librosa(samples, features=None):
    features = features or LogMel()
    ours, theirs = features.power(samples), librosa_power(samples, features)
    assert ours.shape == theirs.shape
    bound = 1e-4 * theirs + 1e-10 * theirs.max(axis=1, keepdims=True)
    assert theirs.max() > 0
    assert np.all(np.abs(ours - theirs) <= bound), (
        f"{np.max(np.abs(ours - theirs) / (bound + 1e-300)):.3g} of the bound"
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 44100, 48000])
def test_power_equals_librosa_on_noise(dtype, sample_rate):
    assert_like_librosa(SPEECH.astype(dtype), LogMel(sample_rate))


@pytest.mark.parametrize("hz", [50, 440, 3001.7])
def test_power_equals_librosa_on_tones(hz):
    """A pure tone is the hardest case: bands far from it are 100 dB below the largest."""
    assert_like_librosa(np.sin(2 * np.pi * hz * np.arange(16000) / 16000).astype(np.float32))


@given(
    rate=st.sampled_from([8000, 16000, 22050, 48000]),
    log_size=st.integers(7, 12),
    n_mels=st.integers(1, 80),
    edges=st.lists(st.floats(0, 1), min_size=2, max_size=2, unique=True),
    htk=st.booleans(),
    norm=st.sampled_from(["slaney", None, 1.0, 2.0, 3.5, np.inf]),
)
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_bands_are_librosas(rate, log_size, n_mels, edges, htk, norm):
    fmin, fmax = (rate / 2 * share for share in sorted(edges))
    assume(fmax - fmin > 1)  # narrower bands are differences of nearly equal numbers
    ours = mel_bands(rate, 1 << log_size, n_mels, fmin, fmax, htk=htk, norm=norm)
    theirs = librosa.filters.mel(
        sr=rate, n_fft=1 << log_size, n_mels=n_mels, fmin=fmin, fmax=fmax, htk=htk, norm=norm, dtype=np.float64
    )  # fmt: skip
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9 * theirs.max())


@pytest.mark.parametrize("htk", [True, False])
@pytest.mark.parametrize("norm", ["slaney", None, 1, 2.0, np.inf])
def test_mel_scales_and_norms_are_librosas(htk, norm):
    features = LogMel(n_mels=30, htk=htk, norm=norm)
    assert_like_librosa(SPEECH, features)
    assert_like_librosa(SPEECH.astype(np.float32), features)
    again = LogMel(**json.loads(json.dumps(features.settings())))
    assert np.array_equal(again.filters, features.filters)
    assert np.array_equal(again(SPEECH), features(SPEECH))
    assert ("htk" in features.settings(), "norm" in features.settings()) == (htk, norm != "slaney")
    assert np.array_equal(again.absolute.with_pitch_factor(1.1).filters, features.with_pitch_factor(1.1).filters)


def test_the_scale_of_htk_is_another_one():
    assert not np.allclose(LogMel(htk=True).filters, LogMel().filters)
    with pytest.raises(ac.ArgumentError, match="norm must be 'slaney', None or a number above 0, not 'area'"):
        LogMel(norm="area")
    with pytest.raises(ac.ArgumentError, match="not -1"):
        LogMel(norm=-1)


@pytest.mark.data
def test_power_equals_librosa_on_recordings(data_folder):
    for path in sorted((data_folder / "speech_commands/cat").glob("*.flac"))[:40]:
        assert_like_librosa(ac.read(path).samples)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("samples", [0, 1, 399, 400, 559, 560, 1001])
def test_frames_equal_the_naive_sum(dtype, samples):
    features = LogMel(n_mels=20)
    x = np.random.default_rng(samples).standard_normal(samples).astype(dtype)
    expected = naive.log_mel(x, features)
    assert features(x).shape == expected.shape == (features.frames(samples), 20)
    assert_close(features(x), expected, 2e-5 if dtype == np.float32 else 1e-12)


def test_frame_counts():
    one_second = np.zeros(16000, np.float32)
    assert LogMel()(one_second).shape == (98, 40)
    assert LogMel(center=True)(one_second).shape == (101, 40)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 900), max_size=12), st.booleans(), st.sampled_from([5, 10, 40]), st.integers(0, 99))
def test_stream_equals_whole_bit_for_bit(cuts, center, hop_ms, seed):
    features = LogMel(center=center, hop_ms=hop_ms)
    x = np.random.default_rng(seed).standard_normal(sum(cuts)).astype(np.float32)
    stream = features.stream()
    for _ in range(2):  # after flush a stream is as new
        blocks = np.split(x, np.cumsum(cuts)[:-1]) if cuts else []
        joined = np.concatenate([stream.process(block) for block in blocks] + [stream.flush()])
        assert np.array_equal(joined, features(x))


def test_stream_of_single_samples():
    features, x = LogMel(), SPEECH[4000:5000].astype(np.float32)
    stream = features.stream()
    joined = np.concatenate([stream.process(x[i : i + 1]) for i in range(len(x))])
    assert np.array_equal(joined, features(x))


@pytest.mark.parametrize("view", [lambda x: x[::2], lambda x: x[::-1], lambda x: np.asfortranarray(x)])
def test_strided_and_read_only_input(view):
    x = view(SPEECH.astype(np.float32))
    expected = LogMel()(x.copy())
    x.flags.writeable = False
    assert np.array_equal(LogMel()(x), expected)


def test_nan_reaches_only_its_frames():
    x = SPEECH.astype(np.float32)
    x[8000] = np.nan
    spoiled = np.isnan(LogMel()(x)).any(axis=1)
    assert np.array_equal(np.flatnonzero(spoiled), np.arange((8000 - 400) // 160 + 1, 8000 // 160 + 1))


def test_filters_may_be_given():
    made = LogMel()
    again = LogMel(**made.settings(), filters=made.filters)
    assert np.array_equal(again(SPEECH.astype(np.float32)), made(SPEECH.astype(np.float32)))


def test_bad_arguments():
    with pytest.raises(ac.ArgumentError, match="hold no bin"):
        LogMel(sample_rate=8000, n_mels=200)
    with pytest.raises(ac.ArgumentError, match="fmin < fmax"):
        LogMel(fmin=9000)
    with pytest.raises(ac.ShapeError, match="filters must have shape"):
        LogMel(filters=np.ones((3, 3)))
    with pytest.raises(ac.DtypeError, match="32768"):
        LogMel()(np.zeros(16000, np.int16))
    with pytest.raises(ac.ShapeError, match=r"samples must have shape \(samples,\), not \(16000, 2, 1\)"):
        LogMel()(np.zeros((16000, 2, 1), np.float32))
    with pytest.raises(ac.DtypeError, match="block must be float32, not float64; convert with"):
        LogMel().stream().process(np.zeros(10))
    with pytest.raises(ac.ShapeError, match=r"LogMelStream takes one channel.*block\.mean\(axis=1\)"):
        LogMel().stream().process(np.zeros((10, 2), "float32"))


@pytest.mark.parametrize("bad", [np.ones(2), "x", 1j, np.nan, np.inf])
@pytest.mark.parametrize("name", ["window_ms", "hop_ms", "fmin", "fmax", "offset", "top_db"])
def test_settings_are_finite_numbers(name, bad):
    with pytest.raises(ac.ArgumentError, match=f"{name} must be a finite number"):
        ac.LogMel(**{name: bad})


@pytest.mark.parametrize("bad", [np.ones(2), "x", [1], -1, True])
def test_norms_are_numbers_or_slaney(bad):
    with pytest.raises(ac.ArgumentError, match="norm must be 'slaney', None or a number above 0"):
        ac.LogMel(norm=bad)


def test_filters_are_finite():
    filters = ac.LogMel().filters.copy()
    filters[0, 3] = np.nan
    with pytest.raises(ac.ArgumentError, match="filters must be finite"):
        ac.LogMel(filters=filters)


@pytest.mark.parametrize(("shape", "axis"), [((2, 16000), 0), ((16000, 2), 1)])
def test_several_channels_are_refused_with_advice(shape, axis):
    for features in (LogMel(), ac.Mfcc()):
        with pytest.raises(ac.ShapeError, match=rf"one channel.*samples\.mean\(axis={axis}\)"):
            features(np.zeros(shape, "f4"))
