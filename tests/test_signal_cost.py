"""The cost model: what `auto` takes, and that its plans can be carried out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv.signal import cost


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_short_filters_are_direct_and_long_ones_go_by_blocks(dtype):
    methods = [cost.plan(480_000, taps, 480_000, dtype).method for taps in (1, 16, 32, 500, 5000, 50_000)]
    assert methods == ["direct"] * 3 + ["overlap_add"] * 3


def test_the_shorter_of_signal_and_filter_counts():
    assert cost.plan(8, 50_000, 50_007, "float32").method == "direct"


def test_outputs_that_are_not_kept_cost_a_direct_filter_nothing():
    assert cost.plan(480_000, 300, 480_000, "float32").method == "overlap_add"
    assert cost.plan(480_000, 300, 4_800, "float32", stride=100).method == "direct"


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 10**7),
    st.integers(1, 10**6),
    st.integers(1, 50),
    st.integers(1, 50),
    st.sampled_from(["float32", "float64"]),
)
def test_blocks_hold_the_filter(samples, taps, stride, dilation, dtype):
    count = -(-samples // stride)
    blocks = cost.plan(samples, taps, count, dtype, method="overlap_add", stride=stride, dilation=dilation)
    span = (taps - 1) * dilation + 1
    assert blocks.fft_size >= max(128, min(samples, span))
    assert blocks.fft_size & (blocks.fft_size - 1) == 0
    best = cost.plan(samples, taps, count, dtype, stride=stride, dilation=dilation)
    assert 0 < best.predicted_s <= blocks.predicted_s


def test_longer_filters_have_longer_partitions():
    sizes = [cost.partition(taps) for taps in (1, 2_000, 2_001, 48_000, 10**6)]
    assert sizes == sorted(sizes)
    assert all(size >= 64 and size & (size - 1) == 0 for size in sizes)
