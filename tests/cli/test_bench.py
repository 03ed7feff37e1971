"""audioconv bench: a table of this machine, and figures that are kept and forgotten."""

import importlib

import pytest

from audioconv.signal import cost, tune
from tests.command import run

bench = importlib.import_module("audioconv.cli._bench")


@pytest.fixture
def own_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "table_path", lambda: tmp_path / "costs.json")
    monkeypatch.setattr(bench, "_SAMPLES", 20_000)
    monkeypatch.setattr(bench, "_TAPS", (16, 3000))
    monkeypatch.setattr(bench, "_STREAMS", ((64, 3000),))
    cost.forget()
    yield tmp_path / "costs.json"
    monkeypatch.undo()
    cost.forget()


def test_it_shows_method_prediction_and_measurement(own_figures):
    result = run("bench")
    assert result.exit_code == 0
    assert "costs built in" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines() if "direct" in line or "overlap_add" in line]
    assert len(rows) == 2
    assert not own_figures.exists()


def test_streams_show_what_was_predicted_and_what_blocks_took(own_figures):
    result = run("bench", "stream", "--latency", "64")
    assert result.exit_code == 0
    assert "latency 64" in result.stdout
    (row,) = (line.split() for line in result.stdout.splitlines() if "3000" in line)
    numbers = [float(cell) for cell in row if cell.replace(".", "").isdigit()]
    assert numbers[:2] == [64, 3000]
    mean, worst, measured, percentile, share = numbers[2:]
    assert 0 < mean <= worst
    assert 0 < measured <= percentile * 1.5
    assert share == pytest.approx(100 * measured / 1333.3, abs=0.02)


@pytest.mark.slow
def test_tuning_measures_everything_and_clearing_forgets_it(own_figures, monkeypatch):
    monkeypatch.setattr(tune, "ROUNDS", 1)
    monkeypatch.setattr(tune, "ENOUGH_S", 0)
    monkeypatch.setattr(tune, "SAMPLES", 20_000)
    result = run("bench", "--tune")
    assert result.exit_code == 0
    assert str(own_figures) in result.stderr
    assert "costs of this machine" in result.stdout
    for table in cost._read(own_figures).values():
        assert min(min(row) for row in table) > 0
        assert [len(row) for row in table] == [
            *[len(cost.TAPS)] * 2, *[len(cost.SIZES)] * 2, len(cost.CALLS),
            *[len(cost.PARTITIONS)] * 2, *[len(cost.SIDES)] * 2, len(cost.TILES),
        ]  # fmt: skip
        assert table.direct[-1] > 5 * table.direct[3]
        assert table.block[-1] > 100 * table.block[0]
    result = run("bench", "--clear")
    assert "forgot the figures" in result.stderr
    assert "costs built in" in result.stdout
    assert not own_figures.exists()
    assert "there were no figures" in run("bench", "--clear").stderr
