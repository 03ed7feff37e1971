"""audioconv bench: what convolution costs on this machine, and `--tune`, which makes `auto` choose by it."""

import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audioconv.cli.messages import bar, say

if TYPE_CHECKING:
    from rich.table import Table

    from audioconv._typing import Array
    from audioconv.stream import StreamConvolver

_TAPS = (16, 64, 255, 1024, 4800, 48000, 240000)
_SAMPLES = 30 * 48000
_STREAMS = ((64, 4800), (64, 48000), (64, 240000), (256, 48000), (512, 48000), (512, 240000))  # block, taps
_REPEATS = 5


class What(StrEnum):
    """What is timed."""

    files = "files"
    stream = "stream"


def bench(
    what: Annotated[What, typer.Argument(help="Whole signals, or streams block by block.")] = What.files,
    latency: Annotated[int, typer.Option(min=0, metavar="N", help="Of the streams, in samples.")] = 0,
    tune: Annotated[
        bool, typer.Option("--tune", help="First measure every method (half a minute), and keep the figures.")
    ] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Forget the figures of this machine.")] = False,
) -> None:
    """Time convolution here, and --tune the choice of method.

    The table of files is of 30 s at 48 kHz, float32, one thread: the method that is chosen, the time that the cost
    model predicts, and the measured one. That of streams has blocks of sound at 48 kHz, each a call from Python: what
    the plan predicts for a block, the mean and the longest, and what it took. Leave the machine alone meanwhile.

    \b
    audioconv bench --tune
    audioconv bench stream
    """
    from audioconv.signal import cost

    if clear:
        found = cost.table_path().exists()
        cost.table_path().unlink(missing_ok=True)
        cost.forget()
        say("forgot the figures of this machine" if found else "there were no figures of this machine")
    if tune:
        say(f"the figures of this machine are in {_tune()}")
    _show(_stream_table(latency) if what is What.stream else _file_table())


def _tune() -> Path:
    from audioconv.signal import tune

    shown, task = bar("measuring", 1)
    try:
        return tune.save(tune.measure(lambda done: shown.update(task, completed=done)))
    finally:
        shown.stop()


def _show(table: "Table") -> None:
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=100)).print(table)


def _noise(samples: int) -> "Array":
    import numpy as np

    return np.random.default_rng(0).standard_normal(samples).astype(np.float32)


def _decaying(taps: int) -> "Array":
    import numpy as np

    decaying: Array = _noise(taps) * np.exp(-5 * np.arange(taps, dtype=np.float32) / taps)
    return decaying


def _file_table() -> "Table":
    from rich.table import Table
    from scipy.signal import oaconvolve

    from audioconv.signal import convolve, cost, plan

    x = _noise(_SAMPLES)
    title = f"30 s at 48 kHz, one thread, costs {'of this machine' if cost.tuned() else 'built in'}"
    table = Table("taps", "method", "samples a block", "predicted ms", "ms", "scipy ms", "times faster", title=title)
    for taps in _TAPS:
        h = _decaying(taps)
        chosen = plan(_SAMPLES, taps)
        ours_s, scipy_s = _median_s(partial(convolve, x, h, threads=1)), _median_s(partial(oaconvolve, x, h))
        row = (f"{taps}", chosen.method, f"{chosen.fft_size or ''}", f"{1e3 * chosen.predicted_s:.2f}")
        table.add_row(*row, f"{1e3 * ours_s:.2f}", f"{1e3 * scipy_s:.2f}", f"{scipy_s / ours_s:.1f}")
    return table


def _stream_table(latency: int) -> "Table":
    import numpy as np
    from rich.table import Table

    from audioconv.stream import StreamConvolver

    x = _noise(_SAMPLES // 10)
    title = f"blocks at 48 kHz, latency {latency}, us: predicted (without the call), and measured"
    table = Table("block", "taps", "partitions", "mean", "worst", "measured mean", "99.9 %", "% of real time",
                  title=title)  # fmt: skip
    for block, taps in _STREAMS:
        stream = StreamConvolver(_decaying(taps), max_block=block, latency=latency)
        blocks = [x[i : i + block] for i in range(0, x.size - block + 1, block)]
        # the least of some runs: what a block costs when nothing disturbs it
        times_us = 1e6 * np.min([_block_times_s(stream, blocks) for _ in range(_REPEATS)], axis=0)
        partitions = " ".join(f"{level.partitions}x{level.partition_size}" for level in stream.plan.levels) or "none"
        predicted = (f"{1e6 * seconds:.1f}" for seconds in stream.plan.block_s())
        measured = f"{times_us.mean():.1f}", f"{np.percentile(times_us, 99.9):.1f}"
        table.add_row(f"{block}", f"{taps}", partitions, *predicted, *measured,
                      f"{100 * times_us.mean() / (1e6 * block / 48000):.2f}")  # fmt: skip
    return table


def _block_times_s(stream: "StreamConvolver", blocks: "Sequence[Array]") -> list[float]:
    stream.reset()
    times_s = []
    for block in blocks:
        start = time.perf_counter()
        stream.process(block)
        times_s.append(time.perf_counter() - start)
    return times_s


def _median_s(function: Callable[[], object], repeats: int = 7) -> float:
    function()
    times_s = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times_s.append(time.perf_counter() - start)
    return sorted(times_s)[repeats // 2]
