"""Pages of the public names: one for each part of the package, from its `__all__`, with a page for each name."""

import importlib
import inspect
import re
import textwrap

import audioconv

PARTS = {
    "signal": "Signals",
    "stream": "Streams, chains and live sound",
    "io": "Sound files",
    "features": "Features",
    "nn": "Layers and training",
    "models": "Architectures and export",
    "classify": "Clips to labels",
    "detect": "Streams to events",
    "enhance": "Denoising",
    "batch": "Many files",
    "report": "Pictures and pages",
    "serve": "Words for other programs",
}


def write(folder):
    """Write FOLDER/PART.rst where it is not yet what it should be, and drop the pages of names that are gone."""
    folder.mkdir(exist_ok=True)
    pages = {part: page(importlib.import_module(f"audioconv.{part}"), part, title) for part, title in PARTS.items()}
    pages["stage"] = page_of("Stages and errors", "What all of audioconv stands on.", common())
    for part, text in pages.items():
        put(folder / f"{part}.rst", text)
    listed = {name for text in pages.values() for name in re.findall(r"^   (\w+)$", text, re.MULTILINE)}
    for path in folder.glob("names/*.rst"):
        if path.stem.rpartition(".")[2] not in listed:
            path.unlink()


def common():
    """The public names that belong to no part."""
    inside = {name for part in PARTS for name in importlib.import_module(f"audioconv.{part}").__all__}
    names = [name for name in audioconv._HOME if name not in inside]
    return {"audioconv": names}


def page(module, part, title):
    """Names that `audioconv` has, too, are shown as users write them, and modules by their functions."""
    own = f"audioconv.{part}"
    tables = {"audioconv": [], own: []}
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.ismodule(value):
            functions = inspect.getmembers(value, inspect.isfunction)
            tables[f"{own}.{name}"] = [each for each, function in functions if function.__module__ == value.__name__]
        elif callable(value):
            tables["audioconv" if name in audioconv._HOME else own].append(name)
    return page_of(title, (module.__doc__ or "").strip().split("\n\n")[0], tables)


def page_of(title, about, tables):
    lines = [title, "=" * len(title), "", about.replace("\n", " "), ""]
    for module, names in tables.items():
        if names:
            lines += [f".. currentmodule:: {module}", "", ".. autosummary::", "   :toctree: names", ""]
            lines += [textwrap.indent("\n".join(sorted(names, key=str.lower)), "   "), ""]
    return "\n".join(lines)


def put(path, text):
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
