"""Causal level normalisation of log-mel frames: by a running maximum, or in each band by a running mean (PCEN)."""

from audioconv.kernels._jit import kernel
from audioconv.kernels._layout import layout
from audioconv.kernels.simd.vector import lanes, splat, zero
from audioconv.kernels.simd.vector_math import exp, lane_sum, log, masked_load, masked_store

# The settings of `pcen`, in the names of its formula; smoothing: the weight of a new frame in the running mean; offset:
# bias ** power.
PCEN = layout("PCEN", "smoothing", "gain", "bias", "power", "eps", "offset")


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


@kernel
def pcen(frames, settings, smoothed, out):
    """out = (energy / (eps + smoothed) ** gain + bias) ** power - offset, energy = exp(frames), clip by clip.

    frames and out (clips, frames, bands); settings of the layout PCEN; smoothed (clips, bands), the running means, is
    updated in place, and below 0 in the first band before the first frame, which begins it.
    """
    width, bands = lanes(frames), frames.shape[2]
    running = smoothed.reshape(-1)
    for c in range(frames.shape[0]):
        for f in range(frames.shape[1]):
            row = (c * frames.shape[1] + f) * bands
            begins = running[c * bands] < 0
            for b in range(0, bands, width):
                place, count = c * bands + b, bands - b
                energy = exp(masked_load(frames, row + b, count))
                mean = energy
                if not begins:
                    mean = masked_load(running, place, count)
                    mean = mean + splat(out, settings[PCEN.smoothing]) * (energy - mean)
                masked_store(running, place, mean, count)
                divisor = splat(out, settings[PCEN.gain]) * log(mean + splat(out, settings[PCEN.eps]))
                level = log(exp(masked_load(frames, row + b, count) - divisor) + splat(out, settings[PCEN.bias]))
                raised = exp(splat(out, settings[PCEN.power]) * level)
                masked_store(out, row + b, raised - splat(out, settings[PCEN.offset]), count)
