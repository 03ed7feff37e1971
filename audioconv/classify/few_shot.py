"""New words from few clips: another column of the last layer, learnt against what the model remembers.

A model keeps of its training what its last layer was given: the mean for each class, one covariance for all, which says
how sounds of one class differ by speaker, noise and place, and some examples of what is no word. A new word's column is
a logistic regression of its clips against these; the covariance is its prior. The other columns stay as they are.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


class LastLayer(NamedTuple):
    """The columns of all classes, what is remembered of them, and which of them is no word, if one is."""

    columns: list[Column]
    statistics: FeatureStatistics
    background: int | None


def with_word(layer: LastLayer, position: int, clips: Sequence[Sequence[Array]]) -> LastLayer:
    """Return a layer with a new class before `position`; the columns that there are stay as they are.

    Its bias is such that it is likelier than all others for most of the clips, each told by the others (leave-one-out).

    Parameters
    ----------
    layer : LastLayer
    position : int
    clips : for each clip a sequence of float arrays, shape (rows, channels)
        What the layer is given when the word is to be told: the clip in some noises, at some paces.

    Returns
    -------
    layer : LastLayer

    Raises
    ------
    ArgumentError
        If there are fewer than two clips.
    """
    if len(clips) < FEWEST_CLIPS:
        raise ArgumentError(f"a new word needs at least {FEWEST_CLIPS} clips, not {len(clips)}; 5 to 20 are better")
    margins: list[float] = []
    for i, left_out in enumerate(clips):
        column = _of_clips(layer, [*clips[:i], *clips[i + 1 :]])
        margins += [float(_margins(rows, column, layer.columns).mean()) for rows in left_out]
    column = _of_clips(layer, clips)
    column = column._replace(bias=column.bias - float(np.quantile(margins, 1 - FOUND)))
    background = layer.background
    return LastLayer(
        [*layer.columns[:position], column, *layer.columns[position:]],
        layer.statistics.with_mean(position, _means(clips).mean(axis=0), insert=True),
        background if background is None or background < position else background + 1,
    )


def sharpened(layer: LastLayer, known: int, clips: Sequence[Sequence[Array]]) -> LastLayer:
    """Return a layer whose class `known` is moved towards some clips of it; the other columns stay as they are.

    Parameters
    ----------
    layer : LastLayer
    known : int
    clips : for each clip a sequence of float arrays, shape (rows, channels)
        As of `with_word`.

    Returns
    -------
    layer : LastLayer
    """
    means = _means(clips)
    old = OLD_CLIPS * layer.statistics.means[known].astype(np.float64)
    mean = (old + means.sum(axis=0)) / (OLD_CLIPS + len(means))
    columns = list(layer.columns)
    columns[known] = moved(layer, known, mean)
    return layer._replace(columns=columns, statistics=layer.statistics.with_mean(known, mean, insert=False))


def moved(layer: LastLayer, known: int, mean: Array) -> Column:
    """Return the column of a class that has another mean than `known` has.

    Their logits differ by the log likelihood ratio of two Gaussians of one covariance.

    Parameters
    ----------
    layer : LastLayer
    known : int
    mean : float array, shape (channels,)

    Returns
    -------
    column : Column
    """
    column, old = layer.columns[known], layer.statistics.means[known].astype(np.float64)
    direction = SLOPE * (layer.statistics.precision @ (mean - old))
    return Column(column.weight + direction, column.bias - float(direction @ (mean + old)) / 2)


def learnt(layer: LastLayer, examples: Array, weights: Array) -> Column:
    """Return the column of a new class, by logistic regression of examples against what is remembered.

    What it learns is the log odds of the new class against all that there are. Weights are as far from those of the
    background, or from the mean of all columns if there is none, as they have to be, in units of the deviations within
    a class.

    Parameters
    ----------
    layer : LastLayer
    examples : float array, shape (examples, channels)
    weights : float array, shape (examples,)
        Their sum is 1.

    Returns
    -------
    column : Column
    """
    from scipy.optimize import minimize

    statistics, means = layer.statistics, layer.statistics.means.astype(np.float64)
    if layer.background is None:
        words, centre = means, means.mean(axis=0)
        weights_of_all, biases = zip(*layer.columns, strict=True)
        base = Column(np.mean(weights_of_all, axis=0), float(np.mean(biases)))
    else:
        words, centre = np.delete(means, layer.background, axis=0), means[layer.background]
        base = layer.columns[layer.background]
    x = np.concatenate([examples, statistics.background, words]).astype(np.float64)
    is_new = np.arange(len(x)) < len(examples)
    negatives = np.full(len(x) - len(examples), (1 - MEAN_WEIGHT) / len(statistics.background))
    negatives[len(statistics.background) :] = MEAN_WEIGHT / max(1, len(words))
    cost, whiten = np.concatenate([weights, negatives]), np.linalg.cholesky(statistics.precision)
    z, start = (x - centre) @ whiten, _margins(x, base, layer.columns)

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = start + z @ values[:-1] + values[-1]
        wrong = np.where(is_new, -margins, margins)
        slopes = cost * np.where(is_new, -1, 1) * np.exp(-np.logaddexp(0, -wrong))
        gradient = np.append(slopes @ z + PRIOR * values[:-1], slopes.sum())
        return float(cost @ np.logaddexp(0, wrong) + PRIOR * values[:-1] @ values[:-1] / 2), gradient

    found = minimize(loss, np.zeros(z.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}).x
    direction = whiten @ found[:-1]
    return Column(base.weight + direction, base.bias + float(found[-1] - direction @ centre))


def _of_clips(layer: LastLayer, clips: Sequence[Sequence[Array]]) -> Column:
    """The column of clips that count the same, however many rows each has."""
    rows = [np.concatenate(list(versions)) for versions in clips]
    weights = np.concatenate([np.full(len(x), 1 / (len(x) * len(rows))) for x in rows])
    return learnt(layer, np.concatenate(rows), weights)


def _means(clips: Sequence[Sequence[Array]]) -> NDArray[np.float64]:
    """The mean of each clip, of all its rows."""
    return np.stack([np.concatenate(list(versions)).mean(axis=0, dtype=np.float64) for versions in clips])


def _margins(rows: Array, column: Column, layers: Sequence[Column]) -> NDArray[np.float64]:
    """The log odds of a column against all layers, of each row."""
    logits = np.stack([rows @ layer.weight + layer.bias for layer in layers], axis=1)
    odds: NDArray[np.float64] = rows @ column.weight + column.bias - np.logaddexp.reduce(logits, axis=1)
    return odds
