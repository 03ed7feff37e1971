"""audioconv train --for stream: a folder of clips, and hours without the words, become a detector."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

import typer

from audioconv._wording import counted
from audioconv.cli.messages import say, tell
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv.classify.dataset import Dataset
    from audioconv.models import FrameModelName

CALIBRATION_SHARE = 5  # a fifth of the negatives chooses thresholds, and is not trained on


class Sounds(NamedTuple):
    """Recordings beside the clips: without the words to train on, and to choose thresholds by; captured; noises."""

    negatives: list[Path]
    held_out: list[Path]
    false_alarms: list[Path]
    noises: list[Path] | None = None

    @classmethod
    def of(cls, negatives: Path | None, false_alarms: Path | None, labels: Iterable[str]) -> Self:
        """Those of folders, for clips of these labels.

        Raises
        ------
        ArgumentError
            If there are too few negatives.
        """
        from audioconv.io import sound_files

        return cls(*_split_negatives(negatives, labels), [] if false_alarms is None else sound_files(false_alarms))


def train_detector(
    data: "Dataset",
    out: Path,
    sounds: Sounds,
    card: dict[str, Any],
    false_alarms_per_hour: float,
    model: str | None,
    seed: int,
    threads: int | None,
) -> None:
    """Train a detector on the training part of a data set, choose its thresholds, and write it."""
    from dataclasses import replace

    from audioconv.detect import KeywordDetector

    part = data.part("train")
    detector = KeywordDetector(cast("FrameModelName", model or "ds-tcn"), threads=threads, random_state=seed)
    detector.fit(
        part.files,
        part.labels,
        negatives=sounds.negatives or None,
        false_alarms=sounds.false_alarms or None,
        background_noise=sounds.noises,
        groups=part.groups,
    )
    if sounds.held_out and not detector.interrupted_:
        detector.calibrate(sounds.held_out, false_alarms_per_hour)
    detector.card_ = replace(detector.card_, **card)
    detector.save(out)
    words = ", ".join(f"{word} {t:.2f}" for word, t in zip(detector.classes_, detector.thresholds_, strict=True))
    tell(
        f"{out}: {counted(len(detector.classes_), 'word')} from {counted(len(part.files), 'clip')}; thresholds {words}"
    )
    if detector.interrupted_:
        say(f"interrupted; {out} holds the weights so far")
        raise typer.Exit(130)


def refuse_options(instead: str, **options: object) -> None:
    """Refuse options of other models that were given, by their names; `instead` is the option that excludes them.

    Raises
    ------
    ArgumentError
    """
    given = [
        f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None and value is not False
    ]
    if given:
        raise ArgumentError(f"{', '.join(given)}: for other models only, not with {instead}")


def check_negatives(negatives: Path | None) -> None:
    """Refuse what is no folder, or holds too few recordings whatever is in them.

    Raises
    ------
    ArgumentError
    """
    from audioconv.io import sound_files
    from audioconv.io.paths import check_folder

    if negatives is None:
        return
    check_folder(negatives, "a folder with sound without the words", "--negatives")
    _check_count(negatives, len(sound_files(negatives)))


def _check_count(negatives: Path, count: int) -> None:
    if count < CALIBRATION_SHARE:
        raise ArgumentError(
            f"{negatives} holds {counted(count, 'sound file')} without the words; at least "
            f"{CALIBRATION_SHARE} are wanted, because some are held out to choose thresholds by"
        )


def _split_negatives(negatives: Path | None, labels: Iterable[str]) -> tuple[list[Path], list[Path]]:
    """Recordings without the words to train on, and those that choose thresholds: other folders, if there are many.

    Raises
    ------
    ArgumentError
        If there are too few.
    """
    if negatives is None:
        say("without --negatives FOLDER, hours of sound without the words, a detector has many false alarms")
        return [], []
    from audioconv.classify.labels import NON_KEYWORD_LABELS
    from audioconv.cli.evaluate_report import say_left_out
    from audioconv.detect import find_negatives

    found = find_negatives([negatives], [label for label in labels if label not in NON_KEYWORD_LABELS], split="train")
    say_left_out(found)
    files = [cast("Path", recording.sound) for recording in found.recordings]
    _check_count(negatives, len(files))
    folders = sorted({file.parent for file in files})
    if len(folders) >= 2 * CALIBRATION_SHARE:
        held = set(folders[::CALIBRATION_SHARE])
        return [file for file in files if file.parent not in held], [file for file in files if file.parent in held]
    return [file for i, file in enumerate(files) if i % CALIBRATION_SHARE], files[::CALIBRATION_SHARE]
