"""Docstrings are plain text with `names` and doctests: a star or a bar in them is itself, and no markup."""

import re

MARKED = re.compile(r"(``.+?``|`[^`]+`)")
LINKED = re.compile(r":obj:`(\w+)(?: <[\w.]*>)?`")


def escape(app, what, name, obj, options, lines):
    inside = False  # of a doctest
    for i, line in enumerate(lines):
        inside = line.lstrip().startswith(">>>") or (inside and bool(line.strip()))
        if not inside:
            parts = MARKED.split(line)
            parts = [part if part.startswith("`") else re.sub(r"([*|])", r"\\\1", part) for part in parts]
            lines[i] = re.sub(r"(`[^`]+`)(?=\w)", r"\1\\ ", "".join(parts))  # the plural of a name


def unlink(app, what, name, obj, options, lines):
    """Properties in the list of attributes of a class are described there, and nowhere else."""
    if what == "class":
        for i, line in enumerate(lines):
            lines[i] = LINKED.sub(lambda found: f"**{found[1]}**" if hasattr(obj, found[1]) else found[0], line)


def setup(app):
    app.connect("autodoc-process-docstring", escape, priority=400)  # before numpydoc
    app.connect("autodoc-process-docstring", unlink, priority=600)  # after it
    return {"parallel_read_safe": True, "parallel_write_safe": True}
