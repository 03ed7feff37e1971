"""What LLVM makes of kernels for the processor of a Raspberry Pi 5; compiled on any machine, and only read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import numba
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PROCESSOR = "cortex-a76"
pytestmark = pytest.mark.skipif(
    numba.config.DISABLE_JIT or numba.config.CPU_NAME is not None,
    reason="what is compiled for another processor is the same without JIT and for any named processor",
)
FIR = f"""
import sys
sys.path.insert(0, {os.fspath(BENCHMARKS)!r})
import registers
registers.compile_for({PROCESSOR!r})
from numba.core import types
from audioconv.kernels.dsp._fir import fir
inputs, out = types.Array(types.float32, 1, "C", readonly=True), types.Array(types.float32, 1, "C")
print(registers.code_of(fir, (inputs, inputs, out)))
"""


def output(*arguments):
    environment = os.environ | {"NUMBA_CPU_NAME": PROCESSOR, "NUMBA_CPU_FEATURES": ""}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=300
    ).stdout


@pytest.fixture(autouse=True)
def _target():
    llvm.initialize_all_targets()
    try:
        llvm.Target.from_triple("aarch64-unknown-linux-gnu")
    except RuntimeError:
        pytest.skip("this build of LLVM cannot compile for 64-bit ARM")


def test_register_tiles_fit_the_registers():
    tiles = json.loads(output(BENCHMARKS / "registers.py", PROCESSOR))
    used = [tile for tile in tiles if tile["used"]]
    for tile in used:
        kind, rows, _, vectors = tile["tile"].split()
        products = int(rows) * int(vectors) * (3 if kind == "slide" else 1)
        assert tile["multiply-adds"] == 2 * products, tile  # registers hold half a vector
        assert tile["spills"] == 0, tile
    assert {tile["tile"] for tile in used} >= {"rank1 6 x 2", "lanewise 6 x 2", "slide 4 x 2"}
    assert any(tile["spills"] for tile in tiles)


def test_scalars_get_the_bits_of_lanes():
    code = output("-c", FIR)
    assert "\tfmla\t" in code
    assert "\tfmadd\t" in code
    assert "\tfmul\t" not in code  # a product that is rounded before it is added
