"""Steps of sound, all `void step(void* state, float* in, float* out, int64 frames)`, and the loop that runs them.

Frames have `channels` samples side by side; out may be in where both have as many. The state of a step is int64:
numbers, and addresses of arrays. Without JIT it is a list with the arrays themselves. A parameter is a pair of float64,
(now, aim), and many are rows, (now, aim, aim), with a number of turns that says which aim holds: a step goes from one
to the other in a straight line over its block, and meanwhile the other aim may be written.

Steps that remember (`biquad`, `dry_wet`, `limiter`) take samples that are not finite as zeros, and count them.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import signature

from audioconv.kernels._jit import STEPS, inner, kernel, part, stage_step
from audioconv.kernels.simd import vector as simd
from audioconv.kernels.simd._emit import operation
from audioconv.kernels.simd.pointers import ROWS, carray, doubles_at, floats_at, integers_at

CHUNK = 256  # frames that a filter keeps in float64 at a time
SMALLEST = 2.0**-126  # of normal float32 numbers: what is smaller costs a hundred times as much to compute with
LARGEST = float(np.finfo(np.float32).max)
_FADED = 1e-290  # state below this is no sound any more


def _numpy_call_step(table, i, x, y, frames):
    state = table[2 * i + 1]
    STEPS[table[2 * i]].function(ROWS.get(state, state) if isinstance(state, (int, np.int64)) else state, x, y, frames)


@operation(_numpy_call_step)
def call_step(typing_context, table, i, x, y, frames):
    """call_step(table, i, x, y, frames): the i-th step of a table: address of a step, of its state, of the next ..."""

    def codegen(context, builder, sig, args):
        table, i, x, y, frames = args
        entry = builder.gep(context.make_array(sig.args[0])(context, builder, value=table).data,
                            [builder.mul(i, ir.Constant(i.type, 2))])  # fmt: skip
        address, state = builder.load(entry), builder.load(builder.gep(entry, [ir.Constant(i.type, 1)]))
        data = [
            context.make_array(t)(context, builder, value=v).data for t, v in zip(sig.args[2:4], (x, y), strict=True)
        ]
        state = builder.inttoptr(state, ir.IntType(64).as_pointer())
        arguments = [state, *data, frames]
        function = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
        builder.call(builder.inttoptr(address, function.as_pointer()), arguments)
        return context.get_dummy_value()

    return signature(types.none, table, types.intp, x, y, types.intp), codegen


@kernel
def run_chain(table, count, x, y, frames):
    """Run `count` steps that keep the width, the first from x to y and the others on y; both flat."""
    if count:
        call_step(table, 0, x, y, frames)
    for i in range(1, count):
        call_step(table, i, y, y, frames)


@kernel
def run_step(table, x, y, frames):
    """Run the first step of a table from x to y, both flat; if they share a part of their memory, say False instead."""
    first, second = x.ctypes.data, y.ctypes.data
    apart = first + x.nbytes <= second or second + y.nbytes <= first or (first == second and x.size == y.size)
    if apart or not frames:
        call_step(table, 0, x, y, frames)
    return apart or not frames


@inner
def _run_widths(table, widths, work, x, y, frames):
    """Run steps of which the i-th goes from widths[i] to widths[i + 1] channels; `work` is for two of the widest."""
    count, half = widths.size - 1, work.size // 2
    for first in range(0, frames, CHUNK):
        chunk = min(CHUNK, frames - first)
        source = x[first * widths[0] : (first + chunk) * widths[0]]
        for i in range(count - 1):
            place = i % 2 * half
            target = work[place : place + chunk * widths[i + 1]]
            call_step(table, i, source, target, chunk)
            source = target
        call_step(table, count - 1, source, y[first * widths[count] : (first + chunk) * widths[count]], chunk)


# state of `whole_chain`: steps, address of their table, of the channels before, between and after them, of work space,
# its size: 0 if all channels are as many
@stage_step
def whole_chain(state, x, y, frames):
    """The steps of a table, one after the other; where their widths differ, CHUNK frames at a time."""
    count = state[0]
    table, widths = integers_at(state, 1, 0, 2 * count, state), integers_at(state, 2, 0, count + 1, state)
    source, target = carray(x, frames * widths[0]), carray(y, frames * widths[count])
    if state[4]:
        _run_widths(table, widths, floats_at(state, 3, 0, state[4], x), source, target, frames)
    else:
        run_chain(table, count, source, target, frames)


# state of `gain`: channels, address of (now, aim)
@stage_step
def gain(state, x, y, frames):
    """y = g x."""
    channels, g = state[0], doubles_at(state, 1, 0, 2, state)
    source, target = carray(x, frames * channels), carray(y, frames * channels)
    start, aim = g[0], g[1]
    rise = (aim - start) / max(frames, 1)
    for t in range(frames):
        factor = np.float32(aim if rise == 0.0 else start + (t + 1) * rise)
        for i in range(t * channels, (t + 1) * channels):
            target[i] = source[i] * factor
    if frames:
        g[0] = aim


@part
def _rows(state, at, size):
    """Of the rows (now, aim, aim) at state[at], their turns after it: now, the aim that holds, whether they differ."""
    now, turns = doubles_at(state, at, 0, size, state), integers_at(state, at + 1, 0, 1, state)
    aim = doubles_at(state, at, size * (1 + turns[0] % 2), size, state)
    moving = False
    for i in range(size):
        moving |= now[i] != aim[i]
    return now, aim, moving


@part
def _between(now, aim, i, done):
    """The i-th number when that part of the way from now to aim is done."""
    return now[i] + done * (aim[i] - now[i])


@part
def _arrive(now, aim):
    for i in range(aim.size):
        now[i] = aim[i]


# state of `matrix_mixer`: channels in and out, addresses of rows of factors (in, out), of their turns, of work space
@stage_step
def matrix_mixer(state, x, y, frames):
    """Each channel of y is a sum of those of x, each times its factor; in float64."""
    before, after = state[0], state[1]
    now, aim, moving = _rows(state, 2, before * after)
    frame = doubles_at(state, 4, 0, before, state)
    source, target = carray(x, frames * before), carray(y, frames * after)
    for t in range(frames):
        for i in range(before):
            frame[i] = source[t * before + i]
        for o in range(after):
            total = 0.0
            for i in range(before):
                place = i * after + o
                total += frame[i] * (_between(now, aim, place, (t + 1) / frames) if moving else aim[place])
            target[t * after + o] = np.float32(total)
    if frames:
        _arrive(now, aim)


@part
def _section(work, frames, coefficients, at, z, z_at):
    """One second-order section on `work`, in place.

    Direct form II transposed, z1' = b1 v - a1 y + z2 and z2' = b2 v - a2 y, with y = b0 v + z1 put in: so a sample
    waits for one multiply-add of the one before, where it else waits for four operations.
    """
    b0, a1, a2 = coefficients[at], coefficients[at + 3], coefficients[at + 4]
    c1, c2 = coefficients[at + 1] - a1 * b0, coefficients[at + 2] - a2 * b0
    now, before, v_before = z[z_at], z[z_at + 1], z[z_at + 2]
    for t in range(frames):
        v = work[t]
        work[t] = simd.fma(b0, v, now)
        now, before = simd.fma(-a1, now, simd.fma(-a2, before, simd.fma(c1, v, c2 * v_before))), now
        v_before = v
    z[z_at] = now if abs(now) > _FADED or now != now else 0.0
    z[z_at + 1] = before if abs(before) > _FADED or before != before else 0.0
    z[z_at + 2] = v_before


@part
def _moving_section(work, count, now, aim, at, z, z_at, first, frames):
    """The same with coefficients on their way, `first` of the `frames` frames of which are done.

    z holds what `_section` keeps, which is z1 and what z2 is made of with the coefficients that were.
    """
    z1, before, v = z[z_at], z[z_at + 1], z[z_at + 2]
    done = first / frames
    z2 = _between(now, aim, at + 2, done) * v
    z2 -= _between(now, aim, at + 4, done) * (_between(now, aim, at, done) * v + before)
    for t in range(count):
        done = (first + t + 1) / frames
        b1, b2 = _between(now, aim, at + 1, done), _between(now, aim, at + 2, done)
        a1, a2 = _between(now, aim, at + 3, done), _between(now, aim, at + 4, done)
        v, before = work[t], z1
        y = _between(now, aim, at, done) * v + z1
        z1, z2 = b1 * v - a1 * y + z2, b2 * v - a2 * y
        work[t] = y
    z[z_at], z[z_at + 1], z[z_at + 2] = z1, before, v


@part
def _enter(source, place, step, work, count):
    """Every `step`-th sample from `place` on, zeros for those that are not finite; says how many these were."""
    replaced = 0
    for t in range(count):
        value = source[place + t * step]
        finite = value - value == 0
        work[t] = value if finite else 0.0
        replaced += not finite
    return replaced


@part
def _sections(work, count, now, aim, moving, z, first, frames):
    """Sections one after the other on `work`, z (sections, 3); says whether states and results stay numbers of float32.

    What is not finite, a sample or a state, stays in the first number of a state, so that it is looked at once a chunk.
    """
    finite, beyond = True, 0
    for section in range(z.size // 3):
        if moving:
            _moving_section(work, count, now, aim, 5 * section, z, 3 * section, first, frames)
        else:
            _section(work, count, aim, 5 * section, z, 3 * section)
        finite &= z[3 * section] - z[3 * section] == 0
    for t in range(count):
        beyond += abs(work[t]) > LARGEST
    return finite and beyond == 0


@part
def _guarded_sections(work, count, now, aim, moving, z, first, frames):
    """The same, sample by sample: where they do not, all sections begin anew, and that result is infinite."""
    replaced = 0
    for t in range(count):
        here = work[t : t + 1]
        finite = _sections(here, 1, now, aim, moving, z, first + t, frames)
        if not finite:
            here[0] = np.inf
            for i in range(z.size):
                z[i] = 0.0
            replaced += 1
    return replaced


# state of `biquad`: channels, sections, addresses of rows of b0 b1 b2 a1 a2 of each section, of their turns, of the
# states, of work space (a chunk, and states as they were before it), of how many samples were replaced
@stage_step
def biquad(state, x, y, frames):
    """Second-order sections one after the other; in float64, whatever the samples are."""
    channels, size, replaced = state[0], 3 * state[1], integers_at(state, 6, 0, 1, state)
    now, aim, moving = _rows(state, 2, 5 * state[1])
    states, work = doubles_at(state, 4, 0, size * channels, state), doubles_at(state, 5, 0, CHUNK + size, state)
    source, target = carray(x, frames * channels), carray(y, frames * channels)
    for first in range(0, frames, CHUNK):
        count = min(CHUNK, frames - first)
        for channel in range(channels):
            place, z = first * channels + channel, states[channel * size : (channel + 1) * size]
            _arrive(work[CHUNK:], z)
            for t in range(count):
                work[t] = source[place + t * channels]
            if not _sections(work, count, now, aim, moving, z, first, frames):
                _arrive(z, work[CHUNK:])
                replaced[0] += _enter(source, place, channels, work, count)
                replaced[0] += _guarded_sections(work, count, now, aim, moving, z, first, frames)
            for t in range(count):
                value = np.float32(work[t])
                target[place + t * channels] = value if abs(value) >= SMALLEST or value != value else np.float32(0.0)
    if frames:
        _arrive(now, aim)


@part
def _delay(samples, line, place):
    """Each sample takes the place in `line` of the oldest one, which comes out."""
    at = place[0]
    for i in range(samples.size):
        samples[i], line[at] = line[at], samples[i]
        at = at + 1 if at + 1 < line.size else 0
    place[0] = at


# state of `dry_wet`: channels, address of (now, aim), of a table of one step, of work space, of the delayed dry signal,
# its size, addresses of the place in it and of how many samples were replaced
@stage_step
def dry_wet(state, x, y, frames):
    """(1 - g) x + g (x through a step), x as late as the step is."""
    channels, g, late = state[0], doubles_at(state, 1, 0, 2, state), state[5]
    table, dry = integers_at(state, 2, 0, 2, state), floats_at(state, 3, 0, CHUNK * channels, x)
    line, place = floats_at(state, 4, 0, late, x), integers_at(state, 6, 0, 1, state)
    replaced = integers_at(state, 7, 0, 1, state)
    source, target = carray(x, frames * channels), carray(y, frames * channels)
    start, aim = g[0], g[1]
    rise = (aim - start) / max(frames, 1)
    for first in range(0, frames, CHUNK):
        count = min(CHUNK, frames - first)
        here = target[first * channels : (first + count) * channels]
        replaced[0] += _enter(source, first * channels, 1, dry, count * channels)
        call_step(table, 0, dry, here, count)
        if late:
            _delay(dry[: count * channels], line, place)
        for t in range(count):
            wet = np.float32(aim if rise == 0.0 else start + (first + t + 1) * rise)
            for i in range(t * channels, (t + 1) * channels):
                here[i] = (np.float32(1.0) - wet) * dry[i] + wet * here[i]
    if frames:
        g[0] = aim


@part
def _least(needs, queue, n, need):
    """The least of the last needs, with `need` for frame n: of them a queue keeps those that may yet be the least.

    queue: numbers of frames, then where the first lies and how many there are.
    """
    span = needs.size
    head, length = queue[span], queue[span + 1]
    if length and queue[head] <= n - span:
        head, length = (head + 1) % span, length - 1
    while length and needs[queue[(head + length - 1) % span] % span] >= need:
        length -= 1
    needs[n % span] = need
    queue[(head + length) % span] = n
    queue[span], queue[span + 1] = head, length + 1
    return needs[queue[head] % span]


@part
def _mean(gains, place, gain, numbers):
    """The mean of the last gains; their sum is made anew once a round, so that no rounding piles up."""
    if place == 0:
        total = gain
        for i in range(1, gains.size):
            total += gains[i]
    else:
        total = numbers[SUM] + (gain - gains[place])
    numbers[SUM] = total
    gains[place] = gain
    return total / gains.size


RELEASE, GAIN, SUM = 2, 3, 4  # after the threshold (now, aim)


# state of `limiter`: channels, span: frames that it looks ahead + 1, addresses of numbers, needs, gains, queue and
# counter of frames, delayed frames, how many samples were replaced
@stage_step
def limiter(state, x, y, frames):
    """No sample beyond a threshold: each frame times the mean of gains that all are small enough for it."""
    channels, span = state[0], state[1]
    numbers, queue = doubles_at(state, 2, 0, 5, state), integers_at(state, 5, 0, span + 3, state)
    needs, gains = doubles_at(state, 3, 0, span, state), doubles_at(state, 4, 0, span, state)
    delay, replaced = floats_at(state, 6, 0, span * channels, x), integers_at(state, 7, 0, 1, state)
    source, target = carray(x, frames * channels), carray(y, frames * channels)
    start, aim = numbers[0], numbers[1]
    rise = (aim - start) / max(frames, 1)
    for t in range(frames):
        threshold = aim if rise == 0.0 else start + (t + 1) * rise
        n = queue[span + 2]
        place, oldest, peak = n % span, (n + 1) % span, 0.0
        for c in range(channels):
            value = source[t * channels + c]
            if value - value != 0:
                value = source.dtype.type(0)
                replaced[0] += 1
            delay[place * channels + c] = value
            peak = max(peak, abs(np.float64(value)))
        least = _least(needs, queue, n, threshold / peak if peak > threshold else 1.0)
        numbers[GAIN] = min(least, numbers[GAIN] + (1.0 - numbers[GAIN]) * numbers[RELEASE])
        factor = _mean(gains, place, numbers[GAIN], numbers)
        for c in range(channels):
            target[t * channels + c] = np.float32(delay[oldest * channels + c] * factor)
        queue[span + 2] = n + 1
    if frames:
        numbers[0] = aim
