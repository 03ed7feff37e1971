"""Deinterleave and interleave channels: (frames, channels) to planar and back, by transposing squares of vectors."""

from audioconv.kernels._jit import kernel, part
from audioconv.kernels.simd.vector import (
    evens,
    lanes,
    load,
    load_rows,
    odds,
    store,
    store_rows,
    transpose,
    zip_high,
    zip_low,
)


@part
def to_columns(x, rows, size, transposed, step):
    """transposed[j * step + i] = x[i * size + j] for i < rows, j < size."""
    width = lanes(x)
    if size == 2 and rows >= width:
        for i in range(0, rows, width):
            i = min(i, rows - width)  # the last vectors overlap those before
            u, v = load(x, 2 * i), load(x, 2 * i + width)
            store(transposed, i, evens(u, v))
            store(transposed, step + i, odds(u, v))
    elif rows < width or size < width:
        for i in range(rows):
            for j in range(size):
                transposed[j * step + i] = x[i * size + j]
    else:
        for i in range(0, rows, width):
            i = min(i, rows - width)
            for j in range(0, size, width):
                j = min(j, size - width)
                store_rows(transposed, j * step + i, step, transpose(load_rows(x, i * size + j, size)))


@part
def to_rows(transposed, step, y, rows, size):
    """y[i * size + j] = transposed[j * step + i] for i < rows, j < size."""
    width = lanes(y)
    if size == 2 and rows >= width:
        for i in range(0, rows, width):
            i = min(i, rows - width)
            u, v = load(transposed, i), load(transposed, step + i)
            store(y, 2 * i, zip_low(u, v))
            store(y, 2 * i + width, zip_high(u, v))
    elif rows < width or size < width:
        for i in range(rows):
            for j in range(size):
                y[i * size + j] = transposed[j * step + i]
    else:
        for i in range(0, rows, width):
            i = min(i, rows - width)
            for j in range(0, size, width):
                j = min(j, size - width)
                store_rows(y, i * size + j, size, transpose(load_rows(transposed, j * step + i, step)))


@kernel
def deinterleave(x, channels, first, planar):
    """Interleaved frames from `first` on as planar channels; zeros outside of x.

    x (frames * channels,), planar (channels * n,).
    """
    count, frames = planar.size // channels, x.size // channels
    low = min(max(0, -first), count)
    high = max(low, min(count, frames - first))
    for channel in range(channels):
        for i in range(channel * count, channel * count + low):
            planar[i] = 0
        for i in range(channel * count + high, (channel + 1) * count):
            planar[i] = 0
    if high > low:
        to_columns(x[(first + low) * channels :], high - low, channels, planar[low:], count)


@kernel
def interleave(planar, channels, first, y):
    """Planar channels as interleaved frames of y (frames * channels,), from frame `first` on."""
    count = planar.size // channels
    to_rows(planar, count, y[first * channels :], count, channels)
