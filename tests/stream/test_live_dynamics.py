"""Dynamics, echoes and meters, live: JACK's dummy driver, as in `test_live.py`."""

import time

import numpy as np
import pytest

import audioconv as ac
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.stream import Sink, Source
from tests.signals import uniform

RATE = 48000
pytestmark = [
    pytest.mark.live,
    pytest.mark.usefixtures("sound_card_of_jack"),
    pytest.mark.skipif(not JIT_ENABLED, reason="a C callback needs compiled code"),
]


def voice():
    """A gate, an equaliser, a compressor and an echo."""
    return [ac.NoiseGate(-50.0, sample_rate=RATE), ac.ParametricEq.from_preset("flat", sample_rate=RATE),
            ac.Compressor(-30.0, 4.0, sample_rate=RATE), ac.Delay(0.02, 0.5, sample_rate=RATE)]  # fmt: skip


def test_dynamics_echoes_and_meters_play_and_may_be_set_and_read():
    x, sink, meter, stages = uniform(2 * RATE, 0.5), Sink(2 * RATE), ac.LoudnessMeter(RATE), voice()
    _, eq, compressor, echo = stages
    with ac.live(ac.Chain([Source(x), *stages, meter, sink]), 256) as sound:
        played_for(meter, sound, 0.5)
        assert meter.momentary_lufs > -40
        assert compressor.gain_reduction_db > 5
        eq.set_band("middle", gain_db=-6.0)
        compressor.ratio, echo.mix = 2.0, 0.0
        played_for(meter, sound, 0.6)
    y = sink.recorded
    change = np.flatnonzero(y != ac.Chain(voice()).process(x)[: len(y)])
    assert len(change) > 1000
    assert change[0] >= RATE / 2
    assert len(y) == min(round(meter.measured_s * RATE), len(x))


def played_for(meter, sound, seconds):
    """Wait until so much has been played, however slow the machine is."""
    end = time.monotonic() + 30
    while meter.measured_s < seconds and time.monotonic() < end:
        sound.wait(0.02)
    assert meter.measured_s >= seconds
