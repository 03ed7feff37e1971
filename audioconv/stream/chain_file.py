"""Chains from TOML files."""

import inspect
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

from audioconv._typing import Path as PathLike
from audioconv._wording import has_no, none_of
from audioconv.errors import ArgumentError, AudioconvError
from audioconv.io.toml_file import read_toml
from audioconv.stream.chain import Chain
from audioconv.stream.chain_types import STAGE_TYPES, Place
from audioconv.stream.dry_wet import DryWet
from audioconv.stream.steps import channels_after

# what is made further up, by a function of that name: loaded when a file asks for it
_ELSEWHERE = {
    "denoise": "audioconv.enhance.chain_stages",
    "neural_denoise": "audioconv.enhance.chain_stages",
    "detector_monitor": "audioconv.detect.chain_stages",
}


def read_chain(path: PathLike, sample_rate: int, channels: int) -> Chain:
    """Make the chain that a TOML file describes, a table `[[stage]]` for each stage.

    Parameters
    ----------
    path : path
        Each table has a `type` and the parameters of that stage, all named as in Python. `docs/chains.md` lists them;
        what a table lacks is said with all that it may have.
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
    return _chain_of(Path(path), Place(Path(path).parent, sample_rate, channels))


def stage_types() -> dict[str, Callable[..., Any]]:
    """By the type in a TOML file, the function that makes the stage: its parameters are the keys, after the place."""
    elsewhere = {kind: getattr(import_module(module), kind) for kind, module in _ELSEWHERE.items()}
    return STAGE_TYPES | _INSIDE | elsewhere


def _chain_of(file: Path, place: Place) -> Chain:
    resolved = file.resolve()
    if resolved in place.files:
        raise ArgumentError(f"{file} is a part of itself")
    place = place._replace(folder=file.parent, files=(*place.files, resolved))
    return Chain(_stages(_tables(file), place, f"{file}, stage"))


def _stages(tables: Iterable[dict[str, Any]], place: Place, where: str) -> list[Any]:
    """A stage of each table; channels and sample rate of each are those after the one before."""
    stages: list[Any] = []
    for number, table in enumerate(tables, 1):
        try:
            stage = _stage(dict(table), place)
        except AudioconvError as error:
            raise type(error)(f"{where} {number}: {error}") from error
        place = place._replace(
            channels=channels_after(stage), sample_rate=getattr(stage, "rate_out", None) or place.sample_rate
        )
        stages.append(stage)
    return stages


def _tables(path: Path) -> list[dict[str, Any]]:
    content = read_toml(path, "a chain in TOML")
    tables = content.pop("stage", None)
    if content:
        raise ArgumentError(f"{path} has {_listed(content)} beside its stages; only tables [[stage]] are known")
    if not (isinstance(tables, list) and tables and all(isinstance(table, dict) for table in tables)):
        raise ArgumentError(f"{path} holds no stage; tables [[stage]] with a type are wanted")
    return tables


def _stage(table: dict[str, Any], place: Place) -> Any:
    kind = table.pop("type", None)
    known = [*STAGE_TYPES, *_INSIDE, *_ELSEWHERE]
    if kind not in known:
        raise ArgumentError(none_of("type", kind, known))
    make = STAGE_TYPES.get(kind) or _INSIDE.get(kind) or getattr(import_module(_ELSEWHERE[kind]), kind)
    keys = {name: key for name, key in inspect.signature(make).parameters.items() if name != "place"}
    if unknown := set(table) - set(keys):
        raise ArgumentError(has_no(str(kind), unknown, keys))
    if missing := [name for name, key in keys.items() if key.default is key.empty and name not in table]:
        raise ArgumentError(f"{kind} needs {_listed(missing)}")
    for name, value in table.items():
        _check(value, name, _kind_of(keys[name].annotation))
    return make(place, **table)


def _kind_of(annotation: Any) -> Any:
    """The type that is wanted; None stands for a key that was left out, and a `Literal` is a text."""
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    kind = next(each for each in kinds if each is not NoneType)
    return str if get_origin(kind) is Literal else kind


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_number, value))


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and all(map(_are_numbers, value)) and len({len(row) for row in value}) == 1


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(table, dict) for table in value)


# by what the annotation of a key says: in words, and whether a value is so; whole numbers are numbers, true is none
_KINDS: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    float: ("a number", _is_number),
    int: ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    str: ("a text", lambda value: isinstance(value, str)),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    list[float]: ("numbers", _are_numbers),
    list[list[float]]: ("rows of numbers", _are_rows),
    list[dict[str, Any]]: ("tables of stages", _are_tables),
    dict[str, Any]: ("a table", lambda value: isinstance(value, dict)),
}


def _check(value: Any, name: str, kind: Any) -> None:
    """Whether a value is of the kind that a parameter says."""
    words, fits = _KINDS[kind]
    if not fits(value):
        raise ArgumentError(f"{name} must be {words}, not {value!r}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _dry_wet(place: Place, stages: list[dict[str, Any]], wet: float = 0.5) -> DryWet:
    return DryWet(Chain(_stages(stages, place, "stage")), wet)


def _chain(place: Place, file: str) -> Chain:
    return _chain_of(place.folder / file, place)


_INSIDE: dict[str, Callable[..., Any]] = {"dry_wet": _dry_wet, "chain": _chain}  # what holds stages
