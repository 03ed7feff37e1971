"""Sound files in and out: whole or block by block, refused when damaged, written atomically."""

from audioconv.io._read import Info, blocks, info, read
from audioconv.io._resample import resample, resample_blocks, resample_response
from audioconv.io._write import write, writer
from audioconv.io.atomic import atomic_write, next_numbered_path, writable_path
from audioconv.io.clip import Clip
from audioconv.io.formats import FileFormat, Subtype, file_format, sound_files
from audioconv.io.metadata import Metadata, read_metadata
from audioconv.io.paths import display_path, is_path
from audioconv.io.source import display_name, seekable

__all__ = [
    "Clip",
    "FileFormat",
    "Info",
    "Metadata",
    "Subtype",
    "atomic_write",
    "blocks",
    "display_name",
    "display_path",
    "file_format",
    "info",
    "is_path",
    "next_numbered_path",
    "read",
    "read_metadata",
    "resample",
    "resample_blocks",
    "resample_response",
    "seekable",
    "sound_files",
    "writable_path",
    "write",
    "writer",
]
