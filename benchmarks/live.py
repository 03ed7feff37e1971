"""Live sound while Python holds the GIL: frames of a native chain and of a Python callback, of those that are due.

The sound card is JACK's dummy driver. The main thread sorts a list of three million numbers over and over, which holds
the GIL for seconds. In each run a native callback that does nearly nothing plays beside the one that is measured, and
says what can be had: the driver is no real-time process, and loses time itself. (It waits for all its clients; so a
callback in Python that is late makes the trivial one late, too.)
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
        with jack.server(block):
            shares = [[_shares(kind, h, block, numbers) for _ in range(RUNS)] for kind in (native, python)]
        (of_chain, of_trivial), (of_python, _) = (map(median, zip(*runs, strict=True)) for runs in shares)
        rows.append({
            "block": block,
            "native / trivial": median(chain / trivial for chain, trivial in shares[0]),
            "native of due": of_chain,
            "trivial of due": of_trivial,
            "python of due": of_python,
        })  # fmt: skip
    show(f"frames in {SECONDS} s of sorting, a chain with 48,000 taps, median of {RUNS} runs", rows)
    return rows


def _shares(kind, h, block, numbers):
    """The part of the frames that are due, of this kind and of the trivial callback, while the GIL is held."""
    chain = ac.Chain([ac.Gain(0.0), ac.StreamConvolver(h, max_block=block)])
    with ac.live(ac.Gain(0.0), block, sample_rate=RATE_HZ) as trivial, kind(chain, block) as count:
        time.sleep(0.5)
        before, begin = (count(), trivial.statistics.frames), time.monotonic()
        while time.monotonic() < begin + SECONDS:
            sorted(numbers)
        due = RATE_HZ * (time.monotonic() - begin)
        return (count() - before[0]) / due, (trivial.statistics.frames - before[1]) / due


@contextmanager
def native(chain, block):
    """By the compiled callback."""
    with ac.live(chain, block, sample_rate=RATE_HZ) as sound:
        yield lambda: sound.statistics.frames


@contextmanager
def python(chain, block):
    """By a callback in Python."""
    import sounddevice

    played = 0

    def callback(indata, outdata, frames, times, status):
        nonlocal played
        chain.process(indata, outdata)
        played += frames

    with sounddevice.Stream(RATE_HZ, block, channels=1, dtype="float32", latency="low", callback=callback):
        yield lambda: played
