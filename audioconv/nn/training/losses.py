"""Losses and their gradients."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from audioconv._typing import Array, ArrayLike
from audioconv.arrays import choice, floating, frozen, whole
from audioconv.errors import ArgumentError, DtypeError, ShapeError
from audioconv.kernels.nn import loss as kernels
from audioconv.nn.ops.graph import MICRO_BATCH, Graph, Planner, Tensor
from audioconv.nn.ops.instructions import Instruction, extent, instruction
from audioconv.nn.ops.outputs import output
from audioconv.nn.ops.tensor_view import TensorView, shape3
from audioconv.nn.runtime.plan import Plan
from audioconv.nn.runtime.program import Program
from audioconv.nn.settings import Check, Settings, fraction

Reduction: TypeAlias = Literal["class_sum", "mean"]


class Loss(Settings):
    """Base of the losses: called with outputs and targets of one shape, they give (loss, gradient of the outputs).

    Outputs are (batch, classes), or have time, or time and frequency, between; then the loss is the mean over these.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> loss, gradient = nn.MeanSquaredError()(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]]))
    >>> loss
    2.0
    >>> gradient
    array([[0., 2.]])
    """

    _kernel: ClassVar[Any] = None

    def _prepare(self, targets: ArrayLike, outputs: Array) -> tuple[Array, Array]:
        """Return targets, and weights of clips, as the kernels take them: the mean is in the weights.

        Parameters
        ----------
        targets : array
            As the loss is called with.
        outputs : float array, shape (batch, ..., classes)
            Only their shape and dtype matter.

        Returns
        -------
        targets : float array, shape of the outputs
        weights : float64 array, shape (batch,)
            What the loss of each clip is multiplied by before they are added.

        Raises
        ------
        ShapeError
            For targets of another shape.
        """
        if np.shape(targets) != outputs.shape:
            raise ShapeError(f"targets must have the shape of the outputs, {outputs.shape}, not {np.shape(targets)}")
        return np.ascontiguousarray(targets, outputs.dtype), self._equal_weights(outputs)

    @staticmethod
    def _equal_weights(outputs: Array) -> Array:
        return np.full(len(outputs), 1 / max(outputs.size // outputs.shape[-1], 1))

    def __call__(self, outputs: ArrayLike, targets: ArrayLike) -> tuple[float, Array]:
        """Return the loss of a batch and its gradient.

        Parameters
        ----------
        outputs : float array, shape (batch, ..., classes)
            Of a network.
        targets : float array, shape of the outputs
            Or what else the loss takes.

        Returns
        -------
        loss : float
        gradient : float array, shape of the outputs
            By the outputs.

        Raises
        ------
        ShapeError, DtypeError, ArgumentError
            If outputs and targets do not fit each other, or the loss.
        """
        outputs = np.ascontiguousarray(floating(outputs, "outputs", (2, 3, 4)))
        targets, weights = self._prepare(targets, outputs)
        graph = Graph(outputs.dtype, True, len(outputs))
        y = graph.placeholder("outputs", outputs.shape[1:])
        output(graph, self._build(graph, y), "gradient")
        program, gradient, losses = Program(Plan(graph, 1, 1)), np.empty_like(outputs), np.zeros(1)
        arrays = {"outputs": outputs, "targets": targets, "weights": weights, "gradient": gradient, "loss": losses}
        program.run(arrays)
        return float(losses[0]), gradient

    def _target_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a clip's targets, from that of its outputs."""
        return shape

    def _arrays(self, channels: int) -> list[Array]:
        """Arrays that the op kernel takes beyond targets and weights of clips."""
        return []

    def _build(self, graph: Graph, outputs: Tensor) -> Tensor:
        """Add the loss to a graph and return the gradient of the outputs; "loss" gets the loss of each micro-batch."""
        targets = graph.placeholder("targets", self._target_shape(outputs.shape))
        weights = graph.placeholder("weights", (1,))
        total = graph.placeholder("loss", (1,), MICRO_BATCH, accumulator=True)
        more = [graph.array(array) for array in self._arrays(outputs.shape[-1])]

        def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
            (out, target, weight, *others), (grad, loss) = reads, writes
            views = [out, target, weight, grad, loss, *others]
            operands = dict(zip(self._kernel.layout.operands, views, strict=True))
            return [instruction(self._kernel, plan.dtype, **operands, **extent(shape3(outputs.shape)))]

        gradient = Tensor(outputs.shape)
        graph.add(encode, [outputs, targets, weights, *more], [gradient, total])
        return gradient


