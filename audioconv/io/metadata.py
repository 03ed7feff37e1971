"""What a sound file holds beside its samples, read from one file and written to another: tags, pictures, cue points,
broadcast chunks, which speaker a channel is for.
"""

import io
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from audioconv.io import containers as riff
from audioconv.io import tag_names as names
from audioconv.io.markers import Marker, aiff_markers, wav_markers
from audioconv.io.paths import PathOrFile
from audioconv.io.source import open_source

if TYPE_CHECKING:
    from audioconv.io._read import Info
from audioconv.io.splice import SplicedFile

EXTENSIBLE, MASK_AT = 0xFFFE, 20  # a fmt chunk that has a mask of speakers, and where
MASK_COMMENT = "WAVEFORMATEXTENSIBLE_CHANNEL_MASK"  # RFC 9639, section 8.6.2
# by number of channels, where no mask is given; RFC 9639, section 9.1.3
DEFAULT_CHANNEL_MASKS = {1: 0x4, 2: 0x3, 3: 0x7, 4: 0x33, 5: 0x37, 6: 0x3F, 7: 0x70F, 8: 0x63F}
CAF_BITMAP, _CAF_LAYOUTS = 0x10000, {0x640001: 0x4, 0x650002: 0x3, 0x790006: 0x3F}

# Chunks that say something of samples as such, or of the file itself; they are made anew, or mean nothing.
_OWN = {b"fmt ", b"data", b"fact", b"PEAK", b"ds64", b"JUNK", b"junk", b"PAD ", b"FLLR", b"filr", b"COMM", b"SSND",
        b"FVER", b"desc", b"free", b"pakt", b"kuki", b"levl", b"LEVL", b"chan", b"CHAN", b"wave", b"riff"}  # fmt: skip
_COPIED_CHUNKS: dict[str, set[bytes]] = {
    riff.RIFF: {b"bext", b"cue ", b"smpl", b"inst", b"plst", b"LIST", b"acid", b"iXML", b"axml", b"chna", b"_PMX",
                b"cart", b"DISP", b"CSET", b"id3 ", b"ID3 ", b"SNDM", b"LGWV", b"strc"},
    riff.AIFF: {b"NAME", b"AUTH", b"(c) ", b"ANNO", b"MARK", b"INST", b"COMT", b"APPL", b"MIDI", b"AESD", b"ID3 ",
                b"BASC", b"trns", b"cate"},
}  # fmt: skip
_MATROSKA = bytes.fromhex("1a45dfa3")
_MOST_ANNOTATION = 1 << 16
_ORDERS = {riff.RIFF: "<", riff.AIFF: ">", riff.CAF: ">", riff.W64: "<"}  # of bytes; RIFX files have the other
_TEXTS = {b"id3 ", b"ID3 ", b"NAME", b"AUTH", b"(c) ", b"ANNO", b"info"}


