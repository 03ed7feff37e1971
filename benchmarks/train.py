"""TC-ResNet8: steps of training and inference, one thread and two."""

import numpy as np
from side_by_side import medians_s, show

from audioconv import models, nn

CLASSES, BATCH = 12, 100


def main(options):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCH, 98, 40)).astype(np.float32)
    targets = nn.one_hot(rng.integers(CLASSES, size=BATCH), CLASSES)
    network = models.build("tc-resnet8", CLASSES, 40, seed=0)
    optimiser = nn.AdamW(network)

    def step(threads):
        _, grad = nn.softmax_cross_entropy(network.forward(x, training=True, threads=threads), targets)
        network.backward(grad, threads, input_gradient=False)
        optimiser.step(1e-3)

    ways = {
        "training, 1 thread": lambda: step(1),
        "training, 2 threads": lambda: step(2),
        "inference, 1 thread": lambda: network.forward(x, threads=1),
        "inference, 2 threads": lambda: network.forward(x, threads=2),
    }
    times_s = medians_s(ways, 30)
    rows = [{"what": name, "ms": 1e3 * time_s, "clips a second": BATCH / time_s} for name, time_s in times_s.items()]
    show("TC-ResNet8, 98 x 40 features, batch of 100, float32", rows)
    return rows
