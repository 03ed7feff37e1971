"""Instructions of a program, rows of its table: how one is built, and those that copy and fill."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from audioconv.kernels.nn import elementwise
from audioconv.nn.ops.tensor_view import Shape3, TensorView, coalesced, shape3

if TYPE_CHECKING:
    from audioconv._typing import DTypeLike
    from audioconv.nn.ops.graph import Halo, Planner, Tensor

OpKernel: TypeAlias = Any  # what `kernels._jit.op_kernel` makes: compiled code, and the layout of its instructions
Field: TypeAlias = TensorView | float | Iterable[int]


class Instruction(list[int]):
    """The numbers of an instruction, and what a stream needs to patch it.

    Attributes
    ----------
    kernel : the op kernel that carries it out
    views : dict of its operands by name
    tile, tiles : int
        Of `tiles` units of time it is for the `tile`-th.
    rows_per_frame : int
        Of an implicit GEMM: how many rows of the product a frame has.
    padding_counted : int
        Of a pool: how many steps of padding in time count as input.
    """

    tile, tiles, rows_per_frame, padding_counted = 0, 1, 1, 0

    def __init__(self, kernel: OpKernel, views: dict[str, TensorView], numbers: Iterable[int]) -> None:
        super().__init__(numbers)
        self.kernel, self.views = kernel, views

    def __repr__(self) -> str:
        return f"Instruction({self.kernel.function.__name__}, {len(self)} numbers)"


def instruction(kernel: OpKernel, dtype: DTypeLike, /, **fields: Field) -> Instruction:
    """Build an instruction: a `TensorView` for each operand of the kernel's layout, a number for each parameter.

    Raises TypeError if one of them is missing, unknown, or of the wrong kind. A plan has hundreds of instructions, so
    the numbers are put together here in the order of the layout, and not by `layout.pack`.
    """
    layout, views = kernel.layout, dict[str, TensorView]()
    layout.check_names(fields)
    numbers: list[int] = [kernel.address(dtype)]
    value: Any
    for name in layout.operands:
        value = fields[name]
        if not isinstance(value, TensorView):
            raise TypeError(f"{name} of {type(layout).__name__} is an operand and cannot be {value!r}")
        views[name] = value
        numbers += value.numbers()
    for name, count in layout.integers:
        value = fields[name]
        row = [operator.index(value)] if count == 1 else list(map(operator.index, value))  # a float is refused here
        if len(row) != count:
            raise ValueError(f"{name} of {type(layout).__name__} has {count} numbers, not {len(row)}")
        numbers += row
    for name in layout.reals:
        value = fields[name]
        numbers.append(int(np.float64(float(value)).view(np.int64)))
    return Instruction(kernel, views, numbers)


def extent(shape: Shape3) -> dict[str, int]:
    """The parameters for the loop bounds of an instruction: time, frequency and channels."""
    time, freq, channels = shape
    return {"time": time, "freq": freq, "channels": channels}


def copy_instructions(plan: Planner, source: TensorView, target: TensorView, tensor: Tensor) -> list[Instruction]:
    """Instructions that copy a tensor from one place to another."""
    dims = extent(coalesced(shape3(tensor.shape), [source, target]))
    return [instruction(elementwise.scale, plan.dtype, x=source, y=target, **dims, factor=1.0)]


def fill_halo(plan: Planner, view: TensorView, tensor: Tensor, halo: Halo) -> list[Instruction]:
    """Instructions that fill the halo around a tensor."""
    time, freq, channels = shape3(tensor.shape)
    (before, after), (low, high) = halo.time, halo.freq
    width = low + freq + high
    parts = [
        (view.shifted(-before, -low), before, width),
        (view.shifted(time, -low), after, width),
        (view.shifted(0, -low), time, low),
        (view.shifted(0, freq), time, high),
    ]
    return [
        instruction(elementwise.fill, plan.dtype, y=p, **extent(coalesced((t, f, channels), [p])), value=halo.fill)
        for p, t, f in parts
        if t and f and channels
    ]
