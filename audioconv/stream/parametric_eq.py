"""A parametric equaliser: named bands, each a second-order section."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audioconv._typing import ArrayLike
from audioconv._typing import Path as PathLike
from audioconv._wording import has_no, none_of
from audioconv.errors import ArgumentError, AudioconvError
from audioconv.io.toml_file import read_toml
from audioconv.stream.biquad import Biquad
from audioconv.stream.biquad_design import Kind, section
from audioconv.stream.processor import Processor
from audioconv.stream.steps import Entry
from audioconv.stream.values import hertz

_PRESETS = Path(__file__).with_name("eq_presets.toml")


@dataclass(frozen=True)
class EqBand:
    """A band of a `ParametricEq`.

    Parameters
    ----------
    kind : {"lowshelf", "peak", "highshelf", "lowpass", "highpass", "bandpass", "notch", "allpass"}
        As in `Biquad.design`.
    frequency_hz : float
        Of the corner, or the middle; between 0 and half of the sample rate.
    q : float
        Sharpness.
    gain_db : float
        Of "peak" in its middle, of a shelf at its end; the other kinds have none.

    Examples
    --------
    >>> EqBand("peak", 3000.0, gain_db=4.0)
    EqBand(kind='peak', frequency_hz=3000.0, q=0.7071067811865476, gain_db=4.0)
    """

    kind: Kind
    frequency_hz: float
    q: float = 0.5**0.5
    gain_db: float = 0.0


class ParametricEq(Processor):
    """Parametric equaliser: named bands, which may be changed one by one while sound passes.

    Parameters
    ----------
    bands : dict of str to EqBand, or to dict with the parameters of one
        At least one; they are applied in their order.
    sample_rate : float, in Hz
    channels : int

    Attributes
    ----------
    channels, out_channels : int
    rate_in, rate_out : float
        The sample rate: chains, files and sound cards of another one refuse the stage.
    nonfinite_count : int
        How many samples were not finite and have been replaced, since the signal began; as `Biquad` counts them.

    Raises
    ------
    ArgumentError
        For no band, and for one that makes no sense; it says which.

    Notes
    -----
    It is a `Biquad` with a section for each band. The sections of bands that are changed are interpolated linearly over
    the next block.

    Examples
    --------
    >>> eq = ParametricEq({"bass": EqBand("lowshelf", 100.0, gain_db=6.0), "air": EqBand("highshelf", 8000.0)},
    ...                   sample_rate=48000)
    >>> eq.set_band("air", gain_db=-3.0)
    >>> eq.bands["air"].gain_db
    -3.0
    >>> (20 * np.log10(abs(eq.frequency_response([0, 24000])))).round(1).tolist()
    [6.0, -3.0]
    """

    def __init__(self, bands: Mapping[str, EqBand | Mapping[str, Any]], *, sample_rate: float,
                 channels: int = 1) -> None:  # fmt: skip
        super().__init__(channels)
        self.rate_in = self.rate_out = self._rate = hertz(sample_rate)
        if not isinstance(bands, Mapping) or not bands:
            raise ArgumentError(f"bands must be a dict of names and bands, at least one, not {bands!r}")
        self._bands = {name: _band(name, band) for name, band in bands.items()}
        self._biquad = Biquad(self._sections(self._bands), channels=self.channels, sample_rate=self._rate)
        self._inside = [self._biquad]
        self._share_guard()

    @classmethod
    def from_preset(cls, preset: PathLike, *, sample_rate: float, channels: int = 1) -> "ParametricEq":
        """Make one with the bands of a preset.

        Parameters
        ----------
        preset : str or path
            One of `presets()`, or a TOML file (`.toml`) with a table `[bands.NAME]` for each band.
        sample_rate : float, in Hz
        channels : int

        Returns
        -------
        ParametricEq

        Raises
        ------
        ArgumentError
            For a name that is no preset, and for bands that make no sense.
        AudioFileError
            If the file cannot be read.

        Examples
        --------
        >>> list(ParametricEq.from_preset("speech", sample_rate=48000).bands)
        ['rumble', 'mud', 'presence']
        """
        return cls(preset_bands(preset), sample_rate=sample_rate, channels=channels)

    @staticmethod
    def presets() -> list[str]:
        """Return the names of the presets that come along.

        Returns
        -------
        names : list of str

        Examples
        --------
        >>> "speech" in ParametricEq.presets()
        True
        """
        return list(read_toml(_PRESETS, "a table for each preset"))

    @property
    def bands(self) -> dict[str, EqBand]:
        """The bands as they were set, a copy."""
        return dict(self._bands)

    def set_band(self, name: str, *, kind: Kind | None = None, frequency_hz: float | None = None,
                 q: float | None = None, gain_db: float | None = None) -> None:  # fmt: skip
        """Change a band while sound passes; what is not given stays.

        Parameters
        ----------
        name : str
        kind : str, optional
        frequency_hz : float, optional
        q : float, optional
        gain_db : float, optional

        Raises
        ------
        ArgumentError
            For a name that is no band, or values that make no sense; the band stays as it was.

        Examples
        --------
        >>> eq = ParametricEq.from_preset("flat", sample_rate=48000)
        >>> eq.set_band("middle", frequency_hz=700.0, gain_db=-2.0)
        """
        if name not in self._bands:
            raise ArgumentError(f"there is no band {name!r}; there are {', '.join(self._bands)}")
        given = {"kind": kind, "frequency_hz": frequency_hz, "q": q, "gain_db": gain_db}
        changed = {key: value for key, value in given.items() if value is not None}
        bands = self._bands | {name: replace(self._bands[name], **changed)}  # type: ignore[arg-type]
        self._biquad.sos, self._bands = self._sections(bands), bands

    def frequency_response(self, frequency_hz: ArrayLike) -> NDArray[np.complex128]:
        """The response of all bands together, as they were set.

        Parameters
        ----------
        frequency_hz : float array

        Returns
        -------
        response : complex128 array, shape of frequency_hz
            Its magnitude is the gain, its angle the phase.

        Examples
        --------
        >>> eq = ParametricEq.from_preset("bass_boost", sample_rate=48000)
        >>> round(float(20 * np.log10(abs(eq.frequency_response(100.0)))), 2)
        3.0
        """
        return self._biquad.frequency_response(frequency_hz)

    def _sections(self, bands: Mapping[str, EqBand]) -> list[list[float]]:
        sections = []
        for name, band in bands.items():
            try:
                sections.append(section(band.kind, self._rate, band.frequency_hz, band.q, band.gain_db))
            except ArgumentError as error:
                raise ArgumentError(f"band {name}: {error}") from error
        return sections

    def _reset(self) -> None:
        self._biquad._reset()

    def _compiled_step(self) -> Entry:
        return self._biquad._compiled_step()

    def _parameters(self) -> dict[str, Any]:
        return {"bands": list(self._bands), "sample_rate": self.rate_in}


def preset_bands(preset: PathLike) -> dict[str, EqBand]:
    """The bands of a preset: see `ParametricEq.from_preset`."""
    if Path(preset).suffix == ".toml":
        content = read_toml(Path(preset), "an equaliser in TOML")
    else:
        known = read_toml(_PRESETS, "a table for each preset")
        if preset not in known:
            raise ArgumentError(none_of("preset", preset, known, "a TOML file"))
        content = known[str(preset)]
    bands = content.get("bands")
    if content.keys() != {"bands"} or not isinstance(bands, dict):
        raise ArgumentError(f"{preset} holds {', '.join(content) or 'nothing'}; tables [bands.NAME] are wanted")
    try:
        return {name: _band(name, band) for name, band in bands.items()}
    except AudioconvError as error:
        raise type(error)(f"{preset}: {error}") from error


def changed_bands(bands: Mapping[str, EqBand], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The bands with others beside them, or with some of their parameters changed."""
    known = {name: asdict(band) for name, band in bands.items()}
    return known | {
        name: known.get(name, {}) | dict(change) if isinstance(change, Mapping) else change
        for name, change in changes.items()
    }


def _band(name: str, band: Any) -> EqBand:
    """A band of a table, or as it is."""
    if isinstance(band, EqBand):
        return band
    keys = [field.name for field in fields(EqBand)]
    if isinstance(band, Mapping) and (unknown := band.keys() - set(keys)):
        raise ArgumentError(has_no(f"band {name}", unknown, keys))
    if not isinstance(band, Mapping):
        raise ArgumentError(f"band {name} must be an EqBand, or a table of {', '.join(keys)}, not {band!r}")
    if missing := [key for key in keys[:2] if key not in band]:
        raise ArgumentError(f"band {name} needs {', '.join(missing)}")
    return EqBand(**band)
