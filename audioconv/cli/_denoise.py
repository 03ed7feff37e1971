"""audioconv denoise: a sound file without its noise."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audioconv.cli.messages import say, say_written, speed_bar, warn_clipped
from audioconv.cli.outputs import Force, Format, Partial, sound_source, sound_target
from audioconv.errors import ArgumentError, AudioconvError, AudioFileError

if TYPE_CHECKING:
    from audioconv._typing import FloatArray
    from audioconv.enhance import DenoiserModel
    from audioconv.io import Info
    from audioconv.io.paths import PathOrFile


class Method(StrEnum):
    """How noise is told from the rest."""

    network = "network"
    gate = "gate"


DEFAULT = Method.gate  # on speech the network is no better yet, and it spoils music: docs/results.md, "Noise"


def denoise(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="Sound file with noise, or a folder of them; - is standard input.")
    ],
    target: Annotated[
        str,
        typer.Argument(metavar="OUT", help="Sound file to write, as its suffix says, or folder; - is standard output."),
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
    """Remove the noise of a file, or of all sound files of a folder.

    The gate estimates the noise as it goes, from the softest moments of the last --memory seconds (minimum
    statistics); a profile from --noise or --noise-file is better where the noise stays alike. The network, --method
    network, is for speech; music and machines are noise to it.

    Files are processed block by block, so that they may be longer than memory. Tags and the like are kept where OUT can
    hold them. If IN is a folder, OUT is one, too, and gets files of the same names, in folders as in IN.
    """
    if noise is not None and noise_file is not None:
        raise ArgumentError("--noise and --noise-file both say what the noise is; one of them is wanted")
    of_gate = {"--noise": noise, "--noise-file": noise_file, "--threshold": threshold, "--memory": memory}
    by_gate = _by_gate(method, model, [name for name, value in of_gate.items() if value is not None])
    given = {"threshold_db": threshold, "memory_s": memory, "reduction_db": reduction}
    settings = {name: value for name, value in given.items() if value is not None}
    network = None if model is None else _loaded(model)
    denoiser = _Denoiser(by_gate, model, network, noise, noise_file, settings, subtype, format, partial, force)
    if Path(source).is_dir():
        denoiser.folder(Path(source), target)
    else:
        denoiser.file(source, target)


@dataclass(frozen=True)
class _Denoiser:
    """What is done to each file."""

    by_gate: bool
    model: Path | None
    network: "DenoiserModel | None"  # of that file
    noise: str | None
    noise_file: Path | None
    settings: dict[str, Any]
    subtype: str | None
    format: str | None
    partial: bool
    force: bool

    def file(self, source: str, target: str) -> None:
        """Denoise a file, and say what was done."""
        from audioconv import io
        from audioconv.stream import process_file

        with sound_source(source) as sound:
            about = io.info(sound, partial=self.partial)
            stage, told = self._stage(sound, about)
            out, encoding, form = sound_target(target, self.force, self.subtype, self.format)
            with speed_bar(f"denoising {io.display_name(sound)}", about.sample_rate) as progress:
                done = process_file(
                    sound, out, stage, subtype=encoding, format=form, partial=self.partial, overwrite=self.force,
                    progress=progress,
                )  # fmt: skip
        warn_clipped(out, done, f"they were near it in {io.display_name(sound)}")
        say_written(out, done, [told])

    def folder(self, source: Path, target: str) -> None:
        """Denoise the sound files of a folder; one that cannot be is named, and does not stop the others."""
        from audioconv import io

        pairs = _pairs(source, Path(target), self.format)
        if self.noise_file is not None:
            io.info(self.noise_file, partial=self.partial)  # what is wrong with it is wrong with all
        there = [] if self.force else [out for _, out in pairs if out.exists()]
        if there:
            raise AudioFileError(f"{len(there)} of {len(pairs)} files exist and are not overwritten, the first is "
                                 f"{there[0]}; give another folder, or --force to overwrite them")  # fmt: skip
        failed = 0
        for file, out in pairs:
            out.parent.mkdir(parents=True, exist_ok=True)
            try:
                self.file(str(file), str(out))
            except AudioconvError as error:
                say(f"error: {error}")
                failed += 1
        if failed:
            raise AudioFileError(f"{failed} of {len(pairs)} files could not be denoised; they are named above")

    def _stage(self, sound: "PathOrFile", about: "Info") -> "tuple[Any, str]":
        """The stage for a file, and what to say of it."""
        from audioconv.enhance import Denoise, NeuralDenoise

        if not self.by_gate:
            network = NeuralDenoise(about.sample_rate, model=self.network, channels=about.channels, **self.settings)
            return network, "by the network for speech" if self.model is None else f"by the network of {self.model}"
        known = None
        if self.noise is not None:
            known = _stretch(sound, about, self.noise, self.partial)
        elif self.noise_file is not None:
            known = _alone(self.noise_file, about, self.partial)
        told = "noise estimated" if known is None else "noise profile given"
        gate = Denoise(about.sample_rate, noise=known, channels=about.channels, **self.settings)
        return gate, f"by the spectral gate, {told}"


def _loaded(model: Path) -> "DenoiserModel":
    from audioconv.enhance import DenoiserModel

    return DenoiserModel.load(model)


def _pairs(source: Path, target: Path, format: str | None) -> list[tuple[Path, Path]]:
    """The sound files of a folder, each with where it goes; those in `target` are none of them.

    Raises
    ------
    AudioFileError, ArgumentError
        If there are none, `target` is no folder, or two would go to one place.
    """
    from audioconv import io

    if str(target) == "-" or (target.exists() and not target.is_dir()):
        raise ArgumentError(f"IN is a folder, and OUT must be one, too, not {target}")
    inside = target.resolve() if target.resolve() != source.resolve() else None
    files = [file for file in io.sound_files(source) if inside not in file.resolve().parents]
    pairs = []
    for file in files:
        out = target / file.relative_to(source)
        pairs.append((file, out if format is None else out.with_suffix(f".{format.lower()}")))
    if len({out for _, out in pairs}) < len(pairs):
        raise ArgumentError(f"files of {source} differ in their suffixes only, and --format would make one of them")
    return pairs


def _by_gate(method: Method | None, model: Path | None, of_gate: list[str]) -> bool:
    """Whether the gate is wanted: in so many words, by options of its own (named), or by default."""
    taken = method or (Method.network if model else Method.gate if of_gate else DEFAULT)
    if taken is Method.network and of_gate:
        raise ArgumentError(f"{of_gate[0]} is of the gate, and the network is wanted; one of them is possible")
    if taken is Method.gate and model is not None:
        raise ArgumentError("--model is a network, and --method gate is wanted; one of them is possible")
    return taken is Method.gate


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
        raise ArgumentError(f"--noise {words} must begin before it ends, and lie within the {length_s:.3f} s of "
                            f"{io.display_name(source)}")  # fmt: skip
    return np.concatenate(list(io.blocks(source, 65536, start_s, end_s, partial=partial)))


def _alone(path: Path, about: "Info", partial: bool) -> "FloatArray":
    """The samples of a file of noise, at the sample rate of another file."""
    from audioconv import io

    clip = io.read(path, partial=partial)
    return io.resample(clip.samples, clip.sample_rate, about.sample_rate, axis=0)
