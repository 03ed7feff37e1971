"""The memory that one call takes at its peak beyond what was there, each in a process of its own (Linux only).

The peak is the kernel's own count of resident memory (VmHWM), set back after everything was compiled and planned on a
small signal, so that it holds the output, work space and tables of the call and nothing else.
"""

import subprocess
import sys
from pathlib import Path

MB = 1e6
OVERLAP_MB = 16  # what blocks may take besides the output and the filter's spectrum
WHOLE = 4  # times the bytes of x, h and y that one transform of everything may take

CODE = """
import ctypes, pathlib, numpy as np
def resident(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
rng = np.random.default_rng(0)
x, h = (rng.standard_normal(size, dtype=np.float32) for size in ({samples}, {taps}))
{imports}
for _ in range(2):
    (lambda x, h: {call})(x[:9000], h[:3000])
ctypes.CDLL(None).malloc_trim(0)
pathlib.Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
y = {call}
print(resident("VmHWM") - before)
"""
WAYS = {
    "overlap_add": ("import audioconv as ac", "ac.convolve(x, h, method='overlap_add', threads=1)"),
    "fft": ("import audioconv as ac", "ac.convolve(x, h, method='fft', threads=1)"),
    "oaconvolve": ("from scipy.signal import oaconvolve", "oaconvolve(x, h)"),
}


def table(samples, all_taps):
    """A row for each number of taps: MB of each way, and what ours are allowed."""
    if not Path("/proc/self/clear_refs").exists():
        return [{"taps": "not measured: needs Linux"}]
    rows = []
    for taps in all_taps:
        x, h, y = (4 * size / MB for size in (samples, taps, samples + taps - 1))
        used = {name: extra_mb(samples, taps, *way) for name, way in WAYS.items()}
        rows.append({
            "taps": taps,
            "overlap_add": used["overlap_add"],
            "allowed overlap_add": y + h + OVERLAP_MB,  # a filter's spectrum is no smaller than the filter
            "fft": used["fft"],
            "allowed fft": WHOLE * (x + h + y),
            "oaconvolve": used["oaconvolve"],
        })  # fmt: skip
    return rows


def extra_mb(samples, taps, imports, call):
    code = CODE.format(samples=samples, taps=taps, imports=imports, call=call)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"measuring the memory of {call} failed: {result.stderr.strip().splitlines()[-1]}")
    return int(result.stdout) / MB
