"""Sound files through stages, block by block."""

from typing import NamedTuple

from audioconv import io
from audioconv.errors import ArgumentError
from audioconv.stream.chain import Chain


class Processed(NamedTuple):
    """What `process_file` wrote: samples a channel; samples beyond full scale; the gain with which none would be."""

    frames: int
    clipped: int
    safe_gain_db: float


def process_file(source, target, stage, *, block_size=65536, subtype=None):
    """Send a sound file through a stage or a chain, and write what comes out.

    Files may be longer than memory. What the stage is late by is cut off at the beginning, and what is still due at
    the end is written. The target takes its place when it is whole.

    Parameters
    ----------
    source, target : path
        The suffix of the target gives its format; in the format of the source it gets the sample type of the source.
    stage : stage
        For as many channels as the source has, and for its sample rate; it is reset at first, and afterwards as new.
    block_size : int
        Samples read at a time.
    subtype : str, optional
        Sample type of the target.

    Returns
    -------
    Processed
        (frames, clipped, safe_gain_db)

    Raises
    ------
    AudioFileError, ArgumentError
        For files that cannot be read or written, and for another number of channels; nothing is written then.

    Examples
    --------
    >>> import audioconv as ac
    >>> ac.process_file("talk.wav", "quiet.wav", ac.Gain(-6.0))  # doctest: +SKIP
    Processed(frames=480000, clipped=0, safe_gain_db=0.0)
    """
    about = io.info(source)
    channels = getattr(stage, "channels", about.channels)
    if channels != about.channels:
        raise ArgumentError(f"{source} has {about.channels} channel(s), but the stage is made for {channels}")
    stage = Chain([stage]) if hasattr(stage, "compiled_step") else stage  # which takes blocks of any length
    stage.reset()
    subtype = subtype or like_source(source, about, target)
    with io.writer(target, about.sample_rate, about.channels, subtype=subtype) as sink:
        for block in stretch(through(stage, io.blocks(source, block_size)), stage.latency):
            sink.write(block)
    return Processed(sink.frames, sink.clipped, sink.safe_gain_db)


def like_source(source, about, target):
    """The sample type of the source where the target's format has it; None for the usual one of that format."""
    form, _ = io.file_format(target)
    same = form == about.format and str(source).rsplit(".")[-1].lower() == str(target).rsplit(".")[-1].lower()
    return about.subtype if same else None


def through(stage, blocks):
    """What a stage makes of blocks, its flush included."""
    for block in blocks:
        yield stage.process(block)
    yield stage.flush()


def stretch(blocks, start, length=None):
    """Of the joined blocks `length` samples from `start`, or all from there."""
    end = None if length is None else start + length
    for block in blocks:
        yield block[max(0, start) : None if end is None else max(0, end)]
        start, end = start - len(block), None if end is None else end - len(block)
