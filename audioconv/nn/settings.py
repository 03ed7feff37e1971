"""Settings of layers, optimisers, losses and averages: checked whenever they are set, heeded from the next call on."""

import math
import numbers
from itertools import count

from audioconv.arrays import floating
from audioconv.errors import ArgumentError, AudioconvError, ShapeError

_numbers = count(1)
_last = 0  # the number of the last change of any setting in this process


class Settings:
    """Base of what has settings: public attributes that may be set at any time.

    `_checks` has by name what check(value, name) does: it returns what is kept, or raises.
    """

    _checks = {}

    def __setattr__(self, name, value):
        global _last
        if not name.startswith("_"):
            value = self._checks[name](value, name) if name in self._checks else value
            _last = next(_numbers)
        super().__setattr__(name, value)


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


def within(least=None, *, above=None, most=None, below=None, finite=True, optional=False):
    """A check that a setting is a number within bounds: at least `least`, or `above`; at most `most`, or `below`."""
    bounds = {"at least": least, "above": above, "at most": most, "below": below}
    words = " and ".join(f"{name} {bound:g}" for name, bound in bounds.items() if bound is not None) or "finite"

    def check(value, name):
        if optional and value is None:
            return None
        good = isinstance(value, numbers.Real) and not math.isnan(value) and (not finite or math.isfinite(value))
        good = good and (least is None or value >= least) and (above is None or value > above)
        if not (good and (most is None or value <= most) and (below is None or value < below)):
            raise ArgumentError(f"{name} must be {'None or ' * optional}a number {words}, not {value!r}")
        return float(value)

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


share = within(0, below=1)  # from 0 to below 1
