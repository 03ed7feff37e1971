"""Metadata into a sound file that is otherwise whole: what its format can hold, and in words what it cannot."""

import base64
import io
import struct
from collections.abc import Callable
from typing import Any

from audioconv.errors import AudioFileError
from audioconv.io import containers as riff
from audioconv.io import tag_names as names
from audioconv.io.markers import aiff_marks, moved, rescaled, wav_cues
from audioconv.io.metadata import CAF_BITMAP, DEFAULT_CHANNEL_MASKS, EXTENSIBLE, MASK_AT, MASK_COMMENT, Metadata
from audioconv.io.paths import AnyPath

_Chunks = list[tuple[bytes, bytes]]  # name and data
_FAMILIES = {"WAV": riff.RIFF, "WAVEX": riff.RIFF, "RF64": riff.RIFF, "AIFF": riff.AIFF}
_USUAL = {1: 0x4, 2: 0x3}  # speakers that need no channel mask
_MOST_PICTURE = 2**24 - 2**16  # bytes: a block of a FLAC file has less than 2**24
_CONVERTED = {
    b"NAME",
    b"AUTH",
    b"(c) ",
    b"ANNO",
    b"cue ",
    b"MARK",
    b"id3 ",
    b"ID3 ",
}  # by tags and markers
_AT_ONE_RATE = {b"iXML", b"cart", b"strc", b"acid"}  # hold positions or a sample rate in private formats
_OF_CHANNELS = {b"chna", b"axml"}  # say which channel is what


def write_metadata(path: AnyPath, found: Metadata, form: str, sample_rate: int, channels: int) -> tuple[str, ...]:
    """Write metadata into a sound file.

    Parameters
    ----------
    path : path
        Of a whole file without any.
    found : Metadata
    form : str
        The file's format, as in soundfile.
    sample_rate, channels : int
        Of that file; places in samples are moved accordingly.

    Returns
    -------
    dropped : tuple of str
        What the file cannot hold, and what of the first file could not be read or is no longer true, in words.

    Raises
    ------
    AudioFileError
        If the file cannot be written.
    """
    from mutagen import MutagenError

    try:
        if form in _FAMILIES:
            dropped = _into_chunks(path, found, _FAMILIES[form], sample_rate, channels)
        else:
            dropped = _INTO.get(form, _into_nothing)(path, found, sample_rate, channels)
            dropped += [_chunk(name) for name, data in found.chunks if not _converted(name, data)]
            dropped += ["cue points"] if found.markers else []
        if found.cuesheet is not None and form != "FLAC":
            dropped.append("the cue sheet")
        if not _write_channel_mask(path, found, form, channels):
            dropped.append("the speaker layout")
    except (MutagenError, OSError) as error:
        raise AudioFileError(f"the tags cannot be written: {error}") from error
    return tuple(dict.fromkeys([*found.dropped, *dropped]))


def _chunk(name: bytes) -> str:
    return f"the {name.decode('ascii', 'backslashreplace').strip()} chunk"


def _converted(name: bytes, data: bytes) -> bool:
    """Whether tags and markers hold what a chunk holds."""
    return name in _CONVERTED or (name == b"LIST" and data[:4] in (b"INFO", b"adtl"))


def _into_chunks(path: AnyPath, found: Metadata, family: str, sample_rate: int, channels: int) -> list[str]:
    """Into a WAV or AIFF file: the chunks of another as they are, or made of tags and markers."""
    if family == found.family:
        chunks, dropped = _carried(found, sample_rate, channels)
    else:
        dropped = [_chunk(name) for name, data in found.chunks if not _converted(name, data)]
        chunks = _made(found, family, sample_rate)
    id3 = found.id3
    if id3 is None and family != found.family:
        covered = family == riff.RIFF and names.to_info(found.tags)[1] and not found.pictures
        id3 = None if covered else names.to_id3(found.tags, found.pictures)
    if id3:
        chunks.append((b"id3 " if family == riff.RIFF else b"ID3 ", _bytes(id3)))
    if chunks and not riff.append(path, chunks):
        dropped.append("tags and cue points, for which there is no room within the 4 GiB of the file")
    return dropped


def _carried(found: Metadata, sample_rate: int, channels: int) -> tuple[_Chunks, list[str]]:
    chunks: _Chunks = []
    dropped = []
    for name, data in found.chunks:
        if name in _AT_ONE_RATE and sample_rate != found.sample_rate:
            dropped.append(f"{_chunk(name)}, which tells another sample rate")
        elif name in _OF_CHANNELS and channels != found.channels:
            dropped.append(f"{_chunk(name)}, which tells other channels")
        elif name not in (b"id3 ", b"ID3 "):
            chunks.append((name, rescaled(name, data, found.sample_rate, sample_rate)))
    return chunks, dropped


def _made(found: Metadata, family: str, sample_rate: int) -> _Chunks:
    markers = moved(found.markers, found.sample_rate, sample_rate)
    if family == riff.RIFF:
        texts = names.to_info(found.tags)[0]
        return [*([(b"LIST", riff.make_list(b"INFO", texts))] if texts else []), *wav_cues(markers)]
    chunks = [
        (name, "; ".join(found.tags[tag]).encode()) for name, tag in names.AIFF_TEXTS.items() if tag in found.tags
    ]
    return [*chunks, *([(b"MARK", aiff_marks(markers))] if markers else [])]


