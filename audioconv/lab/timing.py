"""How long calls take: medians of interleaved repeats."""

import time
from collections.abc import Callable, Mapping

import numpy as np

ENOUGH_S = 0.002  # of one measurement, so that the clock is fine enough


def medians_s(calls: Mapping[str, Callable[[], object]], repeats: int, enough_s: float = ENOUGH_S) -> dict[str, float]:
    """Seconds of each call.

    Parameters
    ----------
    calls : dict of name -> function of nothing
    repeats : int
        All calls take turns; each is called once beforehand, and so often a turn that it lasts for `enough_s`.

    Returns
    -------
    dict of name -> float
    """
    calls_per_turn: dict[str, int] = {}
    for name, call in calls.items():
        call()
        start = time.perf_counter()
        call()
        calls_per_turn[name] = max(1, int(enough_s / max(time.perf_counter() - start, 1e-7)))
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(calls_per_turn[name]):
                call()
            found[name].append((time.perf_counter() - start) / calls_per_turn[name])
    return {name: float(np.median(times)) for name, times in found.items()}
