"""Optimisers: AdamW, SGD with Nesterov momentum, gradient clipping by norm, exponential moving average of weights."""

import numpy as np

from audioconv.kernels._jit import op_kernel
from audioconv.kernels._layout import layout
from audioconv.kernels.nn.gradients import share_of, sum_over_micro_batches
from audioconv.kernels.nn.operands import doubles, floats, op_layout, real

# Rows of hyperparameters of one training step, in float64. gradient_scale: what clipping multiplies the gradient by;
# enabled: 0 where the loss is not finite, and nothing is to change.
OPTIMISER = layout("OPTIMISER", "learning_rate", "gradient_scale", "weight_decay", "enabled")
ADAMW = layout("ADAMW", *OPTIMISER.names, "beta1", "beta2", "epsilon", "correction1", "correction2")
SGD = layout("SGD", *OPTIMISER.names, "momentum", "nesterov")


SQUARE_SUM = op_layout("SQUARE_SUM", operands=("x", "sum"), integers=("size", "micro_batches"))


@op_kernel(SQUARE_SUM)
def square_sum(instruction, segments, like, clip, clips, micro_batch, thread):
    """The sum of the squares of a micro-batch's share of x."""
    at = (clip, clips, micro_batch)
    x = floats(instruction, segments, like, SQUARE_SUM.x, at)
    out = doubles(instruction, segments, like, SQUARE_SUM.sum, at)
    first, last = share_of(instruction[SQUARE_SUM.size], micro_batch, instruction[SQUARE_SUM.micro_batches])
    total = 0.0
    for i in range(first, last):
        total += np.float64(x[i]) * np.float64(x[i])
    out[0] = total


PARAMETER_UPDATE = op_layout(
    "PARAMETER_UPDATE",
    operands=("weight", "gradient", "first_moment", "second_moment", "hyperparameters"),
    integers=("size", "micro_batches", "decays"),
)


@op_kernel(PARAMETER_UPDATE)
def adamw(instruction, segments, like, clip, clips, micro_batch, thread):
    """AdamW's update of a micro-batch's share of a parameter; hyperparameters as `ADAMW`.

    Loshchilov, Hutter, Decoupled Weight Decay Regularization, ICLR 2019, algorithm 2.
    """
    at = (clip, clips, micro_batch)
    weight = floats(instruction, segments, like, PARAMETER_UPDATE.weight, at)
    gradient = floats(instruction, segments, like, PARAMETER_UPDATE.gradient, at)
    mean = doubles(instruction, segments, like, PARAMETER_UPDATE.first_moment, at)
    square = doubles(instruction, segments, like, PARAMETER_UPDATE.second_moment, at)
    s = doubles(instruction, segments, like, PARAMETER_UPDATE.hyperparameters, at)
    rate, beta1, beta2, epsilon = s[ADAMW.learning_rate], s[ADAMW.beta1], s[ADAMW.beta2], s[ADAMW.epsilon]
    scale1, scale2 = 1.0 / s[ADAMW.correction1], 1.0 / s[ADAMW.correction2]
    factor, decay = s[ADAMW.gradient_scale], s[ADAMW.weight_decay] if instruction[PARAMETER_UPDATE.decays] else 0.0
    first, last = share_of(instruction[PARAMETER_UPDATE.size], micro_batch, instruction[PARAMETER_UPDATE.micro_batches])
    if s[OPTIMISER.enabled] == 0.0:
        last = first
    for i in range(first, last):
        g = np.float64(gradient[i]) * factor
        mean[i] = beta1 * mean[i] + (1.0 - beta1) * g
        square[i] = beta2 * square[i] + (1.0 - beta2) * g * g
        change = mean[i] * scale1 / (np.sqrt(square[i] * scale2) + epsilon)
        weight[i] -= rate * (change + decay * weight[i])


