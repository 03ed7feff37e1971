"""Writing: every format and sample type, file objects, names of any bytes."""

import io
import os
import sys
import tempfile

import numpy as np
import pytest
import soundfile

import audioconv as ac
from audioconv.io import atomic, info, write, writer
from tests.signals import noise

TONE = (0.4 * np.sin(np.arange(24000) * 0.05) + noise(24000, "float64", scale=0.05)).astype("float32")
LAST_BLOCK = {"SDS": 120, "DWVW": 20, "ADPCM": 8200, "G72": 200, "GSM": 1000, "LAW": 2, "PCM_S8": 2, "PCM_U8": 2,
              "PCM_24": 10}  # samples that come back too many at most  # fmt: skip
IMPOSSIBLE = {("AIFF", "DWVW_12"), ("MP3", "MPEG_LAYER_I"), ("MP3", "MPEG_LAYER_II"), ("WAV", "MPEG_LAYER_III")}
ALL = [(form, subtype) for form in soundfile.available_formats() for subtype in soundfile.available_subtypes(form)
       if form != "SD2" and (form, subtype) not in IMPOSSIBLE]  # fmt: skip


@pytest.mark.parametrize(("form", "subtype"), ALL)
def test_every_sample_type_of_every_format_can_be_written(form, subtype):
    """In blocks that no codec likes; what comes back is the sound and at most the rest of the codec's last block."""
    file, rate = io.BytesIO(), {"XI": 44100}.get(form, 8000)
    x = 0.3 * np.sin(np.arange(7001) * 0.05)
    with writer(file, rate, format=form, subtype=subtype) as sink:
        for start in range(0, 7001, 777):
            sink.write(x[start : start + 777])
    file.seek(0)
    header = {"samplerate": rate, "channels": 1, "subtype": subtype, "format": form} if form == "RAW" else {}
    with soundfile.SoundFile(file, **header) as sound:
        assert (sound.format, sound.subtype, sound.samplerate) == (form, subtype, rate)
        sound.seekable = lambda: False
        y = sound.read(20000)
    spare = next((size for kind, size in LAST_BLOCK.items() if kind in f"{form} {subtype}"), 1)
    assert len(x) <= len(y) <= len(x) + spare
    coarse = ("GSM", "G72", "NMS", "IMA", "OPUS", "MPEG", "VORBIS")
    assert np.abs(y[: len(x)] - x).max() < (0.35 if subtype.startswith(coarse) else 0.01)
    assert np.corrcoef(y[: len(x)], x)[0, 1] > 0.93


@pytest.mark.parametrize(("form", "subtype"), sorted(IMPOSSIBLE))
def test_what_libsndfile_only_reads_is_refused(tmp_path, form, subtype):
    with pytest.raises(ac.AudioFileError, match=f"cannot write .* as {form} {subtype} with 1 channel"):
        write(tmp_path / "a.dat", TONE, 16000, format=form, subtype=subtype)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "subtype"), [("a.wav", "GSM610"), ("a.wav", "G721_32"), ("a.au", "G723_24"),
                                               ("a.wav", "NMS_ADPCM_16"), ("a.wav", "IMA_ADPCM")])  # fmt: skip
def test_files_that_cannot_seek_come_back(tmp_path, name, subtype):
    write(tmp_path / name, TONE[:8000], 8000, subtype=subtype)
    assert info(tmp_path / name).subtype == subtype
    samples = ac.read(tmp_path / name).samples
    assert 8000 <= len(samples) <= 12000
    assert np.corrcoef(samples[:8000], TONE[:8000])[0, 1] > 0.9


@pytest.mark.parametrize(("form", "rate"), [("HTK", 44100), ("VOC", 44100), ("WVE", 16000), ("XI", 48000)])
def test_a_rate_that_a_format_has_not_is_refused(tmp_path, form, rate):
    subtype = "PCM_U8" if form == "VOC" else None
    with pytest.raises(ac.AudioFileError, match=rf"{form} file cannot have {rate} Hz; \d+ Hz is the nearest"):
        write(tmp_path / f"a.{form.lower()}", TONE, rate, subtype=subtype)
    assert not list(tmp_path.iterdir())


def test_the_format_is_that_of_the_argument_or_the_name(tmp_path):
    write(tmp_path / "a.dat", TONE, 16000, format="flac")
    assert info(tmp_path / "a.dat").format == "FLAC"
    write(tmp_path / "a.wav", TONE, 48000, format="opus")
    assert (info(tmp_path / "a.wav").format, info(tmp_path / "a.wav").subtype) == ("OGG", "OPUS")
    with open(tmp_path / "b.aiff", "wb") as file:
        write(file, TONE, 16000)
        assert not file.closed
    assert info(tmp_path / "b.aiff").format == "AIFF"
    for wrong in ("XYZ", "SD2", ""):
        with pytest.raises(ac.ArgumentError, match="format must be one of"):
            write(tmp_path / "c.wav", TONE, 16000, format=wrong)
    with pytest.raises(ac.ArgumentError, match="subtype None"):
        write(tmp_path / "c.wav", TONE, 16000, format="RAW")
    assert {path.name for path in tmp_path.iterdir()} == {"a.dat", "a.wav", "b.aiff"}


