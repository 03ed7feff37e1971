"""The filters of a streaming convolver, each with its partitions, spectra and state; and those that sound at a time."""

import numpy as np

from audioconv.arrays import aligned
from audioconv.kernels.dsp import right_angle
from audioconv.kernels.dsp.partition import advance
from audioconv.kernels.dsp.partition_layout import convolver_arrays, filter_spectra, reset_header, segment_table
from audioconv.kernels.realtime import crossfade as kernels
from audioconv.kernels.simd.pointers import address_of
from audioconv.stream.processor import compiled, table_of_steps


class ConvolverInstance:
    """A partitioned convolution of its own, from silence on.

    Parameters
    ----------
    responses : array, shape (filters, taps)
    shape : kernels.partition_layout.Shape
    """

    def __init__(self, responses, shape):
        arrays = convolver_arrays(shape)
        self.shape, self._header, self._schedule, self._plans = shape, arrays.header, arrays.schedule, arrays.plans
        self._spectra = filter_spectra(shape, arrays, responses)
        self._state = aligned(arrays.state_size, shape.dtype)
        self._note_addresses()
        self.reset()

    def reset(self):
        """Forget the signal so far."""
        self._state.fill(0)
        reset_header(self._header)

    def rewind(self):
        """The same where all has been silence."""
        reset_header(self._header)

    def copy(self):
        """Another one that goes on from here by itself; the spectra, which never change, are shared."""
        other = object.__new__(ConvolverInstance)
        other.__setstate__(self.__dict__ | {"_header": self._header.copy()})
        return other

    def row(self, mode, fade, fed):
        """The row of `kernels.crossfade` for coming in over `fade` frames, with those from number `fed` on known."""
        ringing = self.shape.taps + self.shape.latency + kernels.CHUNK
        return np.array([advance.address(self.shape.dtype), self.address, mode, fade, 0, ringing, fed, 0], np.int64)

    def __getstate__(self):
        return self.__dict__ | {"_plans": None, "_segments": None}

    def __setstate__(self, state):
        self.__dict__.update(state)
        name, levels = self.shape.dtype.name, self.shape.levels
        self._plans = [right_angle.plan(2 * level.partition_size, name) for level in levels]
        self._state = aligned(len(state["_state"]), self.shape.dtype)
        self._state[:] = state["_state"]
        self._spectra.flags.writeable = False  # copied arrays come back writable
        self._note_addresses()

    def _note_addresses(self):
        self._segments = segment_table(self._header, self._state, self._spectra, self._schedule, self._plans)
        self.address = address_of(self._segments)


