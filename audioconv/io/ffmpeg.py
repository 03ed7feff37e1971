"""Sound that libsndfile cannot decode, through ffmpeg if that is on the PATH: piped, in blocks, never by a shell."""

import os
import re
import select
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import NamedTemporaryFile, TemporaryFile

import numpy as np

from audioconv._typing import Array, FloatName
from audioconv.errors import AudioFileError
from audioconv.io.source import Source

_PATIENCE_S = 60.0  # without a single byte from ffmpeg
_COPIED = 1 << 20  # bytes at a time
_FORMATS = (  # what ffmpeg may take a file for: none that names other files or addresses (playlists, concat, ...)
    "aac,ac3,adx,aiff,amr,amrnb,amrwb,ape,aptx,asf,au,avi,avr,caf,codec2,dsf,dts,dtshd,eac3,flac,flv,gsm,iff,ircam,libopenmpt,loas,"
    "matroska,webm,mlp,mmf,mov,mp4,m4a,3gp,mp3,mpc,mpc8,mpeg,mpegts,nistsphere,nut,oga,ogg,ogv,oma,opus,qcp,rm,rso,sbc,"
    "shn,sox,spdif,svx,swf,tak,truehd,tta,voc,vqf,w64,wav,wsvqa,wv,xwma"
)
_DTYPES: dict[FloatName, tuple[str, str]] = {"float32": ("pcm_f32le", "<f4"), "float64": ("pcm_f64le", "<f8")}
_HEADER = 1 << 12  # bytes of a WAV header at most


def available() -> bool:
    """Whether ffmpeg is on the PATH."""
    return shutil.which("ffmpeg") is not None


class FfmpegDecoder:
    """The first sound track of a file, decoded by a process of ffmpeg.

    Attributes
    ----------
    sample_rate, channels, format, subtype
    frames : None
        Only decoding tells.

    Parameters
    ----------
    source : Source
    dtype : "float32" or "float64"

    Raises
    ------
    AudioFileError
        If ffmpeg finds no sound in it.
    """

    frames: int | None = None

    def __init__(self, source: Source, dtype: FloatName) -> None:
        self.name = source.name
        codec, self._dtype = _DTYPES[dtype]
        self._errors = TemporaryFile("a+b")  # noqa: SIM115 - a pipe that nobody reads would stop ffmpeg
        self._closed = False
        with _path(source) as path:
            self._process = subprocess.Popen(
                [
                    shutil.which("ffmpeg") or "ffmpeg", "-nostdin", "-hide_banner", "-nostats",
                    "-loglevel", "level+info",
                    "-protocol_whitelist", "file,pipe", "-format_whitelist", _FORMATS, "-i", path,
                    "-map", "0:a:0", "-map_metadata", "-1", "-c:a", codec, "-f", "wav", "-bitexact", "pipe:1",
                ],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors, bufsize=0,
            )  # fmt: skip
            assert self._process.stdout is not None  # as asked for
            self._output = self._process.stdout
            try:
                self._read_header()  # after it the file is open
            except BaseException:
                self.close()
                raise
        self._row = np.dtype(self._dtype).itemsize * self.channels
        log = self._log()
        found = re.search(r"Audio: (\w+)", log)
        self.subtype = found[1].upper() if found else "UNKNOWN"
        found = re.search(r"Input #0, ([^,\s]+)", log)
        self.format = found[1].upper() if found else "FFMPEG"

    def close(self) -> None:
        """End the process."""
        if self._closed:
            return
        self._closed = True
        self._output.close()
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        self._errors.close()

    def read(self, frames: int, dtype: FloatName) -> Array:
        """Return the next samples; fewer than `frames` only at the end."""
        data = self._bytes(frames * self._row)
        whole = len(data) // self._row
        samples = np.frombuffer(data, self._dtype, whole * self.channels).astype(dtype)
        return samples if self.channels == 1 else samples.reshape(whole, self.channels)

    def skip(self, frames: int, dtype: FloatName) -> bool:
        """Nothing can be skipped."""
        return False

    def issue(self) -> str:
        """What went wrong, as the rest of a sentence; "" if nothing did."""
        message = self._error_message()
        return f"is damaged or cut short (ffmpeg: {message})" if message else ""

    def _error_message(self) -> str:
        if self._process.poll() is None:
            self._process.wait(_PATIENCE_S)
        lines = re.findall(r"^(?:\[[^\]]*\] )?\[(?:error|fatal|panic)\] (.*)$", self._log(), re.M)
        if lines:
            return str(lines[0]).strip()
        return f"ffmpeg ended with {self._process.returncode}" if self._process.returncode else ""

    def _read_header(self) -> None:
        data = self._bytes(12)
        if len(data) < 12:
            issue = self._error_message()
            if "matches no streams" in self._log():
                raise AudioFileError(
                    f"{self.name} holds no sound that ffmpeg knows; a file with a sound track is wanted"
                )
            raise AudioFileError(f"{self.name} cannot be read as a sound file (ffmpeg: {issue or 'nothing came'})")
        while True:
            name, length = struct.unpack("<4sI", self._bytes(8))
            if name == b"data":
                return
            body = self._bytes(min(length + length % 2, _HEADER))
            if name == b"fmt ":
                self.channels, self.sample_rate = struct.unpack_from("<HI", body, 2)

    def _bytes(self, size: int) -> bytes:
        parts, done = [], 0
        while done < size:
            if os.name == "posix" and not select.select([self._output], [], [], _PATIENCE_S)[0]:
                raise AudioFileError(f"{self.name} cannot be read: ffmpeg gave nothing for {_PATIENCE_S:g} s")
            data = self._output.read(min(size - done, _COPIED))
            if not data:
                break
            parts.append(data)
            done += len(data)
        return b"".join(parts)

    def _log(self) -> str:
        self._errors.seek(0)
        return str(self._errors.read(), "utf-8", "replace")


@contextmanager
def _path(source: Source) -> Iterator[bytes]:
    """A path under which ffmpeg finds the file; "file:" before it, so that no name is an option or a protocol."""
    if source.path is not None:
        yield b"file:" + os.fsencode(os.path.abspath(source.path))
        return
    with NamedTemporaryFile() as copy:
        source.file.seek(source.start)
        shutil.copyfileobj(source.file, copy, _COPIED)
        copy.flush()
        yield b"file:" + os.fsencode(copy.name)
