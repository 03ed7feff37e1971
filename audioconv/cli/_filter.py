"""audioconv filter: sound files through impulse responses, filters, gain, and chains of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from audioconv.cli.batch import Jobs, Scheduler, SettingsFile, are_many, path_of, settings_file
from audioconv.cli.outputs import Force, Format, Partial
from audioconv.cli.processing import SoundProcessing, process_sounds
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv.io import Info
    from audioconv.io.paths import PathOrFile
    from audioconv.stream import Biquad
    from audioconv.stream.files import Processed

_Pass = Literal["highpass", "lowpass"]
_QS = tuple(0.5 / math.sin(math.pi * k / 8) for k in (3, 1))  # of the sections of a Butterworth filter of order 4


class IrRate(StrEnum):
    """What to do with an impulse response of another sample rate."""

    convert = "convert"
    strict = "strict"


# options
_Sources = Annotated[
    list[str],
    typer.Argument(metavar="IN", help="Sound file to filter, - is standard input; or files, folders, '*'"),
]
_Target = Annotated[
    str,
    typer.Argument(metavar="OUT", help="Sound file to write, - is standard output; a folder for more than one IN."),
]
_Chain = Annotated[Path | None, typer.Option(help="Stages in a TOML file, as audioconv.read_chain takes it.")]
_Ir = Annotated[
    Path | None,
    typer.Option("--ir", help="Impulse response: one channel, or as many as IN, or any number if IN is mono."),
]
_TrueStereo = Annotated[
    bool, typer.Option("--true-stereo", help="The 4 channels of the impulse response are LL LR RL RR.")
]
_IrRate = Annotated[IrRate, typer.Option(help="An impulse response of another sample rate is resampled, or refused.")]
_Wet = Annotated[float | None, typer.Option(min=0, max=1, metavar="PART", help="Dry/wet mix of --ir; 1 is all wet.")]
_Highpass = Annotated[float | None, typer.Option(metavar="HZ", help="Butterworth high-pass, order 4; -3 dB at HZ.")]
_Lowpass = Annotated[float | None, typer.Option(metavar="HZ", help="Butterworth low-pass, order 4; -3 dB at HZ.")]
_Gain = Annotated[float | None, typer.Option(metavar="DB", help="Gain in dB, from -200 to 200.")]
_Normalize = Annotated[bool, typer.Option("--normalize", help="Attenuate as a whole if the peak is beyond full scale.")]
_Peak = Annotated[
    float | None,
    typer.Option(min=-200, max=0, metavar="DB", help="Normalize to this peak level."),
]
_Loudness = Annotated[
    float | None,
    typer.Option(min=-70, max=0, metavar="LUFS", help="Normalize to this loudness (ITU-R BS.1770)."),
]
_Dither = Annotated[bool, typer.Option(help="Dither (triangular, 1 LSB) where samples are rounded to 16 bits or less.")]
_Subtype = Annotated[str | None, typer.Option(metavar="TYPE", help="Sample type of OUT: PCM_16, PCM_24, FLOAT, ...")]
_Rate = Annotated[int | None, typer.Option(min=1, metavar="HZ", help="Sample rate of OUT.")]
_Block = Annotated[int, typer.Option(min=1, metavar="N", help="Samples read and filtered at a time.")]


def filter(
    sources: _Sources,
    target: _Target,
    chain: _Chain = None,
    ir: _Ir = None,
    true_stereo: _TrueStereo = False,
    ir_rate: _IrRate = IrRate.convert,
    wet: _Wet = None,
    highpass: _Highpass = None,
    lowpass: _Lowpass = None,
    gain: _Gain = None,
    normalize: _Normalize = False,
    peak: _Peak = None,
    loudness: _Loudness = None,
    dither: _Dither = True,
    subtype: _Subtype = None,
    format: Format = None,
    rate: _Rate = None,
    block: _Block = 65536,
    partial: Partial = False,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    force: Force = False,
) -> None:
    """Filter files by impulse responses, filters and chains.

    In this order: --chain, --ir, --highpass, --lowpass, --gain, --rate, then --normalize, --peak or --loudness; at
    least one of these, or --subtype, or --format, is needed. The result has the whole tail. It is read, filtered and
    written block by block, so that it may be longer than memory. OUT has the sample rate and the sample type of IN if
    nothing else is said and its format has them, and the channels of IN, but for a mono IN with an impulse response of
    several. Tags, cue points and the like are kept where OUT can hold them; what is not is said. --loudness with
    --normalize stays within full scale.

    Several IN, folders (with those below), patterns in quotes, or a list of files (@LIST) become files of the same
    names in the folder OUT. Files that fail are said at the end, and the exit code is then 1. A run that was cut goes
    on where it was when the same command is given again.

    \b
    audioconv filter talk.wav hall.wav --ir hall.flac --wet 0.4
    audioconv filter 'in/*.flac' out/ --highpass 80 --jobs 2
    cat talk.flac | audioconv filter - - --gain -3 > softer.wav
    """
    levels = (peak, loudness, normalize or None)
    if all(option is None for option in (chain, ir, highpass, lowpass, gain, rate, subtype, format, *levels)):
        raise ArgumentError("there is nothing to do: at least one of --chain, --ir, --highpass, --lowpass, --gain, "
                            "--normalize, --peak, --loudness, --rate, --subtype and --format is wanted")  # fmt: skip
    _check_options(ir, true_stereo, wet, gain, peak, loudness)
    many = are_many(sources, target)
    filtering = Filtering(
        subtype, format, partial, settings_file(chain, many), settings_file(ir, many), true_stereo, ir_rate, wet,
        highpass, lowpass, gain, normalize, peak, loudness, dither, rate, block,
    )  # fmt: skip
    process_sounds(filtering, sources, target, jobs=jobs, scheduler=scheduler, force=force)


@dataclass(frozen=True, repr=False)
class Filtering(SoundProcessing):
    """What is done to each file; a function of source and target for many of them."""

    doing = "filtering"

    chain: SettingsFile | None = None
    ir: SettingsFile | None = None
    true_stereo: bool = False
    ir_rate: IrRate = IrRate.convert
    wet: float | None = None
    highpass: float | None = None
    lowpass: float | None = None
    gain: float | None = None
    normalize: bool = False
    peak: float | None = None
    loudness: float | None = None
    dither: bool = True
    rate: int | None = None
    block: int = 65536

    def stage(self, source: "PathOrFile", about: "Info", tell: Callable[[str], None]) -> tuple[Any, str]:
        """The stages as a chain, and how the channels of the impulse response are used; once for files alike."""
        made: dict[tuple[int, int], tuple[Any, str]] = vars(self).setdefault("_stages_made", {})
        alike = about.sample_rate, about.channels
        if alike not in made:
            made.clear()  # one at a time: an impulse response may be large
            made[alike] = self._chain(about, tell)
        return made[alike]

    def _chain(self, about: "Info", tell: Callable[[str], None]) -> tuple[Any, str]:
        from audioconv.stream.constant_gain import ConstantGain

        chain, ir = path_of(self.chain), path_of(self.ir)
        stages, mapping = _stages(about, chain, ir, self.ir_rate, self.true_stereo, self.wet, tell)
        place = _end(about, stages)
        passes: tuple[tuple[_Pass, float | None], ...] = (("highpass", self.highpass), ("lowpass", self.lowpass))
        stages += [_butterworth(kind, hz, *place) for kind, hz in passes if hz is not None]
        if self.gain is not None or not stages:
            stages.append(ConstantGain(self.gain or 0.0, channels=place[1]))
        if len(stages) == 1:
            return stages[0], mapping or ""
        from audioconv.stream import Chain

        return Chain(stages), mapping or ""

    def options(self) -> dict[str, Any]:
        """What `process_file` is told beside the formats."""
        return {
            "sample_rate": self.rate, "normalize": self.normalize, "peak_db": self.peak,
            "loudness_lufs": self.loudness, "dither": self.dither, "block_size": self.block,
        }  # fmt: skip

    def remedy(self, name: str, done: "Processed") -> str:
        """What avoids clipping."""
        gain = f"--gain {(self.gain or 0.0) + done.safe_gain_db:.1f}"
        option = gain if self.loudness is None else f"--loudness {self.loudness + done.safe_gain_db:.1f}"
        return f"{option} avoids it, and so does --normalize"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_stages_made"}


def _check_options(
    ir: Path | None,
    true_stereo: bool,
    wet: float | None,
    gain: float | None,
    peak: float | None,
    loudness: float | None,
) -> None:
    if gain is not None and not -200 <= gain <= 200:
        raise ArgumentError(f"--gain must be between -200 and 200 dB, not {gain:g}")
    if true_stereo and ir is None:
        raise ArgumentError("--true-stereo says what the channels of --ir are, and there is none")
    if wet is not None and ir is None:
        raise ArgumentError("--wet says how much there is of --ir, and there is none")
    if peak is not None and loudness is not None:
        raise ArgumentError("--peak and --loudness both say how loud OUT is; one of them is wanted")


def _stages(
    about: "Info",
    chain: Path | None,
    ir: Path | None,
    ir_rate: IrRate,
    true_stereo: bool,
    wet: float | None,
    tell: Callable[[str], None],
) -> tuple[list[Any], str | None]:
    """The stages of the chain file and the impulse response, and how the channels of the latter are used."""
    from audioconv import io

    stages: list[Any] = []
    if chain is not None:
        from audioconv.stream import read_chain

        stages.append(read_chain(chain, about.sample_rate, about.channels))
    if ir is None:
        return stages, None
    with io.seekable(ir) as response:
        added, mapping = _responding(response, *_end(about, stages), ir_rate, true_stereo, wet, tell)
    return stages + added, mapping


def _responding(
    ir: "PathOrFile",
    sample_rate: int,
    channels: int,
    ir_rate: IrRate,
    true_stereo: bool,
    wet: float | None,
    tell: Callable[[str], None],
) -> tuple[list[Any], str]:
    """The stages of an impulse response, and how its channels are used."""
    from audioconv import io
    from audioconv.stream import read_response

    ir_hz = io.info(ir).sample_rate
    if ir_hz != sample_rate and ir_rate is IrRate.strict:
        raise ArgumentError(
            f"{io.display_name(ir)} has {ir_hz} Hz for a file of {sample_rate} Hz, which --ir-rate strict refuses; "
            f"--ir-rate convert resamples it"
        )
    try:
        response = read_response(ir, sample_rate, channels, true_stereo=true_stereo)
    except ArgumentError as error:
        raise ArgumentError(str(error).replace("if that is said", "with --true-stereo")) from error
    if ir_hz != sample_rate:
        tell(f"{io.display_name(ir)} is resampled from {ir_hz} to {sample_rate} Hz")
    stages = [response.stage] if wet is None else _beside_dry(response.stage, ir, sample_rate, wet)
    return stages, response.mapping


def _beside_dry(stage: Any, ir: "PathOrFile", sample_rate: int, wet: float) -> list[Any]:
    """The stages that give a part of the signal as it came, on all channels that the impulse response gives."""
    import numpy as np

    from audioconv.stream import DryWet, MatrixMixer, read_response

    channels = stage.out_channels
    if stage.channels == channels:
        return [DryWet(stage, wet)]
    return [MatrixMixer(np.ones((1, channels))), DryWet(read_response(ir, sample_rate, channels).stage, wet)]


def _end(about: "Info", stages: list[Any]) -> tuple[int, int]:
    """Sample rate and channels after the stages."""
    rates = [stage.rate_out for stage in stages if getattr(stage, "rate_out", None) is not None]
    return [about.sample_rate, *rates][-1], stages[-1].out_channels if stages else about.channels


def _butterworth(kind: _Pass, frequency_hz: float, sample_rate: int, channels: int) -> "Biquad":
    import numpy as np

    from audioconv.stream import Biquad
    from audioconv.stream.biquad_design import section

    if not 0 < frequency_hz < sample_rate / 2:
        raise ArgumentError(
            f"--{kind} must be between 0 and half of the sample rate {sample_rate} Hz, not {frequency_hz:g}"
        )
    return Biquad(np.array([section(kind, sample_rate, frequency_hz, q, 0.0) for q in _QS]), channels=channels)
