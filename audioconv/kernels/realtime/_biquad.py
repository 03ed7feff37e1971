"""Second-order sections: the step of `Biquad`."""

import numpy as np

from audioconv.kernels._jit import part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.realtime.chain import SUB_BLOCK
from audioconv.kernels.realtime.nonfinite import COUNTER, replace_nonfinite
from audioconv.kernels.realtime.smoothed import between, copy_numbers, smoothed_rows
from audioconv.kernels.simd import vector as simd
from audioconv.kernels.simd.denormals import flush_denormal
from audioconv.kernels.simd.pointers import carray, doubles_at, integers_at

LARGEST = float(np.finfo(np.float32).max)
_FADED = 1e-290  # smaller states, which are inaudible, are set to zero

# coefficients: address of smoothed rows, a `SECTION` for each section; then those of their version, of the memory (a
# `SECTION_MEMORY` for each section of each channel), of work space (a sub-block, and the memory of a channel as it was
# before that), and of the counter
BIQUAD = layout("BIQUAD", "channels", "sections", "coefficients", "version", "memory", "work", "nonfinite")
SECTION = layout("SECTION", "b0", "b1", "b2", "a1", "a2")
# Direct form II transposed: the first state variable, the same one sample ago, and the last input; the second state
# variable is computed from these.
SECTION_MEMORY = layout("SECTION_MEMORY", "z1", "z1_before", "x_before")
SECTION_SIZE, MEMORY_SIZE = SECTION.row_size, SECTION_MEMORY.row_size


@part
def run_section(work, frames, coefficients, at, z, z_at):
    """One second-order section on `work`, in place.

    Direct form II transposed, z1' = b1 v - a1 y + z2 and z2' = b2 v - a2 y, with y = b0 v + z1 put in: so a sample
    waits for one multiply-add of the one before, where it else waits for four operations.
    """
    b0, a1, a2 = coefficients[at + SECTION.b0], coefficients[at + SECTION.a1], coefficients[at + SECTION.a2]
    c1, c2 = coefficients[at + SECTION.b1] - a1 * b0, coefficients[at + SECTION.b2] - a2 * b0
    now, before = z[z_at + SECTION_MEMORY.z1], z[z_at + SECTION_MEMORY.z1_before]
    v_before = z[z_at + SECTION_MEMORY.x_before]
    for t in range(frames):
        v = work[t]
        work[t] = simd.fma(b0, v, now)
        now, before = simd.fma(-a1, now, simd.fma(-a2, before, simd.fma(c1, v, c2 * v_before))), now
        v_before = v
    z[z_at + SECTION_MEMORY.z1] = now if abs(now) > _FADED or now != now else 0.0
    z[z_at + SECTION_MEMORY.z1_before] = before if abs(before) > _FADED or before != before else 0.0
    z[z_at + SECTION_MEMORY.x_before] = v_before


@part
def _moving_section(work, count, current, aim, at, z, z_at, first, frames):
    """The same with coefficients interpolated over `frames` frames, of which `first` are done.

    z holds the state of `run_section`: z1, and what z2 is computed from with the coefficients of the frame before.
    """
    z1, before = z[z_at + SECTION_MEMORY.z1], z[z_at + SECTION_MEMORY.z1_before]
    v = z[z_at + SECTION_MEMORY.x_before]
    done = first / frames
    z2 = between(current, aim, at + SECTION.b2, done) * v
    z2 -= between(current, aim, at + SECTION.a2, done) * (between(current, aim, at + SECTION.b0, done) * v + before)
    for t in range(count):
        done = (first + t + 1) / frames
        b1, b2 = between(current, aim, at + SECTION.b1, done), between(current, aim, at + SECTION.b2, done)
        a1, a2 = between(current, aim, at + SECTION.a1, done), between(current, aim, at + SECTION.a2, done)
        v, before = work[t], z1
        y = between(current, aim, at + SECTION.b0, done) * v + z1
        z1, z2 = b1 * v - a1 * y + z2, b2 * v - a2 * y
        work[t] = y
    z[z_at + SECTION_MEMORY.z1], z[z_at + SECTION_MEMORY.z1_before] = z1, before
    z[z_at + SECTION_MEMORY.x_before] = v


@part
def _sections(work, count, current, aim, moving, z, first, frames):
    """Sections one after the other on `work`; returns whether their state and output stay in range.

    A sample or a state that is not finite persists in z1, so that one check a sub-block is enough.
    """
    finite, beyond = True, 0
    for section in range(z.size // MEMORY_SIZE):
        if moving:
            _moving_section(work, count, current, aim, SECTION_SIZE * section, z, MEMORY_SIZE * section, first, frames)
        else:
            run_section(work, count, aim, SECTION_SIZE * section, z, MEMORY_SIZE * section)
        z1 = z[MEMORY_SIZE * section + SECTION_MEMORY.z1]
        finite &= z1 - z1 == 0
    for t in range(count):
        beyond += abs(work[t]) > LARGEST
    return finite and beyond == 0


@part
def _guarded_sections(work, count, current, aim, moving, z, first, frames):
    """The same, sample by sample: where one leaves the range, all sections are reset, and that output is infinite."""
    replaced = 0
    for t in range(count):
        here = work[t : t + 1]
        finite = _sections(here, 1, current, aim, moving, z, first + t, frames)
        if not finite:
            work[t] = np.inf
            for i in range(z.size):
                z[i] = 0.0
            replaced += 1
    return replaced


@stage_step
def biquad(state, x, y, frames):
    """Second-order sections (biquads) in cascade; in float64, whatever the dtype of the samples."""
    channels, size = state[BIQUAD.channels], MEMORY_SIZE * state[BIQUAD.sections]
    nonfinite = integers_at(state, BIQUAD.nonfinite, 0, 1, state)
    current, aim, moving = smoothed_rows(
        state, BIQUAD.coefficients, BIQUAD.version, SECTION_SIZE * state[BIQUAD.sections]
    )
    memory = doubles_at(state, BIQUAD.memory, 0, size * channels, state)
    work = doubles_at(state, BIQUAD.work, 0, SUB_BLOCK + size, state)
    source, target = carray(x, frames * channels), carray(y, frames * channels)
    for first in range(0, frames, SUB_BLOCK):
        count = min(SUB_BLOCK, frames - first)
        for channel in range(channels):
            place, z = first * channels + channel, memory[channel * size : (channel + 1) * size]
            copy_numbers(work[SUB_BLOCK:], z)
            for t in range(count):
                work[t] = source[place + t * channels]
            if not _sections(work, count, current, aim, moving, z, first, frames):
                copy_numbers(z, work[SUB_BLOCK:])
                nonfinite[COUNTER.value] += replace_nonfinite(source, place, channels, work, count)
                nonfinite[COUNTER.value] += _guarded_sections(work, count, current, aim, moving, z, first, frames)
            for t in range(count):
                value = np.float32(work[t])
                target[place + t * channels] = flush_denormal(target, value)
    if frames:
        copy_numbers(current, aim)
