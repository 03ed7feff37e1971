"""The text of a header of C99: its parts in order, around the engine of networks, with the prefixes AC_ and ac_."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audioconv.models.export.c_tables import declaration

if TYPE_CHECKING:
    from audioconv._typing import Array

FOLDER = Path(__file__).parent


def float_text(value: float) -> str:
    """A float of C."""
    word = f"{np.float32(value):.9g}"
    return f"{word}f" if "." in word or "e" in word else f"{word}.0f"


def twiddles(size: int) -> str:
    """The declaration of what `fft.h` rotates by."""
    angles = 2 * np.pi * np.arange(size // 2) / size
    return declaration("ac_twiddles", np.column_stack([np.cos(angles), -np.sin(angles)]))


def probe(samples: Array) -> str:
    """The declaration of a probe, whole numbers of 16 bits."""
    return declaration("ac_probe", samples.astype(np.int16), "short")


def header_text(
    about: str,
    facts: Mapping[str, Any],
    numbers: Mapping[str, object],
    *,
    int8: bool,
    declared: Iterable[str],
    tables: Iterable[str],
    parity: Iterable[str],
    template: str,
) -> str:
    """The whole header.

    Parameters
    ----------
    about : str
        What it is and how it is used, for the comment at the top.
    facts : dict
        What else is told there.
    numbers : dict
        What is defined.
    int8 : bool
        Whether weights are.
    declared, tables, parity : iterables of str
        Arrays that users may read, those of the model, and what its main needs.
    template : str
        File of the fields of the state that the network does not know, and of the functions.
    """
    fields, functions = (FOLDER / template).read_text().split("/*@functions@*/\n")
    engine = (FOLDER / "engine.h").read_text()
    told = json.dumps(dict(facts)).replace("*/", "* /")
    weights = "int8 weights" if int8 else "float32"
    parts = [
        f"/* Written by audioconv: {about.format(weights=weights)}\n"
        "   With -D AC_MAIN it is a program that checks itself.\n\n"
        f"   {told} */",
        "#ifndef AC_H\n#define AC_H\n\n#include <math.h>\n",
        *(f"#define AC_{name} {value}" for name, value in numbers.items()),
        f"\ntypedef {'signed char' if int8 else 'float'} ac_weight;\n",
        *declared,
        engine.replace("/*@tables@*/", "\n".join(tables)).replace("/*@fields@*/\n", fields),
        "#ifdef AC_MAIN", *parity, "#endif",
        (FOLDER / "fft.h").read_text(),
        functions,
        "#endif",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"
