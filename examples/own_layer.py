"""A layer of your own
===================

Layers are put together to new ones: a block of two convolutions with a gate, trained and then run on a stream::

    python examples/own_layer.py [STEPS]
"""

import sys

import numpy as np

from audioconv import nn


def gated(channels, dilation, rng):
    """A residual block: the layers inside keep frames and channels, so that what comes in can be added."""
    layers = [
        nn.Conv1d(channels, channels, 3, dilation=dilation, padding="causal", rng=rng),
        nn.BatchNorm(channels),
        nn.Swish(),  # x times its sigmoid: the gate
        nn.Conv1d(channels, channels, 1, rng=rng),
    ]
    return nn.Residual(nn.Sequential(layers))


def main(steps=100):
    rng = np.random.default_rng(0)
    blocks = [gated(8, dilation, rng) for dilation in (1, 2, 4)]
    network = nn.Sequential([nn.Conv1d(1, 8, 1, rng=rng), *blocks, nn.Conv1d(8, 2, 1, rng=rng)])
    x = rng.standard_normal((32, 100, 1)).astype("float32")
    past = np.cumsum(x[..., 0], axis=1) - np.cumsum(np.pad(x[..., 0], ((0, 0), (8, 0)))[:, :100], axis=1)
    targets = nn.one_hot((past > 0).astype(int), 2)  # is the sum of the last eight above 0?
    step = nn.TrainingStep(network, nn.AdamW(network), nn.SoftmaxCrossEntropy())
    losses = [step(x, targets, learning_rate=0.01)[0] for _ in range(int(steps))]
    stream = network.stream()
    rows = np.concatenate([stream.process(x[0, i : i + 7]) for i in range(0, 100, 7)] + [stream.flush()])
    difference = np.abs(rows - network.forward(x[:1])[0]).max()
    print(f"loss {losses[0]:.2f} -> {losses[-1]:.2f}; block by block it differs by {difference:.0e}")
    return losses, rows


if __name__ == "__main__":
    main(*sys.argv[1:])
