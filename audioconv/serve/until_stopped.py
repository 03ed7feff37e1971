"""A service that runs until someone ends it."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any


def run_until_stopped(
    service: AbstractAsyncContextManager[Any], start: Callable[[], Awaitable[str]], announce: Callable[[str], object]
) -> None:
    """Run a service until Ctrl-C or SIGTERM.

    Parameters
    ----------
    service : asynchronous context manager
        Stops the service at its end.
    start : callable
        Coroutine function that begins to listen, and gives the address.
    announce : callable
        announce(address) is called when clients can come.
    """

    async def until_stopped() -> None:
        stopped = asyncio.Event()
        with contextlib.suppress(NotImplementedError):  # Windows has no such handlers; Ctrl-C ends it there
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        async with service:
            announce(await start())
            await stopped.wait()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(until_stopped())
