"""Samples that are not finite (NaN, infinity): replaced by zeros where a step has state, and counted."""

from audioconv.kernels._jit import part
from audioconv.kernels._layout import layout

COUNTER = layout("COUNTER", "value")  # a row of one number, which other threads may read


@part
def replace_nonfinite(source, start, stride, target, count):
    """Copy every `stride`-th sample from `start` on, zeros for those that are not finite; return their number."""
    replaced = 0
    for t in range(count):
        value = source[start + t * stride]
        finite = value - value == 0
        target[t] = value if finite else 0.0
        replaced += not finite
    return replaced
