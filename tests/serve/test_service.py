"""The service over loopback: several clients at once, garbage, bounds, and an end without traces."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.info import Describe, Info
from wyoming.wake import Detect

import audioconv as ac
from audioconv.serve import WyomingService
from audioconv.serve.events import MOST_LINE, MOST_SOUND, read_event
from audioconv.serve.service import address_of
from tests.command import refused
from tests.models_at_random import random_detector
from tests.serve.test_session import DETECTOR, as_bytes, said
from tests.tone_detector import RATE

FORM = {"rate": RATE, "width": 2, "channels": 1}


def served(use, **settings):
    """Run use(port) beside a service; what it returns, and the service."""

    async def both():
        async with WyomingService(DETECTOR, **settings) as service:
            return await asyncio.wait_for(use(await service.start("tcp://127.0.0.1:0")), 60), service

    return asyncio.run(both())


async def heard(port, sound, names=None):
    """What a client of the package wyoming is told of a sound."""
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Detect(names=names).event())
        await client.write_event(AudioStart(**FORM).event())
        for first in range(0, len(sound), 1024):
            await client.write_event(AudioChunk(audio=as_bytes(sound[first : first + 1024], 2), **FORM).event())
            await asyncio.sleep(0)
        await client.write_event(AudioStop().event())
        told = [await client.read_event()]
        while len(told) < 3 and told[-1].type == "detection":
            try:
                told.append(await asyncio.wait_for(client.read_event(), 0.5))
            except TimeoutError:
                break
        return [event.data.get("name", event.type) for event in told]


async def described(port):
    """The words that the service says it tells."""
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Describe().event())
        return [model.name for model in Info.from_event(await client.read_event()).wake[0].models]


def test_several_clients_are_told_their_own_words_at_once():
    async def use(port):
        return await asyncio.gather(
            heard(port, said("high", "low")), heard(port, said("low")), heard(port, said("high", "low"), ["low"]),
            heard(port, 0 * said("low")),
        )  # fmt: skip

    found, service = served(use)
    assert found == [["high", "low"], ["low"], ["low"], ["not-detected"]]
    assert (service.served, service.told) == (4, 4)


async def replies(port, sent):
    """All that comes back for some bytes, until the service closes the connection or 0.3 s pass without more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    found = []
    try:
        while line := await asyncio.wait_for(reader.readline(), 0.3):
            header = json.loads(line)
            header["data"] = json.loads(await reader.readexactly(header.get("data_length", 0)) or b"{}")
            found.append(header)
        found.append("closed")
    except TimeoutError:
        pass
    finally:
        writer.close()
    return found


@pytest.mark.parametrize(
    ("sent", "said_of_it"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "an event must be an object in JSON, not b'GET / HTTP/1.1"),
        (b"\n", "an event must be an object in JSON"),
        (b"[1]\n", "an event must be an object in JSON, not b'[1]"),
        (b"[" * 50_000 + b"\n", "an event must be an object in JSON"),
        (b'{"type": 3}\n', "the type of an event must be text, not 3"),
        (b'{"type": "ping", "data": [1]}\n', "the data of an event must be an object, not [1]"),
        (b'{"type": "ping", "data_length": 3}\n[1]', "the data of an event must be an object in JSON"),
        (b'{"type": "ping", "data_length": -1}\n', "data_length of an event must be a whole number from 0 to 65536"),
        (b'{"type": "audio-chunk", "payload_length": 99999999999}\n', f"from 0 to {MOST_SOUND}, not 99999999999"),
        (b'{"type": "audio-chunk", "payload_length": 1e3}\n', "payload_length of an event must be a whole number"),
        (b"x" * (MOST_LINE + 10), f"a line of an event may have {MOST_LINE} bytes"),
        (b"\xff\xfe\x00\n", "an event must be an object in JSON"),
    ],
)
def test_garbage_is_told_and_the_connection_closed(sent, said_of_it):
    async def use(port):
        return await replies(port, sent), await heard(port, said("low"))

    (answers, others), _ = served(use)
    assert answers[0]["type"] == "error"
    assert said_of_it in answers[0]["data"]["text"]
    assert answers[1:] == ["closed"]
    assert others == ["low"]


@given(sent=st.binary(max_size=300))
def test_no_bytes_break_the_reader(sent):
    async def read():
        reader = asyncio.StreamReader(limit=MOST_LINE)
        reader.feed_data(sent)
        reader.feed_eof()
        try:
            while await read_event(reader) is not None:
                pass
        except ac.ArgumentError as error:
            return str(error)
        return "the end"

    assert asyncio.run(read())


def test_a_client_that_leaves_in_the_middle_or_says_nothing_is_no_trouble():
    async def use(port):
        silent = await asyncio.open_connection("127.0.0.1", port)
        for part in (b'{"type": "audio', b'{"type": "audio-chunk", "payload_length": 1000}\n123'):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(part)
            await writer.drain()
            writer.close()
        found = await heard(port, said("high"))
        silent[1].close()
        return found

    found, _ = served(use)
    assert found == ["high"]


def test_more_clients_than_allowed_are_sent_away():
    async def use(port):
        async with AsyncTcpClient("127.0.0.1", port) as first:
            await first.write_event(Describe().event())
            assert (await first.read_event()).type == "info"
            turned_away = await replies(port, b"")
        await asyncio.sleep(0.1)
        return turned_away, await heard(port, said("low"))

    (turned_away, later), _ = served(use, clients=1)
    assert turned_away[0]["data"]["text"] == "1 clients are served already"
    assert turned_away[1:] == ["closed"]
    assert later == ["low"]


@pytest.mark.parametrize(
    "uri", ["udp://h:1", "tcp://h", "tcp://h:99999", "tcp://h:x", "tcp://:1", "h:1", "", "tcp://h:1/x"]
)
def test_addresses_that_are_none_are_refused(uri):
    with pytest.raises(ac.ArgumentError, match=r"an address must be tcp://HOST:PORT, such as tcp://127\.0\.0\.1:10400"):
        address_of(uri)


def test_addresses_are_read():
    assert address_of("tcp://0.0.0.0:10400") == ("0.0.0.0", 10400)
    assert address_of("tcp://[::1]:0/") == ("::1", 0)


def test_the_command_refuses_what_it_cannot_do(tmp_path):
    assert "there is nothing to serve: --wyoming" in refused("serve")
    assert "an address must be tcp://HOST:PORT" in refused("serve", "--wyoming", "127.0.0.1:10400")
    assert "no.safetensors does not exist; a model file is wanted" in refused(
        "serve", "--wyoming", "tcp://127.0.0.1:0", "--model", tmp_path / "no.safetensors"
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to handle")
def test_the_command_serves_until_it_is_told_to_end(tmp_path):
    random_detector().save(tmp_path / "words.safetensors")
    command = [sys.executable, "-m", "audioconv", "serve", "--wyoming", "tcp://127.0.0.1:0", "--model",
               str(tmp_path / "words.safetensors")]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = next(line for line in iter(process.stderr.readline, "") if "listening on" in line)
            port = int(line.split("tcp://127.0.0.1:")[1].split()[0])
            words = asyncio.run(described(port))
            with socket.create_connection(("127.0.0.1", port)) as waiting:
                waiting.sendall(b'{"type": "ping"}\n')
                assert b"pong" in waiting.recv(1000)
                process.send_signal(signal.SIGTERM)
                out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert line.endswith("for no, yes\n")
    assert words == ["no", "yes"]
    assert (process.returncode, out) == (0, "2 clients, 0 words told\n")
    assert "Traceback" not in err
