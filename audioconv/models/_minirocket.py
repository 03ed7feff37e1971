"""MiniRocket: thousands of fixed features and a linear classifier in closed form; a baseline for networks."""

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import ClassVar, NamedTuple

import numpy as np

from audioconv import nn, parallel
from audioconv._typing import Array, ArrayLike, IntArray
from audioconv.arrays import floating, frozen, whole
from audioconv.errors import ArgumentError, ModelFileError, ShapeError
from audioconv.kernels.nn import _ppv as ppv
from audioconv.kernels.nn._ppv import DILATED
from audioconv.models._temperature import cross_entropy, sharpness_of
from audioconv.nn.layers.state_dict import check_state_dict
from audioconv.nn.layers.summary import LayerSummary, Summary

KERNELS = np.array(list(combinations(range(ppv.TAPS), 3)))  # the 84 choices of the taps with weight 2
NUM_FEATURES = 9996  # of a clip, unless another number is given: the 84 kernels 119 times
MOST_DILATIONS = 32
MOST_CHANNELS = 9  # that a kernel sums
GOLDEN = (np.sqrt(5) + 1) / 2
BATCH = 256  # clips whose features are in memory at once


class Fit(NamedTuple):
    """How a closed-form training went, on examples that were held out with all versions of their clip.

    Attributes
    ----------
    loss : float
        Cross-entropy.
    accuracy : float
        From 0 to 1.
    penalty : float
        Of the ridge regression.
    sharpness : float
        Factor from scores to logits: the inverse temperature of temperature scaling.
    """

    loss: float
    accuracy: float
    penalty: float
    sharpness: float


