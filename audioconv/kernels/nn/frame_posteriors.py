"""A detector as one step of a chain: samples in, posteriors of its classes out, row by row, into a ring buffer.

What `features.LogMelStream` or `MfccStream`, the standardisation, `nn.NetworkStream` and the softmax or the sigmoids
do one after the other, without Python between, to the same bits.
"""

from math import exp

import numpy as np

from audioconv.kernels._jit import kernel, part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.dsp.level import PCEN, pcen, relative_levels
from audioconv.kernels.dsp.mel import MEL_FILTER, mel_frames
from audioconv.kernels.dsp.rate_filter import RATE_STATE, change_rate
from audioconv.kernels.nn.streaming import ARRAY, NETWORK_BLOCK, array_floats, array_integers, run_stream, stream_arrays
from audioconv.kernels.realtime.atomics import add_atomic, load_atomic
from audioconv.kernels.realtime.monitors import RING_COUNTERS
from audioconv.kernels.simd.pointers import carray, row_at
from audioconv.kernels.simd.views import read_only_view

# The state of the step, numbers and arrays. channels: of the sound; passes: whether it is passed on, and then what is
# not finite is taken as zero, and otherwise refused; of the rate filter: `up` is 0 where none is wanted; words: classes
# that have posteriors; outputs: logits a row, one more than there are words where the first is that of the background.
LISTENER = layout(
    "LISTENER", "channels", "passes", "up", "down", "phases", "taps_a_phase", "win_length", "hop", "n_mels", "words",
    "outputs", "network",
    *[(name, ARRAY.row_size) for name in (
        "progress", "nonfinite",
        "rate_state", "rate_history", "rate_taps",
        "pending", "hops", "pitches", "window", "bands", "weights", "offset", "plan", "twiddles", "scratch", "mel",
        "running", "level", "absolute", "basis",
        "statistics", "x", "logits",
        "ring", "counters",
    )],
)  # fmt: skip
# Where a stream is: samples that wait for their frame; how many of those to come belong to none; rows dropped since the
# last one in the ring; whether samples come in at the rate of the frames whatever `up` is; one more than the number of
# a sample that was refused, or 0.
PROGRESS = layout("PROGRESS", "pending", "skip", "gap", "direct", "refused")
_MEL_FILTER, _PCEN = MEL_FILTER.row_size, PCEN.row_size  # constants for kernels


@part
def _read_only(state, array, like):
    return read_only_view(array_floats(state, array, like))


@part
def _refused(samples, channels):
    """One more than the number of the first frame that is not finite, or 0."""
    for i in range(samples.size):
        if samples[i] - samples[i] != 0:
            return i // channels + 1
    return 0


@part
def _mix(samples, channels, begin, count, target, place):
    """target[place :] = the means over the channels of `count` frames from `begin` on; how many numbers were no number.

    What is not finite counts as zero.
    """
    replaced = 0
    for t in range(count):
        total = samples.dtype.type(0)
        for c in range(channels):
            value = samples[(begin + t) * channels + c]
            finite = value - value == 0
            total += value if finite else samples.dtype.type(0)
            replaced += not finite
        target[place + t] = total / samples.dtype.type(channels)
    return replaced


@part
def _take(state, progress, samples, begin, pending):
    """Take samples from `begin` on, at the rate of the frames in the end; how many were taken, and how many given."""
    channels, place = state[LISTENER.channels], progress[PROGRESS.pending]
    nonfinite = array_integers(state, LISTENER.nonfinite)
    left = samples.size // channels - begin
    if state[LISTENER.up] == 0 or progress[PROGRESS.direct]:
        count = min(left, pending.size - place)
        nonfinite[0] += _mix(samples, channels, begin, count, pending, place)
        progress[PROGRESS.pending] += count
        return count, count
    history = array_floats(state, LISTENER.rate_history, samples)
    rate = array_integers(state, LISTENER.rate_state)
    count = min(left, history.size - rate[RATE_STATE.filled])
    nonfinite[0] += _mix(samples, channels, begin, count, history, rate[RATE_STATE.filled])
    rate[RATE_STATE.filled] += count
    ratio = state[LISTENER.up], state[LISTENER.down], state[LISTENER.phases], state[LISTENER.taps_a_phase]
    taps = array_floats(state, LISTENER.rate_taps, samples)
    progress[PROGRESS.pending] = change_rate(history, rate, ratio, taps, pending, place)
    return count, progress[PROGRESS.pending] - place


@part
def _drop(progress, pending, count):
    """Drop the first samples, and coming ones if there are not as many."""
    kept = max(progress[PROGRESS.pending] - count, 0)
    progress[PROGRESS.skip] = count - (progress[PROGRESS.pending] - kept)
    for i in range(kept):
        pending[i] = pending[count + i]
    progress[PROGRESS.pending] = kept


