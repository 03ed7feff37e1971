"""Signal processing block by block, as sound comes in."""

from audioconv.stream.convolver import StreamConvolver
from audioconv.stream.fir import Fir

__all__ = ["Fir", "StreamConvolver"]
