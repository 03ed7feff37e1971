"""The conversation with one page over its WebSocket."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from starlette.websockets import WebSocket, WebSocketDisconnect

from audioconv.errors import ArgumentError, AudioconvError
from audioconv.serve.listener import Listener
from audioconv.serve.web.chains import Chains
from audioconv.serve.web.messages import (
    MOST_SAMPLES,
    RateLimit,
    detection_fields,
    read_object,
    read_sound,
    sound_message,
)
from audioconv.serve.web.stream import Answer, ClientStream

PATIENCE_S = 10.0  # for the first message, and until a page has read what it is sent
IDLE_S = 60.0  # without any message
MOST_AHEAD_S = 5.0  # of real time, that a client may send at once
LEAST_COST_S = 0.002  # of a message, however short
TEXT_COST_S = 0.1
REPORT_S = 0.5  # of sound, between reports
POLICY, BUSY = 1008, 1013  # why a connection is closed (RFC 6455)

_Result = TypeVar("_Result")


class PageSession:
    """What one page is answered, from its hello to its end.

    Parameters
    ----------
    socket : WebSocket
        Accepted.
    chains : Chains
    listen : callable
        listen(sample_rate) gives a `Listener`.
    executor : Executor
        Whose threads do the work, so that sound of several pages is processed side by side.
    """

    def __init__(
        self, socket: WebSocket, chains: Chains, listen: Callable[[int], Listener], executor: Executor
    ) -> None:
        self._socket, self._chains, self._listen, self._executor = socket, chains, listen, executor
        self._rate_limit, self._work_s, self._reported = RateLimit(MOST_AHEAD_S), list[float](), 0
        self.told = 0  # detections

    async def converse(self) -> None:
        """Answer until the page ends it, or says what cannot be understood."""
        try:
            stream = await self._begin()
            while await self._answer(stream, await self._receive(IDLE_S)):
                pass
        except AudioconvError as error:
            await self._send({"type": "error", "text": str(error)})
            await self._close(POLICY, "what was sent cannot be understood")
        except TimeoutError:
            await self._close(POLICY, "nothing came, or nothing was read, for too long")

    async def turn_away(self, why: str) -> None:
        """Say why there is nothing for this page."""
        await self._send({"type": "error", "text": why})
        await self._close(BUSY, why)

    async def _begin(self) -> ClientStream:
        hello = await self._receive(PATIENCE_S)
        if not isinstance(hello, str) or (fields := read_object(hello))["type"] != "hello":
            raise ArgumentError("the first message must be a hello")
        wants_words = fields.get("listen", True)
        if not isinstance(wants_words, bool):
            raise ArgumentError(f"listen must be true or false, not {wants_words!r:.60}")
        stream = await self._work(
            ClientStream, self._chains, self._listen if wants_words else None, fields.get("sample_rate"),
            fields.get("chain", "none"),
        )  # fmt: skip
        await self._send({"type": "ready", "latency": stream.latency, "channels": self._chains.channels})
        return stream

    async def _answer(self, stream: ClientStream, message: str | bytes) -> bool:
        """Answer a message; whether others may follow."""
        if isinstance(message, bytes):
            position, block = read_sound(message)
            began = time.perf_counter()
            answer = await self._work(stream.process, position, block)
            self._work_s.append(time.perf_counter() - began)
            await self._tell(stream, answer)
            await self._pay(max(LEAST_COST_S, len(block) / stream.sample_rate))
            return True
        fields = read_object(message)
        await self._pay(TEXT_COST_S)
        if fields["type"] == "end":
            await self._tell(stream, await self._work(stream.flush))
            await self._send({"type": "end", "samples": stream.position, "dropped": stream.dropped})
            await self._close(1000, "the end")
            return False
        if fields["type"] != "chain":
            raise ArgumentError(f"a message must be a chain or an end, not {fields['type']!r:.60}")
        try:
            await self._work(stream.select, fields.get("chain"))
        except AudioconvError as error:  # the chain before it goes on
            await self._send({"type": "error", "text": str(error)})
        else:
            await self._send({"type": "chain", "chain": fields["chain"], "latency": stream.latency})
        return True

    async def _tell(self, stream: ClientStream, answer: Answer) -> None:
        for first in range(0, len(answer.samples), MOST_SAMPLES):
            part = answer.samples[first : first + MOST_SAMPLES]
            await self._patiently(self._socket.send_bytes(sound_message(answer.position + first, part)))
        if answer.detections:
            self.told += len(answer.detections)
            found = [detection_fields(each) for each in answer.detections]
            told_s = round(stream.position / stream.sample_rate, 3)
            await self._send({"type": "detections", "told_s": told_s, "detections": found})
        if self._work_s and stream.position - self._reported >= REPORT_S * stream.sample_rate:
            work_ms = [1000 * each for each in self._work_s]
            await self._send({
                "type": "report", "mean_ms": round(sum(work_ms) / len(work_ms), 3), "most_ms": round(max(work_ms), 3),
                "latency": stream.latency, "dropped": stream.dropped,
            })  # fmt: skip
            self._work_s, self._reported = [], stream.position

    async def _receive(self, patience_s: float) -> str | bytes:
        event = await asyncio.wait_for(self._socket.receive(), patience_s)
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1000))
        found: str | bytes | None = event.get("text")
        return event["bytes"] if found is None else found

    async def _send(self, fields: dict[str, Any]) -> None:
        await self._patiently(self._socket.send_json(fields))

    async def _close(self, code: int, reason: str) -> None:
        with contextlib.suppress(TimeoutError):  # it does not read; the connection is left then
            await self._patiently(self._socket.close(code, reason))

    async def _patiently(self, sending: Awaitable[None]) -> None:
        await asyncio.wait_for(sending, PATIENCE_S)

    async def _pay(self, cost_s: float) -> None:
        """Read no more for a while from a page that sends faster than sound is: what it sends then waits with it."""
        if wait_s := self._rate_limit.wait_s(cost_s):
            await asyncio.sleep(wait_s)

    async def _work(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
