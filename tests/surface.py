"""What users can reach: the public names, and the methods and properties of public classes."""

import functools
import inspect
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

import audioconv

PARTS = (*audioconv._PARTS, "lab")


class Public(NamedTuple):
    """A public function, class, method or property, by the shortest name that it has."""

    name: str
    object: object
    owner: type | None = None  # the class, of methods and properties

    @property
    def kind(self):
        if inspect.isclass(self.object):
            if getattr(self.object, "_is_protocol", False):
                return "protocol"
            return "error" if issubclass(self.object, Exception) else "class"
        if isinstance(self.object, (property, functools.cached_property)):
            return "property"
        return "method" if self.owner else "function"


def top_level():
    """Public functions and classes; what several parts offer comes once."""
    found = {}
    for module in ("audioconv", *(f"audioconv.{part}" for part in PARTS)):
        for name, value in _names(import_module(module)):
            found.setdefault(id(value), Public(f"{module}.{name}", value))
    return list(found.values())


def everything():
    """All of `top_level()`, and behind each class its methods and properties."""
    found, seen = [], set()
    for public in top_level():
        found.append(public)
        if inspect.isclass(public.object):
            for member in _members(public):
                if id(member.object) not in seen:  # inherited ones come with the first class that has them
                    seen.add(id(member.object))
                    found.append(member)
    return found


def _names(module):
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            if module is not audioconv:
                inside = vars(value).items()
                yield from ((f"{name}.{n}", v) for n, v in inside if n[0] != "_" and _is_of(v, value.__name__))
        elif inspect.isclass(value) or inspect.isfunction(value):
            yield name, value


def _is_of(value, module):
    return (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == module


def _members(public):
    for cls in public.object.__mro__:
        if cls.__module__.partition(".")[0] != "audioconv":
            continue
        for name, value in vars(cls).items():
            if name.startswith("_") or getattr(public.object, name, None) is None:
                continue
            value = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
            if inspect.isfunction(value) or isinstance(value, (property, functools.cached_property)):
                yield Public(f"{public.name}.{name}", value, public.object)
