"""Chains of stages, one after the other in one compiled call a block."""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from itertools import groupby
from typing import Any

import numpy as np

from audioconv._typing import ArrayLike, FloatArray
from audioconv._wording import counted
from audioconv.arrays import aligned
from audioconv.errors import ArgumentError
from audioconv.kernels.realtime import chain as kernels
from audioconv.kernels.realtime.chain import CHAIN, SUB_BLOCK
from audioconv.stage import GuardedStage, Stage, checked_block, for_channels, value_text
from audioconv.stream.fir import Fir
from audioconv.stream.jit_stage import JitStage
from audioconv.stream.processor import Processor
from audioconv.stream.steps import Entry, channels_after, compiled


class Chain(Processor):
    """Stages one after the other, in one compiled call a block.

    Parameters
    ----------
    stages : list of stages
        In float32, and each for as many channels as the one before it gives: `Gain`, `Biquad`, `MatrixMixer`,
        `Limiter`, `DryWet`, `StreamConvolver`, `JitStage`, chains; or `Fir`, which is streamed. They are the chain's
        own from then on, and in use while it is. A stage without a compiled step (`Resample`, or what else has process,
        flush, reset, latency and channels) runs between the compiled calls of those before and after it.

    Attributes
    ----------
    channels, out_channels : int
        Of blocks and results.
    latency : int, in samples
        Of the result, at its sample rate (rounded where the rate changes on the way).
    rate_in, rate_out : int or None
        The sample rates, in Hz, for which its stages are made, and which they give; None if no stage knows one.
    nonfinite_count : int
        How many samples its stages have replaced because they were not finite.

    Raises
    ------
    ArgumentError
        For what is no audio stage, and for stages whose channels or sample rates do not fit.
    BusyError
        If a stage is in use.

    Notes
    -----
    Where the number of channels changes on the way, stages get 256 samples at a time, and smoothed parameters reach
    their targets within these.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv.stream import Gain, StreamConvolver
    >>> echo = StreamConvolver(np.array([1.0, 0.0, 0.5], "float32"))
    >>> chain = Chain([Gain(20.0), echo])
    >>> chain.process(np.array([1.0, 0.0], "float32"))
    array([10.,  0.], dtype=float32)
    >>> chain.flush()
    array([5., 0.], dtype=float32)
    """

    _for_channels = "stages of channels={0}"
    stages: list[Any]

    def __init__(self, stages: Sequence[Stage | Fir]) -> None:
        if not isinstance(stages, (list, tuple)):
            raise ArgumentError(f"a chain is made of a list of stages, not {stages!r}")
        stages = [each for stage in stages for each in (stage.stages if isinstance(stage, Chain) else [stage])]
        if not stages:
            raise ArgumentError("a chain needs at least one stage")
        self.stages = _fitting(stages)
        super().__init__(self.stages[0].channels, channels_after(self.stages[-1]))
        self.rate_in, self.rate_out, self.latency = _rates(self.stages)
        self._parts = None if all(map(_has_step, self.stages)) else _parts(self.stages)
        self._inside = self.stages if self._parts is None else ()
        channels = [self.channels, *map(channels_after, self.stages)]
        self._channels_between = np.array(channels, np.int64)
        self._work = aligned(2 * SUB_BLOCK * max(channels) if len(set(channels)) > 1 else 0, np.float32)
        self._share_guard()
        self._prepare()

    def _prepare(self) -> None:
        if self._parts is None:
            super()._prepare()

    def _held(self) -> Sequence[Any]:
        return [*self.stages, *(self._parts or ())]

    def _process(self, block: ArrayLike, out: FloatArray | None = None) -> FloatArray:
        if self._parts is None:
            return super()._process(block, out)
        if out is not None:
            raise ArgumentError(f"a chain with {self._without_step()} makes arrays of its own; out must be None")
        samples: FloatArray = checked_block(block, self._dtype, self._shapes, stage=self)
        for part in self._parts:
            samples = _inner(part, "process")(samples)
        return samples

    def _flush(self) -> FloatArray:
        """Flush each stage through those after it."""
        if self._parts is not None:
            return _drained(self._parts, [_inner(part, "process") for part in self._parts])
        one_by_one = [self._step(i) for i in range(len(self.stages))]
        return self._shaped(_drained(self.stages, one_by_one))

    def _step(self, i: int) -> Callable[[FloatArray], FloatArray]:
        """The i-th stage alone, by its step, which takes blocks of any length."""
        entry = slice(kernels.ENTRY_SIZE * i, kernels.ENTRY_SIZE * (i + 1))
        table, before, after = self._table_inside()[entry].copy(), *self._channels_between[i : i + 2]

        def process(samples: FloatArray) -> FloatArray:
            x: Any = np.array(samples, order="C").reshape(-1)
            y: Any = np.empty(len(samples) * after, np.float32)
            kernels.run_chain(table, 1, x, x if before == after else y, len(samples))
            result: FloatArray = (x if before == after else y).reshape(-1, after)
            return result

        return process

    @property
    def nonfinite_count(self) -> int:
        """How many samples the stages have replaced because they were not finite, since the signal began."""
        return sum(getattr(stage, "nonfinite_count", 0) for stage in self.stages)

    def _reset(self) -> None:
        for stage in self.stages:
            _inner(stage, "reset")()

    def _compiled_step(self) -> Entry:
        if self._parts is not None:
            raise ArgumentError(f"a chain with {self._without_step()} has no compiled step, for that stage has none: "
                                f"it works in Python, between blocks")  # fmt: skip
        row = CHAIN.pack(stages=len(self.stages), table=self._table_inside(), channels=self._channels_between,
                         work=self._work, work_size=self._work.size)  # fmt: skip
        return compiled(kernels.whole_chain, row)

    def _parameters(self) -> dict[str, Any]:
        return {"stages": self.stages, "latency": self.latency}

    def __repr__(self) -> str:
        names = ", ".join(type(stage).__name__ for stage in self.stages)
        channels = ", ".join(f"{name}={number}" for name, number in self._channels().items())
        return f"Chain([{names}], {channels}, latency={self.latency})"

    def _repr_html_(self) -> str:
        """A table of the stages, for notebooks."""
        head = "".join(f"<th>{title}</th>" for title in ("", "stage", "channels", "latency", "parameters"))
        rows = "".join(f"<tr>{_cells(i, stage)}</tr>" for i, stage in enumerate(self.stages, 1))
        rate = "" if self.rate_in is None else f", {self.rate_in:g} Hz"
        if self.rate_in is not None and self.rate_out is not None and self.rate_out != self.rate_in:
            rate += f" to {self.rate_out:g} Hz"
        about = f"Chain of {counted(len(self.stages), 'stage')}, latency {self.latency} samples{rate}"
        return f"<table><caption>{about}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def _without_step(self) -> str:
        return next(type(stage).__name__ for stage in self.stages if not _has_step(stage))


