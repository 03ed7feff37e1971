"""The disk cache of kernels: notices every edit, survives damage, and never stops a program."""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from llvmlite.binding import get_host_cpu_name

import audioconv
from audioconv.kernels._cache import KernelFiles
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
from audioconv.kernels.simd.probe_callee import callee

def make(factor):
    @kernel
    def caller(x):
        return factor * callee(x)
    return caller

twice, thrice = make(2), make(3)
"""

# An emulated processor may be a generic one for LLVM.
ANOTHER_PROCESSOR = "generic" if get_host_cpu_name() != "generic" else "cortex-a53"


@pytest.fixture
def package(tmp_path):
    """A copy of the package with two kernels in two files, and a function that calls them in a process of its own."""
    kernels = tmp_path / "audioconv" / "kernels"
    shutil.copytree(Path(audioconv.__file__).parent, kernels.parent, ignore=shutil.ignore_patterns("__pycache__"))
    (kernels / "simd" / "probe_callee.py").write_text(CALLEE.format(constant=1))
    (kernels / "probe_caller.py").write_text(CALLER)

    def begin(cache=tmp_path / "cache", before=(), **environment):
        code = "from audioconv.kernels.probe_caller import twice, thrice; print(twice(1), thrice(1))"
        outside = {name: value for name, value in os.environ.items() if name != "NUMBA_CPU_NAME"}
        environment = outside | {"PYTHONPATH": str(tmp_path), "AUDIOCONV_CACHE": cache} | environment
        environment = {name: str(value) for name, value in environment.items() if value is not None}
        return subprocess.Popen(
            [*before, sys.executable, "-c", code], env=environment, cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def call(**options):
        process = begin(**options)
        out, err = process.communicate()
        assert process.returncode == 0, err
        return subprocess.CompletedProcess(process.args, 0, out, err)

    call.begin, call.kernels, call.cache = begin, kernels, tmp_path / "cache"
    return call


def kept(cache):
    return sorted(path for path in cache.rglob("*") if not path.is_dir() or path.suffix == ".nbc")


def test_an_edit_of_a_callee_in_another_folder_is_seen_by_its_caller(package):
    first = package()
    assert first.stdout == "4 6\n"
    assert first.stderr.count("compiling kernels") == 1
    assert "compiled 3 kernels in" in first.stderr
    again = package()
    assert again.stdout == "4 6\n"
    assert again.stderr == "", "a second process loads what the first compiled"
    (package.kernels / "simd" / "probe_callee.py").write_text(CALLEE.format(constant=9))
    edited = package()
    assert edited.stdout == "20 30\n"
    assert "compiling kernels" in edited.stderr


def test_an_edit_of_what_a_kernel_does_not_depend_on_costs_nothing(package):
    (package.kernels / "dsp" / "probe_callee.py").write_text(CALLEE.format(constant=1))
    (package.kernels / "probe_caller.py").write_text(CALLER.replace("simd.probe_callee", "dsp.probe_callee"))
    package()
    (package.kernels / "nn" / "optimisers.py").write_text("")
    untouched = package()
    assert (untouched.stdout, untouched.stderr) == ("4 6\n", "")
    (package.kernels / "dsp" / "probe_callee.py").write_text(CALLEE.format(constant=9))
    edited = package()
    assert edited.stdout == "20 30\n"
    assert "compiled 3 kernels" in edited.stderr


def test_another_processor_target_is_compiled_for_itself(package):
    package()
    assert "compiling kernels" in package(NUMBA_CPU_NAME=ANOTHER_PROCESSOR).stderr
    assert package().stderr == ""


def emptied(path):
    path.write_bytes(b"")


def cut_in_the_middle(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def filled_with_noise(path):
    path.write_bytes(os.urandom(path.stat().st_size))


def with_one_byte_changed(path):
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)


def replaced_by_a_folder(path):
    path.unlink()
    path.mkdir()
    (path / "something").write_text("")


def open_to_others(path):
    path.chmod(0o666)


@pytest.mark.parametrize(
    "damages",
    [
        (emptied, cut_in_the_middle, filled_with_noise),
        (with_one_byte_changed, replaced_by_a_folder, open_to_others),
        (lambda path: path.chmod(0), lambda path: path.parent.chmod(0o777), emptied),
    ],
)
def test_damaged_files_are_compiled_once_and_written_anew(package, damages):
    package()
    files = kept(package.cache)
    assert len(files) == 3
    for damage, path in zip(damages, files, strict=True):
        damage(path)
    damaged = package()
    assert damaged.stdout == "4 6\n"
    assert "compiling kernels" in damaged.stderr
    assert "Warning" not in damaged.stderr
    assert kept(package.cache) == files
    again = package()
    assert (again.stdout, again.stderr) == ("4 6\n", "")


def test_processes_that_begin_at_once_keep_whole_files(package):
    package()
    files = kept(package.cache)
    for attempt in range(2):
        emptied(files[attempt])
        together = [package.begin() for _ in range(3)]
        said = [process.communicate() for process in together]
        assert [out for out, _ in said] == ["4 6\n"] * 3, said
        assert not any("Warning" in err for _, err in said), said
        assert kept(package.cache) == files
        assert package().stderr == ""


def test_processes_that_begin_at_once_find_no_cache_and_make_one(package):
    together = [package.begin() for _ in range(3)]
    said = [process.communicate() for process in together]
    assert [out for out, _ in said] == ["4 6\n"] * 3, said
    assert not any("Warning" in err for _, err in said), said
    assert len(kept(package.cache)) == 3
    assert package().stderr == ""


# A user without a name who may read what root may, as Python itself may be in root's home, and write nothing.
SEEING = "--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"
OTHER = "setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", *SEEING


@pytest.fixture
def other(package):
    """As `package`, but a user calls it who has no entry among the users, no home and no folder that is named."""
    if not shutil.which(OTHER[0]) or subprocess.run([*OTHER, "true"], capture_output=True, check=False).returncode:
        pytest.skip("to be another user takes setpriv, and to be root")
    return partial(package, before=OTHER, HOME=None, XDG_CACHE_HOME=None)


def test_what_root_compiled_serves_other_users(package, other):
    package(before=("sh", "-c", 'umask 022 && exec "$@"', "sh"))
    paths = [package.cache, *package.cache.rglob("*")]
    assert {(path.is_dir(), path.stat().st_mode & 0o777) for path in paths} == {(True, 0o755), (False, 0o644)}
    served = other()
    assert (served.stdout, served.stderr) == ("4 6\n", "")
    elsewhere = other(NUMBA_CPU_NAME=ANOTHER_PROCESSOR)  # as an image that was made on another processor
    assert elsewhere.stdout == "4 6\n"
    assert elsewhere.stderr.count("RuntimeWarning: audioconv cannot keep compiled kernels") == 1
    assert [package.cache, *package.cache.rglob("*")] == paths


def test_a_cache_that_yet_another_user_could_write_is_not_read(package, other):
    package()
    for path in package.cache.rglob("*"):
        os.chown(path, 54322, 54322)
    result = other()
    assert result.stdout == "4 6\n"
    assert "compiling kernels" in result.stderr
    assert result.stderr.count("belongs to another user") == 1


@pytest.mark.parametrize("home", ["/", "{}/read-only", "{}/missing"])
def test_a_home_that_cannot_be_written_costs_a_warning(other, tmp_path, home):
    (tmp_path / "read-only").mkdir(mode=0o555)
    result = other(cache=None, HOME=home.format(tmp_path))
    assert result.stdout == "4 6\n"
    assert result.stderr.count("RuntimeWarning: audioconv cannot keep compiled kernels") == 1


def test_a_user_without_name_and_home_keeps_kernels_among_the_temporary_files(other, tmp_path):
    (tmp_path / "temporary").mkdir()
    (tmp_path / "temporary").chmod(0o1777)
    first, second = (other(cache=None, TMPDIR=tmp_path / "temporary") for _ in range(2))
    assert (first.stdout, second.stdout) == ("4 6\n", "4 6\n")
    assert "compiling kernels" in first.stderr
    assert "compiling kernels" not in second.stderr
    assert second.stderr.count(f"kernels are kept in {tmp_path}/temporary/audioconv-54321") == 1
    assert len(kept(tmp_path / "temporary" / "audioconv-54321")) == 3


def on_small_disk(folder, options):
    """The beginning of a command that sees a disk of its own in `folder`."""
    return "unshare", "-m", "sh", "-c", f'mount -t tmpfs -o {options} tmpfs "{folder}" && exec "$@"', "sh"


def may_mount(folder):
    command = [*on_small_disk(folder, "size=16k"), "true"]
    return shutil.which("unshare") and not subprocess.run(command, capture_output=True, check=False).returncode


def test_a_full_disk_costs_a_warning_and_leaves_no_half_files(package):
    package.cache.mkdir()
    if not may_mount(package.cache):
        pytest.skip("a small disk takes the right to mount one")
    listing = 'out=$("$0" "$@"); find . -type f -size 0 -o -name "*.part"; echo "$out"; df . | tail -1'
    size_k = 36  # for one of three kernels
    before = (*on_small_disk(package.cache, f"size={size_k}k"), "sh", "-c", f"cd {package.cache}; {listing}")
    result = package(before=before)
    printed, disk = result.stdout.splitlines()
    assert printed == "4 6"
    assert int(disk.split()[2]) < size_k, "what could not be written whole is gone"
    assert result.stderr.count("RuntimeWarning: audioconv cannot keep compiled kernels") == 1
    assert "No space left" in result.stderr


def test_a_read_only_disk_costs_a_warning(package):
    package.cache.mkdir()
    if not may_mount(package.cache):
        pytest.skip("a small disk takes the right to mount one")
    result = package(before=on_small_disk(package.cache, "size=16k,ro"))
    assert result.stdout == "4 6\n"
    assert result.stderr.count("RuntimeWarning: audioconv cannot keep compiled kernels") == 1
    assert "Read-only file system" in result.stderr


def test_kept_kernels_are_read_from_a_disk_that_is_read_only(package):
    package()
    if not may_mount(package.cache):
        pytest.skip("a small disk takes the right to mount one")
    read_only = f"mount --bind {package.cache} {package.cache} && mount -o remount,ro,bind {package.cache}"
    result = package(before=("unshare", "-m", "sh", "-c", read_only + ' && exec "$@"', "sh"))
    assert (result.stdout, result.stderr) == ("4 6\n", "")


def test_flush_removes_the_files_of_one_kernel(tmp_path):
    fir, fft = KernelFiles(tmp_path / "kernels", "fir"), KernelFiles(tmp_path / "kernels", "fft")
    for files in (fir, fft):
        files.save("key", [1, 2])
    fir.flush()
    assert fir.load("key") is None
    assert fft.load("key") == [1, 2]
    assert fft.load("another key") is None


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
        "import audioconv.kernels.dsp._fir, audioconv.kernels.dsp._fft, audioconv.kernels.nn.implicit_gemm;"
        "assert before == {n: getattr(numba.config, n) for n in names}"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_code_compiled_in_two_processes_does_not_get_mixed_up(tmp_path):
    compile_one = "import audioconv.kernels.nn.implicit_gemm as kernels; kernels.{}.address('float32')"
    use_both = """
import numpy as np
from audioconv import nn
rng = np.random.default_rng(0)
x = rng.standard_normal((2, 5, 6, 32)).astype(np.float32)
apart, mixed = nn.DepthwiseConv2d(32, 1, rng=rng), nn.Conv2d(32, 48, 1, rng=rng)
assert np.allclose(apart.forward(x), x * apart.weight[0, 0], atol=1e-6)
assert np.allclose(mixed.forward(x), x @ mixed.weight[0, 0], atol=1e-5)
"""
    for script in (compile_one.format("depthwise"), compile_one.format("implicit_gemm"), use_both):
        environment = os.environ | {"AUDIOCONV_CACHE": os.fspath(tmp_path)}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
