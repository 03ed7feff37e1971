"""audioconv denoise: sound files without their noise."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audioconv.cli.batch import Jobs, Scheduler, SettingsFile, are_many, settings_file
from audioconv.cli.outputs import Force, Format, Partial
from audioconv.cli.processing import SoundProcessing, process_sounds
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv._typing import FloatArray
    from audioconv.enhance import DenoiserModel
    from audioconv.io import Info
    from audioconv.io.paths import PathOrFile
    from audioconv.stream.files import Processed


class Method(StrEnum):
    """How noise is told from the rest."""

    network = "network"
    gate = "gate"


HEARD_S = 60.0  # of a file, to tell whether it is speech


def denoise(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="IN", help="Sound file with noise, - is standard input; or files, folders, '*'."),
    ],
    target: Annotated[
        str,
        typer.Argument(metavar="OUT", help="Sound file to write, - is standard output; a folder for more than one IN."),
    ],
    method: Annotated[
        Method | None,
        typer.Option(help="A network that knows speech, or a spectral gate; default: the network for speech."),
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
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    force: Force = False,
) -> None:
    """Remove the noise of files.

    The network is for speech; music and machines are noise to it. The gate is for all sounds: it estimates the noise as
    it goes, from the softest moments of the last --memory seconds (minimum statistics); a profile from --noise or
    --noise-file is better where the noise stays alike. By default the network is taken if the first minute sounds like
    speech, and the gate otherwise, or if an option of its own is given; the output says which it was, of each file.

    A file is processed block by block, so that it may be longer than memory. Tags and the like are kept where OUT can
    hold them.

    Several IN, folders (with those below), patterns in quotes, or a list of files (@LIST) become files of the same
    names in the folder OUT, and --noise is a stretch of each. Files that fail are said at the end, and the exit code is
    then 1. A run that was cut goes on where it was when the same command is given again.

    \b
    audioconv denoise talk.wav clean.wav
    audioconv denoise talks/ clean/ --method gate
    """
    from audioconv import io

    if noise is not None and noise_file is not None:
        raise ArgumentError("--noise and --noise-file both say what the noise is; one of them is wanted")
    of_gate = {"--noise": noise, "--noise-file": noise_file, "--threshold": threshold, "--memory": memory}
    by_gate = _by_gate(method, model, [name for name, value in of_gate.items() if value is not None])
    if noise_file is not None:
        io.info(noise_file, partial=partial)  # what is wrong with it is wrong with all
    many = are_many(sources, target)
    network, profile = settings_file(model, many), settings_file(noise_file, many)
    denoising = Denoising(subtype, format, partial, by_gate, network, noise, profile, reduction, threshold, memory)
    process_sounds(denoising, sources, target, jobs=jobs, scheduler=scheduler, force=force)


@dataclass(frozen=True, repr=False)
class Denoising(SoundProcessing):
    """What is done to each file; a function of source and target for many of them."""

    doing = "denoising"

    by_gate: bool | None = None  # None: unless it sounds like speech
    model: SettingsFile | None = None
    noise: str | None = None
    noise_file: SettingsFile | None = None
    reduction: float | None = None
    threshold: float | None = None
    memory: float | None = None

    def stage(self, source: "PathOrFile", about: "Info", tell: Callable[[str], None]) -> tuple[Any, str]:
        """The stage for a file, and what to say of it."""
        from audioconv.enhance import Denoise, NeuralDenoise

        given = {"threshold_db": self.threshold, "memory_s": self.memory, "reduction_db": self.reduction}
        settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if not (self.by_gate if self.by_gate is not None else not self._is_speech(source, about)):
            network = NeuralDenoise(about.sample_rate, model=self._network(), channels=about.channels, **settings)
            return network, f"by the network {'for speech' if self.model is None else f'of {self.model.path}'}"
        known = None
        if self.noise is not None:
            known = _stretch(source, about, self.noise, self.partial)
        elif self.noise_file is not None:
            known = _alone(self.noise_file.path, about, self.partial)
        told = "noise estimated" if known is None else "noise profile given"
        gate = Denoise(about.sample_rate, noise=known, channels=about.channels, **settings)
        return gate, f"by the spectral gate, {told}"

    @property
    def differs(self) -> bool:
        """Whether each of many files chooses between network and gate."""
        return self.by_gate is None

    def remedy(self, name: str, done: "Processed") -> str:
        """What to say of clipping."""
        return f"they were near it in {name}"

    def _is_speech(self, source: "PathOrFile", about: "Info") -> bool:
        import numpy as np

        from audioconv import io
        from audioconv.enhance import sounds_like_speech

        end_s = min(HEARD_S, about.frames / about.sample_rate)
        blocks = io.blocks(source, 65536, 0, end_s, partial=self.partial) if end_s else ()
        means = [block.reshape(-1, about.channels).mean(axis=1) for block in blocks]  # of many channels, maybe
        return bool(means) and sounds_like_speech(np.concatenate(means), about.sample_rate)

    def _network(self) -> "DenoiserModel | None":
        """The network of a file; loaded once in a process."""
        from audioconv.enhance import DenoiserModel

        if self.model is None:
            return None
        if "_loaded" not in vars(self):
            vars(self)["_loaded"] = DenoiserModel.load(self.model.path)
        loaded: DenoiserModel = vars(self)["_loaded"]
        return loaded

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_loaded"}


def _by_gate(method: Method | None, model: Path | None, of_gate: list[str]) -> bool | None:
    """Whether the gate is wanted, in so many words or by options of its own (named); None: as the file sounds."""
    taken = method or (Method.network if model else Method.gate if of_gate else None)
    if taken is Method.network and of_gate:
        raise ArgumentError(f"{of_gate[0]} is of the gate, and the network is wanted; one of them is possible")
    if taken is Method.gate and model is not None:
        raise ArgumentError("--model is a network, and --method gate is wanted; one of them is possible")
    return None if taken is None else taken is Method.gate


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