@dataclass(repr=False)
class Metadata:
    """What a sound file holds beside its samples; made by `read_metadata`, for `writer`.

    Parameters
    ----------
    sample_rate, channels : int
        Of the file it comes from, in Hz; places in samples are of that rate.
    tags : dict
        Name, as in Vorbis comments ("TITLE", "ARTIST", "DATE", ...): list of texts. What is no longer true once the
        samples have changed (ReplayGain, lengths, notes of an encoder) is not among them.
    pictures : list of mutagen.flac.Picture
    markers : list of Marker
        Named places in samples.
    channel_mask : int, optional
        Which speakers the channels are for, as the bit mask of a WAV file; None where that is not said.
    chunks : list of (name, data)
        As they are in a WAV or AIFF file.
    dropped : list of str
        What could not be taken over at all, in words.
    id3 : mutagen.id3.ID3, optional
        As it was, where there was one.
    id3_only : list of str
        Its frames that have no other form.
    family : {"", "RIFF", "AIFF", "CAF", "W64"}
        Of the chunks.
    cuesheet : mutagen.flac.CueSheet, optional
        Of a FLAC file.
    loud : bool
        Whether a loudness was noted, of the samples as they were.

    Examples
    --------
    >>> Metadata(48000, 2, tags={"TITLE": ["Rain"], "DATE": ["2026"]})
    Metadata(48000 Hz, 2 channels, tags TITLE DATE)
    """

    sample_rate: int
    channels: int
    tags: dict[str, list[str]] = field(default_factory=dict)
    pictures: list[Any] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    channel_mask: int | None = None
    chunks: list[tuple[bytes, bytes]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    id3: Any = None
    id3_only: list[str] = field(default_factory=list)
    family: str = ""
    cuesheet: Any = None
    loud: bool = False

    def __repr__(self) -> str:
        held = {"pictures": self.pictures, "markers": self.markers, "chunks": self.chunks}
        parts = [f"tags {' '.join(self.tags)}"] if self.tags else []
        parts += [f"{len(items)} {name}" for name, items in held.items() if items]
        parts += [f"channel mask {self.channel_mask:#x}"] if self.channel_mask is not None else []
        return f"Metadata({', '.join([f'{self.sample_rate} Hz', f'{self.channels} channels', *parts])})"

    def form_for(self, form: str, subtype: str, channels: int) -> str:
        """Return the format to write: WAVEX where a WAV file is to have a channel mask.

        Parameters
        ----------
        form : str
            The format that is wanted, as soundfile names it.
        subtype : str
            Encoding of its samples.
        channels : int

        Returns
        -------
        form : str
        """
        import soundfile

        has_mask = form == "WAV" and self.channel_mask is not None and channels == self.channels
        return "WAVEX" if has_mask and soundfile.check_format("WAVEX", subtype) else form


def read_metadata(source: PathOrFile, about: "Info | None" = None) -> Metadata:
    """Read what a sound file holds beside its samples.

    Parameters
    ----------
    source : str, path or binary file object
        As in `read`.
    about : Info, optional
        What `info` has said of it, where that is known already.

    Returns
    -------
    metadata : Metadata
        For `writer(..., metadata=metadata)`. What is damaged is named in `dropped`, and no error.

    Raises
    ------
    AudioFileError
        If the file is missing or cannot be read as sound.

    Examples
    --------
    >>> import io, numpy as np, audioconv as ac
    >>> file = io.BytesIO()
    >>> ac.write(file, np.zeros(8000), 16000, format="WAV")
    >>> read_metadata(io.BytesIO(file.getvalue()))
    Metadata(16000 Hz, 1 channels)
    """
    from audioconv.io._read import info

    about = about or info(source, partial=True)
    found = Metadata(about.sample_rate, about.channels)
    with open_source(source) as ready:
        file: BinaryIO = io.BufferedReader(SplicedFile(ready.file, [(ready.start, ready.start + ready.size)]))
        inside = riff.chunk_table(file, ready.size)
        try:
            if inside.family:
                _of_chunks(found, file, inside)
            else:
                _of_tags(found, file)
        except Exception as error:  # whatever mutagen says of damaged tags: they never stop the sound
            found.dropped.append(f"tags, which are damaged ({' '.join(str(error).split()) or type(error).__name__})")
    found.tags, loud = names.without_stale(found.tags)
    if loud or found.loud:
        found.dropped.append("ReplayGain, which is no longer true")
    return found


def _of_chunks(found: Metadata, file: BinaryIO, inside: riff.ChunkTable) -> None:
    """Take over what a WAV, AIFF, CAF or Wave64 file has."""
    found.family = inside.family
    data = {chunk.name: riff.content(file, chunk) for chunk in reversed(inside.chunks) if chunk.name not in _OWN}
    found.channel_mask = _channel_mask(file, inside)
    copied = _COPIED_CHUNKS.get(inside.family, set()) if inside.order == _ORDERS[inside.family] else set()
    for chunk in inside.chunks:
        if chunk.name in copied:
            found.chunks.append((chunk.name, riff.content(file, chunk)))
        elif inside.whole and chunk.name not in _OWN | _TEXTS and data[chunk.name].strip(b"\0"):
            found.dropped.append(f"the {_printable(chunk.name)} chunk")
    id3 = data.get(b"id3 ") or data.get(b"ID3 ")
    if id3:
        _of_id3(found, _id3(id3))
    _of_texts(found)
    if inside.family == riff.CAF:
        _more(found.tags, _caf_info(data.get(b"info", b"")))
    elif b"MARK" in copied:
        found.markers = aiff_markers(data.get(b"MARK", b""))
    elif b"cue " in copied:
        labels = next((content for name, content in found.chunks if name == b"LIST" and content[:4] == b"adtl"), b"")
        found.markers = wav_markers(data.get(b"cue ", b""), labels)


def _of_texts(found: Metadata) -> None:
    """Tags of the chunks that are text, where no ID3 tag has them."""
    for name, content in found.chunks:
        if name == b"LIST" and content[:4] == b"INFO":
            _more(found.tags, names.from_info(riff.lists(content)))
        elif name in names.AIFF_TEXTS:
            _more(found.tags, {names.AIFF_TEXTS[name]: [names.text(content)]})


def _of_tags(found: Metadata, file: BinaryIO) -> None:
    """Take over what mutagen finds in a FLAC, Ogg, MP3 or other file, or libsndfile."""
    import mutagen
    from mutagen.apev2 import APEv2
    from mutagen.flac import FLAC, Picture
    from mutagen.id3 import ID3

    file.seek(0)
    held = mutagen.File(file)
    if held is None:
        file.seek(0)
        _of_strings(found, file)
        return
    tags = held.tags
    if isinstance(held, FLAC):
        found.pictures, found.cuesheet = list(held.pictures), held.cuesheet
        found.dropped += [f"the FLAC application block {_printable(block.data[:4])}"
                       for block in held.metadata_blocks if block.code == 2]  # fmt: skip
        found.channel_mask = DEFAULT_CHANNEL_MASKS.get(found.channels) if found.channels > 2 else None
    if isinstance(tags, ID3):
        _of_id3(found, tags)
    elif type(held).__name__ == "MP4":
        _of_mp4(found, file, held)
    elif tags is not None and not isinstance(tags, APEv2):
        _of_items(found, tags, names.ASF if type(held).__name__ == "ASF" else {})
    if isinstance(tags, APEv2) or (tags is None and "audio/mp3" in held.mime):
        _of_ape(found, file)
    for mask in found.tags.get(MASK_COMMENT, ()):
        if not 0 <= (number := int(mask, 0)) < 1 << 32:
            raise ValueError(f"a channel mask has 32 bits, not {mask:.40}")
        found.channel_mask = number
    for data in found.tags.pop("METADATA_BLOCK_PICTURE", ()):
        import base64

        found.pictures.append(Picture(base64.b64decode(data)))


def _of_items(found: Metadata, tags: Any, own: dict[str, str]) -> None:
    """Tags that are pairs of a name, which `own` may translate, and a value."""
    for name, value in tags if isinstance(tags, list) else tags.items():  # a list keeps its order
        if name == "WM/Picture":
            found.dropped.append("pictures")
        else:
            names.add(found.tags, own.get(name, name), value if isinstance(value, list) else [value])


def _of_id3(found: Metadata, id3: Any) -> None:
    found.loud |= names.strip_id3(id3)
    found.tags, pictures, found.id3_only = names.from_id3(id3)
    found.pictures += pictures
    found.id3 = id3


def _id3(data: bytes) -> Any:
    from mutagen.id3 import ID3

    return ID3(io.BytesIO(data))


def _of_mp4(found: Metadata, file: BinaryIO, held: Any) -> None:
    """MP4 atoms, by the names that mutagen has for them."""
    from mutagen.easymp4 import EasyMP4
    from mutagen.flac import Picture

    file.seek(0)
    tags: dict[str, list[str]] = EasyMP4(file).tags or {}
    for name, values in tags.items():
        names.add(found.tags, name, values)
    for cover in (held.tags or {}).get("covr", ()):
        picture = Picture()
        picture.type, picture.mime, picture.data = 3, "image/png" if cover.imageformat == 14 else "image/jpeg", cover
        found.pictures.append(picture)


def _of_ape(found: Metadata, file: BinaryIO) -> None:
    from mutagen.apev2 import APENoHeaderError, APEv2

    own = {"YEAR": "DATE", "TRACK": "TRACKNUMBER", "DISC": "DISCNUMBER", "ALBUM ARTIST": "ALBUMARTIST"}
    file.seek(0)
    try:
        for name, value in APEv2(file).items():
            if value.kind == 0:  # text
                names.add(found.tags, own.get(name.upper(), name), list(value))
            else:
                found.dropped.append(f"the APE item {name}")
    except APENoHeaderError:
        pass


def _of_strings(found: Metadata, file: BinaryIO) -> None:
    """What libsndfile finds in a format that mutagen does not know, and the annotation of an AU file."""
    import soundfile

    if file.read(4) == _MATROSKA:
        found.dropped.append("tags, which are not read of Matroska and WebM files")
    file.seek(0)
    with suppress(soundfile.LibsndfileError):  # what ffmpeg decodes
        _strings(found, file)


def _strings(found: Metadata, file: BinaryIO) -> None:
    import soundfile

    own = {"tracknumber": "TRACKNUMBER", "software": "ENCODER"}
    with soundfile.SoundFile(file) as sound:
        for name, value in sound.copy_metadata().items():
            names.add(found.tags, own.get(name, name), [value])
    file.seek(0)
    head = file.read(24)
    if head[:4] == b".snd":
        length = struct.unpack_from(">I", head, 4)[0] - len(head)
        names.add(found.tags, "COMMENT", [names.text(file.read(max(0, min(length, _MOST_ANNOTATION))))])


def _more(tags: names.Tags, others: names.Tags) -> None:
    """Add tags of names that are not there yet."""
    for name, values in others.items():
        if name not in tags:
            names.add(tags, name, values)


def _channel_mask(file: BinaryIO, inside: riff.ChunkTable) -> int | None:
    """The mask of speakers of a WAV or CAF file; None where it says none."""
    if inside.family == riff.RIFF:
        form = riff.content(file, inside.first(b"fmt "))
        if len(form) >= MASK_AT + 4 and struct.unpack_from(inside.order + "H", form)[0] == EXTENSIBLE:
            return int(struct.unpack_from(inside.order + "I", form, MASK_AT)[0])
    if inside.family == riff.CAF:
        layout = riff.content(file, inside.first(b"chan"))
        if len(layout) >= 8:
            tag, bitmap = struct.unpack_from(">II", layout)
            return bitmap if tag == CAF_BITMAP else _CAF_LAYOUTS.get(tag)
    return None


def _caf_info(data: bytes) -> names.Tags:
    tags: names.Tags = {}
    parts = data[4:].split(b"\0")
    own = {
        "track number": "TRACKNUMBER",
        "track": "TRACKNUMBER",
        "year": "DATE",
        "comments": "COMMENT",
        "recorded date": "DATE",
    }
    for name, value in zip(parts[0::2], parts[1::2], strict=False):
        known = names.text(name).lower()
        names.add(tags, own.get(known, known), [names.text(value)])
    return tags


def _printable(name: bytes) -> str:
    return name.decode("ascii", "backslashreplace").strip()
