"""Where sound comes from: paths of any bytes, file objects, pipes, a part of a file."""

import io
import mmap
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.io import blocks, display_path, info, seekable, sound_files
from audioconv.io.splice import SplicedFile
from tests.odd_files import NOISE, RATE, encoded, mp3, mp3_without_index

SHORT = NOISE[:20001]
posix = pytest.mark.skipif(os.name != "posix", reason="names of bytes and pipes as POSIX has them")


# --- file objects ---------------------------------------------------------------------------------------------

KINDS = {
    "wav": lambda: encoded(SHORT, "WAV", "PCM_16"),
    "flac": lambda: encoded(SHORT, "FLAC", "PCM_16"),
    "mp3": lambda: mp3(SHORT),
    "mp3 without index": lambda: mp3_without_index(SHORT)[0],
    "ogg": lambda: encoded(SHORT, "OGG", "VORBIS"),
    "joined": lambda: encoded(SHORT, "OGG", "VORBIS") * 2,
    "open wav": lambda: encoded(SHORT, "WAV", "PCM_16").replace(
        b"data" + len(SHORT * 2).to_bytes(4, "little"), b"data"
    ),
}


class Pipe(io.RawIOBase):
    """Cannot seek, and gives a few bytes at a time."""

    def __init__(self, data):
        super().__init__()
        self._data = data

    def readable(self):
        return True

    def readinto(self, buffer):
        part, self._data = self._data[: min(len(buffer), 1000)], self._data[1000:] if len(buffer) >= 1000 else b""
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.parametrize("kind", KINDS)
def test_file_objects_give_what_the_file_gives(tmp_path, kind):
    data = KINDS[kind]()
    (tmp_path / "a").write_bytes(data)
    expected, about = ac.read(tmp_path / "a").samples, info(tmp_path / "a")
    assert np.abs(expected).max() > 0.1
    memory = io.BytesIO(b"before" + data)
    memory.seek(6)
    for _ in range(2):
        assert np.array_equal(ac.read(memory).samples, expected)
        assert info(memory) == about
        found = []
        for block in blocks(memory, 5000):
            memory.seek(3)  # whoever owns it may go on with it
            found.append(block)
            memory.seek(6)
        assert np.array_equal(np.concatenate(found), expected)
        assert memory.tell() == 6
    assert np.array_equal(ac.read(Pipe(data)).samples, expected)
    assert np.array_equal(np.concatenate(list(blocks(Pipe(data), 999))), expected)
    with seekable(Pipe(data)) as copy:
        assert info(copy) == about
        assert np.array_equal(ac.read(copy).samples, expected)


def test_file_objects_that_are_none():
    with pytest.raises(ac.ArgumentError, match="open as text"):
        ac.read(io.TextIOWrapper(io.BytesIO(KINDS["wav"]())))
    with pytest.raises(ac.ArgumentError, match="a path or a binary file object is wanted, not list"):
        ac.read([1.0, 2.0])
    with pytest.raises(ac.AudioFileError, match="empty"):
        ac.read(io.BytesIO())
    at_end = io.BytesIO(KINDS["wav"]())
    at_end.seek(0, 2)
    with pytest.raises(ac.AudioFileError, match=r"nothing left to read; seek\(0\)"):
        ac.read(at_end)
    with pytest.raises(ac.AudioFileError, match="<BytesIO> cannot be read as a sound file"):
        ac.read(io.BytesIO(bytes(5000)))
    with pytest.raises(ac.ArgumentError, match=r"not the 40046 bytes of a file; io.BytesIO\(data\)"):
        ac.read(KINDS["wav"]())
    at_end.close()
    with pytest.raises(ac.ArgumentError, match="closed file"):
        ac.read(at_end)


def test_a_mapped_file_gives_what_the_file_gives(tmp_path):
    (tmp_path / "a").write_bytes(KINDS["wav"]())
    with open(tmp_path / "a", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert np.array_equal(ac.read(mapped).samples, ac.read(tmp_path / "a").samples)


@posix
def test_pipes_of_the_system(tmp_path):
    data = KINDS["flac"]()
    program = "import sys, audioconv as ac; print(ac.read(sys.stdin.buffer).samples.shape, ac.__name__)"
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, timeout=60)
    assert done.stdout.split() == b"(20001,) audioconv".split(), done.stderr
    os.mkfifo(tmp_path / "fifo")
    writer = threading.Thread(target=lambda: (tmp_path / "fifo").write_bytes(data))
    writer.start()
    assert len(ac.read(tmp_path / "fifo").samples) == len(SHORT)
    writer.join()


