"""The live page and its sound over HTTP: a session for each page, memory within bounds."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from audioconv.arrays import whole
from audioconv.classify import KeywordClassifier
from audioconv.detect import KeywordDetector
from audioconv.errors import ArgumentError
from audioconv.parallel import thread_count
from audioconv.serve.listener import Listener, words_of
from audioconv.serve.until_stopped import run_until_stopped
from audioconv.serve.web.access import AccessControl
from audioconv.serve.web.chains import TRIED_AT, Chains
from audioconv.serve.web.messages import MOST_BYTES
from audioconv.serve.web.session import PageSession

PORT = 8765
MOST_PAGES = 8  # at once, by default
MOST_CONNECTIONS = 64  # beside those of pages
PAGE = Path(__file__).with_name("page")
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
END_S = 3.0  # for connections to end


class _Server(uvicorn.Server):
    """Without handlers of signals: `run_until_stopped` has them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class WebService:
    """A page in the browser, whose sound goes through a chain and back, and is searched for words.

    Parameters
    ----------
    estimator : KeywordDetector or KeywordClassifier
        Fitted.
    chains : sequence of paths
        Chains in TOML files, beside those that come along.
    threshold : float, optional
        The score from which a word counts; by default the estimator's own.
    clients : int
        Pages that sound at once; more are told so and sent away.

    Attributes
    ----------
    words : tuple of str
        That pages are told.
    token : str
        Part of the address; who does not know it gets nothing.
    served, told : int
        Pages that sounded, and words that they were told, so far.

    Raises
    ------
    ArgumentError, AudioFileError
        For a file that is no chain for a page.

    Examples
    --------
    >>> import asyncio, audioconv as ac
    >>> from audioconv.serve import WebService
    >>> async def once():
    ...     async with WebService(ac.KeywordDetector.load()) as service:
    ...         return (await service.start(port=0)).startswith("http://127.0.0.1:")
    >>> asyncio.run(once())
    True
    """

    def __init__(
        self,
        estimator: KeywordDetector | KeywordClassifier,
        *,
        chains: Sequence[Path] = (),
        threshold: float | None = None,
        clients: int = MOST_PAGES,
    ) -> None:
        self._estimator, self._threshold = estimator, threshold
        self._chains, self._clients = Chains(chains), whole(clients, "clients")
        self._executor = ThreadPoolExecutor(thread_count(), thread_name_prefix="audioconv-web")
        self._files = {file.name: (file.read_bytes(), TYPES[file.suffix]) for file in PAGE.iterdir()}
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._listen(TRIED_AT).process(np.zeros(TRIED_AT, np.float32))  # what has to be compiled is, before pages come
        self._open = self.served = self.told = 0
        self.words, self.token = words_of(estimator), secrets.token_urlsafe(16)

    async def start(self, host: str = "127.0.0.1", port: int = PORT) -> str:
        """Listen, and return the address of the page; port 0 is one that is free.

        Raises
        ------
        ArgumentError
            For what cannot be listened on.
        """
        if whole(port, "port", least=0) >= 1 << 16:
            raise ArgumentError(f"port must be from 0 to {(1 << 16) - 1}, not {port}")
        try:
            listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except OSError as error:
            why = error.strerror or error
            raise ArgumentError(f"cannot listen on {host}, port {port}: {why}; another host or port may do") from error
        config = uvicorn.Config(
            AccessControl(self._app(), self.token, host), loop="asyncio", http="h11", ws="websockets-sansio",
            lifespan="off", ws_max_size=MOST_BYTES, ws_per_message_deflate=False,
            limit_concurrency=self._clients + MOST_CONNECTIONS,
            log_config=None, log_level="error", access_log=False, server_header=False, proxy_headers=False,
            timeout_graceful_shutdown=round(END_S),
        )  # fmt: skip
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.01)
        own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # of all addresses one that leads here
        name = f"[{own}]" if ":" in own else own
        return f"http://{name}:{listening.getsockname()[1]}/{self.token}/"

    async def stop(self) -> None:
        """Close all connections, and listen no more."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
        self._executor.shutdown()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _app(self) -> Starlette:
        return Starlette(routes=[
            Route("/", self._file), Route("/about.json", self._about), WebSocketRoute("/sound", self._sound),
            Route("/{name}", self._file),
        ])  # fmt: skip

    async def _file(self, request: Request) -> Response:
        content, kind = self._files.get(request.path_params.get("name", "index.html"), (None, "text/plain"))
        return Response("no such file", 404) if content is None else Response(content, media_type=kind)

    async def _about(self, _: Request) -> Response:
        return JSONResponse({"chains": self._chains.names, "words": self.words})

    def _listen(self, sample_rate: int) -> Listener:
        return Listener(self._estimator, self._threshold, sample_rate)

    async def _sound(self, page: WebSocket) -> None:
        await page.accept()
        session = PageSession(page, self._chains, self._listen, self._executor)
        self._open += 1
        try:
            if self._open > self._clients:
                await session.turn_away(f"{self._clients} pages sound already; close one of them")
                return
            self.served += 1
            await session.converse()
        except (WebSocketDisconnect, OSError, TimeoutError):  # it went away, or does not read what it is told
            pass
        finally:
            self._open -= 1
            self.told += session.told


def serve_web(
    service: WebService, host: str = "127.0.0.1", port: int = PORT, announce: Callable[[str], object] = lambda url: None
) -> None:
    """Run a service until Ctrl-C or SIGTERM.

    Parameters
    ----------
    service : WebService
    host : str
        127.0.0.1: for browsers on this machine alone.
    port : int
    announce : callable
        announce(url) is called when pages can come, with the address of the page.

    Raises
    ------
    ArgumentError
        For what cannot be listened on.
    """
    run_until_stopped(service, lambda: service.start(host, port), announce)
