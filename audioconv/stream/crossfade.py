"""Crossfade of impulse responses: the convolver instances of a stream, their spectra and states, and their mix."""

from typing import Any

import numpy as np

from audioconv.arrays import aligned
from audioconv.kernels.dsp import right_angle
from audioconv.kernels.dsp.partition import advance
from audioconv.kernels.dsp.partition_layout import convolver_arrays, convolver_segments, filter_spectra, reset_header
from audioconv.kernels.realtime import crossfade as kernels
from audioconv.kernels.realtime.atomics import read, write
from audioconv.kernels.realtime.chain import ENTRY
from audioconv.kernels.realtime.crossfade import CONTROL, CONVOLVER, CUT, INSTANCE
from audioconv.kernels.simd.pointers import address_of
from audioconv.stream.steps import Entry, compiled, table_of_steps


class ConvolverInstance:
    """One convolver: a partitioned convolution with a state of its own, from silence on.

    Parameters
    ----------
    responses : array, shape (filters, taps)
    shape : kernels.partition_layout.Shape
    """

    def __init__(self, responses: Any, shape: Any) -> None:
        arrays = convolver_arrays(shape)
        self.shape, self._header, self._schedule, self._plans = shape, arrays.header, arrays.schedule, arrays.plans
        self._spectra = filter_spectra(shape, arrays, responses)
        self._state = aligned(arrays.state_size, shape.dtype)
        self._note_addresses()
        self.reset()

    def reset(self) -> None:
        """Forget the signal so far."""
        self._state.fill(0)
        reset_header(self._header)

    def rewind(self) -> None:
        """`reset` where all input was silence, so that the samples are zeros already."""
        reset_header(self._header)

    def copy(self) -> "ConvolverInstance":
        """An independent copy with the same state; the spectra, which never change, are shared."""
        other = object.__new__(ConvolverInstance)
        other.__setstate__(self.__dict__ | {"_header": self._header.copy()})
        return other

    def row(self, mode: int, fade: int, fed: int) -> Any:
        """The `INSTANCE` row for a fade-in of `fade` frames, after input from frame number `fed` on."""
        ringing = self.shape.taps + self.shape.latency + kernels.MIX_BLOCK
        step = advance.address(self.shape.dtype)
        row = INSTANCE.pack(step=step, name=self.address, mode=mode, fade=fade, faded=0, tail=ringing, fed=fed,
                            unused=0)  # fmt: skip
        return np.array(row, np.int64)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_plans": None, "_segments": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        name, levels = self.shape.dtype.name, self.shape.levels
        self._plans = [right_angle.plan(2 * level.partition_size, name) for level in levels]
        self._state = aligned(len(state["_state"]), self.shape.dtype)
        self._state[:] = state["_state"]
        self._spectra.flags.writeable = False  # copied arrays come back writable
        self._note_addresses()

    def _note_addresses(self) -> None:
        self._segments = convolver_segments(self._header, self._state, self._spectra, self._schedule, self._plans)
        self.address: int = address_of(self._segments)


