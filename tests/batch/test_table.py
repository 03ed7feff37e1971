"""Rows in one Parquet file: in the order of the files, in bounded memory, whole or not at all."""

import os
import subprocess
import sys

import numpy as np
import pytest

import audioconv as ac
from audioconv.batch.table import record_batch
from tests.batch import functions as f

pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def files(tmp_path):
    return f.make_files(tmp_path / "in", 12)


def test_rows_come_in_the_order_of_the_files_with_any_number_of_processes(files, tmp_path):
    for jobs in (1, 2):
        assert str(ac.map_files(f.rows, files, tmp_path / f"{jobs}.parquet", jobs=jobs)) == "12 files done"
    table = pq.read_table(tmp_path / "1.parquet").to_pydict()
    paths = sorted(files.glob("*.wav")) + sorted(files.glob("below/*.wav"))
    expected = [(str(p), at, byte, p.name) for p in paths for at, byte in enumerate(p.read_bytes())]
    assert list(zip(*table.values(), strict=True)) == expected
    assert list(table) == ["file", "at", "byte", "name"]
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["1.parquet", "2.parquet", "in"]


def test_many_rows_go_by_way_of_a_file_and_become_several_row_groups(files, tmp_path):
    few = sorted(files.glob("*.wav"))[:2]
    ac.map_files(f.many_rows, few, tmp_path / "many.parquet", jobs=1)
    found = pq.ParquetFile(tmp_path / "many.parquet")
    assert found.metadata.num_rows == 640_000
    assert 4 <= found.metadata.num_row_groups <= 20
    table = found.read()
    assert np.array_equal(table["at"].to_numpy(), np.tile(np.arange(320_000), 2))
    assert table["pair"].type.list_size == 2
    assert table["file"].unique().to_pylist() == [str(path) for path in few]


def test_failures_are_left_out_and_told(files, tmp_path):
    (files / "000.wav").write_bytes(b"bad")
    found = ac.map_files(f.rows, files, tmp_path / "t.parquet", jobs=1)
    assert (found.done, found.failed) == (11, 1)
    assert found.failures_path == str(tmp_path / "t.parquet.failures.csv")
    assert str(files / "000.wav") not in pq.read_table(tmp_path / "t.parquet")["file"].to_pylist()
    again = ac.map_files(f.rows, sorted(files.glob("*/*.wav")), tmp_path / "t.parquet", jobs=1, overwrite=True)
    assert again.failures_path is None
    assert not (tmp_path / "t.parquet.failures.csv").exists()


def test_a_file_with_other_columns_fails(files, tmp_path):
    odd = lambda path: {"size": 1.0 if path.name == "003.wav" else 1}  # noqa: E731
    found = ac.map_files(odd, files, tmp_path / "t.parquet", jobs=1)
    assert (found.done, found.failed) == (11, 1)
    assert "its columns are (size: double), those of" in found.failures[0].error
    assert pq.read_metadata(tmp_path / "t.parquet").num_rows == 11


def test_it_is_there_whole_or_not_at_all(files, tmp_path):
    target = tmp_path / "t.parquet"
    assert ac.map_files(lambda path: 1 / 0, files, target, jobs=1).failed == 12
    assert not target.exists()
    target.write_bytes(b"a stranger's")
    with pytest.raises(ac.AudioFileError, match="exists and is not overwritten"):
        ac.map_files(f.rows, files, target, jobs=1)
    assert target.read_bytes() == b"a stranger's"
    with pytest.raises(ac.AudioFileError, match="there are no files"):
        ac.map_files(f.rows, [], tmp_path / "none.parquet", jobs=1)


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ({"a": 1, "b": "x", "c": None}, [{"a": 1, "b": "x", "c": None}]),
        ({"a": [1, 2], "b": 3.5}, [{"a": 1, "b": 3.5}, {"a": 2, "b": 3.5}]),
        ({"a": np.zeros((2, 2, 1))}, [{"a": [0, 0]}] * 2),
        ({"a": np.zeros((0, 3), "float32")}, []),
        (
            {"a": [1, 2], "b": "\u00e9t\u00e9", "c": True, "d": ""},
            [{"a": a, "b": "\u00e9t\u00e9", "c": True, "d": ""} for a in (1, 2)],
        ),
        ({"a": ("x",), "b": np.array(2)}, [{"a": "x", "b": 2}]),
        (
            {"a": np.arange(6)[::2], "b": np.array([True, False, True]), "c": np.array(["x", "y", "z"])},
            [{"a": 0, "b": True, "c": "x"}, {"a": 2, "b": False, "c": "y"}, {"a": 4, "b": True, "c": "z"}],
        ),
    ],
)
def test_columns(columns, rows):
    assert record_batch(columns).to_pylist() == rows


def test_a_file_without_rows_has_the_columns_of_others():
    none, one = (record_batch({"at": np.zeros(rows), "name": "x", "rate": 8000}) for rows in (0, 1))
    assert none.schema == one.schema


def test_tables_of_numbers_do_without_pandas(tmp_path):
    code = (
        "import sys, numpy as np, audioconv as ac;"
        "ac.map_files(lambda path: {'at': np.zeros((3, 2)), 'rate': 8000, 'name': 'x'}, sys.executable, sys.argv[1]);"
        "assert 'pyarrow' in sys.modules and 'pandas' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "t.parquet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("columns", [{}, [1], None, {"file": 1}, {"a": [1], "b": [1, 2]}])
def test_what_makes_no_rows_is_refused(columns):
    with pytest.raises(ac.ArgumentError, match=r"mapping|one length"):
        record_batch(columns)