class Crossfade:
    """The state of the step `kernels.kernels.convolver`, and what must live as long as it.

    Parameters
    ----------
    instance : ConvolverInstance
        The first one, there at once.
    past_frames : int
        How many of the last frames are kept for instances to come.

    Attributes
    ----------
    newest : ConvolverInstance
    """

    def __init__(self, instance, past_frames):
        self._shape, self._past_frames = instance.shape, past_frames
        inputs, outputs, dtype = instance.shape.inputs, instance.shape.outputs, instance.shape.dtype
        self._past = np.empty(past_frames * inputs, dtype)
        self._scratch = aligned(kernels.scratch_size(inputs, outputs), dtype)
        self._control = np.zeros(kernels.CONTROLS, np.int64)
        self._rows, self._mixer = np.zeros((kernels.MOST, kernels.INSTANCE), np.int64), np.zeros(2, np.int64)
        self.newest = instance
        self.begin()

    def begin(self):
        """Start anew with the newest instance, which is there at once."""
        self.newest.reset()
        self._past.fill(0)  # it also touches the memory, so that no block has to wait for it
        self.rewind()

    def rewind(self):
        """The same where all has been silence."""
        self.newest.rewind()
        replace_nonfinite = self._control[kernels.REPLACE_NONFINITE]
        self._control.fill(0)
        self._control[[kernels.COUNT, kernels.REPLACE_NONFINITE]] = 1, replace_nonfinite
        self._rows.fill(0)
        self._rows[0] = self.newest.row(kernels.CUT, 0, 0)
        self._living, self._posted = {self.newest.address: self.newest}, {}

    def step(self, of=kernels.convolver):
        """Address and state of the step."""
        slots = [self._shape.inputs, self._shape.outputs, self._control, self._rows.reshape(-1), self._past,
                 self._past_frames, self._scratch, self._mixer]  # fmt: skip
        return compiled(of, slots, self._shape.dtype)

    def _prepare_to_mix(self):
        """Compile or load what mixes instances: a second that streams do without whose filter never changes."""
        if not self._mixer[0]:
            address, self._mixing = self.step(kernels.mix)
            self._mixer[1] = address_of(self._mixing)
            self._mixer[0] = address

    def post(self, instance, mode, fade):
        """Let a new instance come in; blocks may be in work meanwhile."""
        known = max(0, int(self._control[kernels.FRAMES]) - instance.shape.latency - instance.shape.taps + 1)
        row = instance.row(mode, fade, known)
        if mode == kernels.CUT:
            table, _kept = table_of_steps([self.step()])
            kernels.catch_up(table, row, np.empty(kernels.CHUNK * self._shape.outputs, self._shape.dtype))
        self._prepare_to_mix()
        self._forget_silent()
        self._posted[address_of(row)], self._living[instance.address], self.newest = row, instance, instance
        kernels.post(self._control, address_of(row))

    def in_use(self):
        """(row, instance) of each that sounds, oldest first, and of one that is about to; no block may be in work."""
        rows = list(self._rows[: self._control[kernels.COUNT]])
        waiting = int(self._control[kernels.MAILBOX] or self._control[kernels.PENDING])
        rows += [self._posted[waiting]] if waiting else []
        return [(row, self._living[int(row[kernels.NAME])]) for row in rows]

    def snapshot(self):
        """All of it, as it is."""
        frames = min(int(self._control[kernels.FRAMES]), self._past_frames)
        pairs = [(row.copy(), instance.copy()) for row, instance in self.in_use()]
        past = self._past[: frames * self._shape.inputs].copy()
        return {"control": self._control.copy(), "past": past, "instances": pairs}

    def restore(self, state):
        """Be as at a snapshot."""
        pairs = [(row.copy(), instance.copy()) for row, instance in state["instances"]]
        self.newest = pairs[-1][1]
        self._past.fill(0)
        self._past[: len(state["past"])] = state["past"]
        self._rows.fill(0)
        self._control[:] = state["control"]
        self._control[[kernels.MAILBOX, kernels.PENDING]] = 0
        self._living, self._posted = {instance.address: instance for _, instance in pairs}, {}
        self._prepare_to_mix()
        for i, (row, instance) in enumerate(pairs):
            row[kernels.NAME] = instance.address
            if i < self._control[kernels.COUNT]:
                self._rows[i] = row
            else:
                self._posted[address_of(row)] = row
                self._control[kernels.MAILBOX] = address_of(row)

    @property
    def replace_nonfinite(self):
        """Whether samples that are not finite are replaced."""
        return bool(self._control[kernels.REPLACE_NONFINITE])

    @replace_nonfinite.setter
    def replace_nonfinite(self, value):
        self._prepare_to_mix()
        self._control[kernels.REPLACE_NONFINITE] = bool(value)

    @property
    def nonfinite_count(self):
        """How many were."""
        return int(self._control[kernels.NONFINITE])

    def __getstate__(self):
        return {"past_frames": self._past_frames, "state": self.snapshot()}

    def __setstate__(self, state):
        _, instance = state["state"]["instances"][-1]
        self.__init__(instance.copy(), state["past_frames"])
        self.restore(state["state"])

    def _forget_silent(self):
        """Let go of instances that are not used any more, while blocks may be in work.

        An instance moves from the mailbox to those pending, from there to the rows, and in these towards the first:
        looked at in this order none is missed.
        """
        waiting = [int(self._control[place]) for place in (kernels.MAILBOX, kernels.PENDING)]
        self._posted = {address: row for address, row in self._posted.items() if address in waiting}
        used = {int(row[kernels.NAME]) for row in [*self._posted.values(), *self._rows[::-1]]}
        self._living = {address: instance for address, instance in self._living.items() if address in used}
