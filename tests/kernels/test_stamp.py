"""The stamp of a kernel covers every source that its machine code depends on."""

import ast
import importlib
import inspect
import types

import pytest

from audioconv.kernels import _jit, _stamp

FILES = sorted(_stamp.FOLDER.rglob("*.py"))
MODULES = [_stamp.PACKAGE + "." + ".".join(path.relative_to(_stamp.FOLDER).with_suffix("").parts) for path in FILES]
MODULES = [name for name in MODULES if not name.endswith("__init__")]
FOUNDATION = {name for name in MODULES if name.count(".") == 2 or ".simd." in name}


def imported(module):
    """What a parser finds: modules of kernels, each by its whole name."""
    found = set()
    for node in ast.walk(ast.parse(_stamp._source(module))):
        if isinstance(node, ast.Import):
            assert not any(name.name.startswith(_stamp.PACKAGE) for name in node.names), "write from ... import ..."
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write the whole name"
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found & set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_are_found_as_by_a_parser(module):
    assert _stamp.imports(module) == imported(module)
    assert imported(module) <= _stamp.dependencies(module)


def home(value):
    """The module of kernels in which a function, a kernel or an operation was made."""
    if isinstance(value, types.ModuleType):
        return value.__name__
    function = getattr(value, "py_func", getattr(value, "function", value))
    return getattr(function, "__module__", None)


def functions():
    for module in MODULES:
        importlib.import_module(module)
    kernels = [kernel.py_func for kernel in _jit.KERNELS]
    steps = [function.function for function in _jit.C_FUNCTIONS if not function._users]  # theirs are not kept
    return [function for function in kernels + steps if function.__module__.startswith(_stamp.PACKAGE)]


def test_what_a_kernel_refers_to_is_covered():
    reached = set()
    for function in functions():
        covered = FOUNDATION.union(*map(_stamp.dependencies, _jit._modules(function)))
        names = inspect.getclosurevars(function)
        for value in [*names.globals.values(), *names.nonlocals.values()]:
            if str(home(value)).startswith(_stamp.PACKAGE):
                reached.add(home(value))
                assert home(value) in covered, (function, value)
    assert len(reached) > 10


def test_stamps_of_modules():
    fir, loss = _stamp.PACKAGE + ".dsp._fir", _stamp.PACKAGE + ".nn.loss"
    assert _stamp.stamp(frozenset([fir])) != _stamp.stamp(frozenset([loss]))
    assert _stamp.stamp(frozenset([fir, loss])) not in (_stamp.stamp(frozenset([fir])), _stamp.stamp(frozenset([loss])))
    assert loss not in _stamp.dependencies(fir)
