"""Dynamics, echoes, equaliser and loudness against pedalboard, SciPy and pyloudnorm: 30 s of stereo at 48 kHz.

On one core, block by block, as live sound comes, and in one call. pedalboard's delay and SciPy's sections give the same
numbers, which is checked, and pyloudnorm the same loudness. pedalboard's compressor and gate have another detector and
no knee, so that only their times can be compared. Without pedalboard, which is no dependency, its columns stay empty.
"""

import numpy as np
import pyloudnorm
from scheduling import one_core
from scipy.signal import sosfilt
from side_by_side import check_equal, medians_s, show

import audioconv as ac

try:
    import pedalboard
except ImportError:
    pedalboard = None

RATE_HZ, SECONDS, CHANNELS, REPEATS = 48000, 30, 2, 7
BLOCKS = (64, 512, RATE_HZ * SECONDS)
SAME = 2e-6, 0.005  # of the maximum; in LU
BANDS = {"low": ac.EqBand("lowshelf", 100.0, gain_db=4.0), "middle": ac.EqBand("peak", 1000.0, 2.0, -3.0),
         "high": ac.EqBand("highshelf", 8000.0, gain_db=2.0)}  # fmt: skip


def main(options):
    if not pedalboard:
        print("without pedalboard: it is not installed")
    x = signal()
    with one_core():
        rows = [row(name, x, block) for name in STAGES for block in BLOCKS]
    show("share of real time, 30 s of stereo at 48 kHz, float32", rows)
    return {"stages": rows}


def signal():
    """Noise that comes and goes, so that the level crosses thresholds."""
    rng, samples = np.random.default_rng(0), RATE_HZ * SECONDS
    level = 10 ** (np.sin(np.arange(samples) / RATE_HZ * 9) - 1.5)
    return (rng.standard_normal((samples, CHANNELS)) * level[:, None] / 3).astype("float32")


def row(name, x, block):
    """The times of one stage in blocks of one length."""
    stage, peer_name, peer = STAGES[name](x)
    out = np.empty((min(block, len(x)), CHANNELS), "float32")

    def ours():
        for first in range(0, len(x) - block + 1, block):
            stage.process(x[first : first + block], out)

    times_s = medians_s({"ours": ours} | ({"peer": lambda: peer(block)} if peer else {}), REPEATS)
    shares = {which: times_s[which] / SECONDS if which in times_s else None for which in ("peer", "ours")}
    ratio = times_s["peer"] / times_s["ours"] if peer else None
    return {"stage": name, "block": "whole" if block == len(x) else block, "against": peer_name, **shares,
            "peer / ours": ratio}  # fmt: skip


def compressor(x):
    stage = ac.Compressor(-20.0, 4.0, sample_rate=RATE_HZ, attack_ms=5, release_ms=100, channels=CHANNELS)
    return stage, "pedalboard", pedal("Compressor", x, threshold_db=-20, ratio=4, attack_ms=5, release_ms=100)


def noise_gate(x):
    stage = ac.NoiseGate(-40.0, sample_rate=RATE_HZ, channels=CHANNELS)
    return stage, "pedalboard", pedal("NoiseGate", x, threshold_db=-40, ratio=10, attack_ms=1, release_ms=100)


def delay(x):
    stage = ac.Delay(0.25, 0.4, 0.5, sample_rate=RATE_HZ, channels=CHANNELS)
    if pedalboard:
        theirs = pedalboard.Delay(0.25, 0.4, 0.5)(x[:RATE_HZ].T.copy(), RATE_HZ).T
        check_equal(stage.process(x[:RATE_HZ]), theirs, SAME[0])
        stage.reset()
    return stage, "pedalboard", pedal("Delay", x, delay_seconds=0.25, feedback=0.4, mix=0.5)


def parametric_eq(x):
    stage = ac.ParametricEq(BANDS, sample_rate=RATE_HZ, channels=CHANNELS)
    designs = [ac.Biquad.design(band.kind, RATE_HZ, band.frequency_hz, q=band.q, gain_db=band.gain_db)
               for band in BANDS.values()]  # fmt: skip
    sos = np.concatenate([design.sos for design in designs])
    check_equal(stage.process(x[:RATE_HZ]), sosfilt(sos, x[:RATE_HZ].astype(float), axis=0), SAME[0])

    def peer(block):
        state = np.zeros((len(sos), 2, CHANNELS))
        for first in range(0, len(x) - block + 1, block):
            _, state = sosfilt(sos, x[first : first + block], axis=0, zi=state)

    stage.reset()
    return stage, "scipy", peer


def loudness_meter(x):
    stage, reference = ac.LoudnessMeter(RATE_HZ, channels=CHANNELS), pyloudnorm.Meter(RATE_HZ, "DeMan")
    stage(x)
    error = abs(stage.integrated_lufs - reference.integrated_loudness(x.astype(float)))
    if error > SAME[1]:
        raise SystemExit(f"loudness differs by {error:.3f} LU")
    return stage, "pyloudnorm (whole, no peak)", lambda block: reference.integrated_loudness(x)


def pedal(name, x, **parameters):
    """A function of the block length that sends the signal through a stage of pedalboard; None without it."""
    if not pedalboard:
        return None
    stage, planar = getattr(pedalboard, name)(**parameters), np.ascontiguousarray(x.T)

    def run(block):
        for first in range(0, len(x) - block + 1, block):
            stage.process(planar[:, first : first + block], RATE_HZ, buffer_size=block, reset=False)

    return run


STAGES = {
    "compressor": compressor, "noise gate": noise_gate, "delay": delay, "parametric eq, 3 bands": parametric_eq,
    "loudness meter": loudness_meter,
}  # fmt: skip
