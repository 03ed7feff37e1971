"""A sound on a page: it can be played, and its spectrogram shows what of it made a score. All of it is in the page."""

import base64
import io as memory
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from audioconv import io
from audioconv._typing import Array, Float32Array
from audioconv.features import LogMel
from audioconv.report.theme import BLUE, ORANGE

RATE = 16000  # in Hz, of sounds on a page
LEAST_S = 0.05  # of a sound
PEAK = 0.7  # of full scale
BANDS, FEWER_BANDS, FEW_HZ = 48, 20, 8000  # of a spectrogram; fewer of a sound of a lower sample rate
FULL_WIDTH_S = 2.0  # of a picture; shorter ones are narrower
RANGE_DB = 55.0
TINT = 0.9  # how deep the colour of the most salient patch is


class SoundCard(NamedTuple):
    """A sound with its spectrogram, and what is said of it.

    Parameters
    ----------
    title : str
    lines : sequence of str
    samples : float32 array, shape (samples,)
    sample_rate : int, in Hz
    saliency : float array, shape (times, bands), optional
        In equal steps of time and of mel: orange above 0, blue below.
    marks : sequence of (float, str)
        Seconds, and what is there.

    Examples
    --------
    >>> import numpy as np
    >>> card = SoundCard("a click", (), np.eye(1, 16000, 8000, dtype="float32")[0], 16000)
    >>> card.html()[:43]
    '<div class="card"><h4>a click</h4><div clas'
    """

    title: str
    lines: Sequence[str]
    samples: Float32Array
    sample_rate: int
    saliency: Array | None = None
    marks: Sequence[tuple[float, str]] = ()

    def __repr__(self) -> str:
        return f"SoundCard({self.title!r}, {len(self.samples) / self.sample_rate:.2f} s)"

    def html(self) -> str:
        """Return the card as a piece of HTML.

        Returns
        -------
        html : str
        """
        seconds = max(len(self.samples) / self.sample_rate, 1e-3)
        picture = _base64(picture_of(self.samples, self.sample_rate, self.saliency))
        sound = _base64(mp3(self.samples, self.sample_rate))
        marks = "".join(
            f'<i style="left:{100 * at_s / seconds:.1f}%" title="{escape(what)}"></i>'
            for at_s, what in self.marks
            if 0 <= at_s <= seconds
        )
        scale = f'<small style="left:0;top:0">{self.sample_rate / 2000:g} kHz</small>' \
            f'<small style="right:0;bottom:0">{seconds:.2g} s</small>'  # fmt: skip
        return "".join(
            [
                f'<div class="card"><h4>{escape(self.title)}</h4>'
                f'<div class="picture" style="width:{min(100.0, 100 * seconds / FULL_WIDTH_S):.0f}%">',
                f'<img alt="spectrogram of {escape(self.title)}" src="data:image/png;base64,{picture}">',
                f"{marks}{scale}</div>",
                f'<audio controls preload="none" src="data:audio/mpeg;base64,{sound}"></audio>',
                *(f"<p>{escape(line)}</p>" for line in self.lines),
                "</div>",
            ]
        )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def mp3(samples: Float32Array, sample_rate: int) -> bytes:
    """A sound as MP3, which every browser plays, at one level."""
    if sample_rate != RATE:
        samples = io.resample(samples, sample_rate, RATE).astype(np.float32, copy=False)
    samples = np.pad(samples, (0, max(0, round(LEAST_S * RATE) - len(samples))))
    peak = float(np.abs(samples).max(initial=0.0))
    file = memory.BytesIO()
    io.write(file, samples * np.float32(PEAK / peak if peak else 1.0), RATE, format="MP3")
    return file.getvalue()


def picture_of(samples: Float32Array, sample_rate: int, saliency: Array | None) -> bytes:
    """A PNG of the spectrogram, loud is dark, in the tint of the saliency; a pixel a frame and band."""
    from matplotlib.image import imsave

    bands = BANDS if sample_rate >= FEW_HZ else FEWER_BANDS
    samples = np.pad(samples, (0, max(0, round(LEAST_S * sample_rate) - len(samples))))
    features = LogMel(sample_rate, 32, 10, bands, fmin=0.0, fmax=sample_rate / 2, htk=True, center=True)
    levels_db = 10 / np.log(10) * features(samples)
    levels_db = np.maximum(levels_db - levels_db.max(initial=-np.inf), -RANGE_DB)
    grey = -levels_db.T[::-1, :, None] / RANGE_DB  # (bands from high to low, frames, 1)
    colour = np.ones(3)
    if saliency is not None and (most := float(np.abs(saliency).max(initial=0.0))) > 0:
        rows = np.arange(bands) * saliency.shape[1] // bands
        columns = np.arange(grey.shape[1]) * saliency.shape[0] // grey.shape[1]
        part = (saliency / most)[columns][:, rows].T[::-1, :, None]
        tint = np.where(part > 0, _rgb(ORANGE), _rgb(BLUE))
        colour = 1 - TINT * np.abs(part) * (1 - tint)
    file = memory.BytesIO()
    light = 0.1 + 0.9 * grey
    imsave(file, np.rint(255 * light * colour).astype(np.uint8), format="png")
    return file.getvalue()


def _rgb(colour: str) -> Array:
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
