"""The step of a convolver whose filter can be changed while it runs: several partitioned convolutions, and their mix.

A convolver instance is a partitioned convolution (`partition`) with a linear fade-in g from 0 to 1. With y the mix of
the instances so far and v the output of the new one, the crossfade is, in mode CUT, (1 - g) y + g v: outputs are faded.
In mode FADE_INPUT the inputs are: the instances so far get (1 - g) times their input, the new one g x, and the old ones
then ring until their responses are over. Instance j of several is so weighted by its own g and by 1 - g of each later.

A new filter of mode CUT must know the samples of the past. It is brought near to the present outside of the sound path
(`catch_up`), and by `convolver` itself over what came in meanwhile. It comes by way of a mailbox: one thread puts the
row of an instance there, `convolver` takes it. From then on the row is read by nobody else.
"""

from audioconv.kernels._jit import inner, kernel, part, stage_step
from audioconv.kernels.realtime.atomics import add_atomic, exchange_atomic, load_atomic
from audioconv.kernels.realtime.chain import call_step
from audioconv.kernels.simd.pointers import carray, floats_at, row_at

MOST = 8  # instances at a time
CHUNK = 512  # frames that are mixed at a time
HURRY = 4  # times as many frames as a block has that a new instance may be fed in addition
CUT, FADE_INPUT = range(2)

# State of `convolver`: inputs, outputs; then the addresses of control, instances, past samples (and how many frames of
# them there are), of work space, and of a table of one step, `mix`, which is made when it is first needed.
INPUTS, OUTPUTS, CONTROL, INSTANCES, PAST, PAST_FRAMES, SCRATCH, MIXER = range(8)
# control: instances that sound; frames that have come in; the mailbox, and what was taken from it but cannot begin yet,
# both addresses of rows or 0; whether samples that are not finite are replaced, and how many were
COUNT, FRAMES, MAILBOX, PENDING, REPLACE_NONFINITE, NONFINITE, CONTROLS = range(7)
# An instance: a step, `partition.advance`, and its state, which name the instance; mode, frames of its fade, how many
# of them are over, frames for which it rings without input, and how many have come in since it began, as FRAMES counts.
STEP, NAME, MODE, FADE, FADED, TAIL, FED = range(7)
INSTANCE = 8  # even: the first two are an entry of a table of steps


@part
def scratch_size(inputs, outputs):
    """Elements of the work space: a chunk as it came, weighted, and of one instance."""
    return CHUNK * (2 * inputs + outputs)


