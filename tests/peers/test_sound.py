"""Spectra, features and sample rates against librosa and soxr, over drawn settings."""

from itertools import pairwise

import librosa
import numpy as np
import soxr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import audioconv as ac
from tests.compare import assert_close
from tests.signals import noise

seeds = st.integers(0, 2**32 - 1)
SOME = settings(max_examples=25)


PADS = {"zeros": "constant", "edge": "edge", "even": "reflect"}  # ours: librosa's


@given(
    window=st.integers(2, 500), more=st.sampled_from([0, 1, 12, 100]), share=st.integers(1, 8),
    samples=st.integers(1024, 3000), channels=st.integers(1, 3), padding=st.sampled_from(sorted(PADS)),
    dtype=st.sampled_from(["float32", "float64"]), seed=seeds,
)  # fmt: skip
@SOME
def test_stft_and_istft_are_librosas(window, more, share, samples, channels, padding, dtype, seed):
    size, hop, x = window + more, max(1, window // share), noise((channels, samples), dtype, seed)
    assume(size % 2 or window % 2 == 0)  # else the middle of librosa's window is not that of its transform
    options = {"n_fft": size, "hop_length": hop, "win_length": window, "window": "hann", "center": True}
    expected = librosa.stft(x, pad_mode=PADS[padding], **options)
    transform = ac.Stft(window, hop, size, phase_shift=None)
    turn = np.exp(
        -2j * np.pi * np.arange(transform.bins) * ((size - window) // 2) / size
    )  # librosa's phase begins there
    first, turn = -transform.first_frame, turn.astype(expected.dtype)
    found = np.moveaxis(transform(x, padding=padding, axis=1)[first:], -1, 0).swapaxes(1, 2)
    frames, close = min(found.shape[-1], expected.shape[-1]), 3e-6 if dtype == "float32" else 1e-12
    if padding == "even":  # at the end librosa may mirror only what its last frames reach; scipy does as we do
        frames = (samples - size // 2) // hop
    assert_close(found[..., :frames] * turn[:, None], expected[..., :frames], close)
    if share == 1:
        return  # there is no inverse
    changed = expected * noise(expected.shape, dtype, seed)
    spectra = np.moveaxis(changed / turn[:, None], (2, 1, 0), (0, 1, 2))
    y = transform.inverse(np.pad(spectra, ((first, 0), (0, 0), (0, 0))))
    inner = slice(window, (expected.shape[-1] - 1) * hop - window)  # where as many frames meet as everywhere
    assert_close(y[inner].T, librosa.istft(changed, **options)[:, inner], close)


@given(
    sample_rate=st.sampled_from([8000, 16000, 22050, 44100]), window_ms=st.sampled_from([20, 25, 32, 40]),
    hop_ms=st.sampled_from([5, 10, 16]), n_mels=st.integers(8, 64), fmin=st.sampled_from([0, 20, 125]),
    samples=st.integers(2000, 9000), htk=st.booleans(), norm=st.sampled_from(["slaney", None, 1, 2.5, np.inf]),
    seed=seeds,
)  # fmt: skip
@SOME
def test_log_mel_and_mfcc_are_librosas(sample_rate, window_ms, hop_ms, n_mels, fmin, samples, htk, norm, seed):
    options = {"sample_rate": sample_rate, "window_ms": window_ms, "hop_ms": hop_ms, "n_mels": n_mels, "fmin": fmin,
               "htk": htk, "norm": norm}  # fmt: skip
    try:
        features = ac.LogMel(**options)
    except ac.ArgumentError:  # bands so narrow that some hold no bin
        assume(False)
    x = noise(samples, "float64", seed)
    pad = (features.fft_size - features.win_length) // 2
    power = librosa.feature.melspectrogram(
        y=np.pad(x, pad), sr=sample_rate, n_fft=features.fft_size, win_length=features.win_length, dtype=np.float64,
        hop_length=features.hop, center=False, n_mels=n_mels, fmin=fmin, htk=htk, norm=norm,
    )  # fmt: skip
    found = features(x)
    assert_close(found, np.log(power + features.offset).T[: len(found)], 1e-6)
    mfcc = ac.Mfcc(n_mfcc=min(n_mels, 13), **options)
    assert_close(mfcc(x), librosa.feature.mfcc(S=np.log(power + 1e-6), n_mfcc=mfcc.n_features).T[: len(found)], 1e-6)


@given(
    rates=st.tuples(*[st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000])] * 2),
    cuts=st.lists(st.integers(0, 4000), max_size=6), quality=st.sampled_from(["LQ", "HQ", "VHQ"]),
    channels=st.integers(1, 3), seed=seeds,
)  # fmt: skip
def test_a_stream_that_is_resampled_is_what_soxr_makes_of_the_whole(rates, cuts, quality, channels, seed):
    shape = (4000, channels) if channels > 1 else 4000
    x = noise(shape, seed=seed)
    stage, edges = ac.Resample(*rates, channels=channels, quality=quality), [0, *sorted(cuts), len(x)]
    joined = np.concatenate([*(stage.process(x[a:b]) for a, b in pairwise(edges)), stage.flush()])
    assert_close(joined, soxr.resample(x, *rates, quality), 1e-5)
