"""The filter between sample rates inside of compiled steps: what soxr gives, at any cut the same bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.kernels._jit import kernel
from audioconv.kernels.dsp.rate_filter import RATE_STATE, change_rate
from audioconv.stream.rate_filter import MOST_PHASES, rate_filter
from tests.compare import assert_close
from tests.signals import noise


@kernel
def change(history, state, ratio, taps, y):
    return change_rate(history, state, ratio, taps, y, np.int64(0))


def run(x, rate_in, rate_out, cuts=()):
    """The signal at the other rate, in blocks, with zeros after it."""
    made = rate_filter(rate_in, rate_out)
    taps, count = made.taps.reshape(-1).copy(), made.taps.shape[1]
    ratio, start = (made.up, made.down, made.phases, count), count // 2 - 1
    history, y = np.zeros(start + len(x) + count, np.float32), np.zeros(len(x) * rate_out // rate_in + 99, np.float32)
    state, parts = np.array(RATE_STATE.pack(filled=start, first=0, fraction=0), np.int64), []
    for block in np.split(np.concatenate((x, np.zeros(count // 2, np.float32))), np.cumsum(cuts)):
        filled = state[RATE_STATE.filled]
        history[filled : filled + len(block)] = block
        state[RATE_STATE.filled] += len(block)
        parts.append(y[: change(history, state, ratio, taps, y)].copy())
    return np.concatenate(parts)


def oracle(x, rate_in, rate_out):
    """Each sample by itself: the sum of products with the taps of its phase, or between those of two."""
    made, y = rate_filter(rate_in, rate_out), []
    count = made.taps.shape[1]
    padded = np.concatenate((np.zeros(count // 2 - 1), x, np.zeros(count)))
    while len(y) * made.down < len(x) * made.up:
        place, fraction = divmod(len(y) * made.down, made.up)
        phase = fraction * made.phases / made.up
        low = int(phase)
        taps = made.taps[low] + (phase - low) * (made.taps[min(low + 1, made.phases)] - made.taps[low])
        y.append(padded[place : place + count] @ taps.astype(np.float64))
    return np.array(y)


@pytest.mark.parametrize(("rate_in", "rate_out"), [(48000, 16000), (44100, 16000), (8000, 16000), (16001, 16000)])
def test_it_is_the_sum_of_products_with_the_taps_of_each_phase(rate_in, rate_out):
    x = noise(3000)
    assert_close(run(x, rate_in, rate_out), oracle(x, rate_in, rate_out), 2e-6)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([48000, 44100, 11025, 96000, 16001]), st.lists(st.integers(0, 700), max_size=6))
def test_at_any_cut_it_is_the_same_bits(rate_in, cuts):
    x = noise(4000)
    assert np.array_equal(run(x, rate_in, 16000, cuts), run(x, rate_in, 16000))


@pytest.mark.parametrize("rate_in", [48000, 44100, 8000, 44101])
def test_inside_of_the_band_it_is_what_soxr_gives(rate_in):
    times_s = np.arange(rate_in) / rate_in
    x = sum(np.sin(2 * np.pi * hz * times_s + hz) for hz in (50, 440, 1700, 3500))
    x = (x * np.hanning(rate_in)).astype(np.float32)
    expected, y = ac.io.resample(x, rate_in, 16000), run(x, rate_in, 16000)
    assert len(y) == len(expected) == 16000
    assert_close(y, expected, 1e-4)


def test_what_would_be_an_alias_is_gone_and_a_constant_stays():
    x = np.sin(np.arange(48000) * 2 * np.pi * 9000 / 48000) * np.hanning(48000)
    assert np.abs(run(x.astype(np.float32), 48000, 16000)).max() < 1e-4
    constant = run(np.ones(9000, np.float32), 44100, 16000)[200:-200]
    assert_close(constant, np.ones_like(constant), 1e-6)


def test_there_are_no_more_phases_than_are_worth_it():
    assert rate_filter(44100, 16000).phases == 160
    assert rate_filter(44101, 16000).phases == MOST_PHASES
