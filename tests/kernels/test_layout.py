"""Kernels read fields by name: no bare number stands for one."""

import ast
from pathlib import Path

import pytest

import audioconv.kernels

# What may be indexed by a number, by file and name: a genuine sequence, in which the number is a position.
SEQUENCES = {
    ("*", "shape"): "axes of an array",
    ("_stamp.py", "rpartition"): "the text before the last dot",
    ("dsp/_fft.py", "a"): "the bin at 0 of a packed spectrum",
    ("dsp/_polyphase.py", "transposed"): "a place that keeps the sum of `touch` alive",
    ("dsp/level.py", "floor"): "an array of one number",
    ("dsp/level.py", "least"): "an array of one number",
    ("dsp/mel.py", "offset"): "an array of one number, or of none",
    ("dsp/mel.py", "power"): "the bin at 0 of a spectrum",
    ("dsp/partition_layout.py", "levels"): "the first level",
    ("dsp/right_angle.py", "spectrum"): "any bin of a spectrum",
    ("dsp/right_angle.py", "work"): "a place that keeps the sum of `touch` alive",
    ("nn/frame_posteriors.py", "hops"): "an array of one number",
    ("nn/frame_posteriors.py", "logits"): "the background, the first class",
    ("nn/frame_posteriors.py", "nonfinite"): "an array of one number",
    ("nn/implicit_gemm.py", "bands"): "the kernel for a width, in a dict",
    ("nn/loss.py", "loss"): "an array of one number",
    ("nn/optimisers.py", "out"): "an array of one number",
    ("nn/streaming.py", "queues"): "the first queue",
    ("realtime/chain.py", "channels"): "those before the first step",
    ("realtime/events.py", "limits"): "the first row: thresholds",
}


def name_of(value):
    """The last name of an expression: of x[...], a.b.x, x(...)."""
    for attribute in ("attr", "id"):
        if hasattr(value, attribute):
            return getattr(value, attribute)
    inner = getattr(value, "func", getattr(value, "value", None))
    return name_of(inner) if inner is not None else "?"


def is_number(index):
    """Whether an index is a literal count from the beginning; from the end it is a position anyway."""
    return isinstance(index, ast.Constant) and type(index.value) is int


def numbered(source):
    """(line, name) of every subscript of a source in which a number is an index; slices are not."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Subscript):
            indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if any(map(is_number, indices)):
                yield node.lineno, name_of(node.value)


def test_fields_have_names():
    folder, used, bad = Path(audioconv.kernels.__file__).parent, set(), []
    for path in sorted(folder.rglob("*.py")):
        file = path.relative_to(folder).as_posix()
        for line, name in numbered(path.read_text()):
            entry = ("*", name) if ("*", name) in SEQUENCES else (file, name)
            used.add(entry)
            if entry not in SEQUENCES:
                bad.append(f"{file}:{line}: {name}")
    assert not bad, "a field needs a name, a sequence a line in SEQUENCES"
    assert used == SEQUENCES.keys(), "a line in SEQUENCES that nothing needs"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("source[1] + c", "source"),
        ("header[0] = 2", "header"),
        ("state[i, 3] += 1", "state"),
        ("sig.args[0].dtype", "args"),
        ("plans[-1][0]", "plans"),
        ("_EXP[x.dtype][4]", "_EXP"),
        ("operands(x)[2]", "operands"),
    ],
)
def test_a_number_for_a_field_is_found(source, name):
    assert list(numbered(source)) == [(1, name)]


@pytest.mark.parametrize("source", ["state[GAIN.gain]", "x[1:]", "rows[-1]", "table[i, FIELD]", "twiddles[k + 1]"])
def test_names_slices_and_variables_are_free(source):
    assert list(numbered(source)) == []
