"""A disk that fills in the middle of a run, a real one: the run ends and says so; with more room it goes on."""

import shutil
import subprocess
import sys

import pytest

from tests.batch import functions as f

CODE = """
import subprocess, sys, audioconv as ac
from pathlib import Path
from tests.batch import functions as f

source, disk = map(Path, sys.argv[1:])
for name, size, jobs in [
    ("out", "8k", 1), ("out", "64k", 1), ("out", "96k", 2),
    ("t.parquet", "8k", 1), ("t.parquet", "24k", 1), ("t.parquet", "36k", 1),  # the last: when all are done
]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], check=True)
    target, undisturbed = disk / name, source.with_name(f"undisturbed {name}")
    function = f.rows if target.suffix else f.doubled
    if not undisturbed.exists():
        ac.map_files(function, source, undisturbed, jobs=1)
    for _ in range(2):  # with no more room than before, too
        try:
            ac.map_files(function, source, target, jobs=jobs)
            sys.exit(f"{size} were enough for {name}")
        except ac.AudioFileError as error:
            assert str(disk) in str(error) and "is full" in str(error), error
            assert "No space left on device" in str(error) and "goes on from here" in str(error), error
    subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
    found = ac.map_files(function, source, target, jobs=jobs)
    assert (found.failed, found.done + found.skipped) == (0, 40), found
    if target.suffix:
        assert target.read_bytes() == undisturbed.read_bytes()
        assert [path.name for path in disk.iterdir()] == [name]
    else:
        assert f.contents(target) == f.contents(undisturbed)
        assert len(f.contents(target)) == 40
    subprocess.run(["umount", disk], check=True)
"""
ROOM_OF_ITS_OWN = "unshare", "-m"  # for disks: what is mounted there is seen nowhere else


def test_a_run_ends_and_goes_on_when_there_is_room(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = [*ROOM_OF_ITS_OWN, "mount", "-t", "tmpfs", "tmpfs", disk]
    if not shutil.which(mount[0]) or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk takes the right to mount one")
    command = [*ROOM_OF_ITS_OWN, sys.executable, "-c", CODE, f.make_files(tmp_path / "in", 40), disk]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
