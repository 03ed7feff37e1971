"""The cost model of 2-D convolutions, from the same table of figures as that of signals (`cost`)."""

import numpy as np

from audioconv._typing import FloatName
from audioconv.signal import cost
from audioconv.signal.image import tile_outputs

SHORT_SIDE = 256  # most rows and columns of outputs, and of taps, that are convolved the short way


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
    call_s = direct_call_s = costs.call[cost.PLANE_CALL]
    if stride == dilation == (1, 1):
        direct_s = _side_s(costs.dense, (taps[0] * taps[1]) ** 0.5, 2)
        direct_call_s = costs.call[cost.SHORT_PLANE_CALL] if is_short(outputs, taps) else call_s
    else:
        direct_s = cost.taps_s(costs.sparse, taps[0] * taps[1])
    candidates = [cost.Candidate("direct", 0, direct_call_s + number * direct_s, direct_call_s)]
    if rank is not None:
        separable_s = every[0] * every[1] * rank * _side_s(costs.separable, sum(spans) / 2, 1)
        candidates.append(cost.Candidate("separable", 0, call_s + separable_s, call_s))
    candidates.append(_overlap_add(spans, every, costs))
    return tuple(sorted(candidates, key=lambda candidate: candidate.predicted_s))


def is_short(outputs: tuple[int, int], taps: tuple[int, int]) -> bool:
    """Whether a direct convolution of plain arrays goes the short way; beyond, its index maps would fill the cache."""
    return max(outputs) <= SHORT_SIDE and max(taps) <= SHORT_SIDE


def _side_s(table: cost.Figures, side: float, power: int) -> float:
    """Seconds an output of a kernel of `side` x `side` taps, by interpolation; beyond the table in proportion."""
    if side > cost.SIDES[-1]:
        return table[-1] * (side / cost.SIDES[-1]) ** power
    return float(np.interp(side**power, np.array(cost.SIDES) ** power, table))


def _overlap_add(taps: tuple[int, int], outputs: tuple[int, int], costs: cost.Costs) -> cost.Candidate:
    """Tiles of the best size, from the first that holds the kernel to one for all outputs."""
    best: cost.Candidate | None = None
    call_s = costs.call[cost.PLANE_CALL]
    size = cost.TILES[0]
    while True:
        tile_shape = tile_outputs(size, taps, outputs[1])
        if tile_shape is not None:
            number = -(-outputs[0] // tile_shape[0]) * -(-outputs[1] // tile_shape[1])
            # the kernel's spectrum takes about as long as a tile
            predicted_s = call_s + (number + 1) * cost.sized_s(size, cost.TILES, costs.tile)
            if best is None or predicted_s < best.predicted_s:
                best = cost.Candidate("overlap_add", size, predicted_s, call_s)
            if number == 1:
                return best
        size = size // 3 * 4 if size % 3 == 0 else size // 2 * 3