# --- file objects and names -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3", "W64"])
def test_a_file_object_gets_the_file(tmp_path, form):
    file = io.BytesIO(b"head")
    file.seek(4)
    write(file, TONE, 16000, format=form)
    write(tmp_path / "a.dat", TONE, 16000, format=form)
    assert form == "OGG" or file.getvalue()[4:] == (tmp_path / "a.dat").read_bytes()  # Ogg has a random number in it
    file.seek(4)
    assert np.array_equal(ac.read(file).samples, ac.read(tmp_path / "a.dat").samples)


def test_a_file_object_gets_nothing_if_the_sound_is_not_whole():
    file = io.BytesIO()
    with pytest.raises(ac.ArgumentError, match="NaN"):
        write(file, np.full(9000, np.nan), 16000, format="WAV")
    with pytest.raises(ac.ArgumentError, match=r"<BytesIO> has no name .*format='WAV'"):
        write(file, TONE, 16000)
    assert file.getvalue() == b""
    with tempfile.SpooledTemporaryFile(mode="w") as text:
        for wrong in (io.StringIO(), io.BufferedReader(io.BytesIO()), text):
            with pytest.raises(ac.ArgumentError, match="open it with mode 'wb'"):
                write(wrong, TONE, 16000, format="WAV")
    file.close()
    with pytest.raises(ac.ArgumentError, match="<BytesIO> cannot be written to: I/O operation on closed file"):
        write(file, TONE, 16000, format="WAV")


@pytest.mark.skipif(os.name != "posix", reason="names as POSIX has them")
@pytest.mark.parametrize("name", ["a" * 300 + ".wav", "a\0b.wav"])
def test_a_name_that_no_file_can_have_is_one_clear_error(tmp_path, name):
    with pytest.raises(ac.AudioFileError, match=r"cannot write .*: (File name too long|embedded null byte)"):
        write(tmp_path / name, TONE, 16000)


def test_objects_that_take_little_at_a_time_or_say_nothing_get_all():
    class Slow(io.RawIOBase):
        def __init__(self):
            self.got = b""

        def writable(self):
            return True

        def write(self, data):
            self.got += bytes(data[:1000])
            return min(1000, len(data))

    class Silent:
        def __init__(self):
            self.got = b""

        def write(self, data):
            self.got += bytes(data)

    expected = io.BytesIO()
    write(expected, TONE, 16000, format="WAV")
    for file in (Slow(), Silent()):
        write(file, TONE, 16000, format="WAV")
        assert file.got == expected.getvalue()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_an_object_on_a_full_disk_is_one_clear_error():
    with open("/dev/full", "wb", buffering=0) as file, pytest.raises(ac.AudioFileError, match="/dev/full: No space"):
        write(file, TONE, 16000, format="WAV")


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes")
def test_a_name_that_is_not_utf8_can_be_written(tmp_path):
    folder = tmp_path / os.fsdecode(b"f\xfcr")
    folder.mkdir()
    path = folder / os.fsdecode(b"caf\xe9.wav")
    write(os.fsencode(path), TONE, 16000, subtype="FLOAT")
    assert os.listdir(os.fsencode(folder)) == [b"caf\xe9.wav"]
    assert np.array_equal(ac.read(path).samples, TONE)
    with pytest.warns(RuntimeWarning, match=r"caf\\xe9\.wav clipped at full"):
        write(path, TONE * 5, 16000)
    with pytest.raises(ac.AudioFileError) as caught:
        write(folder / "no" / path.name, TONE, 16000)
    assert "caf\\xe9.wav" in str(caught.value)
    str(caught.value).encode("utf-8")


def test_the_disk_is_waited_for_once_a_file_and_not_while_many_are_written(tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(
        soundfile.SoundFile, "flush", lambda sound: waited.append("soundfile") if sound.mode != "r" else 0
    )
    monkeypatch.setattr(atomic, "sync", lambda path: waited.append("audioconv"))
    write(tmp_path / "a.wav", TONE, 8000)
    assert waited == ["audioconv"] * 2  # the file, and the folder
    with atomic.without_sync():
        write(tmp_path / "b.wav", TONE, 8000)
    assert len(waited) == 2
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


@pytest.mark.parametrize(
    ("rate", "channels", "says"), [(200_001, 1, "200000 Hz, not 200001"), (8000, 256, "255 channels, not 256")]
)
def test_what_would_crash_libvorbis_is_refused(tmp_path, rate, channels, says):
    sound = np.zeros((1000, channels), np.float32)
    with pytest.raises(ac.AudioFileError, match=f"a.ogg: Vorbis takes at most {says}"):
        write(tmp_path / "a.ogg", sound, rate, axis=0)
    assert not list(tmp_path.iterdir())
    write(tmp_path / "a.ogg", sound[:, :255], min(rate, 200_000), axis=0)
    assert info(tmp_path / "a.ogg").channels == min(channels, 255)
