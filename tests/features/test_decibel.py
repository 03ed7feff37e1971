"""Powers in dB, as librosa has them."""

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac


@settings(max_examples=100)
@given(
    st.sampled_from([(1,), (7,), (5, 9), (2, 3, 4)]), st.sampled_from(["float32", "float64"]), st.integers(0, 1000),
    st.sampled_from([1.0, 0.0, 1e-3, -4.0, np.max, np.median]), st.sampled_from([1e-10, 1e-5, 1.0]),
    st.sampled_from([80.0, 0, 20, None]),
)  # fmt: skip
def test_it_is_librosas(shape, dtype, seed, ref, amin, top_db):
    power = (10.0 ** np.random.default_rng(seed).uniform(-14, 4, shape)).astype(dtype)
    if seed % 3 == 0:
        power.flat[0] = 0
    found = ac.power_to_db(power, ref=ref, amin=amin, top_db=top_db)
    assert found.dtype == dtype
    expected = librosa.power_to_db(power.astype(float), ref=ref, amin=amin, top_db=top_db)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= (1e-4 if dtype == "float32" else 1e-10)


def test_names_and_defaults_are_librosas():
    assert ac.power_to_db(np.array([100.0, 1.0, 0.0])).tolist() == [20.0, 0.0, -60.0]
    assert ac.power_to_db(0.01) == -20
    assert abs(ac.power_to_db(np.float32(0.01)) + 20) < 1e-5
    assert ac.power_to_db(np.zeros((0, 3))).shape == (0, 3)
    assert np.isnan(ac.power_to_db(np.array([np.nan, 1.0]), top_db=None)).tolist() == [True, False]


@pytest.mark.parametrize(
    ("power", "settings", "error", "says"),
    [
        (np.ones(3, complex), {}, ac.DtypeError, r"np\.abs\(spectrum\)\*\*2"),
        (np.ones(3, int), {}, ac.DtypeError, "power must be float32"),
        (np.ones(3), {"amin": 0}, ac.ArgumentError, "amin must be above 0, not 0"),
        (np.ones(3), {"amin": np.ones(2)}, ac.ArgumentError, "amin must be a finite number above 0"),
        (np.ones(3), {"ref": "max"}, ac.ArgumentError, "ref must be a finite number, not 'max'"),
        (np.ones(3), {"ref": np.ones(2)}, ac.ArgumentError, "ref must be a finite number"),
        (np.ones(3), {"top_db": -1}, ac.ArgumentError, "top_db must be at least 0, not -1"),
    ],
)
def test_what_is_no_power_is_refused(power, settings, error, says):
    with pytest.raises(error, match=says):
        ac.power_to_db(power, **settings)
