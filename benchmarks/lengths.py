"""Each method against the length of the kernel, measured and predicted: 10 s at 48 kHz, float32, one thread.

The experiment `fast` of `audioconv lab`, with more lengths. `benchmarks/picture.py` draws it.
"""

from side_by_side import show

from audioconv.lab import fast

SAMPLES = 10 * fast.RATE
TAPS = tuple(2**k for k in range(1, 19))
METHODS = ("direct", "sparse", "overlap_add", "fft")
REPEATS = 9


def main(options):
    costs = [
        fast.signal_cost(SAMPLES, taps, zeros, REPEATS)
        for taps in TAPS for zeros in (False, True) if taps >= fast.SHARE or not zeros
    ]  # fmt: skip
    rows = [row(cost) for cost in costs]
    show("10 s at 48 kHz, float32, one thread", rows)
    return rows


def row(cost):
    """Times in ms; None for a method that was not measured."""
    times = {}
    for method in METHODS:
        times[f"{method} ms"] = 1e3 * cost.measured_s[method] if method in cost.measured_s else None
        times[f"{method} predicted"] = 1e3 * cost.predicted_s[method] if method in cost.measured_s else None
    return {"taps": cost.size, **times}
