"""Lengths in headers: left open, wrapped round, guessed, or those of a part. All of the sound is read all the same."""

import os
import struct
import warnings
from contextlib import suppress

import numpy as np
import pytest

import audioconv as ac
from audioconv.io import blocks, info
from tests.odd_files import (
    APE,
    ID3V1,
    ID3V2,
    NOISE,
    RATE,
    encoded,
    flac_without_length,
    mp3,
    mp3_frames,
    mp3_without_index,
    ogg_page,
    ogg_pages,
)

SHORT = NOISE[:20001]


def read_all(path, partial=False):
    """The samples of a file, after `read`, `blocks` and `info` were found to agree on them."""
    samples = ac.read(path, partial=partial).samples
    for size in (777, 50000):
        joined = np.concatenate(list(blocks(path, size, partial=partial)))
        assert np.array_equal(joined, samples)
    assert info(path, partial=partial).frames == len(samples)
    assert np.abs(samples).max() > 0.1
    return samples


def written(path, *parts):
    path.write_bytes(b"".join(parts))
    return path


def patched(data, *changes):
    data = bytearray(data)
    for at, new in changes:
        data[at : at + len(new)] = new
    return bytes(data)


# --- chunks ---------------------------------------------------------------------------------------------------


def open_wav(data, order="<", length=0xFFFFFFFF):
    at = data.index(b"data") + 4
    return patched(data, (4, struct.pack(order + "I", length)), (at, struct.pack(order + "I", length)))


def open_aiff(data, length):
    frames = data.index(b"COMM") + 10
    at = data.index(b"SSND") + 4
    return patched(data, (4, struct.pack(">I", length)), (at, struct.pack(">I", length)), (frames, bytes(4)))


def open_w64(data, length):
    at = data.index(b"data") + 16
    return patched(data, (16, struct.pack("<Q", length)), (at, struct.pack("<Q", length)))


OPEN = {
    "wav 0": ("WAV", lambda data: open_wav(data, length=0)),
    "wav ff": ("WAV", open_wav),
    "wav 7f": ("WAV", lambda data: open_wav(data, length=0x7FFFF024)),
    "aiff 0": ("AIFF", lambda data: open_aiff(data, 0)),
    "aiff 7f": ("AIFF", lambda data: open_aiff(data, 0x7F000008)),
    "aiff ff": ("AIFF", lambda data: open_aiff(data, 0xFFFFFFFF)),
    "au ff": ("AU", lambda data: patched(data, (8, b"\xff" * 4))),
    "au 0": ("AU", lambda data: patched(data, (8, bytes(4)))),
    "w64 0": ("W64", lambda data: open_w64(data, 0)),
    "w64 ff": ("W64", lambda data: open_w64(data, (1 << 63) - 1)),
    "caf -1": ("CAF", lambda data: patched(data, (data.index(b"data") + 4, b"\xff" * 8))),
    "rf64 0": ("RF64", lambda data: patched(data, (20, bytes(24)))),
    "rf64 ff": ("RF64", lambda data: patched(data, (20, b"\xff" * 16))),
}


@pytest.mark.parametrize("kind", OPEN)
def test_a_header_that_was_never_finished_is_read_to_the_end(tmp_path, kind):
    form, change = OPEN[kind]
    whole = encoded(SHORT, form, "PCM_16")
    expected = read_all(written(tmp_path / "whole", whole))
    opened = change(whole)
    assert opened != whole
    assert np.array_equal(read_all(written(tmp_path / "open", opened)), expected)
    assert info(tmp_path / "open").format == form


def test_a_length_of_nothing_with_another_chunk_behind_is_empty(tmp_path):
    whole = encoded(SHORT, "WAV", "PCM_16")
    empty = whole[: whole.index(b"data") + 4] + bytes(4)
    for rest in (b"", b"LIST" + struct.pack("<I", 4) + b"INFO"):
        with pytest.raises(ac.AudioFileError, match="no samples"):
            ac.read(written(tmp_path / "a.wav", empty, rest))


