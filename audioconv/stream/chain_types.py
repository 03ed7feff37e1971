"""What a TOML file of a chain calls the stages of sound, and how each is made of its table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from audioconv import io
from audioconv._wording import counted
from audioconv.arrays import whole
from audioconv.errors import ArgumentError
from audioconv.stream.biquad import Biquad
from audioconv.stream.biquad_design import Kind
from audioconv.stream.chain import Chain
from audioconv.stream.convolver import StreamConvolver
from audioconv.stream.delay import Delay
from audioconv.stream.dry_wet import DryWet
from audioconv.stream.dynamics import Compressor, NoiseGate
from audioconv.stream.fir import Fir
from audioconv.stream.limiter import Limiter
from audioconv.stream.loudness import LoudnessMeter
from audioconv.stream.mixing import Gain, MatrixMixer
from audioconv.stream.monitors import Monitor, Sink, Source
from audioconv.stream.parametric_eq import ParametricEq, changed_bands, preset_bands
from audioconv.stream.resample import Quality, Resample
from audioconv.stream.responses import read_response


class Place(NamedTuple):
    """What a stage in a chain is made for."""

    folder: Path  # of the file
    sample_rate: int
    channels: int
    files: tuple[Path, ...] = ()  # of chains that are being read: this one, and those that it is a part of


def _gain(place: Place, gain_db: float) -> Gain:
    return Gain(gain_db, channels=place.channels)


def _biquad(place: Place, kind: Kind, frequency_hz: float, q: float = 0.5**0.5, gain_db: float = 0.0) -> Biquad:
    return Biquad.design(kind, place.sample_rate, frequency_hz, q=q, gain_db=gain_db, channels=place.channels)


def _sections(place: Place, sos: list[list[float]]) -> Biquad:
    return Biquad(sos, channels=place.channels)


def _convolver(place: Place, ir: str, wet: float = 1.0, true_stereo: bool = False) -> Chain | DryWet:
    path = place.folder / ir
    stage = read_response(path, place.sample_rate, place.channels, true_stereo=true_stereo).stage
    if wet == 1:
        return stage
    if stage.out_channels == place.channels:
        return DryWet(stage, wet)
    # a mono signal that becomes wider is on all channels, dry as well
    wide = read_response(path, place.sample_rate, stage.out_channels).stage
    return Chain([MatrixMixer([[1.0] * stage.out_channels]), DryWet(wide, wet)])


def _matrix_mixer(place: Place, matrix: list[list[float]] | None = None, channels: int | None = None) -> MatrixMixer:
    if channels is not None and matrix is None:
        return MatrixMixer(_usual_mix(place.channels, whole(channels, "channels")))
    if matrix is None or channels is not None:
        raise ArgumentError("matrix_mixer needs either matrix, a row for each channel in, or channels, that come out")
    if len(matrix) != place.channels:
        raise ArgumentError(f"matrix has {counted(len(matrix), 'row')} for {counted(place.channels, 'channel')}; "
                            f"channels = {len(matrix[0])} instead of matrix does for one or as many")  # fmt: skip
    return MatrixMixer(matrix)


def _usual_mix(before: int, after: int) -> Any:
    """The matrix for other channels if nothing is said: one on all, all on one, or as they are."""
    if before == after:
        return np.eye(before)
    if 1 in (before, after):
        return np.full((before, after), 1 / before)
    raise ArgumentError(f"channels is {after}, and there are {before}: only one becomes many, and many become one; a "
                        f"matrix says what is wanted else")  # fmt: skip


def _limiter(place: Place, threshold_db: float = -1.0, look_ahead_ms: float = 1.5, release_ms: float = 50.0) -> Limiter:
    times = {"look_ahead_ms": look_ahead_ms, "release_ms": release_ms}
    return Limiter(threshold_db, sample_rate=place.sample_rate, channels=place.channels, **times)


def _resample(place: Place, rate_out: int, quality: Quality = "HQ") -> Resample:
    return Resample(place.sample_rate, rate_out, channels=place.channels, quality=quality)


def _fir(place: Place, taps: list[float]) -> StreamConvolver:
    return Fir(np.array(taps, np.float32)).stream(channels=place.channels)


def _delay(place: Place, delay_s: float = 0.5, feedback: float = 0.0, mix: float = 0.5) -> Delay:
    return Delay(delay_s, feedback, mix, sample_rate=place.sample_rate, channels=place.channels)


def _compressor(place: Place, threshold_db: float = -20.0, ratio: float = 4.0, attack_ms: float = 5.0,
                release_ms: float = 100.0, knee_db: float = 6.0, makeup_db: float = 0.0) -> Compressor:  # fmt: skip
    return Compressor(
        threshold_db, ratio, sample_rate=place.sample_rate, attack_ms=attack_ms, release_ms=release_ms,
        knee_db=knee_db, makeup_db=makeup_db, channels=place.channels,
    )  # fmt: skip


def _noise_gate(
    place: Place, threshold_db: float = -50.0, attack_ms: float = 1.0, hold_ms: float = 50.0, release_ms: float = 100.0,
    hysteresis_db: float = 6.0, reduction_db: float = 60.0,
) -> NoiseGate:  # fmt: skip
    return NoiseGate(
        threshold_db, sample_rate=place.sample_rate, attack_ms=attack_ms, hold_ms=hold_ms, release_ms=release_ms,
        hysteresis_db=hysteresis_db, reduction_db=reduction_db, channels=place.channels,
    )  # fmt: skip


def _parametric_eq(place: Place, preset: str | None = None, bands: dict[str, Any] | None = None) -> ParametricEq:
    if preset is None and bands is None:
        raise ArgumentError(f"parametric_eq needs bands, tables [stage.bands.NAME], or preset: one of "
                            f"{', '.join(ParametricEq.presets())}, or a TOML file beside this one")  # fmt: skip
    of_file = preset is not None and preset.endswith(".toml")
    known = {} if preset is None else preset_bands(place.folder / preset if of_file else preset)
    return ParametricEq(changed_bands(known, bands or {}), sample_rate=place.sample_rate, channels=place.channels)


def _loudness_meter(place: Place) -> LoudnessMeter:
    return LoudnessMeter(place.sample_rate, channels=place.channels)


def _source(place: Place, file: str, loop: bool = False) -> Source:
    clip = io.read(place.folder / file)
    samples = io.resample(clip.samples, clip.sample_rate, place.sample_rate)
    return Source(samples, channels=place.channels, loop=loop)


def _sink(place: Place, frames: int) -> Sink:
    return Sink(frames, channels=place.channels)


def _monitor(place: Place, frames: int = 65536) -> Monitor:
    return Monitor(frames, channels=place.channels)


STAGE_TYPES: dict[str, Callable[..., Any]] = {
    "gain": _gain,
    "biquad": _biquad,
    "sections": _sections,
    "parametric_eq": _parametric_eq,
    "fir": _fir,
    "convolver": _convolver,
    "matrix_mixer": _matrix_mixer,
    "delay": _delay,
    "compressor": _compressor,
    "limiter": _limiter,
    "noise_gate": _noise_gate,
    "loudness_meter": _loudness_meter,
    "source": _source,
    "sink": _sink,
    "monitor": _monitor,
    "resample": _resample,
}
