"""audioconv denoise: a sound file without its noise."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audioconv.cli.messages import say_written, speed_bar, warn_clipped
from audioconv.cli.outputs import Force, Format, Partial, sound_source, sound_target
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv._typing import FloatArray
    from audioconv.io import Info
    from audioconv.io.paths import PathOrFile


class Method(StrEnum):
    """How noise is told from the rest."""

    network = "network"
    gate = "gate"


DEFAULT = Method.gate  # on speech the network is no better yet, and it spoils music: docs/results.md, "Noise"


def denoise(
    source: Annotated[str, typer.Argument(metavar="IN", help="Sound file with noise; - is standard input.")],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help="Sound file to write, as its suffix says; - is standard output.")
    ],
    method: Annotated[
        Method | None,
        typer.Option(help="A spectral gate for all sounds, by default, or a network that knows speech."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The network of a file, as train_denoiser makes it.")
    ] = None,
    noise: Annotated[
        str | None,
        typer.Option(metavar="START-END", help="A stretch of IN with nothing but the noise, in seconds, as 0.2-1.5."),
    ] = None,
    noise_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A sound file with nothing but the noise.")
    ] = None,
    reduction: Annotated[
        float | None,
        typer.Option(min=0, max=200, metavar="DB", help="Attenuation of the noise: 40 by the network, 30 by the gate."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=-20, max=60, metavar="DB", help="Gate: what is less than so far above the noise; 4."),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(min=0.1, max=60, metavar="S", help="Gate: how far back the noise is estimated from; 1.5."),
    ] = None,
    subtype: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Sample type of OUT: PCM_16, PCM_24, FLOAT, ...")
    ] = None,
    format: Format = None,
    partial: Partial = False,
    force: Force = False,
) -> None:
    """Remove the noise of a file.

    The gate estimates the noise as it goes, from the softest moments of the last --memory seconds (minimum
    statistics); a profile from --noise or --noise-file is better where the noise stays alike. The network, --method
    network, is for speech; music and machines are noise to it.

    The file is processed block by block, so that it may be longer than memory. Tags and the like are kept where OUT can
    hold them.
    """
    from audioconv import io
    from audioconv.stream import process_file

    if noise is not None and noise_file is not None:
        raise ArgumentError("--noise and --noise-file both say what the noise is; one of them is wanted")
    of_gate = {"--noise": noise, "--noise-file": noise_file, "--threshold": threshold, "--memory": memory}
    by_gate = _by_gate(method, model, [name for name, value in of_gate.items() if value is not None])
    with sound_source(source) as sound:
        about = io.info(sound, partial=partial)
        known = None
        if noise is not None:
            known = _stretch(sound, about, noise, partial)
        elif noise_file is not None:
            known = _alone(noise_file, about, partial)
        given = {"noise": known, "threshold_db": threshold, "memory_s": memory, "reduction_db": reduction}
        stage, told = _stage(by_gate, about, model, {name: v for name, v in given.items() if v is not None})
        out, encoding, form = sound_target(target, force, subtype, format)
        with speed_bar(f"denoising {io.display_name(sound)}", about.sample_rate) as progress:
            done = process_file(
                sound, out, stage, subtype=encoding, format=form, partial=partial, overwrite=force, progress=progress
            )
    warn_clipped(out, done, f"they were near it in {io.display_name(sound)}")
    say_written(out, done, [told])


def _by_gate(method: Method | None, model: Path | None, of_gate: list[str]) -> bool:
    """Whether the gate is wanted: in so many words, by options of its own (named), or by default."""
    taken = method or (Method.network if model else Method.gate if of_gate else DEFAULT)
    if taken is Method.network and of_gate:
        raise ArgumentError(f"{of_gate[0]} is of the gate, and the network is wanted; one of them is possible")
    if taken is Method.gate and model is not None:
        raise ArgumentError("--model is a network, and --method gate is wanted; one of them is possible")
    return taken is Method.gate


def _stage(by_gate: bool, about: "Info", model: Path | None, given: dict[str, Any]) -> "tuple[Any, str]":
    """The stage, and what to say of it."""
    from audioconv.enhance import Denoise, NeuralDenoise

    if by_gate:
        known = "noise profile given" if "noise" in given else "noise estimated"
        return Denoise(about.sample_rate, channels=about.channels, **given), f"by the spectral gate, {known}"
    stage = NeuralDenoise(about.sample_rate, model=model, channels=about.channels, **given)
    return stage, "by the network for speech" if model is None else f"by the network of {model}"


def _stretch(source: "PathOrFile", about: "Info", words: str, partial: bool) -> "FloatArray":
    """The samples of a file from START to END, said as START-END in seconds."""
    import numpy as np

    from audioconv import io

    try:
        start_s, end_s = map(float, words.split("-"))
    except ValueError:
        raise ArgumentError(f"--noise must be START-END in seconds, such as 0.2-1.5, not {words!r}") from None
    length_s = about.frames / about.sample_rate
    if not 0 <= start_s < end_s <= length_s:
        raise ArgumentError(f"--noise {words} does not lie within the {length_s:.3f} s of {io.display_name(source)}")
    return np.concatenate(list(io.blocks(source, 65536, start_s, end_s, partial=partial)))


def _alone(path: Path, about: "Info", partial: bool) -> "FloatArray":
    """The samples of a file of noise, at the sample rate of another file."""
    from audioconv import io

    clip = io.read(path, partial=partial)
    return io.resample(clip.samples, clip.sample_rate, about.sample_rate, axis=0)
