"""A wake-word service of the Wyoming protocol over TCP: a session for each client, memory within bounds."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit

from wyoming.error import Error
from wyoming.event import Event, async_write_event

from audioconv.arrays import whole
from audioconv.classify import KeywordClassifier
from audioconv.detect import KeywordDetector
from audioconv.errors import ArgumentError
from audioconv.serve.events import MOST_LINE, PATIENCE_S, read_event
from audioconv.serve.listener import words_of
from audioconv.serve.session import Session
from audioconv.serve.until_stopped import run_until_stopped

MOST_CLIENTS = 32


def address_of(uri: str) -> tuple[str, int]:
    """Host and port of tcp://HOST:PORT.

    Raises
    ------
    ArgumentError
        For anything else.
    """
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port that is none
        host = port = None
    if host is None or port is None or parts.scheme != "tcp" or parts.path not in ("", "/"):
        raise ArgumentError(f"an address must be tcp://HOST:PORT, such as tcp://127.0.0.1:10400, not {uri!r}")
    return host, port


class WyomingService:
    """Sessions of clients over TCP.

    Parameters
    ----------
    estimator : KeywordDetector or KeywordClassifier
        Fitted.
    threshold : float, optional
        The score from which a word counts; by default the estimator's own.
    clients : int
        At once; more are told so and sent away.

    Attributes
    ----------
    words : tuple of str
        That clients are told.
    served, told : int
        Clients that came, and answers of words that were sent, so far.

    Examples
    --------
    >>> import asyncio, audioconv as ac
    >>> from audioconv.serve import WyomingService
    >>> async def once():
    ...     async with WyomingService(ac.KeywordDetector.load()) as service:
    ...         return await service.start("tcp://127.0.0.1:0") > 0
    >>> asyncio.run(once())
    True
    """

    def __init__(
        self,
        estimator: KeywordDetector | KeywordClassifier,
        *,
        threshold: float | None = None,
        clients: int = MOST_CLIENTS,
    ) -> None:
        self._estimator, self._threshold = estimator, threshold
        self._clients = whole(clients, "clients")
        self._tasks = set[asyncio.Task[None]]()
        self._server: asyncio.Server | None = None
        self.served = self.told = 0
        self.words = words_of(estimator)

    async def start(self, uri: str) -> int:
        """Listen on tcp://HOST:PORT, and return the port; port 0 is one that is free.

        Raises
        ------
        ArgumentError, OSError
            For another address, and one that cannot be listened on.
        """
        host, port = address_of(uri)
        self._server = await asyncio.start_server(self._come, host, port, limit=MOST_LINE)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def stop(self) -> None:
        """Close all connections, and listen no more."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        full = len(self._tasks) >= self._clients
        self._tasks.add(task)
        self.served += 1
        try:
            if full:
                await _write(writer, Error(f"{self._clients} clients are served already", "busy").event())
            else:
                await self._converse(reader, writer)
        except (OSError, TimeoutError):  # it went away, or does not read what it is told
            pass
        except asyncio.CancelledError:  # by `stop`; asyncio before Python 3.12 prints a traceback of tasks that end so
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self._estimator, self._threshold)
        while True:
            try:
                event = await read_event(reader)
            except ArgumentError as error:
                await _write(writer, Error(str(error), "bad-event").event())
                return
            if event is None:
                return
            for answer in session.handle(event):
                self.told += answer.type == "detection"
                await _write(writer, answer)


async def _write(writer: asyncio.StreamWriter, event: Event) -> None:
    await asyncio.wait_for(async_write_event(event, writer), PATIENCE_S)


def serve_wyoming(service: WyomingService, uri: str, announce: Callable[[str], object] = lambda uri: None) -> None:
    """Run a service until Ctrl-C or SIGTERM.

    Parameters
    ----------
    service : WyomingService
    uri : str
        tcp://HOST:PORT
    announce : callable
        announce(uri) is called when clients can come, with the port that was found.

    Raises
    ------
    ArgumentError, OSError
        For another address, and one that cannot be listened on.
    """

    async def start() -> str:
        port = await service.start(uri)
        host = address_of(uri)[0]
        return f"tcp://{f'[{host}]' if ':' in host else host}:{port}"

    run_until_stopped(service, start, announce)
