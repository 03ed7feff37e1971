"""Convolution of planes: images, and spectrograms (frames, bins)."""

import numpy as np

from audioconv import parallel
from audioconv.arrays import choice, floating, frozen, number, pair
from audioconv.errors import ArgumentError, DtypeError, ShapeError
from audioconv.signal import cost2d
from audioconv.signal.filter import MODES, output_range, split_range
from audioconv.signal.image import (
    BOUNDARIES,
    Direct2d,
    Nonfinite,
    OverlapAdd2d,
    Plane,
    Separable2d,
    SparseFIR2d,
    Strided,
    boundary_index_map,
    dilate_kernel,
    low_rank_factors,
    rank_one_factors,
)
from audioconv.signal.nonfinite import finite_stand_ins

METHODS_2D = ("auto", "direct", "separable", "overlap_add")


def convolve2d(
    x, kernel, mode="full", *, boundary="zero", method="auto", stride=(1, 1), dilation=(1, 1), tolerance=0.0,
    out=None, threads=None,
):  # fmt: skip
    """Convolve a plane with a kernel (flipped, as convolution is defined): an image, or a spectrogram.

    Parameters
    ----------
    x : float array, shape (frames, bins) or (height, width)
        float32 or float64; with `kernel` of the other one, the result is float64.
    kernel : float array, shape (rows, columns)
    mode : {"full", "same", "valid", "causal"}
        full: frames + rows - 1 by bins + columns - 1 outputs. same: as many as x, the centre of full, as in
        scipy.signal. valid: those that need nothing around x; where the kernel is larger in both dimensions the two
        change parts, as in scipy.signal. causal: as many as x, each of its own frame and those before it; the bins are
        those of "same".
    boundary : {"zero", "reflect", "mirror", "edge", "wrap"}, or a pair of them for (frames, bins)
        What stands around x. reflect: d c b a | a b c d | d c b a, as "reflect" in scipy.ndimage and "symm" in
        scipy.signal (and "symmetric" in numpy.pad). mirror: d c b | a b c d | c b a, as "mirror" in scipy.ndimage,
        "reflect" in numpy.pad and PyTorch, and BORDER_REFLECT_101 in OpenCV. edge: the outermost values again. wrap: x
        again. However far the kernel reaches.
    method : {"auto", "direct", "separable", "overlap_add"}
        direct: sums of products in the order of the taps. separable: along columns, then along rows, of as many
        products of a column and a row as make the kernel. overlap_add: by spectra of overlapping tiles. auto: the one
        that should be fastest, which `plan` explains; separable only if one column and row make the kernel within
        rounding, or with a `tolerance`.
    stride : int >= 1, or a pair, in outputs
        Keep each stride-th output, from the first.
    dilation : int >= 1, or a pair, in frames and bins
        From one tap to the next.
    tolerance : float from 0 to below 1
        separable may leave out so large a share of the kernel's sum of magnitudes, sum |kernel|: no output is off by
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
    An x of no values gives zeros, as many as its shape makes of the mode.

    A value that is not finite spoils the outputs that it has a part in; with separable those of the rectangle of the
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
    x, kernel = floating(x, "x", dims=(2,)), floating(kernel, "kernel", dims=(2,))
    if not kernel.size:
        raise ShapeError(f"kernel is empty (shape {kernel.shape}); at least one value is needed")
    choice(mode, "mode", MODES), choice(method, "method", METHODS_2D)
    sides = boundaries(boundary)
    stride, dilation = pair(stride, "stride", axes="(frames, bins)"), pair(dilation, "dilation", axes="(frames, bins)")
    tolerance = number(tolerance, "tolerance", 0, below=1)
    if mode == "valid":
        x, kernel = _valid_order(x, kernel, dilation)
    dtype = np.result_type(x, kernel)
    x, kernel = frozen(x, dtype), np.array(kernel, dtype)
    modes = (mode, "same" if mode == "causal" else mode)
    if not (x.size and kernel.size):
        shape = tuple(map(_outputs, modes, x.shape, kernel.shape, stride, dilation))
        y = np.empty(shape, dtype) if out is None else _checked_out(out, shape, dtype, (x, kernel))
        y[...] = 0
        return y
    (rows, _, frames), (columns, first, bins) = map(
        axis_index_map, modes, sides, x.shape, kernel.shape, stride, dilation
    )  # fmt: skip
    finite = finite_stand_ins(kernel)
    made = method_for(
        finite, (frames, bins), dtype, method=method, stride=stride, dilation=dilation, tolerance=tolerance
    )
    if finite is not kernel:
        made = Nonfinite(made, kernel, stride, dilation)
    plane, reach = Plane(x, rows, columns, first), len(rows) - (frames - 1) * stride[0]
    y = np.empty((frames, bins), dtype) if out is None else _checked_out(out, (frames, bins), dtype, (x, kernel))

    def fill(piece):
        begin, end = piece
        made.fill(plane.part(slice(begin * stride[0], (end - 1) * stride[0] + reach)), y[begin:end])

    parallel.run(fill, split_range(frames, parallel.thread_count(threads), made.grain), threads)
    return y


def _checked_out(out, shape, dtype, inputs):
    if not isinstance(out, np.ndarray) or out.dtype != dtype:
        raise DtypeError(f"out must be an array of {dtype}, not {getattr(out, 'dtype', type(out).__name__)}")
    if out.shape != shape or not (out.flags.carray and out.flags.writeable):
        raise ShapeError(f"out must be a writable contiguous array of shape {shape}, not one of {out.shape}")
    if any(np.may_share_memory(out, array) for array in inputs):
        raise ArgumentError("out shares memory with x or kernel, which are still read when the first outputs are there")
    return out


def boundaries(boundary):
    """(frames, bins) of one boundary for both or a pair."""
    both = (boundary, boundary) if isinstance(boundary, str) else boundary
    if not isinstance(both, (tuple, list)) or len(both) != 2:
        raise ArgumentError(
            f"boundary must be one of {', '.join(BOUNDARIES)}, or two for (frames, bins), not {boundary!r}"
        )
    return tuple(choice(one, "boundary", BOUNDARIES) for one in both)


def _valid_order(x, kernel, dilation):
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


def _outputs(mode, size, taps, stride, dilation):
    """How many outputs there are along one axis."""
    return -(-output_range(mode, size, (taps - 1) * dilation + 1 if taps else 0)[1] // stride)


def axis_index_map(mode, boundary, size, taps, stride, dilation):
    """Along one axis: the map of what the outputs want, where it begins, and the number of outputs."""
    reach = (taps - 1) * dilation
    begin, length = output_range(mode, size, reach + 1)
    count = -(-length // stride)
    wanted = (count - 1) * stride + 1 + reach
    return frozen(boundary_index_map(size, begin - reach, wanted, boundary), np.int64), begin - reach, count


def method_for(
    kernel, shape, dtype, *, method="auto", stride=(1, 1), dilation=(1, 1), tolerance=0.0, block_methods=True
):  # fmt: skip
    """What convolves planes with a kernel to outputs of a shape; without `block_methods` by sums of products."""
    parts = None
    if method in ("auto", "separable"):
        if found := rank_one_factors(kernel):
            parts = tuple(part[None] for part in found)
        elif tolerance or method == "separable":
            parts = low_rank_factors(kernel, tolerance)
    rank = None if parts is None else len(parts[0])
    candidates = cost2d.choose(kernel.shape, shape, dtype.name, rank=rank, stride=stride, dilation=dilation)
    candidate = next(
        one for one in candidates if method in ("auto", one.method) and (block_methods or not one.fft_size)
    )
    if candidate.method == "direct" and stride == dilation == (1, 1):
        return Direct2d(kernel)
    if candidate.method == "direct":
        return SparseFIR2d(kernel, stride, dilation)
    if candidate.method == "separable":
        column_factors, row_factors = (dilate_kernel(part, (1, d)) for part, d in zip(parts, dilation, strict=True))
        made = Separable2d(column_factors.astype(dtype), row_factors.astype(dtype))
    else:
        every = [(count - 1) * step + 1 for count, step in zip(shape, stride, strict=True)]
        made = OverlapAdd2d(dilate_kernel(kernel, dilation), candidate.fft_size, every[1])
    return made if stride == (1, 1) else Strided(made, stride)
