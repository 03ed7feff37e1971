"""Checks on arrays, and the one form in which kernels take them."""

from fractions import Fraction

import numpy as np
import pytest

import audioconv as ac
from audioconv import arrays


@pytest.mark.parametrize(
    ("dtype", "advice"),
    [
        (np.int16, "32768"),
        (np.int64, "give floats"),
        (np.uint8, "astype"),
        (np.float16, "astype"),
        (complex, "astype"),
        (bool, "astype"),
    ],
)
def test_other_dtypes_are_refused_with_advice(dtype, advice):
    with pytest.raises(ac.DtypeError, match=f"x must be float32 or float64, not .*{advice}"):
        arrays.floating(np.zeros(3, dtype), "x")


def test_the_wrong_number_of_dimensions_is_refused():
    with pytest.raises(ac.ShapeError, match=r"x must have 1 or 2 dimensions, not 3 \(shape \(1, 2, 3\)\)"):
        arrays.floating(np.zeros((1, 2, 3)), "x", (1, 2))


@pytest.mark.parametrize(
    "x",
    [np.arange(6.0), np.arange(12.0)[::2], np.arange(6.0)[::-1], np.arange(6, dtype=">f8"), np.arange(6.0).tolist()],
)
def test_frozen_has_one_form(x):
    y = arrays.frozen(arrays.floating(x, "x"))
    assert y.flags.c_contiguous
    assert y.flags.aligned
    assert not y.flags.writeable
    assert y.dtype == np.dtype(float)
    assert np.array_equal(y, x)


def test_frozen_leaves_the_callers_array_writable_and_shared():
    x = np.zeros(4)
    y = arrays.frozen(x)
    x[0] = 1
    assert y[0] == 1


def test_frozen_of_a_misaligned_array():
    x = np.frombuffer(b"\0" * 4 + np.arange(3.0).tobytes(), np.uint8)[4:].view(float)
    assert np.array_equal(arrays.frozen(x), np.arange(3.0))


@pytest.mark.parametrize("wrong", [1.5, True, "3", None, [1], 0, np.nan, Fraction(1, 3), np.ones(2)])
def test_whole_refuses(wrong):
    with pytest.raises(ac.ArgumentError, match="n must be"):
        arrays.whole(wrong, "n")


@pytest.mark.parametrize("wrong", [20, "ab", (20, 2.5), (20, -1), None])
def test_a_shape_is_a_tuple_of_whole_numbers(wrong):
    with pytest.raises(ac.ArgumentError, match="shape must be"):
        arrays.sizes(wrong, "shape")
    assert arrays.sizes(np.zeros((3, 0)).shape, "shape") == (3, 0)


@pytest.mark.parametrize("right", [1, 1.0, np.int64(7), np.float32(3), Fraction(6, 3), np.array(2)])
def test_whole_accepts(right):
    assert arrays.whole(right, "n") == right
    assert type(arrays.whole(right, "n")) is int


@pytest.mark.parametrize("wrong", [np.ones(2), [1.0], "1", None, True, 1j, np.nan, -np.inf, 10**400])
def test_a_number_is_one_finite_real_number(wrong):
    with pytest.raises(ac.ArgumentError, match="x must be a finite number above 0"):
        arrays.number(wrong, "x", above=0)


def test_fractions_and_arrays_without_dimensions_are_numbers():
    assert [arrays.number(right, "x") for right in (Fraction(1, 4), np.array(0.25), np.float32(0.25))] == [0.25] * 3


@pytest.mark.parametrize("wrong", [np.ones(2), ["a"], {}, None, 1, "c"])
def test_a_choice_is_one_of_the_texts(wrong):
    with pytest.raises(ac.ArgumentError, match="x must be one of 'a', 'b', not"):
        arrays.choice(wrong, "x", ("a", "b"))


def test_an_interval_is_two_numbers_in_their_order():
    assert arrays.interval([1, 2.5], "speed", 0, 3) == (1.0, 2.5)
    for bad, message in (((1,), "two numbers"), (3, "two numbers"), ((2, 1), "lowest and then"), ((1, 4), "at most 3")):
        with pytest.raises(ac.ArgumentError, match=f"speed must be .*{message}"):
            arrays.interval(bad, "speed", 0, 3)
