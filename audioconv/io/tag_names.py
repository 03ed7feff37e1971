"""Tags by one set of names, those of Vorbis comments, whatever the file they come from or go to.

What was true of other samples is left out: lengths, ReplayGain, what the encoder noted of itself.
"""

import re
from collections.abc import Iterable
from typing import Any

TEXT_FRAMES = {  # of ID3: name in Vorbis comments
    "TIT2": "TITLE", "TPE1": "ARTIST", "TALB": "ALBUM", "TPE2": "ALBUMARTIST", "TCOM": "COMPOSER", "TCON": "GENRE",
    "TRCK": "TRACKNUMBER", "TPOS": "DISCNUMBER", "TDRC": "DATE", "TDOR": "ORIGINALDATE", "TCOP": "COPYRIGHT",
    "TBPM": "BPM", "TKEY": "KEY", "TSRC": "ISRC", "TPUB": "ORGANIZATION", "TEXT": "LYRICIST", "TPE3": "CONDUCTOR",
    "TPE4": "REMIXER", "TIT1": "GROUPING", "TIT3": "SUBTITLE", "TLAN": "LANGUAGE", "TMED": "MEDIA", "TMOO": "MOOD",
    "TSST": "DISCSUBTITLE", "TSOP": "ARTISTSORT", "TSOA": "ALBUMSORT", "TSOT": "TITLESORT", "TSO2": "ALBUMARTISTSORT",
    "TSOC": "COMPOSERSORT", "TENC": "ENCODED-BY", "TCMP": "COMPILATION", "TOPE": "ORIGINALARTIST",
}  # fmt: skip
_FRAMES = {name: frame for frame, name in TEXT_FRAMES.items()}
INFO = {  # of RIFF
    "INAM": "TITLE", "IART": "ARTIST", "IPRD": "ALBUM", "ICMT": "COMMENT", "ICRD": "DATE", "IGNR": "GENRE",
    "ICOP": "COPYRIGHT", "ITRK": "TRACKNUMBER", "IPRT": "TRACKNUMBER", "IENG": "ENGINEER", "ISBJ": "SUBJECT",
    "IKEY": "KEYWORDS", "ILNG": "LANGUAGE", "IMUS": "COMPOSER", "ITCH": "ENCODED-BY", "ISRC": "SOURCE",
}  # fmt: skip
AIFF_TEXTS = {b"NAME": "TITLE", b"AUTH": "ARTIST", b"(c) ": "COPYRIGHT", b"ANNO": "COMMENT"}
ASF = {
    "Author": "ARTIST", "Description": "COMMENT", "WM/AlbumTitle": "ALBUM", "WM/AlbumArtist": "ALBUMARTIST",
    "WM/TrackNumber": "TRACKNUMBER", "WM/PartOfSet": "DISCNUMBER", "WM/Genre": "GENRE", "WM/Year": "DATE",
    "WM/Composer": "COMPOSER", "WM/Lyrics": "LYRICS", "WM/EncodingSettings": "ENCODER",
}  # fmt: skip
_STALE_FRAMES = ("TLEN", "TSIZ", "TSSE", "RVA2", "RVAD", "EQU2", "MLLT", "SEEK", "ASPI", "XRVA", "RGAD", "NCON")
_STALE = re.compile(
    r"REPLAYGAIN_.*|R128_.*|MP3GAIN_.*|ITUNNORM|ITUNSMPB|ITUNPGAP|TLEN|LENGTH|DURATION|ENCODER|ENCODING|"
    r"ENCODER[_ ]?(OPTIONS|SETTINGS)|WAVEFORMATEXTENSIBLE_CHANNEL_MASK|METADATA_BLOCK_PICTURE|MD5|ACCURATERIP.*"
)
_LOUDNESS = re.compile(r"REPLAYGAIN_|R128_|MP3GAIN_|ITUNNORM|RVA|XRVA|RGAD")
_KEY = re.compile(r"[\x20-\x3c\x3e-\x7d]+")  # what a name may be in Vorbis comments
_TOTALS = {"TRACKNUMBER": "TRACKTOTAL", "DISCNUMBER": "DISCTOTAL"}
_OTHER_TOTALS = {"TRACKNUMBER": "TOTALTRACKS", "DISCNUMBER": "TOTALDISCS"}
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d){0,2})?)?)?")

Tags = dict[str, list[str]]


def add(tags: Tags, name: str, values: Iterable[object]) -> None:
    """Add values of a name that is known or any, without those that are there already."""
    name, texts = name.upper(), [str(value).strip("\0") for value in values]
    if name in _TOTALS and texts and "/" in texts[0]:
        number, total = texts[0].split("/", 1)
        texts = [number]
        tags.setdefault(_TOTALS[name], [total])
    texts = [text for text in texts if text and text not in tags.get(name, ())]
    if texts:
        tags[name] = [*tags.get(name, ()), *texts]


