"""What a network is, before any training: shapes, parameters, multiply-adds, and how it works on a stream."""

from audioconv.errors import AudioconvError, ShapeError
from audioconv.nn.ops.graph import Graph


class Summary:
    """A table of a network; `print` shows it.

    Parameters
    ----------
    network : Layer
    shape : tuple
        Of a clip: (time, channels) or (time, freq, channels).
    hop_ms : float
        Of the frames, to say what look-ahead is in time.

    Attributes
    ----------
    layers : list of (name, kind, output shape, parameters, multiply-adds of a clip)
    parameters, multiply_adds : int
    stream : NetworkStream or None, if the network cannot work on one

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
    stream: receptive field 3 frames (30 ms), look-ahead 1 frames (10 ms), 112 multiply-adds a frame, state 14.1 kB
    """

    def __init__(self, network, shape, *, hop_ms=10.0):
        self.hop_ms, self.layers, self._counted = hop_ms, [], set()
        self._walk(network, "", tuple(shape))
        self.parameters = sum(p.size for p in network.parameters().values())
        self.multiply_adds = described(network, shape)[1]
        try:
            self.stream = network.stream(tuple(shape)[1:])
            self.stream_error = None
        except AudioconvError as error:
            self.stream, self.stream_error = None, str(error)
        self.frame_multiply_adds = self._frame_multiply_adds(network, shape) if self.stream else None

    def _walk(self, layer, name, shape):
        """Note a layer and what is in it; returns the shape of its output."""
        inside = getattr(layer, "layers", None)
        if inside is not None:
            for number, each in enumerate(inside):
                shape = self._walk(each, f"{name}{number}", shape)
            return shape
        result, multiply_adds = described(layer, shape)
        new = [p for p in layer.parameters().values() if id(p) not in self._counted]  # of a layer used twice, once
        self._counted.update(map(id, new))
        parameters = sum(p.size for p in new)
        self.layers.append((name, type(layer).__name__, result, parameters, multiply_adds))
        return result

    def _frame_multiply_adds(self, network, shape):
        """Multiply-adds that one more frame costs, on average."""
        few, more = (described(network, (shape[0] + n, *shape[1:]), stream="clip")[1] for n in (0, 64))
        return round((more - few) / 64)

    def __str__(self):
        lines = [f"{'layer':<25}{'output':<14}{'parameters':>10}{'multiply-adds':>15}"]
        for name, kind, shape, parameters, multiply_adds in self.layers:
            lines.append(
                f"{name + '  ' + kind:<25}{' x '.join(map(str, shape)):<14}{parameters:>10,}{multiply_adds:>15,}"
            )
        lines.append(f"{'all':<39}{self.parameters:>9,}{self.multiply_adds:>15,}")
        if self.stream is None:
            lines.append(f"stream: no; {self.stream_error}")
        else:
            field, ahead = self.stream.receptive_field, self.stream.look_ahead
            lines.append(
                f"stream: receptive field {field} frames ({field * self.hop_ms:g} ms), "
                f"look-ahead {ahead} frames ({ahead * self.hop_ms:g} ms), "
                f"{self.frame_multiply_adds:,} multiply-adds a frame, state {self.stream.bytes / 1e3:.1f} kB"
            )
        return "\n".join(lines)


def described(layer, shape, stream=None):
    """(shape of the output, multiply-adds of a clip)."""
    if len(shape) + 1 not in layer.dims:
        raise ShapeError(f"a clip of shape {tuple(shape)} does not fit {type(layer).__name__}, which takes "
                         f"{' or '.join(str(d - 1) for d in layer.dims)} dimensions")  # fmt: skip
    graph = Graph(layer.dtype, False, 1, stream=stream)
    return layer._build(graph, graph.placeholder("x", shape)).shape, graph.multiply_adds
