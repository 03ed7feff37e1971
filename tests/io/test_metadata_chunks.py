"""Cue points, loops and broadcast chunks go along: they stay, move with the sample rate, or are said to be lost."""

import struct

import pytest
import soundfile
from mutagen.flac import FLAC, CueSheet, CueSheetTrack, CueSheetTrackIndex

import audioconv as ac
from audioconv.io import read_metadata
from tests.io.test_metadata import X, copied


def bext(time, version=2):
    head = b"Dawn".ljust(256, b"\0") + b"recorder 7".ljust(32, b"\0") + b"ref".ljust(32, b"\0") + b"2024-05-0112-00-00"
    loudness = struct.pack("<5h", -2300, 500, -100, -2000, -2100)
    return head + struct.pack("<QH", time, version) + bytes(range(64)) + loudness + bytes(180) + b"A=PCM,F=48000\r\n"


def smpl(rate, start, end):
    loop = struct.pack("<6I", 0, 0, start, end, 0, 0)
    return struct.pack("<9I", 1, 2, round(1e9 / rate), 60, 0, 0, 0, 1, 0) + loop


def cue(*positions):
    points = b"".join(struct.pack("<II4sIII", i + 1, at, b"data", 0, 0, at) for i, at in enumerate(positions))
    return struct.pack("<I", len(positions)) + points


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def labels(length=200):
    texts = chunk(b"labl", struct.pack("<I", 1) + b"first bird\0") + chunk(b"labl", struct.pack("<I", 2) + b"second\0")
    return b"adtl" + texts + chunk(b"ltxt", struct.pack("<II4s4H", 1, length, b"rgn ", 0, 0, 0, 0))


CHUNKS = {b"bext": bext(96000), b"cue ": cue(480, 2400), b"smpl": smpl(48000, 100, 4000), b"inst": bytes(range(7)),
          b"iXML": b"<BWFXML/>"}  # fmt: skip


def recording(path, *more, order=None, format="WAV"):
    """A WAV file as recorders write them, with some of its chunks before the sound."""
    soundfile.write(path, X, 48000, format=format)
    data = path.read_bytes()
    at = data.index(b"data")
    front = chunk(b"bext", CHUNKS[b"bext"]) + chunk(b"iXML", CHUNKS[b"iXML"])
    rest = [chunk(name, CHUNKS[name]) for name in (b"cue ", b"smpl", b"inst")] + [chunk(b"LIST", labels()), *more]
    whole = data[:at] + front + data[at:] + b"".join(rest)
    path.write_bytes(whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:])
    return path


def chunks(path):
    """Name: data of the chunks of a WAV file; those inside LISTs apart."""
    data, at, held = path.read_bytes(), 12, {}
    ds64 = data[12:16] == b"ds64"
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"data" and ds64:
            size = struct.unpack_from("<Q", data, 28)[0]
        content = data[at + 8 : at + 8 + size]
        held[name if name != b"LIST" else b"LIST " + content[:4]] = content
        at += 8 + size + size % 2
    assert at == len(data)
    total = struct.unpack_from("<Q", data, 20)[0] if ds64 else struct.unpack_from("<I", data, 4)[0]
    assert total == len(data) - 8
    return held


@pytest.mark.parametrize("target", ["out.wav", "out.rf64"])
def test_cue_points_and_broadcast_chunks_stay(tmp_path, target):
    assert copied(recording(tmp_path / "in.wav"), tmp_path / target) == ()
    held = chunks(tmp_path / target)
    for name in (b"cue ", b"smpl", b"inst", b"iXML"):
        assert held[name] == CHUNKS[name]
    assert held[b"LIST adtl"] == labels()
    unknown = struct.pack("<5h", *[0x7FFF] * 5)  # the loudness of other samples
    assert held[b"bext"] == CHUNKS[b"bext"].replace(struct.pack("<5h", -2300, 500, -100, -2000, -2100), unknown)


def test_places_move_with_the_sample_rate(tmp_path):
    dropped = copied(recording(tmp_path / "in.wav"), tmp_path / "out.wav", 96000)
    assert dropped == ("the iXML chunk, which tells another sample rate",)
    held = chunks(tmp_path / "out.wav")
    assert held[b"cue "] == cue(960, 4800)
    assert held[b"smpl"] == smpl(96000, 200, 8000)
    assert held[b"LIST adtl"] == labels(400)
    assert struct.unpack_from("<Q", held[b"bext"], 338)[0] == 192000
    assert held[b"inst"] == CHUNKS[b"inst"]


def test_cue_points_become_markers_of_aiff_and_back(tmp_path):
    dropped = copied(recording(tmp_path / "in.wav"), tmp_path / "out.aiff", 24000)
    assert dropped == ("the bext chunk", "the iXML chunk", "the smpl chunk", "the inst chunk")
    held = read_metadata(tmp_path / "out.aiff")
    assert [tuple(marker) for marker in held.markers] == [(1, 240, b"first bird"), (2, 1200, b"second")]
    assert copied(tmp_path / "out.aiff", tmp_path / "again.aiff", 48000) == ()
    assert copied(tmp_path / "again.aiff", tmp_path / "back.wav") == ()
    held = chunks(tmp_path / "back.wav")
    assert held[b"cue "] == cue(480, 2400)
    assert held[b"LIST adtl"] == b"adtl" + labels()[4 : labels().index(b"ltxt")]


def test_what_no_chunk_is_for_is_named(tmp_path):
    source = recording(tmp_path / "in.wav", chunk(b"XYZ ", b"own"))
    assert copied(source, tmp_path / "out.wav") == ("the XYZ chunk",)
    assert copied(source, tmp_path / "out.ogg") == (
        "the XYZ chunk", "the bext chunk", "the iXML chunk", "the smpl chunk", "the inst chunk", "cue points"
    )  # fmt: skip


def test_sound_is_not_taken_for_chunks(tmp_path):
    """A recorder that was killed leaves a length of 0, and the sound begins with what could be a chunk."""
    whole = recording(tmp_path / "whole.wav").read_bytes()
    at = whole.index(b"data") + 4
    (tmp_path / "in.wav").write_bytes(whole[:at] + bytes(4) + b"XYZ " + struct.pack("<I", 4) + bytes(4_000_000))
    held = read_metadata(tmp_path / "in.wav", about=ac.io.info(tmp_path / "whole.wav"))
    assert [name for name, _ in held.chunks] == [b"bext", b"iXML"]
    assert held.dropped == []


def test_a_cue_sheet_moves_with_the_sample_rate(tmp_path):
    soundfile.write(tmp_path / "in.flac", X, 48000)
    file, sheet = FLAC(tmp_path / "in.flac"), CueSheet(None)
    sheet.compact_disc, sheet.lead_in_samples = False, 0
    for number, start in ((1, 0), (2, 2400), (170, 4800)):
        track = CueSheetTrack(number, start)
        track.indexes = [CueSheetTrackIndex(1, 0)] if number < 170 else []
        sheet.tracks.append(track)
    file.metadata_blocks.append(sheet)
    file.save()
    assert copied(tmp_path / "in.flac", tmp_path / "out.flac", 96000) == ()
    assert [track.start_offset for track in FLAC(tmp_path / "out.flac").cuesheet.tracks] == [0, 4800, 9600]
    assert copied(tmp_path / "in.flac", tmp_path / "out.wav") == ("the cue sheet",)
