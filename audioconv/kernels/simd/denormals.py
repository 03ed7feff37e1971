"""Denormal guard: denormal numbers, which are a hundred times as slow as others, are flushed to zero."""

from audioconv.kernels._jit import part

SMALLEST_NORMAL = 2.0**-126  # of float32


@part
def flush_denormal(a, value):
    """The value, or zero of a's dtype if it is smaller than the normal numbers of float32; NaN stays."""
    return value if abs(value) >= SMALLEST_NORMAL or value != value else a.dtype.type(0)
