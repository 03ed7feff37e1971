"""Files that are processed are opened as seldom as can be, and closed whatever comes."""

import os
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

import audioconv as ac
from audioconv.io import _read


class Times:
    latency = 0

    def __init__(self, gain):
        self.gain = np.float32(gain)

    def reset(self):
        pass

    def process(self, block):
        return block * self.gain

    def flush(self):
        return np.zeros(0, "float32")


@pytest.fixture
def layouts(monkeypatch):
    """What was found of files that were opened to be decoded."""
    found, layout_of = [], _read.layout_of
    monkeypatch.setattr(_read, "layout_of", lambda source: found.append(layout_of(source)) or found[-1])
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed in /proc")
@pytest.mark.parametrize("gain", [0.5, np.nan])
@pytest.mark.parametrize(("suffix", "partial"), [(".wav", False), (".mp3", False), (".wav", True)])
def test_a_file_whose_header_says_how_long_it_is_has_one_decoder(tmp_path, layouts, gain, suffix, partial):
    source = tmp_path / f"in{suffix}"
    ac.write(source, 0.1 * np.random.default_rng(0).standard_normal(20_000), 16000)
    before = os.listdir("/proc/self/fd")
    with nullcontext() if gain == 0.5 else pytest.raises(ac.ArgumentError, match="NaN or infinite"):
        ac.process_file(source, tmp_path / "out.wav", Times(gain), subtype="FLOAT", block_size=1000, partial=partial)
    assert os.listdir("/proc/self/fd") == before
    assert len(layouts) == 1 + partial  # which decodes all of it to know its length
    if gain == 0.5:
        assert np.array_equal(ac.read(tmp_path / "out.wav").samples, ac.read(source).samples / 2)


def test_a_file_becomes_louder_in_its_place(tmp_path, layouts):
    ac.write(tmp_path / "a.wav", np.linspace(-0.5, 0.5, 10_000, dtype="float32"), 16000, subtype="FLOAT")
    x = ac.read(tmp_path / "a.wav").samples
    ac.process_file(tmp_path / "a.wav", tmp_path / "a.wav", Times(2.0), overwrite=True)
    assert np.array_equal(ac.read(tmp_path / "a.wav").samples, 2 * x)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that takes nothing")
def test_what_cannot_be_written_is_not_said_of_the_source(tmp_path):
    ac.write(tmp_path / "in.wav", np.zeros(10_000), 16000)
    with open("/dev/full", "wb") as full, pytest.raises(ac.AudioFileError, match="cannot write /dev/full: No space"):
        ac.process_file(tmp_path / "in.wav", full, Times(1.0), format="WAV")
