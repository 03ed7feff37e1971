"""Signal processing block by block, as sound comes in."""

from typing import TYPE_CHECKING

from audioconv._lazy import on_first_use

if TYPE_CHECKING:
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
else:
    __getattr__, __dir__ = on_first_use(
        __name__,
        {
            "_devices": "Device devices",
            "biquad": "Biquad",
            "chain": "Chain",
            "chain_file": "read_chain",
            "convolver": "StreamConvolver",
            "convolver2d": "StreamConvolver2d",
            "delay": "Delay",
            "dry_wet": "DryWet",
            "dynamics": "Compressor NoiseGate",
            "files": "Processed process_file",
            "fir": "Fir",
            "jit_stage": "JitStage",
            "limiter": "Limiter",
            "loudness": "LoudnessMeter",
            "mixing": "Gain MatrixMixer",
            "monitors": "Monitor Sink Source",
            "parametric_eq": "EqBand ParametricEq",
            "resample": "Resample",
            "responses": "Response read_response response_matrix",
            "sound_card": "Live Statistics live",
        },
    )

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