@part
def _remember(state, control, x):
    """Keep frames among the past samples, a ring; they are the next ones."""
    inputs = state[INPUTS]
    past = floats_at(state, PAST, 0, state[PAST_FRAMES] * inputs, x)
    first = 0
    while first < x.size:
        place = (control[FRAMES] * inputs + first) % past.size
        count = min(x.size - first, past.size - place)
        for i in range(count):
            past[place + i] = x[first + i]
        first += count
    add_atomic(control, FRAMES, x.size // inputs)


@inner
def _feed(state, row, until, scratch):
    """Give an instance past samples until it has had `until` frames; what comes out is dropped."""
    inputs, ring = state[INPUTS], state[PAST_FRAMES]
    past = floats_at(state, PAST, 0, ring * inputs, scratch)
    while row[FED] < until:
        place = row[FED] % ring
        count = min(min(until - row[FED], CHUNK), ring - place)
        dropped = scratch[: count * state[OUTPUTS]]
        call_step(row, 0, past[place * inputs : (place + count) * inputs], dropped, count)
        row[FED] += count


@kernel
def catch_up(table, row, scratch):
    """Bring a new instance near to the present; `table` is that of the convolver, scratch (CHUNK * outputs,)."""
    control = carray(row_at(row_at(table, 1), CONTROL), CONTROLS)
    _feed(row_at(table, 1), row, load_atomic(control, FRAMES), scratch)


@kernel
def post(control, row):
    """Put the address of the row of a new instance into the mailbox."""
    exchange_atomic(control, MAILBOX, row)


@part
def _arrive(state, control, instances, scratch, frames):
    """Let a new instance in, if there is one, and it is up to date or can soon be made so."""
    if load_atomic(control, MAILBOX):
        control[PENDING] = exchange_atomic(control, MAILBOX, 0)
    if control[PENDING] and control[COUNT] < MOST:
        row = carray(row_at(control, PENDING), INSTANCE)
        if row[MODE] == CUT:
            _feed(state, row, min(control[FRAMES], row[FED] + HURRY * frames), scratch)
        if row[MODE] == FADE_INPUT or row[FED] == control[FRAMES]:
            for i in range(INSTANCE):
                instances[control[COUNT] * INSTANCE + i] = row[i]
            control[COUNT] += 1
            control[PENDING] = 0


@part
def _fade(instances, instance, t):
    """How far an instance has come in at frame t from now."""
    length = instances[instance * INSTANCE + FADE]
    passed = instances[instance * INSTANCE + FADED] + t + 1
    return 1.0 if passed >= length else passed / length


@part
def _weight(instances, count, instance, mode, t):
    """By what the input (FADE_INPUT) or the output (CUT) of an instance is multiplied at frame t from now."""
    weight = _fade(instances, instance, t) if instances[instance * INSTANCE + MODE] == mode else 1.0
    for later in range(instance + 1, count):
        if instances[later * INSTANCE + MODE] == mode:
            weight *= 1.0 - _fade(instances, later, t)
    return weight


@part
def _mix(instances, instance_count, count, came, given, made, here):
    """A chunk of `count` frames: in `here` the sum of what all instances make of the samples `came`."""
    inputs, outputs = came.size // count, made.size // count
    for i in range(here.size):
        here[i] = 0
    for instance in range(instance_count):
        for t in range(count):
            weight = came.dtype.type(_weight(instances, instance_count, instance, FADE_INPUT, t))
            for i in range(t * inputs, (t + 1) * inputs):
                given[i] = weight * came[i]
        call_step(instances, instance * INSTANCE // 2, given, made, count)
        for t in range(count):
            weight = came.dtype.type(_weight(instances, instance_count, instance, CUT, t))
            for i in range(t * outputs, (t + 1) * outputs):
                here[i] += weight * made[i]


@part
def _leave(control, instances, count):
    """Move the fades on by `count` frames, and let go of the instances that are not heard any more."""
    cut, rung = 0, 0  # instances before these are faded out, and have no input any more
    for instance in range(control[COUNT]):
        row = instance * INSTANCE
        instances[row + FADED] = min(instances[row + FADED] + count, instances[row + FADE])
        if instances[row + FADED] == instances[row + FADE]:
            if instances[row + MODE] == CUT:
                cut = instance
            else:
                rung = instance
    kept = 0
    for instance in range(control[COUNT]):
        if instance < rung:
            instances[instance * INSTANCE + TAIL] -= count
        if instance >= cut and instances[instance * INSTANCE + TAIL] > 0:
            for i in range(INSTANCE):
                instances[kept * INSTANCE + i] = instances[instance * INSTANCE + i]
            kept += 1
    for instance in range(kept, control[COUNT]):
        instances[instance * INSTANCE + NAME] = 0
    control[COUNT] = kept


@part
def _enter(control, x, came):
    """The samples as they are taken: those that are not finite are replaced by zeros, and counted, if so wanted."""
    for i in range(came.size):
        finite = x[i] - x[i] == 0
        came[i] = x[i] if finite or not control[REPLACE_NONFINITE] else x.dtype.type(0)
        control[NONFINITE] += control[REPLACE_NONFINITE] and not finite


@stage_step
def mix(state, x, y, frames):
    """The instances of a `StreamConvolver`, and their fades; the state is that of `convolver`."""
    inputs, outputs = state[INPUTS], state[OUTPUTS]
    source, target = carray(x, frames * inputs), carray(y, frames * outputs)
    control, instances = carray(row_at(state, CONTROL), CONTROLS), carray(row_at(state, INSTANCES), MOST * INSTANCE)
    scratch = floats_at(state, SCRATCH, 0, scratch_size(inputs, outputs), x)
    came, given, made = scratch[: CHUNK * inputs], scratch[CHUNK * inputs :], scratch[2 * CHUNK * inputs :]
    for first in range(0, frames, CHUNK):
        count = min(CHUNK, frames - first)
        _enter(control, source[first * inputs : (first + count) * inputs], came[: count * inputs])
        _remember(state, control, came[: count * inputs])
        _mix(instances, control[COUNT], count, came[: count * inputs], given[: count * inputs], made[: count * outputs],
             target[first * outputs : (first + count) * outputs])  # fmt: skip
        _leave(control, instances, count)


@stage_step
def convolver(state, x, y, frames):
    """A `StreamConvolver`."""
    inputs, outputs = state[INPUTS], state[OUTPUTS]
    source, target = carray(x, frames * inputs), carray(y, frames * outputs)
    control, instances = carray(row_at(state, CONTROL), CONTROLS), carray(row_at(state, INSTANCES), MOST * INSTANCE)
    scratch = floats_at(state, SCRATCH, 0, scratch_size(inputs, outputs), x)
    _arrive(state, control, instances, scratch[2 * CHUNK * inputs :], frames)
    if control[COUNT] == 1 and instances[FADED] == instances[FADE] and not control[REPLACE_NONFINITE]:
        _remember(state, control, source)
        call_step(instances, 0, source, target, frames)
    else:
        call_step(carray(row_at(state, MIXER), 2), 0, source, target, frames)
