"""Signal processing block by block, as sound comes in."""

from audioconv.stream.convolver import StreamConvolver

__all__ = ["StreamConvolver"]
