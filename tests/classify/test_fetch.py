"""Public sets from a server of our own: manifests, archives that would do harm, the command."""

import errno
import hashlib
import os
import shutil
import tarfile
import zipfile

import pytest

import audioconv as ac
from audioconv.classify import catalogue, load_dataset
from audioconv.classify._fetch import fetch
from tests.command import refused, run
from tests.public_server import (
    DIGITS,
    GOOD,
    PAGE,
    SOUNDS,
    commands_files,
    downloads,
    entry,
    manifest,
    packed_tar,
    packed_zip,
    parts_left,
    serving,
)  # fmt: skip


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOCONV_CACHE", str(tmp_path / "cache"))
    with serving() as server:
        yield server


# --- what comes out -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("root", ["./", "", "speech_commands/"])
def test_speech_commands_keep_their_official_split(server, tmp_path, root):
    clips, digest = fetch(entry(server, packed_tar(commands_files(root))), tmp_path / "words")
    assert clips == 8
    assert digest == hashlib.sha256(server.content).hexdigest()
    data = load_dataset(tmp_path / "words")
    assert [set(data.part(split).groups) for split in ("train", "val", "test")] == [{"aa", "bb"}, {"cc"}, {"dd"}]
    assert set(data.labels) == {"yes", "no"}
    assert (tmp_path / "words" / "_background_noise_" / "hum.wav").exists()
    assert not list((tmp_path / "cache" / "downloads").iterdir())


def test_spoken_digits_test_on_the_first_five(server, tmp_path):
    fetch(entry(server, packed_tar(DIGITS), catalogue.spoken_digits_rows), tmp_path / "digits")
    data = load_dataset(tmp_path / "digits")
    assert len(data.part("test")) == len(data.part("train")) == 8
    assert {file.rsplit("_")[-1] for file in data.part("test").files} == {"0.wav", "4.wav"}
    assert set(data.groups) == {"ann", "bo"}


def test_esc_50_has_folds_and_recordings(server, tmp_path):
    fetch(entry(server, packed_zip(SOUNDS), catalogue.esc_50_rows, "master.zip"), tmp_path / "esc")
    rows = manifest(tmp_path / "esc")
    assert [row["label"] for row in rows] == ["dog", "dog", "rain", "rain"]
    assert [row["split"] for row in rows] == ["fold1", "fold2", "fold1", "fold2"]
    assert set(load_dataset(tmp_path / "esc").groups) == {"70", "71", "72", "73"}


def test_every_entry_of_the_catalogue_says_all(server):
    for name, found in catalogue.CATALOGUE.items():
        assert found.name == name
        assert found.url.startswith("http" if found.sha256 else "https://")
        assert found.sha256 is None or len(found.sha256) == 64
        assert callable(found.rows)


# --- unpacking ------------------------------------------------------------------------------------------------


HARMFUL = {
    "tar outside": packed_tar(GOOD | {"../out.txt": b"x"}),
    "tar absolute": packed_tar(GOOD | {"/tmp/out.txt": b"x"}),
    "tar symbolic link": packed_tar(GOOD, [("yes/link", "/etc/passwd", tarfile.SYMTYPE)]),
    "tar hard link": packed_tar(GOOD, [("yes/link", "../../x", tarfile.LNKTYPE)]),
    "tar pipe": packed_tar(GOOD, [("pipe", "", tarfile.FIFOTYPE)]),
    "zip outside": packed_zip(GOOD | {"../out.txt": b"x"}),
    "zip absolute": packed_zip(GOOD | {"/tmp/out.txt": b"x"}),
    "zip backslashes": packed_zip(GOOD | {"..\\out.txt": b"x"}),
    "zip symbolic link": packed_zip(GOOD, "yes/link"),
    "tar truncated": packed_tar(GOOD)[:-2000],
    "zip truncated": packed_zip(GOOD)[:-2000],
    "tar overwritten": packed_tar(GOOD)[:40_000] + b"\0" * 100 + packed_tar(GOOD)[40_100:],
    "file as a folder": packed_zip({"a": b"x", "a/b": b"x"}),
    "no archive": b"no archive at all",
    "no sound": packed_tar({"a/b.txt": b"x"}),
}


# by names: packed bytes hold the time, and all processes of a run must collect the same tests
@pytest.mark.parametrize("content", HARMFUL.values(), ids=HARMFUL)
def test_archives_that_would_do_harm_leave_nothing(server, tmp_path, content):
    with pytest.raises(ac.DownloadError, match=r"outside|link|unpacked|not the set|no archive"):
        fetch(entry(server, content), tmp_path / "words")
    assert parts_left(tmp_path) == []
    assert not downloads(tmp_path), "what is of no use does not stand in the way of the next try"
    wanted = entry(server, packed_tar(GOOD))
    assert fetch(wanted, tmp_path / "words")[0] == 8


