"""Networks in ONNX as int8, by onnxruntime's static quantisation, and what that costs and gains."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from audioconv.errors import ArgumentError
from audioconv.models.export import onnx_check
from audioconv.models.export.onnx_check import StatesOf
from audioconv.models.export.onnx_network import NETWORK

if TYPE_CHECKING:
    from audioconv._typing import Array, Float32Array

OPERATORS = ("Conv", "MatMul", "Add", "AveragePool", "MaxPool")
MOST_STEPS = 300  # that ranges are taken from


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """Clips that ranges of activations are taken from (every second one), and that int8 is compared on (the others).

    Parameters
    ----------
    clips : float32 array, shape (clips, samples), or (clips, ...) features of a network alone
        At least two.
    targets : int array, shape (clips,), optional
        Which of the model's labels each has, for the accuracy.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> ac.models.Calibration(np.zeros((20, 16000), "float32")).clips.shape
    (20, 16000)
    """

    clips: Float32Array
    targets: Array | None = None

    def __repr__(self) -> str:
        return f"Calibration({len(self.clips)} clips, {'without' if self.targets is None else 'with'} targets)"

    def __post_init__(self) -> None:
        if len(self.clips) < 2:
            raise ArgumentError(f"a calibration needs two clips at least, not {len(self.clips)}")
        if self.targets is not None and len(self.targets) != len(self.clips):
            raise ArgumentError(f"targets must be one a clip: {len(self.clips)}, not {len(self.targets)}")


@dataclass(frozen=True)
class Cost:
    """What int8 costs beside float32, on clips that ranges were not taken from.

    Parameters
    ----------
    clips : int
    deviation : float
        By how much posteriors differ at most.
    agreement : float
        Share of the clips with the same label as from float32.
    accuracy, float_accuracy : float, optional
        Share of right labels.
    """

    clips: int
    deviation: float
    agreement: float
    accuracy: float | None
    float_accuracy: float | None


@dataclass(frozen=True)
class Int8Result(Cost):
    """That of an int8 graph.

    Parameters
    ----------
    time_ms, float_time_ms : float
        Of a clip, or of a step.
    float_size : int, in bytes
    """

    time_ms: float
    float_time_ms: float
    float_size: int


@contextmanager
def _quiet() -> Iterator[None]:
    """Without onnxruntime's advice about a preprocessing, which would change the names of operators."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


class _Reader:
    """Gives onnxruntime one set of inputs after the other."""

    def __init__(self, inputs: list[dict[str, Array]]) -> None:
        self._inputs = iter(inputs)

    def get_next(self) -> dict[str, Array] | None:
        return next(self._inputs, None)


def quantise(data: bytes, calibration: Calibration, step: StatesOf | None) -> tuple[bytes, Int8Result]:
    """A graph as int8, and how it compares."""
    import onnx
    from onnxruntime import quantization

    model = onnx.load_model_from_string(data)
    chosen = [node.name for node in model.graph.node if node.name.startswith(NETWORK) and node.op_type in OPERATORS]
    given = model.graph.input[0].name
    plain = onnx_check.session(data)
    with TemporaryDirectory(prefix="audioconv-") as folder:
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        before.write_bytes(onnx.shape_inference.infer_shapes(model).SerializeToString())
        with _quiet():
            quantization.quantize_static(
                str(before), str(after), _Reader(_inputs_of(plain, given, calibration.clips[::2], step)),
                quant_format=quantization.QuantFormat.QDQ, per_channel=True, nodes_to_quantize=chosen,
                op_types_to_quantize=list(OPERATORS), weight_type=quantization.QuantType.QInt8,
            )  # fmt: skip
        made = after.read_bytes()
    return made, _compared(plain, onnx_check.session(made), given, calibration, step, len(data))


def _inputs_of(running: Any, given: str, clips: Array, step: StatesOf | None) -> list[dict[str, Array]]:
    """Inputs that ranges are taken from; of a step with the states that come before."""
    if step is None:
        return [{given: clip[None]} for clip in clips]
    inputs: list[dict[str, Array]] = []
    for clip in clips:
        states = dict(step.states)
        for begin in range(0, len(clip) - step.size + 1, step.size):
            inputs.append({given: clip[begin : begin + step.size], **states})
            states = dict(zip(states, running.run(None, inputs[-1])[1:], strict=True))
        if len(inputs) >= MOST_STEPS:
            break
    return inputs


def _compared(
    plain: Any, small: Any, given: str, calibration: Calibration, step: StatesOf | None, float_size: int
) -> Int8Result:
    clips = calibration.clips[1::2]

    def outputs(running: Any) -> Array:
        if step is None:
            found = np.concatenate([running.run(None, {given: clip[None]})[0] for clip in clips])
        else:
            found = np.stack([onnx_check.run_steps(running, step, clip) for clip in clips])
        return found.max(axis=1) if found.ndim > 2 else found  # of rows the highest of each label

    cost = cost_of(outputs(plain), outputs(small), calibration)
    inputs = _inputs_of(plain, given, clips[:1], step)[-1]
    plain_ms, small_ms = (onnx_check.median_ms(partial(each.run, None, inputs)) for each in (plain, small))

    return Int8Result(**asdict(cost), time_ms=small_ms, float_time_ms=plain_ms, float_size=float_size)


def cost_of(wanted: Array, found: Array, calibration: Calibration) -> Cost:
    """The cost of int8, from what float32 and int8 give of every second clip: (clips, labels)."""
    targets = None if calibration.targets is None else np.asarray(calibration.targets)[1::2]

    def accuracy(rows: Array) -> float | None:
        return None if targets is None else float((rows.argmax(axis=1) == targets).mean())

    agreement = float((wanted.argmax(axis=1) == found.argmax(axis=1)).mean())
    return Cost(len(wanted), float(np.abs(wanted - found).max()), agreement, accuracy(found), accuracy(wanted))
