"""map_files: outputs, names, failures, what is skipped, and how far it reads ahead."""

import itertools
import os
import shutil
import sys
import warnings
from concurrent.futures import Future

import numpy as np
import pytest

import audioconv as ac
from audioconv.batch import disk, worker
from audioconv.batch.engine import MOST_FILES, Engine
from audioconv.batch.progress import FileBar
from audioconv.batch.worker import Outcome
from tests.batch import functions as f


@pytest.fixture
def files(tmp_path):
    return f.make_files(tmp_path / "in", 30)


def test_values_come_in_order_whatever_the_number_of_processes(files):
    expected = [path.stat().st_size for path in sorted(files.rglob("*.wav"))]
    one, two = (ac.map_files(f.size, files, jobs=jobs) for jobs in (1, 2))
    assert one.values == two.values == expected
    assert (one.done, one.failed, one.failures) == (30, 0, ())


def test_a_lambda_and_its_surroundings_reach_the_workers(files):
    offset = np.arange(5)
    assert ac.map_files(lambda path: f.size(path) + offset[2], files, jobs=2).values[0] == 4


def test_outputs_are_the_same_with_one_and_two_processes(files, tmp_path):
    for jobs in (1, 2):
        assert ac.map_files(f.doubled, files, tmp_path / f"{jobs}", jobs=jobs).done == 30
    one = f.contents(tmp_path / "1")
    assert one == f.contents(tmp_path / "2")
    assert one == {p.relative_to(files).as_posix(): p.read_bytes() * 2 for p in files.rglob("*.wav")}


def test_failures_are_in_a_table_and_end_nothing(files, tmp_path):
    for name in ("005.wav", "below/007.wav"):
        (files / name).parent.mkdir(exist_ok=True)
        (files / name).write_bytes(b"bad")
    found = ac.map_files(f.doubled, [files, files / "no.wav"], tmp_path / "out", jobs=1)
    assert (found.done, found.failed, str(found)) == (29, 3, "29 files done, 3 failed")
    assert [os.path.basename(failure.source) for failure in found.failures] == ["005.wav", "007.wav", "no.wav"]
    assert found.failures[0].error == "ValueError: it is bad"
    table = (tmp_path / "out/.audioconv/failures.csv").read_text().splitlines()
    assert table[:2] == ["file,error", f"{files}/005.wav,ValueError: it is bad"]
    assert not (tmp_path / "out/005.wav").exists()

    (files / "005.wav").write_bytes(b"good")
    (files / "below/007.wav").write_bytes(b"good")
    again = ac.map_files(f.doubled, files, tmp_path / "out", jobs=1)
    assert str(again) == "2 files done, 29 done before"
    assert again.failures_path is None
    assert not (tmp_path / "out/.audioconv/failures.csv").exists()


def test_what_has_changed_or_is_gone_is_done_again(files, tmp_path):
    out = tmp_path / "out"
    ac.map_files(f.doubled, files, out, jobs=1)
    (files / "000.wav").write_bytes(b"new")
    (out / "below/001.wav").unlink()
    assert str(ac.map_files(f.doubled, files, out, jobs=1)) == "2 files done, 28 done before"
    assert f.contents(out)["000.wav"] == b"newnew"


def test_a_file_that_is_there_is_not_written_over_unless_asked(files, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "000.wav").write_bytes(b"a stranger's")
    for _ in range(2):
        found = ac.map_files(f.doubled, files, out, jobs=1)
        assert found.failed == 1
        assert "exists and is not overwritten" in found.failures[0].error
        assert (out / "000.wav").read_bytes() == b"a stranger's"
    assert ac.map_files(f.doubled, files, out, jobs=1, overwrite=True).done == 30
    assert f.contents(out)["000.wav"] == (files / "000.wav").read_bytes() * 2


def test_a_source_is_never_written_over(files, tmp_path):
    found = ac.map_files(f.doubled, files / "000.wav", files, jobs=1, overwrite=True)
    assert "is the file that is read" in found.failures[0].error
    with pytest.raises(ac.ArgumentError, match="another folder"):
        ac.map_files(f.doubled, files, files, jobs=1)


def test_outputs_inside_the_folder_of_the_files_are_no_inputs(files):
    for _ in range(2):
        ac.map_files(f.doubled, files, files / "out", jobs=1)
    assert len(f.contents(files / "out")) == 30


