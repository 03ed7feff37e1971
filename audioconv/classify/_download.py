"""Download of an archive: resumes where an earlier try stopped; what is no archive is refused.

Login pages of hotel networks and error pages of proxies and mirrors come with status 200. So the first bytes are looked
at before anything is written, and a page neither replaces a part that came earlier nor gets the archive's name.
"""

import gzip
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from audioconv.errors import DownloadError

if TYPE_CHECKING:
    from requests import Response

ByteProgress: TypeAlias = Callable[[str, int, int], None]  # (what, done, total), in bytes

TIMEOUT_S = 30
CHUNK = 1 << 14  # so much at most is lost when a connection breaks
HEAD_BYTES = 512  # by which archives are told apart
MAX_PAGE_TEXT = 80  # characters of a page that an error quotes
PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 206, 416  # HTTP status codes
GZIP = b"\x1f\x8b"
MAGICS = (GZIP, b"PK\x03\x04", b"PK\x05\x06", b"BZh", b"\xfd7zXZ\0")  # gzip, zip, an empty zip, bzip2, xz
TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
OTHER_MEANS = "download it by other means, and give the file as --archive"


def silent(what: str, done: int, total: int) -> None:
    """Show no progress."""


def download(url: str, path: Path, sha256: str | None = None, progress: ByteProgress = silent) -> None:
    """Download an archive to `path`, unless it is there already.

    Parameters
    ----------
    url : str
    path : pathlib.Path
        Parts are kept beside it. What is there already and is no archive is downloaded anew.
    sha256 : str, optional
        Of the archive; another file is downloaded anew, and refused if it comes again.
    progress : callable
        progress("downloading", done, total), in bytes.

    Raises
    ------
    DownloadError
        If it cannot be had (what came is kept, and the next call goes on from there), or is not what it should be
        (nothing of it is kept).
    """
    import pooch
    import requests

    if path.is_file() and not is_archive(_head_of(path)):
        path.unlink()
    downloader = _Resuming(path.with_name(f"{path.name}.part"), progress)
    try:
        pooch.get_logger().setLevel("ERROR")  # the bar says what happens
        pooch.retrieve(url, f"sha256:{sha256}" if sha256 else None, path.name, path.parent, downloader=downloader)
    except requests.RequestException as error:
        raise DownloadError(f"cannot download {url}: {_reason(error)}; try again to go on, or {OTHER_MEANS}") from error
    except ValueError as error:  # pooch's, when the digest differs; it has removed the file
        raise DownloadError(
            f"what came from {url} is not what it should be: {error}; it is removed: try again, or {OTHER_MEANS}"
        ) from error
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(
            f"cannot write {path}: {error.strerror or error}; what came is kept: mend this and try again to go on"
        ) from error


def is_archive(first: bytes) -> bool:
    """Whether a file whose first `HEAD_BYTES` or more are these is an archive of a kind that is unpacked here."""
    return first.startswith(MAGICS) or first[TAR_MAGIC_AT:].startswith(TAR_MAGIC)


