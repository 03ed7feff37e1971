"""Files of ONNX are run in onnxruntime before they are kept, and must give what the model gives here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from audioconv.errors import ModelFileError

if TYPE_CHECKING:
    from audioconv._typing import Array, Float32Array

TOLERANCE = 1e-4  # of posteriors, and of other outputs in units of the largest
SHARE = 1e-2  # of the largest posterior, so that a model which says nothing about the probes is checked, too
PROBES, PROBE_S = 6, 2.5
MOST_CUT = 4000  # samples of a block of a stream
REPEATS = 30


class StatesOf(NamedTuple):
    """What a step graph is given and gives: its input, samples or frames a step, rows of zeros that it begins with."""

    input: str
    size: int
    late: int
    states: Mapping[str, Array]


def session(model: Any) -> Any:
    """A model in onnxruntime, by one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    data = model if isinstance(model, (bytes, str)) else model.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def probes(samples: int, sample_rate: int, rng: np.random.Generator) -> Float32Array:
    """Sounds to check by, (PROBES, samples): sweeps in noise that comes and goes, each less loud; the last is 0."""
    times = np.arange(samples) / sample_rate
    found = np.zeros((PROBES, samples), np.float32)
    for number, row in enumerate(found[:-1]):
        end_hz = sample_rate * rng.uniform(0.05, 0.45)
        sweep = np.sin(np.pi * end_hz * times**2 / times[-1])
        swell = np.interp(times, np.linspace(0, times[-1], 12), rng.uniform(0, 1, 12))
        noise = rng.standard_normal(samples)
        row[:] = 10.0 ** (-number) * swell * (0.5 * sweep + 0.2 * noise)
    return found


def check(name: str, got: Array, wanted: Array) -> float:
    """By how much two arrays differ at most, in units of the largest number if that is above 1.

    Raises
    ------
    ModelFileError
        If that is more than TOLERANCE, or more than SHARE of the largest number.
    """
    if got.shape != wanted.shape:
        raise ModelFileError(f"{name} gives shape {got.shape} in onnxruntime, and the model {wanted.shape}; "
                             "nothing is written")  # fmt: skip
    largest = float(np.abs(wanted).max(initial=0))
    deviation = float(np.abs(got - wanted).max(initial=0)) / max(1.0, largest)
    if not deviation <= min(TOLERANCE, SHARE * largest):
        raise ModelFileError(f"{name} differs by {deviation:.1g} in onnxruntime from what the model gives here, more "
                             f"than {min(TOLERANCE, SHARE * largest):.1g}; nothing is written")  # fmt: skip
    return deviation


def run_steps(running: Any, step: StatesOf, x: Array) -> Array:
    """Rows of a stream, step by step; those before the first one are left out."""
    states, rows = dict(step.states), []
    for begin in range(0, len(x) - step.size + 1, step.size):
        given = running.run(None, {step.input: x[begin : begin + step.size], **states})
        rows.append(given[0])
        states = dict(zip(states, given[1:], strict=True))
    return np.concatenate(rows)[step.late :]


def cut_at_random(x: Array, process: Callable[[Array], Array], rng: np.random.Generator, most: int) -> Array:
    """What a stream gives of x, in blocks of any length."""
    cuts = np.sort(rng.integers(0, len(x) + 1, 2 * len(x) // most))
    return np.concatenate([process(part) for part in np.split(x, cuts)])


def check_steps(name: str, running: Any, step: StatesOf, x: Array, wanted: Array) -> float:
    """As `check`, of a stream: the rows that there are of both, which must be nearly all."""
    got = run_steps(running, step, x)
    rows = min(len(got), len(wanted))
    if len(wanted) - rows > step.late + 2:
        raise ModelFileError(f"{name} gives {len(got)} rows of a stream in onnxruntime, and the model {len(wanted)}; "
                             "nothing is written")  # fmt: skip
    return check(name, got[:rows], wanted[:rows])


def median_ms(run: Callable[[], object], repeats: int = REPEATS) -> float:
    """The median time of a call, in milliseconds."""
    run()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return 1e3 * float(np.median(times))


def zeros_of(states: Sequence[tuple[str, tuple[int, ...], type]]) -> dict[str, Array]:
    """States as a stream begins with."""
    return {name: np.zeros(shape, dtype) for name, shape, dtype in states}
