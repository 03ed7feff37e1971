"""audioconv bench: what convolution costs on this machine, and `--tune`, which makes `auto` choose by it."""

import time
from typing import Annotated

import typer

from audioconv.cli.messages import bar, say

_TAPS = (16, 64, 255, 1024, 4800, 48000, 240000)
_SAMPLES = 30 * 48000


def bench(
    tune: Annotated[
        bool, typer.Option("--tune", help="First measure every method (half a minute), and keep the figures.")
    ] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Forget the figures of this machine.")] = False,
):
    """Time convolution here, and --tune the choice of method.

    The table is of 30 s at 48 kHz, float32, one thread: the method that is chosen, the time that the cost model
    predicts, and the measured one. Leave the machine alone meanwhile.
    """
    from audioconv.signal import cost

    if clear:
        found = cost.table_path().exists()
        cost.table_path().unlink(missing_ok=True)
        cost.forget()
        say("forgot the figures of this machine" if found else "there were no figures of this machine")
    if tune:
        say(f"the figures of this machine are in {_tune()}")
    _print_table(cost.tuned())


def _tune():
    from audioconv.signal import tune

    shown, task = bar("measuring", 1)
    try:
        return tune.save(tune.measure(lambda done: shown.update(task, completed=done)))
    finally:
        shown.stop()


def _print_table(tuned):
    import numpy as np
    from rich.console import Console
    from rich.table import Table
    from scipy.signal import oaconvolve

    from audioconv.signal import convolve, plan

    rng = np.random.default_rng(0)
    x = rng.standard_normal(_SAMPLES).astype(np.float32)
    title = f"30 s at 48 kHz, one thread, costs {'of this machine' if tuned else 'built in'}"
    table = Table("taps", "method", "samples a block", "predicted ms", "ms", "scipy ms", "times faster", title=title)
    for taps in _TAPS:
        h = (rng.standard_normal(taps) * np.exp(-5 * np.arange(taps) / taps)).astype(np.float32)
        chosen = plan(_SAMPLES, taps)
        ours_s, scipy_s = _median_s(lambda h=h: convolve(x, h, threads=1)), _median_s(lambda h=h: oaconvolve(x, h))
        row = (f"{taps}", chosen.method, f"{chosen.fft_size or ''}", f"{1e3 * chosen.predicted_s:.2f}")
        table.add_row(*row, f"{1e3 * ours_s:.2f}", f"{1e3 * scipy_s:.2f}", f"{scipy_s / ours_s:.1f}")
    console = Console()
    (console if console.is_terminal else Console(width=100)).print(table)


def _median_s(function, repeats=7):
    function()
    times_s = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times_s.append(time.perf_counter() - start)
    return sorted(times_s)[repeats // 2]
