"""audioconv denoise: a sound file without its noise."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audioconv.cli.messages import say_written, speed_bar, warn_clipped
from audioconv.cli.outputs import Force, Format, Partial, sound_source, sound_target
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv._typing import FloatArray
    from audioconv.io import Info
    from audioconv.io.paths import PathOrFile


def denoise(
    source: Annotated[str, typer.Argument(metavar="IN", help="Sound file with noise; - is standard input.")],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help="Sound file to write, as its suffix says; - is standard output.")
    ],
    noise: Annotated[
        str | None,
        typer.Option(metavar="START-END", help="A stretch of IN with nothing but the noise, in seconds, as 0.2-1.5."),
    ] = None,
    noise_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A sound file with nothing but the noise.")
    ] = None,
    reduction: Annotated[float, typer.Option(min=0, max=200, metavar="DB", help="Attenuation of the noise.")] = 30.0,
    threshold: Annotated[
        float, typer.Option(min=-20, max=60, metavar="DB", help="What is less than so far above the noise is gated.")
    ] = 4.0,
    memory: Annotated[
        float, typer.Option(min=0.1, max=60, metavar="S", help="How far back the noise is estimated from.")
    ] = 1.5,
    subtype: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Sample type of OUT: PCM_16, PCM_24, FLOAT, ...")
    ] = None,
    format: Format = None,
    partial: Partial = False,
    force: Force = False,
) -> None:
    """Remove the noise of a file by a spectral gate.

    Without --noise or --noise-file the noise is estimated as it goes, from the softest moments of the last --memory
    seconds (minimum statistics), so that it may slowly change; a noise profile from one of them is better where the
    noise stays alike. The file
    is processed block by block, so that it may be longer than memory. Tags and the like are kept where OUT can hold
    them.
    """
    from audioconv import io
    from audioconv.enhance import Denoise
    from audioconv.stream import process_file

    if noise is not None and noise_file is not None:
        raise ArgumentError("--noise and --noise-file both say what the noise is; one of them is wanted")
    with sound_source(source) as sound:
        about = io.info(sound, partial=partial)
        known = None
        if noise is not None:
            known = _stretch(sound, about, noise, partial)
        elif noise_file is not None:
            known = _alone(noise_file, about, partial)
        gate = Denoise(
            about.sample_rate, noise=known, reduction_db=reduction, threshold_db=threshold, memory_s=memory,
            channels=about.channels,
        )  # fmt: skip
        out, encoding, form = sound_target(target, force, subtype, format)
        with speed_bar(f"denoising {io.display_name(sound)}", about.sample_rate) as progress:
            done = process_file(
                sound, out, gate, subtype=encoding, format=form, partial=partial, overwrite=force, progress=progress
            )
    warn_clipped(out, done, f"they were near it in {io.display_name(sound)}")
    say_written(out, done, ["noise profile given" if known is not None else "noise estimated"])


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
