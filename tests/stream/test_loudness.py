"""Loudness block by block is that of the whole signal by pyloudnorm, and by ffmpeg."""

import re
import shutil
import subprocess

import numpy as np
import pyloudnorm
import pytest
import soundfile

import audioconv as ac
from audioconv.stream.loudness import LoudnessMeter


def sounds(channels, sample_rate, seconds=6):
    """Noise that goes from loud to silent and back, so that both gates have something to do."""
    rng = np.random.default_rng(channels)
    level = np.repeat(rng.uniform(0.0, 0.3, 5 * seconds) ** 2, sample_rate // 5)
    level[len(level) // 3 : len(level) // 2] = 0
    x = rng.standard_normal((len(level), channels)) * level[:, None]
    return x if channels > 1 else x[:, 0]


def metered(x, sample_rate, block=7777, **options):
    meter = LoudnessMeter(sample_rate, 1 if x.ndim == 1 else x.shape[1], **options)
    for start in range(0, len(x), block):
        meter.add(x[start : start + block])
    return meter.integrated_lufs()


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("sample_rate", [8000, 44100, 48000])
def test_the_loudness_is_that_of_pyloudnorm(channels, sample_rate):
    x = sounds(channels, sample_rate)
    expected = pyloudnorm.Meter(sample_rate).integrated_loudness(x)
    assert -60 < expected < -10
    assert abs(metered(x, sample_rate) - expected) < 0.01
    assert abs(metered(x, sample_rate, block=len(x)) - metered(x, sample_rate, block=100)) < 1e-9


def test_channels_count_by_their_speakers():
    x = sounds(6, 48000)
    without_bass = pyloudnorm.Meter(48000).integrated_loudness(x[:, [0, 1, 2, 4, 5]])
    assert abs(metered(x, 48000) - without_bass) < 0.01
    assert abs(metered(x, 48000, speakers=0x3F) - without_bass) < 0.01
    assert metered(x, 48000, speakers=0) > without_bass + 0.1  # nobody says that one is for low frequencies
    four = sounds(4, 48000)
    assert metered(four, 48000, speakers=0x33) > metered(four, 48000, speakers=0) + 0.3


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_loudness_is_that_of_ffmpeg(tmp_path, channels):
    x = sounds(channels, 48000)
    soundfile.write(tmp_path / "a.wav", x, 48000, subtype="FLOAT", format="WAVEX")
    command = ["ffmpeg", "-nostats", "-i", tmp_path / "a.wav", "-filter_complex", "ebur128", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr
    expected = float(re.findall(r"I:\s+(\S+) LUFS", said)[-1])
    assert -60 < expected < -10
    assert abs(metered(x, 48000) - expected) <= 0.15  # it says tenths


def test_a_tone_of_full_scale_is_at_3_lufs():
    """ITU-R BS.1770: a sine of 997 Hz at 0 dB in one channel has -3.01 LKFS."""
    assert abs(metered(np.sin(2 * np.pi * 997 / 48000 * np.arange(96000)), 48000) + 3.01) < 0.05


def test_silence_and_what_is_too_short():
    assert metered(np.zeros(48000), 48000) == -np.inf
    assert metered(np.full(48000, 1e-6), 48000) == -np.inf
    with pytest.raises(ac.ArgumentError, match=r"over 0\.4 s at least, and there are 0\.300 s"):
        metered(np.ones(14400), 48000)
    with pytest.raises(ac.ArgumentError, match="from 4000 Hz"):
        LoudnessMeter(2000)
    with pytest.raises(
        ac.ShapeError,
        match=r"not \(5, 2\); this LoudnessMeter is made for 1 channel.* LoudnessMeter\(..., channels=2\)",
    ):
        LoudnessMeter(48000).add(np.ones((5, 2)))
