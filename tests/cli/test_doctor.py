"""audioconv doctor: facts, and a cache that is filled and emptied without touching anything else."""

import subprocess
import sys

import numpy as np
import pytest

import audioconv as ac
from audioconv.cache import cache_folder
from tests.command import run


def facts(output):
    return dict(line.split(maxsplit=1) for line in output.replace("simd target", "simd_target").splitlines())


def test_it_shows_versions_threads_target_and_cache(monkeypatch):
    monkeypatch.setenv("AUDIOCONV_THREADS", "3")
    result = run("doctor")
    assert result.exit_code == 0
    found = facts(result.stdout)
    assert found["audioconv"] == ac.__version__
    assert found["numpy"] == np.__version__
    assert found["threads"] == "3"
    assert found["lanes"] == "float32 x 8, float64 x 4"
    assert str(cache_folder()) in result.stdout
    assert {"python", "numba", "soundfile", "soxr", "compiler", "simd_target", "kernels"} <= set(found)


def test_a_wrong_number_of_threads_is_refused(monkeypatch):
    monkeypatch.setenv("AUDIOCONV_THREADS", "many")
    result = run("doctor")
    assert result.exit_code == 2
    assert result.stderr == "audioconv: error: AUDIOCONV_THREADS must be a whole number from 1, not 'many'\n"


def test_clearing_removes_kernels_and_nothing_else(monkeypatch, tmp_path):
    monkeypatch.setenv("AUDIOCONV_CACHE", str(tmp_path))
    for name in ("kernels/old/a.nbc", "kernels/new/b.nbi", "plans/mine.txt"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(bytes(1000))
    assert "0.0 MB in 2 files" in run("doctor").stdout
    result = run("doctor", "--clear-cache")
    assert result.stdout.startswith("removed 2 files of compiled kernels\n")
    assert "0.0 MB in 0 files" in result.stdout
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["mine.txt"]
    assert run("doctor", "--clear-cache").stdout.startswith("removed 0 files")


@pytest.mark.slow
def test_warming_uses_every_public_call():
    """In a process of its own, with the cache of this user: after the first time it only loads."""
    done = subprocess.run(
        [sys.executable, "-m", "audioconv", "doctor", "--warm"], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.startswith("what most commands use is compiled (")
    compiled, used = (int(part.split()[0]) for part in facts(done.stdout)["kernels"].split(", "))
    assert compiled >= used > 10
