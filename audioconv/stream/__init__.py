"""Signal processing block by block, as sound comes in."""

from audioconv.stream._devices import Device, devices
from audioconv.stream.chain import Chain, DryWet
from audioconv.stream.chain_file import read_chain
from audioconv.stream.convolver import StreamConvolver
from audioconv.stream.convolver2d import StreamConvolver2d
from audioconv.stream.files import Processed, process_file
from audioconv.stream.fir import Fir
from audioconv.stream.jitted import Jitted
from audioconv.stream.resample import Resample
from audioconv.stream.responses import Response, read_response, response_matrix
from audioconv.stream.sound_card import Live, Statistics, live
from audioconv.stream.stages import Biquad, Gain, Limiter, Mix
from audioconv.stream.taps import Sink, Source, Tap

__all__ = [
    "Biquad",
    "Chain",
    "Device",
    "DryWet",
    "Fir",
    "Gain",
    "Jitted",
    "Limiter",
    "Live",
    "Mix",
    "Processed",
    "Resample",
    "Response",
    "Sink",
    "Source",
    "Statistics",
    "StreamConvolver",
    "StreamConvolver2d",
    "Tap",
    "devices",
    "live",
    "process_file",
    "read_chain",
    "read_response",
    "response_matrix",
]
