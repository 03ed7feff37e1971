"""Settings of layers, optimisers, losses and averages: checked when they are set, in force from the next call on."""

from collections.abc import Callable, Hashable, Mapping
from inspect import Parameter, signature
from itertools import count
from typing import Any, ClassVar, TypeAlias

import numpy as np

from audioconv._typing import Array, ArrayLike
from audioconv.arrays import floating, number
from audioconv.errors import AudioconvError, ShapeError

Check: TypeAlias = Callable[[Any, str], Any]  # check(value, name) returns what is kept, or raises

_numbers = count(1)
_last = 0  # the number of the last change of any setting in this process


class Settings:
    """Base of what has settings: public attributes that may be set at any time; `_checks` has their checks by name."""

    _checks: ClassVar[Mapping[str, Check]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        global _last
        super().__setattr__(name, self._checks[name](value, name) if name in self._checks else value)
        if not name.startswith("_"):
            _last = next(_numbers)  # after the setting, so that a thread that sees the number sees the setting

    def __repr__(self) -> str:
        return shown(self)


class Changes:
    """Tells whether anything that programs depend on has changed since the last call."""

    def __init__(self) -> None:
        self._seen: int | None = None
        self._signature: Hashable = None

    def __call__(self, signature: Callable[[], Hashable]) -> bool:
        """Whether signature() has changed; it is computed only if any setting has been set since."""
        if self._seen == _last:
            return False
        self._seen, before = _last, self._signature
        self._signature = signature()
        return self._signature != before


def bounded(
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    optional: bool = False,
) -> Check:
    """A check that a setting is a number as `arrays.number` says, or None if it is `optional`."""

    def check(value: Any, name: str) -> float | None:
        return None if optional and value is None else number(value, name, least, most, above=above, below=below)

    return check


def copy_into(own: Array, value: ArrayLike | None, name: str) -> None:
    """Assign to an array of a layer: it stays the same array, because gradients and optimisers belong to it."""
    if value is own:
        return
    if value is None:
        raise AudioconvError(f"the {name} cannot be taken away: fill it with zeros, or make a layer without it")
    value = floating(value, name)
    if value.shape != own.shape:
        raise ShapeError(f"{name} must have shape {own.shape}, not {value.shape}")
    own[...] = value


def boolean(value: Any, name: str) -> bool:
    """A check that takes anything for true or false."""
    return bool(value)


fraction = bounded(0, below=1)  # from 0 to below 1


def shown(made: object, *hidden: str, **values: Any) -> str:
    """One line about an object: its class, and the parameters that it was made with.

    Parameters
    ----------
    made : object
        Its attributes are called as the parameters of its class.
    hidden : str
        Parameters that are left out, beside those that there is no attribute of.
    values : object
        What to show instead of the attribute, or beside the parameters.

    Returns
    -------
    text : str
        Those without a default by their place, others by name if they are not the default; of an array its shape.
    """
    parts = []
    for name, parameter in signature(type(made)).parameters.items():
        value = values.pop(name) if name in values else getattr(made, name, Parameter.empty)
        if name in hidden or value is Parameter.empty:
            continue
        if isinstance(value, tuple) and len(value) == 2 and value[0] == value[1]:
            value = value[0]  # one for both axes
        if isinstance(parameter.default, bool) and not isinstance(value, bool):
            value = value is not None  # whether there is such an array
        if parameter.default is Parameter.empty:
            parts.append(_text(value))
        elif isinstance(value, np.ndarray) or value != parameter.default:
            parts.append(f"{name}={_text(value)}")
    parts += [f"{name}={_text(value)}" for name, value in values.items()]
    return f"{type(made).__name__}({', '.join(parts)})"


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    return f"{value:g}" if isinstance(value, float) else str(value) if isinstance(value, np.dtype) else repr(value)
