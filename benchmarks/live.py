"""Live sound while Python holds the GIL: frames of a native chain and of a Python callback, of those that are due.

The sound card is JACK's dummy driver. The main thread sorts a list of three million numbers over and over, which holds the
GIL for seconds. In each run a native callback that does nearly nothing plays beside the one that is measured, and says what
can be had: the driver is no real-time process, and loses time itself.
"""

import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from side_by_side import show

import audioconv as ac

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests import jack  # noqa: E402

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
            shares = {kind: [_share(kind, h, block, numbers) for _ in range(RUNS)] for kind in (_native, _python)}
        row = {"block": block}
        for kind, runs in shares.items():
            name = kind.__name__.strip("_")
            row[f"{name} / trivial"] = median(frames / trivial for frames, trivial in runs)
            row[f"{name} of due"] = median(frames for frames, _ in runs) / (RATE_HZ * SECONDS)
        row["trivial of due"] = median(trivial for _, trivial in shares[_native]) / (RATE_HZ * SECONDS)
        rows.append(row)
    show(f"frames in {SECONDS} s of sorting, a chain with 48,000 taps, median of {RUNS} runs", rows)
    return rows


def _share(kind, h, block, numbers):
    """Frames of this kind and of the trivial callback while the GIL is held."""
    with ac.live(ac.Gain(0.0), block, sample_rate=RATE_HZ) as trivial, kind(h, block) as count:
        time.sleep(0.5)
        before = count(), trivial.statistics.frames
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            sorted(numbers)
        return count() - before[0], trivial.statistics.frames - before[1]


class _native:  # noqa: N801
    """The chain by the compiled callback."""

    def __init__(self, h, block):
        self._sound = ac.live(
            ac.Chain([ac.Gain(0.0), ac.StreamConvolver(h, max_block=block)]), block, sample_rate=RATE_HZ
        )

    def __enter__(self):
        self._sound.start()
        return lambda: self._sound.statistics.frames

    def __exit__(self, *error):
        self._sound.close()


class _python:  # noqa: N801
    """The same chain by a callback in Python."""

    def __init__(self, h, block):
        import sounddevice

        chain = ac.Chain([ac.Gain(0.0), ac.StreamConvolver(h, max_block=block)])
        self._frames = 0

        def callback(indata, outdata, frames, times, status):
            chain.process(indata, outdata)
            self._frames += frames

        self._stream = sounddevice.Stream(RATE_HZ, block, channels=1, dtype="float32", latency="low", callback=callback)

    def __enter__(self):
        self._stream.start()
        return lambda: self._frames

    def __exit__(self, *error):
        self._stream.close()
