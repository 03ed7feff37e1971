"""Sound files in and out: whole or block by block, refused when damaged, written whole or not at all."""

from audioconv.io.atomic import replace_when_whole
from audioconv.io.rate import resample, resample_blocks
from audioconv.io.reading import Clip, Info, blocks, info, read
from audioconv.io.writing import write, writer

__all__ = [
    "Clip",
    "Info",
    "blocks",
    "info",
    "read",
    "replace_when_whole",
    "resample",
    "resample_blocks",
    "write",
    "writer",
]