def _cells(number: int, stage: Any) -> str:
    """The cells of a stage's row in a table."""
    channels = dict.fromkeys((stage.channels, channels_after(stage)))
    parameters = stage._parameters() if isinstance(stage, GuardedStage) else {}
    text = ", ".join(f"{name}={value_text(value)}" for name, value in parameters.items())
    cells = number, type(stage).__name__, " to ".join(map(str, channels)), _latency(stage), text
    return "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)


def _inner(stage: Any, name: str) -> Callable[..., Any]:
    """A method of a stage inside, whose guard the chain holds already."""
    method: Callable[..., Any] = getattr(stage, f"_{name}" if isinstance(stage, GuardedStage) else name)
    return method


def _latency(stage: Any) -> int:
    latency: int = getattr(stage, "look_ahead", stage.latency)  # a network's step is late by what it looks ahead
    return latency


def _has_step(stage: Any) -> bool:
    return hasattr(stage, "compiled_step")


def _fitting(stages: Iterable[Any]) -> list[Any]:
    """The stages, filters as streams, if each takes as many channels as the one before it gives."""
    width: int = next((stage.channels for stage in stages if hasattr(stage, "channels")), 1)
    fitting: list[Any] = []
    for i, stage in enumerate(stages):
        name = type(stage).__name__
        if isinstance(stage, Fir):
            stage = stage.stream(channels=width)
        elif callable(stage) and not hasattr(stage, "process"):
            stage = JitStage(stage, channels=width)
        if not all(hasattr(stage, name) for name in ("process", "flush", "reset", "latency", "channels")):
            raise ArgumentError(f"{name} cannot be a stage of a chain: it has no process, flush, reset, latency and "
                                f"channels, as stages of sound have")  # fmt: skip
        if stage.channels != width:
            raise ArgumentError(f"stage {i + 1} of the chain, {name}, takes {counted(stage.channels, 'channel')}, but "
                                f"{type(fitting[-1]).__name__} before it gives {width}; make it with "
                                f"{for_channels(stage, width)}")  # fmt: skip
        fitting.append(stage)
        width = channels_after(stage)
    return fitting


def _rates(stages: Iterable[Any]) -> tuple[float | None, float | None, int]:
    """The sample rates before and after, None where no stage knows one, and the latency at the latter."""
    rate_in = rate_out = None
    late = 0.0
    for i, stage in enumerate(stages):
        if getattr(stage, "rate_out", None) is not None:
            if rate_out is not None and stage.rate_in != rate_out:
                raise ArgumentError(f"stage {i + 1} of the chain, {type(stage).__name__}, is made for {stage.rate_in} "
                                    f"Hz, but what comes before it for {rate_out} Hz; make it with that sample rate, "
                                    f"or put a Resample between them")  # fmt: skip
            rate_in = stage.rate_in if rate_in is None else rate_in
            rate_out = stage.rate_out
            late *= stage.rate_out / stage.rate_in
        late += _latency(stage)
    return rate_in, rate_out, round(late)


def _parts(stages: Sequence[Any]) -> list[Any]:
    """Chains of neighbours that have compiled steps, and the other stages between them."""
    parts: list[Any] = []
    for has_step, group in groupby(stages, _has_step):
        neighbours = list(group)
        parts += [Chain(neighbours)] if has_step else neighbours
    return parts


def _drained(stages: Sequence[Any], processes: Sequence[Callable[..., Any]]) -> FloatArray:
    """Flush stages in a row: the tail of each goes through those after it, before they are flushed."""
    due: FloatArray = np.empty(0, np.float32)
    for stage, process in zip(stages, processes, strict=True):
        passed = process(due) if len(due) else due
        rest = _inner(stage, "flush")()
        due = np.concatenate([passed.reshape(-1, *rest.shape[1:]), rest])
    return due
