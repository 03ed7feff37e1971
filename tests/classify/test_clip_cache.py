"""Clips that are kept on disk: read once, the same to the bit, read again when a file or a setting changes."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

import audioconv as ac
from audioconv.classify import array_cache, clips

RATE = 8000


class Said(list):
    say = list.append


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOCONV_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{i}.wav") for i in range(5)]
    for i, path in enumerate(paths):
        ac.write(path, rng.standard_normal((6000 + 1000 * i, 2)).astype("float32") / 10, RATE)
    return paths


def stored(tmp_path):
    return sorted((tmp_path / "cache" / "clips").glob("*.npy"))


def load(files, rate=RATE, notices=None):
    return clips.load_clips(files, rate, rate, notices, cache=True)


def test_kept_clips_are_those_that_are_read(files, tmp_path):
    first, second = load(files), load(files)
    plain = clips.load_clips(files, RATE, RATE)
    assert np.abs(plain).max() > 0.1
    assert np.array_equal(first, plain)
    assert np.array_equal(second, plain)
    assert not second.flags.writeable
    assert len(stored(tmp_path)) == 1


def test_files_are_read_once(files, monkeypatch):
    said = Said()
    before = load(files, notices=said)
    monkeypatch.setattr(clips, "read_mono", None)
    again = Said()
    assert np.array_equal(load(files, notices=again), before)
    assert said == again == ["files of several channels are averaged to one"]
    with pytest.raises(TypeError):
        load(files[:4])  # another set


def test_other_contents_and_settings_are_read_anew(files, tmp_path):
    before = load(files)
    ac.write(files[1], np.full(6000, 0.5, np.float32), RATE)
    after = load(files)
    assert np.array_equal(after[[0, 2, 3, 4]], before[[0, 2, 3, 4]])
    assert after[1].max() == pytest.approx(0.5, abs=1e-3)
    assert load(files, 4000).shape == (5, 4000)
    assert len(stored(tmp_path)) == 3


@pytest.mark.parametrize("damage", [lambda p: p.write_bytes(p.read_bytes()[:200]), lambda p: p.write_bytes(b"")])
def test_damaged_files_are_made_again(files, tmp_path, damage):
    before = load(files).copy()
    damage(stored(tmp_path)[0])
    assert np.array_equal(load(files), before)


def test_without_a_place_on_disk_clips_are_in_memory(files, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("AUDIOCONV_CACHE", str(tmp_path / "file"))
    said = Said()
    assert np.array_equal(load(files, notices=said), clips.load_clips(files, RATE, RATE))
    assert any("cannot be kept on disk" in text for text in said)


def test_what_was_not_used_for_long_makes_room(files, tmp_path, monkeypatch):
    load(files[:2])
    load(files[2:])
    monkeypatch.setattr(array_cache, "MOST_BYTES", 270_000)  # of 64,000 and 96,000 and 160,000
    load(files)
    assert sorted(np.load(path).shape[0] for path in stored(tmp_path)) == [3, 5]


def test_a_broken_file_is_named_and_nothing_is_kept(files, tmp_path):
    (tmp_path / "3.wav").write_bytes(b"no sound")
    with pytest.raises(ac.AudioFileError, match=r"3\.wav"):
        load(files)
    assert not stored(tmp_path)
    with pytest.raises(ac.AudioFileError, match=r"none\.wav"):
        load([*files[:2], str(tmp_path / "none.wav")])
    (tmp_path / "4.wav").write_bytes(b"no sound either")
    with pytest.raises(ac.AudioFileError, match=r"2 of 5 files cannot be read: .*3\.wav.*; .*4\.wav"):
        load(files)
    assert not stored(tmp_path)


@pytest.mark.parametrize("call", ["posix_fallocate", "pwrite"])
def test_on_a_full_disk_clips_are_in_memory_and_nothing_is_left(files, tmp_path, monkeypatch, call):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full, raising=False)
    said = Said()
    assert np.array_equal(load(files, notices=said), clips.load_clips(files, RATE, RATE))
    assert any("clips are kept in memory, because they cannot be kept on disk" in text for text in said)
    assert not list((tmp_path / "cache" / "clips").iterdir())


def test_clips_are_written_where_room_cannot_be_set_aside(files, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    assert np.array_equal(load(files), clips.load_clips(files, RATE, RATE))


TINY_DISK = """mount -t tmpfs -o size=64k tmpfs "$2" && exec "$0" -c "$1" "$2" """
LOAD = """
import os, sys
from audioconv.classify.clips import load_clips
os.environ["AUDIOCONV_CACHE"] = sys.argv[1]
files = [f"{i}.wav" for i in range(5)]
print(load_clips(files, 8000, 8000, cache=True).shape, os.listdir(sys.argv[1] + "/clips"))
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_fills_up_does_not_kill_the_process(files, tmp_path):
    (tmp_path / "disk").mkdir()
    command = ["unshare", "-m", "sh", "-c", TINY_DISK, sys.executable, LOAD, str(tmp_path / "disk")]
    path = os.pathsep.join([os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip("no small disk can be mounted here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(5, 8000) []"
