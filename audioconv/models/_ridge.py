"""Ridge regression of many features on a few targets, its penalty chosen by leaving examples out, in closed form."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.linalg.blas import dsyrk
from threadpoolctl import threadpool_limits

from audioconv._typing import Array, IntArray

HELD_OUT = 2000  # examples about; each is left out exactly, and the more there are the longer a penalty takes
# Powers of the penalty: those of the paper, from 10^-3 to 10^3, and beyond, because versions of clips raise the best.
FIRST_PENALTY, START_PENALTY, LAST_PENALTY = 0, 9, 14  # numbers of penalties, 10^(2/3 k - 3)
BLOCK = 1024
SMALLEST_DEVIATION = 1e-6


class Ridge(NamedTuple):
    """A regression: y = x @ weight + bias, and its predictions for the examples that were held out."""

    weight: Array  # float64 (features, targets)
    bias: Array  # float64 (targets,)
    penalty: float
    held_out: IntArray  # (chosen,), of the examples
    predictions: Array  # float64 (chosen, targets)


def ridge(x: Array, y: Array, weights: Array | None = None, groups: Array | None = None, seed: int = 0) -> Ridge:
    """Fit standardised features to targets with an unpenalised constant.

    The penalty is the one with the least squared error in leave-one-group-out cross-validation: examples are left out
    together with all others of their group (versions of one clip: with one of them left out alone, the others tell
    what it is). The search goes
    from 1000 in the direction in which the error falls.

    Parameters
    ----------
    x : float32 array, shape (examples, features)
        Overwritten, because there is seldom room for another.
    y : float array, shape (examples, targets)
    weights : float array, shape (examples,), optional
        How much each example counts.
    groups : int array, shape (examples,), optional
        Default: each example is a group.
    seed : int
        Of the groups that are left out, where there are more than 2,000 examples.

    Returns
    -------
    Ridge
        The same bits with any number of threads: linear algebra runs on one.

    Raises
    ------
    numpy.linalg.LinAlgError
        If there is NaN or infinity in x.

    References
    ----------
    Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2nd edition, sections 3.4.1, 7.10 and 18.3.5.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal((50, 3)).astype("float32")
    >>> found = ridge(x.copy(), x[:, :1] - 2 * x[:, 2:])
    >>> found.weight.round(1).ravel().tolist()
    [1.0, 0.0, -2.0]
    """
    with threadpool_limits(1, "blas"):
        weights = np.ones(len(x)) if weights is None else np.asarray(weights, float)
        keep = np.flatnonzero(weights > 0)
        if len(keep) < len(x):
            x, y, weights = x[keep], y[keep], weights[keep]
        groups = keep if groups is None else np.asarray(groups)[keep]
        mean, deviation = _standardise(x, weights)
        centre, roots = weights @ y / weights.sum(), np.sqrt(weights)
        problem = _Problem(x, (y - centre) * roots[:, None], roots, _held_out_groups(groups, seed))
        penalty, best = _search(problem.solve)
        weight = best.weight / deviation[:, None]
        predictions = y[problem.chosen] - best.errors / roots[problem.chosen, None]
        return Ridge(weight, centre - mean @ weight, penalty, keep[problem.chosen], predictions)


def _standardise(x: Array, weights: Array) -> tuple[Array, Array]:
    """Take the weighted mean out of x, divide by the deviation, and multiply rows by the roots of their weights."""
    total, roots = weights.sum(), np.sqrt(weights).astype(x.dtype)[:, None]
    mean, deviation = np.empty(x.shape[1]), np.empty(x.shape[1])
    for j in range(0, x.shape[1], BLOCK):
        block = x[:, j : j + BLOCK].astype(float)
        mean[j : j + BLOCK] = weights @ block / total
        block -= mean[j : j + BLOCK]
        spread = np.sqrt(weights @ block**2 / total)
        deviation[j : j + BLOCK] = np.where(spread > SMALLEST_DEVIATION, spread, 1)
        x[:, j : j + BLOCK] = block / deviation[j : j + BLOCK] * roots
    return mean, deviation


def _held_out_groups(groups: Array, seed: int) -> list[IntArray]:
    """Indices of the examples that are left out, group by group: a list of arrays."""
    order = np.argsort(groups, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    shuffled = np.random.default_rng(seed).permutation(len(parts))
    ends = np.cumsum([len(parts[i]) for i in shuffled])
    return [parts[i] for i in shuffled[: 1 + np.searchsorted(ends, HELD_OUT)]]


def _search(solve: Callable[[float], "_Solution"]) -> tuple[float, "_Solution"]:
    """(Penalty, its solution) with the least error, downhill from that of number START_PENALTY."""
    found = {START_PENALTY: solve(penalty_of(START_PENALTY))}
    for direction in (1, -1):
        best = START_PENALTY
        while FIRST_PENALTY <= best + direction <= LAST_PENALTY:
            found[best + direction] = solve(penalty_of(best + direction))
            if found[best + direction].error >= found[best].error:
                break
            best += direction
        if best != START_PENALTY:
            break
    return penalty_of(best), found[best]


def penalty_of(k: int) -> float:
    """The penalty of number k."""
    return float(10 ** (2 / 3 * k - 3))


class _Solution(NamedTuple):
    error: float  # sum of squares
    errors: Array  # (chosen, targets)
    weight: Array  # (features, targets)


class _Problem:
    """Standardised features, and their Gram matrix: of features (primal), or of examples (dual) if those are fewer."""

    def __init__(self, x: Array, y: Array, roots: Array, groups: list[IntArray]) -> None:
        self._x, self._y, self._groups = x, y, groups
        self.chosen = np.concatenate(groups)
        self._share = roots / np.sqrt((roots**2).sum())  # the unit vector of the unpenalised constant
        self._dual = len(x) <= x.shape[1]
        self._gram_matrix, self._moments = self._gram(), np.empty(0) if self._dual else self._moment()

    def _gram(self) -> Array:
        """The lower triangle of x @ x.T or of x.T @ x, in float64: float32 leaves it indefinite at small penalties."""
        size, other = self._x.shape if self._dual else self._x.shape[::-1]
        gram = np.zeros((size, size), order="F")
        for j in range(0, other, BLOCK):
            block = self._x[:, j : j + BLOCK] if self._dual else self._x[j : j + BLOCK].T
            block = np.asfortranarray(block, float)
            gram = dsyrk(1.0, block, beta=1.0, c=gram, lower=1, overwrite_c=1)
        return gram

    def _moment(self) -> Array:
        """x.T @ y, in float64 block by block."""
        starts = range(0, len(self._x), BLOCK)
        products = (self._x[i : i + BLOCK].T.astype(float) @ self._y[i : i + BLOCK] for i in starts)
        return sum(products, np.zeros(()))

    def solve(self, penalty: float) -> _Solution:
        """The weights for all examples, and the errors where some are left out."""
        matrix, chosen = self._gram_matrix.copy(order="F"), self.chosen
        matrix[np.diag_indices(len(matrix))] += penalty
        factor = cho_factor(matrix, lower=True, overwrite_a=True)
        if self._dual:
            coefficients = cho_solve(factor, self._y)
            weight = self._x.T @ coefficients.astype(self._x.dtype)  # float64 would copy x
            unit = np.zeros((len(matrix), len(chosen)), order="F")
            unit[chosen, np.arange(len(chosen))] = 1
            gap, residual = penalty * cho_solve(factor, unit, overwrite_b=True)[chosen], penalty * coefficients[chosen]
        else:
            rows = self._x[chosen].astype(float)
            weight = cho_solve(factor, self._moments)
            half = solve_triangular(factor[0], rows.T, lower=True)
            gap, residual = np.eye(len(chosen)) - half.T @ half, self._y[chosen] - rows @ weight
        gap -= np.outer(self._share[chosen], self._share[chosen])
        errors, start = np.empty_like(residual), 0
        for group in self._groups:  # e = (1 - hat matrix of the group)^-1 (y - prediction)
            part = slice(start, start + len(group))
            errors[part] = np.linalg.solve(gap[part, part], residual[part])
            start += len(group)
        return _Solution(float((errors**2).sum()), errors, weight)
