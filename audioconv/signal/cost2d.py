"""The cost model of 2-D convolutions, from the same table of figures as that of signals (`cost`)."""

import numpy as np

from audioconv._typing import FloatName
from audioconv.signal import cost
from audioconv.signal.image import tile_outputs


@cost.cached_choice
def choose(
    taps: tuple[int, int],
    outputs: tuple[int, int],
    dtype: FloatName,
    *,
    rank: int | None = None,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
) -> tuple[cost.Candidate, ...]:
    """The candidate methods for outputs (rows, columns) with a kernel of taps (rows, columns); the fastest first.

    `rank`: of how many products of a column and a row the kernel is made, if that is to be used.
    """
    costs, number = cost.of(dtype), outputs[0] * outputs[1]
    spans = (taps[0] - 1) * dilation[0] + 1, (taps[1] - 1) * dilation[1] + 1
    every = (outputs[0] - 1) * stride[0] + 1, (outputs[1] - 1) * stride[1] + 1
    if stride == dilation == (1, 1):
        direct_s = _side_s(costs.dense, (taps[0] * taps[1]) ** 0.5, 2)
    else:
        direct_s = cost.taps_s(costs.sparse, taps[0] * taps[1])
    candidates = [cost.Candidate("direct", 0, number * direct_s)]
    if rank is not None:
        candidates.append(
            cost.Candidate("separable", 0, every[0] * every[1] * rank * _side_s(costs.separable, sum(spans) / 2, 1))
        )
    candidates.append(_overlap_add(spans, every, costs))
    return tuple(sorted(candidates, key=lambda candidate: candidate.predicted_s))


def _side_s(table: cost.Figures, side: float, power: int) -> float:
    """Seconds an output of a kernel of `side` x `side` taps, by interpolation; beyond the table in proportion."""
    if side > cost.SIDES[-1]:
        return table[-1] * (side / cost.SIDES[-1]) ** power
    return float(np.interp(side**power, np.array(cost.SIDES) ** power, table))


def _overlap_add(taps: tuple[int, int], outputs: tuple[int, int], costs: cost.Costs) -> cost.Candidate:
    """Tiles of the best size, from the first that holds the kernel to one for all outputs."""
    best: cost.Candidate | None = None
    size = cost.TILES[0]
    while True:
        tile_shape = tile_outputs(size, taps, outputs[1])
        if tile_shape is not None:
            number = -(-outputs[0] // tile_shape[0]) * -(-outputs[1] // tile_shape[1])
            # the kernel's spectrum takes about as long as a tile
            predicted_s = (number + 1) * cost.sized_s(size, cost.TILES, costs.tile)
            if best is None or predicted_s < best.predicted_s:
                best = cost.Candidate("overlap_add", size, predicted_s)
            if number == 1:
                return best
        size = size // 3 * 4 if size % 3 == 0 else size // 2 * 3
