"""A compressor and a noise gate: the gain follows the level."""

from functools import partial
from typing import Any

import numpy as np

from audioconv.arrays import is_number, number
from audioconv.kernels.realtime import dynamics as kernels
from audioconv.kernels.realtime.dynamics import COMPRESSOR, DYNAMICS, GATE_MEMORY, NOISE_GATE, REDUCTION
from audioconv.stream.processor import counter
from audioconv.stream.smoothed_processor import SmoothedProcessor, setting
from audioconv.stream.steps import Entry, compiled
from audioconv.stream.values import factor, hertz, smoothing_coefficient

_NOT_NEGATIVE = partial(number, least=0)


def _decibels(value: float, name: str) -> float:
    factor(value, name)
    return float(value)


def _attenuation(value: float, name: str) -> float:
    return float(value) if is_number(value) and value == np.inf else number(value, name, 0)


class _Dynamics(SmoothedProcessor):
    """Base of stages that give all channels of a frame one gain, by their largest magnitude."""

    _kernel: Any
    _memory_size: int

    def __init__(self, sample_rate: float, channels: int, **values: float) -> None:
        self.rate_in = self.rate_out = hertz(sample_rate)
        super().__init__(channels, **values)
        self._memory, self._nonfinite = np.zeros(self._memory_size), counter()
        self._reset()

    def _coefficient(self, time_ms: float) -> float:
        assert self.rate_in is not None
        return smoothing_coefficient(time_ms, self.rate_in)

    def _reset(self) -> None:
        super()._reset()
        self._memory.fill(0)
        self._nonfinite.fill(0)

    def _compiled_step(self) -> Entry:
        settings, version = self._smoothed.fields
        row = DYNAMICS.pack(channels=self.channels, settings=settings, version=version, memory=self._memory,
                            nonfinite=self._nonfinite)  # fmt: skip
        return compiled(self._kernel, row)

    def _parameters(self) -> dict[str, Any]:
        return {"sample_rate": self.rate_in} | self._values


class Compressor(_Dynamics):
    """Compressor: what is louder than a threshold becomes softer, by a ratio.

    It is feed-forward, in the log domain: a gain computer with a soft knee says by how many dB a level is to be
    reduced, and the smooth decoupled peak detector smooths that, first the release, then the attack. The gain of all
    channels is one, by the loudest of them.

    Parameters
    ----------
    threshold_db : float, in dB of full scale
    ratio : float >= 1
        By so many dB the level must grow above the threshold that the result grows by one.
    sample_rate : float, in Hz
    attack_ms, release_ms : float >= 0
        Time constants with which the reduction grows and returns: after so long 63 % of it is there, or gone.
    knee_db : float >= 0
        Width of the knee around the threshold, in which the ratio grows from 1.
    makeup_db : float, in dB
        Gain of the result.
    channels : int

    Attributes
    ----------
    channels, out_channels : int
    rate_in, rate_out : float
        The sample rate: chains, files and sound cards of another one refuse the stage.
    nonfinite_count : int
        How many samples were not finite and have been replaced by zeros, since the signal began.

    Raises
    ------
    ArgumentError
        For numbers that make no sense.

    Notes
    -----
    All parameters but sample rate and channels may be set later; they are interpolated linearly over the next block.

    References
    ----------
    Giannoulis, Massberg, Reiss, Digital Dynamic Range Compressor Design: A Tutorial and Analysis, JAES 60 (2012),
    equations 4 (gain computer) and 17 (smooth decoupled peak detector).

    Examples
    --------
    >>> import numpy as np
    >>> compressor = Compressor(-20.0, 4.0, sample_rate=48000, attack_ms=0, release_ms=0, knee_db=0)
    >>> compressor.process(np.array([0.1, 1.0], "float32")).round(4)
    array([0.1   , 0.1778], dtype=float32)
    >>> round(compressor.gain_reduction_db, 1)
    15.0
    """

    _kernel, _memory_size = kernels.compressor, REDUCTION.row_size
    _checks = {"threshold_db": number, "ratio": partial(number, least=1), "attack_ms": _NOT_NEGATIVE,
               "release_ms": _NOT_NEGATIVE, "knee_db": _NOT_NEGATIVE, "makeup_db": _decibels}  # fmt: skip
    threshold_db: float = setting("threshold_db", "In decibels of full scale.")
    ratio: float = setting("ratio", "By so many dB the level grows above the threshold that the result grows by one.")
    attack_ms: float = setting("attack_ms", "The time constant with which the reduction grows.")
    release_ms: float = setting("release_ms", "The time constant with which the reduction returns.")
    knee_db: float = setting("knee_db", "The width of the knee.")
    makeup_db: float = setting("makeup_db", "The gain of the result.")

    def __init__(self, threshold_db: float = -20.0, ratio: float = 4.0, *, sample_rate: float, attack_ms: float = 5.0,
                 release_ms: float = 100.0, knee_db: float = 6.0, makeup_db: float = 0.0,
                 channels: int = 1) -> None:  # fmt: skip
        super().__init__(sample_rate, channels, threshold_db=threshold_db, ratio=ratio, attack_ms=attack_ms,
                         release_ms=release_ms, knee_db=knee_db, makeup_db=makeup_db)  # fmt: skip

    @property
    def gain_reduction_db(self) -> float:
        """By how many dB the latest frame was made softer; may be read while a sound card plays."""
        return float(self._memory[REDUCTION.smoothed])

    def _numbers(self, values: dict[str, float]) -> Any:
        return COMPRESSOR.pack(
            threshold_db=values["threshold_db"], slope=1 - 1 / values["ratio"], knee_db=values["knee_db"],
            makeup_db=values["makeup_db"], attack=self._coefficient(values["attack_ms"]),
            release=self._coefficient(values["release_ms"]),
        )  # fmt: skip


