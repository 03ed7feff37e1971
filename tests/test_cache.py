"""Files in the cache folder: private to the user, verified when read, whole or not there."""

import os
import time

import pytest

from audioconv import cache
from audioconv.cache import ABANDONED_S, read_verified, write_verified

MAGIC = b"a test 1\n"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache" / "kernels"


@pytest.fixture
def path(folder):
    path = folder / "kernel"
    write_verified(path, MAGIC, b"12")
    assert read_verified(path, MAGIC) == b"12"
    assert read_verified(folder / "another", MAGIC) is None
    return path


def give_away(path, monkeypatch):
    """Make a file look as if it belonged to another user."""
    if os.geteuid():
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    else:
        os.chown(path, 12345, -1)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="users are told apart by other means")
class TestTheFolderIsTheUsersOwn:
    def test_it_is_made_for_the_user_alone(self, path, tmp_path):
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "cache").rglob("*")}
        assert modes.pop("kernels") == 0o700
        assert list(modes.values()) == [0o600]
        assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700

    def test_a_file_of_another_user_is_not_believed(self, path, monkeypatch):
        with monkeypatch.context() as other:
            give_away(path, other)
            assert read_verified(path, MAGIC) is None
        write_verified(path, MAGIC, b"3")
        assert read_verified(path, MAGIC) == b"3"

    def test_a_folder_of_another_user_is_neither_read_nor_written(self, path, folder, monkeypatch):
        give_away(folder, monkeypatch)
        assert read_verified(path, MAGIC) is None
        with pytest.raises(PermissionError, match="belongs to another user"):
            write_verified(path, MAGIC, b"3")

    def test_a_folder_that_others_can_write_to_is_closed_first(self, path, folder):
        folder.chmod(0o777)
        assert read_verified(path, MAGIC) is None
        write_verified(path, MAGIC, b"3")
        assert read_verified(path, MAGIC) == b"3"
        assert folder.stat().st_mode & 0o777 == 0o700

    def test_a_link_is_not_followed(self, path, folder, tmp_path):
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
        assert read_verified(path, MAGIC) is None
        with pytest.raises(PermissionError, match="is a link"):
            write_verified(path, MAGIC, b"3")

    @pytest.mark.parametrize(
        ("umask", "modes"), [(0o077, (0o700, 0o600)), (0o022, (0o755, 0o644)), (0, (0o755, 0o644))]
    )
    def test_a_folder_that_was_named_may_be_read_by_others_as_the_umask_lets_them(
        self, tmp_path, umask, modes, monkeypatch
    ):
        monkeypatch.setenv("AUDIOCONV_CACHE", str(tmp_path / "opt" / "cache"))
        before = os.umask(umask)
        try:
            write_verified(tmp_path / "opt" / "cache" / "kernels" / "kernel", MAGIC, b"1")
            write_verified(tmp_path / "other" / "kernel", MAGIC, b"1")
        finally:
            os.umask(before)
        found = [tmp_path / "opt" / name for name in ("", "cache", "cache/kernels", "cache/kernels/kernel")]
        assert [path.stat().st_mode & 0o777 for path in found] == [*modes[:1] * 3, modes[1]]
        others = [tmp_path / "other", tmp_path / "other" / "kernel"]
        assert [path.stat().st_mode & 0o777 for path in others] == [0o700, 0o600]

    def test_a_link_in_the_place_of_a_file_is_not_read(self, path, folder):
        path.rename(folder / "another")
        path.symlink_to(folder / "another")
        assert read_verified(folder / "another", MAGIC) == b"12"
        assert read_verified(path, MAGIC) is None


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-1], lambda data: data[:-1] + b"x"])
def test_a_damaged_file_counts_as_missing(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    assert read_verified(path, MAGIC) is None
    assert read_verified(path, b"another") is None


def test_what_a_killed_process_left_is_removed_when_it_is_old(tmp_path):
    old, new = tmp_path / "a.nbc.1.part", tmp_path / "b.nbc.2.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * ABANDONED_S,) * 2)
    write_verified(tmp_path / "kernel", MAGIC, b"1")
    assert not old.exists()
    assert new.exists()


def test_an_interrupted_write_leaves_nothing(path, folder, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write_verified(folder / "second", MAGIC, b"1")
    monkeypatch.undo()
    assert list(folder.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows asks for no home")
def test_a_user_without_a_home_has_a_folder_among_the_temporary_files(monkeypatch, tmp_path):
    import pwd

    def nobody(user):
        raise KeyError(user)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "AUDIOCONV_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path))
    cache._temporary_folder.cache_clear()
    with pytest.warns(RuntimeWarning, match="no home directory, so compiled kernels are kept in"):
        folder = cache.cache_folder()
    assert folder == tmp_path / f"audioconv-{os.geteuid()}"
    assert cache.cache_folder() == folder  # said once
    cache.write_verified(folder / "kernels" / "one", b"magic", b"data")
    assert cache.read_verified(folder / "kernels" / "one", b"magic") == b"data"
    assert folder.stat().st_mode & 0o777 == 0o700
    cache._temporary_folder.cache_clear()
