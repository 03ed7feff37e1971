"""The receptive field that a word needs: networks that differ in nothing but how far their layers are dilated."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from audioconv import nn, parallel
from audioconv._typing import Array
from audioconv.lab import data, training
from audioconv.lab.settings import Settings

LAYERS, KERNEL_SIZE, CHANNELS = 5, 3, 24
DILATIONS, QUICK_DILATIONS = (1, 2, 4, 8, 16), (1, 4, 16)  # at most so wide; each layer twice as wide as the one before
FRAME_MS = 20
STEPS, QUICK_STEPS = 300, 100
LEAST = 0.02  # accuracies that are nearer to the best one are as good


class Reach(NamedTuple):
    """A network whose layers are dilated by no more than `dilation`, and its accuracies (seeds,)."""

    dilation: int
    receptive_field: int  # in frames
    accuracy: Array

    @property
    def seconds(self) -> float:
        """The receptive field in seconds."""
        return self.receptive_field * FRAME_MS / 1000


def network(dilation: int, features: int, classes: int, rng: np.random.Generator) -> nn.Sequential:
    """Causal layers that tell in each frame which word they see; as many weights whatever the dilation."""
    layers: list[nn.Layer] = []
    for number in range(LAYERS):
        wide = min(2**number, dilation)
        channels = CHANNELS if number else features
        layers += [nn.Conv1d(channels, CHANNELS, KERNEL_SIZE, dilation=wide, padding="causal", rng=rng), nn.ReLU()]
    return nn.Sequential([*layers, nn.Conv1d(CHANNELS, classes, 1, rng=rng)])


def measure(task: data.Task, settings: Settings, dilations: Sequence[int], steps: int) -> list[Reach]:
    """Train each on words anywhere in their second; the frame that is surest decides for a clip."""
    x, test = task.train_x[..., 0], task.test_x[..., 0]
    frames, features = x.shape[1:]
    classes = len(task.classes)

    def accuracy(cell: tuple[int, int]) -> float:
        dilation, seed = cell
        frame_by_frame = network(dilation, features, classes, np.random.default_rng([seed, 0x55]))
        built = nn.Sequential([frame_by_frame, nn.MaxPool1d(frames), nn.GlobalAveragePool()])
        training.train(built, x, task.train_y, classes, steps, seed)
        return training.accuracy(built, test, task.test_y)

    cells = [(dilation, seed) for dilation in dilations for seed in settings.seeds]
    found = np.reshape(parallel.run(accuracy, cells, settings.threads), (len(dilations), -1))
    fields = [
        network(d, features, classes, np.random.default_rng(0)).stream((features,)).receptive_field for d in dilations
    ]
    return [Reach(*row) for row in zip(dilations, fields, found, strict=True)]


def verdict(rows: Sequence[Reach]) -> str:
    """Which field is enough, in words."""
    means = [row.accuracy.mean() for row in rows]
    enough = next(row for row, mean in zip(rows, means, strict=True) if mean >= max(means) - LEAST)
    if enough is rows[0]:
        return f"Here dilation buys nothing: {enough.seconds:.2f} s, without any, are as good as more."
    lost = 100 * (max(means) - means[0])
    return (
        f"A field of {enough.seconds:.2f} s is what these words need: more helps no further, and cut to "
        f"{rows[0].seconds:.2f} s, without dilation, the same weights lose {lost:.0f} points."
    )
