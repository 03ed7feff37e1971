"""What the register tiles of implicit GEMM become on other processors: the innermost loop as LLVM emits it.

Kernels are compiled for each processor, whatever this one is, and not run. For each tile, and for one of a row more:
instructions and multiply-adds of the loop, and accumulators or factors that are loaded and stored because registers do
not suffice (spills).
"""

import json
import os
import re
import subprocess
import sys

PROCESSORS = {  # as LLVM calls them, and features beyond what the name says to Numba
    "cortex-a76": ("Raspberry Pi 5", ""),
    "cortex-a72": ("Raspberry Pi 4", ""),
    "cortex-a53": ("Raspberry Pi 3", ""),
    "haswell": ("AVX2", ""),
    "skylake-avx512": ("AVX-512", "+avx512f"),
}
MULTIPLY_ADD = re.compile(r"fml[as]\s+v|vfn?m(add|sub)\d+ps\s")
SPILL = re.compile(r"(ldr|str|ldp|stp|ldur|stur)\s+[qds]\d+,.*\[sp|v\w+\s.*\(%r[sb]p\)")


def main(options):
    rows = []
    for processor, (known, features) in PROCESSORS.items():
        environment = os.environ | {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": features}
        command = [sys.executable, __file__, processor]
        found = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
        rows += [{"processor": f"{processor} ({known})", **row} for row in json.loads(found)]
    from side_by_side import show

    show("Innermost loops of register tiles, float32", rows)
    return rows


def compile_for(processor):
    """Have Numba compile for an architecture, if NUMBA_CPU_NAME is of it; what it compiles cannot be called."""
    import llvmlite.binding as llvm

    triple = "aarch64-unknown-linux-gnu" if processor.startswith("cortex") else "x86_64-unknown-linux-gnu"
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.get_process_triple = lambda: triple


def tiles():
    """A row for each tile: its kernel's innermost loop."""
    from numba.core import types

    from audioconv.kernels.nn import implicit_gemm as gemm
    from audioconv.kernels.simd import tile

    number, table = types.int64, types.Array(types.int64, 1, "C", readonly=True)
    inputs, out = types.Array(types.float32, 1, "C", readonly=True), types.Array(types.float32, 1, "C")
    nested = types.NamedTuple([number] * 3, gemm._Nested)
    fields = [inputs, inputs, inputs, out, table, table, number, number, nested, nested, nested, number]
    sig = types.NamedTuple(fields, gemm._Gemm), number
    bands = {
        "rank1": (gemm._RANK1, lambda rows, vectors: gemm._band(rows, vectors, tile.rank1)),
        "lanewise": (gemm._LANEWISE, lambda rows, vectors: gemm._band(rows, vectors, tile.lanewise)),
        "slide": (gemm._SLIDE, gemm._sliding_band),
    }
    found = []
    for kind, (table, band) in bands.items():
        for vectors, rows in table.items():
            for more in (0, 1) if vectors else ():
                loop = innermost(code_of(band(rows + more, vectors), sig))
                found.append({"tile": f"{kind} {rows + more} x {vectors}", "used": "" if more else "yes", **loop})
    return found


def code_of(kernel, sig):
    """The assembly code of a kernel for arguments of these types."""
    from numba.core.caching import NullCache

    kernel._cache = NullCache()  # what was kept on disk has no text, and what is compiled here is of no use there
    kernel.compile(sig)
    return kernel.overloads[sig].library.get_asm_str()


def innermost(text):
    """The loop without another inside that has most multiply-adds."""
    lines = [line.split("#")[0].split("//")[0].strip() for line in text.splitlines()]
    labels = {line[:-1]: i for i, line in enumerate(lines) if re.fullmatch(r"\.LBB\w+:", line)}
    loops = []
    for i, line in enumerate(lines):
        target = re.match(r"(?:b|cb|tb|j).*?(\.LBB\w+)$", line)
        if target and labels.get(target[1], i) < i:
            loops.append((labels[target[1]], i + 1))
    inner = [loop for loop in loops if not any(loop != (a, b) and loop[0] <= a and b <= loop[1] for a, b in loops)]
    counted = [{
        "instructions": sum(bool(line) and line[0] != "." for line in lines[a:b]),
        "multiply-adds": sum(bool(MULTIPLY_ADD.match(line)) for line in lines[a:b]),
        "spills": sum(bool(SPILL.match(line)) for line in lines[a:b]),
    } for a, b in inner]  # fmt: skip
    return max(counted, key=lambda loop: loop["multiply-adds"])


if __name__ == "__main__":
    compile_for(sys.argv[1])
    print(json.dumps(tiles()))
