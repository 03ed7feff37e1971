"""audioconv train --for stream: a folder of clips, and hours without the words, become a detector."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

import typer

from audioconv.cli.messages import say
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv.classify.dataset import Dataset
    from audioconv.models import FrameModelName

CALIBRATION_SHARE = 5  # each fifth recording of negatives chooses thresholds, and is not trained on


class Sounds(NamedTuple):
    """Recordings beside the clips: without the words to train on, and to choose thresholds by; captured; noises."""

    negatives: list[Path]
    held_out: list[Path]
    false_alarms: list[Path]
    noises: list[Path] | None = None

    @classmethod
    def of(cls, negatives: Path | None, false_alarms: Path | None) -> Self:
        """Those of folders.

        Raises
        ------
        ArgumentError
            If there are too few negatives.
        """
        from audioconv.io import sound_files

        return cls(*_split_negatives(negatives), [] if false_alarms is None else sound_files(false_alarms))


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
    typer.echo(f"{out}: {len(detector.classes_)} words from {len(part.files)} clips; thresholds {words}")
    if detector.interrupted_:
        say(f"interrupted; {out} holds the weights so far")
        raise typer.Exit(130)


def refuse_options(**options: object) -> None:
    """Refuse options of classifiers that were given, by their names.

    Raises
    ------
    ArgumentError
    """
    given = [
        f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None and value is not False
    ]
    if given:
        raise ArgumentError(f"{', '.join(given)}: for classifiers of clips only, not with --for stream")


def _split_negatives(negatives: Path | None) -> tuple[list[Path], list[Path]]:
    """Recordings to train on, and those that thresholds are chosen by.

    Raises
    ------
    ArgumentError
        If there are too few.
    """
    if negatives is None:
        say("without --negatives FOLDER, hours of sound without the words, a detector has many false alarms")
        return [], []
    from audioconv.io import sound_files

    files = sound_files(negatives)
    if len(files) < CALIBRATION_SHARE:
        raise ArgumentError(
            f"{negatives} holds {len(files)} sound files; at least {CALIBRATION_SHARE} are wanted, "
            "because some are held out to choose thresholds by"
        )
    held_out = files[::CALIBRATION_SHARE]
    return [file for file in files if file not in held_out], held_out
