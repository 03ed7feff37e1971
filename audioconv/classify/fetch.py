"""Public sets fetched: downloaded, to go on where it stopped, checked, unpacked in their folder, given a manifest."""

import csv
import hashlib
import os
import secrets
import shutil
import stat
import tarfile
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from audioconv import parallel
from audioconv.errors import DownloadError

TIMEOUT_S = 30
CHUNK = 1 << 14  # so much at most is lost when a connection breaks
ROOM = 3  # an archive and what is in it take so many times as much as the archive


def fetch(entry, folder, *, archive=None, keep=False, progress=None):
    """Download a public set and unpack it into a folder with a `manifest.csv`, which `load_dataset` reads.

    Parameters
    ----------
    entry : PublicSet
        One of `catalogue.CATALOGUE`.
    folder : path
        Must not exist; it appears whole or not at all.
    archive : path, optional
        The archive itself, where it was downloaded by other means.
    keep : bool
        Keep the downloaded archive in the cache folder.
    progress : callable, optional
        progress(what, done, total), in bytes.

    Returns
    -------
    clips : int
        In the manifest.
    sha256 : str
        Of the archive.

    Raises
    ------
    DownloadError
        If the folder is there already, the archive cannot be had (what came is kept, and the next call goes on from
        there), is not what it should be, or holds files that would lie outside the folder; if the disk is too small.

    Examples
    --------
    >>> from audioconv.classify.catalogue import CATALOGUE
    >>> fetch(CATALOGUE["free-spoken-digits"], "digits")  # doctest: +SKIP
    """
    folder, progress = Path(folder), progress or (lambda what, done, total: None)
    if folder.exists() or folder.is_symlink():
        raise DownloadError(f"{folder} is there already; give another folder, or remove it first")
    if not folder.absolute().parent.is_dir():
        raise DownloadError(f"the folder {folder.absolute().parent} does not exist; make it first")
    found = _download(entry, progress) if archive is None else _given(entry, Path(archive))
    with open(found, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    clips = _unpack(entry, found, folder, progress)
    if archive is None and not keep:
        found.unlink()
    return clips, digest


def _given(entry, archive):
    from pooch import file_hash

    if not archive.is_file():
        raise DownloadError(f"{archive} is not a file; the archive of {entry.name} is wanted")
    if entry.sha256 and file_hash(archive) != entry.sha256:
        raise DownloadError(f"{archive} has the SHA-256 {file_hash(archive)}, and {entry.name} has {entry.sha256}")
    return archive


def _download(entry, progress):
    import pooch
    import requests

    folder = parallel.cache_folder() / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{entry.name}-{PurePosixPath(entry.url).name}"
    _need_room(folder, entry.megabytes * 1_000_000, entry)
    help_it = "download it by other means, and give the file as --archive"
    try:
        options = {"downloader": _Resuming(folder / f"{name}.part", progress), "fname": name, "path": folder}
        pooch.get_logger().setLevel("ERROR")  # the bar says what happens
        return Path(pooch.retrieve(entry.url, f"sha256:{entry.sha256}" if entry.sha256 else None, **options))
    except requests.RequestException as error:
        raise DownloadError(
            f"cannot download {entry.url}: {_reason(error)}; try again to go on, or {help_it}"
        ) from error
    except ValueError as error:  # pooch's, when the digest differs; it has removed the file
        raise DownloadError(f"what came from {entry.url} is not what it should be: {error}; {help_it}") from error


def _reason(error):
    """The last cause in a chain of errors, which says most."""
    answer = getattr(error, "response", None)
    if answer is not None:
        return f"the server says {answer.status_code} {answer.reason}"
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error) or type(error).__name__


class _Resuming:
    """A downloader for pooch that goes on where an earlier one stopped, if the file at the server is still the same."""

    def __init__(self, part, progress):
        self._part, self._tag, self._progress = part, part.with_name(f"{part.name}.etag"), progress

    def __call__(self, url, output_file, pooch):
        import requests

        have = self._part.stat().st_size if self._part.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if self._tag.exists():
                headers["If-Range"] = self._tag.read_text()
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
            if answer.status_code == 416:  # more is there than the server has
                self._part.unlink()
                return self(url, output_file, pooch)
            answer.raise_for_status()
            have = have if answer.status_code == 206 else 0
            self._take(answer, have)
        os.replace(self._part, output_file)
        self._tag.unlink(missing_ok=True)
        return None

    def _take(self, answer, have):
        import requests

        tag = answer.headers.get("ETag", "")
        if tag and not tag.startswith("W/"):
            self._tag.write_text(tag)
        total = have + int(answer.headers.get("Content-Length", 0))
        with open(self._part, "ab" if have else "wb") as file:
            for chunk in answer.iter_content(CHUNK):
                file.write(chunk)
                have += len(chunk)
                self._progress("downloading", have, total)
        if have < total:
            raise requests.ConnectionError(f"the connection ended after {have} of {total} bytes")


def _unpack(entry, archive, folder, progress):
    """Unpack beside the folder, write the manifest, and give it the name of the folder."""
    _need_room(folder.absolute().parent, archive.stat().st_size, entry)
    part = folder.absolute().with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        part.mkdir()
        (_unpack_zip if zipfile.is_zipfile(archive) else _unpack_tar)(archive, part, progress)
        inside = list(part.iterdir())
        root = inside[0] if len(inside) == 1 and inside[0].is_dir() else part
        clips = _write_manifest(entry, root)
        root.rename(folder)
        return clips
    finally:
        with suppress(OSError):
            shutil.rmtree(part)


def _unpack_tar(archive, part, progress):
    with _damage(archive), open(archive, "rb") as raw, tarfile.open(fileobj=raw) as tar:
        size = archive.stat().st_size
        for member in tar:
            if not (member.isfile() or member.isdir()):
                raise DownloadError(f"{archive} holds {member.name}, which is a link or a device; nothing is unpacked")
            _check_inside(archive, member.name)
            tar.extract(member, part, filter="data")
            progress("unpacking", min(raw.tell(), size), size)


def _unpack_zip(archive, part, progress):
    with _damage(archive), zipfile.ZipFile(archive) as packed:
        members = packed.infolist()
        total, done = sum(member.compress_size for member in members), 0
        for member in members:
            if stat.S_ISLNK(member.external_attr >> 16):
                raise DownloadError(f"{archive} holds {member.filename}, which is a link; nothing is unpacked")
            _check_inside(archive, member.filename)
            packed.extract(member, part)
            done += member.compress_size
            progress("unpacking", done, total)


@contextmanager
def _damage(archive):
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        if isinstance(error, DownloadError):
            raise
        raise DownloadError(f"{archive} cannot be unpacked: {error}") from error


def _check_inside(archive, name):
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name:
        raise DownloadError(f"{archive} holds {name!r}, which would lie outside the folder; nothing is unpacked")


def _write_manifest(entry, root):
    rows = list(entry.rows(root))
    if not rows:
        raise DownloadError(f"the archive holds no clips of {entry.name}; it is not the set that it should be")
    with open(root / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "label", "speaker", "split"), *rows])
    return len(rows)


def _need_room(folder, archive_bytes, entry):
    free_mb, need_mb = shutil.disk_usage(folder).free / 1e6, ROOM * archive_bytes / 1e6
    if free_mb < need_mb:
        raise DownloadError(f"{entry.name} needs about {need_mb:.0f} MB in {folder}, and {free_mb:.0f} MB are free")
