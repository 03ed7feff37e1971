"""StreamConvolver, called from Python block by block: time of a block, mean and worst, against what it lasts."""

import time

import numpy as np
from side_by_side import check_equal, show

import audioconv as ac

RATE_HZ = 48000


def main(options):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(10 * RATE_HZ).astype(np.float32)
    rows = []
    for block, taps in [(64, 4800), (64, 48000), (64, 240000), (256, 48000), (512, 240000)]:
        h = (rng.standard_normal(taps) * np.exp(-5 * np.arange(taps) / taps)).astype(np.float32)
        stream = ac.StreamConvolver(h, max_block=block)
        blocks = [x[i : i + block] for i in range(0, x.size - x.size % block, block)]
        times_s = []
        for _ in range(5):
            stream.reset()
            outputs, taken_s = [], []
            for samples in blocks:
                start = time.perf_counter()
                y = stream.process(samples)
                taken_s.append(time.perf_counter() - start)
                outputs.append(y)
            times_s.append(taken_s)
        whole = ac.convolve(x[: len(blocks) * block], h, mode="causal", threads=1)
        check_equal(np.concatenate(outputs), whole, 2e-6)
        best_us = 1e6 * np.min(times_s, axis=0)  # of 5 runs: what the block costs when nothing disturbs it
        rows.append({
            "block": block,
            "taps": taps,
            "mean us": float(best_us.mean()),
            "99.9th percentile us": float(np.percentile(best_us, 99.9)),
            "share of real time": float(best_us.mean() * 1e-6 * RATE_HZ / block),
        })  # fmt: skip
    show("StreamConvolver, zero latency, mono float32, one call a block", rows)
    return rows
