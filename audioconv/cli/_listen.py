"""audioconv listen: the words in a long recording, or before the microphone, block by block, with their times."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audioconv._wording import counted
from audioconv.cli.inputs import check_sound, load_estimator, sound
from audioconv.cli.messages import detection_line, say, tell
from audioconv.cli.outputs import Force, Json, Partial, check_output, detection_row, event_table, print_json

if TYPE_CHECKING:
    from audioconv._typing import FloatArray
    from audioconv.classify import Detection, KeywordClassifier, SlidingWindowDetector
    from audioconv.detect import DetectorStream, KeywordDetector
    from audioconv.detect.capture import Capture


def listen(
    model: Annotated[
        Path | None, typer.Argument(help="Model file; by default the detector that comes along, of eight words.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", help="Recording to listen to, of any length, instead of the microphone; - is standard input."
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Microphone, by number or name.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, metavar="S", help="End after so long.")] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="T", help="Score from which a word counts; by default each has its own, of the model."
        ),
    ] = None,
    block: Annotated[int, typer.Option(min=1, metavar="N", help="Samples a block.")] = 1600,
    csv: Annotated[Path | None, typer.Option(metavar="OUT", help="Write the detections to a table as well.")] = None,
    as_json: Json = False,
    capture: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the sound around each detection there, at most 1,000; sort out false alarms for train.",
        ),
    ] = None,
    partial: Partial = False,
    force: Force = False,
) -> None:
    """Detect keywords from the microphone, or in a long recording.

    Each detection is printed as soon as it is decided: when the word began and ended, estimated, label, score; the
    table has the same columns, and --json prints an object a line. Ctrl-C ends it. The score is that of the moment of
    the decision: with a lower --threshold a word is decided earlier, and has a lower score.

    \b
    audioconv listen                                    the words that come along
    audioconv listen words.safetensors --file long.wav --csv words.csv
    cat long.wav | audioconv listen --file - --json
    """
    from audioconv.classify.labels import NON_KEYWORD_LABELS

    if csv is not None:
        check_output(csv, force)
    check_sound(file, partial)
    estimator = load_estimator(model)
    counts: Counter[str] = Counter()
    rate = estimator.sample_rate
    source = sound(file, device, block, rate, seconds=seconds, partial=partial)
    with event_table(csv) as write_row, source as (blocks, sample_rate):
        if model is None:
            words = ", ".join(label for label in estimator.classes_ if label not in NON_KEYWORD_LABELS)
            say(f"no model is given; listening for {words}")
        if file is None:
            say("listening; Ctrl-C ends it" if seconds is None else f"listening for {seconds:g} s")
        limited = _LimitedBlocks(blocks, sample_rate, seconds)
        detector, blocks, rate = _stream(estimator, limited, sample_rate, threshold)
        captured = _capture(capture, rate)
        for found in _detections(detector, blocks, captured):
            counts[found.label] += 1
            if as_json:
                print_json(detection_row(found), indent=None)
            else:
                typer.echo(detection_line(found))
            write_row(found, file or "microphone")
    words = ", ".join(f"{label} {count}" for label, count in sorted(counts.items())) or "none"
    (say if as_json else tell)(f"{counted(counts.total(), 'detection')} in {limited.duration_s:.1f} s: {words}")
    if captured is not None:
        say(f"{counted(captured.count, 'sound')} captured in {capture}; what wrongly fired is for train --false-alarms")


class _LimitedBlocks:
    """Blocks, up to so many seconds or until Ctrl-C; `duration_s` says how long those so far are together."""

    def __init__(self, blocks: "Iterable[FloatArray]", sample_rate: int, seconds: float | None) -> None:
        self._blocks, self._sample_rate = blocks, sample_rate
        self._limit = float("inf") if seconds is None else round(seconds * sample_rate)
        self._samples = 0

    @property
    def duration_s(self) -> float:
        return self._samples / self._sample_rate

    def __iter__(self) -> "Iterator[FloatArray]":
        try:
            for block in self._blocks:
                block = block[: int(min(self._limit - self._samples, len(block)))]
                self._samples += len(block)
                yield block
                if self._samples >= self._limit:
                    return
        except KeyboardInterrupt:  # the usual end: what was found is still reported
            return


def _stream(
    estimator: "KeywordClassifier | KeywordDetector",
    blocks: "Iterable[FloatArray]",
    sample_rate: int,
    threshold: float | None,
) -> "tuple[SlidingWindowDetector | DetectorStream, Iterable[FloatArray], int]":
    """The estimator's stream, the blocks that it takes, and their sample rate."""
    from audioconv import io
    from audioconv.detect import KeywordDetector

    chosen: dict[str, Any] = {} if threshold is None else {"threshold": threshold}
    if isinstance(estimator, KeywordDetector):
        return estimator.stream(sample_rate=sample_rate, **chosen), blocks, sample_rate
    rate = estimator.sample_rate
    return estimator.stream(**chosen), io.resample_blocks(blocks, sample_rate, rate), rate


def _detections(
    stream: "SlidingWindowDetector | DetectorStream", blocks: "Iterable[FloatArray]", captured: "Capture | None"
) -> "Iterator[Detection]":
    for block in blocks:
        found = stream.process(block)
        if captured is not None:
            captured.process(block, found)
        yield from found
    found = stream.flush()
    if captured is not None:
        captured.flush(found)
    yield from found


def _capture(folder: Path | None, sample_rate: int) -> "Capture | None":
    if folder is None:
        return None
    from audioconv.classify.progress import Notices
    from audioconv.detect.capture import Capture

    return Capture(folder, sample_rate, Notices(1))
