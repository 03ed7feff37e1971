"""Events of the Wyoming protocol from a connection, read within bounds.

An event is a line of JSON: its type, its data, and how many bytes of more data and of sound follow the line. The
package `wyoming` reads as many bytes as a line asks for; here what is too much ends the connection.
"""

import asyncio
import json
from typing import Any

from wyoming.event import Event

from audioconv.errors import ArgumentError

MOST_LINE = 1 << 16  # bytes of a line
MOST_DATA = 1 << 16  # bytes of data after it
MOST_SOUND = 1 << 20  # bytes of sound: 2.7 s of 32-bit stereo at 48 kHz
PATIENCE_S = 10.0  # in which the rest of an event must come


async def read_event(reader: asyncio.StreamReader) -> Event | None:
    """Read the next event.

    Parameters
    ----------
    reader : asyncio.StreamReader
        With a limit of `MOST_LINE`.

    Returns
    -------
    event : wyoming.event.Event or None
        None at the end of the connection.

    Raises
    ------
    ArgumentError
        For what is no event, or a larger one than is allowed; nothing after it can be understood.
    """
    try:
        line = await reader.readline()
    except ValueError as error:  # the line is longer than the reader's limit
        raise ArgumentError(f"a line of an event may have {MOST_LINE} bytes, and this one has more") from error
    if not line:
        return None
    header = _object(line, "an event")
    kind = header.get("type")
    if not isinstance(kind, str):
        raise ArgumentError(f"the type of an event must be text, not {kind!r:.60}")
    sizes = [_size(header, "data_length", MOST_DATA), _size(header, "payload_length", MOST_SOUND)]
    try:
        data, sound = await asyncio.wait_for(_read(reader, sizes), PATIENCE_S)
    except asyncio.IncompleteReadError:
        return None  # it ended in the middle
    except TimeoutError as error:
        raise ArgumentError(f"the rest of an event did not come within {PATIENCE_S:g} s") from error
    fields = header.get("data") or {}
    if not isinstance(fields, dict):
        raise ArgumentError(f"the data of an event must be an object, not {fields!r:.60}")
    return Event(kind, fields | (_object(data, "the data of an event") if data else {}), sound or None)


async def _read(reader: asyncio.StreamReader, sizes: list[int]) -> list[bytes]:
    return [await reader.readexactly(size) if size else b"" for size in sizes]


def _object(text: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"{name} must be an object in JSON, not {text[:60]!r}") from error
    if not isinstance(found, dict):
        raise ArgumentError(f"{name} must be an object in JSON, not {text[:60]!r}")
    return found


def _size(header: dict[str, Any], name: str, most: int) -> int:
    size = header.get(name)
    if size is None:
        return 0
    if type(size) is not int or not 0 <= size <= most:
        raise ArgumentError(f"{name} of an event must be a whole number from 0 to {most}, not {size!r:.60}")
    return size
