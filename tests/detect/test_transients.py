"""Computed clicks: they begin at once, and are there at any rate."""

import numpy as np
import pytest

from audioconv.detect._transients import transients


@pytest.mark.parametrize("rate", [1000, 8000, 16000, 48000])
def test_sounds_begin_at_once(rate):
    sound = transients(rate, 3, seconds=10)
    assert sound.dtype == np.float32
    assert sound.shape == (10 * rate,)
    assert np.sqrt(np.mean(sound.astype(float) ** 2)) == pytest.approx(1, abs=1e-3)
    step = np.abs(np.diff(sound, prepend=0))
    at = np.flatnonzero(step > 0.25 * np.abs(sound).max())
    assert np.unique(at // rate).size >= 4  # in most seconds there is one


def test_a_seed_gives_the_same_sound_and_another_one_another():
    first, again, other = transients(16000, 1), transients(16000, 1), transients(16000, 2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