@given(st.lists(st.binary(max_size=9) | st.tuples(st.integers(0, 40), st.integers(0, 40))), st.data())
def test_a_file_of_pieces_is_the_joined_pieces(pieces, data):
    base = bytes(range(40))
    expected = b"".join(p if isinstance(p, bytes) else base[slice(*p)] for p in pieces)
    file = SplicedFile(io.BytesIO(base), pieces)
    assert file.read() == expected
    at, count = data.draw(st.integers(0, 60)), data.draw(st.integers(0, 60))
    assert file.seek(at) == at
    assert file.read(count) == expected[at : at + count]
    assert file.seek(0, 2) == len(expected)


# --- names ----------------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("suffix", [b".wav", b".flac", b".mp3", b".ogg"])
def test_names_that_are_not_utf_8(tmp_path, suffix):
    name = os.path.join(os.fsencode(tmp_path), b"caf\xe9" + suffix)
    with open(name, "wb") as file:
        file.write(KINDS[suffix[1:].decode()]())
    for path in (name, os.fsdecode(name), sound_files(tmp_path)[0]):
        assert len(ac.read(path).samples) == info(path).frames >= len(SHORT)
    with open(name, "wb") as file:
        file.write(b"RIFF or so")
    with pytest.raises(ac.AudioFileError, match=r"caf\\xe9") as caught:
        ac.read(os.fsdecode(name))
    assert str(caught.value).encode("utf-8")
    assert display_path(name).encode("ascii").endswith(b"\\xe9" + suffix)


def test_hidden_files_are_no_sound_files(tmp_path):
    for name in ("a.wav", "._a.wav", ".b.wav", ".trash/c.wav", "d/e.M4A"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in sound_files(tmp_path)] == ["a.wav", "e.M4A"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<!DOCTYPE html><html>not found</html>\n" * 9, "it is text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "a PNG picture"),
        (b"PK\x03\x04" + bytes(99), "a ZIP archive"),
        (b"MThd" + bytes(99), "a MIDI file, which holds notes"),
        (np.random.default_rng(3).bytes(30000), "no format that is known|not recognised|malformed"),
    ],
)
def test_what_has_the_name_of_a_sound_file_is_called_what_it_is(tmp_path, content, what):
    (tmp_path / "a.mp3").write_bytes(content)
    with pytest.raises(ac.AudioFileError, match=f"cannot be read as a sound file.*({what})") as caught:
        ac.read(tmp_path / "a.mp3")
    assert "does not exist" not in str(caught.value)


# --- a part of a file -----------------------------------------------------------------------------------------