class Crossfade:
    """The state of the step `kernels.crossfade.convolver`, and the memory that must live as long as it.

    Parameters
    ----------
    instance : ConvolverInstance
        The first one, without a fade-in.
    past_frames : int
        Length of the ring buffer of past input, for later instances.

    Attributes
    ----------
    newest : ConvolverInstance
    """

    def __init__(self, instance: ConvolverInstance, past_frames: int) -> None:
        self._shape, self._past_frames = instance.shape, past_frames
        inputs, outputs, dtype = instance.shape.inputs, instance.shape.outputs, instance.shape.dtype
        self._past = np.empty(past_frames * inputs, dtype)
        self._work = aligned(kernels.work_size(inputs, outputs), dtype)
        self._control = np.zeros(CONTROL.row_size, np.int64)
        self._rows = np.zeros((kernels.MAX_INSTANCES, INSTANCE.row_size), np.int64)
        self._mixer = np.zeros(ENTRY.row_size, np.int64)
        self.newest = instance
        self.begin()

    def begin(self) -> None:
        """Reset, with the newest instance alone and without a fade-in."""
        self.newest.reset()
        self._past.fill(0)  # it also touches the pages, so that no block has to wait for page faults
        self.rewind()

    def rewind(self) -> None:
        """`begin` where all input was silence, so that the samples are zeros already."""
        self.newest.rewind()
        replace_nonfinite = self._control[CONTROL.replace_nonfinite]
        self._control.fill(0)
        self._control[CONTROL.instances], self._control[CONTROL.replace_nonfinite] = 1, replace_nonfinite
        self._rows.fill(0)
        self._rows[0] = self.newest.row(CUT, 0, 0)
        self._living = {self.newest.address: self.newest}
        self._posted: dict[int, Any] = {}

    def step(self, of: Any = kernels.convolver) -> Entry:
        """Address and state of the step."""
        row = CONVOLVER.pack(inputs=self._shape.inputs, outputs=self._shape.outputs, control=self._control,
                             instances=self._rows.reshape(-1), past=self._past, past_frames=self._past_frames,
                             work=self._work, mixer=self._mixer)  # fmt: skip
        return compiled(of, row, self._shape.dtype)

    def _prepare_to_mix(self) -> None:
        """Compile or load the mixer of instances when it is first needed: it takes a second."""
        if not self._mixer[ENTRY.step]:
            address, self._mixing = self.step(kernels.mix_instances)
            self._mixer[ENTRY.state] = address_of(self._mixing)
            self._mixer[ENTRY.step] = address

    def post(self, instance: ConvolverInstance, mode: int, fade: int) -> None:
        """Post a new instance to be faded in; blocks may be processed meanwhile."""
        known = max(0, int(self._control[CONTROL.frames]) - instance.shape.latency - instance.shape.taps + 1)
        row = instance.row(mode, fade, known)
        if mode == CUT:
            table, _entries = table_of_steps([self.step()])
            kernels.catch_up(table, row, np.empty(kernels.MIX_BLOCK * self._shape.outputs, self._shape.dtype))
        self._prepare_to_mix()
        self._forget_silent()
        self._posted[address_of(row)], self._living[instance.address], self.newest = row, instance, instance
        kernels.post(self._control, address_of(row))

    def in_use(self) -> list[tuple[Any, ConvolverInstance]]:
        """(row, instance) of each in the mix, oldest first, and of a posted one; no block may be in process."""
        rows = list(self._rows[: self._control[CONTROL.instances]])
        waiting = int(self._control[CONTROL.mailbox] or self._control[CONTROL.pending])
        rows += [self._posted[waiting]] if waiting else []
        return [(row, self._living[int(row[INSTANCE.name])]) for row in rows]

    def snapshot(self) -> dict[str, Any]:
        """A copy of the whole state."""
        frames = min(int(self._control[CONTROL.frames]), self._past_frames)
        pairs = [(row.copy(), instance.copy()) for row, instance in self.in_use()]
        past = self._past[: frames * self._shape.inputs].copy()
        return {"control": self._control.copy(), "past": past, "instances": pairs}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        pairs = [(row.copy(), instance.copy()) for row, instance in state["instances"]]
        self.newest = pairs[-1][1]
        self._past.fill(0)
        self._past[: len(state["past"])] = state["past"]
        self._rows.fill(0)
        self._control[:] = state["control"]
        self._control[CONTROL.mailbox] = self._control[CONTROL.pending] = 0
        self._living, self._posted = {instance.address: instance for _, instance in pairs}, {}
        self._prepare_to_mix()
        for i, (row, instance) in enumerate(pairs):
            row[INSTANCE.name] = instance.address
            if i < self._control[CONTROL.instances]:
                self._rows[i] = row
            else:
                self._posted[address_of(row)] = row
                self._control[CONTROL.mailbox] = address_of(row)

    @property
    def replace_nonfinite(self) -> bool:
        """Whether samples that are not finite are replaced."""
        return bool(self._control[CONTROL.replace_nonfinite])

    @replace_nonfinite.setter
    def replace_nonfinite(self, value: bool) -> None:
        self._prepare_to_mix()
        write(self._control, CONTROL.replace_nonfinite, int(bool(value)))

    @property
    def nonfinite_count(self) -> int:
        """How many samples were replaced."""
        return int(self._control[CONTROL.nonfinite])

    def __getstate__(self) -> dict[str, Any]:
        return {"past_frames": self._past_frames, "state": self.snapshot()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        _, instance = state["state"]["instances"][-1]
        self.__init__(instance.copy(), state["past_frames"])  # type: ignore[misc]  # addresses are of this process
        self.restore(state["state"])

    def _forget_silent(self) -> None:
        """Free instances that are no longer used, while blocks may be in process.

        An instance moves from the mailbox to those pending, from there to the rows, and in these towards the first:
        looked at in this order none is missed.
        """
        waiting = [read(self._control, place) for place in (CONTROL.mailbox, CONTROL.pending)]
        self._posted = {address: row for address, row in self._posted.items() if address in waiting}
        used = {int(row[INSTANCE.name]) for row in self._posted.values()}
        rows = self._rows.reshape(-1)
        used |= {read(rows, i + INSTANCE.name) for i in reversed(range(0, rows.size, INSTANCE.row_size))}
        self._living = {address: instance for address, instance in self._living.items() if address in used}