def test_ctrl_c_while_unpacking_leaves_nothing(server, tmp_path):
    def stop(what, done, total):
        if what == "unpacking" and done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(entry(server, packed_zip(GOOD)), tmp_path / "words", progress=stop)
    assert parts_left(tmp_path) == []


def test_a_full_disk_while_unpacking_keeps_the_archive(server, tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for packed in (packed_tar(GOOD), packed_zip(GOOD)):
        wanted = entry(server, packed)
        with monkeypatch.context() as disk:
            disk.setattr(tarfile.TarFile, "makefile", full)
            disk.setattr(zipfile.ZipFile, "extract", full)
            with pytest.raises(ac.DownloadError, match=r"cannot be unpacked to .*No space left.*the archive is kept"):
                fetch(wanted, tmp_path / "words")
        assert parts_left(tmp_path) == []
        assert downloads(tmp_path) == ["words-set.tar.gz"]
        already = len(server.asked)
        assert fetch(wanted, tmp_path / "words")[0] == 8
        assert len(server.asked) == already
        shutil.rmtree(tmp_path / "words")


def test_an_archive_that_the_user_gave_is_never_removed(server, tmp_path):
    given = tmp_path / "cache" / "mine.tar.gz"
    given.parent.mkdir()
    given.write_bytes(PAGE)
    with pytest.raises(ac.DownloadError, match="cannot be unpacked"):
        fetch(entry(server, b"", sha256=None), tmp_path / "words", archive=given)
    assert given.read_bytes() == PAGE


@pytest.mark.parametrize(
    "table",
    [
        b"filename,fold\n0.wav,1\n",
        b"\xff\xfe\0",
        b"filename,fold,target,category,esc10,src_file,take\n../../../x.wav,1,0,dog,False,7,A\n",
    ],
)
def test_a_table_that_is_wrong_or_leads_outside_is_refused(server, tmp_path, table):
    wanted = entry(server, packed_zip(SOUNDS | {"ESC-50-master/meta/esc50.csv": table}), catalogue.esc_50_rows, "m.zip")
    with pytest.raises(ac.DownloadError, match=r"not the set|outside.*is removed"):
        fetch(wanted, tmp_path / "esc")
    assert parts_left(tmp_path) == []
    assert downloads(tmp_path) == []


def test_a_folder_that_is_there_is_left_alone(server, tmp_path):
    (tmp_path / "words").mkdir()
    with pytest.raises(ac.DownloadError, match="is there already"):
        fetch(entry(server, packed_tar(GOOD)), tmp_path / "words")
    assert server.asked == []


def test_a_full_disk_is_told_beforehand(server, tmp_path):
    huge = entry(server, packed_tar(GOOD))._replace(megabytes=10**12)
    with pytest.raises(ac.DownloadError, match="MB are free"):
        fetch(huge, tmp_path / "words")
    assert server.asked == []


# --- the command ----------------------------------------------------------------------------------------------


def test_the_command_fetches_once(server, tmp_path, monkeypatch):
    monkeypatch.setitem(catalogue.CATALOGUE, "words", entry(server, packed_tar(GOOD), sha256=None))
    result = run("data", "fetch", "words", "--to", tmp_path / "w", "--keep")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'w'}: 8 clips, CC0\n"
    assert f"SHA-256 {hashlib.sha256(server.content).hexdigest()}" in result.stderr
    assert os.listdir(tmp_path / "cache" / "downloads") == ["words-set.tar.gz"]
    assert "is there already" in run("data", "fetch", "words", "--to", tmp_path / "w").stdout
    assert len(server.asked) == 1


def test_the_command_takes_an_archive(server, tmp_path, monkeypatch):
    monkeypatch.setitem(catalogue.CATALOGUE, "words", entry(server, packed_tar(GOOD)))
    (tmp_path / "mine.tar.gz").write_bytes(server.content)
    result = run("data", "fetch", "words", "--to", tmp_path / "w", "--archive", tmp_path / "mine.tar.gz")
    assert result.exit_code == 0, result.output
    assert server.asked == []
    (tmp_path / "mine.tar.gz").write_bytes(server.content + b"x")
    said = refused("data", "fetch", "words", "--to", tmp_path / "v", "--archive", tmp_path / "mine.tar.gz")
    assert "has the SHA-256" in said
    assert "is not a file" in refused("data", "fetch", "words", "--to", tmp_path / "v", "--archive", tmp_path / "no")


def test_the_list_and_unknown_names():
    listed = run("data", "list").stdout
    assert "speech-commands-v2" in listed
    assert "esc-50" in listed
    assert "NAME must be one of" in refused("data", "fetch", "imagenet")
