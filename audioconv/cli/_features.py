"""audioconv features: log-mel frames or MFCCs of sound files, as tables or arrays."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audioconv._wording import counted
from audioconv.cli.batch import Jobs, Scheduler, Settings, are_many, work_on_many
from audioconv.cli.messages import tell
from audioconv.cli.outputs import Force, Partial, check_output, sound_source
from audioconv.errors import ArgumentError, AudioFileError

if TYPE_CHECKING:
    from audioconv._typing import FloatArray
    from audioconv.features import LogMel, Mfcc
    from audioconv.io.paths import PathOrFile

_BLOCK = 1 << 16  # samples read at a time
_ARRAY, _TABLE = ".npy", ".parquet"


class Kind(StrEnum):
    """Kinds of features."""

    log_mel = "log-mel"
    mfcc = "mfcc"


def features(
    sources: Annotated[
        list[str], typer.Argument(metavar="IN", help="Sound file, - is standard input; or files, folders, '*'.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help="Array to write (.npy), a folder for these, or a table (.parquet).")
    ],
    kind: Annotated[Kind, typer.Option(help="Logarithms of mel bands, or their cepstral coefficients.")] = Kind.log_mel,
    rate: Annotated[
        int, typer.Option(min=1, metavar="HZ", help="Sample rate that sound is brought to; channels are averaged.")
    ] = 16000,
    window_ms: Annotated[
        float | None, typer.Option(min=1, max=1000, metavar="MS", help="Length of a frame: 25, of MFCC 40.")
    ] = None,
    hop_ms: Annotated[
        float | None, typer.Option(min=0.1, max=1000, metavar="MS", help="From frame to frame: 10, of MFCC 20.")
    ] = None,
    n_mels: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Number of mel bands.")] = 40,
    n_mfcc: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Number of coefficients.")] = 10,
    fmin: Annotated[float, typer.Option(min=0, metavar="HZ", help="Lower edge of the lowest band.")] = 20.0,
    fmax: Annotated[
        float | None, typer.Option(min=1, metavar="HZ", help="Upper edge of the highest band; half of --rate.")
    ] = None,
    partial: Partial = False,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    force: Force = False,
) -> None:
    """Make log-mel frames or MFCCs of files.

    An array of NumPy has a row a frame. A table has a row a frame as well, with file, time_s (the middle of the frame)
    and features, a list; it is the same for one file and for many.

    Several IN, folders (with those below), patterns in quotes, or a list of files (@LIST) become arrays of the same
    names in the folder OUT, or one table. Files that fail are said at the end, and the exit code is then 1. A run that
    was cut goes on where it was when the same command is given again.

    \b
    audioconv features talk.wav talk.npy
    audioconv features talks/ mfcc.parquet --kind mfcc
    """
    extracting = Extracting(
        kind, rate, window_ms, hop_ms, n_mels, n_mfcc, fmin, fmax, partial, target.lower().endswith(_TABLE)
    )
    extracting.made()  # says what is wrong with the settings
    if are_many(sources, target):
        work_on_many(
            extracting, sources, target, "extracting features", suffix=_array, jobs=jobs, scheduler=scheduler,
            force=force,
        )  # fmt: skip
        return
    if not target.lower().endswith(_ARRAY):
        raise ArgumentError(f"OUT must end in .npy or .parquet for one file, or be a folder, not {target!r}")
    check_output(Path(target), force)
    with sound_source(sources[0]) as sound:
        shape = extracting.write(sound, Path(target))
    tell(f"{target}: {counted(shape[0], 'frame')} of {shape[1]} numbers")


def _array(suffix: str) -> str:
    return _ARRAY


@dataclass(frozen=True, repr=False)
class Extracting(Settings):
    """Which features are made of each file; a function of source and target, or of source alone for a table."""

    kind: Kind = Kind.log_mel
    rate: int = 16000
    window_ms: float | None = None
    hop_ms: float | None = None
    n_mels: int = 40
    n_mfcc: int = 10
    fmin: float = 20.0
    fmax: float | None = None
    partial: bool = False
    is_table: bool = False

    def made(self) -> "LogMel | Mfcc":
        """The features; made once in a process, as their bands take a moment."""
        if "_features" not in vars(self):
            vars(self)["_features"] = self._new()
        made: LogMel | Mfcc = vars(self)["_features"]
        return made

    def _new(self) -> "LogMel | Mfcc":
        from audioconv.features import LogMel, Mfcc

        times = {"window_ms": self.window_ms, "hop_ms": self.hop_ms}
        given: dict[str, Any] = {name: value for name, value in times.items() if value is not None}
        given |= {"n_mels": self.n_mels, "fmin": self.fmin, "fmax": self.fmax}
        return LogMel(self.rate, **given) if self.kind is Kind.log_mel else Mfcc(self.rate, n_mfcc=self.n_mfcc, **given)

    def frames(self, source: "PathOrFile") -> "Iterator[FloatArray]":
        """Frames of a file, a block at a time."""
        import numpy as np

        from audioconv import io
        from audioconv.cli.inputs import averaged
        from audioconv.io.source import display_name

        def finite(frames: "FloatArray") -> "FloatArray":
            if not np.isfinite(frames).all():
                raise AudioFileError(f"{display_name(source)} holds samples so large that its features are not finite; "
                                     "`audioconv filter --peak 0` brings them to full scale")  # fmt: skip
            return frames

        about, stream = io.info(source, partial=self.partial), self.made().stream()
        blocks = averaged(io.blocks(source, _BLOCK, partial=self.partial))
        for block in io.resample_blocks(blocks, about.sample_rate, self.rate):
            yield finite(stream.process(block))
        yield finite(stream.flush())

    def write(self, source: "PathOrFile", target: Path) -> tuple[int, int]:
        """Write the frames of a file as an array of NumPy, and return its shape; longer ones than memory, too."""
        import numpy as np

        from audioconv.io import atomic_write

        width = self.made().n_features
        header: dict[str, Any] = {"descr": "<f4", "fortran_order": False, "shape": (0, width)}
        with atomic_write(target) as part, open(part, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            start = file.tell()
            for frames in self.frames(source):
                file.write(frames.astype("<f4").tobytes())
            rows = (file.tell() - start) // (4 * width)
            file.seek(0)
            np.lib.format.write_array_header_1_0(
                file, header | {"shape": (rows, width)}
            )  # as long: it has room to grow
        return rows, width

    def __call__(self, source: Path, target: Path | None = None) -> Any:
        """Make the features of one of many files: rows, or an array in a file."""
        return self._rows(source) if target is None else self.write(source, target) and None

    def _rows(self, source: Path) -> Iterator[dict[str, Any]]:
        import numpy as np

        made, first = self.made(), 0
        for frames in self.frames(source):
            starts = (first + np.arange(len(frames))) * made.hop - made.padding[0]
            yield {"time_s": (starts + made.win_length / 2) / self.rate, "features": frames}
            first += len(frames)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_features"}