@op_kernel(PARAMETER_UPDATE)
def sgd(instruction, segments, like, clip, clips, micro_batch, thread):
    """Gradient descent with momentum, Nesterov's or not; the velocity is the first moment, and there is no second.

    Hyperparameters as `SGD`.
    Sutskever, Martens, Dahl, Hinton, On the importance of initialization and momentum in deep learning, ICML 2013.
    """
    at = (clip, clips, micro_batch)
    weight = floats(instruction, segments, like, PARAMETER_UPDATE.weight, at)
    gradient = floats(instruction, segments, like, PARAMETER_UPDATE.gradient, at)
    velocity = doubles(instruction, segments, like, PARAMETER_UPDATE.first_moment, at)
    s = doubles(instruction, segments, like, PARAMETER_UPDATE.hyperparameters, at)
    rate, momentum, nesterov = s[SGD.learning_rate], s[SGD.momentum], s[SGD.nesterov]
    factor, decay = s[SGD.gradient_scale], s[SGD.weight_decay] if instruction[PARAMETER_UPDATE.decays] else 0.0
    first, last = share_of(instruction[PARAMETER_UPDATE.size], micro_batch, instruction[PARAMETER_UPDATE.micro_batches])
    if s[OPTIMISER.enabled] == 0.0:
        last = first
    for i in range(first, last):
        g = np.float64(gradient[i]) * factor + decay * weight[i]
        velocity[i] = momentum * velocity[i] + g
        weight[i] -= rate * (g + momentum * velocity[i] if nesterov else velocity[i])


CLIP_GRAD_NORM = op_layout(
    "CLIP_GRAD_NORM", operands=("squares", "hyperparameters"), integers=("terms",), reals=("max_norm",)
)


@op_kernel(CLIP_GRAD_NORM)
def clip_grad_norm(instruction, segments, like, clip, clips, micro_batch, thread):
    """gradient_scale = the factor that brings the norm of the gradient to at most max_norm; thread 0 does it.

    `squares` are the sums of squares of parts of the gradient.
    """
    at = (clip, clips, micro_batch)
    squares = doubles(instruction, segments, like, CLIP_GRAD_NORM.squares, at)
    hyperparameters = doubles(instruction, segments, like, CLIP_GRAD_NORM.hyperparameters, at)
    if thread == 0:
        norm = np.sqrt(sum_over_micro_batches(squares, 0, instruction[CLIP_GRAD_NORM.terms], 1))
        max_norm = real(instruction, CLIP_GRAD_NORM.max_norm)
        hyperparameters[OPTIMISER.gradient_scale] = max_norm / norm if norm > max_norm else 1.0


EMA_UPDATE = op_layout(
    "EMA_UPDATE",
    operands=("weight", "average", "hyperparameters"),
    integers=("size", "micro_batches"),
    reals=("decay",),
)


@op_kernel(EMA_UPDATE)
def ema_update(instruction, segments, like, clip, clips, micro_batch, thread):
    """average += (1 - decay) * (weight - average) on the share of a micro-batch, unless the step is cancelled."""
    at = (clip, clips, micro_batch)
    weight = floats(instruction, segments, like, EMA_UPDATE.weight, at)
    average = doubles(instruction, segments, like, EMA_UPDATE.average, at)
    hyperparameters = doubles(instruction, segments, like, EMA_UPDATE.hyperparameters, at)
    first, last = share_of(instruction[EMA_UPDATE.size], micro_batch, instruction[EMA_UPDATE.micro_batches])
    rate = 1.0 - real(instruction, EMA_UPDATE.decay)
    if hyperparameters[OPTIMISER.enabled] == 0.0:
        last = first
    for i in range(first, last):
        average[i] += rate * (np.float64(weight[i]) - average[i])


CHECK_FINITE = op_layout("CHECK_FINITE", operands=("losses", "hyperparameters"), integers=("micro_batches",))


@op_kernel(CHECK_FINITE)
def check_finite(instruction, segments, like, clip, clips, micro_batch, thread):
    """enabled = whether the whole loss is finite, the sum of those of micro-batches; thread 0 does it."""
    at = (clip, clips, micro_batch)
    losses = doubles(instruction, segments, like, CHECK_FINITE.losses, at)
    hyperparameters = doubles(instruction, segments, like, CHECK_FINITE.hyperparameters, at)
    if thread == 0:
        hyperparameters[OPTIMISER.enabled] = (
            1.0 if np.isfinite(sum_over_micro_batches(losses, 0, instruction[CHECK_FINITE.micro_batches], 1)) else 0.0
        )
