"""Convolution of a spectrogram frame by frame."""

from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from audioconv._typing import ArrayLike, DTypeLike, FloatArray
from audioconv.arrays import choice, float_dtype, floating, frozen, pair, whole
from audioconv.errors import ArgumentError, ShapeError
from audioconv.signal._convolve2d import axis_index_map, boundaries, method_for
from audioconv.signal.image import Plane, boundary_index_map
from audioconv.stage import Guard, GuardedStage, SampleQueue, checked_block
from audioconv.stream.values import finite

Mode: TypeAlias = Literal["same", "causal"]
Boundary: TypeAlias = Literal["zero", "reflect", "mirror", "edge", "wrap"]
Method: TypeAlias = Literal["auto", "direct", "separable"]


class StreamConvolver2d(GuardedStage):
    """`convolve2d` in time: frames in, frames out, at any cut the same bits.

    The frames that `process` returns, joined, and then `flush()` are `latency` frames of zeros and then what
    `convolve2d` makes of all of them in the same mode.

    Parameters
    ----------
    kernel : float array, shape (rows, columns)
        Over frames and bins.
    bins : int
        Of a frame.
    mode : {"same", "causal"}
        same: looks half of the kernel's rows ahead. causal: not at all.
    boundary : {"zero", "reflect", "mirror", "edge", "wrap"}, or a pair of them for (frames, bins)
        As in `convolve2d`; before the first and after the last frame not "wrap", and not what would look ahead further
        than the mode does: with "causal" not "reflect" or "mirror", and "mirror" with an odd number of rows only.
    method : {"auto", "direct", "separable"}
        As in `convolve2d`; direct sums do not depend on how many frames come at a time.
    dilation : int >= 1, or a pair, in frames and bins
    dtype : "float32" or "float64"

    Attributes
    ----------
    latency : int, in frames
        How far it looks ahead.

    Raises
    ------
    DtypeError, ShapeError, ArgumentError
        For an invalid kernel, and options that are not among the above.

    Examples
    --------
    >>> import numpy as np
    >>> smooth = StreamConvolver2d(np.full((3, 1), 1 / 3, "float32"), bins=2)
    >>> frames = np.arange(8, dtype="float32").reshape(4, 2)
    >>> blocks = [smooth.process(frames[:1]), smooth.process(frames[1:]), smooth.flush()]
    >>> np.concatenate(blocks)[smooth.latency :].round(2)
    array([[0.67, 1.33],
           [2.  , 3.  ],
           [4.  , 5.  ],
           [3.33, 4.  ]], dtype=float32)
    """

    def __init__(self, kernel: ArrayLike, bins: int, *, mode: Mode = "same",
                 boundary: Boundary | tuple[Boundary, Boundary] = "zero", method: Method = "auto",
                 dilation: int | tuple[int, int] = (1, 1), dtype: DTypeLike = "float32") -> None:  # fmt: skip
        kernel, self.bins = floating(kernel, "kernel", dims=(2,)), whole(bins, "bins")
        if not kernel.size:
            raise ShapeError(f"kernel is empty (shape {kernel.shape}); at least one value is needed")
        choice(mode, "mode", get_args(Mode)), choice(method, "method", get_args(Method))
        self._boundary, side = boundaries(boundary)
        steps: tuple[int, int] = pair(dilation, "dilation", axes="(frames, bins)")
        self._reach = (len(kernel) - 1) * steps[0]
        mirrors = self._boundary in ("reflect", "mirror") and mode == "causal"
        if self._boundary == "wrap" or mirrors or (self._boundary == "mirror" and self._reach % 2):
            raise ArgumentError(
                f"boundary {self._boundary!r} around the frames would look ahead further than mode {mode!r} does; a "
                f"pair such as ('edge', {side!r}) gives the bins another one"
            )
        self.mode, self.dtype = mode, float_dtype(dtype)
        with np.errstate(over="ignore"):
            kernel = finite(np.array(kernel, self.dtype), "kernel")
        self.latency = self._reach // 2 if mode == "same" else 0
        self._columns, self._first, _ = axis_index_map("same", side, self.bins, kernel.shape[1], 1, steps[1])
        # as for many frames, so that the choice does not depend on how many come at a time
        self._method, _ = method_for(
            kernel, (1024, self.bins), self.dtype, method=method, dilation=steps, block_methods=False
        )
        self._guard = Guard("StreamConvolver2d")
        self._kernel_shape = kernel.shape
        self._reset()
        self._process(np.zeros((1, self.bins), self.dtype))  # compiles, so that no frame is late
        self._reset()

    def _reset(self) -> None:
        self._latest = SampleQueue(np.empty((0, self.bins), self.dtype))  # frames that coming outputs need ...
        self._begin = 0  # ... and where they begin
        self._done = -self.latency  # the output that comes next

    def process(self, block: ArrayLike) -> FloatArray:
        """Take the next frames and return as many.

        Parameters
        ----------
        block : float array, shape (frames, bins)
            Of the stream's dtype.

        Returns
        -------
        y : array, shape (frames, bins)

        Raises
        ------
        ShapeError, DtypeError, BusyError
            The stage stays as it was.
        """
        with self._guard:
            return self._process(block)

    def _process(self, block: ArrayLike) -> FloatArray:
        frames = checked_block(block, self.dtype, ((self.bins,),), name="frames", unit="frames")
        self._latest.append(frames)
        outputs = self._outputs(len(frames))
        unused = max(0, self._done + self.latency - self._reach - self._begin)
        self._latest.drop(unused)
        self._begin += unused
        return outputs

    def _outputs(self, count: int) -> FloatArray:
        """The next outputs, from the buffered frames and their padding."""
        y = np.zeros((count, self.bins), self.dtype)
        before = min(count, max(0, -self._done))
        first, seen = self._done + before, self._begin + len(self._latest.items)
        self._done += count
        if before < count and seen:
            begin = first + self.latency - self._reach
            rows = boundary_index_map(seen, begin, count - before + self._reach, self._boundary)
            rows = np.where(rows < 0, -1, rows - self._begin)
            plane = Plane(frozen(self._latest.items), frozen(rows, np.int64), self._columns, self._first)
            self._method.fill(plane, y[before:])
        return y

    def _flush(self) -> FloatArray:
        outputs = self._outputs(self.latency)
        self._reset()
        return outputs

    def _parameters(self) -> dict[str, Any]:
        return {"kernel": self._kernel_shape, "bins": self.bins, "mode": self.mode, "dtype": self.dtype.name}
