"""The methods of 2-D convolution of a plane, each made once for its kernel: direct, separable, sparse, overlap-add.

A `Plane` is an array with its padding, by boundary index maps of rows and columns.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from math import gcd
from typing import Any, Protocol

import numpy as np

from audioconv._typing import Array, FloatArray, IntArray
from audioconv.arrays import aligned, frozen
from audioconv.kernels.dsp import planes, right_angle
from audioconv.kernels.dsp.passes import work_size
from audioconv.kernels.dsp.planes import PIECE, PLANE
from audioconv.kernels.simd._emit import LANES
from audioconv.signal.options import Boundary

BAND_SIZE = 32768  # elements of a band: an eighth of the L2 cache in float32


def boundary_index_map(size: int, begin: int, count: int, boundary: Boundary) -> IntArray:
    """Which of `size` samples is read at begin, begin + 1, ... with a boundary mode; -1 for zeros."""
    i = np.arange(begin, begin + count)
    if boundary == "zero":
        return np.where((i >= 0) & (i < size), i, -1)
    if boundary == "edge":
        return np.clip(i, 0, size - 1)
    if boundary == "wrap":
        return i % size
    if boundary == "mirror":
        i %= max(1, 2 * size - 2)
        return np.minimum(i, 2 * size - 2 - i)
    i %= 2 * size
    return np.minimum(i, 2 * size - 1 - i)


@dataclass(frozen=True)
class Plane:
    """x (rows, columns) and its padding, by index maps (-1: zeros); `first` is the column of x where columns begin."""

    x: Array
    rows: Array
    columns: Array
    first: int

    def part(self, rows: slice, columns: slice = slice(None)) -> "Plane":
        """Some of the rows and columns."""
        first = self.first + (columns.start or 0)
        return replace(self, rows=self.rows[rows], columns=self.columns[columns], first=first)

    @property
    def parts(self) -> tuple[Array, Array, Array]:
        """x as one row, and the index maps, as kernels take them; read-only again after pickling."""
        return frozen(self.x).reshape(-1), frozen(self.rows), frozen(self.columns)

    def header(self, step: int) -> IntArray:
        """The `PLANE` row of kernels, where rows of the band are `step` apart; the rest is to be filled in."""
        numbers = np.zeros(PLANE.row_size, np.int64)
        run = min(max(-self.first, 0), self.columns.size)
        end = min(max(self.x.shape[1] - self.first, run), self.columns.size)
        numbers[PLANE.columns], numbers[PLANE.plane_begin] = self.x.shape[1], self.first + run
        numbers[PLANE.run_begin], numbers[PLANE.run_end] = run, end
        numbers[PLANE.row_stride] = step
        return numbers


class PlaneMethod(Protocol):
    """A method with its kernel.

    Attributes
    ----------
    grain : int
        Rows of outputs may be cut at multiples of this without changing a bit.
    """

    @property
    def grain(self) -> int: ...

    def fill(self, plane: Plane, y: Array) -> None:
        """y[t, f] = sum over i and j of kernel[i, j] plane[t * stride + reach - i * dilation, ...].

        The same for columns; reach = (rows of the kernel - 1) * dilation.
        """


def _row_stride(columns: int, dtype: np.dtype[Any]) -> int:
    """An odd number of cache lines, so that rows do not map to the same cache sets."""
    line = 64 // dtype.itemsize
    return (-(-columns // line) | 1) * line


def _band_rows(step: int, tap_rows: int, stride: int = 1) -> int:
    """Rows of outputs of a band."""
    return max(4, (BAND_SIZE // step - tap_rows) // stride // planes.TILE_ROWS) * planes.TILE_ROWS


def _pieces(rows: int, columns: int) -> tuple[Array, int]:
    """The taps in pieces of about CHAIN: whole rows, as many as can be in each, or parts of rows."""
    count = min(rows, -(-rows * columns // planes.CHAIN))
    parts = -(-columns // planes.CHAIN) if count == rows else 1
    edges, across = ([size * n // cut for n in range(cut + 1)] for size, cut in ((rows, count), (columns, parts)))
    table = [
        PIECE.pack(row=row, row_end=row_end, column=column, column_end=column_end)
        for row, row_end in pairwise(edges)
        for column, column_end in pairwise(across)
    ]
    return frozen(np.ravel(table), np.int64), min(last - first for first, last in pairwise(edges))


class _Direct:
    """Base of direct and separable convolution."""

    grain = 1

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = self._rows, self._columns = shape

    def _header(self, plane: Plane, y: Array, piece_rows: int) -> IntArray:
        """The header for a plane and its outputs."""
        wide = max(y.shape[1], planes.TILE_VECTORS * LANES[y.dtype]) + self._columns - 1
        header = plane.header(_row_stride(wide, y.dtype))
        band = min(_band_rows(header[PLANE.row_stride], self._rows), -(-len(y) // planes.TILE_ROWS) * planes.TILE_ROWS)
        header[PLANE.tap_rows], header[PLANE.tap_columns] = self._rows, self._columns
        header[PLANE.band_rows], header[PLANE.out_columns], header[PLANE.piece_rows] = band, y.shape[1], piece_rows
        return header


def _zeros(size: int, dtype: np.dtype[Any]) -> Array:
    band = aligned(size, dtype)
    band[:] = 0
    return band


class Direct2d(_Direct):
    """Direct convolution with dense taps: sums of products in tap order."""

    def __init__(self, kernel: Array) -> None:
        super().__init__(kernel.shape)
        self._taps = frozen(kernel[::-1, ::-1].ravel())
        self.pieces, self._piece_rows = _pieces(*kernel.shape)

    def layout(self, plane: Plane, y: Array) -> tuple[IntArray, int]:
        """The header for a plane and its outputs, and the elements of work space."""
        header = self._header(plane, y, self._piece_rows)
        step, band = int(header[PLANE.row_stride]), int(header[PLANE.band_rows])
        return header, (band + self._rows - 1) * step + band * planes.TILE_VECTORS * LANES[y.dtype]

    def fill(self, plane: Plane, y: Array) -> None:
        """See `PlaneMethod`."""
        header, size = self.layout(plane, y)
        x, rows, columns = plane.parts
        planes.dense(
            x, header, rows, columns, frozen(self._taps), frozen(self.pieces), _zeros(size, y.dtype), y.reshape(-1)
        )


class Separable2d(_Direct):
    """Separable convolution: a pass along columns, then one along rows, for each term of a low-rank kernel.

    The kernel is the sum over n of column_factors[n, :, None] * row_factors[n, None, :].
    """

    def __init__(self, column_factors: Array, row_factors: Array) -> None:
        super().__init__((column_factors.shape[1], row_factors.shape[1]))
        self._column_factors = frozen(column_factors[:, ::-1].ravel())
        self._row_factors = frozen(row_factors.ravel())  # `fir` flips by itself
        self._pieces, self._piece_rows = _pieces(column_factors.shape[1], 1)

    def fill(self, plane: Plane, y: Array) -> None:
        """See `PlaneMethod`."""
        header = self._header(plane, y, self._piece_rows)
        band, step = header[PLANE.band_rows], header[PLANE.row_stride]
        size = (2 * band + self._rows - 1) * step + max(band * planes.TILE_VECTORS * LANES[y.dtype], y.shape[1])
        x, rows, columns = plane.parts
        planes.separable(
            x, header, rows, columns, frozen(self._column_factors), frozen(self._pieces), frozen(self._row_factors),
            _zeros(size, y.dtype), y.reshape(-1),
        )  # fmt: skip


class SparseFIR2d:
    """Sparse (strided, dilated) convolution: sums of products of taps at any offsets."""

    grain = 1

    def __init__(self, kernel: Array, stride: tuple[int, int], dilation: tuple[int, int]) -> None:
        self._kernel, self._stride, self._dilation = kernel, stride, dilation
        self._taps = frozen(kernel[::-1, ::-1].ravel())

    def fill(self, plane: Plane, y: Array) -> None:
        """See `PlaneMethod`."""
        (down, phases), rows = self._stride, (len(self._kernel) - 1) * self._dilation[0] + 1
        size = -(-plane.columns.size // phases)
        step = size * phases
        header = plane.header(step)
        band = min(_band_rows(step, rows, down), len(y))
        header[PLANE.tap_rows], header[PLANE.band_rows], header[PLANE.out_columns] = rows, band, y.shape[1]
        header[PLANE.stride_rows], header[PLANE.stride_columns] = down, phases
        i, j = (np.arange(n) * d for n, d in zip(self._kernel.shape, self._dilation, strict=True))
        offsets = (i * step)[:, None] + (j % phases * size + j // phases)
        space = _zeros(((band - 1) * down + rows) * step + plane.columns.size, y.dtype)
        x, row_map, column_map = plane.parts
        planes.sparse(
            x, header, row_map, column_map, frozen(self._taps), frozen(offsets.ravel(), np.int64), space, y.reshape(-1)
        )


class OverlapAdd2d:
    """Fast convolution by FFTs of tiles that overlap by the kernel.

    The rows of a tile one behind the other are one signal, and the rows of the kernel, as far apart, one filter: where
    no row of the kernel reaches over the end of a row of the tile, their convolution is that of the plane. So a tile is
    one block of `right_angle`, and no 2-D transform is needed.
    """

    def __init__(self, kernel: Array, size: int, columns: int) -> None:
        self._shape, self._size = kernel.shape, size
        tile_shape = tile_outputs(size, (kernel.shape[0], kernel.shape[1]), columns)
        if tile_shape is None:
            raise ValueError(f"a tile of {size} does not hold a kernel of {kernel.shape}")
        self.tile_shape = self.grain, self._columns = tile_shape
        self._width = self._columns + kernel.shape[1] - 1
        taps = np.zeros((len(kernel), self._width), kernel.dtype)
        taps[:, : kernel.shape[1]] = kernel
        taps = frozen(taps.reshape(-1)[: taps.size - self._columns + 1])
        self._plan = right_angle.plan(size, kernel.dtype.name)
        self._spectrum = right_angle.filter_spectrum(taps, *self._plan)

    def fill(self, plane: Plane, y: Array) -> None:
        """See `PlaneMethod`."""
        size, width, (rows, columns) = self._size, self._width, self._shape
        high = self.grain + rows - 1
        batch = max(1, BAND_SIZE // size)
        tiles, products = aligned(batch * size, y.dtype), aligned(batch * size, y.dtype)
        work = aligned(work_size(size), y.dtype)
        parts = []
        for c in range(0, y.shape[1], self._columns):
            part = plane.part(slice(None), slice(c, c + width))
            parts.append((c, frozen(part.columns), part.header(width)))
        corners = [(t, *part) for t in range(0, len(y), self.grain) for part in parts]
        x, row_map, _ = plane.parts
        for first in range(0, len(corners), batch):
            these = corners[first : first + batch]
            for n, (t, _, columns_map, header) in enumerate(these):
                tile = tiles[n * size : (n + 1) * size]
                planes.gather(x, header, row_map[t : t + high], columns_map, tile)
            used = len(these) * size
            right_angle.convolve_blocks(
                frozen(tiles[:used]), 0, 0, size, *self._plan, self._spectrum, work, products[:used]
            )  # fmt: skip
            for n, (t, c, _, _) in enumerate(these):
                product = products[n * size : n * size + high * width].reshape(high, width)
                out = y[t : t + self.grain, c : c + self._columns]
                out[...] = product[rows - 1 : rows - 1 + len(out), columns - 1 : columns - 1 + out.shape[1]]


class Nonfinite:
    """Another method, made of finite stand-ins for taps that are not; to its sums the products with those are added."""

    def __init__(self, method: PlaneMethod, kernel: Array, stride: tuple[int, int], dilation: tuple[int, int]) -> None:
        self._method, self._kernel, self._stride, self._dilation = method, kernel, stride, dilation
        self.grain = method.grain

    def fill(self, plane: Plane, y: Array) -> None:
        """See `PlaneMethod`."""
        self._method.fill(plane, y)
        with np.errstate(invalid="ignore", over="ignore"):
            for taps in np.argwhere(~np.isfinite(self._kernel)):
                (rows, x_rows), (columns, x_columns) = map(
                    self._reached, taps, self._kernel.shape, (plane.rows, plane.columns), y.shape, self._stride,
                    self._dilation,
                )  # fmt: skip
                y[np.ix_(rows, columns)] += self._kernel[tuple(taps)] * plane.x[np.ix_(x_rows, x_columns)]

    @staticmethod
    def _reached(
        tap: int, taps: int, index_map: Array, outputs: int, stride: int, dilation: int
    ) -> tuple[IntArray, Array]:
        """Along one axis: the outputs that the tap contributes to, and the sample of the plane it multiplies."""
        start = (taps - 1 - tap) * dilation
        needed = index_map[start : start + (outputs - 1) * stride + 1 : stride]
        inside = np.flatnonzero(needed >= 0)
        return inside, needed[inside]


class Strided:
    """Another method, decimated: the outputs that a stride keeps."""

    def __init__(self, method: PlaneMethod, stride: tuple[int, int]) -> None:
        self._method, self._stride = method, stride
        self.grain = method.grain // gcd(method.grain, stride[0])

    def fill(self, plane: Plane, y: Array) -> None:
        """See `PlaneMethod`."""
        every = np.empty([(count - 1) * step + 1 for count, step in zip(y.shape, self._stride, strict=True)], y.dtype)
        self._method.fill(plane, every)
        y[...] = every[:: self._stride[0], :: self._stride[1]]


def tile_outputs(size: int, shape: tuple[int, int], columns: int) -> tuple[int, int] | None:
    """(rows, columns) of outputs that a tile of `size` samples gives of planes with `columns` a row; None: none.

    Columns are split as evenly as makes the fewest samples to transform.
    """
    best: tuple[float, tuple[int, int]] | None = None
    for split in range(1, min(columns, 64) + 1):
        tile_columns = -(-columns // split)
        rows = size // (tile_columns + shape[1] - 1) - shape[0] + 1
        if rows >= 1 and (best is None or split / rows < best[0]):
            best = split / rows, (rows, tile_columns)
    return None if best is None else best[1]


def rank_one_factors(kernel: Array) -> tuple[FloatArray, FloatArray] | None:
    """(column, row) whose products are the kernel within rounding, or None."""
    exact = kernel.astype(np.float64)
    if not (np.isfinite(exact).all() and exact.any()):
        return None
    _, j = np.unravel_index(np.argmax(np.abs(exact)), exact.shape)
    column = exact[:, j]
    for _ in range(2):  # each an average over all of the kernel, so that its rounding errors cancel
        row = column @ exact / (column @ column)
        column = exact @ row / (row @ row)
    off = np.abs(exact - np.outer(column, row)).max()
    return (column, row) if off <= 4 * np.finfo(kernel.dtype).eps * np.abs(exact).max() else None


def low_rank_factors(kernel: Array, tolerance: float) -> tuple[FloatArray, FloatArray]:
    """(column_factors, row_factors) of a low-rank approximation of the kernel, by singular values.

    Off by at most `tolerance`, a share of the kernel's sum of magnitudes, or by rounding.

    Reference: Eckart, Young, Psychometrika 1 (1936), on singular values.
    """
    exact = kernel.astype(np.float64)
    u, s, v = np.linalg.svd(exact, full_matrices=False)
    most = max(tolerance, np.finfo(kernel.dtype).eps) * np.abs(exact).sum()
    for rank in range(1, len(s)):
        column_factors, row_factors = (u[:, :rank] * s[:rank]).T, v[:rank]
        if np.abs(exact - column_factors.T @ row_factors).sum() <= most:
            return column_factors, row_factors
    return (u * s).T, v


def dilate_kernel(kernel: Array, dilation: tuple[int, int]) -> Array:
    """The kernel with zeros between its taps."""
    if dilation == (1, 1):
        return kernel
    dilated = np.zeros([(taps - 1) * d + 1 for taps, d in zip(kernel.shape, dilation, strict=True)], kernel.dtype)
    dilated[:: dilation[0], :: dilation[1]] = kernel
    return dilated
