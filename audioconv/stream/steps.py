"""Compiled steps of stages: their states, and the tables of them that kernels run."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from audioconv._typing import Array
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.realtime.chain import ENTRY, ENTRY_SIZE

State: TypeAlias = Any  # an int64 array; without JIT a list of the numbers and arrays themselves
Entry: TypeAlias = tuple[int, State]  # address of a step, its state
Table: TypeAlias = tuple[Array, Sequence[Entry]]  # as `kernels.chain.run_chain` takes it, and what it points at


class CompiledStage(Protocol):
    """A stage that a table of steps can hold."""

    channels: int

    def compiled_step(self) -> Entry:
        """Address and state of its step."""


def compiled(step: Any, row: Iterable[Any], dtype: Any = "float32") -> Entry:
    """(address of a step, its state): see `step_state`."""
    return step.address(np.dtype(dtype)), step_state(row)


def step_state(row: Iterable[Any]) -> State:
    """The state of a step of a row of numbers and arrays, as a layout packs it; arrays must outlive it."""
    if not JIT_ENABLED:
        return list(row)
    return np.array([field.ctypes.data if isinstance(field, np.ndarray) else field for field in row], np.int64)


def table_of(stages: Iterable[CompiledStage]) -> Table:
    """The table of `kernels.chain.run_chain` for stages, and what it points at."""
    return table_of_steps([stage.compiled_step() for stage in stages])


def table_of_steps(entries: Sequence[Entry]) -> Table:
    """`table_of` for pairs (address, state)."""
    if not JIT_ENABLED:
        flat = np.empty(ENTRY_SIZE * len(entries), object)
        for i, (address, state) in enumerate(entries):
            flat[ENTRY_SIZE * i + ENTRY.step], flat[ENTRY_SIZE * i + ENTRY.state] = address, state
        return flat, entries
    rows = [ENTRY.pack(step=address, state=state.ctypes.data) for address, state in entries]
    return np.array(rows, np.int64).reshape(-1), entries


def channels_after(stage: Any) -> int:
    """How many channels a stage gives: as many as it takes unless it says otherwise."""
    channels: int = getattr(stage, "out_channels", stage.channels)
    return channels
