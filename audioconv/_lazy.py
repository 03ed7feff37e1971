"""Public names of a part that are loaded on first use, so that whoever wants one does not pay for all."""

from collections.abc import Callable, Mapping
from importlib import import_module


def on_first_use(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Make `__getattr__` and `__dir__` of a package.

    What they give is imported for tools that read types beside them, under `TYPE_CHECKING`; a test holds the two equal.

    Parameters
    ----------
    package : str
        Its name.
    modules : dict of module -> names
        Where each name is: the names in one text, with spaces between; the module as it is called inside the package.

    Returns
    -------
    get, list_names : functions
    """
    home = {name: module for module, names in modules.items() for name in names.split()}

    def get(name: str) -> object:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = home[name] if home[name].startswith("audioconv.") else f"{package}.{home[name]}"
        value = getattr(import_module(module), name)
        setattr(import_module(package), name, value)
        return value

    return get, lambda: sorted(home)
