"""A stage of second-order sections."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audioconv._typing import Array, ArrayLike
from audioconv.errors import ArgumentError, ShapeError
from audioconv.kernels.realtime._biquad import BIQUAD, MEMORY_SIZE, biquad
from audioconv.kernels.realtime.chain import SUB_BLOCK
from audioconv.stream.biquad_design import A0, A1, A2, B0, B1, B2, COLUMNS, Kind, frequency_response, section
from audioconv.stream.processor import Processor, counter
from audioconv.stream.smoothed import SmoothedParameter
from audioconv.stream.steps import Entry, compiled
from audioconv.stream.values import finite, finite_table, hertz, hertz_or_none


class Biquad(Processor):
    """Second-order sections (biquad filters), one after the other, computed in float64.

    Parameters
    ----------
    sos : float array, shape (sections, 6)
        As `scipy.signal` designs them (`butter(..., output="sos")`): b0 b1 b2 a0 a1 a2 a section. A smoothed parameter:
        it may be set later.
    channels : int
    sample_rate : float, optional
        In Hz, that the sections are made for. Chains, files and sound cards of another one then refuse the stage.

    Attributes
    ----------
    channels, out_channels : int
    rate_in, rate_out : float or None
        The sample rate, if it is known.
    nonfinite_count : int
        How many samples were not finite and have been replaced, since the signal began.

    Raises
    ------
    ShapeError, ArgumentError
        If sos has another shape, an a0 of 0, or numbers that are not finite.

    Notes
    -----
    The result has as many samples as the signal: the decay after it (infinite impulse response) comes out if zeros
    are sent after it.

    A sample that is not finite is taken as 0. Where a result would be beyond float32, because sections are not stable,
    the state of the channel is reset; the result is infinite there, and is counted.

    Examples
    --------
    >>> import numpy as np
    >>> Biquad([[1.0, 0, 0, 1, -0.5, 0]]).process(np.array([1, 0, 0], "float32"))
    array([1.  , 0.5 , 0.25], dtype=float32)
    """

    def __init__(self, sos: ArrayLike, *, channels: int = 1, sample_rate: float | None = None) -> None:
        super().__init__(channels)
        self.rate_in = self.rate_out = hertz_or_none(sample_rate)
        self._sos = _checked_sos(sos)
        self._smoothed, sections = SmoothedParameter(_coefficients(self._sos)), len(self._sos)
        self._memory = np.zeros((self.channels, sections, MEMORY_SIZE))
        self._work = np.empty(SUB_BLOCK + MEMORY_SIZE * sections)
        self._nonfinite = counter()

    @property
    def sos(self) -> Array:
        """The sections with a0 = 1, a copy; may be set to as many others.

        They are interpolated linearly over the next block.
        """
        return self._sos.copy()

    @sos.setter
    def sos(self, value: ArrayLike) -> None:
        sos = _checked_sos(value)
        if sos.shape != self._sos.shape:
            raise ShapeError(f"sos must have as many sections as before, {len(self._sos)}, not {len(sos)}")
        self._smoothed.target, self._sos = _coefficients(sos), sos

    @classmethod
    def design(cls, kind: Kind, sample_rate: float, frequency_hz: float, *, q: float = 0.5**0.5, gain_db: float = 0.0,
               channels: int = 1) -> "Biquad":  # fmt: skip
        """One section of a usual shape.

        Parameters
        ----------
        kind : {"lowpass", "highpass", "bandpass", "notch", "allpass", "peak", "lowshelf", "highshelf"}
            bandpass: 0 dB at its peak.
        sample_rate : float, in Hz
        frequency_hz : float
            Of the corner, or the middle; between 0 and half of the sample rate.
        q : float
            Sharpness; 0.707 is Butterworth's for "lowpass" and "highpass".
        gain_db : float
            Of "peak" in its middle, of a shelf at its end.
        channels : int

        Returns
        -------
        Biquad

        Raises
        ------
        ArgumentError
            For another kind, frequency, q or gain.

        References
        ----------
        Bristow-Johnson, Audio EQ Cookbook (W3C Note, 2021).

        Examples
        --------
        >>> rumble = Biquad.design("highpass", 48000, 80.0)
        """
        sample_rate = hertz(sample_rate)
        sos = [section(kind, sample_rate, frequency_hz, q, gain_db)]
        return cls(sos, channels=channels, sample_rate=sample_rate)

    def frequency_response(self, frequency_hz: ArrayLike) -> NDArray[np.complex128]:
        """The response of the sections, as they were set.

        Parameters
        ----------
        frequency_hz : float array

        Returns
        -------
        response : complex128 array, shape of frequency_hz
            Its magnitude is the gain, its angle the phase.

        Raises
        ------
        ArgumentError
            Above half of the sample rate, and if the sample rate is not known.

        Examples
        --------
        >>> import numpy as np
        >>> half = abs(Biquad.design("lowpass", 48000, 1000.0).frequency_response([0.0, 1000.0])) ** 2
        >>> half.round(3).tolist()
        [1.0, 0.5]
        """
        if self.rate_in is None:
            raise ArgumentError("the sample rate is not known: make the Biquad with sample_rate=")
        return frequency_response(self._sos, self.rate_in, frequency_hz)

    def _reset(self) -> None:
        self._memory.fill(0)
        self._smoothed.settle()
        self._nonfinite.fill(0)

    def _compiled_step(self) -> Entry:
        coefficients, version = self._smoothed.fields
        row = BIQUAD.pack(channels=self.channels, sections=len(self._sos), coefficients=coefficients, version=version,
                          memory=self._memory.reshape(-1), work=self._work, nonfinite=self._nonfinite)  # fmt: skip
        return compiled(biquad, row)

    def _parameters(self) -> dict[str, Any]:
        rate = {} if self.rate_in is None else {"sample_rate": self.rate_in}
        return {"sections": len(self._sos)} | rate


def _checked_sos(values: ArrayLike) -> Array:
    """The sections with a0 = 1."""
    sos = finite_table(values, "sos")
    if sos.ndim != 2 or sos.shape[1] != COLUMNS or not len(sos):
        raise ShapeError(f"sos must have shape (sections, {COLUMNS}), not {sos.shape}")
    a0 = sos[:, A0, None]
    if not a0.all():
        raise ArgumentError(f"a0 (column {A0}) of sos must not be 0")
    with np.errstate(over="ignore"):
        return finite(sos / a0, f"sos divided by its a0 (column {A0})")


def _coefficients(sos: Array) -> Array:
    """A `SECTION` of each section."""
    coefficients: Array = sos[:, [B0, B1, B2, A1, A2]]
    return coefficients
