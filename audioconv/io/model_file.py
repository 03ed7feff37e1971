"""Model files: safetensors, arrays with settings as JSON in the header. Nothing in them is executed.

A file may come from anybody. So its header, names, sizes and dtypes are checked before memory is taken for what it says
that it holds: at most as much as the file itself has.
"""

import json
import math
import os
import pathlib
import re
import reprlib
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple, NoReturn

import numpy as np

from audioconv._typing import Array, Path
from audioconv.errors import ArgumentError, AudioconvError, ModelFileError
from audioconv.io.atomic import atomic_write

FORMAT = 3  # changes when settings or arrays get other names
MOST_BYTES = 1 << 27
MOST_HEADER_BYTES = 1 << 22
MOST_ARRAYS = 4096
MOST_DIMENSIONS = 8
MOST_SAID = 600  # characters of what an error quotes
SUFFIXES = (".safetensors", ".model", "")  # others are of other formats
LENGTH_BYTES = 8  # of the header's length, with which a file begins
DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I16": "<i2", "I32": "<i4", "I64": "<i8", "U64": "<u8"}
NAME = re.compile(r"[\w.\-]{1,200}", re.ASCII)


class _Place(NamedTuple):
    """Where an array lies in the data of a file, in bytes."""

    begin: int
    end: int
    dtype: str
    shape: tuple[int, ...]


def check_name(path: Path) -> pathlib.Path:
    """Return `path`, or raise an error if its suffix is that of another format.

    Raises
    ------
    ArgumentError, ModelFileError
    """
    require_path(path)
    path = pathlib.Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ModelFileError(
            f"cannot write {path}: a model is a file in the format of safetensors, not {path.suffix}; "
            f"name it {path.with_suffix('.safetensors').name}"
        )
    return path


def require_path(path: object) -> None:
    """Refuse as the path of a model what is none.

    Raises
    ------
    ArgumentError
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"the path of a model must be text or a pathlib.Path, not {path!r}")


def save(path: Path, arrays: Mapping[str, Array], settings: Mapping[str, Any], most_bytes: int = MOST_BYTES) -> None:
    """Serialise arrays (name -> array) and settings (as JSON) to a file (atomic write).

    Raises
    ------
    ModelFileError
        If it cannot be written, or could not be loaded again because it is too large.
    """
    from safetensors.numpy import save as to_bytes

    header = {"audioconv": json.dumps({"format": FORMAT, **settings})}
    data = to_bytes({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata=header)
    length = int.from_bytes(data[:LENGTH_BYTES], "little")
    for what, size, most in (("a header", length, MOST_HEADER_BYTES), ("a file", len(data), most_bytes)):
        if size > most:
            raise ModelFileError(f"{path} would have {what} of {size} bytes; a model has one of at most {most}")
    with atomic_write(path, ModelFileError) as part:
        part.write_bytes(data)


def load(path: Path, most_bytes: int = MOST_BYTES) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return (arrays, settings) of a model file.

    Raises
    ------
    ModelFileError
        If the file is missing, cut short, larger than `most_bytes`, not a model of audioconv, or of another format.
    """
    with _opened(path, most_bytes) as file:
        places, settings = _header(path, file)
        data = file.read()
    arrays = {}
    for name, (begin, _, code, shape) in places.items():
        stored: Array = np.ndarray(shape, DTYPES[code], data, begin)
        arrays[name] = stored.astype(stored.dtype.newbyteorder("="))
    return arrays, settings


def load_settings(path: Path) -> dict[str, Any]:
    """Return the settings of a model file; its arrays are not read.

    Raises
    ------
    ModelFileError
        As `load`.
    """
    with _opened(path, MOST_BYTES) as file:
        return _header(path, file)[1]


def stored_kind(path: Path) -> str:
    """The class of the model in a file, as the file says.

    Raises
    ------
    ModelFileError
        If it cannot be read as a model.
    """
    return str(load_settings(path).get("kind"))


def seems_model(path: Path) -> bool:
    """Whether a file begins as safetensors do, which no sound file does."""
    try:
        with open(path, "rb") as file:
            start = file.read(LENGTH_BYTES + 1)
            return start[LENGTH_BYTES:] == b"{" and _length(start) < os.fstat(file.fileno()).st_size
    except (OSError, ValueError):  # the latter for a name with a zero byte
        return False


@contextmanager
def complete(path: Path) -> Iterator[None]:
    """Whatever is missing or wrong in what a model file holds becomes a ModelFileError that names the file.

    Raises
    ------
    ModelFileError
    """
    try:
        yield
    except KeyError as error:
        raise ModelFileError(f"{path} is not a whole model: {_short(error)} is missing") from error
    except (AudioconvError, TypeError, ValueError, ArithmeticError) as error:
        if str(error).startswith(f"{path} "):
            raise
        raise ModelFileError(f"{path} is not a whole model: {_short(error)}") from error


def _short(error: Exception) -> str:
    text = str(error)
    return text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]} ..."