def _head_of(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(HEAD_BYTES)


def _reason(error: BaseException) -> str:
    """The last cause in a chain of errors, which says most."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server says {response.status_code} {response.reason}"
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error) or type(error).__name__


class _Resuming:
    """A downloader for pooch that resumes where an earlier one stopped, if the file at the server is still the same."""

    def __init__(self, part: Path, progress: ByteProgress) -> None:
        self._part, self._validator_file, self._progress = part, part.with_name(f"{part.name}.etag"), progress

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        import requests

        received, validator, total = self._partial()
        headers = {"Accept-Encoding": "identity"}
        if received:
            headers["Range"] = f"bytes={received}-"
            if validator:
                headers["If-Range"] = validator
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            partial = response.status_code in (PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE)
            if received and partial and not _fits(response, received, validator, total):
                self._discard()
                self(url, output_file, pooch)
                return
            if response.status_code != RANGE_NOT_SATISFIABLE or not received:  # else all of it is here
                response.raise_for_status()
                self._receive(response, received if response.status_code == PARTIAL_CONTENT else 0)
        _unwrapped(self._part)
        os.replace(self._part, output_file)
        self._discard()

    def _partial(self) -> tuple[int, str, int]:
        """What an earlier try left: bytes, the validator of the server's file (for If-Range), and its length or 0."""
        if not self._part.is_file() or not is_archive(_head_of(self._part)):
            self._discard()
            return 0, "", 0
        lines = self._validator_file.read_text().splitlines() if self._validator_file.is_file() else []
        validator, total = [*lines, "", ""][:2]
        return self._part.stat().st_size, validator, int(total or 0)

    def _discard(self) -> None:
        for path in (self._part, self._validator_file):
            path.unlink(missing_ok=True)

    def _receive(self, response: "Response", received: int) -> None:
        """Write what comes behind `received` bytes of an earlier part, if it is (of) an archive."""
        import requests

        total = received + int(response.headers.get("Content-Length") or 0)
        chunks: Iterable[bytes] = _chunks(response)
        if not received:
            first, chunks = _head(chunks)
            _refuse_pages(response, first)
            self._validator_file.write_text(f"{_validator(response)}\n{total or ''}\n")
        with open(self._part, "ab" if received else "wb") as file:
            for chunk in chunks:
                file.write(chunk)
                received += len(chunk)
                self._progress("downloading", received, max(total, received))
        if received < total:
            raise requests.ConnectionError(f"the connection ended after {received} of {total} bytes")


def _chunks(response: "Response") -> Iterator[bytes]:
    """The raw bytes of a response: a `.tar.gz` is often said to be a tar in gzip encoding, and would be unpacked."""
    import requests
    import urllib3

    response.raw.enforce_content_length = False  # `_receive` counts, and says it in plainer words
    try:
        yield from response.raw.stream(CHUNK, decode_content=False)
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from error


def _head(chunks: Iterable[bytes]) -> tuple[bytes, Iterable[bytes]]:
    """The first bytes, and all chunks again."""
    rest = iter(chunks)
    first: list[bytes] = []
    while sum(len(chunk) for chunk in first) < HEAD_BYTES and (chunk := next(rest, b"")):
        first.append(chunk)
    return b"".join(first), chain(first, rest)


def _validator(response: "Response") -> str:
    """The validator of this version of the server's file, for If-Range; or an empty string."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _fits(response: "Response", received: int, validator: str, total: int) -> bool:
    """Whether a response goes on behind `received` bytes of the same file, or says that there is no more of it."""
    span, _, size = response.headers.get("Content-Range", "").removeprefix("bytes").strip().partition("/")
    if response.status_code == RANGE_NOT_SATISFIABLE:
        return bool(validator) and size == str(received) == str(total)
    same = _validator(response) in ("", validator) or not validator
    return same and span.startswith(f"{received}-") and (not total or size in ("*", str(total)))


def _refuse_pages(response: "Response", first: bytes) -> None:
    if first.startswith(GZIP) and response.headers.get("Content-Encoding", "").lower().strip() in ("gzip", "x-gzip"):
        inner = _gunzipped(first)
        first = inner if _text(inner) else first
    if is_archive(first):
        return
    url = (response.history or [response])[0].url
    raise DownloadError(
        f"what came from {url} is no archive: {_described(response, first)}. A login page of this network, or a proxy? "
        f"Nothing of it is kept; once the network is in order try again, or {OTHER_MEANS}"
    )


def _described(response: "Response", first: bytes) -> str:
    """What the server sent instead of an archive, in a line."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip() or "data of no stated kind"
    text = _text(first)
    if not first:
        what = "nothing (0 bytes)"
    elif text:
        what = f"{kind}, {text!r}"
    else:
        what = f"{kind} that begins with the bytes {first[:4].hex(' ')}"
    if not response.history:
        return f"the server sent {what}"
    final = urlsplit(response.url)
    return f"the server sent us on to {final.scheme}://{final.netloc}{final.path} and that sent {what}"


def _text(first: bytes) -> str:
    """The first words of a page, or an empty string for data that is no text."""
    if b"\0" in first or not first.strip():
        return ""
    page = first.decode("utf-8", errors="replace")
    if page.count("\ufffd") > len(page) // 20 + 1:
        return ""
    title = re.search(r"<title[^>]*>(.*?)</title", page, re.DOTALL | re.IGNORECASE)
    plain = re.sub(
        r"<(script|style)\b.*?</\1>|<[^>]*>", " ", title[1] if title else page, flags=re.DOTALL | re.IGNORECASE
    )
    words = " ".join(plain.split())
    return words if len(words) <= MAX_PAGE_TEXT else words[: MAX_PAGE_TEXT - 3] + "..."


def _gunzipped(first: bytes) -> bytes:
    with suppress(zlib.error):
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(first, HEAD_BYTES)
    return b""


def _unwrapped(part: Path) -> None:
    """Take off the gzip layer that some proxies put around what is packed already."""
    with open(part, "rb") as file:
        first = file.read(CHUNK)
    if not (first.startswith(GZIP) and _gunzipped(first).startswith(MAGICS)):
        return
    inner = part.with_name(f"{part.name}.inner")
    try:
        with gzip.open(part) as packed, open(inner, "wb") as plain:
            shutil.copyfileobj(packed, plain)
        os.replace(inner, part)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        pass  # cut short: unpacking it will say so
    finally:
        inner.unlink(missing_ok=True)
