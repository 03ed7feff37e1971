"""The public names: tools read those that Python reads, editors complete them, `help` shows them."""

import ast
import inspect
import pydoc
from pathlib import Path

import jedi
import pytest

import audioconv as ac
from tests import surface

ROOT = Path(__file__).resolve().parents[1]
PROJECT = jedi.Project(ROOT, load_unsafe_extensions=False)


def stub_lines():
    """The imports of the stub, each as one line: `from audioconv.errors import ShapeError as ShapeError`."""
    tree = ast.parse((ROOT / "audioconv" / "__init__.pyi").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return [f"from {n.module} import {a.name} as {a.asname}" for n in imports for a in n.names]


def test_the_stub_names_what_the_table_names():
    table = {f"from audioconv.{home} import {name} as {name}" for name, home in ac._HOME.items()}
    table |= {f"from audioconv import {part} as {part}" for part in ac._PARTS}
    missing, extra = sorted(table - set(stub_lines())), sorted(set(stub_lines()) - table)
    say = ["audioconv/__init__.pyi differs from the table in audioconv/__init__.py."]
    say += ["Add to the stub:", *missing] if missing else []
    say += ["Remove from the stub:", *extra] if extra else []
    assert not missing, "\n".join(say)
    assert not extra, "\n".join(say)
    assert len(stub_lines()) == len(table), "the stub has a name twice"


def test_the_home_of_a_name_offers_it():
    for name, home in ac._HOME.items():
        module = __import__(f"audioconv.{home}", fromlist=[name])
        offered = getattr(module, "__all__", None)
        assert offered is None or name in offered, f"audioconv.{home} does not have {name} in its __all__"
        assert getattr(module, name) is getattr(ac, name)


@pytest.mark.parametrize("part", surface.PARTS)
def test_the_names_of_a_part_are_there_once_and_in_order(part):
    names = __import__(f"audioconv.{part}", fromlist=[part]).__all__
    assert len(set(names)) == len(names)
    assert all(hasattr(__import__(f"audioconv.{part}", fromlist=[part]), name) for name in names)


@pytest.mark.parametrize(
    ("written", "offered"),
    [
        ("import audioconv as ac\nac.conv", {"convolve", "convolve2d"}),
        ("import audioconv as ac\nac.StreamC", {"StreamConvolver", "StreamConvolver2d"}),
        ("from audioconv import Keyw", {"KeywordClassifier", "KeywordDetector"}),
        ("import audioconv as ac\nac.nn.MaxP", {"MaxPool1d", "MaxPool2d"}),
        ("import audioconv as ac\nac.LogMel().str", {"stream"}),
        ("import audioconv as ac\nac.imp", set()),
    ],
)
def test_an_editor_completes(written, offered):
    assert {completion.name for completion in jedi.Script(written, project=PROJECT).complete()} == offered


def test_a_notebook_completes():
    assert [c.name for c in jedi.Interpreter("ac.conv", [{"ac": ac}]).complete()] == ["convolve", "convolve2d"]


@pytest.mark.parametrize("name", ["convolve", "StreamConvolver", "read", "KeywordClassifier"])
def test_an_editor_shows_parameters_and_documentation(name):
    (signature,) = jedi.Script(f"import audioconv as ac\nac.{name}(", project=PROJECT).get_signatures()
    expected = [parameter for parameter in inspect.signature(getattr(ac, name)).parameters]
    assert [parameter.name for parameter in signature.params if parameter.name not in "*/"] == expected
    assert inspect.getdoc(getattr(ac, name)).splitlines()[0] in signature.docstring()


@pytest.mark.parametrize("name", ["convolve", "LogMel", "nn"])
def test_help_shows_a_name_that_is_loaded_on_first_use(name):
    text = pydoc.render_doc(getattr(ac, name), renderer=pydoc.plaintext)
    assert inspect.getdoc(getattr(ac, name)).splitlines()[0] in text
    assert "Lazy" not in text


def test_help_lists_the_public_names():
    text = pydoc.render_doc(ac, renderer=pydoc.plaintext)
    assert "convolve(x" in text
    assert "class KeywordClassifier" in text
