"""Facts about the compiled kernels, for `audioconv doctor`: compiler, SIMD target, cache folder, counts."""

import llvmlite
import llvmlite.binding
import numba

from audioconv.cache import cache_folder, files_in
from audioconv.kernels._jit import C_FUNCTIONS, JIT_ENABLED, KERNELS, kernel_folder
from audioconv.kernels.simd.vector import LANES

_FEATURES = ("sse4.2", "avx", "avx2", "fma", "avx512f", "neon", "sve")  # those that decide how a vector is lowered


def about():
    """Return a dict of facts: compiler, SIMD target, lanes, folder of the cache, its size, kernels in it."""
    host = llvmlite.binding.get_host_cpu_name()
    target = numba.config.CPU_NAME or host
    flags = llvmlite.binding.get_host_cpu_features() if target == host else {}
    features = [name for name in _FEATURES if flags.get(name)]
    files = files_in(cache_folder() / "kernels")
    current = [file for file in files_in(kernel_folder()) if file.suffix == ".nbc"]
    return {
        "compiler": f"LLVM {'.'.join(map(str, llvmlite.binding.llvm_version_info))}"
        + ("" if JIT_ENABLED else ", JIT off"),
        "simd target": f"{target} ({', '.join(features) or 'no features beyond its name'})",
        "lanes": ", ".join(f"{dtype} x {count}" for dtype, count in LANES.items()),
        "cache folder": kernel_folder(),
        "cache size": f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB in {len(files)} files",
        "kernels": f"{len(current)} on disk, {_loaded()} in use by this process",
    }


def _loaded():
    return sum(len(kernel.signatures) for kernel in KERNELS) + sum(function.compiled for function in C_FUNCTIONS)
