"""Stages of sound: gain, second-order sections, a mixing matrix, a limiter."""

import numpy as np

from audioconv.arrays import number
from audioconv.errors import ArgumentError, ShapeError
from audioconv.kernels.realtime import chain as kernels
from audioconv.stream import biquad_design
from audioconv.stream.processor import Processor, SmoothedParameter, compiled
from audioconv.stream.values import factor, finite, finite_table, hertz, hertz_or_none


class Gain(Processor):
    """Louder or softer.

    Parameters
    ----------
    gain_db : float
        May be set later; the next block then goes from one gain to the other in a straight line. -inf is silence.
    channels : int

    Raises
    ------
    ArgumentError
        For a gain that is nan, infinite, or above 770 dB.

    Examples
    --------
    >>> import numpy as np
    >>> Gain(20.0).process(np.ones(2, "float32"))
    array([10., 10.], dtype=float32)
    """

    def __init__(self, gain_db=0.0, *, channels=1):
        super().__init__(channels)
        self._gain = np.ones(2)
        self.gain_db = gain_db
        self.reset()

    @property
    def gain_db(self):
        """In decibels; -inf is silence."""
        return float(20 * np.log10(self._gain[1])) if self._gain[1] else -np.inf

    @gain_db.setter
    def gain_db(self, value):
        self._gain[1] = factor(value, "gain_db", silence=True)

    def reset(self):
        """Start with the gain as it is set."""
        self._gain[0] = self._gain[1]

    def compiled_step(self):
        return compiled(kernels.gain, [self.channels, self._gain])

    compiled_step.__doc__ = Processor.compiled_step.__doc__