def without_stale(tags: Tags) -> tuple[Tags, bool]:
    """The tags that are still true when the samples have changed, and whether a loudness was among the others."""
    valid = {name: values for name, values in tags.items() if not _STALE.fullmatch(name) and _KEY.fullmatch(name)}
    return valid, any(_LOUDNESS.match(name) for name in tags)


def strip_id3(id3: Any) -> bool:
    """Take what is no longer true out of an ID3 tag, and say whether a loudness was among it."""
    loud = False
    for key, frame in list(id3.items()):
        described = frame.desc.upper() if frame.FrameID in ("TXXX", "COMM") else ""
        if frame.FrameID in _STALE_FRAMES or _STALE.fullmatch(described):
            loud |= bool(_LOUDNESS.match(frame.FrameID) or _LOUDNESS.match(described))
            del id3[key]
    return loud


def from_id3(id3: Any) -> tuple[Tags, list[Any], list[str]]:
    """Tags, pictures (as FLAC has them), and the names of frames that have no other form, of an ID3 tag."""
    from mutagen.flac import Picture

    tags: Tags = {}
    pictures, others = list[Any](), set[str]()
    for frame in id3.values():
        name = frame.FrameID
        if name in TEXT_FRAMES:
            add(tags, TEXT_FRAMES[name], frame.genres if name == "TCON" else frame.text)
        elif name == "COMM":
            add(tags, "COMMENT", () if frame.desc.startswith("iTun") else frame.text)  # what iTunes notes for itself
        elif name == "USLT":
            add(tags, "LYRICS", [frame.text])
        elif name == "TXXX" and _KEY.fullmatch(frame.desc):
            add(tags, frame.desc, frame.text)
        elif name == "WOAR":
            add(tags, "WEBSITE", [frame.url])
        elif name == "APIC":
            picture = Picture()
            picture.type, picture.mime, picture.desc, picture.data = int(frame.type), frame.mime, frame.desc, frame.data
            pictures.append(picture)
        else:
            others.add(name)
    return tags, pictures, sorted(others)


def to_id3(tags: Tags, pictures: list[Any]) -> Any:
    """An ID3 tag of all tags and pictures; a name of no frame becomes a TXXX."""
    from mutagen.id3 import APIC, COMM, ID3, TXXX, USLT, Frames

    id3, left = ID3(), _commented(tags)
    for name in _TOTALS:
        total = left.pop(_TOTALS[name], None) or left.pop(_OTHER_TOTALS[name], None)
        if total:
            left[name] = [f"{left.get(name, [''])[0]}/{total[0]}"]
    for name, values in left.items():
        frame = _FRAMES.get(name)
        if frame in ("TDRC", "TDOR") and not all(map(_DATE.fullmatch, values)):
            frame = None
        if name == "COMMENT":
            id3.add(COMM(encoding=3, lang="XXX", desc="", text=values))
        elif name == "LYRICS":
            id3.add(USLT(encoding=3, lang="XXX", desc="", text="\n".join(values)))
        elif frame:
            id3.add(Frames[frame](encoding=3, text=values))
        else:
            id3.add(TXXX(encoding=3, desc=name, text=values))
    for i, picture in enumerate(pictures):
        again = any(other.desc == picture.desc for other in pictures[:i])
        desc = f"{picture.desc} {i + 1}".strip() if again else picture.desc  # ID3 tells pictures apart by it
        id3.add(APIC(encoding=3, mime=picture.mime, type=picture.type, desc=desc, data=picture.data))
    return id3


def from_info(chunks: Iterable[tuple[bytes, bytes]]) -> Tags:
    """Tags of the chunks in a LIST INFO."""
    tags: Tags = {}
    for name, data in chunks:
        known = INFO.get(name.decode("latin-1"))
        if known:
            add(tags, known, [text(data)])
    return tags


def to_info(tags: Tags) -> tuple[list[tuple[bytes, bytes]], bool]:
    """The chunks of a LIST INFO, and whether it has all tags as they are."""
    names, tags = {known: name for name, known in reversed(INFO.items())}, _commented(tags)
    found = [
        (names[name].encode(), "; ".join(values).encode() + b"\0") for name, values in tags.items() if name in names
    ]
    return found, all(name in names and len(values) == 1 for name, values in tags.items())


def _commented(tags: Tags) -> Tags:
    """The tags with the description as comment, which Vorbis comments call so, if there is no other."""
    tags = dict(tags)
    if "COMMENT" not in tags and "DESCRIPTION" in tags:
        tags["COMMENT"] = tags.pop("DESCRIPTION")
    return tags


def text(data: bytes) -> str:
    """Text of a chunk: UTF-8 as programs write now, or what Windows wrote."""
    data = data.split(b"\0")[0]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
