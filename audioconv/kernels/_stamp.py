"""Stamps: hashes over the sources that compiled kernels depend on, so that an edit makes anew what it can change.

A kernel depends on its module, on the modules of kernels that its module imports, on those that these import, and on
the foundation: `kernels/*.py` and `kernels/simd`, which every kernel is made with.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

PACKAGE = __name__.rpartition(".")[0]
FOLDER = Path(__file__).parent
# Parsing all files takes longer than Numba takes to load a kernel; that this finds each import is tested by a parser.
IMPORT = re.compile(rf"^[ \t]*from ({re.escape(PACKAGE)}[\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)


@cache
def _source(module):
    return (FOLDER / _file(module)).read_bytes()


def _file(module):
    return "/".join(module.removeprefix(PACKAGE + ".").split(".")) + ".py"


def imports(module):
    """The modules of kernels that a module imports."""
    found = set()
    for origin, names in IMPORT.findall(_source(module).decode()):
        for name in re.findall(r"\w+", names):
            found |= {candidate for candidate in (origin, f"{origin}.{name}") if (FOLDER / _file(candidate)).is_file()}
    return found


@cache
def dependencies(module):
    """A module and all modules of kernels that it depends on, without the foundation."""
    found, new = set(), {module}
    while new:
        found |= new
        new = {name for one in new for name in imports(one)} - found
    return frozenset(found)


@cache
def foundation_stamp():
    """A hash over the files that every kernel is made with."""
    paths = sorted([*FOLDER.glob("*.py"), *FOLDER.glob("simd/**/*.py")])
    return _digest((path.relative_to(FOLDER).as_posix(), path.read_bytes()) for path in paths)


@cache
def stamp(modules):
    """A hash over the files that kernels of these modules, a frozenset of names, depend on, beside the foundation."""
    every = sorted(frozenset().union(*map(dependencies, modules)))
    return _digest((module, _source(module)) for module in every)


def _digest(files):
    digest = hashlib.sha256()
    for name, content in files:
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
