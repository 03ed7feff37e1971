"""MiniRocket: thousands of fixed features and a linear classifier in closed form; what a network has to beat."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from audioconv import nn, parallel
from audioconv.arrays import floating, frozen, whole
from audioconv.errors import ArgumentError, ModelFileError, ShapeError
from audioconv.kernels.nn import _ppv as ppv
from audioconv.models._ridge import ridge
from audioconv.nn.layers.summary import Summary

KERNELS = np.array(list(combinations(range(ppv.TAPS), 3)))  # the 84 choices of the taps with weight 2
FEATURES = 9996  # of a clip, unless another number is wanted: the 84 kernels 119 times
MOST_DILATIONS = 32
MOST_CHANNELS = 9  # that a kernel sums
GOLDEN = (np.sqrt(5) + 1) / 2
BATCH = 256  # clips whose features are in memory at once
SHARPNESS = (-1.0, 6.0)  # natural logarithm of the least and largest factor of scores


class Fit(NamedTuple):
    """How a closed-form training went: of examples that were left out, with all versions of their clip."""

    loss: float  # cross-entropy
    accuracy: float
    penalty: float  # of the ridge regression
    sharpness: float  # factor from scores to logits


class MiniRocket:
    """84 kernels of nine taps at several dilations, the share of their outputs above biases, and ridge regression.

    It is made as networks are and gives logits, but has `fit` instead of a training by gradients. A kernel sums a
    random choice of one to nine bands. Half of the kernels see zeros around the clip, the other half nothing. Training
    needs 40 kB a clip, and at most 2.5 GB beside.

    Parameters
    ----------
    classes, features, frames : int
        Clips of another shape are refused; at least 9 frames.
    rng : numpy Generator
        Draws the choices of bands, the examples that biases are taken from, and those that are left out.
    size : int
        Numbers that a clip becomes: so many, or as many less as make a multiple of 84.

    Raises
    ------
    ArgumentError
        For fewer than 9 frames or a size below 84.

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
    >>> network = MiniRocket(2, 4, frames=98, rng=rng, size=840)
    >>> fit = network.fit(x[1:], targets[1:])
    >>> network.forward(x[:1]).argmax(axis=1).tolist()
    [0]
    """

    dims = (3,)
    dtype = np.dtype(np.float32)

    def __init__(self, classes, features=40, *, frames=98, rng, size=FEATURES):
        if frames < ppv.TAPS:
            raise ArgumentError(f"minirocket takes clips of at least {ppv.TAPS} frames of features, not {frames}")
        if whole(size, "size") < len(KERNELS):
            raise ArgumentError(f"size must be at least {len(KERNELS)}, the number of kernels, not {size}")
        self.frames, self.features = frames, features
        self._dilations, self._counts = dilations(frames, size // len(KERNELS))
        self.size = len(KERNELS) * int(self._counts.sum())
        self.dense = nn.Dense(self.size, classes, rng=rng)
        self._biases = np.zeros(self.size, np.float32)
        self._plan_for(_choices(len(KERNELS) * len(self._dilations), features, rng))
        self._seed = int(rng.integers(2**63))

    def _plan_for(self, channels):
        """Make the kernel's plan for choices of channels (rows, MOST_CHANNELS), filled up with -1."""
        rows, kernels = len(channels), len(KERNELS)
        plan = np.empty((rows, 9), np.int64)
        place, kernel = np.divmod(np.arange(rows), kernels)
        plan[:, : ppv.DILATION] = KERNELS[kernel]
        plan[:, ppv.DILATION] = self._dilations[place]
        plan[:, ppv.PADDED] = (place + kernel) % 2 == 0
        ranges = ((ppv.MEMBER, (channels >= 0).sum(axis=1)), (ppv.BIAS, self._counts[place]))
        for column, counts in ranges:
            plan[:, column + 1] = np.cumsum(counts)
            plan[:, column] = plan[:, column + 1] - counts
        self._channels, self._plan, self._members = channels, plan, channels[channels >= 0].astype(np.int64)

    # --- features ---

    def transform(self, x, threads=None):
        """Shares (batch, size), float32 from 0 to 1, of clips (batch, frames, features)."""
        return self._transform(self._checked(x), threads, *self._arrays())

    def _arrays(self):
        return frozen(self._plan), frozen(self._members), frozen(self._biases)  # a pickled array is writable

    def _checked(self, x):
        x = floating(x, "x", self.dims)
        if x.shape[1:] != (self.frames, self.features):
            raise ShapeError(f"this model takes clips of shape {(self.frames, self.features)}, not {x.shape[1:]}")
        return frozen(x, np.float32)

    def _transform(self, x, threads, plan, members, biases):
        shares = np.empty((len(x), self.size), np.float32)

        def one(i):
            scratch = np.empty(ppv.scratch_size(self.frames, self.features), np.float32)
            ppv.ppv(x[i], plan, members, biases, scratch, shares[i])

        parallel.run(one, range(len(x)), threads)
        return shares

    # --- training ---

    def fit(self, frames, targets, weights=None, threads=None, *, groups=None):
        """Train in closed form.

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
        Fit

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
        if len(x) < 2 or (groups is not None and np.ptp(groups) == 0):
            raise ArgumentError("to leave clips out there must be at least two, and two groups of them")
        rng = np.random.default_rng(self._seed)
        self._biases = self._quantiles(x, rng)
        found = ridge(self.transform(x, threads), targets, weights, groups, int(rng.integers(2**63)))
        wanted = targets[found.left_out]
        counts = np.ones(len(wanted)) if weights is None else np.asarray(weights, float)[found.left_out]
        sharpness = _sharpness(found.said, wanted, counts)
        self.dense.load_state_dict({"weight": found.weight * sharpness, "bias": found.bias * sharpness})
        right = (found.said.argmax(axis=1) == wanted.argmax(axis=1)) @ counts / counts.sum()
        loss = _cross_entropy(found.said * sharpness, wanted, counts)
        return Fit(loss, float(right), found.penalty, sharpness)

    def _quantiles(self, x, rng):
        """Biases: of each row of the plan, quantiles of its outputs for a clip by chance."""
        levels = (np.arange(1, self.size + 1) * GOLDEN) % 1
        plan, members, _ = self._arrays()
        scratch = np.empty(ppv.scratch_size(self.frames, self.features), np.float32)
        biases, out = np.empty(self.size, np.float32), np.empty(self.frames, np.float32)
        for row, clip in zip(plan, rng.integers(len(x), size=len(plan)), strict=True):
            ppv.outputs(x[clip], row, members, scratch, out)
            part = slice(row[ppv.BIAS], row[ppv.BIAS_END])
            biases[part] = np.quantile(out, levels[part])
        return biases

    # --- use ---

    def forward(self, x, threads=None):
        """Logits (batch, classes) of clips (batch, frames, features); of a clip the same bits in whatever batch."""
        return self._logits(self._checked(x), threads, self._arrays(), self.dense.forward)

    def _logits(self, x, threads, arrays, dense):
        parts = [
            dense(self._transform(x[i : i + BATCH], threads, *arrays), threads=threads)
            for i in range(0, max(1, len(x)), BATCH)
        ]
        return np.concatenate(parts)

    def inference(self):
        """Return a function from x to logits with the weights as they are now; any thread may call it."""
        arrays, dense = self._arrays(), self.dense.inference()
        return lambda x, threads=1: self._logits(self._checked(x), threads, arrays, dense)

    # --- what it is ---

    def parameters(self):
        """What training sets, by name: themselves and not copies."""
        return {"biases": self._biases, **self.dense.parameters()}

    def state_dict(self):
        """All that makes the trained model, by name; `channels` (rows, 9) are the bands of each kernel, then -1."""
        return {"channels": self._channels, **self.parameters()}

    def load_state_dict(self, state_dict):
        """Take over arrays as `state_dict` gives them.

        Raises
        ------
        ModelFileError
            If a name is missing or unknown, or there are bands that clips do not have; nothing is changed.
        ShapeError
            If a shape differs; nothing is changed.
        """
        own = self.state_dict()
        if own.keys() != state_dict.keys():
            raise ModelFileError(f"the weights do not fit the model: {sorted(state_dict)}, wanted {sorted(own)}")
        for name, array in own.items():
            if np.shape(state_dict[name]) != array.shape:
                raise ShapeError(f"weight {name} must have shape {array.shape}, not {np.shape(state_dict[name])}")
        channels = np.array(state_dict["channels"], np.int32)
        if channels.min() < -1 or channels.max() >= self.features or channels[:, 0].min() < 0:
            raise ModelFileError(f"the weights name bands that clips of {self.features} do not have")
        self._plan_for(channels)
        self._biases = np.array(state_dict["biases"], np.float32)
        self.dense.load_state_dict({name: state_dict[name] for name in self.dense.state_dict()})

    def summary(self, shape=None, **options):
        """What the model is and costs; see `nn.Summary`. Additions and comparisons count as multiply-adds."""
        return _Summary(self)


class _Summary(Summary):
    def __init__(self, network):
        rows, members, size = len(network._plan), network._members.size, network.size
        dense = network.dense.parameters()
        shares = network.frames * (members + 13 * rows + size)  # of channels, taps, and biases
        self.layers = [
            ("0", "Shares", (size,), network._biases.size, shares),
            ("1", "Dense", dense["bias"].shape, sum(p.size for p in dense.values()), dense["weight"].size),
        ]
        self.parameters, self.multiply_adds = (sum(layer[k] for layer in self.layers) for k in (3, 4))
        self.stream, self.epoch_s, self.frame_multiply_adds = None, None, None
        self.stream_error = "windows of a stream are judged each by itself"


def dilations(frames, count):
    """(Dilations, how many features a kernel has at each) for `count` features a kernel.

    Exponents of 2 lie evenly up to kernels as long as the clip; those that give one whole number add up.
    """
    exponents = np.linspace(0, np.log2((frames - 1) / (ppv.TAPS - 1)), min(count, MOST_DILATIONS))
    found, times = np.unique((2.0**exponents).astype(np.int64), return_counts=True)
    counts = times * count // len(exponents)
    for i in range(count - counts.sum()):
        counts[i % len(counts)] += 1
    return found, counts


def _choices(rows, channels, rng):
    """Channels of each row, int32 (rows, MOST_CHANNELS) filled up with -1; the logarithm of how many is uniform."""
    found = np.full((rows, MOST_CHANNELS), -1, np.int32)
    most = min(channels, MOST_CHANNELS)
    for row in found:
        count = int(2 ** rng.uniform(0, np.log2(most + 1)))
        row[:count] = rng.choice(channels, count, replace=False)
    return found


def _cross_entropy(logits, targets, counts):
    top = logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(logits - top).sum(axis=1, keepdims=True)) + top
    return float((targets * (log_sums - logits)).sum(axis=1) @ counts / counts.sum())


def _sharpness(scores, targets, counts):
    """The factor with which scores of left-out examples, as logits, have the least cross-entropy (Guo et al. 2017).

    Targets are smoothed by as much as a few examples cannot tell from certainty (Platt 1999): where none is judged
    wrongly, the best factor would have no end.
    """
    n, classes = targets.shape
    doubt = classes / (n + 2 * classes)
    smooth = (1 - doubt) * targets + doubt / classes
    found = minimize_scalar(
        lambda power: _cross_entropy(scores * np.exp(power), smooth, counts), bounds=SHARPNESS, method="bounded"
    )
    return float(np.exp(found.x))
