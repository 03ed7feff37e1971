"""Clips that are cut out and mixed with noise, against loops over samples."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from audioconv.arrays import frozen
from audioconv.kernels.dsp import augment as sounds
from tests import naive
from tests.compare import assert_close


@given(
    st.integers(0, 20), st.lists(st.tuples(st.integers(-1, 2), st.integers(-25, 25)), max_size=5), st.integers(0, 20)
)
def test_cutting_out_puts_zeros_where_nothing_is(size, rows, length):
    clips = frozen(np.arange(1, 3 * size + 1, dtype=np.float32).reshape(3, size))
    found = np.full((len(rows), length), np.nan, np.float32)
    sounds.cut_out(clips, frozen(np.array(rows, np.int64).reshape(-1, 2)), found)
    for sound, (clip, start) in zip(found, rows, strict=True):
        reach = range(start, start + length)
        assert sound.tolist() == [clips[clip, i] if clip >= 0 and 0 <= i < size else 0 for i in reach]


@given(st.data())
def test_noise_is_mixed_in_as_the_naive_sum_says(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    count, size, noises = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 40)), [1, 7, 30]
    noise = frozen(rng.standard_normal(sum(noises)), np.float32)
    x, which = rng.standard_normal((count, size)).astype(np.float32), rng.integers(3, size=count)
    rows = np.array([
        (rng.integers(0, size + 1), sum(noises[:w]), noises[w], rng.integers(noises[w])) for w in which
    ], np.int64).reshape(-1, 4)  # fmt: skip
    levels = rng.uniform(0, 2, (count, 3)).astype(np.float32)
    levels[rng.random(count) < 0.3, :2] = 0
    wanted = naive.mix_noise(x, rows, levels, noise)
    sounds.mix_noise(x, frozen(rows), frozen(levels), noise)
    if x.size:
        assert_close(x, wanted, 1e-5)
