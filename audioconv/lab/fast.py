"""Fast algorithms: what a convolution costs against the length of its kernel, measured and as the planner predicts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audioconv import signal
from audioconv.lab import pictures
from audioconv.lab.settings import Settings
from audioconv.lab.timing import medians_s

if TYPE_CHECKING:
    from audioconv.report import Report

RATE = 48_000
TAPS = tuple(2**k for k in range(1, 17))
SHARE = 100  # of so many taps of the sparse filter, one is not zero
SIDES = (1, 3, 5, 7, 11, 15, 21, 31, 45, 63)
PLANE = (1000, 513)
FAR = 1.5  # times, from which a prediction is called wrong
SLOWEST_S = 0.2  # predicted; slower candidates are left out


class Cost(NamedTuple):
    """Seconds of each method for a kernel of a size, measured and predicted; those that were measured."""

    size: int  # taps, or rows and columns
    measured_s: dict[str, float]
    predicted_s: dict[str, float]


def signal_cost(samples: int, taps: int, zeros: bool, repeats: int, slowest_s: float = SLOWEST_S) -> Cost:
    """Methods for a filter of `taps` taps, float32, one thread; with zeros, the sparse one alone."""
    rng = np.random.default_rng(0)
    x, h = (rng.standard_normal(size).astype(np.float32) for size in (samples, taps))
    if zeros:
        h[rng.permutation(taps)[: taps - taps // SHARE]] = 0
    plan = signal.plan(samples, taps, nonzero=int(np.count_nonzero(h)))
    candidates = [c for c in plan.candidates if (c.method == "sparse") == zeros and c.predicted_s <= slowest_s]
    calls = {c.method: lambda m=c.method: signal.convolve(x, h, method=m, threads=1) for c in candidates}
    return Cost(taps, medians_s(calls, repeats), {c.method: c.predicted_s for c in candidates})


def plane_cost(side: int, repeats: int, shape: tuple[int, int] = PLANE, slowest_s: float = SLOWEST_S) -> Cost:
    """Methods for a smooth square kernel of `side` rows and columns, a product of a row and a column."""
    row = np.hanning(side + 2)[1:-1].astype(np.float32)
    x, kernel = np.random.default_rng(0).standard_normal(shape).astype(np.float32), np.outer(row, row)
    candidates = [c for c in signal.plan(shape, kernel).candidates if c.predicted_s <= slowest_s]
    calls = {c.method: lambda m=c.method: signal.convolve2d(x, kernel, method=m, threads=1) for c in candidates}
    return Cost(side, medians_s(calls, repeats), {c.method: c.predicted_s for c in candidates})


def show(report: "Report", settings: Settings) -> tuple[list[Cost], list[Cost]]:
    """Measure, predict and draw."""
    seconds, repeats, step = (1, 3, 3) if settings.quick else (10, 5, 1)
    report.heading("Fast algorithms")
    report.text(
        "All of these give the same result. Sums of products cost as many operations as there are taps; transforms "
        "cost about as much for a short kernel as for a long one; a kernel that is a column times a row costs its "
        "sides instead of its area; taps that are zero cost nothing. Lines are what the planner predicts, by which "
        'method="auto" chooses, dots what was measured, in float32 on one thread.'
    )
    settings.announce("fast algorithms: signals")
    samples = seconds * RATE
    signals = [
        signal_cost(samples, taps, zeros, repeats)
        for taps in TAPS[::step] for zeros in (False, True) if taps >= SHARE or not zeros
    ]  # fmt: skip
    caption = f"{seconds} s of sound at 48 kHz; of the sparse filter one tap of {SHARE} is left."
    _report_costs(report, signals, "taps", caption)
    settings.announce("fast algorithms: planes")
    planes = [plane_cost(side, repeats) for side in SIDES[::step]]
    _report_costs(report, planes, "rows and columns of the kernel", "A plane of {} x {} values.".format(*PLANE))
    return signals, planes


def _report_costs(report: "Report", costs: Sequence[Cost], what: str, caption: str) -> None:
    report.figure(pictures.costs(costs, what), f"{caption} Dots: measured; lines: predicted.")
    ratios: dict[str, list[float]] = {}
    for cost in costs:
        for method, measured_s in cost.measured_s.items():
            ratios.setdefault(method, []).append(measured_s / cost.predicted_s[method])
    report.text(deviation(ratios))
    methods = list(ratios)
    sizes = sorted({cost.size for cost in costs})
    rows = []
    for size in sizes:
        cells = [_cell([cost for cost in costs if cost.size == size], method) for method in methods]
        rows.append((f"{size:,}", *cells))
    report.table([what, *methods], rows, folded="In milliseconds: measured (predicted)")


def deviation(ratios: Mapping[str, Sequence[float]]) -> str:
    """How far measured times lie from predicted ones, by method, in words."""
    medians = {method: float(np.median(each)) for method, each in ratios.items()}
    said = ", ".join(f"{method} {median:.2g}" for method, median in medians.items())
    text = f"Measured times over predicted ones, the median of each method: {said}."
    far = [method for method, median in medians.items() if not 1 / FAR <= median <= FAR]
    if not far:
        return text
    return (
        f"{text} The planner's table of costs does not fit this machine, or the machine had other work: "
        f"for {', '.join(far)} it is out by more than {FAR:g} times. audioconv bench tune measures the table here."
    )


def _cell(costs: Sequence[Cost], method: str) -> str:
    for cost in costs:
        if method in cost.measured_s:
            return f"{1e3 * cost.measured_s[method]:.3g} ({1e3 * cost.predicted_s[method]:.3g})"
    return "-"
