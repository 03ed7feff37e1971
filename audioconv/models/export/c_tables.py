"""The nodes of a network as tables of C, for `engine.h`: tensors with their queues, ops, and weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from audioconv.errors import ArgumentError
from audioconv.models.export.flows import time_window
from audioconv.models.export.nodes import Node, NodeList, UpsampleSpec, Value
from audioconv.nn.ops.addition import AddSpec
from audioconv.nn.ops.batch_norm import NormaliseSpec
from audioconv.nn.ops.convolution import ConvolutionSpec
from audioconv.nn.ops.graph import OpSpec
from audioconv.nn.ops.pointwise import ActivationSpec, ScaleSpec
from audioconv.nn.ops.pooling import MaxoutSpec, PoolSpec
from audioconv.nn.ops.reductions import FrequencyMeanSpec, RunningMeanSpec

if TYPE_CHECKING:
    from audioconv._typing import Array

INT8_MOST = 127
FIELDS = (
    "kind", "a", "b", "write", "span", "stride", "before", "after", "unit", "taps", "dilation", "tiles", "ftaps",
    "fstride", "fdilation", "flow", "ftiles", "inner", "groups", "depthwise", "activation", "counted_before",
    "counted_after", "fcounted_low", "fcounted_high", "is_signed", "sums", "number", "weight", "scale", "bias",
)  # fmt: skip
NOTHING: dict[str, object] = dict.fromkeys(FIELDS, 0) | {
    "b": -1, "span": 1, "stride": 1, "unit": 1, "taps": 1, "dilation": 1, "tiles": 1, "ftaps": 1, "fstride": 1,
    "fdilation": 1, "ftiles": 1, "inner": 1, "groups": 1, "activation": "AC_LINEAR", "number": "0.0f",
}  # fmt: skip
POOLS = {"max": "AC_MAX", "average": "AC_AVERAGE", "lp": "AC_LP"}


@dataclass
class Tables:
    """Tables of a network in C.

    Attributes
    ----------
    text : list of str
        Declarations.
    memory : int, floats of all queues
    sums : int, float64 sums
    """

    nodes: NodeList
    int8: bool
    text: list[str] = field(default_factory=list)
    memory: int = 0
    sums: int = 0
    _bytes: int = 0

    def __post_init__(self) -> None:
        values = [self.nodes.x, *(node.write for node in self.nodes.nodes)]
        self._numbers = {value: number for number, value in enumerate(values)}
        rows = [self._node(node) for node in self.nodes.nodes]
        places = []
        for value, fits in _capacities(self.nodes).items():
            _, bins, channels = value.shape
            places.append(f"{{{bins}, {channels}, {fits}, {self.memory}}}")
            self.memory += bins * channels * fits
        self.text.append(f"static const ac_value ac_values[] = {{{', '.join(places)}}};")
        self.text.append("static const ac_node ac_nodes[] = {")
        self.text += [f"    {{{', '.join(str(row[name]) for name in FIELDS)}}}," for row in rows]
        self.text.append("};")

    @property
    def bytes(self) -> int:
        """Of weights, biases and scales."""
        return self._bytes

    @property
    def y(self) -> int:
        """The number of the output."""
        return self._numbers[self.nodes.y]

    def _node(self, node: Node) -> dict[str, object]:
        converter = CONVERTERS.get(type(node.spec))
        if converter is None:
            raise ArgumentError(f"layer {node.layer} cannot be exported to C: there is no converter for "
                                f"{type(node.spec).__name__}")  # fmt: skip
        window, reads = time_window(node), [self._numbers[read] for read in node.reads]
        row = NOTHING | {"a": reads[0], "write": self._numbers[node.write]} | window._asdict()
        row |= {"b": reads[1]} if len(reads) > 1 else {}
        return row | converter(self, node)

    def array(self, array: Array, kind: str = "float") -> str:
        """Declare an array of floats, and return its name."""
        name = f"ac_array_{len(self.text)}"
        self._bytes += array.size * (1 if kind == "signed char" else 4)
        self.text.append(declaration(name, array, kind))
        return name

    def weight(self, weight: Array) -> dict[str, object]:
        """The weights of a convolution, filters last: floats, or int8 with a scale a filter."""
        if not self.int8:
            return {"weight": self.array(weight)}
        whole, scale = quantised(weight)
        return {"weight": self.array(whole, "signed char"), "scale": self.array(scale)}


def quantised(weight: Array) -> tuple[Array, Array]:
    """Weights as whole numbers from -127 to 127, and a scale for each filter, the last axis."""
    most = np.abs(weight).max(axis=tuple(range(weight.ndim - 1)))
    scale = np.where(most > 0, most / INT8_MOST, 1).astype(np.float32)
    return np.rint(weight / scale).astype(np.int8), scale


def declaration(name: str, array: Iterable[Any] | Array, kind: str = "float") -> str:
    """A constant array in C, in lines of a readable length."""
    numbers = np.asarray(array).ravel()
    words = [f"{number:.9g}" for number in numbers.tolist()]
    if kind == "float":
        words = [f"{word}f" if "." in word or "e" in word else f"{word}.0f" for word in words]
    lines, width = [""], 0
    for word in words:
        if width + len(word) > 116:
            lines.append("")
            width = 0
        lines[-1] += f"{word}, "
        width += len(word) + 2
    return f"static const {kind} {name}[] = {{\n" + "\n".join(line.rstrip() for line in lines) + "\n};"


def _capacities(nodes: NodeList) -> dict[Value, int]:
    """How many rows the queue of each value holds: those of a window, and those that wait for another branch."""
    high, step = {nodes.x: Fraction(0)}, {nodes.x: Fraction(1)}  # of row 0 the last input frame; frames a row
    fits: dict[Value, int] = {nodes.x: 2}
    for node in nodes.nodes:
        window = time_window(node)
        ahead = window.span - 1 - window.before
        unit = node.spec.time if isinstance(node.spec, UpsampleSpec) else 1
        seen = [high[read] + ahead * step[read] for read in node.reads]
        for read, own in zip(node.reads, seen, strict=True):
            waits = ceil((max(seen) - own) / step[read]) + (len(node.reads) > 1)
            fits[read] = max(fits[read], window.span + waits + 1)
        high[node.write] = max(seen)
        step[node.write] = max(step[read] for read in node.reads) * window.stride / unit
        fits[node.write] = max(2, unit)
    return fits


# --- ops ---


def _convolution(tables: Tables, node: Node) -> dict[str, object]:
    spec: Any = node.spec
    geometry, (weight, bias) = spec.geometry, node.arrays
    time, freq = geometry.axes
    return {
        "kind": "AC_CONVOLUTION", "taps": time.taps, "dilation": time.dilation, "tiles": time.tiles,
        "ftaps": freq.taps, "fstride": freq.stride, "fdilation": freq.dilation, "flow": freq.sides[0],
        "ftiles": freq.tiles, "inner": geometry.inner, "groups": geometry.groups, "depthwise": int(geometry.depthwise),
        "activation": "AC_RELU" if spec.relu else "AC_LINEAR", **tables.weight(weight), "bias": tables.array(bias),
    }  # fmt: skip


def _upsample(tables: Tables, node: Node) -> dict[str, object]:
    spec: Any = node.spec
    return {"kind": "AC_UPSAMPLE", "unit": spec.time, "fstride": spec.freq}


def _pool(tables: Tables, node: Node) -> dict[str, object]:
    spec: Any = node.spec
    window, shape = spec.window, node.reads[0].shape
    if spec.kind == "average" and node.write.shape[:2] == (1, 1) and window.size == shape[:2]:
        return {"kind": "AC_GLOBAL_MEAN", "span": 1, "stride": 1, **_sums(tables, node)}
    (before, after), (low, high) = window.counted
    return {
        "kind": POOLS[spec.kind], "taps": window.size[0], "ftaps": window.size[1], "fstride": window.stride[1],
        "flow": window.padding[1][0], "counted_before": before, "counted_after": after, "fcounted_low": low,
        "fcounted_high": high, "is_signed": int(spec.signed), "number": f"{spec.power!r}f",
    }  # fmt: skip


def _sums(tables: Tables, node: Node) -> dict[str, object]:
    begin, tables.sums = tables.sums, tables.sums + node.reads[0].shape[2] + 1
    return {"sums": begin}


def _running_mean(tables: Tables, node: Node) -> dict[str, object]:
    return {"kind": "AC_RUNNING_MEAN", **_sums(tables, node)}


def _normalise(tables: Tables, node: Node) -> dict[str, object]:
    spec: Any = node.spec
    table = node.arrays[0].reshape(3, -1)
    return {"kind": "AC_NORMALISE", "groups": spec.bands, "inner": table.shape[1], "bias": tables.array(table),
            **_activation(spec)}  # fmt: skip


def _activation(spec: Any) -> dict[str, object]:
    return {"activation": f"AC_{spec.activation.upper()}"}


CONVERTERS: dict[type[OpSpec], Callable[[Tables, Node], dict[str, object]]] = {
    ConvolutionSpec: _convolution,
    UpsampleSpec: _upsample,
    PoolSpec: _pool,
    RunningMeanSpec: _running_mean,
    FrequencyMeanSpec: lambda tables, node: {"kind": "AC_FREQUENCY_MEAN"},
    MaxoutSpec: lambda tables, node: {"kind": "AC_MAXOUT", "taps": node.spec.pieces},  # type: ignore[attr-defined]
    NormaliseSpec: _normalise,
    AddSpec: lambda tables, node: {"kind": "AC_ADD", **_activation(node.spec)},
    ActivationSpec: lambda tables, node: {"kind": "AC_ACTIVATE", **_activation(node.spec)},
    ScaleSpec: lambda tables, node: {"kind": "AC_SCALE", "number": f"{node.spec.factor!r}f"},  # type: ignore[attr-defined]
}
