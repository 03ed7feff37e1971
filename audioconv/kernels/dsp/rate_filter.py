"""A signal brought to another sample rate block by block: a low-pass filter, evaluated where samples are wanted.

Output n lies at n * down / up samples of the input. Its taps are those of the phase that the fraction of it falls into,
or, where there are more fractions than phases, between two phases. Each is one sum in order, wherever blocks are cut.
"""

from audioconv.kernels._jit import part
from audioconv.kernels._layout import layout
from audioconv.kernels.simd.vector import at, fma, lanes, load, zero
from audioconv.kernels.simd.vector_math import lane_sum

# Where a signal is: samples in the history; the first one under the taps of the next output; the numerator of the
# fraction, over `up`.
RATE_STATE = layout("RATE_STATE", "filled", "first", "fraction")
SUMS = 4  # vectors that are summed side by side, so that no sum waits for the one before
TAPS_STEP = 32  # the number of taps is a multiple of it


@part
def _dot(x, i, taps, k, count):
    """The sum of x[i :] * taps[k :], `count` products."""
    width = lanes(x)
    a, b, c, d = zero(x), zero(x), zero(x), zero(x)
    for j in range(0, count, SUMS * width):
        a = fma(load(x, i + j), load(taps, k + j), a)
        b = fma(load(x, i + j + width), load(taps, k + j + width), b)
        c = fma(load(x, i + j + 2 * width), load(taps, k + j + 2 * width), c)
        d = fma(load(x, i + j + 3 * width), load(taps, k + j + 3 * width), d)
    return lane_sum((a + b) + (c + d))


@part
def change_rate(history, state, ratio, taps, y, begin):
    """Write to y[begin :] the samples that a history completes, and drop what is done with; the end of them in y.

    ratio: (up, down, phases, taps of a phase); taps (phases + 1, taps) flat.
    """
    up, down, phases, count = ratio
    first, fraction, n = state[RATE_STATE.first], state[RATE_STATE.fraction], begin
    while n < y.size and first + count <= state[RATE_STATE.filled]:
        phase = fraction * phases // up
        between = fraction * phases - phase * up
        y[n] = _dot(history, first, taps, phase * count, count)
        if between:
            y[n] += (_dot(history, first, taps, (phase + 1) * count, count) - y[n]) * (between / up)
        n += 1
        first += (fraction + down) // up
        fraction = (fraction + down) % up
    done = min(first, state[RATE_STATE.filled])
    for i in range(state[RATE_STATE.filled] - done):
        history[i] = at(history, done + i)
    state[RATE_STATE.filled] -= done
    state[RATE_STATE.first], state[RATE_STATE.fraction] = first - done, fraction
    return n
