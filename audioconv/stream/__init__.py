"""Signal processing block by block, as sound comes in."""

from audioconv.stream.chain import Chain, DryWet
from audioconv.stream.convolver import StreamConvolver
from audioconv.stream.files import process_file
from audioconv.stream.fir import Fir
from audioconv.stream.stages import Biquad, Gain, Limiter

__all__ = ["Biquad", "Chain", "DryWet", "Fir", "Gain", "Limiter", "StreamConvolver", "process_file"]
