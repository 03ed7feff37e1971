"""Sound files through stages, block by block."""

import math
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import numpy as np

from audioconv import io
from audioconv.arrays import whole
from audioconv.errors import ArgumentError, AudioFileError
from audioconv.stage import Stage
from audioconv.stream.chain import Chain
from audioconv.stream.fir import Fir

_KEPT = 1 << 18  # samples that are read at a time of what is kept on disk
_LOSSLESS = ("PCM_", "FLOAT", "DOUBLE")


class Processed(NamedTuple):
    """What `process_file` wrote."""

    frames: int  # samples a channel
    clipped: int  # samples beyond full scale, all channels
    safe_gain_db: float  # the gain with which none would have been clipped; at most 0
    gain_db: float  # the gain that `normalize` has applied; 0 where nothing was beyond full scale


def process_file(
    source,
    target,
    stage,
    *,
    subtype=None,
    sample_rate=None,
    normalize=False,
    dither=True,
    block_size=65536,
    progress=None,
):
    """Send a sound file through a stage or a chain, and write what comes out.

    Files may be longer than memory. What the stage is late by is cut off at the beginning, and what is still due at
    the end is written. The target takes its place when it is whole; an error, a full disk or Ctrl-C leave none.

    Parameters
    ----------
    source, target : path
        The suffix of the target gives its format. Sample rate and sample type are those of the source if nothing else
        is said and the target's format has them; the sample type of a compressed source is kept with its suffix only.
    stage : stage
        For as many channels as the source has, and for its sample rate; it is reset at first, and afterwards as new.
        The target has as many channels as the stage gives.
    subtype : str, optional
        Sample type of the target, as in `write`.
    sample_rate : int, optional
        Of the target, in Hz; the results are resampled to it.
    normalize : bool
        Make all of it softer, so that its peak is full scale, if it would be beyond. What the stage gives is kept in a
        nameless file beside the target meanwhile, 4 bytes a sample.
    dither : bool
        As in `write`, where results are rounded to 16 bits or less.
    block_size : int
        Samples read at a time.
    progress : function(done, total), optional
        Is called after each block, with samples of the source.

    Returns
    -------
    Processed
        (frames, clipped, safe_gain_db, gain_db)

    Raises
    ------
    AudioFileError, ArgumentError
        For files that cannot be read or written, and for another number of channels or sample rate; nothing is written
        then.

    Examples
    --------
    >>> import audioconv as ac
    >>> ac.process_file("talk.wav", "quiet.wav", ac.Gain(-6.0))  # doctest: +SKIP
    Processed(frames=480000, clipped=0, safe_gain_db=0.0, gain_db=0.0)
    """
    about = io.info(source)
    stage = _fitting(stage, source, about)
    channels = getattr(stage, "out_channels", about.channels)
    rate = getattr(stage, "rate_out", None) or about.sample_rate
    rate_out = rate if sample_rate is None else whole(sample_rate, "sample_rate")
    stage.reset()
    blocks = _counted(io.blocks(source, block_size), about.frames, progress)
    results = io.resample_blocks(_from(stage.latency, _through(stage, blocks)), rate, rate_out)
    subtype = subtype or like_source(source, about, target)
    finished = _normalized(results, target, channels) if normalize else nullcontext((0.0, results))
    with io.writer(target, rate_out, channels, subtype=subtype, dither=dither) as sink, finished as (gain_db, results):
        for block in results:
            sink.write(block)
    return Processed(sink.frames, sink.clipped, sink.safe_gain_db, gain_db)


def like_source(source, about, target):
    """The sample type of the source where the target's format has it; None for the usual one of that format.

    That of a compressed source is kept only with its suffix.
    """
    same_suffix = Path(source).suffix.lower() == Path(target).suffix.lower()
    if not (same_suffix or about.subtype.startswith(_LOSSLESS)):
        return None
    try:
        io.file_format(target, about.subtype)
    except ArgumentError:
        return None
    return about.subtype


def _fitting(stage, source, about):
    """The stage as one that takes blocks of any length, if it is one for this file."""
    if isinstance(stage, Fir):
        stage = stage.stream(channels=about.channels)
    if not isinstance(stage, Stage):
        raise ArgumentError(f"a stage is wanted, with process, flush, reset and latency, not {stage!r}")
    channels, rate = getattr(stage, "channels", about.channels), getattr(stage, "rate_in", None) or about.sample_rate
    if channels != about.channels:
        raise ArgumentError(f"{source} has {about.channels} channel(s), but the stage is made for {channels}")
    if rate != about.sample_rate:
        raise ArgumentError(f"{source} has {about.sample_rate} Hz, but the stage is made for {rate} Hz")
    return Chain([stage]) if hasattr(stage, "compiled_step") and not isinstance(stage, Chain) else stage


def _counted(blocks, total, progress):
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        if progress is not None:
            progress(done, total)


def _through(stage, blocks):
    """What a stage makes of blocks, its flush included."""
    for block in blocks:
        yield stage.process(block)
    yield stage.flush()


def _from(start, blocks):
    """All samples of the joined blocks from the one at `start`."""
    for block in blocks:
        yield block[start:]
        start = max(0, start - len(block))


@contextmanager
def _normalized(blocks, target, channels):
    """The gain in dB that brings the blocks to full scale if they are beyond, and an iterator over them with it."""
    with TemporaryFile(dir=io.writable(target).parent, buffering=0) as kept:  # has no name, so that nothing can stay
        peak = np.float32(1)
        for block in blocks:
            peak = max(peak, np.abs(block).max(initial=0))
            try:
                np.asarray(block, np.float32).tofile(kept)
            except OSError as error:
                raise AudioFileError(f"cannot write {target}: the disk took only a part of what is kept beside it "
                                     f"to be normalized; is it full?") from error  # fmt: skip
        kept.seek(0)
        yield 0.0 - 20 * math.log10(peak), _read_back(kept, channels, peak)


def _read_back(kept, channels, peak):
    while len(samples := np.fromfile(kept, np.float32, _KEPT * channels)):
        yield (samples / peak).reshape((-1, channels)[: 1 + (channels > 1)])
