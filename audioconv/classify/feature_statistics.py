"""What a model keeps of its training to learn words by later: how what its last layer is given is distributed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audioconv._typing import Array
from audioconv.classify.last_layer import last_columns
from audioconv.classify.model_parts import stored_array
from audioconv.errors import ArgumentError, ShapeError

SHRINKAGE = 0.1  # of the covariance towards a multiple of the identity
EXAMPLES = 256  # of the background that are kept
ARRAYS = ("means", "covariance", "background")


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
        Of features of what is no word.

    Attributes
    ----------
    means, covariance, background : float16 arrays
        As model files keep them.
    precision : float64 array, shape (channels, channels)
        The inverse of the covariance, shrunk towards a multiple of the identity.

    Raises
    ------
    ShapeError, ArgumentError
        If they do not fit each other, are not finite in half precision, or the covariance is none.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv.classify.feature_statistics import FeatureStatistics
    >>> FeatureStatistics.of(np.eye(4).repeat(5, axis=0), np.arange(4).repeat(5), 4)
    FeatureStatistics(4 classes, 4 channels)
    """

    means: Array
    covariance: Array
    background: Array
    precision: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        with np.errstate(over="ignore"):
            means, covariance, background = (
                np.asarray(array).astype(np.float16) for array in (self.means, self.covariance, self.background)
            )
        channels = means.shape[-1:]
        fit = means.ndim == background.ndim == 2 and covariance.shape == 2 * channels
        if not fit or background.shape[1:] != channels or 0 in (*means.shape, len(background)):
            raise ShapeError(
                f"means {means.shape}, covariance {covariance.shape} and background {background.shape} do not fit"
            )
        for name, array in (("means", means), ("covariance", covariance), ("background", background)):
            if not np.isfinite(array).all():
                raise ArgumentError(f"the {name} of features must be finite in half precision")
            object.__setattr__(self, name, array)
        if not np.array_equal(covariance, covariance.T):
            raise ArgumentError("the covariance of features must be symmetric")
        object.__setattr__(self, "precision", _precision(covariance.astype(np.float64)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.means)} classes, {self.means.shape[1]} channels)"

    @classmethod
    def of(cls, features: Array, targets: Array, classes: int, background: int | None = 0) -> "FeatureStatistics":
        """Estimate them.

        Parameters
        ----------
        features : float array, shape (examples, channels)
        targets : int array, shape (examples,)
        classes : int
        background : int, optional
            The class of what is no word; if there is none, the examples are of all classes.

        Returns
        -------
        statistics : FeatureStatistics

        Raises
        ------
        ArgumentError
            If a class has no features, or features hardly differ within classes, so that nothing follows from them.
        """
        groups = [features[targets == c].astype(np.float64) for c in range(classes)]
        if not all(map(len, groups)):
            raise ArgumentError(f"of {classes} classes some have no features: {[len(group) for group in groups]}")
        spreads = [group - group.mean(axis=0) for group in groups]
        covariance = np.mean([spread.T @ spread / len(spread) for spread in spreads], axis=0)
        covariance = (covariance + covariance.T) / 2  # a product of floats need not be symmetric
        others = features if background is None else groups[background]
        chosen = np.linspace(0, len(others) - 1, min(EXAMPLES, len(others))).round().astype(int)
        return cls(np.stack([group.mean(axis=0) for group in groups]), covariance, others[chosen])

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


def estimated_statistics(
    features: Array, targets: Array, classes: int, background: int | None = 0
) -> FeatureStatistics | None:
    """`FeatureStatistics.of`, or None where a training saw too little: it is no reason to lose what was trained."""
    try:
        return FeatureStatistics.of(features, targets, classes, background)
    except ArgumentError:
        return None


def statistics_arrays(statistics: FeatureStatistics | None) -> dict[str, Array]:
    """What `stored_statistics` reads."""
    return {} if statistics is None else {f"feature_{name}": getattr(statistics, name) for name in ARRAYS}


def stored_statistics(arrays: Mapping[str, Array], network: Any, classes: int) -> FeatureStatistics | None:
    """The statistics of a model file; None if it has none.

    Raises
    ------
    ArgumentError, ShapeError
        If they do not fit the last layer of the network.
    """
    if "feature_means" not in arrays:
        return None
    channels = last_columns(network)[0].weight.size
    shapes = (classes, channels), (channels, channels), (None, channels)
    return FeatureStatistics(
        *(stored_array(arrays, f"feature_{name}", "float16", shape) for name, shape in zip(ARRAYS, shapes, strict=True))
    )


def _precision(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of the covariance, shrunk so that it has one."""
    size = len(covariance)
    identity = np.eye(size) * max(np.trace(covariance) / size, np.finfo(np.float32).tiny)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * identity
    try:
        np.linalg.cholesky(shrunk)
    except np.linalg.LinAlgError:
        raise ArgumentError("the covariance of features must be positive semidefinite") from None
    inverse: NDArray[np.float64] = np.linalg.inv(shrunk)
    return inverse
