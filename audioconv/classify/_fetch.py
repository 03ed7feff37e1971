"""Public sets fetched: downloaded, to go on where it stopped, checked, unpacked in their folder, given a manifest."""

import csv
import errno
import hashlib
import lzma
import secrets
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from audioconv import _typing, cache
from audioconv.classify._download import CHUNK, OTHER_MEANS, ByteProgress, download, silent
from audioconv.classify.catalogue import PublicSet
from audioconv.errors import AudioFileError, DownloadError

__all__ = ["CHUNK", "fetch"]

ROOM = 3  # an archive and what is in it take so many times as much as the archive


def fetch(
    entry: PublicSet,
    folder: _typing.Path,
    *,
    archive: _typing.Path | None = None,
    keep: bool = False,
    progress: ByteProgress | None = None,
) -> tuple[int, str]:
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
        there), is not what it should be or holds files that would lie outside the folder (a download is then removed,
        so that the next call has it anew); if the disk is too small.

    Examples
    --------
    >>> from audioconv.classify.catalogue import CATALOGUE
    >>> fetch(CATALOGUE["free-spoken-digits"], "digits")  # doctest: +SKIP
    """
    folder, progress = Path(folder), progress or silent
    if folder.exists() or folder.is_symlink():
        raise DownloadError(f"{folder} is there already; give another folder, or remove it first")
    if not folder.absolute().parent.is_dir():
        raise DownloadError(f"the folder {folder.absolute().parent} does not exist; make it first")
    found = _download(entry, progress) if archive is None else _given(entry, Path(archive))
    with open(found, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        clips = _unpack(entry, found, folder, progress)
    except _BadArchiveError as error:
        if archive is not None:
            raise
        size = found.stat().st_size
        found.unlink()
        raise DownloadError(
            f"{error}; the download ({size} bytes from {entry.url}) is removed: try again, or {OTHER_MEANS}"
        ) from error
    if archive is None and not keep:
        found.unlink()
    return clips, digest


class _BadArchiveError(DownloadError):
    """The archive itself is bad, so that it is not kept."""


def _given(entry: PublicSet, archive: Path) -> Path:
    from pooch import file_hash

    if not archive.is_file():
        raise DownloadError(f"{archive} is not a file; the archive of {entry.name} is wanted")
    if entry.sha256 and file_hash(archive) != entry.sha256:
        raise DownloadError(f"{archive} has the SHA-256 {file_hash(archive)}, and {entry.name} has {entry.sha256}")
    return archive


def _download(entry: PublicSet, progress: ByteProgress) -> Path:
    path = cache.cache_folder() / "downloads" / f"{entry.name}-{PurePosixPath(entry.url).name}"
    try:
        cache.make_own(path.parent)
    except OSError as error:
        raise DownloadError(f"{path.parent} cannot be used for downloads: {error}; set AUDIOCONV_CACHE") from error
    _check_free_space(path.parent, entry.megabytes * 1_000_000, entry)
    download(entry.url, path, entry.sha256, progress)
    return path


def _unpack(entry: PublicSet, archive: Path, folder: Path, progress: ByteProgress) -> int:
    """Unpack beside the folder, write the manifest, and give it the name of the folder."""
    _check_free_space(folder.absolute().parent, archive.stat().st_size, entry)
    part = folder.absolute().with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        with _explained_errors(archive, folder):
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


def _unpack_tar(archive: Path, part: Path, progress: ByteProgress) -> None:
    with open(archive, "rb") as raw, tarfile.open(fileobj=raw) as tar:
        size = archive.stat().st_size
        for member in tar:
            if not (member.isfile() or member.isdir()):
                raise _BadArchiveError(
                    f"{archive} holds {member.name}, which is a link or a device; nothing is unpacked"
                )
            _check_inside(archive, member.name)
            tar.extract(member, part, filter="data")
            progress("unpacking", min(raw.tell(), size), size)


def _unpack_zip(archive: Path, part: Path, progress: ByteProgress) -> None:
    with zipfile.ZipFile(archive) as packed:
        members = packed.infolist()
        total, done = sum(member.compress_size for member in members), 0
        for member in members:
            if stat.S_ISLNK(member.external_attr >> 16):
                raise _BadArchiveError(f"{archive} holds {member.filename}, which is a link; nothing is unpacked")
            _check_inside(archive, member.filename)
            packed.extract(member, part)
            done += member.compress_size
            progress("unpacking", done, total)


DISK_ERRNOS = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EROFS", "EIO", "EACCES", "EPERM", "EMFILE")}
UNPACKING_ERRORS = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError,
    ValueError, RuntimeError,  # invalid file names; zips with a password or another compression
)  # fmt: skip


@contextmanager
def _explained_errors(archive: Path, folder: Path) -> Iterator[None]:
    """Tell faults of the disk, for which an archive is kept, from those of the archive."""
    try:
        yield
    except DownloadError:
        raise
    except AudioFileError as error:  # of the catalogue: files that should be there are not
        raise _BadArchiveError(str(error)) from error
    except UNPACKING_ERRORS as error:
        if isinstance(error, OSError) and error.errno in DISK_ERRNOS:
            raise DownloadError(
                f"{archive} cannot be unpacked to {folder}: {error}; the archive is kept: mend this and try again"
            ) from error
        raise _BadArchiveError(f"{archive} cannot be unpacked: {error or type(error).__name__}") from error


def _check_inside(archive: Path | str, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name:
        raise _BadArchiveError(f"{archive} holds {name!r}, which would lie outside the folder; nothing is unpacked")


def _write_manifest(entry: PublicSet, root: Path) -> int:
    try:
        rows = list(entry.rows(root))
    except (KeyError, csv.Error, UnicodeDecodeError) as error:
        raise _BadArchiveError(
            f"the archive's tables are not those of {entry.name} ({error!r}); it is not the set"
        ) from error
    if not rows:
        raise _BadArchiveError(f"the archive holds no clips of {entry.name}; it is not the set that it should be")
    for name, *_ in rows:
        _check_inside("a table of the archive", name)
    with open(root / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "label", "speaker", "split"), *rows])
    return len(rows)


def _check_free_space(folder: Path, archive_bytes: int, entry: PublicSet) -> None:
    free_mb, need_mb = shutil.disk_usage(folder).free / 1e6, ROOM * archive_bytes / 1e6
    if free_mb < need_mb:
        raise DownloadError(f"{entry.name} needs about {need_mb:.0f} MB in {folder}, and {free_mb:.0f} MB are free")
