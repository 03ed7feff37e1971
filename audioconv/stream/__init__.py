"""Signal processing block by block, as sound comes in."""

from audioconv.stream.chain import Biquad, Chain, DryWet, Gain
from audioconv.stream.convolver import StreamConvolver
from audioconv.stream.fir import Fir

__all__ = ["Biquad", "Chain", "DryWet", "Fir", "Gain", "StreamConvolver"]
