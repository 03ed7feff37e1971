"""WAV files beyond 4 GiB are written as RF64."""

import os
from dataclasses import replace

import numpy as np
import pytest
import soundfile

import audioconv as ac
from audioconv.io import rf64
from tests.io.test_metadata import copied, tagged
from tests.signals import noise

SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")


@pytest.fixture
def small_limit(monkeypatch):
    """As if a WAV file could hold 1000 bytes."""
    monkeypatch.setattr(rf64, "MOST_BYTES", 1000)


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("shape", [(3001,), (3000, 2), (1501, 6)])
def test_it_holds_what_wav_would(tmp_path, monkeypatch, subtype, shape):
    samples = noise(shape, scale=0.1)
    ac.write(tmp_path / "short.wav", samples, 16000, subtype=subtype)
    monkeypatch.setattr(rf64, "MOST_BYTES", 1000)
    ac.write(tmp_path / "long.wav", samples, 16000, subtype=subtype)
    assert (tmp_path / "long.wav").read_bytes()[:4] == b"RF64"
    about, short = soundfile.info(tmp_path / "long.wav"), soundfile.info(tmp_path / "short.wav")
    assert (about.format, about.subtype, about.frames) == ("RF64", subtype, short.frames)
    wanted, _ = soundfile.read(tmp_path / "short.wav")
    assert np.array_equal(soundfile.read(tmp_path / "long.wav")[0], wanted)
    assert np.array_equal(ac.read(tmp_path / "long.wav").samples, ac.read(tmp_path / "short.wav").samples)


def test_tags_are_kept(tmp_path, small_limit):
    source = tagged(tmp_path / "tagged.flac")
    assert copied(source, tmp_path / "long.wav") == copied(source, tmp_path / "long.rf64")
    for name in ("long.wav", "long.rf64"):
        assert (tmp_path / name).read_bytes()[:4] == b"RF64"
    kept, wanted = (ac.io.read_metadata(tmp_path / name) for name in ("long.wav", "long.rf64"))
    assert kept == replace(wanted, channel_mask=None)  # which libsndfile writes into each RF64


def test_what_fits_stays_wav(tmp_path, small_limit):
    ac.write(tmp_path / "short.wav", noise(400, scale=0.1), 16000)
    assert (tmp_path / "short.wav").read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize(("name", "subtype"), [("long.aiff", "PCM_16"), ("long.wav", "MS_ADPCM")])
def test_others_have_no_such_way(tmp_path, small_limit, name, subtype):
    with pytest.raises(ac.AudioFileError, match=rf"with {subtype} holds 4 GiB; use \.wav with PCM"):
        ac.write(tmp_path / name, noise(4000, scale=0.1), 16000, subtype=subtype)
    assert os.listdir(tmp_path) == []


@pytest.mark.long
@pytest.mark.skipif("AUDIOCONV_LONG" not in os.environ, reason="writes 4.4 GB; AUDIOCONV_LONG=1 runs it")
def test_beyond_the_real_limit(tmp_path):
    block, blocks = noise((1 << 20, 4), scale=0.1), 260  # 4.4 GB
    with ac.io.writer(tmp_path / "long.wav", 48000, 4, subtype="FLOAT") as sink:
        for _ in range(blocks):
            sink.write(block)
    about = soundfile.info(tmp_path / "long.wav")
    assert (about.format, about.frames) == ("RF64", blocks << 20)
    assert ac.io.info(tmp_path / "long.wav").frames == blocks << 20
    for place in (0, 100, blocks - 1):
        read, _ = soundfile.read(tmp_path / "long.wav", start=place << 20, frames=1 << 20, dtype="float32")
        assert np.array_equal(read, block)
