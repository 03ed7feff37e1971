"""audioconv record: clips of a word of one's own, from the microphone or out of a long recording."""

import shlex
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audioconv._wording import counted
from audioconv.cli.inputs import sound
from audioconv.cli.messages import level_bar, say, tell
from audioconv.cli.outputs import Partial
from audioconv.errors import ArgumentError, AudioconvError, AudioFileError

if TYPE_CHECKING:
    from rich.live import Live

    from audioconv._typing import FloatArray
    from audioconv.classify import EnergySegmenter, FixedChunks, Segment

_SPEAKER = "^(.+)_"  # finds the speaker in the names given here
_CLIPS = 10
_NOT_IN_NAMES = set('/\\:*?"<>|')
_ADVICE = {
    "too long": "it is longer than a clip",
    "truncated": "it had begun before, or did not end",
    "too short": "a click?",
    "too quiet": "go nearer to the microphone, or give it more gain",
    "clipped": "speak softer, or give the microphone less gain",
}


def record(
    label: Annotated[str, typer.Argument(help="What is said; the name of the folder of its clips.")],
    into: Annotated[Path, typer.Option("--into", metavar="FOLDER", help="Holds a folder a label.")] = Path("clips"),
    clips: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many; 10 if not given, or all that --file has.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=60, metavar="S", help="Length of a clip.")] = 1.0,
    speaker: Annotated[str | None, typer.Option(metavar="NAME", help="Who speaks; file names begin with it.")] = None,
    continuous: Annotated[
        bool,
        typer.Option("--continuous", help="Fixed chunks, one after the other, without waiting for a word: for noise."),
    ] = False,
    file: Annotated[
        str | None,
        typer.Option("--file", help="Recording of any length to cut, instead of the microphone; - is standard input."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Microphone, by number or name.")] = None,
    rate: Annotated[int, typer.Option(min=1000, metavar="HZ", help="Sample rate of the clips.")] = 16000,
    partial: Partial = False,
) -> None:
    """Record clips of a word for training.

    Each time something is said (voice activity, by energy) one clip is kept, with the word in its middle, as
    FOLDER/LABEL/0001.wav and so on; none is ever overwritten. What is too long, too short, too quiet or clipped is
    named and not kept. Ctrl-C ends it, and leaves the clips so far.

    \b
    audioconv record hello --clips 30 --speaker anna
    audioconv record noise --continuous --seconds 5
    audioconv record hello --file long.wav
    """
    from audioconv import io
    from audioconv.classify import EnergySegmenter, FixedChunks

    folder = into / _checked_name(label, "LABEL")
    prefix = "" if speaker is None else f"{_checked_name(speaker, '--speaker')}_"
    segmenter = (FixedChunks if continuous else EnergySegmenter)(rate, seconds)
    limit = clips or (_CLIPS if file is None else None)

    def keep(segment: "Segment") -> Path:
        with io.next_numbered_path(folder, prefix) as path:
            io.write(path, segment.samples, rate)
        return folder / path.name

    with sound(file, device, 1600 if file else 1024, rate, partial=partial) as (blocks, sample_rate), _made(folder):
        prompt = _Prompt(label, limit, continuous) if file is None else _NoPrompt()
        with prompt:
            watched = prompt.watched(io.resample_blocks(blocks, sample_rate, rate))
            kept = _keep_segments(_segments(segmenter, watched), limit, keep, prompt)
    tell(f"{folder}: {counted(kept, 'clip')} of {seconds:g} s, {rate} Hz")
    _say_next(into, speaker)


def _checked_name(name: str, what: str) -> str:
    """A name that can be a folder's or begin a file's on any system, and that data sets do not pass over."""
    bad = not name or name != name.strip() or name[0] in "._" or not name.isprintable() or set(name) & _NOT_IN_NAMES
    if bad:
        raise ArgumentError(
            f"{what} must be a plain name, without separators and not begun by a dot or an underscore, not {name!r}"
        )
    return name


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder and the one it is in; what stays empty is taken away again."""
    for place in (folder, folder.parent):
        if place.exists() and not place.is_dir():
            raise AudioFileError(f"{place} is not a folder; one is wanted for the clips")
    made = [place for place in (folder, folder.parent) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if (folder.parent / "manifest.csv").exists():
        say(f"warning: {folder.parent} has a manifest.csv; clips that it does not name are in no data set")
    try:
        yield
    finally:
        for place in made:
            with suppress(OSError):
                place.rmdir()


def _segments(segmenter: "EnergySegmenter | FixedChunks", blocks: "Iterable[FloatArray]") -> "Iterator[Segment]":
    for block in blocks:
        yield from segmenter.process(block)
    yield from segmenter.flush()


def _keep_segments(
    segments: "Iterable[Segment]", limit: int | None, keep: "Callable[[Segment], Path]", prompt: "_NoPrompt"
) -> int:
    """Keep segments until there are enough, there are no more, or Ctrl-C; how many were kept."""
    kept = 0
    try:
        prompt.ask(1)
        for segment in segments:
            with prompt.aside():
                if segment.issue:
                    say(f"not kept: {segment.issue}, at {segment.start_s:.2f} s; {_ADVICE[segment.issue]}")
                else:
                    path = keep(segment)
                    kept += 1
                    typer.echo(f"{path}  {segment.start_s:.2f} to {segment.end_s:.2f} s, {segment.level_db:.0f} dB")
            if kept == limit:
                break
            prompt.ask(kept + 1)
    except KeyboardInterrupt:  # the usual end
        say(f"ended: {kept} {'clips are' if kept != 1 else 'clip is'} kept")
    return kept


def _say_next(into: Path, speaker: str | None) -> None:
    """Say how to train, if there is enough to train with."""
    from audioconv.classify import load_dataset

    choices = [(None, "")] if speaker is None else [(_SPEAKER, f" --speaker '{_SPEAKER}'"), (None, "")]
    for pattern, option in choices:
        with suppress(AudioconvError):
            load_dataset(into, speaker=pattern)
            say(f"next: audioconv train {shlex.quote(str(into))}{option} --out model.safetensors")
            return


class _NoPrompt:
    """No prompts: where nobody speaks on demand."""

    def __enter__(self) -> "_NoPrompt":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def watched(self, blocks: "Iterable[FloatArray]") -> "Iterable[FloatArray]":
        return blocks

    def ask(self, number: int) -> None:
        pass

    @contextmanager
    def aside(self) -> Iterator[None]:
        yield


class _Prompt(_NoPrompt):
    """Prompts to the speaker, with the level of the microphone beside them on a terminal, or as lines."""

    def __init__(self, label: str, limit: int | None, continuous: bool) -> None:
        from rich.console import Console

        self._label, self._limit, self._continuous = label, limit, continuous
        self._console = Console(stderr=True)
        self._live: Live | None = None
        self._said = ""
        self._asked: int | None = None
        self._shown_s, self._peak = 0.0, 0.0

    def __enter__(self) -> "_Prompt":
        self._begin_meter()
        return self

    def __exit__(self, *error: object) -> None:
        self._end_meter()

    def _begin_meter(self) -> None:
        from rich.live import Live

        if self._console.is_terminal:  # lines of results must go to stdout, whatever is shown here
            self._live = Live(
                console=self._console, transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()

    def _end_meter(self) -> None:
        if self._live is not None:
            self._live.stop()

    def ask(self, number: int) -> None:
        """Say what is wanted next."""
        doing = f"recording {self._label!r}" if self._continuous else f"say {self._label!r}"
        self._said = f"{doing} ({number} of {self._limit})"
        if self._live is None and (self._asked is None or not self._continuous):
            say(self._said if self._asked else f"{self._said}; Ctrl-C ends it")
        self._asked = number

    def watched(self, blocks: "Iterable[FloatArray]") -> "Iterable[FloatArray]":
        """Pass blocks on, and show the peaks of them, ten times a second."""
        import numpy as np

        for block in blocks:
            self._peak = max(self._peak, float(np.abs(block).max(initial=0)))
            if self._live is not None and time.monotonic() - self._shown_s > 0.1:
                self._show(self._live)
            yield block

    def _show(self, live: "Live") -> None:
        from math import log10

        line = level_bar(20 * log10(max(self._peak, 1e-10)), 30)
        line.append(f"  {self._said}")
        line.no_wrap, line.overflow = True, "ellipsis"
        live.update(line, refresh=True)
        self._shown_s, self._peak = time.monotonic(), 0.0

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Without the meter, so that lines can be printed."""
        self._end_meter()
        try:
            yield
        finally:
            self._begin_meter()
