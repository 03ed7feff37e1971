"""Which speaker a channel is for goes along with it, where a format can say so."""

import struct

import numpy as np
import pytest
import soundfile

from audioconv.io import read_metadata
from tests.io.test_metadata import X, copied, ffmpeg, probed


def with_mask(path, mask, channels):
    soundfile.write(path, np.repeat(X[:, None], channels, 1), 48000, format="WAVEX")
    data = bytearray(path.read_bytes())
    at = data.index(b"fmt ") + 8 + 20
    data[at : at + 4] = struct.pack("<I", mask)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("mask", "channels"), [(0x60F, 6), (0x3F, 6), (0x33, 4), (0x107, 4), (0x3, 2), (0, 4)])
@pytest.mark.parametrize("target", ["wav", "rf64", "flac", "caf"])
def test_the_layout_of_speakers_stays(tmp_path, mask, channels, target):
    source = with_mask(tmp_path / "in.wav", mask, channels)
    assert copied(source, tmp_path / f"out.{target}", channels=channels) == ()
    if mask:
        assert read_metadata(tmp_path / f"out.{target}").channel_mask in (mask, None if channels == 2 else mask)
        assert copied(tmp_path / f"out.{target}", tmp_path / "back.wav", channels=channels) == ()
    if mask and channels > 2:
        content = (tmp_path / "back.wav").read_bytes()
        assert struct.unpack_from("<I", content, content.index(b"fmt ") + 8 + 20)[0] == mask


@ffmpeg
@pytest.mark.parametrize("target", ["wav", "rf64", "flac", "caf"])
def test_ffmpeg_sees_the_channel_layout(tmp_path, target):
    copied(with_mask(tmp_path / "in.wav", 0x107, 4), tmp_path / f"out.{target}", channels=4)
    assert probed(tmp_path / f"out.{target}")["streams"][0]["channel_layout"] == "4.0"


def test_a_layout_that_cannot_be_kept_is_named(tmp_path):
    source = with_mask(tmp_path / "in.wav", 0x60F, 6)
    for target, channels in (("out.ogg", 6), ("out.aiff", 6), ("out.wav", 2)):
        assert copied(source, tmp_path / target, channels=channels) == ("the speaker layout",)
    assert copied(with_mask(tmp_path / "b.wav", 0x3, 2), tmp_path / "out.mp3", channels=2) == ()


@pytest.mark.parametrize("mask", ["0x1FFFFFFFF", "-3", "1e9", "0x"])
def test_a_comment_that_holds_no_mask_is_damaged(tmp_path, mask):
    from mutagen.flac import FLAC

    soundfile.write(tmp_path / "in.flac", np.repeat(X[:, None], 4, 1), 48000)
    held = FLAC(tmp_path / "in.flac")
    held["WAVEFORMATEXTENSIBLE_CHANNEL_MASK"] = mask
    held.save()
    assert any("damaged" in text for text in read_metadata(tmp_path / "in.flac").dropped)
    copied(tmp_path / "in.flac", tmp_path / "out.wav", channels=4)
