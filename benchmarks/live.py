"""Live sound while Python holds the GIL: frames of a native chain and of a Python callback, of those that are due.

The sound card is JACK's dummy driver. The main thread sorts a list of three million numbers over and over, which holds
the GIL for seconds. A native callback that does nearly nothing says what can be had: the driver is no real-time
process, and loses time itself. The three take turns and never play together: the driver waits for all its clients, so
that a slow one would make the others slow.
"""

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
from side_by_side import show

import audioconv as ac

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests import jack

RATE_HZ = 48000
SECONDS = 10
RUNS = 5


def main(options):
    if reason := jack.missing():
        print(f"live: {reason}")
        return []
    rng = np.random.default_rng(0)
    h = (rng.standard_normal(RATE_HZ) * np.exp(-5 * np.arange(RATE_HZ) / RATE_HZ)).astype(np.float32)
    numbers = rng.uniform(size=3_000_000).tolist()
    rows = []
    for block in (64, 256):
        chain = ac.Chain([ac.Gain(0.0), ac.StreamConvolver(h, max_block=block)])
        kinds = (native, ac.Gain(0.0)), (native, chain), (python, chain)
        with jack.server(block):
            runs = [[_share(kind, stage, block, numbers) for kind, stage in kinds] for _ in range(RUNS)]
        of_trivial, of_native, of_python = map(median, zip(*runs, strict=True))
        ratios = [with_chain / trivial for trivial, with_chain, _ in runs]
        rows.append({
            "block": block,
            "native / trivial": median(ratios),
            "least": min(ratios),
            "native of due": of_native,
            "trivial of due": of_trivial,
            "python of due": of_python,
        })  # fmt: skip
    show(f"frames in {SECONDS} s of sorting, a chain with 48,000 taps, median of {RUNS} runs", rows)
    return rows


def _share(kind, stage, block, numbers):
    """The part of the frames that are due which a callback gets while the GIL is held."""
    with kind(stage, block) as count:
        time.sleep(0.5)
        before, begin = count(), time.monotonic()
        while time.monotonic() < begin + SECONDS:
            sorted(numbers)
        return (count() - before) / (RATE_HZ * (time.monotonic() - begin))


@contextmanager
def native(stage, block):
    """By the compiled callback."""
    with ac.live(stage, block, sample_rate=RATE_HZ) as sound:
        yield lambda: sound.statistics.frames


@contextmanager
def python(stage, block):
    """By a callback in Python."""
    import sounddevice

    played = 0

    def callback(indata, outdata, frames, times, status):
        nonlocal played
        stage.process(indata, outdata)
        played += frames

    with sounddevice.Stream(RATE_HZ, block, channels=1, dtype="float32", latency="low", callback=callback):
        yield lambda: played
