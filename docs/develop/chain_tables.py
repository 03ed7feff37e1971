"""The tables of docs/chains.md, made of the stage classes: run it when a stage or its type in TOML has changed.

python docs/develop/chain_tables.py
"""

import inspect
import re
from pathlib import Path

import audioconv as ac
from audioconv.stream.chain_file import stage_types

PAGE = Path(__file__).resolve().parents[1] / "chains.md"
SHOWN = {
    "fir": ac.Fir,
    "convolver": ac.StreamConvolver,
}  # where what is made of a table is a stream or a chain of these
WITHOUT_TYPE = [ac.JitStage]  # a function cannot be written down in a file


def stage_of(kind):
    """The class of a type."""
    return SHOWN.get(kind) or stage_types()[kind].__annotations__["return"]


def call_of(stage):
    """How a stage is made: its positional parameters, and others that it needs."""
    kinds = inspect.Parameter
    names = []
    for name, parameter in inspect.signature(stage).parameters.items():
        if parameter.kind is kinds.POSITIONAL_OR_KEYWORD:
            names.append(name)
        elif parameter.default is kinds.empty:
            names.append(f"{name}=...")
    return f"{stage.__name__}({', '.join(names)})"


def keys_of(kind):
    """The keys of a type with their defaults, those that are needed first and in bold."""
    keys = {name: key for name, key in inspect.signature(stage_types()[kind]).parameters.items() if name != "place"}
    needed = [f"**{name}**" for name, key in keys.items() if key.default is key.empty]
    return needed + [name + default_of(key.default) for name, key in keys.items() if key.default is not key.empty]


def default_of(value):
    """A default as TOML has it; None is nothing."""
    if value is None:
        return ""
    return (
        f" = {str(value).lower() if isinstance(value, bool) else f'{value:.3g}' if isinstance(value, float) else value}"
    )


def summary(stage):
    """The first sentence of its docstring."""
    return inspect.getdoc(stage).partition("\n\n")[0].replace("\n", " ").rstrip(".").replace("|", "\\|")


def table(head, rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def tables():
    """The tables by name."""
    stages = dict.fromkeys([*map(stage_of, stage_types()), *WITHOUT_TYPE])
    types = {stage: [kind for kind in stage_types() if stage_of(kind) is stage] for stage in stages}
    by_class = [
        (f"`{call_of(stage)}`", summary(stage), ", ".join(f"`{kind}`" for kind in types[stage])) for stage in stages
    ]
    by_type = [(f"`{kind}`", f"`{stage_of(kind).__name__}`", ", ".join(keys_of(kind))) for kind in stage_types()]
    return {
        "stages": table(("stage", "what it does", "type in a file"), by_class),
        "types": table(("type", "stage", "keys; in bold what is needed"), by_type),
    }


def with_tables(page):
    """The page with the tables between their marks."""
    for name, content in tables().items():
        begin, end = f"<!-- {name}: made by docs/develop/chain_tables.py -->", f"<!-- end of {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if len(pattern.findall(page)) != 1:
            raise ValueError(f"the page has no place, or several, for the table of {name}")
        page = pattern.sub(lambda found, text=f"{begin}\n\n{content}\n\n{end}": text, page)
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
