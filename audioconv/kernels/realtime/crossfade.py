"""The step of a convolver whose filter can be changed while it runs: several partitioned convolutions, and their mix.

A convolver instance is a partitioned convolution (`partition`) with a linear fade-in g from 0 to 1. With y the mix of
the instances so far and v the output of the new one, the crossfade is, in mode CUT, (1 - g) y + g v: outputs are faded.
In mode FADE_INPUT the inputs are: the instances so far get (1 - g) times their input, the new one g x, and the old ones
then ring until their responses are over. Instance j of several is so weighted by its own g and by 1 - g of each later.

A new filter of mode CUT needs the samples of the past. Most are fed to it outside of the audio thread (`catch_up`),
those that came in meanwhile by `convolver` itself. It is handed over through a mailbox (an atomic exchange): one thread
posts the row of an instance there, `convolver` takes it, and from then on nobody else reads the row.
"""

import numpy as np

from audioconv.kernels._jit import inner, kernel, part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.realtime.atomics import (
    add_atomic,
    clear_atomic,
    exchange_atomic,
    load_atomic,
    store_atomic,
)
from audioconv.kernels.realtime.chain import ENTRY, ENTRY_SIZE, call_step
from audioconv.kernels.simd.pointers import carray, floats_at, row_at

MAX_INSTANCES = 8  # that are mixed at a time
MIX_BLOCK = 512  # frames that are mixed at a time
CATCH_UP_RATE = 4  # past frames that a new instance is fed in a block, at most, for each frame of the block
CUT, FADE_INPUT = range(2)

# The state of `convolver` and of `mix_instances`. Addresses: of a `CONTROL`, of the instances, of the ring buffer of
# past samples and how many frames it holds, of work space, and of a table of one step, `mix_instances`, which is made
# when it is first needed.
CONVOLVER = layout("CONVOLVER", "inputs", "outputs", "control", "instances", "past", "past_frames", "work", "mixer")
# Active instances; frames that have come in; the mailbox, and what was taken from it but cannot begin yet, both
# addresses of rows or 0; whether samples that are not finite are replaced, and how many were.
CONTROL = layout("CONTROL", "instances", "frames", "mailbox", "pending", "replace_nonfinite", "nonfinite")
# An instance: an entry of a table of steps (`partition.advance`, and its state, which names the instance); mode, frames
# of its fade, how many of them are over, frames for which it rings without input, and how many have come in since it
# began, as CONTROL.frames counts. Rows have an even length, so that they are entries of a table.
INSTANCE = layout("INSTANCE", "step", "name", "mode", "fade", "faded", "tail", "fed", "unused")
CONTROL_SIZE, INSTANCE_SIZE, INSTANCE_ENTRIES = CONTROL.row_size, INSTANCE.row_size, INSTANCE.row_size // ENTRY_SIZE


def work_size(inputs, outputs):
    """Elements of the work space: a block as it came, weighted, and of one instance."""
    return MIX_BLOCK * (2 * inputs + outputs)


_work_size = part(work_size)  # called from Python, a part would be compiled in each process


