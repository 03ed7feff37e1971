"""audioconv spectrogram: a picture of a sound file over seconds and hertz."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from audioconv.cli.messages import watched
from audioconv.errors import ArgumentError

_BLOCK = 1 << 18  # samples read at a time


def spectrogram(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Sound file.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Picture to write: .png, .svg or .pdf.")],
    kernel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Convolve the levels with gaussian (smooth), onsets (Sobel in time), partials (Sobel in frequency), "
            "unsharp, or a kernel (rows, columns) in a .npy file. May be given again; in this order.",
        ),
    ] = None,
    window_ms: Annotated[float, typer.Option(min=1, max=1000, metavar="MS", help="Length of a spectrum.")] = 46.0,
    range_db: Annotated[float, typer.Option("--range", min=1, max=200, metavar="DB", help="Levels shown.")] = 80.0,
    high: Annotated[float | None, typer.Option(min=1, metavar="HZ", help="Highest frequency shown.")] = None,
):
    """Draw a spectrogram, in dB over seconds and hertz.

    Several channels are shown by their mean power. Of long files each column of the picture shows the largest levels of
    its time. The file is read block by block.
    """
    import numpy as np

    from audioconv import io
    from audioconv.features import levels
    from audioconv.report import spectrogram as draw
    from audioconv.signal.stft import hann

    if target.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ArgumentError(f"OUT must end in .png, .svg or .pdf, not {target.name!r}")
    about = io.info(source)
    io.writable(target)
    kernels = [_kernel(name) for name in kernel or ()]
    transform = hann(about.sample_rate * window_ms / 1000)
    blocks = watched(io.blocks(source, _BLOCK), about.frames, f"reading {source.name}")
    found = levels(blocks, about.frames, about.sample_rate, transform=transform, kernels=kernels)
    highest = min(high or np.inf, about.sample_rate / 2)
    title = ", ".join([source.name, *(kernel or ())])
    figure = draw({title: found}, range_db=range_db, high_hz=high)
    with io.replace_when_whole(target) as part, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of a name in letters that the font has not: boxes say that as well
        figure.savefig(part, format=target.suffix[1:].lower())
    typer.echo(f"{target}: {about.frames / about.sample_rate:.3f} s, up to {highest:g} Hz")


def _kernel(name):
    """A kernel by its name, or from a file of NumPy's, in which nothing is executed."""
    from zipfile import BadZipFile

    import numpy as np

    from audioconv.signal import kernels2d

    if name in kernels2d.BY_NAME:
        return kernels2d.BY_NAME[name]()
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
