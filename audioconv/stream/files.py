"""Sound files through stages, block by block."""

import math
import os
import stat
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from audioconv import io
from audioconv._typing import FloatArray, Progress
from audioconv._wording import counted
from audioconv.arrays import number, whole
from audioconv.errors import ArgumentError, AudioFileError, AudioFileWarning
from audioconv.io._read import info_and_blocks
from audioconv.io.formats import FileFormat, Subtype
from audioconv.io.paths import PathOrFile
from audioconv.stage import GuardedStage, SkipFirst, Stage, for_channels

if TYPE_CHECKING:
    from audioconv.stream.fir import Fir
    from audioconv.stream.loudness import LoudnessMeter

_READ_BACK = 1 << 18  # samples read back at a time from the temporary file
_LOSSLESS = ("PCM_", "FLOAT", "DOUBLE")


class Processed(NamedTuple):
    """The result of `process_file`.

    Parameters
    ----------
    frames : int
        Samples a channel.
    clipped : int
        Samples beyond full scale, all channels.
    safe_gain_db : float
        The gain with which none would have been clipped; at most 0.
    gain_db : float
        The gain that `normalize`, `peak_db` or `loudness_lufs` has applied; 0 without.
    sample_rate : int, in Hz
        Of the target, as are channels and sample type.
    channels : int
    subtype : str
    loudness_lufs : float, in LUFS, optional
        The integrated loudness that was reached, where one was asked for: with `normalize` it may be lower, and silence
        has none (minus infinity). Clipped samples count as what they were.

    Examples
    --------
    >>> done = Processed(48000, 3, -0.5, 0.0, sample_rate=48000, channels=1, subtype="PCM_16")
    >>> done.clipped, done.safe_gain_db, done.loudness_lufs
    (3, -0.5, None)
    """

    frames: int
    clipped: int
    safe_gain_db: float
    gain_db: float
    sample_rate: int
    channels: int
    subtype: str
    loudness_lufs: float | None = None


def process_file(
    source: PathOrFile,
    target: PathOrFile,
    stage: "Stage | Fir",
    *,
    subtype: Subtype | None = None,
    sample_rate: int | None = None,
    normalize: bool = False,
    peak_db: float | None = None,
    loudness_lufs: float | None = None,
    dither: bool = True,
    block_size: int = 65536,
    progress: Progress | None = None,
    format: FileFormat | None = None,
    partial: bool = False,
    overwrite: bool = False,
) -> Processed:
    """Send a sound file through a stage or a chain, and write what comes out.

    Files may be longer than memory. The latency of the stage is cut off at the beginning, and its tail at the end is
    written. The target is written atomically: an error, a full disk or Ctrl-C leave none. Tags,
    pictures, cue points, broadcast chunks and the layout of speakers are kept where the target's format can hold them,
    at its sample rate; an `AudioFileWarning` names what is not. ReplayGain and lengths are left out.

    Parameters
    ----------
    source, target : path or binary file object
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
        Attenuate all of it to a peak of full scale, if it would be beyond. What the stage gives is kept in a nameless
        file beside the target meanwhile, 4 bytes a sample; so it is for `peak_db` and `loudness_lufs`.
    peak_db : float, optional
        Scale all of it to this peak level, in dB of full scale from -200 to 0.
    loudness_lufs : float, optional
        Scale all of it to this integrated loudness (ITU-R BS.1770), in LUFS from -70 to 0; with
        `normalize` not so loud that it is beyond full scale. Silence stays as it is.
    dither : bool
        As in `write`, where results are rounded to 16 bits or less.
    block_size : int
        Samples read at a time.
    progress : function(done, total), optional
        Is called after each block, with samples of the source.
    format : str, optional
        Format of the target, as in `write`.
    partial : bool
        As in `read`: a source that is cut short is processed as far as it goes.
    overwrite : bool
        Whether the target may be the source itself, by any name. Any other file that is there is replaced.

    Returns
    -------
    Processed
        (frames, clipped, safe_gain_db, gain_db, sample_rate, channels, subtype, loudness_lufs)

    Raises
    ------
    AudioFileError, ArgumentError
        For files that cannot be read or written, and for another number of channels or sample rate; nothing is written
        then. Also for a loudness of less than 0.4 s.

    Examples
    --------
    >>> import audioconv as ac
    >>> ac.process_file("talk.wav", "quiet.wav", ac.Gain(-6.0)).frames  # doctest: +SKIP
    480000
    """
    done, dropped = process_sound(
        source, target, lambda _, about: stage, subtype=subtype, sample_rate=sample_rate, normalize=normalize,
        peak_db=peak_db, loudness_lufs=loudness_lufs, dither=dither, block_size=block_size, progress=progress,
        format=format, partial=partial, overwrite=overwrite,
    )  # fmt: skip
    if dropped:
        warnings.warn(dropped, AudioFileWarning, stacklevel=2)
    return done


