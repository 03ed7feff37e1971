"""Atomic access: what is stored, and that a number is cleared only while it is the one that is known."""

import numpy as np
import pytest

from audioconv.kernels._jit import kernel
from audioconv.kernels.realtime.atomics import clear_atomic, exchange_atomic, increment, read, write


@kernel
def _clear(shared, i, known):
    clear_atomic(shared, i, known)


@kernel
def _exchange(shared, i, value):
    return exchange_atomic(shared, i, value)


def test_what_is_written_is_read_and_nothing_beside_it():
    shared = np.arange(4)
    write(shared, 2, -7)
    increment(shared, 2)
    assert read(shared, 2) == -6
    assert _exchange(shared, 3, 9) == 3
    assert shared.tolist() == [0, 1, -6, 9]


@pytest.mark.parametrize(("known", "left"), [(5, 0), (6, 5)])
def test_a_number_is_cleared_only_if_it_is_still_the_known_one(known, left):
    shared = np.array([1, 5, 1])
    _clear(shared, 1, known)
    assert shared.tolist() == [1, left, 1]
