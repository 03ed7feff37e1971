"""Causal level normalisation of log-mel frames: relative to the loudest frame so far (running maximum)."""

from audioconv.kernels._jit import kernel
from audioconv.kernels.simd.vector import lanes, splat, zero
from audioconv.kernels.simd.vector_math import exp, lane_sum, log, masked_load, masked_store


@kernel
def relative_levels(frames, least, floor, loudest, out):
    """out = log(exp(frames) / loudest so far + floor), clip by clip; frames and out (clips, frames, bands).

    The level of a frame is the mean over the bands of exp(frames), plus `least`. loudest[c], the running maximum, is
    updated in place. least, floor: arrays of one number.
    """
    width, bands = lanes(frames), frames.shape[2]
    for c in range(frames.shape[0]):
        for f in range(frames.shape[1]):
            row = (c * frames.shape[1] + f) * bands
            total = zero(frames)
            for b in range(0, bands, width):
                masked_store(out, row + b, exp(masked_load(frames, row + b, bands - b)), bands - b)
                total = total + masked_load(out, row + b, bands - b)
            level = lane_sum(total) / bands + least[0]
            if level > loudest[c] or level != level:  # NaN stays
                loudest[c] = level
            share = splat(out, 1 / loudest[c])
            for b in range(0, bands, width):
                power = masked_load(out, row + b, bands - b)
                masked_store(out, row + b, log(power * share + splat(out, floor[0])), bands - b)
