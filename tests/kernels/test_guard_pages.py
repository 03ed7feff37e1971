"""Kernels read and write nothing outside of their arrays: they are run with arrays beside pages that are guarded."""

import os
import signal
import subprocess
import sys

import pytest

from audioconv.kernels._jit import JIT_ENABLED

pytestmark = [
    pytest.mark.skipif(not JIT_ENABLED, reason="without JIT, vectors check that they lie inside of their arrays"),
    pytest.mark.skipif(sys.platform != "linux", reason="the protection of pages is that of Linux"),
]
LONG = pytest.mark.skipif(
    "AUDIOCONV_LONG" not in os.environ, reason="takes minutes; AUDIOCONV_LONG=1 runs it (make test-long)"
)
FEW = {"end": "tests/kernels/dsp/test_fir.py", "begin": "tests/kernels/dsp/test_fft.py"}
NOT_HERE = "tests/kernels/test_guard_pages.py", "tests/kernels/test_cache.py", "tests/kernels/test_arm_code.py"


def guarded(side, *command, timeout_s=300):
    environment = os.environ | {"AUDIOCONV_GUARD": side}
    return subprocess.run(
        [sys.executable, "-m", *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "side"),
    [("read_behind", "end"), ("write_behind", "end"), ("one_behind", "end"), ("read_before", "begin")],
)
def test_a_wrong_kernel_is_caught(name, side):
    done = guarded(side, "tests.kernels.wrong_kernels", name)
    assert done.returncode == -signal.SIGSEGV, done
    assert "Segmentation fault" in done.stderr
    assert "wrong_kernels.py" in done.stderr


def test_who_only_imports_the_plugin_is_not_slowed():
    from numba.core.registry import CPUDispatcher

    assert "__call__" not in vars(CPUDispatcher)


def test_a_right_kernel_is_let_through():
    for side in ("end", "begin"):
        done = guarded(side, "tests.kernels.wrong_kernels", "right")
        assert done.stdout == f"{side} was not touched\n", done.stderr


@pytest.mark.parametrize("side", ["end", "begin"])
def test_kernels_of_filters_stay_inside_their_arrays(side):
    done = guarded(side, "pytest", "-q", "-x", "-p", "tests.kernels.guard_pages", FEW[side])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert " passed" in done.stdout


@LONG
@pytest.mark.long
@pytest.mark.parametrize("side", ["end", "begin"])
def test_all_kernels_stay_inside_their_arrays(side):
    ignored = [f"--ignore={path}" for path in NOT_HERE]
    done = guarded(side, "pytest", "-q", "-p", "tests.kernels.guard_pages", *ignored, "tests/kernels", timeout_s=3600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
