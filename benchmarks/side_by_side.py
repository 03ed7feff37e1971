"""Timing of several ways to do the same, in turn, in one run."""

import time

import numpy as np
from rich.console import Console
from rich.table import Table

ENOUGH_S = 2.0  # of turns for one way


def medians_s(ways, repeats, settle_s=0.0):
    """Median time of each way in seconds; they take turns, so that all see the same moods of the machine.

    A slow way stops after `ENOUGH_S`, but not before its third turn. With `settle_s` there is a pause before each turn,
    in which the threads of the way before stop spinning, and then calls that are not counted for as long again: a
    thread that has slept is first woken on the core of the one that wakes it.
    """
    times_s = {name: [] for name in ways}
    for way in ways.values():
        way()  # plans, caches, compiled kernels
    for _ in range(repeats):
        for name, way in ways.items():
            if len(times_s[name]) >= 3 and sum(times_s[name]) > ENOUGH_S:
                continue
            if settle_s:
                time.sleep(settle_s)
                begin = time.perf_counter()
                while time.perf_counter() - begin < settle_s:
                    way()
            start = time.perf_counter()
            way()
            times_s[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in times_s.items()}


def least_s(way, repeats):
    """The least time of a way in seconds, to choose among variants beforehand."""
    times_s = []
    for _ in range(repeats):
        start = time.perf_counter()
        way()
        times_s.append(time.perf_counter() - start)
    return min(times_s)


def check_equal(ours, theirs, relative):
    """Stop if two results differ by more than `relative` of the maximum."""
    error = float(np.max(np.abs(ours - theirs)) / np.max(np.abs(theirs)))
    if not error <= relative:
        raise SystemExit(f"results differ by {error:.2g} of the maximum; at most {relative:g} is right")
    return error


def show(title, rows):
    """Print rows (dicts with the same keys) as a table; None is an empty cell."""
    table = Table(*rows[0], title=title, title_justify="left")
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    Console(width=160).print(table)


def _cell(value):
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
