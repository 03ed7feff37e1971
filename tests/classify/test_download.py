"""Downloads of public sets from a server of our own: going on after a break, checksums, what came instead."""

import errno
import gzip
import hashlib
import os

import pytest

import audioconv as ac
from audioconv.classify._fetch import CHUNK, fetch
from tests.public_server import (
    GOOD,
    PAGE,
    commands_files,
    downloads,
    entry,
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


def test_a_download_goes_on_where_it_stopped(server, tmp_path):
    wanted = entry(server, packed_tar(commands_files()))
    server.breaks_at = 40_000
    with pytest.raises(ac.DownloadError, match=r"try again to go on"):
        fetch(wanted, tmp_path / "words")
    assert parts_left(tmp_path) == []
    assert fetch(wanted, tmp_path / "words")[0] == 8
    first, second = server.asked
    kept = int(second.removeprefix("bytes=").rstrip("-"))
    assert first is None
    assert 40_000 - CHUNK < kept <= 40_000 < len(server.content)
    assert server.served == 40_000 + len(server.content) - kept


def test_a_server_without_ranges_sends_all_again(server, tmp_path):
    wanted, server.ranges = entry(server, packed_tar(commands_files())), False
    server.breaks_at = 40_000
    with pytest.raises(ac.DownloadError):
        fetch(wanted, tmp_path / "words")
    assert fetch(wanted, tmp_path / "words")[0] == 8
    assert server.served == 40_000 + len(server.content)


def test_another_file_at_the_server_is_not_put_behind_the_old_part(server, tmp_path):
    wanted = entry(server, packed_tar(commands_files()), sha256=None)
    server.breaks_at = 40_000
    with pytest.raises(ac.DownloadError):
        fetch(wanted, tmp_path / "words")
    server.content, server.tag = packed_tar(commands_files("other/")), '"two"'
    assert fetch(wanted, tmp_path / "words")[0] == 8


def test_a_part_that_is_too_long_is_thrown_away(server, tmp_path):
    wanted = entry(server, packed_tar(commands_files()))
    (tmp_path / "cache" / "downloads").mkdir(parents=True)
    (tmp_path / "cache" / "downloads" / "words-set.tar.gz.part").write_bytes(server.content + b"x" * 10)
    assert fetch(wanted, tmp_path / "words")[0] == 8
    assert len(server.asked) == 2


def test_a_wrong_checksum_is_told_and_leaves_nothing(server, tmp_path):
    with pytest.raises(ac.DownloadError, match="not what it should be") as error:
        fetch(entry(server, packed_tar(commands_files()), sha256="0" * 64), tmp_path / "words")
    assert "0" * 64 in str(error.value)
    assert hashlib.sha256(server.content).hexdigest() in str(error.value)
    assert parts_left(tmp_path) == []
    assert not list((tmp_path / "cache" / "downloads").iterdir())


def test_a_missing_file_and_a_missing_server_are_told(server, tmp_path):
    wanted, server.status = entry(server, b""), 404
    with pytest.raises(ac.DownloadError, match=r"the server says 404.*--archive"):
        fetch(wanted, tmp_path / "words")
    with pytest.raises(ac.DownloadError, match=r"cannot download http://127.0.0.1:9/.*refused"):
        fetch(wanted._replace(url="http://127.0.0.1:9/set.tar.gz"), tmp_path / "words")


@pytest.mark.parametrize(
    ("headers", "body", "told"),
    [
        ({"Content-Type": "text/html; charset=utf-8"}, PAGE, "text/html, 'Hotel WiFi'"),
        ({"Content-Type": "application/gzip"}, b"<p>please <b>log in</b></p>", "application/gzip, 'please log in'"),
        ({"Content-Type": "text/html", "Content-Encoding": "gzip"}, gzip.compress(PAGE), "text/html, 'Hotel WiFi'"),
        ({"Content-Type": "application/json"}, b'{"error": "quota"}', 'application/json, \'{"error": "quota"}\''),
        ({}, b"", r"nothing \(0 bytes\)"),
        ({"Content-Type": "image/png"}, b"\x89PNG\r\n\x1a\n\0\0", "image/png that begins with the bytes 89 50 4e 47"),
        ({}, b"\x1b[2J" + b"word " * 40, r"data of no stated kind, '\\x1b\[2Jword word .*\.\.\.'"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_what_came_instead_of_an_archive_is_told_and_not_kept(server, tmp_path, headers, body, told, known):
    wanted = entry(server, packed_tar(GOOD), sha256="" if known else None)
    server.instead = [(200, headers, body)]
    with pytest.raises(ac.DownloadError, match=f"no archive: the server sent {told}.*try again, or .*--archive"):
        fetch(wanted, tmp_path / "words")
    assert parts_left(tmp_path) == []
    assert downloads(tmp_path) == []
    assert fetch(wanted, tmp_path / "words")[0] == 8


def test_a_redirect_to_a_login_page_is_told_without_its_secrets(server, tmp_path):
    wanted = entry(server, packed_tar(GOOD), sha256=None)
    port = server.server_address[1]
    login = f"http://127.0.0.1:{port}/login?token=secret"
    server.instead = [(302, {"Location": login}, b""), (200, {"Content-Type": "text/html"}, PAGE)]
    with pytest.raises(
        ac.DownloadError, match=rf"{wanted.url} is no archive.*on to http://127.0.0.1:{port}/login and"
    ) as e:
        fetch(wanted, tmp_path / "words")
    assert "secret" not in str(e.value)
    assert fetch(wanted, tmp_path / "words")[0] == 8


def stopped(server, folder, **options):
    """An entry of which a part was downloaded, until the connection broke."""
    wanted = entry(server, packed_tar(GOOD), **options)
    server.breaks_at = 40_000
    with pytest.raises(ac.DownloadError, match=r"the connection ended after \d+ of \d+ bytes"):
        fetch(wanted, folder)
    assert "words-set.tar.gz.part" in downloads(folder.parent)
    return wanted


def test_a_page_does_not_replace_the_part_that_came_before(server, tmp_path):
    wanted = stopped(server, tmp_path / "words")
    server.instead = [(200, {"Content-Type": "text/html"}, PAGE)]
    with pytest.raises(ac.DownloadError, match="Hotel WiFi"):
        fetch(wanted, tmp_path / "words")
    assert fetch(wanted, tmp_path / "words")[0] == 8
    assert server.served < len(server.content) + CHUNK
    assert server.asked[-1].startswith("bytes=")


@pytest.mark.parametrize("headers", [{}, {"Content-Range": "bytes 7-99/100"}, {"ETag": '"two"'}])
def test_a_part_of_something_else_is_not_put_behind_the_old_one(server, tmp_path, headers):
    wanted = stopped(server, tmp_path / "words", sha256=None)
    server.instead = [(206, headers, b"x" * 100)]
    assert fetch(wanted, tmp_path / "words")[0] == 8
    assert server.asked[2:] == [None], "all of it is asked for again"


def test_a_file_of_another_length_without_a_tag_is_downloaded_anew(server, tmp_path):
    server.tag = ""
    wanted = stopped(server, tmp_path / "words", sha256=None)
    server.content = packed_tar(commands_files("another/"))
    assert fetch(wanted, tmp_path / "words")[0] == 8


def test_a_part_that_was_whole_already_is_not_downloaded_again(server, tmp_path):
    wanted = entry(server, packed_tar(GOOD))
    (tmp_path / "cache" / "downloads").mkdir(parents=True)
    part = tmp_path / "cache" / "downloads" / "words-set.tar.gz.part"
    part.write_bytes(server.content)
    part.with_name(f"{part.name}.etag").write_text(f"{server.tag}\n{len(server.content)}\n")
    assert fetch(wanted, tmp_path / "words")[0] == 8
    assert server.served == 0
    assert downloads(tmp_path) == []


@pytest.mark.parametrize("name", ["words-set.tar.gz", "words-set.tar.gz.part"])
def test_a_page_that_lies_in_the_cache_already_is_replaced(server, tmp_path, name):
    wanted = entry(server, packed_tar(GOOD), sha256=None)
    (tmp_path / "cache" / "downloads").mkdir(parents=True)
    (tmp_path / "cache" / "downloads" / name).write_bytes(PAGE)
    assert fetch(wanted, tmp_path / "words")[0] == 8
    assert server.asked == [None]


@pytest.mark.parametrize("known", [True, False])
def test_an_archive_that_is_said_to_be_in_gzip_encoding_stays_as_it_is(server, tmp_path, known):
    wanted = entry(server, packed_tar(GOOD), sha256="" if known else None)
    server.instead = [(200, {"Content-Encoding": "x-gzip"}, server.content)]
    assert fetch(wanted, tmp_path / "words")[1] == hashlib.sha256(server.content).hexdigest()


@pytest.mark.parametrize("packed", [packed_tar(commands_files()), packed_zip(commands_files())])
def test_a_layer_that_a_proxy_put_around_is_taken_off(server, tmp_path, packed):
    wanted = entry(server, packed)
    server.instead = [(200, {"Content-Encoding": "gzip"}, gzip.compress(packed))]
    assert fetch(wanted, tmp_path / "words")[1] == hashlib.sha256(packed).hexdigest()
    assert downloads(tmp_path) == []


def test_an_archive_that_was_cut_short_where_no_length_is_told(server, tmp_path):
    wanted = entry(server, packed_tar(GOOD), sha256=None)
    cut = (200, {"Content-Length": "", "Connection": "close"}, server.content[:-3000])
    server.instead = [cut]
    with pytest.raises(ac.DownloadError, match=rf"cannot be unpacked.*{len(cut[2])} bytes .* is removed: try again"):
        fetch(wanted, tmp_path / "words")
    assert downloads(tmp_path) == []
    assert fetch(wanted, tmp_path / "words")[0] == 8


def test_a_full_disk_on_the_way_is_told_and_what_came_is_kept(server, tmp_path):
    wanted = entry(server, packed_tar(GOOD))

    def full(what, done, total):
        if done > 40_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ac.DownloadError, match=r"cannot write .*No space left.*try again to go on"):
        fetch(wanted, tmp_path / "words", progress=full)
    assert fetch(wanted, tmp_path / "words")[0] == 8
    assert server.asked[-1].startswith("bytes=")


def test_ctrl_c_on_the_way_keeps_what_came(server, tmp_path):
    wanted = entry(server, packed_tar(GOOD))

    def stop(what, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(wanted, tmp_path / "words", progress=stop)
    assert "words-set.tar.gz.part" in downloads(tmp_path)
    assert fetch(wanted, tmp_path / "words")[0] == 8
