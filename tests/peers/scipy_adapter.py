"""audioconv's functions behind the names and arguments of scipy.signal, so that scipy's own tests can call them.

Arguments are translated, nothing is computed in place of audioconv. Integers go through float64 and back,
which is exact below 2**53. What audioconv does not offer raises `NotOfferedError`, which no test of scipy expects.
"""

import numpy as np
from scipy.signal import ShortTimeFFT as ScipyShortTimeFFT

import audioconv as ac

BOUNDARIES = {"fill": "zero", "symm": "reflect", "wrap": "wrap"}  # scipy: ours
calls = 0  # of audioconv, so that tests which never reach it are told apart


class NotOfferedError(Exception):
    """What is asked for is nothing that audioconv has; not a ValueError, which tests of wrong arguments wait for."""


def _count():
    global calls
    calls += 1


def _translated(*arrays):
    """Arrays in the dtypes that audioconv takes, and how to give the result the dtype that scipy's has."""
    arrays = [np.asarray(array) for array in arrays]
    dtype = np.result_type(*arrays)
    if dtype.kind not in "biu":
        return [a.astype(np.float64) if a.dtype.kind in "biu" else a for a in arrays], lambda y: y
    return [array.astype(np.float64) for array in arrays], lambda y: np.rint(y).astype(dtype)


def _by_dimensions(x, h, mode, method):
    _count()
    if x.ndim != h.ndim:
        raise ValueError("arrays have other numbers of dimensions")
    if x.ndim == 1:
        return ac.convolve(x, h, mode, method=method)
    if x.ndim == 2:
        return ac.convolve2d(x, h, mode, method="overlap_add" if method == "fft" else method)
    raise NotOfferedError(f"{x.ndim} dimensions")


def convolve(in1, in2, mode="full", method="auto"):
    (x, h), back = _translated(in1, in2)
    return back(_by_dimensions(x, h, mode, method))


def correlate(in1, in2, mode="full", method="auto"):
    (x, h), back = _translated(in1, in2)
    if x.ndim == h.ndim == 1:
        _count()
        return back(ac.correlate(x, h, mode, method=method))
    return back(_by_dimensions(x, np.flip(h), mode, method))


def fftconvolve(in1, in2, mode="full", axes=None, *, method="fft"):
    """Over some axes; audioconv's channels, or a loop over planes, are what scipy broadcasts over the others."""
    (x, h), _ = _translated(in1, in2)
    if axes is None:
        return _by_dimensions(x, h, mode, method)
    axes = [int(axis) % x.ndim for axis in np.atleast_1d(axes)] if x.ndim else []
    if not x.size or not h.size:
        return _by_dimensions(x, h, mode, method)
    if len(axes) > 2:
        raise NotOfferedError(f"{len(axes)} dimensions")
    x, h = (np.moveaxis(array, axes, range(len(axes))) for array in (x, h))
    others = np.broadcast_shapes(x.shape[len(axes) :], h.shape[len(axes) :])
    x, h = (_flat(array, len(axes), others) for array in (x, h))
    _count()
    if len(axes) == 1:
        y = ac.convolve(x, h, mode, method=method, axis=0)
    else:
        ways = {"method": "overlap_add" if method == "fft" else method}
        planes = [ac.convolve2d(x[..., k], h[..., k], mode, **ways) for k in range(x.shape[-1])]
        y = np.stack(planes, axis=-1)
    return np.moveaxis(y.reshape(*y.shape[: len(axes)], *others), range(len(axes)), axes)


def _flat(array, kept, others):
    """The axes from `kept` on, broadcast to the shape `others`, as one."""
    return np.broadcast_to(array, (*array.shape[:kept], *others)).reshape(*array.shape[:kept], -1)


def oaconvolve(in1, in2, mode="full", axes=None):
    (x, h), back = _translated(in1, in2)
    y = fftconvolve(x, h, mode, axes, method="overlap_add")
    return back(y) if x.size == h.size == 1 else y  # scipy gives floats, but for one product


def convolve2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    (x, kernel), back = _translated(in1, in2)
    _count()
    if fillvalue != 0:
        raise NotOfferedError("a border of another value than zero")
    return back(ac.convolve2d(x, kernel, mode, boundary=BOUNDARIES.get(boundary, boundary)))


