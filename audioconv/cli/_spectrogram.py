"""audioconv spectrogram: a picture of a sound file over seconds and hertz."""

import re
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from audioconv._wording import none_of
from audioconv.cli.batch import Jobs, Scheduler, Settings, are_many, work_on_many
from audioconv.cli.messages import say, tell, with_progress
from audioconv.cli.outputs import OUTPUT, Force, Partial, binary_output, check_output, sound_source
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv._typing import Array
    from audioconv.io.paths import PathOrFile

_BLOCK = 1 << 18  # samples read at a time
_COLUMNS = 1600  # of the spectrogram, at least
_FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".svg": "svg", ".pdf": "pdf"}
_JPEG_QUALITY = 92
_PIXELS, _INCHES = (200, 20_000), (2, 100)  # the least and the most of a side
_READABLE = 6.0, 2.4  # inches that a picture has at least, so that its letters are not too large for it


class Axis(StrEnum):
    """Scales of frequency."""

    linear = "linear"
    log = "log"
    mel = "mel"


def spectrogram(
    sources: Annotated[
        list[str], typer.Argument(metavar="IN", help="Sound file, - is standard input; or files, folders, '*'.")
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            help="Picture to write: .png, .jpg, .svg or .pdf, - is a PNG on standard output; a folder for more than "
            "one IN, and then they are .png.",
        ),
    ],
    kernel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Convolve the levels with gaussian (smooth), onsets (Sobel in time), partials (Sobel in frequency), "
            "unsharp, or a kernel (rows, columns) in a .npy file. May be given again; in this order.",
        ),
    ] = None,
    window_ms: Annotated[float, typer.Option(min=1, max=1000, metavar="MS", help="Length of a spectrum.")] = 46.0,
    range_db: Annotated[
        float, typer.Option("--range", min=1, max=200, metavar="DB", help="Dynamic range shown, below the peak.")
    ] = 80.0,
    fmax: Annotated[float | None, typer.Option(min=1, metavar="HZ", help="Highest frequency shown.")] = None,
    axis: Annotated[Axis, typer.Option(help="Scale of the frequencies; log begins at 20 Hz.")] = Axis.linear,
    size: Annotated[
        str,
        typer.Option(metavar="WxH", help="Width and height, in pixels (1920x1080) or in inches (8x4.5in)."),
    ] = "1200x720",
    partial: Partial = False,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    force: Force = False,
) -> None:
    """Draw a spectrogram, in dB over seconds and hertz.

    Several channels are shown by their mean power. Of long files each column of the picture shows the largest levels of
    its time. The file is read block by block. Several IN, folders (with those below), patterns in quotes, or a list of
    files (@LIST) become pictures of the same names in the folder OUT.

    \b
    audioconv spectrogram talk.wav talk.png
    audioconv spectrogram talk.wav onsets.svg --kernel onsets --axis mel
    audioconv spectrogram talks/ pictures/
    """
    size_inches, dpi = _size(size)
    names = tuple(kernel or ())
    drawing = Drawing(names, window_ms, range_db, fmax, axis, size_inches, dpi, partial)
    drawing.kernels()  # says what is wrong with them
    if are_many(sources, target):
        work_on_many(drawing, sources, target, "drawing", suffix=_picture, jobs=jobs, scheduler=scheduler, force=force)
        return
    out: Path | BinaryIO = binary_output() if target in OUTPUT else Path(target)
    form = "png" if target in OUTPUT else _form(Path(target))
    with sound_source(sources[0]) as sound:
        if isinstance(out, Path):
            check_output(out, force)
        duration_s, highest_hz = drawing.draw(sound, out, form, bar=True)
    (tell if isinstance(out, Path) else say)(f"{target}: {duration_s:.3f} s, up to {highest_hz:g} Hz")


def _picture(suffix: str) -> str:
    return ".png"


def _form(target: Path) -> str:
    form = _FORMATS.get(target.suffix.lower())
    if form is None:
        raise ArgumentError(f"OUT must end in .png, .jpg, .svg or .pdf, not {target.name!r}")
    return form


