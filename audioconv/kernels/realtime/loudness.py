"""The step of `LoudnessMeter`: loudness and true peak of what passes (ITU-R BS.1770-4, EBU Tech 3341 and 3342).

Energies of the weighted signal are summed over steps of 100 ms; a momentary loudness is that of 4 of them, a short-term
one of 30. What is gated later is counted in histograms over the loudness, which also keep the sum of the powers in each
bin: so memory does not grow, and means are those of the powers themselves.
"""

import math

from audioconv.kernels._jit import part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.realtime._biquad import MEMORY_SIZE, SECTION_SIZE, run_section
from audioconv.kernels.realtime.atomics import add_atomic
from audioconv.kernels.realtime.chain import SUB_BLOCK
from audioconv.kernels.realtime.nonfinite import COUNTER, replace_nonfinite
from audioconv.kernels.realtime.smoothed import copy_numbers
from audioconv.kernels.simd.pointers import carray, doubles_at, integers_at

# Addresses: weighting, a `SECTION` for each of its sections; memory of these, for each channel; channel_weights; work,
# see below; interpolator, PHASES filters; past, the last samples of each channel; steps, a ring buffer of energies;
# sums, a `SUMS`; momentary and short_term, histograms; progress, a `PROGRESS`; the counter
LOUDNESS = layout(
    "LOUDNESS", "channels", "sample_rate", "weighting", "memory", "channel_weights", "work", "interpolator", "past",
    "steps", "sums", "momentary", "short_term", "progress", "nonfinite",
)  # fmt: skip
SUMS = layout("SUMS", "energy", "true_peak")  # of the step that is not complete; largest magnitude so far
PROGRESS = layout("PROGRESS", "frames", "steps", "ended")  # that have come; that are complete; whether the signal ended
# work: the past of a channel and its samples, frame by frame, the power of all channels, one phase of the interpolation
SUMS_SIZE, PROGRESS_SIZE = SUMS.row_size, PROGRESS.row_size

SECTIONS, STEPS_A_SECOND, RING = 2, 10, 64
MOMENTARY_STEPS, SHORT_TERM_STEPS = 4, 30
PHASES, TAPS = 4, 12
PAST = TAPS - 1
WORK_SIZE = PAST + 3 * SUB_BLOCK
OFFSET_DB, LOWEST_LUFS, BINS_A_UNIT = -0.691, -70.0, 100
BINS = 100 * BINS_A_UNIT  # up to 30 LUFS; what is beyond counts in the last one
_MEMORY_SIZE = SECTIONS * MEMORY_SIZE


@part
def _interpolated_peak(signal, count, interpolator, phase_work, peak):
    """The largest magnitude of samples, and of those that the interpolator puts between them."""
    for t in range(count):
        peak = max(peak, abs(signal[PAST + t]))
    for phase in range(PHASES):
        for t in range(count):
            phase_work[t] = 0.0
        for k in range(TAPS):
            tap, delayed = interpolator[phase * TAPS + k], signal[PAST - k : PAST - k + count]
            for t in range(count):
                phase_work[t] += tap * delayed[t]
        for t in range(count):
            peak = max(peak, abs(phase_work[t]))
    return peak


@part
def _count(histogram, power):
    """Count a block in the bin of its loudness, if that is not below the absolute gate; bins are pairs (n, power)."""
    if power > 0.0:
        loudness = OFFSET_DB + 10.0 * math.log10(power)
        if loudness >= LOWEST_LUFS:
            place = min(int((loudness - LOWEST_LUFS) * BINS_A_UNIT), BINS - 1)
            histogram[place] += 1.0
            histogram[BINS + place] += power


@part
def _mean_power(steps, last, count, sample_rate):
    """The mean power over the last steps."""
    total = 0.0
    for i in range(count):
        total += steps[(last - i) % RING]
    return total * STEPS_A_SECOND / (count * sample_rate)


@part
def _complete_step(state, energy, steps, progress):
    """Keep the energy of a step, and count the blocks that end with it."""
    last, rate = progress[PROGRESS.steps], state[LOUDNESS.sample_rate]
    momentary = doubles_at(state, LOUDNESS.momentary, 0, 2 * BINS, state)
    short_term = doubles_at(state, LOUDNESS.short_term, 0, 2 * BINS, state)
    steps[last % RING] = energy
    if last + 1 >= MOMENTARY_STEPS:
        _count(momentary, _mean_power(steps, last, MOMENTARY_STEPS, rate))
    if last + 1 >= SHORT_TERM_STEPS:
        _count(short_term, _mean_power(steps, last, SHORT_TERM_STEPS, rate))
    add_atomic(progress, PROGRESS.steps, 1)


