"""What files hold beside their samples goes along: as it was among files of a kind, else by what they can hold."""

import io
import json
import shutil
import subprocess

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, COMM, ID3, PRIV, TALB, TCON, TCOP, TDRC, TIT2, TLEN, TPE1, TRCK, TXXX

import audioconv as ac
from audioconv.io import read_metadata, writer

TAGS = {
    "TITLE": ["Dawn chorus"], "ARTIST": ["recorder 7"], "ALBUM": ["Räume"], "DATE": ["2024-05-01"],
    "TRACKNUMBER": ["3"], "GENRE": ["Field recording"], "COMMENT": ["wind from the west, 3 m/s"], "COPYRIGHT": ["us"],
}  # fmt: skip
PNG = bytes.fromhex("89504e470d0a1a0a") + bytes(range(200)) * 5
X = 0.1 * np.sin(np.arange(4800) * 0.05)
ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")


def picture():
    made = Picture()
    made.type, made.mime, made.desc, made.data = 3, "image/png", "front", PNG
    return made


def id3():
    tag = ID3()
    frames = {TIT2: "TITLE", TPE1: "ARTIST", TALB: "ALBUM", TDRC: "DATE", TRCK: "TRACKNUMBER", TCON: "GENRE",
              TCOP: "COPYRIGHT"}  # fmt: skip
    for frame, name in frames.items():
        tag.add(frame(encoding=3, text=TAGS[name]))
    tag.add(COMM(encoding=3, lang="eng", desc="", text=TAGS["COMMENT"]))
    tag.add(TXXX(encoding=3, desc="MICROPHONE", text=["MKH 40"]))
    tag.add(APIC(encoding=3, mime="image/png", type=3, desc="front", data=PNG))
    return tag


