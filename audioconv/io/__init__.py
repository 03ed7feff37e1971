"""Sound files in and out: whole or block by block, refused when damaged, written whole or not at all."""

from audioconv.io.atomic import next_number, replace_when_whole, writable
from audioconv.io.formats import file_format, sound_files
from audioconv.io.metadata import Metadata, read_metadata
from audioconv.io.paths import is_path, shown
from audioconv.io.rate import resample, resample_blocks, resample_response
from audioconv.io.reading import Clip, Info, blocks, info, read
from audioconv.io.source import name_of, seekable
from audioconv.io.writing import write, writer

__all__ = [
    "Clip",
    "Info",
    "Metadata",
    "blocks",
    "file_format",
    "info",
    "is_path",
    "name_of",
    "next_number",
    "read",
    "read_metadata",
    "replace_when_whole",
    "resample",
    "resample_blocks",
    "resample_response",
    "seekable",
    "shown",
    "sound_files",
    "writable",
    "write",
    "writer",
]
