"""One step of a uniformly partitioned convolution without latency, for any number of samples.

Of K taps the first B, the head, are a direct filter. The rest is cut into P partitions of B taps. Time is cut into
blocks of B samples from the start of the stream, wherever the caller cuts it, so that the cut changes no bit.
With X[i] the spectrum (`ring`) of blocks i - 1 and i together, and H[q] that of taps (q + 1) B ... (q + 2) B and B
zeros, the partitions add to block i + 1 the second half, which no wrap-around reaches, of the inverse transform of

    H[1] X[i - 1] + H[2] X[i - 2] + ... + H[P - 1] X[i - P + 1] + H[0] X[i],

in this order. All but the last product are known while block i comes in, and are spread over it.

State: `header`, int64, see the names below; and `state`, one flat buffer, for each channel
    line   (2 B)     the samples of the last block and of this one
    tail   (B)       what the partitions add to this block
    total  (2 B)     the sum of products so far, for the next block
    delay  (P 2 B)   spectra X, a ring
and after all channels the work space of a transform. `ir`, read-only, for each filter: P spectra H, then the head.

References: Gardner, Efficient convolution without input-output delay (1995); Wefers, Partitioned convolution
algorithms for real-time auralization (2015), chapter 5.
"""

import numpy as np

from audioconv.kernels._jit import kernel, part
from audioconv.kernels.fir import fir
from audioconv.kernels.passes import work_size
from audioconv.kernels.ring import transform, untransform
from audioconv.kernels.spectrum import multiply_add, multiply_add4
from audioconv.kernels.views import reading

# Places in the header: constant for a stream, then what changes.
BLOCK, PARTITIONS, HEAD, CHANNELS, FILTERS, POSITION, NEWEST, DONE = range(8)


def layout(block, taps, channels, filters):
    """The header of a new stream, and the length of its state; `filters` is 1 for all channels, or one each."""
    partitions = max(0, -(-(taps - block) // block))
    header = np.array([block, partitions, min(taps, block), channels, filters, 0, 0, 1], np.int64)
    return header, channels * (5 + 2 * partitions) * block + work_size(2 * block)


@part
def _filter(header, channel):
    """Where in `ir` the spectra and the head of a channel's filter begin."""
    spectra = header[PARTITIONS] * 2 * header[BLOCK]
    first = min(channel, header[FILTERS] - 1) * (spectra + header[HEAD])
    return first, first + spectra


@kernel
def step(header, state, ir, ring, table, samples):
    """Convolve `samples`, (frames * channels,) with the channels of a frame side by side, in place.

    ring, table: `ring.plan` of 2 B samples.
    """
    block, channels = header[BLOCK], header[CHANNELS]
    frames = samples.size // channels
    first = np.int64(0)  # a literal would be a type of its own, and compiled twice
    while first < frames:
        count = min(block - header[POSITION], frames - first)
        for channel in range(channels):
            _advance(header, state, ir, samples, channel, first, count)
        position = header[POSITION] + count
        header[POSITION] = position
        header[DONE] = _due(header, position)
        if position == block:
            _turn(header, state, ir, ring, table)
        first += count


@part
def _due(header, position):
    """How many partitions must be in the total when `position` samples of a block are in."""
    return 1 + max(0, header[PARTITIONS] - 1) * position // header[BLOCK]


@part
def _places(header, channel):
    """Where line, tail, total and delay of a channel begin; of the last channel + 1, where the work space does."""
    block = header[BLOCK]
    line = channel * (5 + 2 * header[PARTITIONS]) * block
    return line, line + 2 * block, line + 3 * block, line + 5 * block


@part
def _advance(header, state, ir, samples, channel, first, count):
    """Take `count` samples of one channel, which lie in one block, and give their results."""
    block, position, head, channels = header[BLOCK], header[POSITION], header[HEAD], header[CHANNELS]
    line, tail, _, _ = _places(header, channel)
    result = _places(header, channels)[0]
    now = line + block + position
    for i in range(count):
        state[now + i] = samples[(first + i) * channels + channel]
    _, taps = _filter(header, channel)
    fir(reading(state[now - head + 1 : now + count]), ir[taps : taps + head], state[result : result + count])
    for i in range(count):
        samples[(first + i) * channels + channel] = state[result + i] + state[tail + position + i]
    _accumulate(header, state, ir, channel, _due(header, position + count))


@part
def _accumulate(header, state, ir, channel, due):
    """Add the products of partitions DONE ... due - 1 to the total of a channel."""
    block, partitions, newest = header[BLOCK], header[PARTITIONS], header[NEWEST]
    _, _, total, delay = _places(header, channel)
    filters, _ = _filter(header, channel)
    size = 2 * block
    q = header[DONE]
    while q < due:
        slot = newest - q + 1
        if slot < 0:
            slot += partitions
        a, b = delay + slot * size, filters + q * size
        if q + 4 <= due and slot >= 3:
            multiply_add4(state, total, reading(state), a, ir, b, size)
            q += 4
        else:
            multiply_add(state, total, reading(state), a, ir, b, size)
            q += 1


@part
def _turn(header, state, ir, ring, table):
    """End a block: take its spectrum, finish the total, and make of it the tail of the next block."""
    block, partitions = header[BLOCK], header[PARTITIONS]
    size = 2 * block
    newest = header[NEWEST] + 1
    if newest >= partitions:
        newest = 0
    work = state[_places(header, header[CHANNELS])[0] :]
    for channel in range(header[CHANNELS]):
        line, tail, total, delay = _places(header, channel)
        if partitions > 0:
            slot, sums = delay + newest * size, state[total : total + size]
            transform(reading(state), line, ring, table, work, state[slot : slot + size])
            multiply_add(state, total, reading(state), slot, ir, _filter(header, channel)[0], size)
            untransform(reading(sums), ring, table, work, block, state[tail : tail + block])
            for i in range(size):
                sums[i] = 0
        for i in range(line, line + block):
            state[i] = state[i + block]
    header[POSITION], header[NEWEST], header[DONE] = 0, newest, 1
