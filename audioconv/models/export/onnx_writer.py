"""A graph of ONNX as it is written: operators, constants, inputs and outputs, each with a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv._typing import Array

OPSET, IR_VERSION = 17, 8  # what onnxruntime reads from 1.12 on
Dim = int | str


def require_onnx() -> Any:
    """The module onnx, or an error that says how to install it."""
    try:
        import onnx
        import onnxruntime  # noqa: F401  # what is written is checked in it
    except ImportError as error:
        raise ArgumentError("ONNX files need onnx and onnxruntime: pip install 'audioconv[onnx]'") from error
    return onnx


class OnnxWriter:
    """Operators of a graph in their order. Names of results are short; those of the network begin with `prefix`."""

    def __init__(self) -> None:
        self._onnx = require_onnx()
        self.nodes: list[Any] = []
        self.prefix = ""
        self._constants: dict[tuple[Any, ...], str] = {}
        self._initializers: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def __repr__(self) -> str:
        return f"OnnxWriter({len(self.nodes)} operators, {len(self._constants)} constants)"

    def add(self, operator: str, *reads: str, **attributes: Any) -> str:
        """Add an operator of one result, and return its name."""
        name = f"{self.prefix}{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(operator, list(reads), [name], name=name, **attributes))
        return name

    def constant(self, array: Any, dtype: Any = np.float32) -> str:
        """The name of a constant; equal ones are one."""
        value = np.ascontiguousarray(array, dtype)
        value = value.reshape(np.shape(array))
        key = value.dtype.str, value.shape, value.tobytes()
        if key not in self._constants:
            name = self._constants[key] = f"constant_{len(self._constants)}"
            self._initializers.append(self._onnx.numpy_helper.from_array(value, name))
        return self._constants[key]

    def whole(self, *numbers: int) -> str:
        """A constant of int64 numbers, as sizes and axes are given."""
        return self.constant(list(numbers), np.int64)

    def input(self, name: str, shape: Sequence[Dim], dtype: Any = np.float32) -> str:
        """Declare an input."""
        self._inputs.append(self._info(name, shape, dtype))
        return name

    def output(self, name: str, value: str, shape: Sequence[Dim], dtype: Any = np.float32) -> None:
        """Declare an output, which is `value`."""
        self.nodes.append(self._onnx.helper.make_node("Identity", [value], [name], name=name))
        self._outputs.append(self._info(name, shape, dtype))

    def _info(self, name: str, shape: Sequence[Dim], dtype: Any) -> Any:
        kind = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self._onnx.helper.make_tensor_value_info(name, kind, list(shape))

    def slice(self, value: str, begin: int, end: int | None, axis: int) -> str:
        """value[begin:end] along an axis."""
        last = np.iinfo(np.int64).max if end is None else end
        return self.add("Slice", value, self.whole(begin), self.whole(last), self.whole(axis))

    def model(self, name: str, metadata: dict[str, str]) -> Any:
        """The model, checked by onnx."""
        helper = self._onnx.helper
        graph = helper.make_graph(self.nodes, name, self._inputs, self._outputs, self._initializers)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="audioconv"
        )
        helper.set_model_props(model, metadata)
        self._onnx.checker.check_model(model, full_check=True)
        return model


def channels_first(row: Array) -> Array:
    """(..., channels) numbers for tensors (clips, channels, time, freq): channels, then two axes of one."""
    return np.reshape(row, (1, -1, 1, 1))
