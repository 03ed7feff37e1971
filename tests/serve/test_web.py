"""The live page's service over loopback: who may come in, several pages at once, garbage, bounds, and its end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import audioconv as ac
from audioconv.serve import WebService
from audioconv.serve.web import session as sessions
from audioconv.serve.web.access import SECURITY_HEADERS
from audioconv.serve.web.messages import MOST_BYTES, read_sound, sound_message
from tests.command import refused
from tests.models_at_random import random_detector
from tests.serve.test_session import DETECTOR, said
from tests.serve.test_web_stream import CHAINS, cut
from tests.tone_detector import RATE

BLOCK = 512


@pytest.fixture(scope="module")
def url():
    """The address of a page whose service runs beside all tests of this file."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    def there(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    service = WebService(DETECTOR)
    try:
        yield there(service.start(port=0))
    finally:
        there(service.stop())
        loop.call_soon_threadsafe(loop.stop)


def served(use, **settings):
    """Run use(url) beside a service; what it returns, and the service."""

    async def both():
        async with WebService(DETECTOR, **settings) as service:
            return await asyncio.wait_for(use(await service.start(port=0)), 60), service

    return asyncio.run(both())


async def http(url, path, host=None, method="GET", origin=None):
    """Status, headers and content of a request for a path below, or instead of, that of the page."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    lines = [f"{method} {path if path.startswith('/') else address.path + path} HTTP/1.1", "Connection: close"]
    lines += [f"Host: {address.netloc if host is None else host}"] + ([f"Origin: {origin}"] if origin else [])
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head, _, content = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in rest), content


@asynccontextmanager
async def page(url, token=None, origin=None, host=None):
    """The WebSocket of a page."""
    address = urlsplit(url)
    name, path = host or address.netloc, address.path if token is None else f"/{token}/"
    origin = f"http://{name}" if origin is None else origin
    where = {"host": address.hostname, "port": address.port}
    uri = f"ws://{name}{path}sound"
    async with connect(uri, origin=origin or None, compression=None, proxy=None, **where) as socket:
        yield socket


async def hello(socket, chain="none", rate=RATE, **fields):
    await socket.send(json.dumps({"type": "hello", "sample_rate": rate, "chain": chain} | fields))
    return json.loads(await socket.recv())


async def read_all(socket):
    """What comes until the end: (blocks of sound, objects, code of the end)."""
    sound, objects = [], []
    try:
        while True:
            message = await socket.recv()
            if isinstance(message, bytes):
                sound.append(read_sound(message))
            else:
                objects.append(json.loads(message))
    except ConnectionClosed as closed:
        return sound, objects, closed.rcvd.code if closed.rcvd else None


async def sounded(url, chain, blocks):
    """What a page gets for blocks."""
    async with page(url) as socket:
        ready = await hello(socket, chain)
        reading = asyncio.create_task(read_all(socket))
        for i, block in enumerate(blocks):
            await socket.send(sound_message(BLOCK * i, block))
            await asyncio.sleep(0)
        await socket.send('{"type": "end"}')
        return ready, *await reading


def test_pages_at_once_get_what_the_chain_makes_and_their_own_words():
    sounds = {"room": said("high", "low"), "denoise": said("low"), "gate": said("high"), "none": 0 * said("low")}
    told = {"room": ["high", "low"], "denoise": ["low"], "gate": ["high"], "none": []}

    async def use(url):
        return await asyncio.gather(*(sounded(url, name, cut(sound, BLOCK)) for name, sound in sounds.items()))

    found, service = served(use)
    for (name, sound), (ready, blocks, objects, code) in zip(sounds.items(), found, strict=True):
        chain = CHAINS.make(name, RATE)
        wanted = [*(chain.process(block) for block in cut(sound, BLOCK)), chain.flush()]
        assert ready == {"type": "ready", "latency": chain.latency, "channels": 1}
        assert [position for position, _ in blocks[: len(wanted) - 1]] == list(range(0, len(sound), BLOCK))
        assert (np.concatenate([samples for _, samples in blocks]) == np.concatenate(wanted)).all()
        words = [word for each in objects if each["type"] == "detections" for word in each["detections"]]
        assert [word["label"] for word in words] == told[name]
        assert [word["end_s"] for word in words] == pytest.approx([w.end_s for w in DETECTOR.detect(sound)], abs=1e-3)
        assert objects[-1] == {"type": "end", "samples": len(sound), "dropped": 0}
        assert code == 1000
    assert (service.served, service.told) == (4, 4)


def test_a_chain_is_exchanged_and_what_cannot_be_made_is_told():
    async def use(url):
        async with page(url) as socket:
            await hello(socket)
            await socket.send('{"type": "chain", "chain": "attic"}')
            await socket.send('{"type": "chain", "chain": "equaliser"}')
            for i in range(20):
                await socket.send(sound_message(BLOCK * i, np.ones(BLOCK, "float32")))
            await socket.send('{"type": "end"}')
            return await read_all(socket)

    (sound, objects, _), _ = served(use)
    assert objects[0]["text"].startswith(
        "chain must be one of 'none', 'room', 'equaliser', 'denoise', 'gate', not 'attic'"
    )
    assert objects[1] == {"type": "chain", "chain": "equaliser", "latency": 0}
    assert {"mean_ms", "most_ms", "latency", "dropped"} < set(objects[2])
    assert sound[0][1][0] == pytest.approx(1, abs=0.01)
    assert np.abs(sound[-1][1]).max() < 0.1  # without what is constant


@pytest.mark.parametrize(
    ("sent", "said_of_it"),
    [
        ([b"sound"], "the first message must be a hello"),
        (["[]"], "a message must be an object in JSON with a type, not '[]'"),
        (["{"], "a message must be an object in JSON, not '{'"),
        (['{"type": "end"}'], "the first message must be a hello"),
        (['{"type": "hello"}'], "sample_rate must be a whole number from 8000 to 192000 Hz, not None"),
        (['{"type": "hello", "sample_rate": 48000, "chain": "x"}'], "chain must be one of 'none'"),
        (['{"type": "hello", "sample_rate": 48000, "listen": 1}'], "listen must be true or false, not 1"),
        ([None, '{"type": "dance"}'], "a message must be a chain or an end, not 'dance'"),
        ([None, b"1234567"], "sound must be a position of 8 bytes and up to 8192 samples of 4, not 7 bytes"),
        ([None, sound_message(0, np.ones(2, "float32"))[:-1]], "not 15 bytes"),
        ([None, b"\xff" * 16], "the position of sound must be a whole number from 0, not nan"),
        ([None, sound_message(0, np.array([np.nan], "float32"))], "samples must be finite"),
        ([None, sound_message(0, np.zeros(9)), sound_message(8, np.zeros(9))], "before the end of the last one, 9"),
    ],
)
def test_garbage_is_told_and_the_connection_closed(sent, said_of_it, url):
    async def use():
        async with page(url) as socket:
            for message in sent:
                if message is None:
                    await hello(socket)
                else:
                    await socket.send(message)
            _, objects, code = await read_all(socket)
        return objects, code, await sounded(url, "none", cut(said("low"), BLOCK))

    objects, code, others = asyncio.run(use())
    assert (objects[-1]["type"], code) == ("error", 1008)
    assert said_of_it in objects[-1]["text"]
    assert [each["type"] for each in others[2]].count("detections") == 1


def test_a_chain_whose_file_has_gone_is_told(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[[stage]]\ntype = "gain"\ngain_db = -6')

    async def use(url):
        file.unlink()
        async with page(url) as first, page(url) as second:
            await hello(first)
            await first.send('{"type": "chain", "chain": "mine"}')
            return json.loads(await first.recv()), await hello(second, "mine"), (await read_all(second))[2]

    (told, refused_at_first, code), _ = served(use, chains=[file])
    assert told["type"] == refused_at_first["type"] == "error"
    assert told["text"] == refused_at_first["text"]
    assert "mine.toml cannot be read" in told["text"]
    assert code == 1008


def test_a_message_that_is_too_large_ends_the_connection(url):
    async def use():
        codes = []
        for message in (bytes(MOST_BYTES + 4), "x" * (MOST_BYTES + 1)):
            async with page(url) as socket:
                await hello(socket)
                await socket.send(message)
                codes.append((await read_all(socket))[2])
        return codes

    assert asyncio.run(use()) == [1009, 1009]


def test_who_says_nothing_is_left(monkeypatch):
    monkeypatch.setattr(sessions, "PATIENCE_S", 0.2)
    monkeypatch.setattr(sessions, "IDLE_S", 0.3)

    async def use(url):
        async with page(url) as silent, page(url) as idle:
            await hello(idle)
            return (await read_all(silent))[2], (await read_all(idle))[2]

    assert served(use)[0] == (1008, 1008)


def test_who_sends_faster_than_time_waits(monkeypatch):
    monkeypatch.setattr(sessions, "MOST_AHEAD_S", 0.1)

    async def use(url):
        began = asyncio.get_running_loop().time()
        await sounded(url, "none", [np.zeros(BLOCK, "float32")] * 32)
        return asyncio.get_running_loop().time() - began

    assert served(use)[0] > 32 * BLOCK / RATE - 0.1 - BLOCK / RATE


def test_more_pages_than_allowed_are_sent_away():
    async def use(url):
        async with page(url) as first:
            await hello(first)
            async with page(url) as second:
                _, objects, code = await read_all(second)
        await asyncio.sleep(0.1)
        return objects, code, (await sounded(url, "none", []))[0]

    (objects, code, later), service = served(use, clients=1)
    assert (objects, code) == ([{"type": "error", "text": "1 pages sound already; close one of them"}], 1013)
    assert (later["type"], service.served) == ("ready", 2)


@pytest.mark.parametrize(
    ("token", "origin", "host"),
    [
        ("", None, None),
        ("x" * 22, None, None),
        ("ö", None, None),
        (None, "http://evil.example", None),
        (None, "null", None),
        (None, "", None),
        (None, "http://127.0.0.1:1", None),
        (None, None, "evil.example"),  # a name of someone else that leads here
        (None, None, "evil.example:80"),
    ],
)
def test_strangers_do_not_connect(token, origin, host, url):
    async def use():
        with pytest.raises(InvalidStatus) as refusal:
            async with page(url, None if token is None else token, origin, host):
                pass
        return refusal.value.response.status_code

    assert asyncio.run(use()) == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1", "[::1]:8765", "192.168.1.5:8765"])
def test_names_of_this_machine_do(host, url):
    async def use():
        async with page(url, host=host) as socket:
            return await hello(socket), (await http(url, "", host))[0]

    ready, status = asyncio.run(use())
    assert (ready["type"], status) == ("ready", 200)


def test_only_who_knows_the_token_gets_the_page(url):
    paths = {"": 200, "page.js": 200, "about.json": 200, "no.js": 404, "../pyproject.toml": 404,
             "%2e%2e/service.py": 404, "a/b": 404, "/": 404, "/page.js": 404, "/x/page.js": 404,
             "/%ff/": 404}  # fmt: skip

    async def use():
        found = {path: await http(url, path) for path in paths}
        odd = [await http(url, "", "evil.example"), await http(url, "", ""), await http(url, "", method="POST")]
        return found, [status for status, *_ in odd]

    found, odd = asyncio.run(use())
    assert {path: status for path, (status, *_) in found.items()} == paths
    assert odd == [421, 421, 405]
    for _, headers, content in found.values():
        assert {name.lower(): value.lower() for name, value in SECURITY_HEADERS.items()}.items() <= headers.items()
        assert "server" not in headers
        assert urlsplit(url).path.strip("/").encode() not in content
    about = json.loads(found["about.json"][2])
    assert about == {"chains": list(CHAINS.names), "words": ["high", "low"]}
    assert [found[path][1]["content-type"] for path in ("", "page.js")] == [
        "text/html; charset=utf-8", "text/javascript; charset=utf-8"
    ]  # fmt: skip
    html = found[""][2].decode()
    assert "http" not in html
    assert "<script>" not in html
    assert " style=" not in html
    assert " on" not in html.split("<body>")[1].replace(" on the", "").replace(" once", "")


def test_the_address_without_its_last_slash_leads_to_the_page(url):
    bare = urlsplit(url).path.rstrip("/")
    status, headers, content = asyncio.run(http(url, bare))
    assert (status, headers["location"], content) == (307, f"{bare.lower()[1:]}/", b"")
    assert urljoin(url.rstrip("/"), f"{bare[1:]}/") == url  # relative: a proxy may have put something before it
    assert SECURITY_HEADERS["Referrer-Policy"] == headers["referrer-policy"]
    assert asyncio.run(http(url, bare[:-1]))[0] == 404  # another token
    assert asyncio.run(http(url, bare, "evil.example"))[0] == 421


def test_tokens_differ():
    assert len({WebService(DETECTOR).token for _ in range(3)}) == 3


def test_what_cannot_be_listened_on_is_said():
    async def use(url):
        with pytest.raises(ac.ArgumentError, match="another host or port may do"):
            async with WebService(DETECTOR) as second:
                await second.start(port=urlsplit(url).port)
        with pytest.raises(ac.ArgumentError, match="port must be from 0 to 65535, not 70000"):
            async with WebService(DETECTOR) as second:
                await second.start(port=70000)

    served(use)


def test_the_command_refuses_what_it_cannot_do(tmp_path):
    assert "--wyoming and --web are two services" in refused("serve", "--web", "--wyoming", "tcp://127.0.0.1:0")
    assert "--port, --chain can be given with --web alone" in refused(
        "serve", "--wyoming", "tcp://127.0.0.1:0", "--port", 0, "--chain", tmp_path / "a.toml"
    )
    assert "no.toml cannot be read" in refused("serve", "--web", "--chain", tmp_path / "no.toml")


def test_the_command_says_which_package_is_missing(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("audioconv.serve.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    line = refused("serve", "--web")
    assert "needs starlette, uvicorn and websockets, and uvicorn is not there: pip install 'audioconv[web]'" in line


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to handle")
def test_the_command_serves_until_it_is_told_to_end(tmp_path):
    random_detector().save(tmp_path / "words.safetensors")
    (tmp_path / "mine.toml").write_text('[[stage]]\ntype = "gain"\ngain_db = -6')
    command = [sys.executable, "-m", "audioconv", "serve", "--web", "--port", "0", "--model",
               str(tmp_path / "words.safetensors"), "--chain", str(tmp_path / "mine.toml")]  # fmt: skip

    async def use(url):
        async with page(url) as socket:
            ready = await hello(socket, "mine", 48000)
            process.send_signal(signal.SIGTERM)
            return ready, (await read_all(socket))[2]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            ready, code = asyncio.run(use(url))
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert url.startswith("http://127.0.0.1:")
    assert (ready["type"], code) == ("ready", 1012)
    assert (process.returncode, out) == (0, "1 page, 0 words told\n")
    assert "listening for no, yes" in err
    assert max(map(len, (line for line in err.splitlines() if line.startswith("audioconv: ")))) <= 80
    assert "Traceback" not in err
