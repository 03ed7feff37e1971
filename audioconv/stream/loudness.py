"""Integrated loudness (ITU-R BS.1770), block by block: memory grows by a few numbers a second."""

from typing import Any

import numpy as np

from audioconv._typing import Array, ArrayLike
from audioconv.arrays import whole
from audioconv.errors import ArgumentError
from audioconv.io.metadata import DEFAULT_CHANNEL_MASKS
from audioconv.stage import checked_block, described, sample_shapes

_STEPS = 4  # of 100 ms in a gating block of 400 ms, which overlap by 75 %
_STEPS_A_SECOND = 10
_OFFSET_DB, _ABSOLUTE_GATE, _RELATIVE_GATE = -0.691, -70.0, -10.0  # equations 2 and 6
_SURROUND_GAIN = 1.41
_LOW_FREQUENCY = 0x8 | 0x200000  # the masks of speakers in a WAV file
_BEHIND = 0x10 | 0x20 | 0x100 | 0x200 | 0x400  # back and side speakers


class LoudnessMeter:
    """Integrated loudness of a signal that comes block by block.

    Parameters
    ----------
    sample_rate : int, Hz
    channels : int
    speakers : int, optional
        Bit mask of the speakers, as in a WAV file: surround channels count 1.41 times, those of low frequencies not at
        all. By default 5 channels are L R C Ls Rs, 6 are L R C LFE Ls Rs, and so on.

    Raises
    ------
    ArgumentError
        For a sample rate below 4000 Hz, for which the weighting is not defined.

    References
    ----------
    ITU-R BS.1770-4, annex 1. The weighting is that of pyloudnorm (Steinmetz and Reiss, AES 150, 2021).

    Examples
    --------
    >>> meter = LoudnessMeter(48000)
    >>> meter.add(np.sin(2 * np.pi * 997 / 48000 * np.arange(96000)))
    >>> round(meter.integrated_lufs(), 1)
    -3.1
    """

    def __init__(self, sample_rate: int, channels: int = 1, speakers: int | None = None):
        self.sample_rate, self.channels = whole(sample_rate, "sample_rate"), whole(channels, "channels")
        if self.sample_rate < 4000:
            raise ArgumentError(f"loudness is measured from 4000 Hz, not at {sample_rate} Hz; use the peak instead")
        self._sos = _weighting(self.sample_rate)
        self._state = np.zeros((len(self._sos), 2, self.channels))
        if speakers is None and self.channels != 4:  # four may be quadraphony or Ambisonics, and count alike
            speakers = DEFAULT_CHANNEL_MASKS.get(self.channels)
        self._gains = _gains(self.channels, speakers)
        self._energies = [0.0]  # of steps, over all channels; the last one is not complete
        self._position = 0

    def add(self, block: ArrayLike) -> None:
        """Take the next block.

        Parameters
        ----------
        block : float array, shape (samples,) or (samples, channels)

        Raises
        ------
        DtypeError, ShapeError
            For a block that is not float32 or float64, or of other channels.
        """
        from scipy.signal import sosfilt

        samples = checked_block(block, None, sample_shapes(self.channels), stage=self)
        if not len(samples):
            return
        samples = samples.reshape(len(samples), self.channels).astype(np.float64)
        weighted, self._state = sosfilt(self._sos, samples, axis=0, zi=self._state)
        power = (np.square(weighted) * self._gains).sum(axis=1)
        done = 0
        while done < len(power):
            end = len(self._energies) * self.sample_rate // _STEPS_A_SECOND  # of the step, in samples of the signal
            count = min(len(power) - done, end - self._position)
            self._energies[-1] += float(power[done : done + count].sum())
            done, self._position = done + count, self._position + count
            if self._position == end:
                self._energies.append(0.0)

    def integrated_lufs(self) -> float:
        """Integrated loudness so far.

        Returns
        -------
        loudness : float, in LUFS
            Minus infinity for silence.

        Raises
        ------
        ArgumentError
            For a signal of less than 0.4 s, which has no loudness.
        """
        complete = np.array(self._energies[:-1])
        if len(complete) < _STEPS:
            raise ArgumentError(f"loudness is measured over 0.4 s at least, and there are "
                                f"{self._position / self.sample_rate:.3f} s; use the peak instead")  # fmt: skip
        length = _STEPS * self.sample_rate / _STEPS_A_SECOND
        power = np.convolve(complete, np.ones(_STEPS), "valid") / length
        power = power[_lufs(power) >= _ABSOLUTE_GATE]
        if len(power):
            power = power[_lufs(power) > _lufs(power.mean()) + _RELATIVE_GATE]
        return float(_lufs(power.mean())) if len(power) else -np.inf

    def __repr__(self) -> str:
        return described("LoudnessMeter", {"sample_rate": self.sample_rate, "channels": self.channels})


def _lufs(power: Any) -> Any:
    with np.errstate(divide="ignore"):
        return _OFFSET_DB + 10 * np.log10(power)


def _weighting(sample_rate: int) -> Array:
    """The two filters of the K-weighting as second-order sections."""
    from pyloudnorm.iirfilter import IIRfilter

    shelf = IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, sample_rate, "high_shelf")
    high_pass = IIRfilter(0.0, 0.5, 38.0, sample_rate, "high_pass")
    return np.array([[*each.b, *each.a] for each in (shelf, high_pass)])


def _gains(channels: int, speakers: int | None) -> Array:
    gains = np.ones(channels)
    speaker_bits = [1 << bit for bit in range(32) if (speakers or 0) >> bit & 1]
    for channel, speaker in enumerate(speaker_bits[:channels]):
        gains[channel] = 0.0 if speaker & _LOW_FREQUENCY else _SURROUND_GAIN if speaker & _BEHIND else 1.0
    return gains
