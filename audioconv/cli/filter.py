"""audioconv filter: convolve a sound file with an impulse response."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from audioconv.cli.messages import say, watched
from audioconv.errors import ArgumentError


class IrRate(StrEnum):
    """What to do with an impulse response of another sample rate."""

    convert = "convert"
    strict = "strict"


def filter_file(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Sound file to filter.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Sound file to write; its suffix gives the format.")],
    ir: Annotated[Path, typer.Option("--ir", help="Impulse response: one channel, or as many as IN.")],
    ir_rate: Annotated[
        IrRate, typer.Option(help="An impulse response of another sample rate is resampled, or refused.")
    ] = IrRate.convert,
    gain: Annotated[float, typer.Option(metavar="DB", help="Gain in dB, applied on the way.")] = 0.0,
    block: Annotated[int, typer.Option(min=1, metavar="N", help="Samples read and filtered at a time.")] = 65536,
):
    """Filter a file by an impulse response.

    The result has the whole tail. The file is read, filtered and written block by block, so that it may be longer
    than memory. OUT has the sample rate, the channels and, in the same format, the sample type of IN.
    """
    from audioconv import io
    from audioconv.stream import StreamConvolver
    from audioconv.stream.files import like_source, stretch, through

    if not -200 <= gain <= 200:
        raise ArgumentError(f"--gain must be between -200 and 200 dB, not {gain:g}")
    about = io.info(source)
    response, ahead, taps = _response(ir, about, ir_rate, gain)
    convolver = StreamConvolver(response, max_block=block, channels=about.channels)
    frames = about.frames + taps - 1
    parts = stretch(through(convolver, io.blocks(source, block)), ahead, frames)
    with io.writer(target, about.sample_rate, about.channels, subtype=like_source(source, about, target)) as sink:
        for part in watched(parts, frames, f"filtering {source.name}"):
            sink.write(part)
    if sink.clipped:
        say(
            f"warning: {sink.clipped} samples of {target} are beyond full scale and were clipped; "
            f"--gain {gain + sink.safe_gain_db:.1f} avoids it"
        )
    typer.echo(f"{target}: {frames / about.sample_rate:.3f} s, {about.channels} channel(s), {about.sample_rate} Hz")


def _response(path, about, ir_rate, gain):
    """The impulse response at the sample rate of the file with the gain in it, its taps before time 0, its length."""
    from audioconv import io

    response, rate = io.read(path)
    channels = 1 if response.ndim == 1 else response.shape[1]
    if channels not in (1, about.channels):
        raise ArgumentError(
            f"{path} has {channels} channels for a file of {about.channels}; "
            f"an impulse response has one channel or as many as the file"
        )
    if rate != about.sample_rate:
        if ir_rate is IrRate.strict:
            raise ArgumentError(
                f"{path} has {rate} Hz for a file of {about.sample_rate} Hz, which --ir-rate strict refuses; "
                f"--ir-rate convert resamples it"
            )
        say(f"{path} is resampled from {rate} to {about.sample_rate} Hz")
    taps = max(1, round(len(response) * about.sample_rate / rate))
    response, ahead = io.resample_response(response, rate, about.sample_rate)
    return response * response.dtype.type(10 ** (gain / 20)), ahead, taps
