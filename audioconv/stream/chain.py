"""Chains of stages, one after the other in one compiled call a block; and a stage beside the dry signal."""

from itertools import groupby

import numpy as np

from audioconv.arrays import aligned, number
from audioconv.errors import ArgumentError
from audioconv.kernels.realtime import chain as kernels
from audioconv.stream.fir import Fir
from audioconv.stream.jit_stage import JitStage
from audioconv.stream.processor import Processor, checked_block, compiled, for_channels, width_after


class Chain(Processor):
    """Stages one after the other, in one compiled call a block.

    Parameters
    ----------
    stages : list of stages
        In float32, and each for as many channels as the one before it gives: `Gain`, `Biquad`, `MatrixMixer`,
        `Limiter`, `DryWet`, `StreamConvolver`, `JitStage`, chains; or `Fir`, which is streamed. They are the chain's
        own from then on. A stage without a compiled step (`Resample`, or what else has process, flush, reset, latency
        and channels) runs between the compiled calls of those before and after it.

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
        For what is no stage of sound, and for stages whose channels or sample rates do not fit.

    Notes
    -----
    Where the number of channels changes on the way, stages get 256 samples at a time, and parameters that are set go to
    their new values within these.

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

    def __init__(self, stages):
        if not isinstance(stages, (list, tuple)):
            raise ArgumentError(f"a chain is made of a list of stages, not {stages!r}")
        stages = [each for stage in stages for each in (stage.stages if isinstance(stage, Chain) else [stage])]
        if not stages:
            raise ArgumentError("a chain needs at least one stage")
        self.stages = _fitting(stages)
        super().__init__(self.stages[0].channels, width_after(self.stages[-1]))
        self.rate_in, self.rate_out, self.latency = _rates(self.stages)
        self._parts = None if all(map(_has_step, self.stages)) else _parts(self.stages)
        self._inside = self.stages if self._parts is None else ()
        widths = [self.channels, *map(width_after, self.stages)]
        self._widths = np.array(widths, np.int64)
        self._work = aligned(2 * kernels.CHUNK * max(widths) if len(set(widths)) > 1 else 0, np.float32)
        self._prepare()

    def _prepare(self):
        if self._parts is None:
            super()._prepare()

    def process(self, block, out=None):
        if self._parts is None:
            return super().process(block, out)
        if out is not None:
            raise ArgumentError(f"a chain with {self._without_step()} makes arrays of its own; out must be None")
        with self._guard:
            block = checked_block(block, self)
            for part in self._parts:
                block = part.process(block)
            return block

    process.__doc__ = Processor.process.__doc__

    def flush(self):
        """End the signal: what is still due of each stage, through those after it; then start afresh."""
        with self._guard:
            if self._parts is not None:
                return _drained(self._parts, [part.process for part in self._parts])
            one_by_one = [self._step(i) for i in range(len(self.stages))]
            return self._shaped(_drained(self.stages, one_by_one))

    def _step(self, i):
        """The i-th stage alone, by its step, which takes blocks of any length."""
        table, before, after = self._table_inside()[2 * i : 2 * i + 2].copy(), self._widths[i], self._widths[i + 1]

        def process(samples):
            x, y = np.array(samples, order="C").reshape(-1), np.empty(len(samples) * after, np.float32)
            kernels.run_chain(table, 1, x, x if before == after else y, len(samples))
            return (x if before == after else y).reshape(-1, after)

        return process

    @property
    def nonfinite_count(self):
        """How many samples the stages have replaced because they were not finite, since the signal began."""
        return sum(getattr(stage, "nonfinite_count", 0) for stage in self.stages)

    def reset(self):
        """Forget the signal so far."""
        for stage in self.stages:
            stage.reset()

    def compiled_step(self):
        if self._parts is not None:
            raise ArgumentError(f"a chain with {self._without_step()} has no compiled step, for that stage has none: "
                                f"it works in Python, between blocks")  # fmt: skip
        slots = [len(self.stages), self._table_inside(), self._widths, self._work, self._work.size]
        return compiled(kernels.whole_chain, slots)

    compiled_step.__doc__ = Processor.compiled_step.__doc__

    def _without_step(self):
        return next(type(stage).__name__ for stage in self.stages if not _has_step(stage))


def _has_step(stage):
    return hasattr(stage, "compiled_step")


def _fitting(stages):
    """The stages, filters as streams, if each takes as many channels as the one before it gives."""
    width = next((stage.channels for stage in stages if hasattr(stage, "channels")), 1)
    fitting = []
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
            raise ArgumentError(f"stage {i + 1} of the chain, {name}, takes {stage.channels} channel(s), but "
                                f"{type(fitting[-1]).__name__} before it gives {width}; make it with "
                                f"{for_channels(stage, width)}")  # fmt: skip
        fitting.append(stage)
        width = width_after(stage)
    return fitting


def _rates(stages):
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
        late += getattr(stage, "look_ahead", stage.latency)  # a network's step is late by what it looks ahead
    return rate_in, rate_out, round(late)


def _parts(stages):
    """Chains of neighbours that have compiled steps, and the other stages between them."""
    parts = []
    for has_step, neighbours in groupby(stages, _has_step):
        neighbours = list(neighbours)
        parts += [Chain(neighbours)] if has_step else neighbours
    return parts


def _drained(stages, processes):
    """What is still due of stages in a row: that of each goes through those after it, and they end after it."""
    due = np.empty(0, np.float32)
    for stage, process in zip(stages, processes, strict=True):
        passed = process(due) if len(due) else due
        rest = stage.flush()
        due = np.concatenate([passed.reshape(-1, *rest.shape[1:]), rest])
    return due


class DryWet(Processor):
    """A part of the signal as it came, the rest through a stage: (1 - wet) x + wet y.

    Parameters
    ----------
    stage : a stage, or a chain
        Gives as many channels as it takes. If it is late, so is the dry signal. It is this one's own from then on.
    wet : float, 0 to 1
        May be set later; the next block then goes from one to the other in a straight line.

    Attributes
    ----------
    latency : int, in samples
        The stage's.
    rate_in, rate_out : float or None
        The sample rate for which the stage is made, if it knows one.
    nonfinite_count : int
        How many samples were not finite and have been replaced by zeros, since the signal began.

    Raises
    ------
    ArgumentError
        For wet outside of 0 to 1, or a stage that changes the number of channels or the sample rate.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv.stream import Gain
    >>> DryWet(Gain(20.0), 0.5).process(np.ones(1, "float32"))
    array([5.5], dtype=float32)
    """

    _for_channels = "a stage of channels={0}"

    def __init__(self, stage, wet=0.5):
        inside = stage if isinstance(stage, Chain) else Chain([stage])
        super().__init__(inside.channels)
        if inside.out_channels != self.channels:
            raise ArgumentError(f"a stage beside the dry signal must give as many channels as it takes, and this one "
                                f"takes {inside.channels} and gives {inside.out_channels}")  # fmt: skip
        self._inside, self.latency = [inside], inside.latency
        self.rate_in, self.rate_out, self._nonfinite = inside.rate_in, inside.rate_out, np.zeros(1, np.int64)
        self._wet, self._work = np.zeros(2), aligned(kernels.CHUNK * self.channels, np.float32)
        self._line, self._place = np.zeros(self.latency * self.channels, np.float32), np.zeros(1, np.int64)
        self.wet = wet
        self._wet[0] = self._wet[1]
        self._prepare()

    @property
    def wet(self):
        """The part that goes through the stage."""
        return float(self._wet[1])

    @wet.setter
    def wet(self, value):
        self._wet[1] = number(value, "wet", 0, 1)

    def flush(self):
        """End the signal: what the stage still has to say, and the end of the dry signal; then start afresh."""
        with self._guard:
            wet = np.float32(self.wet)
            rest = self._inside[0].flush().reshape(-1, self.channels) * wet
            dry = np.roll(self._line, -self._place[0]).reshape(-1, self.channels)
            rest[: self.latency] += (1 - wet) * dry
            self._clear()
            return self._shaped(rest)

    def reset(self):
        """Forget the signal so far."""
        self._inside[0].reset()
        self._clear()

    def _clear(self):
        self._wet[0] = self._wet[1]
        self._line.fill(0)
        self._place[0] = self._nonfinite[0] = 0

    def compiled_step(self):
        arrays = [self._table_inside(), self._work, self._line, self._line.size, self._place, self._nonfinite]
        return compiled(kernels.dry_wet, [self.channels, self._wet, *arrays])

    compiled_step.__doc__ = Processor.compiled_step.__doc__
