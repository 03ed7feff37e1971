"""Public sets from a server of our own: going on after a break, checksums, archives that would do harm, manifests."""

import csv
import errno
import gzip
import hashlib
import io
import os
import shutil
import stat
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

import audioconv as ac
from audioconv.classify import catalogue, load_dataset
from audioconv.classify.fetch import CHUNK, fetch
from tests.command import refused, run


def wave(seed=0):
    sound = io.BytesIO()
    import soundfile

    soundfile.write(sound, np.random.default_rng(seed).uniform(-0.1, 0.1, 4000), 16000, format="WAV")
    return sound.getvalue()


def packed_tar(files, links=()):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target, kind in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            tar.addfile(member)
    return data.getvalue()


def packed_zip(files, link=None):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
        if link:
            member = zipfile.ZipInfo(link)
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
            packed.writestr(member, "/etc/passwd")
    return data.getvalue()


def commands_files(root="./"):
    speakers = {"train": ["aa", "bb"], "val": ["cc"], "test": ["dd"]}
    files = {f"{root}_background_noise_/hum.wav": wave()}
    held = {"val": [], "test": []}
    for word in ("yes", "no"):
        for split, names in speakers.items():
            for name in names:
                path = f"{word}/{name}_nohash_0.wav"
                files[root + path] = wave(len(files))
                held.get(split, []).append(path)
    files[f"{root}validation_list.txt"] = "\n".join(held["val"]).encode()
    files[f"{root}testing_list.txt"] = "\n".join(held["test"]).encode()
    return files


DIGITS = {
    f"set-1.0.9/recordings/{d}_{who}_{i}.wav": wave(i) for d in "01" for who in ("ann", "bo") for i in (0, 4, 5, 9)
}
SOUNDS = {f"ESC-50-master/audio/{i}.wav": wave(i) for i in range(4)} | {
    "ESC-50-master/meta/esc50.csv": b"filename,fold,target,category,esc10,src_file,take\n"
    + b"".join(b"%d.wav,%d,0,%s,False,7%d,A\n" % (i, 1 + i % 2, (b"dog", b"rain")[i // 2], i) for i in range(4))
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        if server.instead:
            self.answer_with(*server.instead.pop(0))
            return
        if server.status:
            self.send_error(server.status)
            return
        content, first = server.content, 0
        tag_fits = self.headers.get("If-Range") in (None, server.tag)
        if wanted and server.ranges and tag_fits:
            first = int(wanted.split("=")[1].rstrip("-"))
            if first >= len(content):
                self.answer_with(416, {"Content-Range": f"bytes */{len(content)}"}, b"")
                return
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(content) - first))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if server.tag:
            self.send_header("ETag", server.tag)
        self.end_headers()
        until = len(content) if server.breaks_at is None else server.breaks_at
        self.wfile.write(content[first : max(first, until)])
        server.served += max(0, until - first)
        server.breaks_at = None

    def answer_with(self, status, headers, body):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOCONV_CACHE", str(tmp_path / "cache"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.content, server.ranges, server.breaks_at, server.status, server.tag = b"", True, None, None, '"one"'
    server.asked, server.served, server.instead = [], 0, []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def entry(server, content, rows=catalogue.speech_commands_rows, name="set.tar.gz", sha256=""):
    server.content = content
    digest = hashlib.sha256(content).hexdigest() if sha256 == "" else sha256
    url = f"http://127.0.0.1:{server.server_address[1]}/{name}"
    return catalogue.PublicSet("words", "Words", url, digest, 1, "CC0", rows)


def manifest(folder):
    with open(folder / "manifest.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def downloads(folder):
    return sorted(path.name for path in (folder / "cache" / "downloads").iterdir())


def parts_left(folder):
    return [path.name for path in folder.iterdir() if path.name != "cache"]


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
        assert found.url.startswith("http")
        assert found.sha256 is None or len(found.sha256) == 64
        assert callable(found.rows)


# --- on the way -----------------------------------------------------------------------------------------------


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


PAGE = b"<html><head><title>Hotel\n WiFi</title><style>b {}</style></head><body>please <b>log in</b></body></html>"


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


# --- unpacking ------------------------------------------------------------------------------------------------

GOOD = commands_files()


@pytest.mark.parametrize(
    "content",
    [
        packed_tar(GOOD | {"../out.txt": b"x"}),
        packed_tar(GOOD | {"/tmp/out.txt": b"x"}),
        packed_tar(GOOD, [("yes/link", "/etc/passwd", tarfile.SYMTYPE)]),
        packed_tar(GOOD, [("yes/link", "../../x", tarfile.LNKTYPE)]),
        packed_tar(GOOD, [("pipe", "", tarfile.FIFOTYPE)]),
        packed_zip(GOOD | {"../out.txt": b"x"}),
        packed_zip(GOOD | {"/tmp/out.txt": b"x"}),
        packed_zip(GOOD | {"..\\out.txt": b"x"}),
        packed_zip(GOOD, "yes/link"),
        packed_tar(GOOD)[:-2000],
        packed_zip(GOOD)[:-2000],
        packed_tar(GOOD)[:40_000] + b"\0" * 100 + packed_tar(GOOD)[40_100:],
        packed_zip({"a": b"x", "a/b": b"x"}),
        b"no archive at all",
        packed_tar({"a/b.txt": b"x"}),
    ],
)
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
