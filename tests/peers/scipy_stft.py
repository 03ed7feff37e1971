"""scipy's ShortTimeFFT with audioconv's numbers: spectra, signals, windows, borders, times, frequencies.

Spectra of other modes are made of the one-sided one: its mirror image, another order of bins, another scale. A complex
signal is two real ones, and a spectrum that is not symmetrical those of two.
"""

import numpy as np
from scipy.signal import ShortTimeFFT as ScipyShortTimeFFT

import audioconv as ac
from tests.peers.scipy_adapter import NotOfferedError, count, parts


class ShortTimeFFT(ScipyShortTimeFFT):
    """scipy's class; what it checks and keeps is its own, what it computes is audioconv's."""

    def _ours(self, window=None, hop=None, **settings):
        count()
        if np.iscomplexobj(self.win):
            raise NotOfferedError("a complex window")
        return ac.Stft(np.asarray(self.win) if window is None else window, hop or self.hop, **settings)

    def _transform(self, window=None, hop=None):
        """With the size and the phase of this one."""
        return self._ours(window, hop, fft_size=self.mfft, phase_shift=self.phase_shift)

    @property
    def dual_win(self):
        if self._dual_win is None:
            self._dual_win = self._ours().dual
        return self._dual_win

    def _factor(self, scaling):
        scaled, k = self._ours(scale_to=scaling, sample_rate=self.fs).window, np.abs(self.win).argmax()
        return scaled[k] / self.win[k]

    @property
    def fac_magnitude(self):
        return self._factor("magnitude")

    @property
    def fac_psd(self):
        return self._factor("psd")

    @property
    def p_min(self):
        return self._ours().first_frame

    def p_max(self, n):
        super().p_max(n)  # refuses what is no length
        ours = self._ours()
        return ours.first_frame + ours.frames(n)

    @property
    def f(self):
        theirs, f = super().f, self._transform().frequencies_hz(self.fs)  # scipy's refuses what is no mode
        if self.onesided_fft:
            return f
        both = np.concatenate((f[: (self.mfft + 1) // 2], -f[:0:-1]))
        return both if self.fft_mode == "twosided" else np.roll(both, np.flatnonzero(theirs == 0)[0])

    def t(self, n, p0=None, p1=None, k_offset=0):
        theirs = super().t(n, p0, p1, k_offset)  # refuses what is no length
        if k_offset:
            return theirs
        ours = self._ours()
        first, last = (p - ours.first_frame for p in self.p_range(n, p0, p1))
        return ours.times_s(ours.frames(n), self.fs)[first:last]

    # --- modes: (frames, bins, ...) of audioconv and of scipy -----------------------------------------------------

    @property
    def _middle_bins(self):
        """Those that "onesided2X" doubles."""
        return slice(1, -1 if self.mfft % 2 == 0 else None)

    @property
    def _double(self):
        return np.sqrt(2) if self.scaling == "psd" else 2

    def _to_mode(self, spectra):
        if self.fft_mode == "onesided2X":
            spectra[:, self._middle_bins] *= self._double
        if self.onesided_fft:
            return spectra
        both = np.concatenate((spectra, spectra[:, 1 : (self.mfft + 1) // 2].conj()[:, ::-1]), axis=1)
        return both if self.fft_mode == "twosided" else np.fft.fftshift(both, axes=1)

    def _from_mode(self, spectra):
        """One-sided spectra of what is real and of what is imaginary in the signal, each with its factor."""
        spectra = spectra.astype(np.result_type(spectra, np.complex64), copy=True)
        if self.fft_mode == "onesided2X":
            spectra[:, self._middle_bins] /= self._double
        if self.onesided_fft:
            return [(1, spectra)]
        spectra = np.fft.ifftshift(spectra, axes=1) if self.fft_mode == "centered" else spectra
        mirrored = np.roll(spectra[:, ::-1], 1, axis=1).conj()
        halves = (1, (spectra + mirrored) / 2), (1j, (spectra - mirrored) / 2j)
        return [(factor, half[:, : self.mfft // 2 + 1]) for factor, half in halves]

    def _fft_func(self, x):
        if self.fft_mode not in ("twosided", "centered", "onesided", "onesided2X"):
            return super()._fft_func(x)  # refuses it
        ours = self._transform(np.ones(self.m_num), max(1, self.m_num_mid))
        frame = min(1, self.m_num_mid) - ours.first_frame  # the one that begins with the first sample
        return sum(factor * self._to_mode(ours(part)[frame][None])[0] for factor, part in parts(x))

    def _ifft_func(self, X):
        if self.fft_mode not in ("twosided", "centered", "onesided", "onesided2X"):
            return super()._ifft_func(X)  # refuses it
        ours = self._transform(np.ones(self.m_num), self.m_num)
        frames = ((factor, np.stack((0 * half[0], half[0]))) for factor, half in self._from_mode(X[None]))
        return sum(factor * ours.inverse(pair)[-self.m_num :] for factor, pair in frames)

    # --- whole signals --------------------------------------------------------------------------------------------

    def stft(self, x, p0=None, p1=None, *, k_offset=0, padding="zeros", axis=-1):
        if np.iscomplexobj(x) and self.onesided_fft:
            return super().stft_detrend(x, None)  # refuses it
        x = np.asarray(x)
        first, last = self.p_range(x.shape[axis], p0, p1)
        lines = np.moveaxis(x, axis, 0)
        if k_offset:
            if padding != "zeros" or k_offset < 0:
                raise NotOfferedError("a negative k_offset, or one without zeros around the signal")
            more = -(-k_offset // self.hop)  # frames that zeros before the signal make up for
            first, last = first + more, last + more
            around = more * self.hop - k_offset, max(0, (last + 1) * self.hop)
            lines = np.pad(lines, [around] + [(0, 0)] * (x.ndim - 1))
        spectra = sum(f * self._spectra(part, first, last, padding) for f, part in parts(lines))
        spectra = np.moveaxis(spectra.reshape(*spectra.shape[:2], *lines.shape[1:]), (1, 0), (-2, -1))
        return np.moveaxis(spectra, -2, axis % x.ndim)  # bins where time was, frames last

    def _spectra(self, lines, first, last, padding):
        ours, lines = self._transform(), np.asarray(lines, np.float64)  # of which scipy's spectra are, whatever comes
        flat = lines.reshape(len(lines), int(np.prod(lines.shape[1:])))
        return self._to_mode(ours(flat, padding=padding, axis=0)[first - ours.first_frame : last - ours.first_frame])

    def stft_detrend(self, x, detr, p0=None, p1=None, *, k_offset=0, padding="zeros", axis=-1):
        if detr is not None:
            super().stft_detrend(x, detr, p0, p1, k_offset=k_offset, padding=padding, axis=axis)  # refuses what is none
            raise NotOfferedError("frames without their trends")
        return self.stft(x, p0, p1, k_offset=k_offset, padding=padding, axis=axis)

    def istft(self, S, k0=0, k1=None, *, f_axis=-2, t_axis=-1):
        ours = self._transform()
        if not np.allclose(self.dual_win, ours.dual, 1e-9, 1e-12 * np.abs(ours.dual).max()):
            raise NotOfferedError("an inverse with another window than the canonical dual one")
        if k0 < 0:
            raise NotOfferedError("samples before the signal")
        spectra = np.moveaxis(S, (t_axis, f_axis), (0, 1))
        flat = spectra.reshape(*spectra.shape[:2], int(np.prod(spectra.shape[2:])))
        y = sum(factor * ours.inverse(half, k1)[k0:] for factor, half in self._from_mode(flat))
        return np.moveaxis(y.reshape(len(y), *spectra.shape[2:]), 0, min(f_axis % S.ndim, t_axis % S.ndim))
