"""Seeds of a training step: what dropout draws by."""

from typing import TYPE_CHECKING

import numpy as np

from audioconv._typing import ArrayLike, IntArray
from audioconv.errors import ShapeError

if TYPE_CHECKING:
    from audioconv.nn.layers.base import Layer


def seeds_of(network: "Layer", clips: int, seeds: ArrayLike | None) -> IntArray:
    """Seeds as programs take them; those of a new call if none are given."""
    if seeds is None:
        first, network._calls = network._calls << 20, network._calls + 1
        return np.arange(first, first + clips, dtype=np.int64)
    seeds = np.asarray(seeds)
    if seeds.shape != (clips,):
        raise ShapeError(f"seeds must be one a clip, shape ({clips},), not {seeds.shape}")
    return np.ascontiguousarray(seeds, np.int64)
