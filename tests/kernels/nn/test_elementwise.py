"""Op kernels on single elements, and on what belongs to the whole batch, against NumPy."""

import numpy as np
import pytest

from audioconv.kernels._jit import kernel
from audioconv.kernels.nn import batch_norm, elementwise, gradients, loss, optimisers
from audioconv.kernels.simd.vector import lanes, load
from audioconv.kernels.simd.vector_math import lane_sum, log, masked_load, masked_store
from tests.compare import assert_close
from tests.op_kernels import run
from tests.signals import noise

SHAPES = [(3, 5, 1, 1), (1, 1, 1, 7), (2, 9, 2, 8), (4, 3, 1, 17), (2, 3, 4, 9)]
DTYPES = ["float32", "float64"]
KINDS = {
    elementwise.LINEAR: (lambda v: v, np.ones_like),
    elementwise.RELU: (lambda v: np.maximum(v, 0), lambda v: (v > 0).astype(float)),
    elementwise.SWISH: (lambda v: v * _sigmoid(v), lambda v: _sigmoid(v) * (1 + v * (1 - _sigmoid(v)))),
    elementwise.SIGMOID: (lambda v: _sigmoid(v), lambda v: _sigmoid(v) * (1 - _sigmoid(v))),
}


def _sigmoid(v):
    return 1 / (1 + np.exp(-v))


def dims(shape):
    """Time, frequency and channels of arrays (clips, time, freq, channels), as parameters."""
    return dict(zip(("time", "freq", "channels"), shape[1:], strict=True))


def update(kernel, weight, gradient, first_moment, second_moment, hyperparameters):
    """An optimiser's update of all of a parameter that decays."""
    arrays = {"weight": weight, "gradient": gradient, "first_moment": first_moment, "second_moment": second_moment,
              "hyperparameters": np.array(hyperparameters, float)}  # fmt: skip
    run(kernel, arrays, arrays, size=weight.size, micro_batches=1, decays=1)


def close(dtype):
    return 2e-6 if dtype == "float32" else 1e-14


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_activations_and_their_gradients(shape, dtype, kind):
    x, g, y, grad = noise(shape, dtype), noise(shape, dtype, 1), np.empty(shape, dtype), np.empty(shape, dtype)
    function, slope = KINDS[kind]
    run(elementwise.activate, {"x": x, "y": y}, **dims(shape), activation=kind)
    assert_close(y, function(x.astype(float)), close(dtype))
    run(elementwise.activate_gradient, {"x": x, "grad_y": g, "grad_x": grad}, **dims(shape), activation=kind)
    assert_close(grad, g * slope(x.astype(float)), close(dtype), zeros_allowed=True)