@pytest.mark.parametrize("form", ["WAV", "AIFF", "AU"])
def test_beyond_4_gib_32_bits_wrap_round(tmp_path, form):
    """The file is sparse; its end is sound."""
    header = encoded(np.zeros(1000), form, "PCM_16", 16000)[:-2000]
    path, length = tmp_path / "long", 2**32 + 64000
    if form == "WAV":
        header = patched(header, (header.index(b"data") + 4, struct.pack("<I", length % 2**32)))
    elif form == "AIFF":
        header = patched(header, (header.index(b"SSND") + 4, struct.pack(">I", (length + 8) % 2**32)))
    else:
        header = patched(header, (8, struct.pack(">I", length % 2**32)))
    sound = (np.arange(1, 1001) * 8).astype("<i2" if form == "WAV" else ">i2")
    with open(path, "wb") as file:
        file.write(header)
        file.seek(len(header) + length - 2000)
        file.write(sound.tobytes())
    about = info(path)
    end_s = (about.frames - 1000) / 16000
    assert about == (16000, 1, length // 2, form, "PCM_16")
    assert np.array_equal(ac.read(path, end_s).samples, sound / np.float32(32768))
    assert sum(map(len, blocks(path, 300, end_s - 1))) == 17000
    os.unlink(path)


def test_chunks_of_all_kinds_around_the_sound(tmp_path):
    whole = encoded(SHORT, "WAV", "PCM_16")
    expected, at = read_all(written(tmp_path / "a.wav", whole)), whole.index(b"data")
    odd = b"junk" + struct.pack("<I", 5) + b"abcde"
    for name, parts in {
        "padded": (whole[:at], odd, b"\0", whole[at:]),
        "list": (whole[:at], b"LIST\x04\0\0\0INFO", whole[at:]),
        "behind": (whole, b"LIST\x04\0\0\0INFO"),
        "id3 behind": (whole, b"id3 ", struct.pack("<I", len(ID3V2)), ID3V2),
        "junk behind": (whole, b"\xff\xfe" * 500),
        "riff 0": (whole[:4], bytes(4), whole[8:]),
    }.items():
        assert np.array_equal(read_all(written(tmp_path / f"{name}.wav", *parts)), expected)


def test_gsm_has_no_block_for_the_byte_that_pads_its_chunk(tmp_path):
    data = encoded(NOISE[: 320 * 51], "WAV", "GSM610", 8000)
    assert struct.unpack_from("<I", data, data.index(b"data") + 4)[0] % 2 == 1
    assert len(read_all(written(tmp_path / "a.wav", data))) == 320 * 51


def test_wave64_of_floats_in_the_extensible_form(tmp_path):
    plain = encoded(SHORT, "W64", "FLOAT")
    at = plain.index(b"fmt ")
    fmt = plain[at : at + 16] + struct.pack("<QHHIIHHHHI", 64, 0xFFFE, 1, RATE, RATE * 4, 4, 32, 22, 32, 0)
    fmt += b"\x03\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    length = struct.unpack_from("<Q", plain, at + 16)[0]
    rest = plain[at + length :]
    data = patched(plain[:at] + fmt + rest, (16, struct.pack("<Q", at + len(fmt) + len(rest))))
    assert np.array_equal(read_all(written(tmp_path / "a.w64", data)), SHORT.astype("float32"))


# --- MP3 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("rate", [44100, 16000, 8000])
def test_mp3_without_an_index_is_read_to_its_end(tmp_path, mode, rate):
    tone = 0.3 * np.sin(np.arange(rate * 4) * 0.06)  # easy after noise: the first frames mislead about the others
    data, count = mp3_without_index(np.concatenate([NOISE[:rate], tone]), rate, mode)
    samples = read_all(written(tmp_path / "a.mp3", data))
    assert len(samples) == count
    assert np.abs(samples[-rate // 2 :]).max() > 0.2
    assert len(read_all(written(tmp_path / "b.mp3", ID3V2, ID3V2, data, APE, ID3V1))) == count
    assert np.array_equal(read_all(written(tmp_path / "c.mp3", b"\r\n" * 300, data, bytes(999))), samples)


def test_mp3_whose_last_frame_is_cut_is_whole_without_an_index(tmp_path):
    data, count = mp3_without_index()
    assert len(read_all(written(tmp_path / "a.mp3", data[:-50]))) == count


@pytest.mark.parametrize("tags", [(b"", b""), (ID3V2, ID3V1), (b"", APE + ID3V1)])
def test_joined_mp3_files_are_read_one_after_the_other(tmp_path, tags):
    one, two = mp3(), mp3(NOISE[::-1][: RATE + 77])
    samples = read_all(written(tmp_path / "a.mp3", tags[0], one, tags[1], tags[0], two, tags[1]))
    expected = [read_all(written(tmp_path / f"{name}.mp3", data)) for name, data in (("one", one), ("two", two))]
    assert [len(part) for part in expected] == [RATE * 2, RATE + 77]
    assert np.array_equal(samples, np.concatenate(expected))
    bare, count = mp3_without_index()
    assert len(read_all(written(tmp_path / "bare.mp3", bare, bare))) == 2 * count


def test_indices_of_mp3_that_were_mended_are_no_reason_to_complain(tmp_path, capfd):
    (bare, count), data = mp3_without_index(), mp3(mode="VARIABLE")
    assert len(read_all(written(tmp_path / "a.mp3", bare, data))) == count + RATE * 2
    assert len(read_all(written(tmp_path / "b.mp3", data, bare))) > count + RATE * 2
    with pytest.warns(ac.AudioFileWarning, match="cut short"):
        ac.read(written(tmp_path / "cut.mp3", data[: len(data) // 2]), partial=True)
    assert capfd.readouterr().err == ""


def test_joined_mp3_files_of_two_rates_are_refused(tmp_path):
    path = written(tmp_path / "a.mp3", mp3(), mp3(rate=48000))
    with pytest.raises(ac.AudioFileError, match=r"changes at byte \d+ from 44100 Hz .* to 48000 Hz"):
        ac.read(path)
    with pytest.warns(ac.AudioFileWarning, match=r"changes at byte \d+ from 44100 Hz .* to 48000 Hz"):
        assert len(ac.read(path, partial=True).samples) == RATE * 2


def test_an_index_that_promises_more_than_there_is_means_cut_short(tmp_path):
    data = mp3()
    frames = mp3_frames(data)
    path = written(tmp_path / "a.mp3", data[: frames[20][0]], ID3V1)
    with pytest.raises(ac.AudioFileError, match=rf"cut short: 19 whole frames where its header says {len(frames) - 1}"):
        ac.read(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ac.AudioFileWarning)
        samples = read_all(path, partial=True)
    whole = ac.read(written(tmp_path / "whole.mp3", data)).samples
    assert len(samples) == 19 * 1152 - 1105  # the encoder's delay
    assert np.array_equal(samples[:20000], whole[:20000])


# --- Ogg ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "rate"), [("VORBIS", 44100), ("OPUS", 48000)])
def test_chained_ogg_is_read_link_by_link(tmp_path, form, rate):
    one, two = (encoded(x, "OGG", form, rate) for x in (NOISE[:30000], NOISE[40000:60007]))
    parts = [read_all(written(tmp_path / f"{i}.ogg", data)) for i, data in enumerate((one, two))]
    assert [len(part) for part in parts] == [30000, 20007]
    assert np.array_equal(read_all(written(tmp_path / "a.ogg", one, two, one)), np.concatenate([*parts, parts[0]]))
    assert info(tmp_path / "a.ogg") == (rate, 1, 80007, "OGG", form)


def test_links_of_two_rates_are_refused(tmp_path):
    one, two = encoded(SHORT, "OGG", "VORBIS"), encoded(SHORT, "OGG", "VORBIS", 22050)
    path = written(tmp_path / "a.ogg", one, two)
    with pytest.raises(ac.AudioFileError, match=r"changes on the way from 44100 Hz .* to 22050 Hz"):
        ac.read(path)
    with pytest.warns(ac.AudioFileWarning, match=r"changes on the way"):
        assert len(ac.read(path, partial=True).samples) == len(SHORT)


def test_the_pages_of_other_streams_are_left_out(tmp_path, rng):
    data = encoded(NOISE, "OGG", "VORBIS")
    first, *others = ogg_pages(data)
    mixed = [ogg_page(b"fishead\0" + bytes(60), 77, 0, 2), first]
    for number, page in enumerate(others, 1):
        mixed += [page, ogg_page(rng.bytes(300), 77, number)]
    expected = read_all(written(tmp_path / "a.ogg", data))
    assert np.array_equal(read_all(written(tmp_path / "b.ogg", *mixed)), expected)


def test_a_page_that_is_lost_is_told(tmp_path):
    pages = ogg_pages(encoded(NOISE, "OGG", "VORBIS"))
    path = written(tmp_path / "a.ogg", *pages[: len(pages) // 2], *pages[len(pages) // 2 + 1 :])
    with pytest.raises(ac.AudioFileError, match="1 page missing in the middle"):
        ac.read(path)
    with pytest.warns(ac.AudioFileWarning, match="1 page missing in the middle"):
        assert 0 < len(ac.read(path, partial=True).samples) < len(NOISE)


@pytest.mark.parametrize("known", [True, False])
def test_ogg_flac(tmp_path, known):
    native = encoded(SHORT, "FLAC", "PCM_24")
    native = native if known else flac_without_length(native)
    frames = native.index(b"\xff\xf8") if b"\xff\xf8" in native else native.index(b"\xff\xf9")
    start = ogg_page(b"\x7fFLAC\x01\0\0\x01" + native[:42], 5, 0, 2)
    sound = [ogg_page(native[at : at + 5000], 5, i) for i, at in enumerate(range(frames, len(native), 5000), 2)]
    path = written(tmp_path / "a.oga", start, ogg_page(native[42:frames], 5, 1), *sound)
    expected = read_all(written(tmp_path / "a.flac", native))
    assert np.array_equal(read_all(path), expected)
    assert info(path) == (RATE, 1, len(SHORT), "OGG", "PCM_24")


# --- FLAC -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
def test_flac_with_tags_around_and_joined(tmp_path, known):
    one, two = encoded(SHORT, "FLAC", "PCM_16"), encoded(NOISE, "FLAC", "PCM_16")
    expected = [read_all(written(tmp_path / f"{i}.flac", data)) for i, data in enumerate((one, two))]
    if not known:
        one, two = flac_without_length(one), flac_without_length(two)
    assert np.array_equal(read_all(written(tmp_path / "tags.flac", ID3V2, one, APE, ID3V1)), expected[0])
    assert np.array_equal(read_all(written(tmp_path / "joined.flac", one, two)), np.concatenate(expected))


# --- headers that cannot be ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("length", [0, 1000, 0xFFFFFFFF])
def test_au_whose_sound_begins_behind_its_end_is_cut_short(tmp_path, order, length):
    data = encoded(SHORT, "AU", "PCM_16", endian="BIG" if order == ">" else "LITTLE")
    path = written(tmp_path / "a.au", patched(data, (4, struct.pack(order + "II", 0xFFFFFFF0, length))))
    with pytest.raises(ac.AudioFileError, match="is cut short"):
        ac.read(path)


def test_aiff_whose_header_is_too_short_or_absurd_is_read_or_refused(tmp_path):
    data = encoded(SHORT, "AIFF", "PCM_16")
    at = data.index(b"COMM") + 4
    opened = open_aiff(data, 0xFFFFFFFF)
    for length in (0, 2, 8, 17):
        with suppress(ac.AudioFileError):
            ac.read(written(tmp_path / "a.aiff", patched(opened, (at, struct.pack(">I", length)))))
    for channels in (0, 0x8000, 0xFFFF):
        with pytest.raises(ac.AudioFileError):
            ac.read(written(tmp_path / "a.aiff", patched(opened, (at + 4, struct.pack(">H", channels)))))


@pytest.mark.parametrize("length", [1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_a_chunk_of_more_bytes_than_can_be_sought_is_refused(tmp_path, length):
    data = encoded(SHORT, "W64", "PCM_16")
    with pytest.raises(ac.AudioFileError):
        ac.read(written(tmp_path / "a.w64", patched(data, (data.index(b"fmt ") + 16, struct.pack("<Q", length)))))


def test_aiff_beyond_4_gib_of_an_absurd_rate_is_refused(tmp_path):
    header = patched(encoded(np.zeros(1000), "AIFF", "PCM_16", 16000)[:-2000])
    header = patched(header, (header.index(b"COMM") + 16, b"\x40\x3e" + b"\xff" * 8))
    path = written(tmp_path / "long", patched(header, (header.index(b"SSND") + 4, struct.pack(">I", 64008))))
    os.truncate(path, len(header) + 2**32 + 64000)
    with pytest.raises(ac.AudioFileError):
        info(path)
    os.unlink(path)
