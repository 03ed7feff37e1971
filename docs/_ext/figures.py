"""Tables of figures, made from what the runs of the benchmarks wrote.

    ```{figures} convolve > mono float32
    :if: error / maximum
    taps | audioconv, ms
    {taps:,} | {audioconv:.2f}
    ```

takes the rows under "mono float32" of benchmarks/results/convolve.json, and fills the second line of the body in for
each of them. Options: `:if: KEY` takes rows that have the key, `:where: KEY = VALUE` those with the value. `:group:`
and `:across: KEYS` put rows that agree in the first keys side by side: a key of the others is then that of the second
ones and its own, as in "float64 audioconv". A dictionary of dictionaries is taken as rows, whose first key is "what".
"""

import json
import string
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


class Cells(string.Formatter):
    """`str.format` with keys of any characters but a colon, lists, and nothing where there is no figure."""

    def get_field(self, field_name, args, kwargs):
        return kwargs[field_name], field_name

    def format_field(self, value, format_spec):
        if isinstance(value, bool) or value is None:
            return {True: "yes", False: "no", None: ""}[value]
        if isinstance(value, list):
            return ", ".join(self.format_field(each, format_spec) for each in value)
        return format(value, format_spec)


def find_rows(argument):
    """The rows at FILE > KEY > KEY."""
    name, *keys = (part.strip() for part in argument.split(">"))
    found = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    for key in keys:
        found = found[key]
    if isinstance(found, dict):
        found = [{"what": key, **value} for key, value in found.items() if isinstance(value, dict)]
    return found


def side_by_side(rows, group, across):
    """One row of all that agree in the keys of `group`."""
    merged = {}
    for row in rows:
        common = {key: row[key] for key in group}
        name = " ".join(str(row[key]) for key in across)
        others = {f"{name} {key}": value for key, value in row.items() if key not in (*group, *across)}
        merged.setdefault(tuple(common.values()), common).update(others)
    return list(merged.values())


def chosen(rows, options):
    if "if" in options:
        rows = [row for row in rows if options["if"] in row]
    if "where" in options:
        key, _, value = options["where"].partition("=")
        rows = [row for row in rows if str(row[key.strip()]) == value.strip()]
    if "group" in options:
        rows = side_by_side(rows, names(options["group"]), names(options["across"]))
    return rows


def names(text):
    """Keys are separated by a semicolon, because some have a comma in them."""
    return [name.strip() for name in text.split(";")]


def cells(line):
    return [cell.strip() for cell in line.split(" | ")]


def table_of(argument, options, content):
    """Header and rows of text."""
    header, template = (cells(line) for line in content)
    if len(header) != len(template):
        raise ValueError(f"{len(header)} names of columns and {len(template)} columns")
    rows = chosen(find_rows(argument), options)
    if not rows:
        raise ValueError("there are no such rows")
    return header, [[Cells().vformat(cell, (), row) for cell in template] for row in rows]


class Figures(SphinxDirective):
    """A table of figures; see the top of this file."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = dict.fromkeys(("if", "where", "group", "across"), directives.unchanged)

    def run(self):
        path = RESULTS / f"{self.arguments[0].split('>')[0].strip()}.json"
        self.env.note_dependency(str(path))
        try:
            header, rows = table_of(self.arguments[0], self.options, self.content)
        except (OSError, KeyError, ValueError) as error:
            raise self.error(f"figures {self.arguments[0]}: {error!r}") from error
        table = nodes.table("", classes=["figures"])
        group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in header), cols=len(header))
        group += nodes.thead("", self.row(header))
        group += nodes.tbody("", *map(self.row, rows))
        table += group
        return [nodes.container("", table, classes=["pst-scrollable-table-container"])]

    def row(self, texts):
        entries = [nodes.entry("", nodes.paragraph("", "", *self.parse_inline(text)[0])) for text in texts]
        return nodes.row("", *entries)


def setup(app):
    app.add_directive("figures", Figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
