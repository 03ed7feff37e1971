"""What is loaded when: importing audioconv is cheap, and so is asking for help."""

import subprocess
import sys

import pytest

HEAVY = ("numba", "llvmlite", "scipy", "librosa", "sklearn", "matplotlib", "soundfile", "soxr", "safetensors", "rich")


def modules_after(statement):
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split("\n")


@pytest.mark.parametrize(
    "statement", ["import audioconv", "import audioconv; dir(audioconv)", "import audioconv.errors, audioconv.stage"]
)
def test_importing_audioconv_loads_nothing_heavy(statement):
    loaded = modules_after(statement)
    assert "audioconv" in loaded
    assert not set(HEAVY) & set(loaded)
    assert "importlib.metadata" not in loaded  # takes longer than the 20 ms that the import may take


@pytest.mark.parametrize("name", ["read", "AudioFileError", "io"])
def test_a_name_loads_only_its_part(name):
    loaded = modules_after(f"import audioconv; audioconv.{name}")
    assert not set(HEAVY) & set(loaded)


def test_the_command_line_loads_nothing_heavy():
    assert not {*HEAVY, "numpy"} & set(modules_after("import audioconv.cli"))


@pytest.mark.parametrize(
    "command", [[], ["filter"], ["record"], ["train"], ["evaluate"], ["predict"], ["listen"], ["bench"], ["doctor"]]
)
def test_help_loads_nothing_heavy(command):
    loaded = modules_after(f"from tests.command import run; assert 'Usage' in run(*{command!r}, '--help').stdout")
    assert not {*HEAVY, "numpy"} - {"rich"} & set(loaded)


def test_every_public_name_is_there():
    import audioconv

    for name in audioconv.__all__:
        assert getattr(audioconv, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = audioconv.no_such_name
