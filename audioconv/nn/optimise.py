"""AdamW, and the learning rate over the steps of training."""

from math import cos, pi

import numpy as np

from audioconv.arrays import whole
from audioconv.kernels import elementwise as kernels
from audioconv.nn.layer import view


class AdamW:
    """Adam with decoupled weight decay; biases, scales and shifts (parameters of one dimension) do not decay.

    Parameters
    ----------
    network : Layer
    decay : float
        Weight decay; each step takes learning_rate * decay of a weight from it.
    beta1, beta2, epsilon : float

    References
    ----------
    Loshchilov, Hutter, Decoupled Weight Decay Regularization, ICLR 2019, algorithm 2.
    """

    def __init__(self, network, decay=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self._network = network
        self.decay, self.beta1, self.beta2, self.epsilon = decay, beta1, beta2, epsilon
        self._averages = {name: np.zeros((2, p.size)) for name, p in network.parameters().items()}
        self.steps = 0

    def step(self, learning_rate):
        """Change the parameters by the gradients of the network's last `backward`."""
        self.steps += 1
        gradients = self._network.gradients()
        for name, parameter in self._network.parameters().items():
            mean, square = self._averages[name]
            decay = self.decay if parameter.ndim > 1 else 0.0
            correction = 1 - self.beta1**self.steps, 1 - self.beta2**self.steps
            settings = np.array([learning_rate, self.beta1, self.beta2, self.epsilon, decay, *correction])
            kernels.adamw(parameter.reshape(-1), view(gradients[name]).reshape(-1), mean, square, view(settings))


def warmup_cosine(peak, steps, warmup=None):
    """Return the function from step (0, 1, ...) to learning rate: a line up to `peak`, then half a cosine down to 0.

    Parameters
    ----------
    peak : float
    steps : int
        All steps of the training.
    warmup : int, optional
        Steps of the rise; by default a tenth of all.

    References
    ----------
    Loshchilov, Hutter, SGDR, ICLR 2017, equation 5.
    """
    steps = whole(steps, "steps")
    warmup = steps // 10 if warmup is None else whole(warmup, "warmup", 0)

    def learning_rate(step):
        if step < warmup:
            return peak * (step + 1) / (warmup + 1)
        return peak * 0.5 * (1 + cos(pi * min(1.0, (step - warmup) / max(steps - warmup, 1))))

    return learning_rate
