"""Products of spectra and the partitioned convolution in all its shapes, against sums in the time domain."""

import numpy as np
import pytest

from audioconv.arrays import aligned, frozen
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.dsp.partition import advance
from audioconv.kernels.dsp.partition_layout import Level, Shape, convolver_arrays, convolver_segments, filter_spectra
from audioconv.kernels.dsp.spectrum import multiply_add, multiply_add4
from audioconv.kernels.realtime.chain import run_chain
from audioconv.kernels.simd.pointers import address_of
from tests.compare import assert_close
from tests.signals import noise

TOLERANCE = {np.float32: 2e-6, np.float64: 5e-15}
CASES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
CUTS = (0, 1, 1, 64, 200, 328, 456, 1000)  # 200 to 456 hold whole blocks of 128, but not where these begin


@CASES
def test_four_products_in_one_pass_have_the_bits_of_four_passes(dtype):
    n = 128
    a, b = frozen(noise(6 * n, dtype)), frozen(noise(5 * n, dtype, 1))
    one = np.concatenate([np.full(n, 7, dtype), noise(n, dtype, 2)])
    four = one.copy()
    places = (5 * n, 0, 3 * n, n)
    for q, place in enumerate(places):
        multiply_add(one, n, a, place, b, (1 + q) * n, n)
    multiply_add4(four, n, a, places, b, n, n)
    assert np.array_equal(one, four)
    assert (one[:n] == 7).all()
    assert not np.array_equal(one[n:], noise(n, dtype, 2))


def streamed(shape, responses, x, cuts):
    """What the partitions make of frames x that come cut at `cuts`."""
    arrays = convolver_arrays(shape)
    state = aligned(arrays.state_size, shape.dtype)
    state.fill(0)
    kept = arrays.header, state, filter_spectra(shape, arrays, responses), arrays.schedule, arrays.plans
    segments = convolver_segments(*kept)
    table = np.array([advance.address(shape.dtype), address_of(segments)])
    y = np.zeros((len(x), shape.outputs), shape.dtype)
    for first, last in zip(cuts, [*cuts[1:], len(x)], strict=True):
        run_chain(table, 1, x[first:last].reshape(-1), y[first:last].reshape(-1), last - first)
    return y


def expected(responses, x, outputs, matrix, latency):
    """The same in the time domain, in extended precision."""
    y = np.zeros((len(x), outputs), np.longdouble)
    for o in range(outputs):
        for i in range(x.shape[1]) if matrix else [o]:
            number = i * outputs + o if matrix else o % len(responses)
            whole = np.convolve(x[:, i].astype(np.longdouble), responses[number].astype(np.longdouble))
            y[latency:, o] += whole[: len(x) - latency]
    return y


@CASES
@pytest.mark.parametrize(
    ("levels", "latency", "taps"),
    [
        ((), 0, 1),
        ((), 0, 70),
        ((), 33, 70),
        (((128, 128, 1),), 0, 129),
        (((128, 128, 2),), 0, 384),
        (((128, 128, 5),), 50, 700),
        (((128, 128, 5),), 128, 640),  # nothing is left for the head
        (((128, 256, 5),), 300, 590),  # deferred, and begins before the taps do
        (((128, 384, 3),), 400, 300),
        (((128, 128, 3), (256, 512, 2)), 0, 1024),
        (((128, 128, 4), (256, 640 + 128, 1)), 0, 900),  # the second level begins later than it must
    ],
)
def test_partitions_convolve(dtype, levels, latency, taps):
    levels = tuple(Level(*level) for level in levels)
    if len(levels) > 1 and levels[1].first_tap == 768:
        levels = (Level(128, 128, 5), levels[1])
    shape = Shape(levels, latency, taps, 1, 1, 1, False, np.dtype(dtype))
    responses, x = noise((1, taps), dtype), noise((1400, 1), dtype, 1)
    y = streamed(shape, responses, x, CUTS)
    assert_close(y, expected(responses, x, 1, False, latency), TOLERANCE[dtype])


@CASES
@pytest.mark.parametrize(
    ("inputs", "outputs", "filters", "matrix"),
    [(3, 3, 1, False), (2, 2, 2, False), (2, 2, 4, True), (1, 3, 3, True), (3, 1, 3, True)],
)
@pytest.mark.parametrize("levels", [(), ((128, 128, 2), (128, 384, 3))])
def test_channels_have_their_filters(dtype, inputs, outputs, filters, matrix, levels):
    levels = tuple(Level(*level) for level in levels)
    taps = 700 if levels else 90
    shape = Shape(levels, 0, taps, inputs, outputs, filters, matrix, np.dtype(dtype))
    frames = 1100 if JIT_ENABLED else 560
    responses, x = noise((filters, taps), dtype), noise((frames, inputs), dtype, 1)
    y = streamed(shape, responses, x, [cut for cut in CUTS if cut < frames])
    assert_close(y, expected(responses, x, outputs, matrix, 0), TOLERANCE[dtype])


@CASES
@pytest.mark.skipif(not JIT_ENABLED, reason="takes minutes without JIT")
def test_transforms_of_several_chunks_and_pieces(dtype):
    levels = Level(128, 128, 31), Level(2048, 4096, 2)
    shape = Shape(levels, 0, 8000, 1, 1, 1, False, np.dtype(dtype))
    responses, x = noise((1, 8000), dtype), noise((9000, 1), dtype, 1)
    y = streamed(shape, responses, x, range(0, 9000, 500))
    assert_close(y, expected(responses, x, 1, False, 0), TOLERANCE[dtype])


def test_every_subtask_is_due_in_its_block_and_about_as_much_in_each_block():
    levels = Level(128, 128, 31), Level(2048, 4096, 6), Level(8192, 16384, 4)
    arrays = convolver_arrays(Shape(levels, 0, 40_000, 2, 2, 1, False, np.dtype("f4")))
    first = 1
    for level, costs in zip(levels[1:], arrays.costs[1:], strict=True):
        blocks = level.partition_size // 128
        schedule = arrays.schedule[first : first + blocks]
        first += blocks
        assert schedule[-1] == len(costs)
        assert (np.diff(schedule) >= 0).all()
        done = np.concatenate([[0], np.cumsum(costs)])
        shared = np.diff(done[np.concatenate([[0], schedule])])
        assert shared.max() <= shared.mean() + max(costs)


@CASES
def test_denormal_samples_count_as_zeros(dtype):
    shape = Shape((Level(128, 128, 1),), 0, 200, 1, 1, 1, False, np.dtype(dtype))
    responses, x = noise((1, 200), dtype), np.full((300, 1), 1e-39, dtype)
    assert not streamed(shape, responses, x, CUTS[:5]).any()
