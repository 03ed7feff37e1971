"""Settings of layers, optimisers, losses and averages: checked whenever they are set, heeded from the next call on."""

from itertools import count

from audioconv.arrays import floating, number
from audioconv.errors import AudioconvError, ShapeError

_numbers = count(1)
_last = 0  # the number of the last change of any setting in this process


class Settings:
    """Base of what has settings: public attributes that may be set at any time.

    `_checks` has by name what check(value, name) does: it returns what is kept, or raises.
    """

    _checks = {}

    def __setattr__(self, name, value):
        global _last
        super().__setattr__(name, self._checks[name](value, name) if name in self._checks else value)
        if not name.startswith("_"):
            _last = next(_numbers)  # after it, so that who sees the number sees the setting


class Changes:
    """Says whether what programs are made of has changed since the last time."""

    def __init__(self):
        self._seen, self._signature = None, None

    def __call__(self, signature):
        """Whether signature() is another; it is asked only if any setting has been set since."""
        if self._seen == _last:
            return False
        self._seen, before = _last, self._signature
        self._signature = signature()
        return self._signature != before


def bounded(least=None, most=None, *, above=None, below=None, optional=False):
    """A check that a setting is a number as `arrays.number` says, or None if it is `optional`."""

    def check(value, name):
        return None if optional and value is None else number(value, name, least, most, above=above, below=below)

    return check


def copy_into(own, value, name):
    """Assign to an array of a layer: it stays the same array, because gradients and optimisers belong to it."""
    if value is own:
        return
    if value is None:
        raise AudioconvError(f"the {name} cannot be taken away: fill it with zeros, or make a layer without it")
    value = floating(value, name)
    if value.shape != own.shape:
        raise ShapeError(f"{name} must have shape {own.shape}, not {value.shape}")
    own[...] = value


def boolean(value, name):
    """A check that takes anything for true or false."""
    return bool(value)


fraction = bounded(0, below=1)  # from 0 to below 1
