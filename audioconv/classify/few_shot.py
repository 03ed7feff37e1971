"""New words from few clips: another column of the last layer, learnt against what the model remembers.

A model keeps of its training what its last layer was given: the mean for each class, one covariance for all, which says
how sounds of one class differ by speaker, noise and place, and some examples of the background. A new word's column is
a logistic regression of its clips against these; the covariance is its prior. The other columns stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from audioconv._typing import Array, Float32Array
from audioconv.errors import ArgumentError, ShapeError

SHRINKAGE = 0.1  # of the covariance towards a multiple of the identity
EXAMPLES = 256  # of the background that are kept
PRIOR = 1.0  # how much a weight of one deviation costs, in units of the mean loss
MEAN_WEIGHT = 1 / 7  # of the means of keywords among the negatives
ITERATIONS = 60
FOUND = 0.6  # the share of left-out clips, in all their noises, for which a new word is likelier than all others
SLOPE = 0.3  # of the log likelihood ratio, which is too sure of itself: features of one class are not Gaussian
OLD_CLIPS = 20  # that the mean of a known class counts as, against the clips that sharpen it
FEWEST_CLIPS = 2  # of which one is left out


class Column(NamedTuple):
    """Of a linear layer: what makes one logit of features (channels,)."""

    weight: NDArray[np.float64]
    bias: float


@dataclass(frozen=True, eq=False, repr=False)
class FeatureStatistics:
    """What a model remembers of its training: how the features before its last layer are distributed.

    Parameters
    ----------
    means : float array, shape (classes, channels)
        Of the features of each class, in the order of the logits.
    covariance : float array, shape (channels, channels)
        Of the features within a class, the mean over classes.
    background : float array, shape (examples, channels)
        Of features of class 0, the background.

    Attributes
    ----------
    means, covariance, background : float16 arrays
        As model files keep them.

    Raises
    ------
    ShapeError, ArgumentError
        If they do not fit each other, or are not finite in half precision.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv.classify.few_shot import FeatureStatistics
    >>> FeatureStatistics.of(np.eye(4).repeat(5, axis=0), np.arange(4).repeat(5), 4)
    FeatureStatistics(4 classes, 4 channels)
    """

    means: Array
    covariance: Array
    background: Array
    _precision: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        with np.errstate(over="ignore"):
            means, covariance, background = (
                np.asarray(array).astype(np.float16) for array in (self.means, self.covariance, self.background)
            )
        channels = means.shape[-1:]
        if means.ndim != 2 or covariance.shape != 2 * channels or background.shape[1:] != channels:
            raise ShapeError(
                f"means {means.shape}, covariance {covariance.shape} and background {background.shape} do not fit"
            )
        for name, array in (("means", means), ("covariance", covariance), ("background", background)):
            if not np.isfinite(array).all():
                raise ArgumentError(f"the {name} of features must be finite in half precision")
            object.__setattr__(self, name, array)
        object.__setattr__(self, "_precision", _precision(covariance.astype(np.float64)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.means)} classes, {self.means.shape[1]} channels)"

    @classmethod
    def of(cls, features: Array, targets: Array, classes: int) -> "FeatureStatistics":
        """Estimate them.

        Parameters
        ----------
        features : float array, shape (examples, channels)
        targets : int array, shape (examples,)
        classes : int
            Of which each is there.

        Returns
        -------
        statistics : FeatureStatistics
        """
        groups = [features[targets == c].astype(np.float64) for c in range(classes)]
        if not all(map(len, groups)):
            raise ArgumentError(f"of {classes} classes some have no features: {[len(group) for group in groups]}")
        spreads = [group - group.mean(axis=0) for group in groups]
        covariance = sum(spread.T @ spread / len(spread) for spread in spreads) / classes
        chosen = np.linspace(0, len(groups[0]) - 1, min(EXAMPLES, len(groups[0]))).round().astype(int)
        return cls(np.stack([group.mean(axis=0) for group in groups]), np.asarray(covariance), groups[0][chosen])

    def moved(self, layer: Column, reference: int, mean: Array) -> Column:
        """Return the column of a class of another mean than that of `reference`, whose column is `layer`.

        Their logits differ by the log likelihood ratio of two Gaussians of one covariance.

        Parameters
        ----------
        layer : Column
        reference : int
            A class.
        mean : float array, shape (channels,)

        Returns
        -------
        column : Column
        """
        old = self.means[reference].astype(np.float64)
        direction = SLOPE * (self._precision @ (mean - old))
        return Column(layer.weight + direction, layer.bias - float(direction @ (mean + old)) / 2)

    def learnt(self, layers: Sequence[Column], examples: Array, weights: Array) -> Column:
        """Return the column of a new class, by logistic regression of examples against what is remembered.

        What it learns is the log odds of the new class against all that there are. Weights are as far from those of the
        background as they have to be, in units of the deviations within a class.

        Parameters
        ----------
        layers : sequence of Column
            Of the classes that there are, the background first.
        examples : float array, shape (examples, channels)
        weights : float array, shape (examples,)
            Their sum is 1.

        Returns
        -------
        column : Column
        """
        known = self.means[1:].astype(np.float64)
        x = np.concatenate([examples, self.background, known]).astype(np.float64)
        is_new = np.arange(len(x)) < len(examples)
        negatives = np.full(len(x) - len(examples), (1 - MEAN_WEIGHT) / len(self.background))
        negatives[len(self.background) :] = MEAN_WEIGHT / max(1, len(known))
        cost, centre = np.concatenate([weights, negatives]), self.means[0].astype(np.float64)
        whiten = np.linalg.cholesky(self._precision)
        z, start = (x - centre) @ whiten, _margins(x, layers[0], layers)

        def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            margins = start + z @ values[:-1] + values[-1]
            wrong = np.where(is_new, -margins, margins)
            slopes = cost * np.where(is_new, -1, 1) * np.exp(-np.logaddexp(0, -wrong))
            gradient = np.append(slopes @ z + PRIOR * values[:-1], slopes.sum())
            return float(cost @ np.logaddexp(0, wrong) + PRIOR * values[:-1] @ values[:-1] / 2), gradient

        found = minimize(loss, np.zeros(z.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}).x
        direction = whiten @ found[:-1]
        bias = layers[0].bias + float(found[-1] - direction @ centre)
        return Column(layers[0].weight + direction, bias)

    def with_mean(self, position: int, mean: Array, *, insert: bool) -> "FeatureStatistics":
        """Return them with the mean of a new class before `position`, or another one there.

        Parameters
        ----------
        position : int
        mean : float array, shape (channels,)
        insert : bool

        Returns
        -------
        statistics : FeatureStatistics
        """
        means = self.means.astype(np.float64)
        means = np.insert(means, position, mean, axis=0) if insert else means
        means[position] = mean
        return replace(self, means=means)


def sharpened_column(
    statistics: FeatureStatistics, layers: Sequence[Column], known: int, clips: Sequence[Sequence[Array]]
) -> tuple[Column, Array]:
    """The column of a known class, moved towards some clips of it, and the mean that it is for.

    Parameters
    ----------
    statistics : FeatureStatistics
    layers : sequence of Column
        Of all classes.
    known : int
        The class.
    clips : for each clip a sequence of float arrays, shape (rows, channels)
        What the layer is given when the word is to be told: the clip in some noises, at some paces.

    Returns
    -------
    column : Column
    mean : float array, shape (channels,)
    """
    means = _means(clips)
    old = OLD_CLIPS * statistics.means[known].astype(np.float64)
    mean = (old + means.sum(axis=0)) / (OLD_CLIPS + len(means))
    return statistics.moved(layers[known], known, mean), mean


def new_column(
    statistics: FeatureStatistics, layers: Sequence[Column], clips: Sequence[Sequence[Array]]
) -> tuple[Column, Array]:
    """The column of a new class, and the mean that it is for.

    Its bias is such that it is likelier than all others for most of the clips, each told by the others (leave-one-out).

    Parameters
    ----------
    statistics : FeatureStatistics
    layers : sequence of Column
        Of the classes that there are, the background first.
    clips : for each clip a sequence of float arrays, shape (rows, channels)
        As of `sharpened_column`.

    Returns
    -------
    column : Column
    mean : float array, shape (channels,)

    Raises
    ------
    ArgumentError
        If there are fewer than two clips.
    """
    if len(clips) < FEWEST_CLIPS:
        raise ArgumentError(f"a new word needs at least {FEWEST_CLIPS} clips, not {len(clips)}; 5 to 20 are better")
    margins: list[float] = []
    for i, left_out in enumerate(clips):
        column = _learnt(statistics, layers, [*clips[:i], *clips[i + 1 :]])
        margins += [float(_margins(rows, column, layers).mean()) for rows in left_out]
    column = _learnt(statistics, layers, clips)
    offset = float(np.quantile(margins, 1 - FOUND))
    return column._replace(bias=column.bias - offset), _means(clips).mean(axis=0)


def _learnt(statistics: FeatureStatistics, layers: Sequence[Column], clips: Sequence[Sequence[Array]]) -> Column:
    """The column of clips that count the same, however many rows each has."""
    rows = [np.concatenate(list(versions)) for versions in clips]
    weights = np.concatenate([np.full(len(x), 1 / (len(x) * len(rows))) for x in rows])
    return statistics.learnt(layers, np.concatenate(rows), weights)


def columns_of(weight: Float32Array, bias: Float32Array) -> list[Column]:
    """The columns of a layer: weight (..., channels, classes), bias (classes,)."""
    flat = weight.reshape(-1, weight.shape[-1]).astype(np.float64)
    return [Column(flat[:, c], float(bias[c])) for c in range(flat.shape[1])]


def _means(clips: Sequence[Sequence[Array]]) -> NDArray[np.float64]:
    """The mean of each clip, of all its rows."""
    return np.stack([np.concatenate(list(versions)).mean(axis=0, dtype=np.float64) for versions in clips])


def _margins(rows: Array, column: Column, layers: Sequence[Column]) -> NDArray[np.float64]:
    """The log odds of a column against all layers, of each row."""
    logits = np.stack([rows @ layer.weight + layer.bias for layer in layers], axis=1)
    odds: NDArray[np.float64] = rows @ column.weight + column.bias - np.logaddexp.reduce(logits, axis=1)
    return odds


def _precision(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of the covariance, shrunk so that it has one."""
    size = len(covariance)
    identity = np.eye(size) * max(np.trace(covariance) / size, np.finfo(np.float32).tiny)
    inverse: NDArray[np.float64] = np.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * identity)
    return inverse
