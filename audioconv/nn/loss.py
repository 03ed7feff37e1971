"""Losses, their gradients, and targets for them."""

import numpy as np

from audioconv.arrays import floating, frozen, number
from audioconv.errors import ArgumentError, ShapeError
from audioconv.kernels import loss as kernels
from audioconv.nn.graph import GROUP, Graph
from audioconv.nn.layer import output
from audioconv.nn.plan import Plan
from audioconv.nn.program import Program
from audioconv.nn.rows import row, shape3


def one_hot(classes, count, dtype=np.float32):
    """Targets for class numbers: (batch, count) with a one in each row."""
    return np.eye(count, dtype=dtype)[np.asarray(classes, int)]


def softmax(logits):
    """exp(logits) over the last axis, divided by its sum; computed in float64, returned in the dtype of the logits."""
    logits = floating(logits, "logits")
    wide = np.exp(logits - np.max(logits, axis=-1, keepdims=True, initial=-np.inf), dtype=np.float64)
    return (wide / wide.sum(axis=-1, keepdims=True)).astype(logits.dtype)


class Loss:
    """Base of the losses: called with outputs and targets of one shape, they give (loss, gradient of the outputs).

    Outputs are (batch, classes), or have time, or time and frequency, between; then the loss is the mean over these.
    """

    _step = None

    def prepare(self, targets, dtype):
        """(targets, weights of clips) as the kernels take them: the mean over the batch is in the weights."""
        targets = np.ascontiguousarray(targets, dtype)
        return targets, np.full(len(targets), 1 / max(targets.size // targets.shape[-1], 1))

    def __call__(self, outputs, targets):
        outputs = np.ascontiguousarray(floating(outputs, "outputs", (2, 3, 4)))
        if np.shape(targets) != outputs.shape:
            raise ShapeError(f"targets must have the shape of the outputs, {outputs.shape}, not {np.shape(targets)}")
        graph = Graph(outputs.dtype, True, len(outputs))
        y = graph.given("outputs", outputs.shape[1:])
        output(graph, self.build(graph, y), "gradient")
        program, gradient, losses = Program(Plan(graph, 1, 1)), np.empty_like(outputs), np.zeros(1)
        targets, weights = self.prepare(targets, outputs.dtype)
        arrays = {"outputs": outputs, "targets": targets, "weights": weights, "gradient": gradient, "loss": losses}
        program.run(arrays)
        return float(losses[0]), gradient

    def build(self, graph, outputs):
        """Add the loss to a graph and return the gradient of the outputs; "loss" gets the loss of each group."""
        targets, weights = graph.given("targets", outputs.shape), graph.given("weights", (1,))
        total = graph.given("loss", (1,), GROUP, wide=True)
        time, freq, channels = shape3(outputs.shape)

        def encode(plan, place):
            where = [place(t) for t in (outputs, targets, weights, gradient, total)]
            return [row(self._step, plan.dtype, where, [channels, time * freq])]

        gradient = graph.operation(encode, [outputs, targets, weights], outputs.shape)
        gradient.producer.writes.append(total)
        return gradient


class SoftmaxCrossEntropy(Loss):
    """-sum over c of target_c * log softmax(outputs)_c; targets are distributions over the classes.

    Parameters
    ----------
    label_smoothing : float, 0 <= label_smoothing < 1
        Share of each target that goes to all classes alike.
    class_weights : array (classes,), optional
        How much clips of each class count; the loss is the weighted mean.

    References
    ----------
    Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016, section 7 (label smoothing).
    """

    _step = kernels.softmax_cross_entropy

    def __init__(self, label_smoothing=0.0, class_weights=None):
        self.label_smoothing = number(label_smoothing, "label_smoothing", 0, below=1)
        self.class_weights = None if class_weights is None else frozen(class_weights, np.float64)
        if class_weights is not None and not (
            np.isfinite(self.class_weights).all() and (self.class_weights >= 0).all()
        ):
            raise ArgumentError(f"class_weights must be finite numbers of at least 0, not {class_weights!r}")

    def prepare(self, targets, dtype):
        targets, weights = super().prepare(targets, dtype)
        if self.class_weights is not None:
            if self.class_weights.shape != targets.shape[-1:]:
                raise ShapeError(f"class_weights must have shape {targets.shape[-1:]}, not {self.class_weights.shape}")
            own = (targets @ self.class_weights).reshape(len(targets), -1).mean(axis=1)
            weights = weights * own / own.mean()
        smoothing = dtype.type(self.label_smoothing)
        return targets * (1 - smoothing) + smoothing / targets.shape[-1], weights


class BinaryCrossEntropy(Loss):
    """-sum over c of target * log sigmoid(output) + (1 - target) * log(1 - sigmoid(output)); targets from 0 to 1."""

    _step = kernels.binary_cross_entropy


class MeanSquaredError(Loss):
    """The mean over clips and outputs of (output - target)**2."""

    _step = kernels.mean_squared_error

    def prepare(self, targets, dtype):
        targets, weights = super().prepare(targets, dtype)
        return targets, weights / targets.shape[-1]


def softmax_cross_entropy(logits, targets, label_smoothing=0.0):
    """Mean over the batch of -sum(target * log(softmax(logits))), and its gradient by the logits.

    Parameters
    ----------
    logits : float array, shape (batch, classes)
    targets : float array, shape (batch, classes)
        Each row a distribution: one class (`one_hot`), or several, or all alike for what is of no class.
    label_smoothing : float, 0 <= label_smoothing < 1
        Share of each target that is spread evenly over all classes.

    Returns
    -------
    loss : float
    grad_logits : float array, shape (batch, classes)
    """
    return SoftmaxCrossEntropy(label_smoothing)(floating(logits, "logits", (2,)), floating(targets, "targets", (2,)))
