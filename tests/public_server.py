"""A server of public sets inside the tests, and what it serves: archives with the files of each set."""

import csv
import hashlib
import io
import stat
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import soundfile

from audioconv.classify import catalogue


def wave(seed=0):
    sound = io.BytesIO()
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


GOOD = commands_files()
DIGITS = {
    f"set-1.0.9/recordings/{d}_{who}_{i}.wav": wave(i) for d in "01" for who in ("ann", "bo") for i in (0, 4, 5, 9)
}
SOUNDS = {f"ESC-50-master/audio/{i}.wav": wave(i) for i in range(4)} | {
    "ESC-50-master/meta/esc50.csv": b"filename,fold,target,category,esc10,src_file,take\n"
    + b"".join(b"%d.wav,%d,0,%s,False,7%d,A\n" % (i, 1 + i % 2, (b"dog", b"rain")[i // 2], i) for i in range(4))
}
PAGE = b"<html><head><title>Hotel\n WiFi</title><style>b {}</style></head><body>please <b>log in</b></body></html>"


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


@contextmanager
def serving():
    """A server that answers with `content`, or first with what `instead` holds; it keeps what it was asked for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.content, server.ranges, server.breaks_at, server.status, server.tag = b"", True, None, None, '"one"'
    server.asked, server.served, server.instead = [], 0, []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
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
