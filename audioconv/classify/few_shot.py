"""New words from few clips: another column of the last layer, learnt against what the model remembers.

A model keeps of its training what its last layer was given: the mean for each class, one covariance for all, which says
how sounds of one class differ by speaker, noise and place, and some examples of the background. A new word's column is
a logistic regression of its clips against these; the covariance is its prior. The other columns stay as they are.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from audioconv._typing import Array
from audioconv.classify.feature_statistics import FeatureStatistics
from audioconv.classify.last_layer import Column
from audioconv.errors import ArgumentError

PRIOR = 1.0  # how much a weight of one deviation costs, in units of the mean loss
MEAN_WEIGHT = 1 / 7  # of the means of keywords among the negatives
ITERATIONS = 60
FOUND = 0.6  # the share of left-out clips, in all their noises, for which a new word is likelier than all others
SLOPE = 0.3  # of the log likelihood ratio, which is too sure of itself: features of one class are not Gaussian
OLD_CLIPS = 20  # that the mean of a known class counts as, against the clips that sharpen it
FEWEST_CLIPS = 2  # of which one is left out


def moved(statistics: FeatureStatistics, layer: Column, reference: int, mean: Array) -> Column:
    """Return the column of a class of another mean than that of `reference`, whose column is `layer`.

    Their logits differ by the log likelihood ratio of two Gaussians of one covariance.

    Parameters
    ----------
    statistics : FeatureStatistics
    layer : Column
    reference : int
        A class.
    mean : float array, shape (channels,)

    Returns
    -------
    column : Column
    """
    old = statistics.means[reference].astype(np.float64)
    direction = SLOPE * (statistics.precision @ (mean - old))
    return Column(layer.weight + direction, layer.bias - float(direction @ (mean + old)) / 2)


def learnt(statistics: FeatureStatistics, layers: Sequence[Column], examples: Array, weights: Array) -> Column:
    """Return the column of a new class, by logistic regression of examples against what is remembered.

    What it learns is the log odds of the new class against all that there are. Weights are as far from those of the
    background as they have to be, in units of the deviations within a class.

    Parameters
    ----------
    statistics : FeatureStatistics
    layers : sequence of Column
        Of the classes that there are, the background first.
    examples : float array, shape (examples, channels)
    weights : float array, shape (examples,)
        Their sum is 1.

    Returns
    -------
    column : Column
    """
    known = statistics.means[1:].astype(np.float64)
    x = np.concatenate([examples, statistics.background, known]).astype(np.float64)
    is_new = np.arange(len(x)) < len(examples)
    negatives = np.full(len(x) - len(examples), (1 - MEAN_WEIGHT) / len(statistics.background))
    negatives[len(statistics.background) :] = MEAN_WEIGHT / max(1, len(known))
    cost, centre = np.concatenate([weights, negatives]), statistics.means[0].astype(np.float64)
    whiten = np.linalg.cholesky(statistics.precision)
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
    return moved(statistics, layers[known], known, mean), mean


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
    return learnt(statistics, layers, np.concatenate(rows), weights)


def _means(clips: Sequence[Sequence[Array]]) -> NDArray[np.float64]:
    """The mean of each clip, of all its rows."""
    return np.stack([np.concatenate(list(versions)).mean(axis=0, dtype=np.float64) for versions in clips])


def _margins(rows: Array, column: Column, layers: Sequence[Column]) -> NDArray[np.float64]:
    """The log odds of a column against all layers, of each row."""
    logits = np.stack([rows @ layer.weight + layer.bias for layer in layers], axis=1)
    odds: NDArray[np.float64] = rows @ column.weight + column.bias - np.logaddexp.reduce(logits, axis=1)
    return odds
