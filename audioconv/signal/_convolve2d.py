"""2-D convolution of planes: images, and spectrograms (frames, bins)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from audioconv import parallel
from audioconv._typing import Array, ArrayLike, FloatArray, FloatName
from audioconv.arrays import choice, floating, frozen, number, pair, result_array
from audioconv.errors import ArgumentError, ShapeError
from audioconv.kernels.dsp import planes
from audioconv.kernels.dsp.entry import entry
from audioconv.kernels.dsp.short import flip_finite
from audioconv.signal import cost, cost2d
from audioconv.signal.filter import split_range
from audioconv.signal.image import (
    Direct2d,
    Nonfinite,
    OverlapAdd2d,
    Plane,
    PlaneMethod,
    Separable2d,
    SparseFIR2d,
    Strided,
    boundary_index_map,
    dilate_kernel,
    low_rank_factors,
    rank_one_factors,
)
from audioconv.signal.nonfinite import finite_stand_ins
from audioconv.signal.options import BOUNDARIES, METHODS_2D, MODES, Boundary, Method2d, Mode, Pair, output_range
from audioconv.signal.short import NAMES, plain


def convolve2d(
    x: ArrayLike,
    kernel: ArrayLike,
    mode: Mode = "full",
    *,
    boundary: Boundary | tuple[Boundary, Boundary] = "zero",
    method: Method2d = "auto",
    stride: Pair = (1, 1),
    dilation: Pair = (1, 1),
    tolerance: float = 0.0,
    out: FloatArray | None = None,
    threads: int | None = None,
) -> FloatArray:
    """Convolve a plane with a kernel (flipped, as convolution is defined): an image, or a spectrogram.

    Parameters
    ----------
    x : float array, shape (frames, bins) or (height, width)
        float32 or float64; with `kernel` of the other one, the result is float64.
    kernel : float array, shape (rows, columns)
    mode : {"full", "same", "valid", "causal"}
        full: frames + rows - 1 by bins + columns - 1 outputs. same: as many as x, the centre of full, as in
        scipy.signal. valid: those that need no padding; where the kernel is larger in both dimensions the two are
        exchanged, as in scipy.signal. causal: as many as x, each of its own frame and those before it; the bins are
        those of "same".
    boundary : {"zero", "reflect", "mirror", "edge", "wrap"}, or a pair of them for (frames, bins)
        Padding around x. reflect: d c b a | a b c d | d c b a, as "reflect" in scipy.ndimage and "symm" in
        scipy.signal (and "symmetric" in numpy.pad). mirror: d c b | a b c d | c b a, as "mirror" in scipy.ndimage,
        "reflect" in numpy.pad and PyTorch, and BORDER_REFLECT_101 in OpenCV. edge: the outermost values again. wrap: x
        again. For kernels of any size.
    method : {"auto", "direct", "separable", "overlap_add"}
        direct: sums of products in the order of the taps. separable: along columns, then along rows, for each term of
        a low-rank factorisation of the kernel. overlap_add: by FFTs of tiles that overlap on input. auto: the one that
        should be fastest, which `plan` explains; separable only if the kernel has rank one within rounding, or with a
        `tolerance`.
    stride : int >= 1, or a pair, in outputs
        Keep each stride-th output, from the first.
    dilation : int >= 1, or a pair, in frames and bins
        From one tap to the next.
    tolerance : float from 0 to below 1
        The largest error of a low-rank factorisation for separable, as a share of sum |kernel|: no output is off by
        more than tolerance * sum |kernel| * max |x|.
    out : array like the result, optional
        Where to put it: contiguous, and not in the memory of x. A new array of many megabytes takes as long as a small
        kernel.
    threads : int, optional
        How many threads share the outputs; `AUDIOCONV_THREADS` or all cores by default. The result is the same.

    Returns
    -------
    y : float array, shape (frames, bins) of the mode
        `out`, or a new array.

    Raises
    ------
    DtypeError
        If x or kernel is not float32 or float64.
    ShapeError
        If x or kernel is not two-dimensional, or kernel is empty, or if, in mode "valid", each of them is the larger
        one in one dimension.
    ArgumentError
        For another mode, boundary or method, or numbers outside of what they may be; for an `out` that shares memory
        with x or kernel.

    Notes
    -----
    An empty x gives zeros, in the shape of the mode.

    A value that is not finite spoils the outputs that it contributes to; with separable those of the rectangle of the
    kernel around it, with overlap_add those of its tile. A tap that is not finite spoils the outputs that it has a
    part in, with every method.

    References
    ----------
    Oppenheim, Schafer, Discrete-Time Signal Processing (3rd ed.), section 8.7, on overlapping blocks. Eckart, Young,
    Psychometrika 1 (1936), on the best sum of products of columns and rows.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(6.0).reshape(2, 3)
    >>> convolve2d(x, np.ones((1, 2)), mode="same", boundary="edge")
    array([[0., 1., 3.],
           [6., 7., 9.]])
    """
    if stride == dilation == (1, 1) and tolerance == 0 and out is None and threads is None:
        short = _convolve2d_short(x, kernel, mode, boundary, method)
        if short is not None:
            return short
    signal, taps = floating(x, "x", dims=(2,)), floating(kernel, "kernel", dims=(2,))
    if not taps.size:
        raise ShapeError(f"kernel is empty (shape {taps.shape}); at least one value is needed")
    choice(mode, "mode", MODES), choice(method, "method", METHODS_2D)
    sides = boundaries(boundary)
    strides = pair(stride, "stride", axes="(frames, bins)")
    dilations = pair(dilation, "dilation", axes="(frames, bins)")
    tolerance = number(tolerance, "tolerance", 0, below=1)
    if mode == "valid":
        signal, taps = _valid_order(signal, taps, dilations)
    dtype = np.result_type(signal, taps)
    data, taps = frozen(signal, dtype), np.array(taps, dtype)
    modes: tuple[Mode, Mode] = (mode, "same" if mode == "causal" else mode)
    if not (data.size and taps.size):
        empty = tuple(map(_outputs, modes, data.shape, taps.shape, strides, dilations))
        y = result_array(out, empty, dtype, {"x": data, "kernel": taps})
        y[...] = 0
        return y
    (rows, _, frames), (columns, first, bins) = map(
        axis_index_map, modes, sides, data.shape, taps.shape, strides, dilations
    )  # fmt: skip
    finite = finite_stand_ins(taps)
    plane_method, predicted_s = method_for(
        finite, (frames, bins), dtype, method=method, stride=strides, dilation=dilations, tolerance=tolerance
    )
    if finite is not taps:
        plane_method = Nonfinite(plane_method, taps, strides, dilations)
    plane, reach = Plane(data, rows, columns, first), len(rows) - (frames - 1) * strides[0]
    y = result_array(out, (frames, bins), dtype, {"x": data, "kernel": taps})

    def fill(piece: tuple[int, int]) -> None:
        begin, end = piece
        plane_method.fill(plane.part(slice(begin * strides[0], (end - 1) * strides[0] + reach)), y[begin:end])

    threads = parallel.worthwhile(threads, predicted_s)
    parallel.run(fill, split_range(frames, threads, plane_method.grain), threads)
    return y


class _ShortPlan(NamedTuple):
    """What the short way needs beside the values: the shape of outputs, and what kernels take."""

    shape: tuple[int, int]
    header: Array
    rows: Array
    columns: Array
    pieces: Array
    work_size: int
    flip: Callable[..., bool]
    dense: Callable[..., None]


@cost.cached_choice
def _short_plan(
    x: tuple[int, ...], kernel: tuple[int, ...], dtype: np.dtype[Any], mode: Mode, boundary: Boundary, method: Method2d
) -> _ShortPlan | None:
    """The plan for shapes, if the direct method is wanted, or right for any kernel, also for one of rank one."""
    if not len(x) == len(kernel) == 2 or dtype not in NAMES:
        return None
    if min(*x, *kernel) < 1 or max(*x, *kernel) > 2 * cost2d.SHORT_SIDE:
        return None
    if mode not in MODES or boundary not in BOUNDARIES or (mode == "valid" and (kernel[0] > x[0] or kernel[1] > x[1])):
        return None
    modes: tuple[Mode, Mode] = (mode, "same" if mode == "causal" else mode)
    (rows, _, frames), (columns, first, bins) = map(axis_index_map, modes, [boundary] * 2, x, kernel, (1, 1), (1, 1))
    taps = kernel[0], kernel[1]
    candidates = cost2d.choose(taps, (frames, bins), NAMES[dtype], rank=1)
    best = next((one for one in candidates if method in ("auto", one.method)), None)
    if best is None or best.method != "direct" or best.predicted_s > cost.SHORT_PLANE_S:
        return None
    if not cost2d.is_short((frames, bins), taps):
        return None
    y, direct = np.empty((frames, bins), dtype), Direct2d(np.zeros(taps, dtype))
    header, size = direct.layout(Plane(np.empty(x, dtype), rows, columns, first), y)
    flat, same = y.reshape(-1), frozen(y).reshape(-1)
    dense = entry(planes.dense, same, header, rows, columns, same, direct.pieces, flat, flat)
    return _ShortPlan((frames, bins), header, rows, columns, direct.pieces, size, entry(flip_finite, flat, flat), dense)


def _convolve2d_short(x: Any, kernel: Any, mode: Mode, boundary: Any, method: Method2d) -> Array | None:
    """The result for a small plane, the short way; None for what is unusual or wrong, and for taps not finite."""
    if type(x) is not np.ndarray or type(kernel) is not np.ndarray or x.dtype is not kernel.dtype:
        return None
    try:
        plan = _short_plan(x.shape, kernel.shape, x.dtype, mode, boundary, method)
    except TypeError:  # a mode, boundary or method that has no hash is wrong
        return None
    if plan is None:
        return None
    shape, header, rows, columns, pieces, size, flip, dense = plan
    taps: Array = np.empty(kernel.size, x.dtype)
    if not flip(plain(kernel).reshape(-1), taps):
        return None
    y, work = np.empty(shape, x.dtype), np.zeros(size, x.dtype)
    dense(plain(x).reshape(-1), header, rows, columns, taps, pieces, work, y.reshape(-1))
    return y


def boundaries(boundary: Boundary | tuple[Boundary, Boundary]) -> tuple[Boundary, Boundary]:
    """(frames, bins) of one boundary for both or a pair."""
    both = (boundary, boundary) if isinstance(boundary, str) else boundary
    if not isinstance(both, (tuple, list)) or len(both) != 2:
        raise ArgumentError(
            f"boundary must be one of {', '.join(BOUNDARIES)}, or two for (frames, bins), not {boundary!r}"
        )
    return choice(both[0], "boundary", BOUNDARIES), choice(both[1], "boundary", BOUNDARIES)


def _valid_order(x: FloatArray, kernel: FloatArray, dilation: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """x and kernel in the order in which one fits into the other, or a ShapeError."""
    spans = [(taps - 1) * d + 1 for taps, d in zip(kernel.shape, dilation, strict=True)]
    over = [span > size for span, size in zip(spans, x.shape, strict=True)]
    under = [span < size for span, size in zip(spans, x.shape, strict=True)]
    if not any(over):
        return x, kernel
    if any(under) or dilation != (1, 1):
        raise ShapeError(
            f"mode 'valid' needs a kernel that fits into x of shape {x.shape}, not one of {kernel.shape}"
            + (f" with dilation {dilation}" if dilation != (1, 1) else "")
        )
    return kernel, x


def _outputs(mode: Mode, size: int, taps: int, stride: int, dilation: int) -> int:
    """How many outputs there are along one axis."""
    return -(-output_range(mode, size, (taps - 1) * dilation + 1 if taps else 0)[1] // stride)


def axis_index_map(
    mode: Mode, boundary: Boundary, size: int, taps: int, stride: int, dilation: int
) -> tuple[Array, int, int]:
    """Along one axis: the boundary index map of all inputs, where it begins, and the number of outputs."""
    reach = (taps - 1) * dilation
    begin, length = output_range(mode, size, reach + 1)
    count = -(-length // stride)
    inputs = (count - 1) * stride + 1 + reach
    return frozen(boundary_index_map(size, begin - reach, inputs, boundary), np.int64), begin - reach, count


def method_for(
    kernel: Array,
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    *,
    method: Method2d = "auto",
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    tolerance: float = 0.0,
    block_methods: bool = True,
) -> tuple[PlaneMethod, float]:
    """The method that convolves planes with a kernel to outputs of a shape, and the time that it should take, in s.

    Without `block_methods` none of FFTs.
    """
    column_factors, row_factors = _factors(kernel, method, tolerance)
    rank = None if column_factors is None else len(column_factors)
    name: FloatName = "float32" if dtype == np.float32 else "float64"
    taps = kernel.shape[0], kernel.shape[1]
    candidates = cost2d.choose(taps, shape, name, rank=rank, stride=stride, dilation=dilation)
    chosen = next(one for one in candidates if method in ("auto", one.method) and (block_methods or not one.fft_size))
    if chosen.method == "direct" and stride == dilation == (1, 1):
        return Direct2d(kernel), chosen.predicted_s
    if chosen.method == "direct":
        return SparseFIR2d(kernel, stride, dilation), chosen.predicted_s
    plane_method: PlaneMethod
    if column_factors is not None and row_factors is not None and chosen.method == "separable":
        columns, rows = dilate_kernel(column_factors, (1, dilation[0])), dilate_kernel(row_factors, (1, dilation[1]))
        plane_method = Separable2d(columns.astype(dtype), rows.astype(dtype))
    else:
        every_column = (shape[1] - 1) * stride[1] + 1
        plane_method = OverlapAdd2d(dilate_kernel(kernel, dilation), chosen.fft_size, every_column)
    return plane_method if stride == (1, 1) else Strided(plane_method, stride), chosen.predicted_s


def _factors(kernel: Array, method: Method2d, tolerance: float) -> tuple[Array, Array] | tuple[None, None]:
    """Column and row factors for separable convolution (terms, taps), or (None, None) where it is no candidate."""
    if method not in ("auto", "separable"):
        return None, None
    if found := rank_one_factors(kernel):
        return found[0][None], found[1][None]
    if tolerance or method == "separable":
        return low_rank_factors(kernel, tolerance)
    return None, None