def tagged(path):
    """A sound file with all tags, written by mutagen."""
    soundfile.write(path, X, 48000, **({"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}))
    file = mutagen.File(path)
    if path.suffix in (".flac", ".ogg", ".opus"):
        file.tags.update({**TAGS, "MICROPHONE": ["MKH 40"]})
        if path.suffix == ".flac":
            file.add_picture(picture())
        else:
            import base64

            file.tags["METADATA_BLOCK_PICTURE"] = base64.b64encode(picture().write()).decode()
        file.save()
    elif path.suffix == ".mp3":
        id3().save(path)
    else:
        file.add_tags()
        for frame in id3().values():
            file.tags.add(frame)
        file.save()
    return path


def found(path):
    """The tags and the picture of a file, as mutagen reads them."""
    file = mutagen.File(path)
    tags = file.tags
    if not isinstance(tags, ID3):
        pictures = file.pictures if isinstance(file, FLAC) else tags.get("metadata_block_picture", [])
        return {name: tags[name] for name in (*TAGS, "MICROPHONE")}, len(pictures)
    frames = {"TITLE": "TIT2", "ARTIST": "TPE1", "ALBUM": "TALB", "DATE": "TDRC", "TRACKNUMBER": "TRCK",
              "GENRE": "TCON", "COPYRIGHT": "TCOP", "MICROPHONE": "TXXX:MICROPHONE"}  # fmt: skip
    texts = {name: [str(text) for text in tags[frame].text] for name, frame in frames.items()}
    assert [frame.data for frame in tags.getall("APIC")] == [PNG]
    return {**texts, "COMMENT": tags.getall("COMM")[0].text}, len(tags.getall("APIC"))


def copied(source, target, sample_rate=48000, channels=1, **options):
    """Write a file with the metadata of another; return what was dropped."""
    with writer(target, sample_rate, channels, metadata=read_metadata(source), **options) as sink:
        sink.write(X if channels == 1 else np.repeat(X[:, None], channels, 1))
    assert len(ac.read(target).samples) == len(X)
    return sink.dropped_metadata


@pytest.mark.parametrize("target", ["flac", "ogg", "opus", "mp3", "wav", "aiff"])
@pytest.mark.parametrize("source", ["flac", "ogg", "opus", "mp3", "wav", "aiff"])
def test_tags_and_pictures_go_from_any_format_to_any(tmp_path, source, target):
    dropped = copied(tagged(tmp_path / f"in.{source}"), tmp_path / f"out.{target}")
    assert dropped == ()
    assert found(tmp_path / f"out.{target}") == ({**TAGS, "MICROPHONE": ["MKH 40"]}, 1)


@pytest.mark.parametrize("target", ["wav", "rf64", "aiff"])
def test_other_programs_read_the_tags_of_chunks(tmp_path, target):
    copied(tagged(tmp_path / "in.flac"), tmp_path / f"out.{target}")
    with soundfile.SoundFile(tmp_path / f"out.{target}") as sound:
        strings = sound.copy_metadata()
    names = {"TITLE": "title", "ARTIST": "artist", "COMMENT": "comment", "COPYRIGHT": "copyright"}
    if target != "aiff":
        names |= {"ALBUM": "album", "DATE": "date", "TRACKNUMBER": "tracknumber", "GENRE": "genre"}
    assert {own: strings[own] for own in names.values()} == {own: TAGS[name][0] for name, own in names.items()}


@ffmpeg
@pytest.mark.parametrize("target", ["wav", "rf64", "caf", "mp3", "flac"])
def test_ffmpeg_reads_the_tags(tmp_path, target):
    copied(tagged(tmp_path / "in.ogg"), tmp_path / f"out.{target}")
    tags = {name.lower(): value for name, value in probed(tmp_path / f"out.{target}")["format"]["tags"].items()}
    assert (tags["title"], tags["artist"], tags["album"]) == ("Dawn chorus", "recorder 7", "Räume")


def probed(path, *more):
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", path]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


@ffmpeg
def test_tags_of_m4a(tmp_path):
    tagged(tmp_path / "in.mp3")
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "in.mp3", "-map", "0:a", tmp_path / "in.m4a"]
    subprocess.run(command, check=True, timeout=60)
    file = mutagen.File(tmp_path / "in.m4a")
    file.tags["covr"] = [mutagen.mp4.MP4Cover(PNG, mutagen.mp4.MP4Cover.FORMAT_PNG)]
    file.save()
    held = read_metadata(tmp_path / "in.m4a", about=ac.io.info(tmp_path / "in.mp3"))
    assert {name: held.tags[name] for name in TAGS} == TAGS
    assert [(each.mime, bytes(each.data)) for each in held.pictures] == [("image/png", PNG)]


def test_several_values_and_totals(tmp_path):
    soundfile.write(tmp_path / "in.flac", X, 48000)
    file = FLAC(tmp_path / "in.flac")
    file.update({"artist": ["one", "two"], "tracknumber": "3", "tracktotal": "12"})
    file.save()
    copied(tmp_path / "in.flac", tmp_path / "out.mp3")
    tags = ID3(tmp_path / "out.mp3")
    assert (tags["TPE1"].text, tags["TRCK"].text) == (["one", "two"], ["3/12"])
    copied(tmp_path / "out.mp3", tmp_path / "back.flac")
    tags = FLAC(tmp_path / "back.flac").tags
    assert (tags["artist"], tags["tracknumber"], tags["tracktotal"]) == (["one", "two"], ["3"], ["12"])


def test_a_description_is_the_comment_of_other_formats(tmp_path):
    """ffmpeg and other programs write comments of FLAC and Ogg files so."""
    soundfile.write(tmp_path / "in.flac", X, 48000)
    file = FLAC(tmp_path / "in.flac")
    file["description"] = "windy"
    file.save()
    copied(tmp_path / "in.flac", tmp_path / "out.mp3")
    assert ID3(tmp_path / "out.mp3").getall("COMM")[0].text == ["windy"]
    copied(tmp_path / "in.flac", tmp_path / "out.wav")
    assert soundfile.SoundFile(tmp_path / "out.wav").copy_metadata() == {"comment": "windy"}


@ffmpeg
@pytest.mark.parametrize("suffix", ["wma", "caf", "mka"])
def test_tags_of_files_of_ffmpeg(tmp_path, suffix):
    tagged(tmp_path / "in.mp3")
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "in.mp3", "-map", "0:a", tmp_path / f"in.{suffix}"]
    subprocess.run(command, check=True, timeout=60)
    held = read_metadata(tmp_path / f"in.{suffix}", about=ac.io.info(tmp_path / "in.mp3"))
    if suffix == "mka":
        assert held.dropped == ["tags, which are not read of Matroska and WebM files"]
    else:
        assert {name: held.tags[name] for name in TAGS} == TAGS
        assert held.dropped == []


def test_the_same_tags_are_the_same_bytes(tmp_path):
    for name in ("a.flac", "b.flac"):
        copied(tagged(tmp_path / "in.flac"), tmp_path / name)
    assert (tmp_path / "a.flac").read_bytes() == (tmp_path / "b.flac").read_bytes()
    assert [name for name, _ in FLAC(tmp_path / "a.flac").tags] == [name for name, _ in FLAC(tmp_path / "in.flac").tags]


# --- what is no longer true -----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["mp3", "flac", "opus", "wav"])
def test_replay_gain_and_lengths_of_mp3_are_left_out(tmp_path, target):
    tag = id3()
    tag.add(TLEN(encoding=3, text=["100"]))
    tag.add(TXXX(encoding=3, desc="replaygain_track_gain", text=["-3.00 dB"]))
    tag.add(COMM(encoding=3, lang="eng", desc="iTunNORM", text=["0000"]))
    tagged(tmp_path / "in.mp3")
    tag.save(tmp_path / "in.mp3")
    assert copied(tmp_path / "in.mp3", tmp_path / f"out.{target}") == ("ReplayGain, which is no longer true",)
    content = (tmp_path / f"out.{target}").read_bytes()
    assert all(word not in content.lower() for word in (b"replaygain", b"tlen", b"itunnorm"))
    assert found(tmp_path / f"out.{target}")[0]["TITLE"] == TAGS["TITLE"]


def test_replay_gain_of_vorbis_comments_is_left_out(tmp_path):
    tagged(tmp_path / "in.opus")
    file = mutagen.File(tmp_path / "in.opus")
    file.tags.update({"R128_TRACK_GAIN": "256", "REPLAYGAIN_ALBUM_PEAK": "1", "LENGTH": "100"})
    file.save()
    assert copied(tmp_path / "in.opus", tmp_path / "out.opus") == ("ReplayGain, which is no longer true",)
    names = {name.upper() for name, _ in mutagen.File(tmp_path / "out.opus").tags}
    assert {*TAGS, "MICROPHONE"} <= names
    assert not names & {"R128_TRACK_GAIN", "REPLAYGAIN_ALBUM_PEAK", "LENGTH"}


@pytest.mark.parametrize("target", ["w64", "au"])
def test_a_format_without_tags_is_said_to_lose_them(tmp_path, target):
    dropped = copied(tagged(tmp_path / "in.flac"), tmp_path / f"out.{target}")
    assert dropped[0].startswith("tags (title, artist, album")
    assert dropped[1] == "pictures"


def test_frames_of_id3_stay_among_id3(tmp_path):
    tag = id3()
    tag.add(PRIV(owner="me", data=b"\x01\x02"))
    tagged(tmp_path / "in.mp3")
    tag.save(tmp_path / "in.mp3")
    for target in ("out.mp3", "out.aiff", "out.wav"):
        assert copied(tmp_path / "in.mp3", tmp_path / target) == ()
        assert mutagen.File(tmp_path / target).tags.getall("PRIV")[0].data == b"\x01\x02"
    assert copied(tmp_path / "in.mp3", tmp_path / "out.flac") == ("ID3 frames PRIV",)


# --- files ----------------------------------------------------------------------------------------------------


def test_tags_of_file_objects(tmp_path):
    source = io.BytesIO(b"before" + tagged(tmp_path / "in.mp3").read_bytes())
    source.seek(6)
    target = io.BytesIO()
    assert copied_object(source, target) == ()
    (tmp_path / "out.flac").write_bytes(target.getvalue())
    assert found(tmp_path / "out.flac") == ({**TAGS, "MICROPHONE": ["MKH 40"]}, 1)
    assert source.tell() == 6


def copied_object(source, target):
    with writer(target, 48000, metadata=read_metadata(source), format="FLAC") as sink:
        sink.write(X)
    return sink.dropped_metadata


@pytest.mark.parametrize("name", ["in.mp3", "in.flac", "in.wav", "in.aiff"])
def test_damaged_tags_do_not_stop_the_sound(tmp_path, name):
    whole = tagged(tmp_path / name).read_bytes()
    rng = np.random.default_rng(0)
    at = whole.index(b"TIT2" if b"TIT2" in whole else b"Dawn")
    for _ in range(30):
        damaged = bytearray(whole)
        for place in rng.integers(at - 10, at + 300, 6):
            damaged[place] = rng.integers(0, 256)
        (tmp_path / f"x{name}").write_bytes(damaged)
        held = read_metadata(tmp_path / f"x{name}", about=ac.io.info(tmp_path / name))
        with writer(tmp_path / "out.flac", 48000, metadata=held) as sink:
            sink.write(X)
        assert len(ac.read(tmp_path / "out.flac").samples) == len(X)


def test_tags_that_find_no_room_leave_no_file(tmp_path):
    import resource

    tagged(tmp_path / "in.flac")
    (tmp_path / "out.wav").write_bytes(b"older")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for target in ("out.wav", "out.flac", "out.mp3", "out.ogg"):
        with writer(tmp_path / f"plain{target}", 48000) as sink:
            sink.write(X)
        held, size = read_metadata(tmp_path / "in.flac"), (tmp_path / f"plain{target}").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 600, limits[1]))
        try:
            with (
                pytest.raises(ac.AudioFileError, match=r"cannot be written|cannot write"),
                writer(tmp_path / target, 48000, metadata=held) as sink,
            ):
                sink.write(X)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "out.wav").read_bytes() == b"older"
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith("plain")} == {"in.flac", "out.wav"}
