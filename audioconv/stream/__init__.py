"""Signal processing block by block, as sound comes in."""

from audioconv.stream._devices import Device, devices
from audioconv.stream.biquad import Biquad
from audioconv.stream.chain import Chain
from audioconv.stream.chain_file import read_chain
from audioconv.stream.convolver import StreamConvolver
from audioconv.stream.convolver2d import StreamConvolver2d
from audioconv.stream.delay import Delay
from audioconv.stream.dry_wet import DryWet
from audioconv.stream.dynamics import Compressor, NoiseGate
from audioconv.stream.files import Processed, process_file
from audioconv.stream.fir import Fir
from audioconv.stream.jit_stage import JitStage
from audioconv.stream.limiter import Limiter
from audioconv.stream.loudness import LoudnessMeter
from audioconv.stream.mixing import Gain, MatrixMixer
from audioconv.stream.monitors import Monitor, Sink, Source
from audioconv.stream.parametric_eq import EqBand, ParametricEq
from audioconv.stream.resample import Resample
from audioconv.stream.responses import Response, read_response, response_matrix
from audioconv.stream.sound_card import Live, Statistics, live

__all__ = [
    "Biquad",
    "Chain",
    "Compressor",
    "Delay",
    "Device",
    "DryWet",
    "EqBand",
    "Fir",
    "Gain",
    "JitStage",
    "Limiter",
    "Live",
    "LoudnessMeter",
    "MatrixMixer",
    "Monitor",
    "NoiseGate",
    "ParametricEq",
    "Processed",
    "Resample",
    "Response",
    "Sink",
    "Source",
    "Statistics",
    "StreamConvolver",
    "StreamConvolver2d",
    "devices",
    "live",
    "process_file",
    "read_chain",
    "read_response",
    "response_matrix",
]
