"""audioconv train --events: recordings whose sound events are known become a detector of such events."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from audioconv._wording import counted
from audioconv.cli.messages import say, tell
from audioconv.cli.train_stream import CALIBRATION_SHARE

if TYPE_CHECKING:
    from audioconv.models import FrameModelName

FEWEST = 2 * CALIBRATION_SHARE  # recordings, of which some are held out


def train_event_detector(
    folder: Path,
    events: Path,
    out: Path,
    noises: list[Path] | None,
    card: dict[str, Any],
    model: str | None,
    seed: int,
    threads: int | None,
) -> None:
    """Train a detector on the recordings of a folder, choose its thresholds by a fifth of them, and write it."""
    from dataclasses import replace

    from audioconv.detect import SoundEventDetector
    from audioconv.detect.sound_event_detector import THRESHOLD
    from audioconv.detect.sound_events import events_of
    from audioconv.io import sound_files

    files = sound_files(folder)
    known = events_of(events, files)
    held = set(range(0, len(files), CALIBRATION_SHARE)) if len(files) >= FEWEST else set[int]()
    parts = [[i for i in range(len(files)) if (i in held) == wanted] for wanted in (False, True)]
    (trained, trained_events), (tried, tried_events) = (
        ([files[i] for i in part], [e._replace(recording=files[i]) for i in part for e in known[i]]) for part in parts
    )
    detector = SoundEventDetector(cast("FrameModelName", model or "sed-tcn"), threads=threads, random_state=seed)
    detector.fit(trained, trained_events, background_noise=noises)
    if tried_events and not detector.interrupted_:
        detector.calibrate(tried, tried_events)
    elif not held:
        say(f"{counted(len(files), 'recording')}: too few to choose thresholds by some of them; they are {THRESHOLD:g}")
    detector.card_ = replace(detector.card_, **card)
    detector.save(out)
    classes = ", ".join(f"{label} {t:.2f}" for label, t in zip(detector.classes_, detector.thresholds_, strict=True))
    tell(
        f"{out}: {counted(len(detector.classes_), 'class', 'classes')} from "
        f"{counted(len(trained_events), 'event')}; thresholds {classes}"
    )
    if detector.interrupted_:
        say(f"interrupted; {out} holds the weights so far")
        raise typer.Exit(130)
