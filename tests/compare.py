"""How tests compare: relative to the largest expected value, and in a way that zeros cannot pass."""

import numpy as np


def _parts(x):
    """Complex numbers as pairs of real ones."""
    x = np.asarray(x)
    return np.stack((x.real, x.imag), axis=-1) if np.iscomplexobj(x) else x


def assert_close(actual, expected, relative, *, zeros_allowed=False):
    """Assert max|actual - expected| <= relative * max|expected|, equal shapes, non-finite values in the same places."""
    actual, expected = _parts(actual), _parts(expected)
    assert actual.shape == expected.shape, f"shape {actual.shape}, expected {expected.shape}"
    assert 0 < relative < 0.5, "a relative tolerance of 0.5 or more checks nothing"
    if expected.size == 0:
        return
    finite = np.isfinite(expected)
    assert np.array_equal(np.isfinite(actual), finite), "non-finite values stand in other places"
    assert np.array_equal(np.isnan(actual), np.isnan(expected)), "NaN stands in other places"
    if not finite.any():
        return
    scale = np.max(np.abs(expected[finite]))
    assert zeros_allowed or scale > 0, "an expectation of zeros only checks nothing"
    error = np.max(np.abs(actual[finite].astype(np.longdouble) - expected[finite].astype(np.longdouble)))
    assert error <= relative * scale, f"error {error:.3g} is {error / scale if scale else np.inf:.3g} of the maximum"
