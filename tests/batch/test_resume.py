"""Runs that are killed at any moment, and called again: every output is there once, to the bit as without a kill."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import audioconv as ac
from tests.batch import functions as f

CODE = """
import sys, audioconv as ac
from tests.batch import functions as f
source, target, jobs = sys.argv[1:]
function = f.slow_rows if target.endswith(".parquet") else f.slowly_doubled
print(ac.map_files(function, source, target, jobs=int(jobs)))
"""
FILES = 60
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="other signals")


def run(source, target, jobs, after_s=None, whole_group=True):
    """Run to the end, or kill it so long after its journal appears; whether it came to its end."""
    command = [sys.executable, "-c", CODE, str(source), str(target), str(jobs)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    journal = target / ".audioconv" if target.suffix != ".parquet" else target.with_name(f".{target.name}.audioconv")
    try:
        if after_s is not None:
            deadline = time.monotonic() + 60
            while not (journal / "journal.jsonl").exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(after_s)
            (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
        _, errors = process.communicate(timeout=120)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode in (0, -signal.SIGKILL), errors.decode()
    return process.returncode == 0


def killed_often(tmp_path, rng, kills, name):
    """Kill runs with one and two processes at random moments, the last one not; its target."""
    source, target = f.make_files(tmp_path / "in", FILES), tmp_path / name
    for i in range(kills):
        run(source, target, jobs=1 + i % 2, after_s=rng.uniform(0, 0.8), whole_group=i % 4 != 3)
    assert run(source, target, jobs=1)
    return source, target


def check(source, target, tmp_path):
    undisturbed = tmp_path / f"undisturbed{target.suffix}"
    if target.suffix:
        ac.map_files(f.rows, source, undisturbed, jobs=1)
        assert target.read_bytes() == undisturbed.read_bytes()
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in", target.name, undisturbed.name])
    else:
        ac.map_files(f.doubled, source, undisturbed, jobs=1)
        assert f.contents(target) == f.contents(undisturbed)
        assert len(f.contents(target)) == FILES


@pytest.mark.parametrize(("name", "kills"), [("out", 3), ("out.parquet", 2)])
def test_a_run_that_was_killed_goes_on(tmp_path, rng, name, kills):
    pytest.importorskip("pyarrow")
    check(*killed_often(tmp_path, rng, kills, name), tmp_path)


@pytest.mark.long
@pytest.mark.skipif("AUDIOCONV_LONG" not in os.environ, reason="takes minutes; AUDIOCONV_LONG=1 runs it")
@pytest.mark.parametrize("name", ["out", "out.parquet"])
def test_fifty_kills(tmp_path, name):
    rng = np.random.default_rng(0)
    for i in range(10):
        folder = tmp_path / str(i)
        folder.mkdir()
        check(*killed_often(folder, rng, 5, name), folder)


def test_ctrl_c_leaves_nothing_half(tmp_path):
    source, target = f.make_files(tmp_path / "in", FILES), tmp_path / "out"
    command = [sys.executable, "-c", CODE, str(source), str(target), "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not list(target.glob("*.wav")) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode not in (0, None)
    assert 0 < len(f.contents(target)) < FILES  # and no folder for work is left
    assert ac.map_files(f.slowly_doubled, source, target, jobs=1).failed == 0
    check(source, target, tmp_path)
