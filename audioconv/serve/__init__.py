"""Detectors for other programs: words in sound that comes over the network. Needs the package wyoming."""

from audioconv.serve.service import WyomingService, serve_wyoming
from audioconv.serve.session import Session

__all__ = ["Session", "WyomingService", "serve_wyoming"]