class MiniRocket:
    """84 kernels of nine taps at several dilations, the share of their outputs above biases, and ridge regression.

    It is made as networks are and gives logits, but has `fit` instead of a training by gradients. A kernel sums a
    random choice of one to nine bands. Half of the kernels zero-pad the clip, the others do not. Training needs 40 kB a
    clip, and at most 2.5 GB beside.

    Parameters
    ----------
    classes : int
        Logits.
    features : int
        Bands of a frame.
    frames : int
        Of a clip, at least 9; clips of another shape are refused.
    rng : numpy Generator
        Draws the choices of bands, the examples that biases are taken from, and those that are held out.
    num_features : int
        Numbers that a clip becomes: so many, or as many less as make a multiple of 84.

    Raises
    ------
    ArgumentError
        For fewer than 9 frames or fewer than 84 features.

    References
    ----------
    Dempster, Schmidt, Webb, MiniRocket: A Very Fast (Almost) Deterministic Transform for Time Series Classification,
    KDD 2021, and the authors' multivariate version of it.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x, targets = rng.standard_normal((40, 98, 4)).astype("float32"), np.repeat(np.eye(2), 20, axis=0)
    >>> x[:20, 40:50] += 3
    >>> network = MiniRocket(2, 4, frames=98, rng=rng, num_features=840)
    >>> fit = network.fit(x[1:], targets[1:])
    >>> network.forward(x[:1]).argmax(axis=1).tolist()
    [0]
    """

    dims: ClassVar[tuple[int, ...]] = (3,)
    dtype = np.dtype(np.float32)

    def __init__(
        self,
        classes: int,
        features: int = 40,
        *,
        frames: int = 98,
        rng: np.random.Generator,
        num_features: int = NUM_FEATURES,
    ) -> None:
        if frames < ppv.TAPS:
            raise ArgumentError(f"minirocket takes clips of at least {ppv.TAPS} frames of features, not {frames}")
        if whole(num_features, "num_features") < len(KERNELS):
            raise ArgumentError(f"num_features must be at least {len(KERNELS)}, one a kernel, not {num_features}")
        self.frames, self.features = frames, features
        self._dilations, self._counts = dilations(frames, num_features // len(KERNELS))
        self.num_features = len(KERNELS) * int(self._counts.sum())
        self.dense = nn.Dense(self.num_features, classes, rng=rng)
        self._biases = np.zeros(self.num_features, np.float32)
        self._plan_for(_choices(len(KERNELS) * len(self._dilations), features, rng))
        self._seed = int(rng.integers(2**63))

    def __repr__(self) -> str:
        classes = self.dense.state_dict()["bias"].size
        return f"MiniRocket({classes}, {self.features}, frames={self.frames}, num_features={self.num_features})"

    def _plan_for(self, channels: Array) -> None:
        """Make the kernel's plan for choices of channels (rows, MOST_CHANNELS), filled up with -1."""
        rows, kernels = len(channels), len(KERNELS)
        plan = np.empty((rows, DILATED.row_size), np.int64)
        place, kernel = np.divmod(np.arange(rows), kernels)
        plan[:, DILATED.tap_a : DILATED.dilation] = KERNELS[kernel]
        plan[:, DILATED.dilation] = self._dilations[place]
        plan[:, DILATED.padded] = (place + kernel) % 2 == 0
        ranges = (
            (DILATED.first_member, DILATED.end_member, (channels >= 0).sum(axis=1)),
            (DILATED.first_bias, DILATED.end_bias, self._counts[place]),
        )
        for first, end, counts in ranges:
            plan[:, end] = np.cumsum(counts)
            plan[:, first] = plan[:, end] - counts
        self._channels, self._plan, self._members = channels, plan, channels[channels >= 0].astype(np.int64)

    # --- features ---

    def transform(self, x: ArrayLike, threads: int | None = None) -> Array:
        """Return the features of clips: the proportion of positive values (PPV) of each kernel's output.

        Parameters
        ----------
        x : float array, shape (batch, frames, features)
        threads : int, optional
            Default: `AUDIOCONV_THREADS`, or the cores of this process. The result does not depend on it.

        Returns
        -------
        features : float32 array, shape (batch, num_features)
            From 0 to 1.

        Raises
        ------
        ShapeError, DtypeError
            If clips do not fit.

        Examples
        --------
        >>> import numpy as np
        >>> network = MiniRocket(2, 4, frames=20, rng=np.random.default_rng(0), num_features=84)
        >>> network.transform(np.zeros((3, 20, 4), "float32")).shape
        (3, 84)
        """
        return self._transform(self._checked(x), threads, *self._arrays())

    def _arrays(self) -> tuple[Array, Array, Array]:
        return frozen(self._plan), frozen(self._members), frozen(self._biases)  # a pickled array is writable

    def _checked(self, x: ArrayLike) -> Array:
        x = floating(x, "x", self.dims)
        if x.shape[1:] != (self.frames, self.features):
            raise ShapeError(f"this model takes clips of shape {(self.frames, self.features)}, not {x.shape[1:]}")
        return frozen(x, np.float32)

    def _transform(self, x: Array, threads: int | None, plan: Array, members: Array, biases: Array) -> Array:
        shares = np.empty((len(x), self.num_features), np.float32)

        def one(i: int) -> None:
            scratch = np.empty(ppv.scratch_size(self.frames, self.features), np.float32)
            ppv.ppv(x[i], plan, members, biases, scratch, shares[i])

        parallel.run(one, range(len(x)), threads)
        return shares

    # --- training ---

    def fit(
        self,
        frames: ArrayLike,
        targets: ArrayLike,
        weights: ArrayLike | None = None,
        threads: int | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> Fit:
        """Train in closed form: biases from quantiles, and a ridge regression.

        Parameters
        ----------
        frames : float array, shape (clips, frames, features)
        targets : float array, shape (clips, classes)
            Shares of each class, as one-hot rows or soft.
        weights : float array, shape (clips,), optional
            How much each clip counts.
        threads : int, optional
            The result does not depend on it.
        groups : int array, shape (clips,), optional
            Equal for versions of one clip, which are left out together when the penalty is chosen.

        Returns
        -------
        fit : Fit
            What held-out examples say of the training.

        Raises
        ------
        ShapeError, DtypeError, ArgumentError
            If clips do not fit, or are not finite, or there are no two that are not versions of each other.
        """
        x, targets = self._checked(frames), np.asarray(targets, float)
        if targets.shape != (len(x), self.dense.state_dict()["bias"].size) or not len(x):
            raise ShapeError(f"targets must have a row a clip and a column a class, not shape {targets.shape}")
        if not np.isfinite(x).all():
            raise ArgumentError("frames must be finite")
        if len(x) < 2 or (groups is not None and np.ptp(np.asarray(groups)) == 0):
            raise ArgumentError("to leave clips out there must be at least two, and two groups of them")
        rng = np.random.default_rng(self._seed)
        self._biases = self._quantiles(x, rng)
        weights = None if weights is None else np.asarray(weights, float)
        groups = None if groups is None else np.asarray(groups)
        from audioconv.models._ridge import ridge  # SciPy's linear algebra is for training alone

        found = ridge(self.transform(x, threads), targets, weights, groups, int(rng.integers(2**63)))
        expected = targets[found.held_out]
        counts = np.ones(len(expected)) if weights is None else weights[found.held_out]
        sharpness = sharpness_of(found.predictions, expected, counts)
        self.dense.load_state_dict({"weight": found.weight * sharpness, "bias": found.bias * sharpness})
        right = (found.predictions.argmax(axis=1) == expected.argmax(axis=1)) @ counts / counts.sum()
        loss = cross_entropy(found.predictions * sharpness, expected, counts)
        return Fit(loss, float(right), found.penalty, sharpness)

    def _quantiles(self, x: Array, rng: np.random.Generator) -> Array:
        """Biases: of each row of the plan, quantiles of its outputs for a clip by chance."""
        levels = (np.arange(1, self.num_features + 1) * GOLDEN) % 1
        plan, members, _ = self._arrays()
        scratch = np.empty(ppv.scratch_size(self.frames, self.features), np.float32)
        biases, out = np.empty(self.num_features, np.float32), np.empty(self.frames, np.float32)
        for row, clip in zip(plan, rng.integers(len(x), size=len(plan)), strict=True):
            ppv.outputs(x[clip], row, members, scratch, out)
            part = slice(row[DILATED.first_bias], row[DILATED.end_bias])
            biases[part] = np.quantile(out, levels[part])
        return biases

    # --- use ---

    def forward(self, x: ArrayLike, threads: int | None = None) -> Array:
        """Return the logits of clips.

        Parameters
        ----------
        x : float array, shape (batch, frames, features)
        threads : int, optional
            As for `transform`.

        Returns
        -------
        logits : float32 array, shape (batch, classes)
            Of a clip the same bits in whatever batch.

        Raises
        ------
        ShapeError, DtypeError
            If clips do not fit.
        """
        return self._logits(self._checked(x), threads, self._arrays(), self.dense.forward)

    def _logits(
        self,
        x: Array,
        threads: int | None,
        arrays: tuple[Array, Array, Array],
        dense: Callable[..., Array],
    ) -> Array:
        parts = [
            dense(self._transform(x[i : i + BATCH], threads, *arrays), threads=threads)
            for i in range(0, max(1, len(x)), BATCH)
        ]
        return np.concatenate(parts)

    def inference(self) -> Callable[..., Array]:
        """Return a function from clips to logits with the weights as they are now.

        Returns
        -------
        apply : callable
            apply(x, threads=1) gives what `forward` gives; any thread may call it.
        """
        arrays, dense = self._arrays(), self.dense.inference()
        return lambda x, threads=1: self._logits(self._checked(x), threads, arrays, dense)

    # --- what it is ---

    def parameters(self) -> dict[str, Array]:
        """Return what training sets, by name.

        Returns
        -------
        parameters : dict of str -> float array
            Themselves and not copies.
        """
        return {"biases": self._biases, **self.dense.parameters()}

    def state_dict(self) -> dict[str, Array]:
        """Return all that makes the trained model, by name.

        Returns
        -------
        state_dict : dict of str -> array
            Themselves and not copies; `channels` (rows, 9) are the bands of each kernel, then -1.
        """
        return {"channels": self._channels, **self.parameters()}

    def load_state_dict(self, state_dict: Mapping[str, Array]) -> None:
        """Take over arrays as `state_dict` gives them.

        Parameters
        ----------
        state_dict : dict of str -> array

        Raises
        ------
        ArgumentError, DtypeError
            For what is no dict, and for arrays of text, objects or complex numbers; nothing is changed.
        ModelFileError
            If a name is missing or unknown, or there are bands that clips do not have; nothing is changed.
        ShapeError
            If a shape differs; nothing is changed.
        """
        check_state_dict(state_dict, self.state_dict())
        channels = np.array(state_dict["channels"], np.int32)
        if channels.min() < -1 or channels.max() >= self.features or channels[:, 0].min() < 0:
            raise ModelFileError(f"the weights name bands that clips of {self.features} do not have")
        self._plan_for(channels)
        self._biases = np.array(state_dict["biases"], np.float32)
        self.dense.load_state_dict({name: state_dict[name] for name in self.dense.state_dict()})

    def summary(self, shape: tuple[int, ...] | None = None, *, hop_ms: float = 10.0) -> Summary:
        """Return what the model is and costs; additions and comparisons count as multiply-adds.

        Parameters
        ----------
        shape : tuple of int, optional
            Of a clip; it is known already.
        hop_ms : float
            As of other networks; there are no streams of these frames.

        Returns
        -------
        summary : nn.Summary
        """
        return _Summary(self)


class _Summary(Summary):
    def __init__(self, network: MiniRocket) -> None:
        rows, members, size = len(network._plan), network._members.size, network.num_features
        dense = network.dense.parameters()
        ppv_cost = network.frames * (members + 13 * rows + size)  # of channels, taps, and biases
        self.layers = [
            LayerSummary("0", "PPV", (size,), network._biases.size, ppv_cost),
            LayerSummary("1", "Dense", dense["bias"].shape, sum(p.size for p in dense.values()), dense["weight"].size),
        ]
        self.parameters = sum(layer.parameters for layer in self.layers)
        self.multiply_adds = sum(layer.multiply_adds for layer in self.layers)
        self.stream, self.frame_multiply_adds = None, None
        self.stream_error = "a window of a stream is scored as a whole, not frame by frame"


def dilations(frames: int, count: int) -> tuple[IntArray, IntArray]:
    """(Dilations, how many features a kernel has at each) for `count` features a kernel.

    Exponents of 2 lie evenly up to kernels as long as the clip; those that give one whole number add up.
    """
    exponents = np.linspace(0, np.log2((frames - 1) / (ppv.TAPS - 1)), min(count, MOST_DILATIONS))
    found, times = np.unique((2.0**exponents).astype(np.int64), return_counts=True)
    counts = times * count // len(exponents)
    for i in range(count - counts.sum()):
        counts[i % len(counts)] += 1
    return found, counts


def _choices(rows: int, channels: int, rng: np.random.Generator) -> Array:
    """Channels of each row, int32 (rows, MOST_CHANNELS) filled up with -1; the logarithm of how many is uniform."""
    found = np.full((rows, MOST_CHANNELS), -1, np.int32)
    most = min(channels, MOST_CHANNELS)
    for row in found:
        count = int(2 ** rng.uniform(0, np.log2(most + 1)))
        row[:count] = rng.choice(channels, count, replace=False)
    return found