@part
def _begin_again(state, past, steps, sums, progress, nonfinite):
    """Forget the signal before."""
    memory = doubles_at(state, LOUDNESS.memory, 0, _MEMORY_SIZE * state[LOUDNESS.channels], state)
    momentary = doubles_at(state, LOUDNESS.momentary, 0, 2 * BINS, state)
    short_term = doubles_at(state, LOUDNESS.short_term, 0, 2 * BINS, state)
    for array in (memory, past, steps, sums, momentary, short_term):
        for i in range(array.size):
            array[i] = 0.0
    for i in range(progress.size):
        progress[i] = 0
    nonfinite[COUNTER.value] = 0


@part
def _channel_power(state, signal, count, channel, power, sums):
    """Add the weighted power of a channel, whose samples are in `signal` after its past, and note its peak."""
    weighting = doubles_at(state, LOUDNESS.weighting, 0, SECTIONS * SECTION_SIZE, state)
    memory = doubles_at(state, LOUDNESS.memory, _MEMORY_SIZE * channel, _MEMORY_SIZE, state)
    weight = doubles_at(state, LOUDNESS.channel_weights, 0, state[LOUDNESS.channels], state)
    phase_work = doubles_at(state, LOUDNESS.work, PAST + 2 * SUB_BLOCK, SUB_BLOCK, state)
    interpolator = doubles_at(state, LOUDNESS.interpolator, 0, PHASES * TAPS, state)
    here = signal[PAST:]
    sums[SUMS.true_peak] = _interpolated_peak(signal, count, interpolator, phase_work, sums[SUMS.true_peak])
    for section in range(SECTIONS):
        run_section(here, count, weighting, section * SECTION_SIZE, memory, section * MEMORY_SIZE)
    for t in range(count):
        power[t] += weight[channel] * here[t] * here[t]


@part
def _add_power(state, power, count, steps, sums, progress):
    """Sum the power up, frame by frame, and complete the steps that end here."""
    for t in range(count):
        sums[SUMS.energy] += power[t]
        progress[PROGRESS.frames] += 1
        end = (progress[PROGRESS.steps] + 1) * state[LOUDNESS.sample_rate] // STEPS_A_SECOND
        if progress[PROGRESS.frames] == end:
            _complete_step(state, sums[SUMS.energy], steps, progress)
            sums[SUMS.energy] = 0.0


@stage_step
def loudness_meter(state, x, y, frames):
    """Pass the input through, and measure it."""
    channels = state[LOUDNESS.channels]
    signal = doubles_at(state, LOUDNESS.work, 0, PAST + SUB_BLOCK, state)
    power = doubles_at(state, LOUDNESS.work, PAST + SUB_BLOCK, SUB_BLOCK, state)
    past = doubles_at(state, LOUDNESS.past, 0, PAST * channels, state)
    steps = doubles_at(state, LOUDNESS.steps, 0, RING, state)
    sums = doubles_at(state, LOUDNESS.sums, 0, SUMS_SIZE, state)
    progress = integers_at(state, LOUDNESS.progress, 0, PROGRESS_SIZE, state)
    nonfinite = integers_at(state, LOUDNESS.nonfinite, 0, 1, state)
    source, target = carray(x, frames * channels), carray(y, frames * channels)
    if frames and progress[PROGRESS.ended]:
        _begin_again(state, past, steps, sums, progress, nonfinite)
    for first in range(0, frames, SUB_BLOCK):
        count = min(SUB_BLOCK, frames - first)
        for t in range(count):
            power[t] = 0.0
        for c in range(channels):
            before = past[c * PAST : (c + 1) * PAST]
            copy_numbers(signal, before)
            nonfinite[COUNTER.value] += replace_nonfinite(source, first * channels + c, channels, signal[PAST:], count)
            for i in range(PAST):
                before[i] = signal[count + i]
            _channel_power(state, signal, count, c, power, sums)
        _add_power(state, power, count, steps, sums, progress)
        for i in range(first * channels, (first + count) * channels):
            target[i] = source[i]
