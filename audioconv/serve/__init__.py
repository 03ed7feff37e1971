"""Detectors and chains for others: words for programs by the Wyoming protocol, and a live page for browsers.

Names are loaded on first use: `Session`, `WyomingService` and `serve_wyoming` need the package wyoming, `WebService`
and `serve_web` need starlette, uvicorn and websockets, and none of them needs what the others do.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audioconv.serve.service import WyomingService, serve_wyoming
    from audioconv.serve.session import Session
    from audioconv.serve.web.service import WebService, serve_web

_HOME = {
    "Session": "session",
    "WyomingService": "service",
    "serve_wyoming": "service",
    "WebService": "web.service",
    "serve_web": "web.service",
}

__all__ = ["Session", "WebService", "WyomingService", "serve_web", "serve_wyoming"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'audioconv.serve' has no attribute {name!r}")
    return getattr(import_module(f"audioconv.serve.{_HOME[name]}"), name)
