"""Progress of a training: on a terminal, in a notebook without a warning, and nowhere where nobody looks."""

import sys
import types

import pytest
from rich.console import Console

from audioconv.classify.progress import Notices, TrainingProgress

RECORD = {"epoch": 1, "loss": 0.5, "accuracy": 0.75, "score": (0.8, -0.4)}


class Handle:
    """Stands in for what `IPython.display.display` returns."""

    def __init__(self, shown):
        self.shown = shown

    def update(self, data, raw):
        self.shown.append(data["text/plain"])


@pytest.fixture
def notebook(monkeypatch):
    """The lines that a cell of a notebook has shown."""
    shown, module = [], types.ModuleType("IPython.display")

    def display(data, raw, display_id):
        shown.append(data["text/plain"])
        return Handle(shown)

    module.display = display
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    return shown


def run(progress, epochs=2, steps=4):
    with progress.training(epochs, steps, 100 * steps):
        for epoch in range(epochs):
            for step in range(steps):
                progress.batch(epoch, step, 0.5)
            progress.epoch(RECORD | {"epoch": epoch + 1})


@pytest.mark.filterwarnings("error")
def test_a_notebook_shows_a_line_without_a_warning(notebook, capsys):
    run(TrainingProgress(1))
    assert notebook[0].endswith("training")
    assert notebook[-1].startswith("█" * 18)
    assert "2/2  loss 0.500  accuracy 75.0%  unseen 80.0%" in notebook[-1]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_has_a_bar(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not Console(stderr=True).is_jupyter
    run(TrainingProgress(1))
    assert "unseen 80.0%" in capsys.readouterr().err


def test_nothing_is_shown_if_nobody_wants_it(notebook, capsys):
    run(TrainingProgress(0))
    notices = Notices(0)
    notices.say("files are resampled")
    assert notebook == []
    assert capsys.readouterr() == ("", "")