def _class_weights(weights: ArrayLike | None, name: str) -> Array | None:
    """Weights of classes, or None, as they are kept."""
    if weights is None:
        return None
    try:
        weights = frozen(weights, np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name} must be numbers, one a class, not {weights!r}") from None
    if weights.ndim != 1:
        raise ShapeError(f"{name} must be one a class, not of shape {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ArgumentError(f"{name} must be finite and at least 0, not {weights}")
    return weights


class SoftmaxCrossEntropy(Loss):
    """Cross-entropy: -sum over c of target_c * log softmax(outputs)_c, the mean over clips, time and frequency.

    Targets are distributions over the classes in the shape of the outputs, or class indices: integers in that shape
    without its last axis, such as (batch,).

    Weights of classes count in one of two ways. `class_weights` are of whole clips: the loss is the weighted mean of
    the clips' losses, smoothed or not. `weight` is PyTorch's: each class's term of the sum is weighted, so that
    label smoothing is weighted by the class that gets it, and the sum is divided by the weights of the true classes
    (of distributions, by their number). Without label smoothing, and with class indices, both are one.

    Parameters
    ----------
    label_smoothing : float, 0 <= label_smoothing < 1
        Share of each target that goes to all classes alike.
    class_weights : array (classes,), optional
        How much clips of each class count; the loss is the weighted mean, and 0 if all weights of a batch are.
    weight : array (classes,), optional
        As in torch.nn.CrossEntropyLoss, in place of `class_weights`.
    ignore_index : int
        The class index of what counts for nothing, as in PyTorch. Where nothing counts the loss is 0 (there NaN).

    Raises
    ------
    ArgumentError
        For class indices that are no class, for both kinds of weights, and for negative ones.
    DtypeError
        For class indices that are no integers.
    ShapeError
        For targets of another shape, and for weights of another number of classes.

    References
    ----------
    Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016, section 7 (label smoothing).

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> logits = np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    >>> loss, gradient = nn.SoftmaxCrossEntropy()(logits, np.array([0, 2]))
    >>> round(float(np.exp(-2 * loss)), 6)  # of both together
    0.4
    """

    _kernel = kernels.softmax_cross_entropy
    _checks: ClassVar[Mapping[str, Check]] = {
        "label_smoothing": fraction, "class_weights": _class_weights, "weight": _class_weights,
        "ignore_index": lambda value, name: whole(value, name, np.iinfo(np.int64).min),
    }  # fmt: skip

    def __init__(
        self,
        label_smoothing: float = 0.0,
        class_weights: ArrayLike | None = None,
        *,
        weight: ArrayLike | None = None,
        ignore_index: int = -100,
    ) -> None:
        self.label_smoothing, self.ignore_index = label_smoothing, ignore_index
        self.class_weights: Array | None
        self.weight: Array | None
        self.class_weights, self.weight = class_weights, weight  # type: ignore[assignment]  # the checks convert them
        self._check_weights()

    def _prepare(self, targets: ArrayLike, outputs: Array) -> tuple[Array, Array]:
        known: Array | None = None  # which places have a class, for class indices
        if np.shape(targets) == outputs.shape[:-1]:
            targets, known = self._of_indices(np.asarray(targets), outputs)
        elif np.shape(targets) != outputs.shape:
            raise ShapeError(f"targets must have the shape of the outputs, {outputs.shape}, or be class indices of "
                             f"shape {outputs.shape[:-1]}, not of shape {np.shape(targets)}")  # fmt: skip
        targets, weights = super()._prepare(targets, outputs)
        self._check_weights(outputs.shape[-1])
        if self.class_weights is not None:
            own = (targets @ self.class_weights).reshape(len(targets), -1).mean(axis=1)
            weights = weights * own / (own.mean() or 1)
            if known is not None:  # the loss of a clip is the mean of what of it counts
                places = known.reshape(len(known), -1)
                weights = weights * (places.shape[1] / np.maximum(places.sum(axis=1), 1))
        elif known is not None:
            total = known.sum() if self.weight is None else (targets @ self.weight).sum()
            weights = np.full(len(targets), 1 / (total or 1))
        smoothing = outputs.dtype.type(self.label_smoothing)
        smooth = targets * (1 - smoothing) + smoothing / targets.shape[-1]
        if known is not None and not known.all():
            smooth[~known] = 0
        return smooth if self.weight is None else (smooth * self.weight).astype(outputs.dtype), weights

    def _of_indices(self, indices: Array, outputs: Array) -> tuple[Array, Array]:
        """(Targets with a one for each class index and none for what is ignored, what is not ignored)."""
        if indices.dtype.kind not in "iu":
            raise DtypeError(f"class indices must be integers, not {indices.dtype}; targets that are distributions "
                             f"must have the shape of the outputs, {outputs.shape}")  # fmt: skip
        known, classes = indices != self.ignore_index, outputs.shape[-1]
        wrong = known & ((indices < 0) | (indices >= classes))
        if wrong.any():
            raise ArgumentError(f"class indices must be from 0 to {classes - 1} for outputs of shape {outputs.shape}, "
                                f"or ignore_index {self.ignore_index}, not {indices[wrong][0]}")  # fmt: skip
        targets = np.zeros(outputs.shape, outputs.dtype)
        np.put_along_axis(targets, np.where(known, indices, 0).astype(np.int64)[..., None], 1, axis=-1)
        targets[~known] = 0
        return targets, known

    def _check_weights(self, classes: int | None = None) -> None:
        if self.class_weights is not None and self.weight is not None:
            raise ArgumentError("class_weights weigh clips and weight, as PyTorch's, classes: give one of them")
        for name in ("class_weights", "weight"):
            values = getattr(self, name)
            if classes is not None and values is not None and values.shape != (classes,):
                raise ShapeError(f"{name} must have shape {(classes,)}, not {values.shape}")


class BinaryCrossEntropy(Loss):
    """-(target * log sigmoid(output) + (1 - target) * log(1 - sigmoid(output))), with targets from 0 to 1, one a class.

    By default the sum over classes and the mean over clips (and over time and frequency), as of the other losses, so
    that a step does not shrink where there are more classes. torch.nn.BCEWithLogitsLoss and Keras take the mean over
    classes, too: reduction="mean".

    Parameters
    ----------
    reduction : "class_sum" or "mean"
        "mean" divides by the number of classes, too.
    pos_weight : array (classes,) or number, optional
        What the term of targets, not that of 1 - targets, is multiplied by, as in PyTorch: above 1 for classes that
        are seldom there. It cannot be changed later.

    Raises
    ------
    ArgumentError, ShapeError
        For another reduction, and for weights that are negative or not one a class.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> outputs, targets = np.zeros((1, 4)), np.array([[1.0, 0.0, 0.0, 0.0]])
    >>> loss, _ = nn.BinaryCrossEntropy(reduction="mean")(outputs, targets)
    >>> round(loss, 4)  # log 2
    0.6931
    >>> loss, gradient = nn.BinaryCrossEntropy(pos_weight=3.0)(outputs, targets)
    >>> gradient
    array([[-1.5,  0.5,  0.5,  0.5]])
    """

    _kernel = kernels.binary_cross_entropy
    _checks: ClassVar[Mapping[str, Check]] = {
        "reduction": lambda value, name: choice(value, name, ("class_sum", "mean"))
    }

    def __init__(self, reduction: Reduction = "class_sum", pos_weight: ArrayLike | None = None) -> None:
        self.reduction = reduction
        self._pos_weight = _class_weights(None if pos_weight is None else np.atleast_1d(pos_weight), "pos_weight")

    @property
    def pos_weight(self) -> Array | None:
        """Of each class, or one number of all; None is 1."""
        return self._pos_weight

    def _prepare(self, targets: ArrayLike, outputs: Array) -> tuple[Array, Array]:
        targets, weights = super()._prepare(targets, outputs)
        return targets, weights / targets.shape[-1] if self.reduction == "mean" else weights

    def _target_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a clip's targets, from that of its outputs."""
        return shape

    def _arrays(self, channels: int) -> list[Array]:
        weights = np.ones(1) if self._pos_weight is None else self._pos_weight
        if weights.shape not in ((1,), (channels,)):
            raise ShapeError(f"pos_weight must be a number or have shape {(channels,)}, not {weights.shape}")
        return [np.array(np.broadcast_to(weights, channels))]


class MeanSquaredError(Loss):
    """The mean over clips and outputs of (output - target)**2, as in PyTorch and Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> loss, gradient = nn.MeanSquaredError()(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]]))
    >>> loss
    2.0
    """

    _kernel = kernels.mean_squared_error

    def _prepare(self, targets: ArrayLike, outputs: Array) -> tuple[Array, Array]:
        targets, weights = super()._prepare(targets, outputs)
        return targets, weights / targets.shape[-1]


def softmax_cross_entropy(logits: ArrayLike, targets: ArrayLike, label_smoothing: float = 0.0) -> tuple[float, Array]:
    """Return the mean over the batch of -sum(target * log(softmax(logits))), and its gradient by the logits.

    Parameters
    ----------
    logits : float array, shape (batch, classes)
        Of a network.
    targets : float array, shape (batch, classes), or int array, shape (batch,)
        Each row a distribution: one class (`one_hot`), or several, or all alike for what is of no class. Or class
        indices; -100 counts for nothing.
    label_smoothing : float, 0 <= label_smoothing < 1
        Share of each target that is spread evenly over all classes.

    Returns
    -------
    loss : float
    grad_logits : float array, shape (batch, classes)

    Raises
    ------
    ShapeError, DtypeError, ArgumentError
        If they do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> loss, gradient = nn.softmax_cross_entropy(np.zeros((1, 2)), np.array([1]))
    >>> round(loss, 4)  # log 2
    0.6931
    >>> gradient
    array([[ 0.5, -0.5]])
    """
    if np.ndim(targets) != 1:
        targets = floating(targets, "targets", (2,))
    return SoftmaxCrossEntropy(label_smoothing)(floating(logits, "logits", (2,)), targets)
