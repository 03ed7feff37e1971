"""The FFTs of short-time transforms: by kernels for sizes 2^k and 3 2^k, by SciPy for others.

`rotation` is the sample of the window that comes first in a transform (0: phases count from the start of the window;
its middle: zero phase); zero padding is between the end of the window and its beginning.
"""

from typing import Any, Protocol

import numpy as np

from audioconv._typing import Array
from audioconv.arrays import aligned, frozen
from audioconv.kernels.dsp import _fft as fft
from audioconv.kernels.dsp import stft as kernels
from audioconv.kernels.dsp.passes import smooth

LEAST = 8  # samples of a transform of the kernels
_BATCH = 2**17  # samples that SciPy transforms at once


class FrameTransform(Protocol):
    """Transforms of frames under a window."""

    def forward(self, x: Array, hop: int, out: Array) -> None:
        """out (frames, bins): frame f is the spectrum of x[f * hop :] * window."""

    def backward(self, spectra: Array, hop: int, y: Array) -> None:
        """Overlap-add: y[f * hop :] += window * the signal of frame f."""


def frame_transform(size: int, window: Array, rotation: int, dtype: np.dtype[Any]) -> FrameTransform:
    """The transform of frames of `size` samples under a window, in a dtype."""
    window = frozen(window, dtype)
    if size >= LEAST and size % 2 == 0 and smooth(size // 2):
        return KernelFrames(size, window, rotation)
    return ScipyFrames(size, window, rotation)


class KernelFrames:
    """FFTs of frames by kernels: sizes 2^k and 3 2^k."""

    def __init__(self, size: int, window: Array, rotation: int) -> None:
        dtype = window.dtype
        scratch = aligned(kernels.scratch_size(size), dtype)
        self._tools = window, rotation, *fft.plan_real(size, dtype.name), scratch

    def forward(self, x: Array, hop: int, out: Array) -> None:
        """See `FrameTransform`."""
        kernels.forward(frozen(x), hop, *self._tools, out.view(x.dtype).reshape(-1))

    def backward(self, spectra: Array, hop: int, y: Array) -> None:
        """See `FrameTransform`."""
        pairs = np.ascontiguousarray(spectra).view(y.dtype).reshape(-1)
        kernels.backward(frozen(pairs), hop, *self._tools, y)


class ScipyFrames:
    """FFTs of frames by SciPy: all sizes."""

    def __init__(self, size: int, window: Array, rotation: int) -> None:
        self._size, self._window, self._rotation = size, window, rotation

    def forward(self, x: Array, hop: int, out: Array) -> None:
        """See `FrameTransform`."""
        from scipy.fft import rfft

        if not len(out):
            return
        taps, rotation = self._window.size, self._rotation
        frames = np.lib.stride_tricks.sliding_window_view(x, taps)[::hop]
        each = max(1, _BATCH // self._size)
        rotated = np.zeros((each, self._size), x.dtype)
        for first in range(0, len(out), each):
            some = frames[first : min(first + each, len(out))]
            rotated[: len(some), : taps - rotation] = some[:, rotation:] * self._window[rotation:]
            rotated[: len(some), self._size - rotation :] = some[:, :rotation] * self._window[:rotation]
            out[first : first + len(some)] = rfft(rotated[: len(some)])

    def backward(self, spectra: Array, hop: int, y: Array) -> None:
        """See `FrameTransform`."""
        from scipy.fft import irfft

        taps, rotation = self._window.size, self._rotation
        each = max(1, _BATCH // self._size)
        for first in range(0, len(spectra), each):
            rotated = irfft(spectra[first : first + each], self._size)
            frames = (
                np.concatenate((rotated[:, self._size - rotation :], rotated[:, : taps - rotation]), axis=1)
                * self._window
            )
            for place, frame in enumerate(frames, first):
                y[place * hop : place * hop + taps] += frame
