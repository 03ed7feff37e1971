"""Signal processing block by block, as sound comes in."""

from audioconv.stream.chain import Chain, DryWet
from audioconv.stream.convolver import StreamConvolver
from audioconv.stream.files import process_file
from audioconv.stream.fir import Fir
from audioconv.stream.jitted import Jitted
from audioconv.stream.resample import Resample
from audioconv.stream.stages import Biquad, Gain, Limiter, Mix

__all__ = [
    "Biquad",
    "Chain",
    "DryWet",
    "Fir",
    "Gain",
    "Jitted",
    "Limiter",
    "Mix",
    "Resample",
    "StreamConvolver",
    "process_file",
]