def _bytes(id3: Any) -> bytes:
    file = io.BytesIO()
    id3.save(file, padding=lambda _: 0)
    return file.getvalue()


def _into_flac(path: AnyPath, found: Metadata, sample_rate: int, channels: int) -> list[str]:
    from mutagen.flac import FLAC

    file: Any = FLAC(path)
    if file.tags is None:
        file.add_tags()
    file.tags.update(found.tags)
    if _special(found, channels) and found.channel_mask != DEFAULT_CHANNEL_MASKS.get(channels):
        file.tags[MASK_COMMENT] = f"0x{found.channel_mask:04X}"
    fits = [picture for picture in found.pictures if len(picture.data) < _MOST_PICTURE]
    for picture in fits:
        file.add_picture(picture)
    if found.cuesheet is not None:
        file.cuesheet = _moved_sheet(found.cuesheet, found.sample_rate, sample_rate)
        file.metadata_blocks.append(file.cuesheet)
    file.save()
    large = ["a picture of 16 MB or more"] if len(fits) < len(found.pictures) else []
    return [*large, *_id3_only(found)]


def _moved_sheet(sheet: Any, rate_in: int, rate_out: int) -> Any:
    """A cue sheet of FLAC at another sample rate."""
    if rate_in == rate_out:
        return sheet
    sheet, ratio = type(sheet)(sheet.write()), rate_out / rate_in  # that of the metadata stays
    sheet.compact_disc = False
    sheet.lead_in_samples = round(sheet.lead_in_samples * ratio)
    for track in sheet.tracks:
        track.start_offset = round(track.start_offset * ratio)
        track.indexes = [type(each)(each.index_number, round(each.index_offset * ratio)) for each in track.indexes]
    return sheet


def _into_ogg(path: AnyPath, found: Metadata, sample_rate: int, channels: int) -> list[str]:
    import mutagen

    file = mutagen.File(path)
    file.tags.update(found.tags)
    if found.pictures:
        file.tags["METADATA_BLOCK_PICTURE"] = [base64.b64encode(each.write()).decode() for each in found.pictures]
    file.save()
    return _id3_only(found)


def _into_mp3(path: AnyPath, found: Metadata, sample_rate: int, channels: int) -> list[str]:
    id3 = found.id3 if found.id3 is not None else names.to_id3(found.tags, found.pictures)
    if id3:
        id3.save(path)
    return []


def _into_caf(path: AnyPath, found: Metadata, sample_rate: int, channels: int) -> list[str]:
    own = {"TRACKNUMBER": "track number", "DATE": "year", "COMMENT": "comments"}  # Apple's names
    texts = b"".join(
        own.get(name, name.lower()).encode() + b"\0" + "; ".join(values).encode() + b"\0"
        for name, values in found.tags.items()
    )
    if texts:
        riff.append(path, [(b"info", struct.pack(">I", len(found.tags)) + texts)])
    return [*(["pictures"] if found.pictures else []), *_id3_only(found)]


def _into_nothing(path: AnyPath, found: Metadata, sample_rate: int, channels: int) -> list[str]:
    tags = [f"tags ({', '.join(name.lower() for name in found.tags)})"] if found.tags else []
    return [*tags, *(["pictures"] if found.pictures else []), *_id3_only(found)]


_INTO: dict[str, Callable[[AnyPath, Metadata, int, int], list[str]]] = {
    "FLAC": _into_flac,
    "OGG": _into_ogg,
    "MP3": _into_mp3,
    "CAF": _into_caf,
}


def _id3_only(found: Metadata) -> list[str]:
    return [f"ID3 frames {', '.join(found.id3_only)}"] if found.id3_only else []


def _special(found: Metadata, channels: int) -> bool:
    """Whether there is a layout of speakers that needs a channel mask."""
    return found.channel_mask not in (None, 0, _USUAL.get(channels))


def _write_channel_mask(path: AnyPath, found: Metadata, form: str, channels: int) -> bool:
    """Write which speakers the channels are for; False if the file cannot say it."""
    if channels != found.channels:
        return not _special(found, found.channels)
    if form in ("WAV", "WAVEX", "RF64") and found.channel_mask is not None and _patch_mask(path, found.channel_mask):
        return True
    if form == "CAF" and found.channel_mask:
        return riff.append(path, [(b"chan", struct.pack(">III", CAF_BITMAP, found.channel_mask, 0))])
    return form == "FLAC" or not _special(found, channels)  # FLAC has it in a comment


def _patch_mask(path: AnyPath, channel_mask: int) -> bool:
    """Write the mask of speakers into the fmt chunk, if that has one."""
    with open(path, "r+b") as file:
        size = file.seek(0, io.SEEK_END)
        chunk = riff.chunk_table(file, size).first(b"fmt ")
        if chunk is None:
            return False
        file.seek(chunk.start)
        if chunk.size < MASK_AT + 4 or struct.unpack("<H", file.read(2))[0] != EXTENSIBLE:
            return False
        file.seek(chunk.start + MASK_AT)
        file.write(struct.pack("<I", channel_mask))
        return True