@contextmanager
def _opened(path: Path, most_bytes: int) -> Iterator[BinaryIO]:
    """The file, of a size that can be a model's; nothing that could block or never end."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ModelFileError(f"{path} cannot be read as a model (it is no regular file)")
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > most_bytes:
                raise ModelFileError(f"{path} has {size} bytes; a model has at most {most_bytes}")
            yield file
    except ModelFileError:
        raise
    except (OSError, ValueError) as error:  # a ValueError of names with null characters
        if isinstance(error, FileNotFoundError):
            raise ModelFileError(f"{path} does not exist; a model file is wanted") from error
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"{path} cannot be read as a model ({reason})") from error


def _header(path: Path, file: BinaryIO) -> tuple[dict[str, _Place], dict[str, Any]]:
    """Where arrays are, and the settings; the file is left where its arrays begin."""
    start, size = file.read(LENGTH_BYTES + 1), os.fstat(file.fileno()).st_size
    length = _length(start)
    if len(start) < LENGTH_BYTES:
        _refuse(path, f"it has {size} bytes")
    if length > size - LENGTH_BYTES:
        if start[LENGTH_BYTES:] not in (b"", b"{"):
            raise ModelFileError(f"{path} is not a model file (safetensors, in which a header in JSON comes first); "
                                 f"train one with audioconv train")  # fmt: skip
        _refuse(path, f"its header should have {length} bytes, and the file has {size}")
    file.seek(LENGTH_BYTES)
    if length > MOST_HEADER_BYTES:
        _refuse(path, f"its header has {length} bytes; one of a model has at most {MOST_HEADER_BYTES}")
    described = _json(path, file.read(length), "header")
    metadata = described.pop("__metadata__", {})
    text = metadata.get("audioconv") if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        _places(path, described, size - LENGTH_BYTES - length)  # says what is wrong if it is no such file at all
        raise ModelFileError(f"{path} holds arrays but no audioconv model; train one with audioconv train")
    settings = _json(path, text.encode("utf-8", "surrogatepass"), "settings")
    if settings.get("format") != FORMAT:
        raise ModelFileError(
            f"{path} has model format {reprlib.repr(settings.get('format'))}; this version of audioconv reads format "
            f"{FORMAT}. Train it anew, or install the version that wrote it"
        )
    return _places(path, described, size - LENGTH_BYTES - length), settings


def _length(start: bytes) -> int:
    return int.from_bytes(start[:LENGTH_BYTES], "little")


def _json(path: Path, text: bytes, name: str) -> dict[str, Any]:
    """An object of JSON, without names that come twice."""
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        _refuse(path, f"its {name} is damaged: {_short(error)}", error)
    if not isinstance(found, dict):
        _refuse(path, f"its {name} is {type(found).__name__}, not an object")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _places(path: Path, described: dict[str, Any], data_bytes: int) -> dict[str, _Place]:
    """Where the arrays of a header lie: one after the other, without overlaps or holes, as far as the data go."""
    if len(described) > MOST_ARRAYS:
        _refuse(path, f"it has {len(described)} arrays; a model has at most {MOST_ARRAYS}")
    places = {name: _place(path, name, about) for name, about in described.items()}
    ordered = sorted(places.items(), key=lambda item: item[1])
    end = 0
    for name, place in ordered:
        if place.begin != end:
            _refuse(path, f"array {name} begins at byte {place.begin}, not at {end}, where the one before it ends")
        end = place.end
    if end != data_bytes:
        _refuse(path, f"its arrays take {end} bytes, and it has {data_bytes}")
    return dict(ordered)


def _place(path: Path, name: str, about: object) -> _Place:
    if not NAME.fullmatch(name):
        _refuse(path, f"array {reprlib.repr(name)!a} has no name of letters, digits, points and dashes")
    if not isinstance(about, dict) or about.keys() != {"dtype", "shape", "data_offsets"}:
        _refuse(path, f"array {name} must have dtype, shape and data_offsets, not {reprlib.repr(about)}")
    dtype, shape, offsets = about["dtype"], about["shape"], about["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        _refuse(path, f"array {name} has dtype {reprlib.repr(dtype)}; known are {', '.join(DTYPES)}")
    if not _counts(shape) or len(shape) > MOST_DIMENSIONS or math.prod(max(1, n) for n in shape) > MOST_BYTES << 10:
        _refuse(path, f"array {name} has shape {reprlib.repr(shape)}")
    if not _counts(offsets) or len(offsets) != 2:
        _refuse(path, f"array {name} has data_offsets {reprlib.repr(offsets)}")
    size = math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize
    if offsets[1] - offsets[0] != size:
        _refuse(path, f"array {name} of shape {tuple(shape)} takes {size} bytes, not those from {offsets}")
    return _Place(offsets[0], offsets[1], dtype, tuple(shape))


def _counts(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 62 for value in values)


def _refuse(path: Path, why: str, error: Exception | None = None) -> NoReturn:
    raise ModelFileError(f"{path} is cut short or not a model file ({why}); train one with audioconv train") from error
