"""Chains from TOML files."""

import inspect
import tomllib
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, get_args, get_origin

import numpy as np

from audioconv._typing import Path as PathLike
from audioconv.arrays import whole
from audioconv.errors import ArgumentError, AudioconvError, AudioFileError
from audioconv.stream.biquad import Biquad
from audioconv.stream.biquad_design import Kind
from audioconv.stream.chain import Chain
from audioconv.stream.dry_wet import DryWet
from audioconv.stream.limiter import Limiter
from audioconv.stream.mixing import Gain, MatrixMixer
from audioconv.stream.resample import Quality, Resample
from audioconv.stream.responses import read_response
from audioconv.stream.steps import channels_after

# what is made further up, by a function of that name: loaded when a file asks for it
_ELSEWHERE = {"denoise": "audioconv.enhance.chain_stages", "neural_denoise": "audioconv.enhance.chain_stages"}


class Place(NamedTuple):
    """What a stage in a chain is made for."""

    folder: Path  # of the file
    sample_rate: int
    channels: int


def read_chain(path: PathLike, sample_rate: int, channels: int) -> Chain:
    """Make the chain that a TOML file describes, a table `[[stage]]` for each stage.

    Parameters
    ----------
    path : path
        Each table has a `type` and the parameters of that stage, all named as in Python:

        - gain: gain_db
        - biquad: kind, frequency_hz; q, gain_db
        - sections: sos, rows of b0 b1 b2 a0 a1 a2
        - convolver: ir, a sound file beside the TOML file; wet, true_stereo (see `response_matrix`)
        - matrix_mixer: matrix, a row for each channel in; or channels: as many of one channel, one as the mean of all
        - limiter: threshold_db, look_ahead_ms, release_ms
        - resample: rate_out; quality
        - denoise: the spectral gate; threshold_db, reduction_db, memory_s
        - neural_denoise: the network for speech; reduction_db; model, a file beside the TOML file
    sample_rate : int, in Hz
    channels : int
        Of the signal that it will get.

    Returns
    -------
    Chain

    Raises
    ------
    AudioFileError
        If the file, or an impulse response, cannot be read.
    ArgumentError
        For another type or key than these, or a value that makes no sense; it says in which stage.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "softer.toml"
    ...     _ = path.write_text('[[stage]]' + chr(10) + 'type = "gain"' + chr(10) + 'gain_db = -6')
    ...     chain = read_chain(path, 48000, channels=2)
    >>> round(chain.stages[0].gain_db, 3)
    -6.0
    """
    file = Path(path)
    place, stages = Place(file.parent, sample_rate, channels), list[Any]()
    for number, table in enumerate(_tables(file), 1):
        try:
            stage = _stage(table, place)
        except AudioconvError as error:
            raise type(error)(f"{path}, stage {number}: {error}") from error
        place = place._replace(
            channels=channels_after(stage), sample_rate=getattr(stage, "rate_out", None) or place.sample_rate
        )
        stages.append(stage)
    return Chain(stages)


def _tables(path: Path) -> list[dict[str, Any]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AudioFileError(f"{path} cannot be read: {error.strerror}; a chain in TOML is wanted") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArgumentError(f"{path} is not TOML: {error}") from error
    tables = content.pop("stage", None)
    if content:
        raise ArgumentError(f"{path} has {_listed(content)} beside its stages; only tables [[stage]] are known")
    if not (isinstance(tables, list) and tables and all(isinstance(table, dict) for table in tables)):
        raise ArgumentError(f"{path} holds no stage; tables [[stage]] with a type are wanted")
    return tables


def _stage(table: dict[str, Any], place: Place) -> Any:
    kind = table.pop("type", None)
    known = [*_TYPES, *_ELSEWHERE]
    if kind not in known:
        raise ArgumentError(f"type must be one of {_listed(known)}, not {kind!r}")
    make = _TYPES.get(kind) or getattr(import_module(_ELSEWHERE[kind]), kind)
    keys = {name: key for name, key in inspect.signature(make).parameters.items() if name != "place"}
    if unknown := set(table) - set(keys):
        raise ArgumentError(f"{kind} has no {_listed(sorted(unknown))}; it has {_listed(keys)}")
    if missing := [name for name, key in keys.items() if key.default is key.empty and name not in table]:
        raise ArgumentError(f"{kind} needs {_listed(missing)}")
    for name, value in table.items():
        _check(value, name, _kind_of(keys[name].annotation))
    return make(place, **table)


def _kind_of(annotation: Any) -> Any:
    """The type that is wanted; None stands for a key that was left out, and a `Literal` is a text."""
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    kind = next(each for each in kinds if each is not NoneType)
    origin = get_origin(kind) or kind
    return str if origin is Literal else origin


def _check(value: Any, name: str, expected: Any) -> None:
    """Whether a value is of the type that a parameter says; whole numbers are numbers, true and false are not."""
    words = {float: "a number", int: "a whole number", str: "a text", bool: "true or false", list: "rows of numbers"}
    if expected is list:
        rows = isinstance(value, list) and all(isinstance(row, list) for row in value)
        numbers = rows and all(isinstance(n, int | float) and not isinstance(n, bool) for row in value for n in row)
        fits = numbers and len({len(row) for row in value}) == 1
    else:
        fits = isinstance(value, int | float if expected is float else expected)
        fits = fits and (expected is bool or not isinstance(value, bool))
    if not fits:
        raise ArgumentError(f"{name} must be {words[expected]}, not {value!r}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _gain(place: Place, gain_db: float) -> Gain:
    return Gain(gain_db, channels=place.channels)


def _biquad(place: Place, kind: Kind, frequency_hz: float, q: float = 0.5**0.5, gain_db: float = 0.0) -> Biquad:
    return Biquad.design(kind, place.sample_rate, frequency_hz, q=q, gain_db=gain_db, channels=place.channels)


def _sections(place: Place, sos: list[Any]) -> Biquad:
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


def _matrix_mixer(place: Place, matrix: list[Any] | None = None, channels: int | None = None) -> MatrixMixer:
    if channels is not None and matrix is None:
        return MatrixMixer(_usual_mix(place.channels, whole(channels, "channels")))
    if matrix is None or channels is not None:
        raise ArgumentError("matrix_mixer needs either matrix, a row for each channel in, or channels, that come out")
    if len(matrix) != place.channels:
        raise ArgumentError(f"matrix has {len(matrix)} row(s), but there are {place.channels} channel(s); channels = "
                            f"{len(matrix[0])} instead of matrix does for one or as many")  # fmt: skip
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


_TYPES: dict[str, Callable[..., Any]] = {
    "gain": _gain,
    "biquad": _biquad,
    "sections": _sections,
    "convolver": _convolver,
    "matrix_mixer": _matrix_mixer,
    "limiter": _limiter,
    "resample": _resample,
}
