"""Frames of a signal under a window, to their spectra and back: by kernels where these have the size, else by SciPy.

Both have the methods
    forward(x, hop, out)            out (frames, bins): frame f is the spectrum of x[f * hop :] * window
    backward(spectra, hop, y)       y[f * hop :] += window * the signal of frame f
`turn` is the sample of the window that stands first in a transform, zeros being between its end and its beginning.
"""

import numpy as np

from audioconv.arrays import aligned, frozen
from audioconv.kernels.dsp import _fft as fft
from audioconv.kernels.dsp import stft as kernels
from audioconv.kernels.dsp.passes import smooth

LEAST = 8  # samples of a transform of the kernels
_BATCH = 2**17  # samples that SciPy transforms at once


def frames_of(size, window, turn, dtype):
    """What makes frames of `size` samples under a window, in a dtype."""
    own = size >= LEAST and size % 2 == 0 and smooth(size // 2)
    return (KernelFrames if own else ScipyFrames)(size, frozen(window, dtype), turn)


class KernelFrames:
    """Sizes 2^k and 3 2^k."""

    def __init__(self, size, window, turn):
        dtype = window.dtype
        scratch = aligned(kernels.scratch_size(size), dtype)
        self._tools = window, turn, *fft.plan_real(size, dtype.name), scratch

    def forward(self, x, hop, out):
        kernels.forward(frozen(x), hop, *self._tools, out.view(x.dtype).reshape(-1))

    def backward(self, spectra, hop, y):
        pairs = np.ascontiguousarray(spectra).view(y.dtype).reshape(-1)
        kernels.backward(frozen(pairs), hop, *self._tools, y)


class ScipyFrames:
    """All sizes."""

    def __init__(self, size, window, turn):
        self._size, self._window, self._turn = size, window, turn

    def forward(self, x, hop, out):
        from scipy.fft import rfft

        if not len(out):
            return
        taps, turn = self._window.size, self._turn
        frames = np.lib.stride_tricks.sliding_window_view(x, taps)[::hop]
        each = max(1, _BATCH // self._size)
        turned = np.zeros((each, self._size), x.dtype)
        for first in range(0, len(out), each):
            some = frames[first : min(first + each, len(out))]
            turned[: len(some), : taps - turn] = some[:, turn:] * self._window[turn:]
            turned[: len(some), self._size - turn :] = some[:, :turn] * self._window[:turn]
            out[first : first + len(some)] = rfft(turned[: len(some)])

    def backward(self, spectra, hop, y):
        from scipy.fft import irfft

        taps, turn = self._window.size, self._turn
        each = max(1, _BATCH // self._size)
        for first in range(0, len(spectra), each):
            turned = irfft(spectra[first : first + each], self._size)
            frames = np.concatenate((turned[:, self._size - turn :], turned[:, : taps - turn]), axis=1) * self._window
            for place, frame in enumerate(frames, first):
                y[place * hop : place * hop + taps] += frame
