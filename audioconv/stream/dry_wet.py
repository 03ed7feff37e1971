"""A stage beside the dry signal."""

from typing import Any

import numpy as np

from audioconv._typing import FloatArray
from audioconv.arrays import aligned, number
from audioconv.errors import ArgumentError
from audioconv.kernels.realtime.chain import SUB_BLOCK
from audioconv.kernels.realtime.mixing import DRY_WET, POSITION, dry_wet
from audioconv.kernels.realtime.smoothed import SMOOTHED
from audioconv.stage import Stage
from audioconv.stream.chain import Chain
from audioconv.stream.fir import Fir
from audioconv.stream.processor import Processor, counter
from audioconv.stream.steps import Entry, compiled


class DryWet(Processor):
    """Mix of the dry signal x and the output y of a stage: (1 - wet) x + wet y.

    Parameters
    ----------
    stage : a stage, or a chain
        Gives as many channels as it takes. A delay line delays the dry signal by its latency. It is this one's own from
        then on, and in use while this one is.
    wet : float, 0 to 1
        A smoothed parameter: it may be set later, and is interpolated linearly over the next block.

    Attributes
    ----------
    latency : int, in samples
        The stage's.
    channels, out_channels : int
    rate_in, rate_out : float or None
        The sample rate for which the stage is made, if it knows one.
    nonfinite_count : int
        How many samples were not finite and have been replaced by zeros, since the signal began.

    Raises
    ------
    ArgumentError
        For wet outside of 0 to 1, or a stage that changes the number of channels or the sample rate.
    BusyError
        If the stage is in use.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv.stream import Gain
    >>> DryWet(Gain(20.0), 0.5).process(np.ones(1, "float32"))
    array([5.5], dtype=float32)
    """

    _for_channels = "a stage of channels={0}"

    def __init__(self, stage: Stage | Fir, wet: float = 0.5) -> None:
        inside = stage if isinstance(stage, Chain) else Chain([stage])
        super().__init__(inside.channels)
        if inside.out_channels != self.channels:
            raise ArgumentError(f"a stage beside the dry signal must give as many channels as it takes, and this one "
                                f"takes {inside.channels} and gives {inside.out_channels}")  # fmt: skip
        self._chain, self._inside, self.latency = inside, [inside], inside.latency
        self.rate_in, self.rate_out, self._nonfinite = inside.rate_in, inside.rate_out, counter()
        self._wet, self._work = np.zeros(SMOOTHED.row_size), aligned(SUB_BLOCK * self.channels, np.float32)
        self._line = np.zeros(self.latency * self.channels, np.float32)
        self._position = np.zeros(POSITION.row_size, np.int64)
        self.wet = wet
        self._wet[SMOOTHED.current] = self._wet[SMOOTHED.target]
        self._share_guard()
        self._prepare()

    @property
    def wet(self) -> float:
        """The share of the stage's output."""
        return float(self._wet[SMOOTHED.target])

    @wet.setter
    def wet(self, value: float) -> None:
        self._wet[SMOOTHED.target] = number(value, "wet", 0, 1)

    def _flush(self) -> FloatArray:
        wet = np.float32(self.wet)
        rest = self._chain._flush().reshape(-1, self.channels) * wet
        dry = np.roll(self._line, -self._position[POSITION.oldest]).reshape(-1, self.channels)
        rest[: self.latency] += (1 - wet) * dry
        self._clear()
        return self._shaped(rest)

    def _reset(self) -> None:
        self._chain._reset()
        self._clear()

    def _clear(self) -> None:
        self._wet[SMOOTHED.current] = self._wet[SMOOTHED.target]
        for zeros in (self._line, self._position, self._nonfinite):
            zeros.fill(0)

    def _compiled_step(self) -> Entry:
        row = DRY_WET.pack(channels=self.channels, wet=self._wet, table=self._table_inside(), work=self._work,
                           line=self._line, line_size=self._line.size, position=self._position,
                           nonfinite=self._nonfinite)  # fmt: skip
        return compiled(dry_wet, row)

    def _parameters(self) -> dict[str, Any]:
        return {"stage": self._chain, "wet": self.wet}