def process_sound(
    source: PathOrFile,
    target: PathOrFile,
    stage_for: Callable[[PathOrFile, io.Info], "Stage | Fir"],
    *,
    subtype: Subtype | None = None,
    sample_rate: int | None = None,
    normalize: bool = False,
    peak_db: float | None = None,
    loudness_lufs: float | None = None,
    dither: bool = True,
    block_size: int = 65536,
    progress: Progress | None = None,
    format: FileFormat | None = None,
    partial: bool = False,
    overwrite: bool = False,
) -> tuple[Processed, str]:
    """`process_file` with a stage that is made for what a file holds, so that a file is opened once.

    To open a short file costs as much as to filter it. What the target is without is returned, not warned of.
    """
    level = _level(normalize, peak_db, loudness_lufs)
    if not overwrite:
        _check_another(source, target)
    with io.seekable(source) as source, info_and_blocks(source, block_size, partial) as (about, blocks):
        stage = _fitting(stage_for(source, about), source, about)
        channels = getattr(stage, "out_channels", about.channels)
        rate = getattr(stage, "rate_out", None) or about.sample_rate
        rate_out = rate if sample_rate is None else whole(sample_rate, "sample_rate")
        metadata = io.read_metadata(source, about)
        meter = None
        if level.loudness_lufs is not None:
            from audioconv.stream.loudness import LoudnessMeter

            mask = metadata.channel_mask if channels == about.channels else None
            meter = LoudnessMeter(rate_out, channels=channels, channel_mask=mask)
        stage.reset()
        blocks = _counted(blocks, about.frames, progress)
        results = io.resample_blocks(map(SkipFirst(stage.latency), _through(stage, blocks)), rate, rate_out)
        finished = (
            _levelled(results, target, channels, level, meter) if level.is_needed else nullcontext((0.0, results))
        )
        subtype = subtype or like_source(source, about, target, format)
        target_file = io.writer(
            target, rate_out, channels, subtype=subtype, format=format, dither=dither, metadata=metadata
        )
        with target_file as sink, finished as (gain_db, results):
            for block in results:
                sink.write(block)
    dropped = ", ".join(sink.dropped_metadata)
    what = f"{io.display_name(target)} is without what {io.display_name(source)} has beside its samples: {dropped}"
    reached = None if meter is None else meter.integrated_lufs + gain_db
    done = Processed(
        sink.frames, sink.clipped, sink.safe_gain_db, gain_db, sink.sample_rate, sink.channels, sink.subtype, reached
    )
    return done, what if dropped else ""


def like_source(source: Any, about: Any, target: Any, format: FileFormat | None = None) -> Subtype | None:
    """The sample type of the source where the target's format has it; None for the usual one of that format.

    That of a compressed source is kept only with its suffix, or its format where there is none.
    """
    by_name = format is None and io.is_path(source) and io.is_path(target)
    try:
        if by_name:
            alike = Path(os.fsdecode(source)).suffix.lower() == Path(os.fsdecode(target)).suffix.lower()
        else:
            alike = io.file_format(target, None, format)[0] == about.format.replace("WAVEX", "WAV")
        if not (alike or about.subtype.startswith(_LOSSLESS)):
            return None
        io.file_format(target, about.subtype, format)
    except ArgumentError:
        return None
    subtype: Subtype = about.subtype
    return subtype


def _check_another(source: Any, target: Any) -> None:
    """Refuse a target that is the source, by whatever name."""
    one, other = _status(source), _status(target)
    if source is target or (one and other and os.path.samestat(one, other)):
        name = io.display_name(target)
        raise AudioFileError(f"{name} is the file that is read; give another name, or overwrite=True to "
                             f"overwrite it")  # fmt: skip


def _status(file: Any) -> os.stat_result | None:
    """The `os.stat` of a regular file; None for all else, and where there is none."""
    with suppress(OSError, AttributeError, ValueError):
        found = os.stat(file) if io.is_path(file) else os.fstat(file.fileno())
        return found if stat.S_ISREG(found.st_mode) else None
    return None


