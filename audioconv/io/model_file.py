"""Serialization of trained classifiers: safetensors with the settings as JSON in its header. Nothing is executed."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from audioconv._typing import Array, Path
from audioconv.errors import ModelFileError
from audioconv.io.atomic import atomic_write

FORMAT = 2  # changes when settings or arrays get other names


def save(path: Path, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> None:
    """Serialise arrays (name -> array) and settings (as JSON) to a file (atomic write)."""
    from safetensors.numpy import save as to_bytes

    header = {"audioconv": json.dumps({"format": FORMAT, **settings})}
    data = to_bytes({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata=header)
    with atomic_write(path, ModelFileError) as part:
        part.write_bytes(data)


def load(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return (arrays, settings) of a model file.

    Raises
    ------
    ModelFileError
        If the file is missing, cut short, not a model of audioconv, or of a later format.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("audioconv")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ModelFileError(
            f"{path} is cut short or not a model file ({error}); train one with audioconv train"
        ) from error
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read as a model ({error.strerror or error})") from error
    if text is None:
        raise ModelFileError(f"{path} holds arrays but no audioconv model; train one with audioconv train")
    try:
        settings = json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelFileError(f"{path} is not a whole model: its settings are damaged ({error})") from error
    if not isinstance(settings, dict):
        raise ModelFileError(f"{path} is not a whole model: its settings are {type(settings).__name__}, not an object")
    if settings.get("format") != FORMAT:
        raise ModelFileError(
            f"{path} has model format {settings.get('format')}; this version of audioconv reads format {FORMAT}. "
            "Train it anew, or install the version that wrote it"
        )
    return arrays, settings