@dataclass(frozen=True, repr=False)
class Drawing(Settings):
    """How each spectrogram is drawn; a function of source and target for many of them."""

    kernel: tuple[str, ...] = ()
    window_ms: float = 46.0
    range_db: float = 80.0
    fmax: float | None = None
    axis: Axis = Axis.linear
    size_inches: tuple[float, float] = (8.0, 4.8)
    dpi: float = 150.0
    partial: bool = False

    def kernels(self) -> "list[Array]":
        """The kernels that levels are convolved with."""
        return [_kernel(name) for name in self.kernel]

    def __call__(self, source: Path, target: Path) -> None:
        """Draw the spectrogram of one of many files."""
        self.draw(source, target, _form(target))

    def draw(
        self, sound: "PathOrFile", target: Path | BinaryIO, form: str, *, bar: bool = False
    ) -> tuple[float, float]:
        """Draw the spectrogram of a sound; how long it is, in seconds, and the highest frequency that is shown."""
        import numpy as np

        from audioconv import io
        from audioconv.features import spectrogram_db
        from audioconv.report import spectrogram as draw
        from audioconv.signal._stft import hann

        about, name = io.info(sound, partial=self.partial), Path(io.display_name(sound)).name
        blocks = io.blocks(sound, _BLOCK, partial=self.partial)
        found = spectrogram_db(
            with_progress(blocks, about.frames, f"reading {name}") if bar else blocks,
            about.frames,
            about.sample_rate,
            transform=hann(about.sample_rate * self.window_ms / 1000),
            kernels=self.kernels(),
            columns=max(_COLUMNS, round(self.size_inches[0] * self.dpi)),
        )
        figure = draw(
            {", ".join([name, *self.kernel]): found}, range_db=self.range_db, fmax=self.fmax,
            frequency_axis=self.axis.value, size_inches=self.size_inches, dpi=self.dpi,
        )  # fmt: skip
        options: dict[str, Any] = {"pil_kwargs": {"quality": _JPEG_QUALITY}} if form == "jpeg" else {}
        with (
            io.atomic_write(target) if isinstance(target, Path) else nullcontext(target) as part,
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", "Glyph")  # letters that the font has not: boxes say that as well
            figure.savefig(part, format=form, **options)
        return about.frames / about.sample_rate, min(self.fmax or np.inf, about.sample_rate / 2)


def _size(size: str) -> tuple[tuple[float, float], float]:
    """((width, height) in inches, pixels an inch) of what --size says."""
    from audioconv.report.theme import DPI

    match = re.fullmatch(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)(in|px)?", size.strip().lower())
    inches = match is not None and match[3] == "in"
    least, most = _INCHES if inches else _PIXELS
    if not match or not all(least <= float(side) <= most for side in match.groups()[:2]):
        raise ArgumentError(
            f"--size must be width x height, in pixels from {_PIXELS[0]} to {_PIXELS[1]} such as 1920x1080, or in "
            f"inches from {_INCHES[0]} to {_INCHES[1]} such as 8x4.5in, not {size!r}"
        )
    width, height = (float(side) for side in match.groups()[:2])
    if inches:
        return (width, height), DPI
    dpi = min(DPI, width / _READABLE[0], height / _READABLE[1])
    return (round(width) / dpi, round(height) / dpi), dpi


def _kernel(name: str) -> "Array":
    """A kernel by its name, or from a file of NumPy's, in which nothing is executed."""
    from zipfile import BadZipFile

    import numpy as np

    from audioconv.signal import kernels2d

    if name in kernels2d.BY_NAME:
        named: Array = kernels2d.BY_NAME[name]()
        return named
    if not name.endswith(".npy"):
        raise ArgumentError(none_of("--kernel", name, kernels2d.BY_NAME, "a .npy file"))
    try:
        kernel = np.load(name, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError, BadZipFile) as error:
        raise ArgumentError(f"--kernel {name} cannot be read as an array of NumPy: {error}") from error
    if not isinstance(kernel, np.ndarray):
        raise ArgumentError(f"--kernel {name} holds several arrays (.npz); one is wanted")
    if kernel.ndim != 2 or not kernel.size or kernel.dtype.kind not in "fiu":
        raise ArgumentError(f"--kernel {name} must hold numbers (rows, columns), not {kernel.dtype} {kernel.shape}")
    if not (np.abs(kernel) <= np.finfo(np.float32).max).all():
        raise ArgumentError(f"--kernel {name} holds numbers that are not finite in float32")
    return kernel.astype(np.float32)