def test_names_are_kept_apart(tmp_path):
    for name in ("a/x.wav", "a/x.flac", "b/x.wav", "x.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    files = [tmp_path / name for name in ("a/x.wav", "a/x.flac", "b/x.wav", "x.wav", "b/../x.wav")]
    for _ in range(2):
        ac.map_files(f.doubled, files, tmp_path / "out", suffix=".ogg", jobs=1)
    found = {name: text[: len(text) // 2].decode() for name, text in f.contents(tmp_path / "out").items()}
    assert found == {"x.ogg": "a/x.wav", "x-2.ogg": "a/x.flac", "x-3.ogg": "b/x.wav", "x-4.ogg": "x.wav"}


def test_suffixes(files, tmp_path):
    ac.map_files(f.doubled, files / "000.wav", tmp_path / "out", suffix=lambda old: old + ".x", jobs=1)
    assert list(f.contents(tmp_path / "out")) == ["000.wav.x"]
    with pytest.raises(ac.ArgumentError, match="must begin with a dot"):
        ac.map_files(f.doubled, files, tmp_path / "out", suffix="npy")


def test_an_output_is_there_whole_or_not_at_all(files, tmp_path):
    def half(source, target):
        target.write_bytes(b"half")
        raise OSError("no more")

    found = ac.map_files(half, files, tmp_path / "out", jobs=1)
    assert found.failed == 30
    assert f.contents(tmp_path / "out") == {}
    nothing = ac.map_files(lambda source, target: None, files, tmp_path / "other", jobs=1)
    assert "has written no file" in nothing.failures[0].error


class Doubling:
    """Doubles files as long as there is room."""

    def __init__(self, error):
        self.error = error

    def __repr__(self):
        return "Doubling()"

    def __call__(self, source, target):
        if self.error:
            raise self.error
        f.doubled(source, target)


@pytest.mark.parametrize(
    ("free", "error"),
    [(1000, OSError(5, "Input/output error")), (1 << 40, OSError(28, os.strerror(28)))],  # the second: of large files
)
def test_a_full_disk_ends_the_run_which_goes_on_with_room(files, tmp_path, monkeypatch, free, error):
    doubling, usage = Doubling(error), shutil.disk_usage(tmp_path)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: usage._replace(free=free))
    with pytest.raises(ac.AudioFileError, match=rf"is full .*{error.strerror}.*goes on from here"):
        ac.map_files(doubling, files, tmp_path / "out", jobs=1)
    doubling.error = None
    assert ac.map_files(doubling, files, tmp_path / "out", jobs=1).done == 30


def test_a_crash_costs_one_file(files):
    (files / "crash.wav").write_bytes(b"1")
    found = ac.map_files(f.ends_its_process, files, jobs=2)
    assert (found.done, found.failed) == (30, 1)
    assert "crash.wav" in found.failures[0].source
    assert "process that worked on it died" in found.failures[0].error
    assert found.values[-1] == (files / "below/029.wav").stat().st_size


def test_what_cannot_be_sent_is_said(files):
    lock = sys._getframe()
    with pytest.raises(ac.ArgumentError, match="jobs=1 works in this one"):
        ac.map_files(lambda path: lock, files, jobs=2)
    found = ac.map_files(lambda path: (_ for _ in ()), list(files.glob("*.wav"))[:3], jobs=2)  # generators are not
    assert found.failed == 3
    assert "pickle" in found.failures[0].error


@pytest.mark.parametrize(
    ("options", "says"),
    [({"jobs": 0}, "jobs"), ({"jobs": 2, "scheduler": "tcp://a:1"}, "one of them"), ({"fn": 3}, "fn must be")],
)
def test_wrong_arguments_are_refused(files, options, says):
    with pytest.raises(ac.ArgumentError, match=says):
        ac.map_files(**{"fn": f.size, "files": files, **options})


def test_other_settings_are_refused(files, tmp_path):
    ac.map_files(f.doubled, files, tmp_path / "out", jobs=1)
    with pytest.raises(ac.ArgumentError, match=r"other settings \(tests.batch.functions.doubled; now .*slowly_doubled"):
        ac.map_files(f.slowly_doubled, files, tmp_path / "out", jobs=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(ac.ArgumentError, match="is a file"):
        ac.map_files(f.doubled, files, tmp_path / "file")


def test_warnings_of_workers_are_shown_here_and_not_too_many(files):
    def warned(path):
        warnings.warn(f"{os.path.basename(path)} is odd", ac.AudioFileWarning, stacklevel=1)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ac.map_files(warned, files, jobs=1)
    texts = [str(warning.message) for warning in caught]
    assert texts[0] == "000.wav is odd"
    assert texts[20:] == ["10 more warnings are not shown"]


class AtOnce:
    """A backend that has done a chunk at once."""

    in_flight = 4

    def submit(self, jobs):
        future = Future()
        future.set_result(([Outcome(job.number) for job in jobs], 1e-3 * len(jobs)))
        return future

    def attempts(self, error):
        return 0

    def check(self): ...

    def renew(self): ...


def test_lists_are_read_a_bounded_number_of_files_ahead():
    taken = itertools.count()
    read = 0

    def jobs():
        nonlocal read
        for read in taken:  # without an end
            yield worker.Job(read, "a")

    backend, done = AtOnce(), 0
    for finished in Engine(backend).run(jobs()):
        done += len(finished)
        assert read + 1 - done <= backend.in_flight * MOST_FILES
        if done > 3000:
            break
    assert done > 3000


def test_a_list_without_end_is_read_lazily(files):
    def forever():
        for i in itertools.count():
            if i == 300:
                raise RuntimeError("far enough")
            yield files / "000.wav"

    seen = []
    with pytest.raises(RuntimeError, match="far enough"):
        ac.map_files(seen.append, forever(), jobs=1)
    assert len(seen) >= 300 - MOST_FILES


def test_no_bar_where_nobody_looks(files, capsys):
    with FileBar("working", lambda: 5) as bar:
        bar._start -= 10
        bar.add(3)
    assert capsys.readouterr() == ("", "")


def test_the_bar_shows_rate_and_failures(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with FileBar("working", lambda: 50) as bar:
        bar._start -= 10
        bar._last -= 10
        bar._count(lambda: 50)
        bar.add(20, failed=2)
        assert bar._bar[0].tasks[0].completed == 20
        assert bar._bar[0].tasks[0].total == 50
        assert "2 failed" in bar._bar[0].tasks[0].fields["state"]
