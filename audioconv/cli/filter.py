"""audioconv filter: a sound file through impulse responses, filters, gain, and chains of them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from audioconv.cli.messages import say, say_written, speed_bar, warn_clipped
from audioconv.errors import ArgumentError

_ORDER = 4  # of the Butterworth filters


class IrRate(StrEnum):
    """What to do with an impulse response of another sample rate."""

    convert = "convert"
    strict = "strict"


def filter_file(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Sound file to filter.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Sound file to write; its suffix gives the format.")],
    chain: Annotated[Path | None, typer.Option(help="Stages in a TOML file, as audioconv.read_chain takes it.")] = None,
    ir: Annotated[
        Path | None,
        typer.Option("--ir", help="Impulse response: one channel, or as many as IN, or any number if IN is mono."),
    ] = None,
    true_stereo: Annotated[
        bool, typer.Option("--true-stereo", help="The 4 channels of the impulse response are LL LR RL RR.")
    ] = False,
    ir_rate: Annotated[
        IrRate, typer.Option(help="An impulse response of another sample rate is resampled, or refused.")
    ] = IrRate.convert,
    highpass: Annotated[
        float | None, typer.Option(metavar="HZ", help="Butterworth high-pass, order 4; -3 dB at HZ.")
    ] = None,
    lowpass: Annotated[
        float | None, typer.Option(metavar="HZ", help="Butterworth low-pass, order 4; -3 dB at HZ.")
    ] = None,
    gain: Annotated[float | None, typer.Option(metavar="DB", help="Gain in dB, from -200 to 200.")] = None,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Softer as a whole if the peak is beyond full scale.")
    ] = False,
    dither: Annotated[bool, typer.Option(help="Noise of 1 LSB where 16 bits or less are rounded to.")] = True,
    subtype: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Sample type of OUT: PCM_16, PCM_24, FLOAT, ...")
    ] = None,
    rate: Annotated[int | None, typer.Option(min=1, metavar="HZ", help="Sample rate of OUT.")] = None,
    block: Annotated[int, typer.Option(min=1, metavar="N", help="Samples read and filtered at a time.")] = 65536,
):
    """Filter a file by impulse responses, filters and chains.

    In this order: --chain, --ir, --highpass, --lowpass, --gain, --rate, --normalize; at least one of these, or
    --subtype, is needed. The result has the whole tail. The file is read, filtered and
    written block by block, so that it may be longer than memory. OUT has the sample rate and the sample type of IN if
    nothing else is said and its format has them, and the channels of IN, but for a mono IN with an impulse response of
    several.
    """
    from audioconv import io
    from audioconv.stream import Chain, Gain, process_file

    wanted = (chain, ir, highpass, lowpass, gain, rate, subtype)
    if all(option is None for option in wanted) and not normalize:
        raise ArgumentError("there is nothing to do: at least one of --chain, --ir, --highpass, --lowpass, --gain, "
                            "--normalize, --rate and --subtype is wanted")  # fmt: skip
    if gain is not None and not -200 <= gain <= 200:
        raise ArgumentError(f"--gain must be between -200 and 200 dB, not {gain:g}")
    if true_stereo and ir is None:
        raise ArgumentError("--true-stereo says what the channels of --ir are, and there is none")
    about = io.info(source)
    stages, mapping = _stages(about, chain, ir, ir_rate, true_stereo)
    place = _end(about, stages)
    stages += [
        _butterworth(kind, hz, *place) for kind, hz in (("highpass", highpass), ("lowpass", lowpass)) if hz is not None
    ]
    stages.append(Gain(gain or 0.0, channels=place[1]))
    with speed_bar(f"filtering {source.name}", about.sample_rate) as progress:
        done = process_file(
            source, target, Chain(stages), subtype=subtype, sample_rate=rate, normalize=normalize, dither=dither,
            block_size=block, progress=progress,
        )  # fmt: skip
    _report(target, done, gain or 0.0, mapping)


def _stages(about, chain, ir, ir_rate, true_stereo):
    """The stages of the chain file and the impulse response, and how the channels of the latter are used."""
    from audioconv import io
    from audioconv.stream import read_chain, read_response

    stages = [] if chain is None else [read_chain(chain, about.sample_rate, about.channels)]
    if ir is None:
        return stages, None
    sample_rate, channels = _end(about, stages)
    ir_hz = io.info(ir).sample_rate
    if ir_hz != sample_rate and ir_rate is IrRate.strict:
        raise ArgumentError(
            f"{ir} has {ir_hz} Hz for a file of {sample_rate} Hz, which --ir-rate strict refuses; "
            f"--ir-rate convert resamples it"
        )
    try:
        response = read_response(ir, sample_rate, channels, true_stereo=true_stereo)
    except ArgumentError as error:
        raise ArgumentError(str(error).replace("if that is said", "with --true-stereo")) from error
    if ir_hz != sample_rate:
        say(f"{ir} is resampled from {ir_hz} to {sample_rate} Hz")
    return [*stages, response.stage], response.mapping


def _end(about, stages):
    """Sample rate and channels after the stages."""
    rates = [stage.rate_out for stage in stages if stage.rate_out is not None]
    return [about.sample_rate, *rates][-1], stages[-1].out_channels if stages else about.channels


def _butterworth(kind, frequency_hz, sample_rate, channels):
    from scipy.signal import butter

    from audioconv.stream import Biquad

    if not 0 < frequency_hz < sample_rate / 2:
        raise ArgumentError(
            f"--{kind} must be between 0 and half of the sample rate {sample_rate} Hz, not {frequency_hz:g}"
        )
    return Biquad(butter(_ORDER, frequency_hz, kind, fs=sample_rate, output="sos"), channels=channels)


def _report(target, done, gain, mapping):
    warn_clipped(target, done, f"--gain {gain + done.safe_gain_db:.1f} avoids it, and so does --normalize")
    said = [mapping] if mapping else []
    said += [f"made softer by {-done.gain_db:.2f} dB"] if done.gain_db else []
    say_written(target, done, said)
