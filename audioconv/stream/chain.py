"""Chains of stages, one after the other in one compiled call a block; and a stage beside the dry signal."""

import numpy as np

from audioconv.arrays import aligned
from audioconv.errors import ArgumentError
from audioconv.kernels import chain as kernels
from audioconv.stream.fir import Fir
from audioconv.stream.sound import Sound, compiled


class Chain(Sound):
    """Stages one after the other, in one compiled call a block.

    Parameters
    ----------
    stages : list of stages
        All with the same number of channels and in float32: `Gain`, `Biquad`, `Limiter`, `DryWet`, `StreamConvolver`,
        chains; or `Fir`, which is streamed. They are the chain's own from then on.

    Raises
    ------
    ArgumentError
        For a stage that has no compiled step, or another number of channels.

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

    def __init__(self, stages):
        stages = [each for stage in stages for each in (stage.stages if isinstance(stage, Chain) else [stage])]
        counts = {stage.channels for stage in stages if hasattr(stage, "channels")}
        if not stages:
            raise ArgumentError("a chain needs at least one stage")
        if len(counts) > 1:
            raise ArgumentError(f"the stages of a chain must have one number of channels, not {sorted(counts)}")
        super().__init__(counts.pop() if counts else 1)
        self.stages = [s.stream(channels=self.channels) if isinstance(s, Fir) else s for s in stages]
        for stage in self.stages:
            if not (hasattr(stage, "compiled_step") and hasattr(stage, "channels")):
                raise ArgumentError(f"{type(stage).__name__} cannot be a stage of a chain: it has no step for sound")
        self.latency = sum(stage.latency for stage in self.stages)
        self._prepare()

    def _stages(self):
        return self.stages

    def flush(self):
        """End the signal: what is still due of each stage, through those after it; then start afresh."""
        with self._guard:
            due = [np.empty(0, np.float32)]
            for i, stage in enumerate(self.stages):
                rest = np.array(stage.flush(), order="C").reshape(-1)
                later = self._table[0][2 * i + 2 :].copy()
                kernels.run_chain(later, len(later) // 2, rest, rest, len(rest) // self.channels)
                due.append(rest)
            whole = np.concatenate(due)
            return whole if self.channels == 1 else whole.reshape(-1, self.channels)

    def reset(self):
        """Forget the signal so far."""
        for stage in self.stages:
            stage.reset()

    def compiled_step(self):
        table = self._table[0]
        return compiled(kernels.whole_chain, [self.channels, table, len(table) // 2])

    compiled_step.__doc__ = Sound.compiled_step.__doc__


class DryWet(Sound):
    """A part of the signal as it came, the rest through a stage: (1 - wet) x + wet y.

    Parameters
    ----------
    stage : a stage, or a chain
        Without latency. It is this one's own from then on.
    wet : float, 0 to 1
        May be set later; the next block then goes from one to the other in a straight line.

    Raises
    ------
    ArgumentError
        For wet outside of 0 to 1, or a stage that is late.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv.stream import Gain
    >>> DryWet(Gain(20.0), 0.5).process(np.ones(1, "float32"))
    array([5.5], dtype=float32)
    """

    def __init__(self, stage, wet=0.5):
        self._inside = Chain(stage.stages if isinstance(stage, Chain) else [stage])
        super().__init__(self._inside.channels)
        if self._inside.latency:
            raise ArgumentError(
                f"a stage beside the dry signal must not be late, and this one is {stage.latency} samples"
            )
        self._wet, self._work = np.zeros(2), aligned(kernels.CHUNK * self.channels, np.float32)
        self.wet = wet
        self._wet[0] = self._wet[1]

    @property
    def wet(self):
        """The part that goes through the stage."""
        return float(self._wet[1])

    @wet.setter
    def wet(self, value):
        if not 0 <= value <= 1:
            raise ArgumentError(f"wet must be from 0 to 1, not {value!r}")
        self._wet[1] = value

    def flush(self):
        """End the signal: what the stage still has to say; then start afresh."""
        with self._guard:
            rest = self._inside.flush() * np.float32(self.wet)
            self._wet[0] = self._wet[1]
            return rest

    def reset(self):
        """Forget the signal so far."""
        self._inside.reset()
        self._wet[0] = self._wet[1]

    def compiled_step(self):
        table = self._inside._table[0]
        return compiled(kernels.dry_wet, [self.channels, self._wet, table, len(table) // 2, self._work])

    compiled_step.__doc__ = Sound.compiled_step.__doc__
