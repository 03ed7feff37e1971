"""What a convolution of a plane costs, from the same table of figures as that of a signal (`cost`)."""

import numpy as np

from audioconv.signal import cost
from audioconv.signal.image import tile_outputs


@cost.cached_choice
def choose(taps, outputs, dtype, *, rank=None, stride=(1, 1), dilation=(1, 1)):
    """The candidates to make outputs (rows, columns) with a kernel of taps (rows, columns); the fastest first.

    `rank`: of how many products of a column and a row the kernel is made, if that is to be used.
    """
    costs, number = cost.of(dtype), outputs[0] * outputs[1]
    spans = tuple((n - 1) * d + 1 for n, d in zip(taps, dilation, strict=True))
    every = tuple((n - 1) * s + 1 for n, s in zip(outputs, stride, strict=True))
    if stride == dilation == (1, 1):
        direct_s = _side_s(costs.dense, (taps[0] * taps[1]) ** 0.5, 2)
    else:
        direct_s = cost.taps_s(costs.sparse, taps[0] * taps[1])
    candidates = [cost.Candidate("direct", 0, number * direct_s)]
    if rank is not None:
        candidates.append(
            cost.Candidate("separable", 0, every[0] * every[1] * rank * _side_s(costs.separable, sum(spans) / 2, 1))
        )
    candidates.append(_tiles(spans, every, costs))
    return tuple(sorted(candidates, key=lambda candidate: candidate.predicted_s))


def _side_s(table, side, power):
    """Seconds an output of a kernel of `side` x `side` taps, by interpolation; beyond the table in proportion."""
    if side > cost.SIDES[-1]:
        return table[-1] * (side / cost.SIDES[-1]) ** power
    return float(np.interp(side**power, np.array(cost.SIDES) ** power, table))


def _tiles(taps, outputs, costs):
    """Tiles of the best size, from the first that holds the kernel to one for all outputs."""
    best, size = None, cost.TILES[0]
    while True:
        kept = tile_outputs(size, taps, outputs[1])
        if kept is not None:
            number = -(-outputs[0] // kept[0]) * -(-outputs[1] // kept[1])
            # the kernel's spectrum takes about as long as a tile
            predicted_s = (number + 1) * cost.sized_s(size, cost.TILES, costs.tile)
            if best is None or predicted_s < best.predicted_s:
                best = cost.Candidate("overlap_add", size, predicted_s)
            if number == 1:
                return best
        size = size // 3 * 4 if size % 3 == 0 else size // 2 * 3