def correlate2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    return convolve2d(in1, np.flip(in2), mode, boundary, fillvalue)


def upfirdn(h, x, up=1, down=1, axis=-1, mode="constant", cval=0):
    (h, x), _ = _translated(h, x)
    _count()
    if mode not in ("constant", "zero") or cval:
        raise NotOfferedError(f"what stands around the signal: {mode!r}")
    if x.ndim > 2:
        lines = np.moveaxis(x, axis, 0)
        y = ac.upfirdn(h, lines.reshape(len(lines), -1), up, down, axis=0)
        return np.moveaxis(y.reshape(len(y), *lines.shape[1:]), 0, axis)
    return ac.upfirdn(h, x, up, down, axis=axis)


class ShortTimeFFT(ScipyShortTimeFFT):
    """scipy's class with audioconv's numbers: spectra, signals, dual window, borders, times, frequencies."""

    def _ours(self, size=None):
        _count()
        if np.iscomplexobj(self.win):
            raise NotOfferedError("a complex window")
        return ac.Stft(np.asarray(self.win), self.hop, self.mfft if size is None else size)

    @property
    def _without_transform(self):
        """For what does not depend on the size of the transform: one of a size that audioconv has."""
        return self._ours(max(8, 1 << (self.m_num - 1).bit_length()))

    @property
    def dual_win(self):
        if self._dual_win is None:
            self._dual_win = self._without_transform.dual
        return self._dual_win

    @property
    def p_min(self):
        return self._without_transform.first_frame

    def p_max(self, n):
        super().p_max(n)  # refuses what is no length
        ours = self._without_transform
        return ours.first_frame + ours.frames(n)

    @property
    def f(self):
        return self._ours().frequencies_hz(self.fs) if self.fft_mode == "onesided" else super().f

    def t(self, n, p0=None, p1=None, k_offset=0):
        theirs = super().t(n, p0, p1, k_offset)  # refuses what is no length
        if k_offset:
            return theirs
        ours = self._without_transform
        times = ours.times_s(ours.frames(n), self.fs)
        first, last = self.p_range(n, p0, p1)
        return times[first - ours.first_frame : last - ours.first_frame]

    def _phase(self, spectra, sign):
        """Turn (frames, bins, ...) from our phase, that of the window's middle, to the one that is wanted, or back."""
        shift = -self.m_num_mid if self.phase_shift is None else self.phase_shift
        turn = np.exp(sign * 2j * np.pi * shift / self.mfft * np.arange(self.f_pts)).astype(spectra.dtype)
        return spectra * turn[:, None]

    def _offered(self):
        if self.fft_mode != "onesided":
            raise NotOfferedError(f"fft_mode {self.fft_mode!r}")

    def stft(self, x, p0=None, p1=None, *, k_offset=0, padding="zeros", axis=-1):
        self._offered()
        if padding != "zeros" or k_offset:
            raise NotOfferedError(f"padding {padding!r}" if padding != "zeros" else "k_offset")
        (x,), _ = _translated(x)
        ours, lines = self._ours(), np.moveaxis(x, axis, 0)
        first, last = (p - ours.first_frame for p in self.p_range(len(lines), p0, p1))
        spectra = self._phase(ours(lines.reshape(len(lines), -1))[first:last], 1)
        spectra = np.moveaxis(spectra.reshape(*spectra.shape[:2], *lines.shape[1:]), (1, 0), (-2, -1))
        return np.moveaxis(spectra, -2, axis % x.ndim)  # bins where time was, frames last

    def istft(self, S, k0=0, k1=None, *, f_axis=-2, t_axis=-1):
        self._offered()
        if k0 < 0:
            raise NotOfferedError("samples before the signal")
        spectra = np.moveaxis(S, (t_axis, f_axis), (0, 1))
        flat = self._phase(spectra.reshape(*spectra.shape[:2], -1), -1)
        y = self._ours().inverse(flat, k1)[k0:]
        y = y.reshape(len(y), *spectra.shape[2:])
        return np.moveaxis(y, 0, min(f_axis % S.ndim, t_axis % S.ndim))
