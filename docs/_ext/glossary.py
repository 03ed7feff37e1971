"""The glossary's list of words as terms that the search knows and that pages can point at.

A line of glossary.md is `- **term**: what it means`, so that it reads well as it is, too.
"""

import re

WORD = re.compile(r"^- \*\*(.+?)\*\*: (.*)$")


def as_terms(text):
    """Replace each run of such lines by a glossary."""
    lines, inside = [], False
    for line in text.splitlines():
        match = WORD.match(line)
        if match and not inside:
            lines.append("```{glossary}")
        if inside and not match:
            lines.append("```")
        inside = bool(match)
        lines += [match[1], f"  {match[2]}", ""] if match else [line]
    return "\n".join(lines + ["```"] * inside) + "\n"


def read(app, docname, source):
    if docname == "glossary":
        source[0] = as_terms(source[0])


def setup(app):
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
