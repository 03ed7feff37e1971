"""The step of stages that change short-time spectra: samples gathered to frames, transformed, and overlap-added.

A second step, which a table of one entry holds, changes the spectra of each frame, those of all channels side by side,
and may be `lead` hops late. Both steps know how many frames there have been by the row `PROGRESS` that they share.
"""

from audioconv.kernels._jit import part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.dsp.stft import backward, forward
from audioconv.kernels.realtime.chain import ENTRY_SIZE, call_step
from audioconv.kernels.realtime.nonfinite import COUNTER
from audioconv.kernels.simd.pointers import carray, floats_at, integers_at, read_only_floats_at

# size: samples of a frame, for which there is room in pending and total, of each channel, and 2 more in pairs; hop:
# samples from one frame to the next; lead: hops before the first sample of the signal comes out; spectra: address of a
# table with the step that changes pairs
SHORT_TIME = layout(
    "SHORT_TIME", "channels", "size", "hop", "lead", "spectra", "analysis", "synthesis", "plan", "plan_size",
    "twiddles", "twiddles_size", "scratch", "scratch_size", "progress", "pending", "total", "pairs", "nonfinite",
)  # fmt: skip
# samples since the last frame; frames so far; how many the signal has, ENDLESS until its end is known
PROGRESS = layout("PROGRESS", "place", "frames", "last")
ENDLESS = 1 << 62
_PROGRESS = PROGRESS.row_size


@part
def _move(x, count):
    """Move what follows the first `count` elements to the beginning."""
    for i in range(x.size - count):
        x[i] = x[count + i]


@part
def _frame(state, progress, like):
    """One frame, the last `size` samples of each channel, added to the output."""
    channels, size, hop = state[SHORT_TIME.channels], state[SHORT_TIME.size], state[SHORT_TIME.hop]
    analysis = read_only_floats_at(state, SHORT_TIME.analysis, 0, size, like)
    synthesis = read_only_floats_at(state, SHORT_TIME.synthesis, 0, size, like)
    plan = integers_at(state, SHORT_TIME.plan, 0, state[SHORT_TIME.plan_size], state)
    twiddles = read_only_floats_at(state, SHORT_TIME.twiddles, 0, state[SHORT_TIME.twiddles_size], like)
    scratch = floats_at(state, SHORT_TIME.scratch, 0, state[SHORT_TIME.scratch_size], like)
    spectra = integers_at(state, SHORT_TIME.spectra, 0, ENTRY_SIZE, state)
    every = floats_at(state, SHORT_TIME.pairs, 0, channels * (size + 2), like)
    for c in range(channels):
        samples = read_only_floats_at(state, SHORT_TIME.pending, c * size, size, like)
        pairs = floats_at(state, SHORT_TIME.pairs, c * (size + 2), size + 2, like)
        forward(samples, hop, analysis, size // 2, plan, twiddles, scratch, pairs)
    call_step(spectra, 0, every, every, 1)
    progress[PROGRESS.frames] += 1
    for c in range(channels):
        pending = floats_at(state, SHORT_TIME.pending, c * size, size, like)
        total = floats_at(state, SHORT_TIME.total, c * size, size, like)
        pairs = read_only_floats_at(state, SHORT_TIME.pairs, c * (size + 2), size + 2, like)
        _move(total, hop)
        total[size - hop :] = 0
        backward(pairs, hop, synthesis, size // 2, plan, twiddles, scratch, total)
        if progress[PROGRESS.frames] <= state[SHORT_TIME.lead]:  # what windows smear before the signal
            total[:hop] = 0
        _move(pending, hop)


@stage_step
def short_time(state, x, y, frames):
    """The signal of changed short-time spectra, one sample less than a window late, and what these are."""
    channels, size, hop = state[SHORT_TIME.channels], state[SHORT_TIME.size], state[SHORT_TIME.hop]
    source, target = carray(x, frames * channels), carray(y, frames * channels)
    pending = floats_at(state, SHORT_TIME.pending, 0, channels * size, source)
    total = floats_at(state, SHORT_TIME.total, 0, channels * size, source)
    progress = integers_at(state, SHORT_TIME.progress, 0, _PROGRESS, state)
    nonfinite = integers_at(state, SHORT_TIME.nonfinite, 0, 1, state)
    for t in range(frames):
        place = progress[PROGRESS.place]
        for c in range(channels):
            value = source[t * channels + c]
            if value - value != 0:
                value = source.dtype.type(0)
                nonfinite[COUNTER.value] += 1
            pending[c * size + size - hop + place] = value
        place += 1
        if place == hop:
            place = 0
            _frame(state, progress, source)
        for c in range(channels):
            target[t * channels + c] = total[c * size + place]
        progress[PROGRESS.place] = place