class NoiseGate(_Dynamics):
    """Noise gate: what is softer than a threshold for a while is made softer still.

    The gate opens with the first frame at the threshold. It closes when no frame has been at the lower threshold, which
    is hysteresis_db below, for the hold time. The gain of all channels is one, by the loudest of them.

    Parameters
    ----------
    threshold_db : float, in dB of full scale
        At which the gate opens.
    sample_rate : float, in Hz
    attack_ms : float >= 0
        Time constant with which the gain grows when the gate opens.
    hold_ms : float >= 0
        For how long the gate stays open below the lower threshold. A tone passes zero twice a period, so that this is
        to be longer than half of the longest one.
    release_ms : float >= 0
        Time constant with which the gain falls when the gate closes.
    hysteresis_db : float >= 0
        By how much the threshold at which it closes is lower.
    reduction_db : float >= 0
        Attenuation when closed; infinity is silence.
    channels : int

    Attributes
    ----------
    channels, out_channels : int
    rate_in, rate_out : float
        The sample rate: chains, files and sound cards of another one refuse the stage.
    nonfinite_count : int
        How many samples were not finite and have been replaced by zeros, since the signal began.

    Raises
    ------
    ArgumentError
        For numbers that make no sense.

    Notes
    -----
    All parameters but sample rate and channels may be set later; they are interpolated linearly over the next block.
    While the gate is open and its gain has arrived, samples keep all their bits.

    References
    ----------
    Reiss, McPherson, Audio Effects: Theory, Implementation and Application (2015), section 6.3.

    Examples
    --------
    >>> import numpy as np
    >>> gate = NoiseGate(-20.0, sample_rate=1000, attack_ms=0, hold_ms=1, release_ms=0)
    >>> gate.process(np.array([0.01, 0.5, 0.01, 0.01], "float32")).round(4), gate.is_open
    (array([0.  , 0.5 , 0.01, 0.  ], dtype=float32), False)
    """

    _kernel, _memory_size = kernels.noise_gate, GATE_MEMORY.row_size
    _checks = {"threshold_db": _decibels, "attack_ms": _NOT_NEGATIVE, "hold_ms": _NOT_NEGATIVE,
               "release_ms": _NOT_NEGATIVE, "hysteresis_db": _NOT_NEGATIVE, "reduction_db": _attenuation}  # fmt: skip
    threshold_db: float = setting("threshold_db", "In decibels of full scale, at which the gate opens.")
    attack_ms: float = setting("attack_ms", "The time constant with which the gain grows.")
    hold_ms: float = setting("hold_ms", "For how long the gate stays open.")
    release_ms: float = setting("release_ms", "The time constant with which the gain falls.")
    hysteresis_db: float = setting("hysteresis_db", "By how much the threshold at which it closes is lower.")
    reduction_db: float = setting("reduction_db", "Attenuation when closed.")

    def __init__(self, threshold_db: float = -50.0, *, sample_rate: float, attack_ms: float = 1.0,
                 hold_ms: float = 50.0, release_ms: float = 100.0, hysteresis_db: float = 6.0,
                 reduction_db: float = 60.0, channels: int = 1) -> None:  # fmt: skip
        super().__init__(sample_rate, channels, threshold_db=threshold_db, attack_ms=attack_ms, hold_ms=hold_ms,
                         release_ms=release_ms, hysteresis_db=hysteresis_db, reduction_db=reduction_db)  # fmt: skip

    @property
    def is_open(self) -> bool:
        """Whether the gate is open; may be read while a sound card plays."""
        return bool(self._memory[GATE_MEMORY.is_open])

    def _numbers(self, values: dict[str, float]) -> Any:
        assert self.rate_in is not None
        opens, down = factor(values["threshold_db"], "threshold_db"), -values["hysteresis_db"]
        return NOISE_GATE.pack(
            open=opens, close=opens * factor(down, "hysteresis_db"),
            closed_gain=factor(-values["reduction_db"], "reduction_db", silence=True),
            attack=self._coefficient(values["attack_ms"]), release=self._coefficient(values["release_ms"]),
            hold=round(values["hold_ms"] * self.rate_in / 1000),
        )  # fmt: skip

    def _reset(self) -> None:
        super()._reset()
        self._memory[GATE_MEMORY.gain] = self._smoothed.target[NOISE_GATE.closed_gain]