SUBTYPES = [
    *(("WAV", subtype) for subtype in ("PCM_16", "FLOAT", "GSM610", "G721_32", "NMS_ADPCM_16", "MS_ADPCM", "ULAW")),
    *(("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("CAF", "ALAC_16"), ("AIFF", "IMA_ADPCM")),
]


@pytest.mark.parametrize(("form", "subtype"), SUBTYPES)
def test_a_part_is_the_same_as_in_the_whole(tmp_path, form, subtype):
    path = tmp_path / "a"
    path.write_bytes(encoded(NOISE[:24000], form, subtype, 8000))
    whole = ac.read(path).samples
    assert np.abs(whole).max() > 0.1
    for start_s, stop_s in ((0, 0.5), (1.0001, 2.3), (2.5, None), (2, 99)):
        start, stop = round(start_s * 8000), None if stop_s is None else round(stop_s * 8000)
        assert np.array_equal(ac.read(path, start_s, stop_s).samples, whole[start:stop])
        assert np.array_equal(np.concatenate(list(blocks(path, 700, start_s, stop_s))), whole[start:stop])


def test_a_part_across_links_and_of_unknown_length(tmp_path):
    for data in (KINDS["joined"](), mp3_without_index()[0]):
        (tmp_path / "a").write_bytes(data)
        whole = ac.read(tmp_path / "a").samples
        assert np.array_equal(ac.read(tmp_path / "a", 0.4, 0.6).samples, whole[17640:26460])
        assert np.array_equal(ac.read(tmp_path / "a", 0.4, 1e300).samples, whole[17640:])
        for times in ((77,), (len(whole) / RATE,), (len(whole) / RATE, 1e300)):
            with pytest.raises(ac.ArgumentError, match="start_s must lie before the end"):
                ac.read(tmp_path / "a", *times)
            with pytest.raises(ac.ArgumentError, match="start_s must lie before the end"):
                list(blocks(tmp_path / "a", 1000, *times))


@pytest.mark.parametrize("form", ["WAV", "FLAC", "MP3"])
def test_a_part_of_what_is_cut_short_is_that_of_what_is_there(tmp_path, form):
    data = encoded(NOISE, form)
    (tmp_path / "a").write_bytes(data[: len(data) // 2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ac.AudioFileWarning)
        there = ac.read(tmp_path / "a", partial=True).samples
        assert RATE // 2 < len(there) < len(NOISE)
        assert np.array_equal(ac.read(tmp_path / "a", 0.2, 0.4, partial=True).samples, there[8820:17640])
        for start_s in (len(there) / RATE, 1.9):
            with pytest.raises(ac.ArgumentError, match="start_s must lie before the end"):
                ac.read(tmp_path / "a", start_s, partial=True)
            with pytest.raises(ac.ArgumentError, match="start_s must lie before the end"):
                list(blocks(tmp_path / "a", 1000, start_s, partial=True))


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
def test_the_last_packet_of_sds_is_read_in_any_blocks(subtype):
    data = encoded(SHORT[:9001], "SDS", subtype, 8000)
    whole = ac.read(io.BytesIO(data)).samples
    assert len(whole) == 9001
    for size in (1, 500, 4500, 8999, 9000):
        assert np.array_equal(np.concatenate(list(blocks(io.BytesIO(data), size))), whole)
    for start in (8990, 9000):
        assert np.array_equal(ac.read(io.BytesIO(data), start / 8000).samples, whole[start:])


@pytest.mark.parametrize(
    ("times", "says"),
    [((-1,), "start_s"), ((0, 0), "stop_s"), ((0.2, 0.1), "stop_s"), ((np.nan,), "start_s"), (("1",), "start_s"),
     ((1, np.inf), "stop_s"), ((0.6,), r"start_s must lie before the end .* 0\.45")],
)  # fmt: skip
def test_times_that_are_none_are_refused(tmp_path, times, says):
    ac.write(tmp_path / "a.wav", SHORT, RATE)
    with pytest.raises(ac.ArgumentError, match=says):
        ac.read(tmp_path / "a.wav", *times)
    with pytest.raises(ac.ArgumentError, match=says):
        blocks(tmp_path / "a.wav", 100, *times)


# --- as far as it goes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["WAV", "AIFF", "AU", "CAF", "W64", "RF64", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_what_is_cut_short_is_read_as_far_as_it_goes(tmp_path, form, part):
    path, data = tmp_path / "a", encoded(NOISE, form)
    path.write_bytes(data)
    whole = ac.read(path).samples
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(ac.AudioFileError, match=r"cut short.*partial=True"):
        ac.read(path)
    with pytest.warns(ac.AudioFileWarning, match=r"a is .*cut short.*; only what is there is read"):
        samples = ac.read(path, partial=True).samples
    assert 0.3 * part * len(whole) < len(samples) < len(whole)
    same = len(samples) - (1152 if form == "MP3" else 0)  # of the last frame there is only a part
    assert np.array_equal(samples[:same], whole[:same])
    with pytest.warns(ac.AudioFileWarning):
        assert info(path, partial=True).frames == len(samples)
    with pytest.warns(ac.AudioFileWarning):
        assert np.array_equal(np.concatenate(list(blocks(path, 700, partial=True))), samples)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path.write_bytes(data)
        assert np.array_equal(ac.read(path, partial=True).samples, whole)
