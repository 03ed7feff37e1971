"""Messages between a page and the service, within bounds.

A message of bytes is sound: the position of its first sample, as a float64, and float32 samples, both little-endian;
channels are interleaved. A message of text is an object in JSON with a `type`.
"""

import json
import struct
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from audioconv._typing import Float32Array, FloatArray
from audioconv.classify import Detection
from audioconv.errors import ArgumentError

HEAD = struct.Struct("<d")
MOST_SAMPLES = 8192  # of a message: 0.17 s at 48 kHz
MOST_BYTES = HEAD.size + 4 * MOST_SAMPLES  # of any message that a page sends
MOST_POSITION = 2**53  # that float64 counts exactly


def read_sound(message: bytes) -> tuple[int, Float32Array]:
    """The position and the samples of a message.

    Raises
    ------
    ArgumentError
        For bytes that are no such message.

    Examples
    --------
    >>> read_sound(sound_message(480, np.array([0.5, -0.5], "float32")))
    (480, array([ 0.5, -0.5], dtype=float32))
    """
    size = len(message) - HEAD.size
    if size < 0 or size % 4 or size > 4 * MOST_SAMPLES:
        raise ArgumentError(f"sound must be a position of {HEAD.size} bytes and up to {MOST_SAMPLES} samples of 4, not "
                            f"{len(message)} bytes")  # fmt: skip
    (position,) = HEAD.unpack_from(message)
    if not (0 <= position < MOST_POSITION and position.is_integer()):  # nan and infinity are neither
        raise ArgumentError(f"the position of sound must be a whole number from 0, not {position!r}")
    samples = np.frombuffer(message, "<f4", offset=HEAD.size).astype(np.float32)
    return int(position), samples


def sound_message(position: int, samples: FloatArray) -> bytes:
    """Samples (samples,) or (samples, channels) as a message."""
    return HEAD.pack(position) + np.ascontiguousarray(samples, "<f4").tobytes()


def read_object(text: str) -> dict[str, Any]:
    """The object in a message of text.

    Raises
    ------
    ArgumentError
        For any other text.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"a message must be an object in JSON, not {text[:60]!r}") from error
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        raise ArgumentError(f"a message must be an object in JSON with a type, not {text[:60]!r}")
    return found


def detection_fields(found: Detection) -> dict[str, Any]:
    """A detection as JSON has it."""
    times = {"start_s": round(found.start_s, 3), "end_s": round(found.end_s, 3)}
    return {"label": str(found.label), **times, "score": round(float(found.score), 4)}


class RateLimit:
    """How fast a client may send: what it sends costs time, and it may be so far ahead.

    Parameters
    ----------
    most_ahead_s : float
    clock : callable
        Gives seconds.

    Examples
    --------
    >>> limit = RateLimit(1.0, clock=lambda: 0.0)
    >>> limit.wait_s(0.75), limit.wait_s(0.75)
    (0.0, 0.5)
    """

    def __init__(self, most_ahead_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_ahead_s, self._clock, self._paid_until = most_ahead_s, clock, clock()

    def wait_s(self, cost_s: float) -> float:
        """Pay for a message, and return how long the client's next one has to wait."""
        now = self._clock()
        self._paid_until = max(self._paid_until, now) + cost_s
        return max(0.0, self._paid_until - now - self._most_ahead_s)
