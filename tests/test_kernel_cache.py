"""The disk cache of kernels: notices every edit, survives damage, and never stops a program."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import audioconv
from audioconv.kernels._jit import JIT_ENABLED

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="nothing is compiled with NUMBA_DISABLE_JIT=1")

CALLEE = """
from audioconv.kernels._jit import kernel

@kernel
def callee(x):
    return x + {constant}
"""
CALLER = """
from audioconv.kernels._jit import kernel
from audioconv.kernels.probe_callee import callee

def make(factor):
    @kernel
    def caller(x):
        return factor * callee(x)
    return caller

twice, thrice = make(2), make(3)
"""


@pytest.fixture
def package(tmp_path):
    """A copy of the package with two kernels in two files, and a function that calls them in a process of its own."""
    kernels = tmp_path / "audioconv" / "kernels"
    shutil.copytree(Path(audioconv.__file__).parent, kernels.parent, ignore=shutil.ignore_patterns("__pycache__"))
    (kernels / "probe_callee.py").write_text(CALLEE.format(constant=1))
    (kernels / "probe_caller.py").write_text(CALLER)

    def call(cache=tmp_path / "cache", **environment):
        code = "from audioconv.kernels.probe_caller import twice, thrice; print(twice(1), thrice(1))"
        outside = {name: value for name, value in os.environ.items() if name != "NUMBA_CPU_NAME"}
        environment = outside | {"PYTHONPATH": str(tmp_path), "AUDIOCONV_CACHE": str(cache)} | environment
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        )

    call.kernels, call.cache = kernels, tmp_path / "cache"
    return call


def test_an_edit_of_a_callee_in_another_file_is_seen_by_its_caller(package):
    first = package()
    assert first.stdout == "4 6\n"
    assert first.stderr.count("compiling kernels") == 1
    assert "compiled 3 kernels in" in first.stderr
    again = package()
    assert again.stdout == "4 6\n"
    assert again.stderr == "", "a second process loads what the first compiled"
    (package.kernels / "probe_callee.py").write_text(CALLEE.format(constant=9))
    edited = package()
    assert edited.stdout == "20 30\n"
    assert "compiling kernels" in edited.stderr


def test_another_processor_target_is_compiled_for_itself(package):
    package()
    assert "compiling kernels" in package(NUMBA_CPU_NAME="generic").stderr
    assert package().stderr == ""


def test_a_damaged_cache_is_compiled_anew(package):
    package()
    files = [path for path in package.cache.rglob("*") if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(path.read_bytes()[:-20])
    damaged = package()
    assert damaged.stdout == "4 6\n"
    assert "compiling kernels" in damaged.stderr


def test_a_cache_that_cannot_be_written_warns_once(package, tmp_path):
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("")
    result = package(cache=blocked)
    assert result.stdout == "4 6\n"
    assert result.stderr.count("RuntimeWarning: audioconv cannot keep compiled kernels") == 1


def test_numba_configuration_is_left_alone():
    code = (
        "import numba; names = [n for n in dir(numba.config) if n.isupper()];"
        "before = {n: getattr(numba.config, n) for n in names};"
        "import audioconv.kernels.fir, audioconv.kernels.fft, audioconv.kernels.conv;"
        "assert before == {n: getattr(numba.config, n) for n in names}"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_code_compiled_in_two_processes_does_not_get_mixed_up(tmp_path):
    compile_one = "import numpy as np; from audioconv.kernels import conv; conv.{}.address(np.dtype('float32'))"
    use_both = """
import numpy as np
from audioconv import nn
rng = np.random.default_rng(0)
x = rng.standard_normal((2, 5, 6, 32)).astype(np.float32)
apart, mixed = nn.DepthwiseConv2d(32, 1, rng=rng), nn.Conv2d(32, 48, 1, rng=rng)
assert np.allclose(apart.forward(x), x * apart.weight[0, 0], atol=1e-6)
assert np.allclose(mixed.forward(x), x @ mixed.weight[0, 0], atol=1e-5)
"""
    for script in (compile_one.format("channelwise"), compile_one.format("product"), use_both):
        environment = os.environ | {"AUDIOCONV_CACHE": os.fspath(tmp_path)}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
