"""A signal and its sample rate, which a notebook plays and draws."""

import io
from base64 import b64encode
from typing import NamedTuple

import numpy as np

from audioconv._typing import Array, FloatArray
from audioconv._wording import counted

_MOST_PLAYED_S = 120.0  # longer sound would make a notebook's file too large: 2 minutes of mono at 48 kHz are 15 MB
_WIDTH, _HEIGHT = 600, 80  # of the waveform, in points


class Clip(NamedTuple):
    """A signal and its sample rate; unpacks as `samples, sample_rate = read(path)`.

    In a notebook it shows its waveform and plays, if it has at most two minutes.

    Parameters
    ----------
    samples : float array, shape (samples,) or (samples, channels)
        (samples,) for one channel.
    sample_rate : int, in Hz

    Examples
    --------
    >>> clip = Clip(np.zeros((8000, 2), "float32"), 16000)
    >>> clip
    Clip(0.500 s, 16000 Hz, 2 channels, float32)
    >>> samples, sample_rate = clip
    >>> clip.duration_s
    0.5
    """

    samples: FloatArray
    sample_rate: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

    def __repr__(self) -> str:
        channels = 1 if self.samples.ndim == 1 else self.samples.shape[1]
        named = counted(channels, "channel")
        return f"Clip({self.duration_s:.3f} s, {self.sample_rate} Hz, {named}, {self.samples.dtype})"

    def _repr_html_(self) -> str:
        """For a notebook: the waveform, and the sound to play where it is short enough."""
        player = "<div>(longer than is played here)</div>"
        if self.duration_s <= _MOST_PLAYED_S and len(self.samples):
            source = b64encode(_wav(self.samples, self.sample_rate)).decode("ascii")
            player = f'<audio controls style="width:100%" src="data:audio/wav;base64,{source}"></audio>'
        text = repr(self)[len("Clip(") : -1]
        return f'<div style="max-width:{_WIDTH}px">{_waveform_svg(self.samples)}{player}<small>{text}</small></div>'


def _wav(samples: Array, sample_rate: int) -> bytes:
    """A WAV file of 16 bits, which every browser plays; what is beyond full scale is clipped, and NaN is 0."""
    from audioconv.io._write import write

    file = io.BytesIO()
    write(file, np.clip(np.nan_to_num(samples), -1, 1), sample_rate, format="WAV", subtype="PCM_16", axis=0)
    return file.getvalue()


def _waveform_svg(samples: Array) -> str:
    """The range of samples in each point of the width, all channels together, as an SVG picture."""
    points = []
    if samples.size:
        finite = np.nan_to_num(samples).reshape(len(samples), -1)
        starts = np.unique(np.linspace(0, len(finite), _WIDTH, endpoint=False).astype(int))
        tops = np.maximum.reduceat(finite.max(axis=1), starts)
        bottoms = np.minimum.reduceat(finite.min(axis=1), starts)
        scale = max(1.0, float(np.abs(finite).max()))
        x = starts * (_WIDTH / len(finite))
        upper, lower = (_HEIGHT / 2 * (1 - edge / scale) for edge in (tops, bottoms - 0.01 * scale))
        outline = [*zip(x, upper, strict=True), *zip(x[::-1], lower[::-1], strict=True)]
        points = [f"{left:.1f},{top:.1f}" for left, top in outline]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%" role="img" '
        f'aria-label="waveform"><polygon points="{" ".join(points)}" fill="#0072B2"/></svg>'
    )
