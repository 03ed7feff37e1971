"""What a network is, before any training: shapes, parameters, multiply-adds, and how it works on a stream."""

from html import escape
from typing import TYPE_CHECKING, Literal, NamedTuple

from audioconv.arrays import sizes
from audioconv.errors import AudioconvError, ShapeError
from audioconv.nn.ops.graph import Graph

if TYPE_CHECKING:  # they need the summary
    from audioconv.nn.layers.base import Layer
    from audioconv.nn.runtime.stream import NetworkStream


class LayerSummary(NamedTuple):
    """What one layer of a network makes of a clip, and what it costs."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int

    @property
    def output(self) -> str:
        """The shape of the output as text."""
        return " x ".join(map(str, self.output_shape))


class Summary:
    """A table of a network; `print` shows it, as notebooks do.

    Parameters
    ----------
    network : Layer
        Trained or not.
    shape : tuple of int
        Of a clip: (time, channels) or (time, freq, channels).
    hop_ms : float
        Of the frames, to say what look-ahead is in time.

    Attributes
    ----------
    layers : list of (name, kind, output_shape, parameters, multiply_adds)
        Of each layer; named tuples.
    parameters : int
        Numbers that training sets.
    multiply_adds : int
        Of a clip (MACs).
    frame_multiply_adds : int or None
        Of a frame of a stream, on average.
    stream : NetworkStream or None
        None if the network cannot work on one.

    Raises
    ------
    ArgumentError
        If the shape is no tuple of whole numbers.
    ShapeError
        If such clips do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> rng = np.random.default_rng(0)
    >>> network = nn.Sequential([nn.Conv1d(4, 8, 3, rng=rng), nn.GlobalAveragePool(), nn.Dense(8, 2, rng=rng)])
    >>> print(network.summary((98, 4)))
    layer                    output        parameters  multiply-adds
    0  Conv1d                98 x 8               104          9,408
    1  GlobalAveragePool     8                      0              0
    2  Dense                 2                     18             16
    all                                          122          9,424
    stream: receptive field 3 frames (30 ms), look-ahead 1 frames (10 ms), 112 multiply-adds a frame, state 13.0 kB
    >>> network.summary((98, 4))
    Summary(3 layers, 122 parameters, 9,424 multiply-adds)
    """

    layers: list[LayerSummary]
    parameters: int
    multiply_adds: int
    frame_multiply_adds: int | None
    stream: "NetworkStream | None"
    stream_error: str | None

    def __init__(self, network: "Layer", shape: tuple[int, ...], *, hop_ms: float = 10.0) -> None:
        self.hop_ms, self.layers = hop_ms, []
        self._counted: set[int] = set()
        shape = sizes(shape, "shape")
        self._walk(network, "", shape)
        self.parameters = sum(p.size for p in network.parameters().values())
        self.multiply_adds = described(network, shape)[1]
        try:
            self.stream, self.stream_error = network.stream(shape[1:]), None
        except AudioconvError as error:
            self.stream, self.stream_error = None, str(error)
        self.frame_multiply_adds = self._frame_multiply_adds(network, shape) if self.stream else None

    def _walk(self, layer: "Layer", name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Note a layer and what is in it; returns the shape of its output."""
        inside: list[Layer] | None = getattr(layer, "layers", None)
        if inside is not None:
            for number, each in enumerate(inside):
                shape = self._walk(each, f"{name}{number}", shape)
            return shape
        result, multiply_adds = described(layer, shape)
        new = [p for p in layer.parameters().values() if id(p) not in self._counted]  # of a layer used twice, once
        self._counted.update(map(id, new))
        self.layers.append(LayerSummary(name, type(layer).__name__, result, sum(p.size for p in new), multiply_adds))
        return result

    def _frame_multiply_adds(self, network: "Layer", shape: tuple[int, ...]) -> int:
        """Multiply-adds that one more frame costs, on average."""
        few, more = (described(network, (shape[0] + n, *shape[1:]), stream="clip")[1] for n in (0, 64))
        return round((more - few) / 64)

    def _on_streams(self) -> str:
        """How the network works on a stream, in a line."""
        if self.stream is None:
            return f"stream: no; {self.stream_error}"
        field, ahead = self.stream.receptive_field, self.stream.look_ahead
        return (
            f"stream: receptive field {field} frames ({field * self.hop_ms:g} ms), "
            f"look-ahead {ahead} frames ({ahead * self.hop_ms:g} ms), "
            f"{self.frame_multiply_adds:,} multiply-adds a frame, state {self.stream.bytes / 1e3:.1f} kB"
        )

    def __repr__(self) -> str:
        costs = f"{self.parameters:,} parameters, {self.multiply_adds:,} multiply-adds"
        return f"Summary({len(self.layers)} layer{'s' * (len(self.layers) != 1)}, {costs})"

    def __str__(self) -> str:
        lines = [f"{'layer':<25}{'output':<14}{'parameters':>10}{'multiply-adds':>15}"]
        for layer in self.layers:
            named = f"{layer.name + '  ' + layer.kind:<25}{layer.output:<14}"
            lines.append(f"{named}{layer.parameters:>10,}{layer.multiply_adds:>15,}")
        lines.append(f"{'all':<39}{self.parameters:>9,}{self.multiply_adds:>15,}")
        return "\n".join([*lines, self._on_streams()])

    def _repr_html_(self) -> str:
        head = ("", "layer", "output", "parameters", "multiply-adds")
        rows = [(r.name, r.kind, r.output, f"{r.parameters:,}", f"{r.multiply_adds:,}") for r in self.layers]
        rows.append(("", "all", "", f"{self.parameters:,}", f"{self.multiply_adds:,}"))
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
        names = "".join(f"<th>{name}</th>" for name in head)
        table = f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"
        return f"<div>{table}<p>{escape(self._on_streams())}</p></div>"


def described(
    layer: "Layer", shape: tuple[int, ...], stream: Literal["clip"] | int | None = None
) -> tuple[tuple[int, ...], int]:
    """(shape of the output, multiply-adds of a clip)."""
    if len(shape) + 1 not in layer.dims:
        raise ShapeError(f"a clip of shape {shape} does not fit {type(layer).__name__}, which takes "
                         f"{' or '.join(str(d - 1) for d in layer.dims)} dimensions")  # fmt: skip
    graph = Graph(layer.dtype, False, 1, stream=stream)
    return layer._build(graph, graph.placeholder("x", shape)).shape, graph.multiply_adds
