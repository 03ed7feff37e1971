"""Streams that one core follows in real time: the detector of words, and beside it the clip model that slides.

Both have the architectures of `train` and weights that were never trained, because these cost the same. Processor time
and not time by the clock, because it hardly depends on what else a machine does; what is beside it in the caches does
matter, so that many streams take turns as on a server.
"""

import os
import time
from pathlib import Path

import numpy as np
from side_by_side import show

import audioconv as ac
from audioconv import classify, detect, models

RATE_HZ, WORDS, STREAMS, SECONDS, REPEATS = 16000, 8, 100, 0.5, 3
MB = 1e6
KEPT = []


def main(options):
    sound = (np.random.default_rng(0).standard_normal(round(SECONDS * RATE_HZ)) * 0.05).astype(np.float32)
    os.environ["AUDIOCONV_THREADS"] = "1"
    scorer, clips = untrained(), untrained_clips()
    card = ac.io.resample(sound, RATE_HZ, 48000)
    kinds = (
        ("detector", RATE_HZ, sound, lambda: detect.DetectorStream(scorer, 0.9)),
        ("detector", 48000, card, lambda: detect.DetectorStream(scorer, 0.9, sample_rate=48000)),
        ("detector in a chain", 48000, card, lambda: monitor(scorer)),
        ("clip model sliding", RATE_HZ, sound, lambda: classify.SlidingWindowDetector(clips, threshold=0.9)),
    )  # fmt: skip
    rows = [row(name, rate_hz, samples, make) for name, rate_hz, samples, make in kinds]
    base = rows[-1]
    for each in rows:
        each["20 ms, times the clip model's"] = each["20 ms, streams a core"] / base["20 ms, streams a core"]
    show(f"{STREAMS} streams in turn, processor time of one thread", rows)
    return rows


def resident_mb():
    """Memory of this process (Linux); not a number elsewhere."""
    statistics = Path("/proc/self/statm")
    return int(statistics.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MB if statistics.exists() else np.nan


def untrained():
    network = models.build_frames("ds-tcn", 1 + WORDS, 40, 0)
    words = np.array([f"word {k}" for k in range(WORDS)])
    return detect.FrameScorer(words, ac.LogMel(), network, np.full(40, -6, np.float32), np.full(40, 3, np.float32))


def untrained_clips():
    model, config = models.MODELS["tc-resnet8"], classify.TrainingConfig()
    features = model.features(RATE_HZ)
    network = models.build(model, 1 + WORDS, features.n_features, 0, features.frames(RATE_HZ))
    words = np.array(["unknown", *(f"word {k}" for k in range(WORDS))])
    statistics = np.zeros(features.n_features, np.float32), np.ones(features.n_features, np.float32)
    versions = config.tta_pitch_factors, config.tta_shifts_s
    return classify.Scorer(words, features, network, *statistics, RATE_HZ, *versions)


def monitor(scorer):
    return ac.Chain([detect.DetectorMonitor(scorer, scorer.decoder(0.9), sample_rate=48000), ac.Gain(-6.0)])


def row(name, rate_hz, samples, make):
    make().process(samples)  # kernels, tables and weights, which all streams share
    before = resident_mb()
    streams = [make() for _ in range(STREAMS)]
    KEPT.append(streams)  # so that no other kind gets their memory
    for stream in streams:
        stream.process(samples[: rate_hz // 4])
    found = {"": name, "Hz": rate_hz, "MB a stream": (resident_mb() - before) / STREAMS}
    for ms in (10, 20):
        size = rate_hz * ms // 1000
        blocks = [samples[i : i + size] for i in range(0, len(samples) - size + 1, size)]
        took_s = min(turn_s(streams, blocks) for _ in range(REPEATS)) / len(blocks) / STREAMS
        found |= {f"{ms} ms, us a block": 1e6 * took_s, f"{ms} ms, streams a core": ms / 1000 / took_s}
    return found


def turn_s(streams, blocks):
    start = time.process_time()
    for block in blocks:
        for stream in streams:
            stream.process(block)
    return time.process_time() - start
