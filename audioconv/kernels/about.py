"""Facts about the compiled kernels, for people: what they are compiled for and where they are kept."""

import shutil

import llvmlite
import llvmlite.binding
import numba

from audioconv.kernels._jit import JIT_ENABLED, KERNELS, STEPS, kernel_folder
from audioconv.kernels.simd import LANES
from audioconv.parallel import cache_folder

_FEATURES = ("sse4.2", "avx", "avx2", "fma", "avx512f", "neon", "sve")  # those that decide how a vector is lowered


def about():
    """Return a dict of facts: compiler, SIMD target, lanes, folder of the cache, its size, kernels in it."""
    host = llvmlite.binding.get_host_cpu_name()
    target = numba.config.CPU_NAME or host
    flags = llvmlite.binding.get_host_cpu_features() if target == host else {}
    features = [name for name in _FEATURES if flags.get(name)]
    files = _files(cache_folder() / "kernels")
    current = [file for file in _files(kernel_folder()) if file.suffix == ".nbc"]
    return {
        "compiler": f"LLVM {'.'.join(map(str, llvmlite.binding.llvm_version_info))}"
        + ("" if JIT_ENABLED else ", JIT off"),
        "simd target": f"{target} ({', '.join(features) or 'no features beyond its name'})",
        "lanes": ", ".join(f"{dtype} x {count}" for dtype, count in LANES.items()),
        "cache folder": kernel_folder(),
        "cache size": f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB in {len(files)} files",
        "kernels": f"{len(current)} compiled, {_loaded()} in use by this process",
    }


def clear():
    """Remove the compiled kernels of all versions and nothing else; return how many files that were."""
    folder = cache_folder() / "kernels"
    count = len(_files(folder))
    shutil.rmtree(folder, ignore_errors=True)
    return count - len(_files(folder))  # some may be another user's


def _files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def _loaded():
    return sum(len(kernel.signatures) for kernel in KERNELS) + sum(step.compiled for step in STEPS)