def _fitting(stage: Any, source: Any, about: Any) -> Stage:
    """The stage as one that takes blocks of any length, if it is one for this file."""
    if not isinstance(stage, GuardedStage) and not isinstance(stage, Stage):  # the latter looks at each name
        from audioconv.stream.fir import Fir  # loads compiled code, which a stage of somebody else's needs not

        if not isinstance(stage, Fir):
            raise ArgumentError(f"a stage is wanted, with process, flush, reset and latency, not {stage!r}")
        stage = stage.stream(channels=about.channels)
    channels, rate = getattr(stage, "channels", about.channels), getattr(stage, "rate_in", None) or about.sample_rate
    name = io.display_name(source)
    if channels != about.channels:
        raise ArgumentError(f"{name} has {counted(about.channels, 'channel')}, but the stage is made for {channels}; "
                            f"make it with {for_channels(stage, about.channels)}")  # fmt: skip
    if rate != about.sample_rate:
        raise ArgumentError(f"{name} has {about.sample_rate} Hz, but the stage is made for {rate} Hz; make it "
                            f"with that sample rate, or resample the file")  # fmt: skip
    if getattr(stage, "_max_block", None) is not None:
        from audioconv.stream.chain import Chain

        return Chain([stage])  # which cuts blocks
    fitting: Stage = stage
    return fitting


def _counted(blocks: Iterable[Any], total: int, progress: Progress | None) -> Iterator[Any]:
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        if progress is not None:
            progress(done, total)


def _through(stage: Stage, blocks: Iterable[Any]) -> Iterator[FloatArray]:
    """The output of a stage for blocks, its flush included."""
    for block in blocks:
        result = stage.process(block)
        if _nonfinite(stage):
            raise ArgumentError("a stage gave samples that are NaN or infinite, of finite ones: is a filter unstable?")
        yield result
    yield stage.flush()


def _nonfinite(stage: Any) -> int:
    """How many samples that are not finite the stages have met so far and replaced; a file has none."""
    inside: Iterable[Any] = getattr(stage, "stages", None) or getattr(stage, "_inside", None) or ()
    count: int = getattr(stage, "nonfinite_count", 0)
    return count or sum(map(_nonfinite, inside))


class _Level(NamedTuple):
    """Target level of the result."""

    normalize: bool  # not beyond full scale
    peak_db: float | None
    loudness_lufs: float | None

    @property
    def is_needed(self) -> bool:
        return self.normalize or self.peak_db is not None or self.loudness_lufs is not None

    def divisor(self, peak: float, meter: "LoudnessMeter | None") -> float:
        """The divisor of the samples."""
        if self.peak_db is not None:
            return float(peak / 10 ** (self.peak_db / 20)) if peak else 1.0
        divisor = 1.0
        if meter is not None and self.loudness_lufs is not None:
            from audioconv.stream.loudness import SHORTEST_S

            if meter.measured_s < SHORTEST_S:
                raise ArgumentError(f"loudness is measured over {SHORTEST_S} s at least, and there are "
                                    f"{meter.measured_s:.3f} s; use the peak instead")  # fmt: skip
            measured = meter.integrated_lufs
            divisor = 1.0 if measured == -math.inf else float(10 ** ((measured - self.loudness_lufs) / 20))
        return max(divisor, peak) if self.normalize else divisor


def _level(normalize: bool, peak_db: float | None, loudness_lufs: float | None) -> _Level:
    for name, value, least in (("peak_db", peak_db, -200), ("loudness_lufs", loudness_lufs, -70)):
        if value is not None:
            number(value, name, least, 0)
    if peak_db is not None and loudness_lufs is not None:
        raise ArgumentError("peak_db and loudness_lufs both say how loud the result is; one of them is wanted")
    return _Level(bool(normalize), peak_db, loudness_lufs)


@contextmanager
def _levelled(blocks: Iterable[Any], target: Any, channels: int, level: _Level,
              meter: "LoudnessMeter | None") -> Iterator[tuple[float, Iterator[FloatArray]]]:  # fmt: skip
    """The gain in dB that brings the blocks to the level, and an iterator over them with it."""
    directory = io.writable_path(target).parent if io.is_path(target) else None
    with TemporaryFile(dir=directory, buffering=0) as temporary:  # nameless, so that nothing is left behind
        peak = 0.0
        for block in blocks:
            block = np.asarray(block, np.float32)
            peak = max(peak, float(np.abs(block).max(initial=0)))
            if meter is not None:
                meter.process(block)
            try:
                block.tofile(temporary)
            except OSError as error:
                name = io.display_name(target)
                raise AudioFileError(f"cannot write {name}: the disk took only a part of what is kept "
                                     f"beside it to be normalized; is it full?") from error  # fmt: skip
        temporary.seek(0)
        divisor = level.divisor(peak, meter)
        yield 0.0 - 20 * math.log10(divisor), _read_back(temporary, channels, np.float32(divisor))


def _read_back(temporary: Any, channels: int, divisor: np.float32) -> Iterator[FloatArray]:
    while len(samples := np.fromfile(temporary, np.float32, _READ_BACK * channels)):
        yield (samples / divisor).reshape((-1, channels)[: 1 + (channels > 1)])
