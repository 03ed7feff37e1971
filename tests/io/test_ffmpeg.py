"""Files that libsndfile cannot read, through ffmpeg; and those that both can, alike."""

import io
import os
import shutil
import subprocess

import numpy as np
import pytest
import soundfile

import audioconv as ac
from audioconv.io import blocks, info
from tests.odd_files import ID3V1, ID3V2, NOISE, RATE, encoded, mp3, mp3_without_index, ogg_pages

SHORT = NOISE[:20001]
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not on the PATH")


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(os.fspath, arguments)], check=True)


def decoded(path, channels=1):
    """What ffmpeg alone makes of a file."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-map", "0:a:0", "-f", "f32le", "-"]
    raw = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(raw, "<f4").reshape((-1, channels) if channels > 1 else -1)


CODECS = {
    "a.m4a": ("aac", 44100),
    "lossless.m4a": ("alac", 44100),
    "a.aac": ("aac", 44100),
    "a.webm": ("libopus", 48000),
    "a.mka": ("flac", 44100),
    "a.wv": ("wavpack", 44100),
}


@needs_ffmpeg
@pytest.mark.parametrize("name", CODECS)
def test_what_libsndfile_lacks_is_decoded_by_ffmpeg(tmp_path, name):
    codec, rate = CODECS[name]
    stereo = np.stack([SHORT, -SHORT / 2], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, RATE)
    path = tmp_path / f"-y {name}"  # as an option of ffmpeg it would be one
    ffmpeg("-i", tmp_path / "a.wav", "-c:a", codec, path)
    expected = decoded(path, 2)
    assert len(expected) >= len(SHORT)
    clip = ac.read(path)
    assert clip.sample_rate == rate
    assert np.array_equal(clip.samples, expected)
    assert info(path)[:3] == (rate, 2, len(expected))
    assert np.array_equal(np.concatenate(list(blocks(path, 999, 0.1, 0.3))), expected[rate // 10 : rate * 3 // 10])
    assert np.array_equal(ac.read(io.BytesIO(path.read_bytes())).samples, expected)
    assert ac.read(path, dtype="float64").samples.dtype == np.float64


@needs_ffmpeg
def test_flac_of_12_bits(tmp_path):
    data = bytearray(encoded(np.round(SHORT * 2048) / 2048, "FLAC", "PCM_16"))
    (tmp_path / "a.flac").write_bytes(data)
    ffmpeg(
        "-i",
        tmp_path / "a.flac",
        "-c:a",
        "flac",
        "-sample_fmt",
        "s16",
        "-bits_per_raw_sample",
        "12",
        tmp_path / "b.flac",
    )
    assert np.array_equal(ac.read(tmp_path / "b.flac").samples, decoded(tmp_path / "b.flac"))


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.m4a", "a.aac", "a.wv"])
def test_what_ffmpeg_finds_damaged_is_refused(tmp_path, name):
    soundfile.write(tmp_path / "a.wav", NOISE, RATE)
    ffmpeg("-i", tmp_path / "a.wav", "-movflags", "+faststart", tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2 - 7])
    with pytest.raises(ac.AudioFileError, match="damaged or cut short") as caught:
        ac.read(tmp_path / name)
    assert "\n" not in str(caught.value)
    with pytest.warns(ac.AudioFileWarning, match="damaged or cut short"):
        samples = ac.read(tmp_path / name, partial=True).samples
    assert 0.2 * len(NOISE) < len(samples) < 0.8 * len(NOISE)


@needs_ffmpeg
def test_ffmpeg_opens_no_other_file_than_the_one_given(tmp_path):
    ac.write(tmp_path / "secret.wav", SHORT, RATE)
    (tmp_path / "a.m4a").write_text("ffconcat version 1.0\nfile secret.wav\n")
    (tmp_path / "b.m4a").write_text("#EXTM3U\n#EXTINF:3,\nsecret.wav\n")
    for name in ("a.m4a", "b.m4a"):
        with pytest.raises(ac.AudioFileError, match="cannot be read as a sound file"):
            ac.read(tmp_path / name)
    with pytest.raises(ac.AudioFileError, match="does not exist"):
        ac.read(f"concat:{tmp_path}/secret.wav")


@needs_ffmpeg
def test_a_video_has_its_sound_or_none(tmp_path):
    soundfile.write(tmp_path / "a.wav", SHORT, RATE)
    picture = ("-f", "lavfi", "-i", "color=s=64x64:d=0.4")
    ffmpeg(*picture, "-i", tmp_path / "a.wav", "-c:v", "mpeg4", "-c:a", "aac", tmp_path / "a.mp4")
    ffmpeg(*picture, "-c:v", "mpeg4", tmp_path / "b.mp4")
    shutil.copy(tmp_path / "a.mp4", tmp_path / "a.mp3")
    assert np.array_equal(ac.read(tmp_path / "a.mp3").samples, decoded(tmp_path / "a.mp4"))
    with pytest.raises(ac.AudioFileError, match="holds no sound"):
        ac.read(tmp_path / "b.mp4")


def test_without_ffmpeg_there_is_advice(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(500))
    with pytest.raises(
        ac.AudioFileError, match=r"without ffmpeg on the PATH \(it is MPEG-4.*install ffmpeg, or convert"
    ):
        ac.read(tmp_path / "a.m4a")


@needs_ffmpeg
@pytest.mark.parametrize(
    "make",
    [mp3_without_index, lambda: [mp3()], lambda: [ID3V2 + mp3(mode="VARIABLE") + ID3V1], lambda: [mp3(rate=8000)]],
)
def test_mp3_is_what_ffmpeg_makes_of_it(tmp_path, make):
    (tmp_path / "a.mp3").write_bytes(make()[0])
    expected, samples = decoded(tmp_path / "a.mp3"), ac.read(tmp_path / "a.mp3").samples
    assert len(samples) == len(expected)
    assert np.abs(samples - expected).max() < 1e-4 < np.abs(samples).max()


@needs_ffmpeg
def test_opus_by_ffmpeg_ends_where_it_should(tmp_path):
    soundfile.write(tmp_path / "a.wav", SHORT, RATE)
    ffmpeg("-i", tmp_path / "a.wav", "-c:a", "libopus", tmp_path / "a.opus")
    pages = ogg_pages((tmp_path / "a.opus").read_bytes())
    assert len(pages) > 2
    expected = decoded(tmp_path / "a.opus")
    assert ac.read(tmp_path / "a.opus").samples.shape == expected.shape
    assert info(tmp_path / "a.opus").frames == len(expected) == sum(map(len, blocks(tmp_path / "a.opus", 100)))