@part
def _frames(state, pending, size, like):
    """Log-mel frames of `size` samples, as `LogMel` gives them: (frames, mels), in work space."""
    hops, mels = array_integers(state, LISTENER.hops), state[LISTENER.n_mels]
    count = min(1 + (size - state[LISTENER.win_length]) // hops[0], NETWORK_BLOCK)
    bands = read_only_view(array_integers(state, LISTENER.bands))
    mel = array_floats(state, LISTENER.mel, like)[: count * mels]
    mel_frames(
        read_only_view(pending[:size]).reshape(1, size), read_only_view(hops),
        read_only_view(array_integers(state, LISTENER.pitches)), _read_only(state, LISTENER.window, like),
        bands.reshape(bands.size // _MEL_FILTER, _MEL_FILTER), _read_only(state, LISTENER.weights, like),
        _read_only(state, LISTENER.offset, like), array_integers(state, LISTENER.plan),
        _read_only(state, LISTENER.twiddles, like),
        array_floats(state, LISTENER.scratch, like), mel.reshape(1, count, mels),
    )  # fmt: skip
    level = _read_only(state, LISTENER.level, like)
    if level.size:
        absolute, running = array_floats(state, LISTENER.absolute, like), array_floats(state, LISTENER.running, like)
        for i in range(mel.size):
            absolute[i] = mel[i]
        frames, out = read_only_view(absolute[: mel.size]).reshape(1, count, mels), mel.reshape(1, count, mels)
        if level.size == _PCEN:
            pcen(frames, level, running.reshape(1, mels), out)
        else:
            relative_levels(frames, level[:1], level[1:], running[:1], out)
    return mel.reshape(count, mels)


@part
def _standardise(state, frames, like):
    """The input of the network for log-mel frames: their cosine transform if it is wanted, less a mean, in units."""
    statistics, basis = array_floats(state, LISTENER.statistics, like), array_floats(state, LISTENER.basis, like)
    count, (rows, mels) = statistics.size // 2, frames.shape
    x = array_floats(state, LISTENER.x, like)[: rows * count].reshape(rows, count)
    for f in range(rows):
        for c in range(count):
            value = frames[f, c] if basis.size == 0 else frames.dtype.type(0)
            if basis.size:
                for b in range(mels):
                    value += frames[f, b] * basis[b * count + c]
            x[f, c] = (value - statistics[c]) / statistics[count + c]
    return x


@part
def _row_posteriors(logits, row, target, place, words):
    """target[place :] = the posteriors of a row of logits.

    With one logit more than there are words the first is that of the background, and all have a softmax together; else
    each has a sigmoid of its own.
    """
    if logits.shape[1] == words:
        for c in range(words):
            y = np.float64(logits[row, c])
            small = exp(-abs(y))
            target[place + c] = (1.0 if y >= 0 else small) / (1.0 + small)
    else:
        largest = logits[row, 0]
        for c in range(1, words + 1):
            largest = max(largest, logits[row, c])
        total = 0.0
        for c in range(words + 1):
            total += exp(np.float64(logits[row, c] - largest))
        for c in range(words):
            target[place + c] = exp(np.float64(logits[row, c + 1] - largest)) / total


@kernel
def posteriors(logits, out):
    """out (rows, words) = the posteriors; logits (rows, 1 + words), background first, or (rows, words)."""
    for row in range(logits.shape[0]):
        _row_posteriors(logits, row, out.reshape(-1), row * out.shape[1], out.shape[1])


@part
def _append(state, progress, logits, count, like):
    """Put the posteriors of rows of logits into the ring; a row of it begins with how many were dropped before it."""
    ring, counters = array_floats(state, LISTENER.ring, like), array_integers(state, LISTENER.counters)
    words = state[LISTENER.words]
    length = ring.size // (words + 1)
    for row in range(count):
        written = counters[RING_COUNTERS.written]
        if written - load_atomic(counters, RING_COUNTERS.read) < length:
            place = written % length * (words + 1)
            ring[place] = progress[PROGRESS.gap]
            _row_posteriors(logits, row, ring, place + 1, words)
            progress[PROGRESS.gap] = 0
            add_atomic(counters, RING_COUNTERS.written, 1)
        else:
            progress[PROGRESS.gap] += 1
            counters[RING_COUNTERS.dropped] += 1


@stage_step
def listen(state, x, y, frames):
    """Pass the sound on, if it is wanted, and put the posteriors of the rows that it completes into a ring buffer."""
    channels = state[LISTENER.channels]
    samples, progress = carray(x, frames * channels), array_integers(state, LISTENER.progress)
    if state[LISTENER.passes]:
        target = carray(y, frames * channels)
        for i in range(samples.size):
            target[i] = samples[i]
    else:
        progress[PROGRESS.refused] = _refused(samples, channels)
    pending, network = array_floats(state, LISTENER.pending, x), row_at(state, LISTENER.network)
    arrays, outputs = stream_arrays(network, x), state[LISTENER.outputs]
    room = array_floats(state, LISTENER.logits, x)
    logits = room.reshape(room.size // outputs, outputs)
    begin, moved = 0, frames if progress[PROGRESS.refused] == 0 else 0
    while moved:
        taken, moved = _take(state, progress, samples, begin, pending)
        begin += taken
        moved += taken
        _drop(progress, pending, progress[PROGRESS.skip])
        while progress[PROGRESS.pending] >= state[LISTENER.win_length]:
            made = _frames(state, pending, progress[PROGRESS.pending], x)
            inputs = _standardise(state, made, x)
            _drop(progress, pending, made.shape[0] * state[LISTENER.hop])
            read, given = 0, logits.shape[0]
            while read < inputs.shape[0] or given == logits.shape[0]:
                done, given, _ = run_stream(*arrays, inputs[read:], logits, np.int64(0))
                _append(state, progress, logits, given, x)
                read += done
