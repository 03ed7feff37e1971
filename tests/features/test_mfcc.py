"""MFCCs against librosa, and the stream against the whole clip."""

from itertools import pairwise

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.errors import ArgumentError
from tests.compare import assert_close


@pytest.mark.parametrize(("dtype", "close"), [(np.float32, 2e-6), (np.float64, 1e-13)])
@pytest.mark.parametrize("settings", [{}, {"n_mfcc": 13, "hop_ms": 10}, {"n_mfcc": 40}, {"n_mels": 26}])
def test_it_is_librosas_of_log_mel_frames(settings, dtype, close):
    features = ac.Mfcc(**settings)
    x = np.random.default_rng(0).standard_normal(16000).astype(dtype)
    found = features(x)
    assert found.dtype == dtype
    assert found.shape == (features.frames(16000), features.n_features)
    expected = librosa.feature.mfcc(S=features.log_mel(x.astype(float)).T, n_mfcc=features.n_features).T
    assert_close(found, expected, close)


def test_a_second_has_49_frames_of_10():
    features = ac.Mfcc()
    assert (features.frames(16000), features.n_features, features.win_length, features.hop) == (49, 10, 640, 320)
    assert features.settings()["n_mfcc"] == 10
    again = ac.Mfcc(**features.settings(), filters=features.filters)
    x = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    assert np.array_equal(again(x), features(x))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5000), st.lists(st.integers(0, 5000), max_size=5), st.integers(0, 2**32 - 1))
def test_streams_give_the_bits_of_the_whole(samples, cuts, seed):
    x = np.random.default_rng(seed).standard_normal(samples).astype(np.float32)
    features = ac.Mfcc()
    stream, edges = features.stream(), [0, *sorted(min(cut, samples) for cut in cuts), samples]
    joined = np.concatenate([*(stream.process(x[a:b]) for a, b in pairwise(edges)), stream.flush()])
    assert np.array_equal(joined, features(x))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ArgumentError, match="at most n_mels = 40, not 41"):
        ac.Mfcc(n_mfcc=41)
    with pytest.raises(ArgumentError, match="n_mfcc"):
        ac.Mfcc(n_mfcc=0)
    with pytest.raises(AttributeError):
        _ = ac.Mfcc().pitch
