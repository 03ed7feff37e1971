"""The live page: a browser's sound through a chain and back, and the words in it."""

from audioconv.serve.web.service import WebService, serve_web

__all__ = ["WebService", "serve_web"]