class Biquad(Processor):
    """Second-order sections, one after the other, computed in float64.

    Parameters
    ----------
    sos : float array, shape (sections, 6)
        As `scipy.signal` designs them (`butter(..., output="sos")`): b0 b1 b2 a0 a1 a2 a section.
    channels : int
    sample_rate : float, optional
        In Hz, that the sections are made for. Chains, files and sound cards of another one then refuse the stage.

    Attributes
    ----------
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
    The result has as many samples as the signal: what rings after it, in principle for ever, comes out if zeros are
    sent after it.

    A sample that is not finite is taken as 0. Where a result would be beyond float32, because sections are not stable,
    those of the channel begin anew from silence; the result is infinite there, and is counted.

    Examples
    --------
    >>> import numpy as np
    >>> Biquad([[1.0, 0, 0, 1, -0.5, 0]]).process(np.array([1, 0, 0], "float32"))
    array([1.  , 0.5 , 0.25], dtype=float32)
    """

    def __init__(self, sos, *, channels=1, sample_rate=None):
        super().__init__(channels)
        self.rate_in = self.rate_out = hertz_or_none(sample_rate)
        self._sos = _checked_sos(sos)
        self._smoothed, sections = SmoothedParameter(_coefficients(self._sos)), len(self._sos)
        self._memory, self._work = np.zeros((self.channels, sections, 3)), np.empty(kernels.CHUNK + 3 * sections)
        self._nonfinite = np.zeros(1, np.int64)

    @property
    def sos(self):
        """The sections with a0 = 1, a copy; may be set to as many others.

        The next block then goes from one to the other in a straight line.
        """
        return self._sos.copy()

    @sos.setter
    def sos(self, value):
        value = _checked_sos(value)
        if value.shape != self._sos.shape:
            raise ShapeError(f"sos must have as many sections as before, {len(self._sos)}, not {len(value)}")
        self._smoothed.aim, self._sos = _coefficients(value), value

    @classmethod
    def design(cls, kind, sample_rate, frequency_hz, *, q=0.5**0.5, gain_db=0.0, channels=1):
        """One section of a usual shape.

        Parameters
        ----------
        kind : str
            "lowpass", "highpass", "bandpass" (0 dB at its peak), "notch", "allpass", "peak", "lowshelf" or "highshelf".
        sample_rate : float
        frequency_hz : float
            Of the corner, or the middle; between 0 and half of the sample rate.
        q : float
            Sharpness; 0.707 is Butterworth's for "lowpass" and "highpass".
        gain_db : float
            Of "peak" in its middle, of a shelf at its end.

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
        section = biquad_design.section(kind, sample_rate, frequency_hz, q, gain_db)
        return cls([section], channels=channels, sample_rate=sample_rate)

    def reset(self):
        """Forget the signal so far."""
        self._memory.fill(0)
        self._smoothed.arrive()
        self._nonfinite.fill(0)

    def compiled_step(self):
        slots = [*self._smoothed.slots, self._memory.reshape(-1), self._work, self._nonfinite]
        return compiled(kernels.biquad, [self.channels, len(self._sos), *slots])

    compiled_step.__doc__ = Processor.compiled_step.__doc__


def _checked_sos(sos):
    """The sections with a0 = 1."""
    sos = finite_table(sos, "sos")
    if sos.ndim != 2 or sos.shape[1] != 6 or not len(sos):
        raise ShapeError(f"sos must have shape (sections, 6), not {sos.shape}")
    if not sos[:, 3].all():
        raise ArgumentError("a0 (column 3) of sos must not be 0")
    with np.errstate(over="ignore"):
        return finite(sos / sos[:, 3:4], "sos divided by its a0 (column 3)")


def _coefficients(sos):
    """b0 b1 b2 a1 a2 of each section."""
    return sos[:, [0, 1, 2, 4, 5]]


class MatrixMixer(Processor):
    """Each channel of the result is a sum of those of the signal, each times its factor: y = x @ matrix.

    Parameters
    ----------
    matrix : float array, shape (channels, out_channels)

    Raises
    ------
    ShapeError, ArgumentError
        If the matrix has another shape, or numbers that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> MatrixMixer([[1.0, 1.0]]).process(np.array([1.0, 2.0], "float32"))  # one channel on two
    array([[1., 1.],
           [2., 2.]], dtype=float32)
    >>> MatrixMixer([[0.5], [0.5]]).process(np.array([[1.0, 3.0]], "float32"))  # the mean of two
    array([2.], dtype=float32)
    >>> middle_and_side = MatrixMixer([[0.5, 0.5], [0.5, -0.5]])
    """

    _for_channels = "a matrix of {0} row(s)"

    def __init__(self, matrix):
        matrix = _checked_matrix(matrix)
        super().__init__(*matrix.shape)
        self._smoothed, self._frame = SmoothedParameter(matrix), np.empty(self.channels)

    @property
    def matrix(self):
        """The factors, a copy; may be set to others of this shape, to which the next block goes in a straight line."""
        return self._smoothed.aim.reshape(self.channels, self.out_channels).copy()

    @matrix.setter
    def matrix(self, value):
        value = _checked_matrix(value)
        if value.shape != (self.channels, self.out_channels):
            raise ShapeError(f"matrix must have shape {(self.channels, self.out_channels)} as before, "
                             f"not {value.shape}")  # fmt: skip
        self._smoothed.aim = value

    def reset(self):
        """Start with the matrix as it is set."""
        self._smoothed.arrive()

    def compiled_step(self):
        return compiled(kernels.matrix_mixer, [self.channels, self.out_channels, *self._smoothed.slots, self._frame])

    compiled_step.__doc__ = Processor.compiled_step.__doc__


def _checked_matrix(matrix):
    matrix = finite_table(matrix, "matrix")
    if matrix.ndim != 2 or not matrix.size:
        raise ShapeError(f"matrix must have shape (channels, out_channels), not {matrix.shape}")
    return matrix


class Limiter(Processor):
    """No sample beyond a threshold, and no corner in the gain: it looks ahead.

    Each frame gets the mean of gains over as many frames as it looks ahead, each of which is small enough for all of
    these frames. The gain of all channels is one.

    Parameters
    ----------
    threshold_db : float
        May be set later; the next block then goes from one to the other in a straight line, and until the frames before
        have come out the larger one holds.
    sample_rate : float
    look_ahead_ms, release_ms : float
        Results are late by the one; after a peak the gain returns with the other as time constant.
    channels : int

    Attributes
    ----------
    latency : int, in samples
    rate_in, rate_out : float
        The sample rate: chains, files and sound cards of another one refuse the stage.
    nonfinite_count : int
        How many samples were not finite and have been replaced by zeros, since the signal began.

    Raises
    ------
    ArgumentError
        For numbers that make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> limiter = Limiter(0.0, sample_rate=1000, look_ahead_ms=1)
    >>> limiter.process(np.array([0, 5, 0, 0], "float32"))
    array([0., 0., 1., 0.], dtype=float32)
    """

    def __init__(self, threshold_db=-1.0, *, sample_rate, look_ahead_ms=1.5, release_ms=50.0, channels=1):
        super().__init__(channels)
        self.rate_in = self.rate_out = sample_rate = hertz(sample_rate)
        look_ahead_ms, release_ms = number(look_ahead_ms, "look_ahead_ms", 0), number(release_ms, "release_ms", above=0)
        self.latency = round(sample_rate * look_ahead_ms / 1000)
        span = self.latency + 1
        self._numbers, self._needs, self._gains = np.zeros(5), np.ones(span), np.ones(span)
        self._queue, self._delay = np.zeros(span + 3, np.int64), np.zeros(span * self.channels, np.float32)
        self._nonfinite = np.zeros(1, np.int64)
        self._numbers[kernels.RELEASE] = -np.expm1(-1000 / (release_ms * sample_rate))
        self.threshold_db = threshold_db
        self.reset()

    @property
    def threshold_db(self):
        """In decibels of full scale."""
        return float(20 * np.log10(self._numbers[1]))

    @threshold_db.setter
    def threshold_db(self, value):
        threshold = factor(value, "threshold_db")
        if not threshold:
            raise ArgumentError(f"threshold_db must be more than silence, not {value!r}")
        self._numbers[1] = threshold

    def flush(self):
        """End the signal: the frames that are still on their way; then start afresh."""
        return self._ended(self.latency)

    def reset(self):
        """Forget the signal so far."""
        self._numbers[0], self._numbers[kernels.GAIN], self._numbers[kernels.SUM] = (
            self._numbers[1],
            1,
            self.latency + 1,
        )
        self._needs.fill(1), self._gains.fill(1), self._queue.fill(0), self._delay.fill(0), self._nonfinite.fill(0)

    def compiled_step(self):
        arrays = self._numbers, self._needs, self._gains, self._queue, self._delay, self._nonfinite
        return compiled(kernels.limiter, [self.channels, self.latency + 1, *arrays])

    compiled_step.__doc__ = Processor.compiled_step.__doc__