@part
def _append_to_past(state, control, x):
    """Append frames to the ring buffer of past samples."""
    inputs = state[CONVOLVER.inputs]
    past = floats_at(state, CONVOLVER.past, 0, state[CONVOLVER.past_frames] * inputs, x)
    first = 0
    while first < x.size:
        place = (control[CONTROL.frames] * inputs + first) % past.size
        count = min(x.size - first, past.size - place)
        for i in range(count):
            past[place + i] = x[first + i]
        first += count
    add_atomic(control, CONTROL.frames, x.size // inputs)


@inner
def _feed(state, row, until, work):
    """Feed an instance past samples until it has had `until` frames; its output is discarded."""
    inputs, ring = state[CONVOLVER.inputs], state[CONVOLVER.past_frames]
    past = floats_at(state, CONVOLVER.past, 0, ring * inputs, work)
    while row[INSTANCE.fed] < until:
        place = row[INSTANCE.fed] % ring
        count = min(min(until - row[INSTANCE.fed], MIX_BLOCK), ring - place)
        dropped = work[: count * state[CONVOLVER.outputs]]
        call_step(row, 0, past[place * inputs : (place + count) * inputs], dropped, count)
        row[INSTANCE.fed] += count


@kernel
def catch_up(table, row, work):
    """Feed a new instance all past samples but the latest; `table` is the convolver's, work (MIX_BLOCK * outputs,)."""
    control = carray(row_at(row_at(table, ENTRY.state), CONVOLVER.control), CONTROL_SIZE)
    _feed(row_at(table, ENTRY.state), row, load_atomic(control, CONTROL.frames), work)


@kernel
def post(control, row):
    """Put the address of the row of a new instance into the mailbox."""
    exchange_atomic(control, CONTROL.mailbox, row)


@part
def _take_posted(state, control, instances, work, frames):
    """Take a new instance from the mailbox, and start it if it has caught up or can within this block."""
    posted = load_atomic(control, CONTROL.mailbox)
    if posted:
        store_atomic(control, CONTROL.pending, posted)  # in one of the two at any time: another thread looks for it
        clear_atomic(control, CONTROL.mailbox, posted)  # unless there is a newer one, for the next block
    if control[CONTROL.pending] and control[CONTROL.instances] < MAX_INSTANCES:
        row = carray(row_at(control, CONTROL.pending), INSTANCE_SIZE)
        if row[INSTANCE.mode] == CUT:
            _feed(state, row, min(control[CONTROL.frames], row[INSTANCE.fed] + CATCH_UP_RATE * frames), work)
        if row[INSTANCE.mode] == FADE_INPUT or row[INSTANCE.fed] == control[CONTROL.frames]:
            for i in range(INSTANCE_SIZE):
                instances[control[CONTROL.instances] * INSTANCE_SIZE + i] = row[i]
            control[CONTROL.instances] += 1
            store_atomic(control, CONTROL.pending, np.int64(0))


@part
def _fade(instances, instance, t):
    """The fade-in g of an instance, t frames from now."""
    length = instances[instance * INSTANCE_SIZE + INSTANCE.fade]
    passed = instances[instance * INSTANCE_SIZE + INSTANCE.faded] + t + 1
    return 1.0 if passed >= length else passed / length


@part
def _weight(instances, count, instance, mode, t):
    """The gain of the input (FADE_INPUT) or the output (CUT) of an instance, t frames from now."""
    weight = _fade(instances, instance, t) if instances[instance * INSTANCE_SIZE + INSTANCE.mode] == mode else 1.0
    for later in range(instance + 1, count):
        if instances[later * INSTANCE_SIZE + INSTANCE.mode] == mode:
            weight *= 1.0 - _fade(instances, later, t)
    return weight


@part
def _mix(instances, instance_count, count, samples, weighted, response, mixed):
    """A block of `count` frames: in `mixed` the sum of what all instances make of `samples`."""
    inputs, outputs = samples.size // count, response.size // count
    for i in range(mixed.size):
        mixed[i] = 0
    for instance in range(instance_count):
        for t in range(count):
            weight = samples.dtype.type(_weight(instances, instance_count, instance, FADE_INPUT, t))
            for i in range(t * inputs, (t + 1) * inputs):
                weighted[i] = weight * samples[i]
        call_step(instances, instance * INSTANCE_ENTRIES, weighted, response, count)
        for t in range(count):
            weight = samples.dtype.type(_weight(instances, instance_count, instance, CUT, t))
            for i in range(t * outputs, (t + 1) * outputs):
                mixed[i] += weight * response[i]


@part
def _advance_fades(control, instances, count):
    """Advance the fades by `count` frames, and remove the instances that are no longer audible."""
    faded_out, silent_input = 0, 0  # instances before these are faded out, and have no input any more
    for instance in range(control[CONTROL.instances]):
        row = instance * INSTANCE_SIZE
        instances[row + INSTANCE.faded] = min(instances[row + INSTANCE.faded] + count, instances[row + INSTANCE.fade])
        if instances[row + INSTANCE.faded] == instances[row + INSTANCE.fade]:
            if instances[row + INSTANCE.mode] == CUT:
                faded_out = instance
            else:
                silent_input = instance
    kept = 0
    for instance in range(control[CONTROL.instances]):
        if instance < silent_input:
            instances[instance * INSTANCE_SIZE + INSTANCE.tail] -= count
        if instance >= faded_out and instances[instance * INSTANCE_SIZE + INSTANCE.tail] > 0:
            for i in range(INSTANCE_SIZE):
                store_atomic(instances, kept * INSTANCE_SIZE + i, instances[instance * INSTANCE_SIZE + i])
            kept += 1
    for instance in range(kept, control[CONTROL.instances]):
        store_atomic(instances, instance * INSTANCE_SIZE + INSTANCE.name, np.int64(0))
    control[CONTROL.instances] = kept


@part
def _read_input(control, x, samples):
    """The input; if `replace_nonfinite` is set, samples that are not finite are replaced by zeros, and counted."""
    for i in range(samples.size):
        finite = x[i] - x[i] == 0
        samples[i] = x[i] if finite or not control[CONTROL.replace_nonfinite] else x.dtype.type(0)
        control[CONTROL.nonfinite] += control[CONTROL.replace_nonfinite] and not finite


@stage_step
def mix_instances(state, x, y, frames):
    """The instances of a `StreamConvolver`, and their fades; the state is that of `convolver`."""
    inputs, outputs = state[CONVOLVER.inputs], state[CONVOLVER.outputs]
    source, target = carray(x, frames * inputs), carray(y, frames * outputs)
    control = carray(row_at(state, CONVOLVER.control), CONTROL_SIZE)
    instances = carray(row_at(state, CONVOLVER.instances), MAX_INSTANCES * INSTANCE_SIZE)
    work = floats_at(state, CONVOLVER.work, 0, _work_size(inputs, outputs), x)
    samples, weighted, response = work[: MIX_BLOCK * inputs], work[MIX_BLOCK * inputs :], work[2 * MIX_BLOCK * inputs :]
    for first in range(0, frames, MIX_BLOCK):
        count = min(MIX_BLOCK, frames - first)
        _read_input(control, source[first * inputs : (first + count) * inputs], samples[: count * inputs])
        _append_to_past(state, control, samples[: count * inputs])
        mixed = target[first * outputs : (first + count) * outputs]
        _mix(instances, control[CONTROL.instances], count, samples[: count * inputs], weighted[: count * inputs],
             response[: count * outputs], mixed)  # fmt: skip
        _advance_fades(control, instances, count)


@stage_step
def convolver(state, x, y, frames):
    """The step of a `StreamConvolver`."""
    inputs, outputs = state[CONVOLVER.inputs], state[CONVOLVER.outputs]
    source, target = carray(x, frames * inputs), carray(y, frames * outputs)
    control = carray(row_at(state, CONVOLVER.control), CONTROL_SIZE)
    instances = carray(row_at(state, CONVOLVER.instances), MAX_INSTANCES * INSTANCE_SIZE)
    work = floats_at(state, CONVOLVER.work, 0, _work_size(inputs, outputs), x)
    _take_posted(state, control, instances, work[2 * MIX_BLOCK * inputs :], frames)
    alone = control[CONTROL.instances] == 1 and instances[INSTANCE.faded] == instances[INSTANCE.fade]
    if alone and not load_atomic(control, CONTROL.replace_nonfinite):
        _append_to_past(state, control, source)
        call_step(instances, 0, source, target, frames)
    else:
        call_step(carray(row_at(state, CONVOLVER.mixer), ENTRY_SIZE), 0, source, target, frames)