@pytest.mark.parametrize("bands", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 5, 2, 1), (2, 9, 4, 8), (2, 3, 4, 17)])
def test_normalise_with_its_sums_and_gradient(shape, dtype, bands):
    x, g, y = noise(shape, dtype), noise(shape, dtype, 1), np.empty(shape, dtype)
    k, q = noise((3, bands, shape[3]), dtype, 2), noise((3, bands, shape[3]), dtype, 3)
    of_freq = np.repeat(np.arange(bands), shape[2] // bands)
    mean, scale, shift = k.astype(float)[:, of_freq]
    settings = dims(shape) | {"activation": elementwise.RELU, "bands": bands}
    run(batch_norm.normalise, {"x": x, "coefficients": k, "y": y}, ["coefficients"], **settings)
    before = (x - mean) * scale + shift
    assert_close(y, np.maximum(before, 0), close(dtype), zeros_allowed=True)
    sums, u = np.empty((2, bands, shape[3])), g * (before > 0).astype(float)
    arrays = {"x": x, "grad_y": g, "coefficients": k}
    run(batch_norm.normalise_sums, arrays | {"sums": sums}, ["coefficients", "sums"], **settings)

    def total(v):
        return v.reshape(*shape[:2], bands, -1, shape[3]).sum(axis=(0, 1, 3))

    assert_close(sums, np.stack([total(u), total(u * (x - mean))]), close(dtype), zeros_allowed=True)
    run(batch_norm.normalise_gradient, arrays | {"grad_coefficients": q, "grad_x": y},
        ["coefficients", "grad_coefficients"], **settings)  # fmt: skip
    k1, k2, k3 = q.astype(float)[:, of_freq]
    assert_close(y, u * k1 + (x - mean) * k2 + k3, close(dtype))
    run(gradients.sums, {"x": x, "sums": sums}, ["sums"], **dims(shape), bands=bands)
    wide = x.astype(float)
    assert_close(sums, np.stack([total(wide), total(wide * wide)]), 1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu_and_sums_keep_nan(dtype):
    x = np.array([-1, 2, np.nan, -np.inf, np.inf, -0.0, 3, -4, 5], dtype).reshape(1, 1, 1, 9)
    y, one = np.empty_like(x), np.ones_like(x)
    relu = dims(x.shape) | {"activation": elementwise.RELU}
    run(elementwise.activate, {"x": x, "y": y}, **relu)
    assert np.array_equal(y.ravel(), [0, 2, np.nan, 0, np.inf, 0, 3, 0, 5], equal_nan=True)
    run(elementwise.add, {"a": x, "b": one, "y": y}, **relu)
    assert np.array_equal(y.ravel(), [0, 3, np.nan, 0, np.inf, 1, 4, 0, 6], equal_nan=True)
    grad_y = np.arange(1, 10, dtype=dtype).reshape(x.shape)
    run(elementwise.activate_gradient, {"x": x, "grad_y": grad_y, "grad_x": y}, **relu)
    assert y.ravel().tolist() == [0, 2, 3, 0, 5, 0, 7, 0, 9]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_exponential_is_right_to_the_last_places(dtype):
    x = np.linspace(-80, 80, 4001, dtype=dtype).reshape(1, 1, 1, -1)
    y = np.empty_like(x)
    run(elementwise.activate, {"x": x, "y": y}, **dims(x.shape), activation=elementwise.SIGMOID)
    expected = 1 / (1 + np.exp(-x.astype(np.longdouble)))
    assert np.max(np.abs(y / expected - 1)) < 8 * np.finfo(dtype).eps


@kernel
def _log_all(x, y):
    for i in range(0, x.size, lanes(x)):
        masked_store(y, i, log(masked_load(x, i, x.size - i)), x.size - i)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_logarithm_is_right_to_the_last_places(dtype):
    info = np.finfo(dtype)
    x = np.concatenate((np.geomspace(info.tiny, info.max / 2, 4001), np.linspace(0.5, 2, 999))).astype(dtype)
    y, expected = np.empty_like(x), np.log(x.astype(np.longdouble))
    _log_all(x, y)
    assert np.max(np.abs(y - expected) / np.maximum(np.abs(expected), info.tiny)) < 3 * info.eps
    odd = np.array([0, -0.0, -1, np.inf, -np.inf, np.nan, 1, info.smallest_subnormal], dtype)
    y = np.empty_like(odd)
    _log_all(odd, y)
    assert y[:7].tolist()[:2] == [-np.inf] * 2
    assert np.isnan(y[[2, 4, 5]]).all()
    assert (y[3], y[6]) == (np.inf, 0)
    assert y[7] == pytest.approx(np.log(float(odd[7])))


@kernel
def _lane_sums(x, y):
    for i in range(y.size):
        y[i] = lane_sum(load(x, i * lanes(x)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sum_of_lanes_has_them_all(dtype):
    count = 8 if dtype == "float32" else 4
    x, y = np.arange(3 * count, dtype=dtype) ** 2, np.empty(3, dtype)
    _lane_sums(x, y)
    assert y.tolist() == x.reshape(3, count).sum(axis=1).tolist()


def test_dropout_depends_on_the_seed_of_a_clip_alone():
    x, y, z = np.ones((4, 9, 2, 8), "float32"), np.empty((4, 9, 2, 8), "float32"), np.empty((2, 9, 2, 8), "float32")
    seeds = np.array([[5], [6], [7], [5]])
    settings = dims(x.shape) | {"layer": 1, "rate": 0.25}
    run(elementwise.dropout, {"x": x, "seeds": seeds, "y": y}, **settings)
    run(elementwise.dropout, {"x": x[:2], "seeds": seeds[2:], "y": z}, **settings)
    assert np.array_equal(y[2:], z)
    assert np.array_equal(y[0], y[3])
    assert not np.array_equal(y[0], y[1])
    assert set(np.unique(y).tolist()) == {0.0, float(np.float32(1 / 0.75))}
    assert abs((y > 0).mean() - 0.75) < 0.05


@pytest.mark.parametrize("offset", [0, 3, 1e3, 1e6])
@pytest.mark.parametrize("bands", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 5, 2, 1), (2, 9, 4, 8), (2, 3, 4, 17)])
def test_moments_are_those_around_a_value_near_by(shape, dtype, bands, offset):
    x, out = (noise(shape, dtype) + dtype_of(dtype)(offset)), np.full((4, bands, shape[3]), np.nan)
    run(batch_norm.moments, {"x": x, "moments": out}, ["moments"], **dims(shape), bands=bands)
    values = x.reshape(*shape[:2], bands, -1, shape[3]).transpose(2, 4, 0, 1, 3).reshape(bands, shape[3], -1)
    plain, squares, pivot, count = out
    near = dtype == "float32" and offset < 64
    assert np.array_equal(pivot, 0 * pivot if near else values[..., 0].astype(float))
    assert (count == values.shape[2]).all()
    wide = values.astype(np.longdouble)
    assert_close(pivot + plain / count, wide.mean(axis=2), 1e-14)
    assert_close(squares / count - (plain / count) ** 2, wide.var(axis=2), 1e-12)


def dtype_of(dtype):
    return np.dtype(dtype).type


def moments_of(parts):
    """(groups, 4, 1): sums, squares, pivots, counts of parts of a set of numbers, each with a pivot of its own."""
    rows = [[(p - p[0]).sum(), ((p - p[0]) ** 2).sum(), p[0], p.size] if p.size else [0, 0, 0, 0] for p in parts]
    return np.array(rows, float)[..., None]


@pytest.mark.parametrize("offset", [0, 1e3, 1e6, -1e9])
@pytest.mark.parametrize("cuts", [(), (1,), (0, 0, 30), (17, 17, 50, 99, 100)])
def test_statistics_of_groups_are_brought_together(cuts, offset):
    x = noise(100, "float64") * 3 + offset
    total = moments_of(np.split(x, cuts))
    scale, shift, mean, variance = np.array([2.0]), np.array([0.5]), np.array([1.0]), np.array([1.0])
    k, deviation = np.full((3, 1), np.nan), np.full((2, 1), np.nan)
    arrays = dict(
        zip(batch_norm.BATCH_STATISTICS.operands, [total, scale, shift, mean, variance, k, deviation], strict=True)
    )
    run(batch_norm.batch_statistics, arrays, arrays, "float64", width=1, micro_batches=len(total), elements=100,
        momentum=0.25, epsilon=1e-5)  # fmt: skip
    assert_close(mean, [0.75 + 0.25 * x.mean()], 1e-14)
    assert_close(variance, [0.75 + 0.25 * x.var(ddof=1)], 1e-9)
    assert_close(deviation, [[np.sqrt(x.var() + 1e-5)], [0]], 1e-9)
    assert_close(k, [[x.mean()], [2 / np.sqrt(x.var() + 1e-5)], [0.5]], 1e-9)


def test_gradients_are_accumulated():
    x, total = noise(21, "float32"), noise(21, "float32", 1)
    expected = x + total
    run(gradients.accumulate, {"x": x, "total": total}, ["x", "total"], size=21, micro_batches=1)
    assert np.array_equal(total, expected)


def test_an_average_follows_unless_the_step_is_cancelled():
    weight, average = noise(9, "float32"), np.zeros(9)
    for go, expected in ((0, np.zeros(9)), (1, 0.25 * weight.astype(float))):
        row = optimisers.OPTIMISER.pack(learning_rate=0.1, gradient_scale=1, weight_decay=0, enabled=go)
        arrays = {"weight": weight, "average": average, "hyperparameters": np.array(row, float)}
        run(optimisers.ema_update, arrays, arrays, size=9, micro_batches=1, decay=0.75)
        assert_close(average, expected, 1e-15) if go else np.testing.assert_array_equal(average, expected)


def test_partials_are_added_in_float64():
    partials, total = np.array([[1e8, 1], [1, 2], [-1e8, 3]], "float32"), np.empty(2, "float32")
    arrays = {"partials": partials, "total": total}
    run(gradients.sum_partials, arrays, arrays, size=2, terms=3, micro_batches=1)
    assert total.tolist() == [1, 6]


@pytest.mark.parametrize("nesterov", [True, False])
def test_sgd_as_in_the_paper(nesterov):
    weight, velocity = noise(9, "float32"), np.zeros(9)
    w, v = weight.astype(float), np.zeros(9)
    for step in range(3):
        g = noise(9, "float32", step)
        row = optimisers.SGD.pack(learning_rate=0.1, gradient_scale=0.5, weight_decay=0.05, enabled=1, momentum=0.9,
                                  nesterov=nesterov)  # fmt: skip
        update(optimisers.sgd, weight, g, velocity, velocity, row)
        d = 0.5 * g.astype(float) + 0.05 * w
        v = 0.9 * v + d
        w = w - 0.1 * (d + 0.9 * v if nesterov else v)
    assert_close(weight, w, 1e-6)


def test_adamw_as_in_the_paper():
    weight, mean, square = noise(9, "float32"), np.zeros(9), np.zeros(9)
    w, m, v = weight.astype(float), np.zeros(9), np.zeros(9)
    for step in (1, 2, 3):
        g = noise(9, "float32", step)
        values = {"learning_rate": 0.1, "gradient_scale": 1, "weight_decay": 0.05, "beta1": 0.9, "beta2": 0.99,
                  "epsilon": 1e-8, "correction1": 1 - 0.9**step, "correction2": 1 - 0.99**step}  # fmt: skip
        update(optimisers.adamw, weight, g, mean, square, optimisers.ADAMW.pack(**values, enabled=1))
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g.astype(float) ** 2
        w = w - 0.1 * (m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8) + 0.05 * w)
    assert_close(weight, w, 1e-6)
    before = weight.copy()
    update(optimisers.adamw, weight, g, mean, square, optimisers.ADAMW.pack(**values, enabled=0))
    assert np.array_equal(weight, before)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "binary_cross_entropy", "mean_squared_error"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_losses(name, dtype):
    y, g = 3 * noise((4, 2, 1, 5), dtype), np.empty((4, 2, 1, 5), dtype)
    targets = np.random.default_rng(3).dirichlet(np.ones(5), (4, 2, 1)).astype(dtype)
    weights, total = np.array([[0.1], [0.2], [0.3], [0.4]]), np.empty(1)
    more = [np.array([1, 2, 0.5, 0, 1])] if name == "binary_cross_entropy" else []  # weights of positive targets
    kernel = getattr(loss, name)
    arrays = dict(zip(kernel.layout.operands, [y, targets, weights, g, total, *more], strict=True))
    run(kernel, arrays, [n for n in ("loss", "positive_weights") if n in arrays], **dims(y.shape))
    wide, t, w = y.astype(float), targets.astype(float), weights.reshape(4, 1, 1, 1)
    if name == "softmax_cross_entropy":
        share = np.exp(wide) / np.exp(wide).sum(axis=-1, keepdims=True)
        expected, slope = -(w * t * np.log(share)).sum(), share - t
    elif name == "binary_cross_entropy":
        share = 1 / (1 + np.exp(-wide))
        expected = -(w * (more[0] * t * np.log(share) + (1 - t) * np.log(1 - share))).sum()
        slope = share - t + (more[0] - 1) * t * (share - 1)
    else:
        expected, slope = (w * (wide - t) ** 2).sum(), 2 * (wide - t)
    assert_close(total, [expected], 1e-6 if dtype == "float32" else 1e-13)
    assert_close(g, w * slope, 1e-6 if dtype == "float32" else 1e-13)
