"""audioconv spectrogram: a picture of a sound file over seconds and hertz."""

import re
import warnings
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audioconv.cli.messages import with_progress
from audioconv.cli.outputs import Force, Partial, check_output, sound_source
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv._typing import Array

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
    source: Annotated[str, typer.Argument(metavar="IN", help="Sound file; - is standard input.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Picture to write: .png, .jpg, .svg or .pdf.")],
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
    force: Force = False,
) -> None:
    """Draw a spectrogram, in dB over seconds and hertz.

    Several channels are shown by their mean power. Of long files each column of the picture shows the largest levels of
    its time. The file is read block by block.
    """
    import numpy as np

    from audioconv import io
    from audioconv.features import spectrogram_db
    from audioconv.report import spectrogram as draw
    from audioconv.signal._stft import hann

    form = _FORMATS.get(target.suffix.lower())
    if form is None:
        raise ArgumentError(f"OUT must end in .png, .jpg, .svg or .pdf, not {target.name!r}")
    size_inches, dpi = _size(size)
    kernels = [_kernel(name) for name in kernel or ()]
    with sound_source(source) as sound:
        about, name = io.info(sound, partial=partial), Path(io.display_name(sound)).name
        check_output(target, force)
        transform = hann(about.sample_rate * window_ms / 1000)
        blocks = with_progress(io.blocks(sound, _BLOCK, partial=partial), about.frames, f"reading {name}")
        columns = max(_COLUMNS, round(size_inches[0] * dpi))
        found = spectrogram_db(
            blocks, about.frames, about.sample_rate, transform=transform, kernels=kernels, columns=columns
        )
    title = ", ".join([name, *(kernel or ())])
    figure = draw(
        {title: found}, range_db=range_db, fmax=fmax, frequency_axis=axis.value, size_inches=size_inches, dpi=dpi
    )
    with io.atomic_write(target) as part, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of a name in letters that the font has not: boxes say that as well
        options: dict[str, Any] = {"pil_kwargs": {"quality": _JPEG_QUALITY}} if form == "jpeg" else {}
        figure.savefig(part, format=form, **options)
    highest = min(fmax or np.inf, about.sample_rate / 2)
    typer.echo(f"{target}: {about.frames / about.sample_rate:.3f} s, up to {highest:g} Hz")


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
        raise ArgumentError(f"--kernel must be one of {', '.join(kernels2d.BY_NAME)}, or a .npy file, not {name!r}")
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
