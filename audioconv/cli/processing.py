"""Sound files that become sound files: one with a bar and a line that says what was done, or many."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from audioconv.cli.batch import Settings, SoundSuffix, are_many, warn_of_clipped, work_on_many
from audioconv.cli.messages import loudness_texts, say, say_written, speed_bar, warn_clipped
from audioconv.cli.outputs import sound_source, sound_target

if TYPE_CHECKING:
    from audioconv.io import Info
    from audioconv.io.paths import PathOrFile
    from audioconv.stream.files import Processed

_NEAR_LU = 0.05  # what is printed as the loudness that was asked for


@dataclass(frozen=True, repr=False)
class SoundProcessing(Settings, ABC):
    """What is done to each file; a function of source and target for many of them."""

    doing: ClassVar[str]  # the title of bars

    subtype: str | None = None
    format: str | None = None
    partial: bool = False

    @abstractmethod
    def stage(self, source: "PathOrFile", about: "Info", tell: Callable[[str], None]) -> tuple[Any, str]:
        """The stage for a file, and what there is to say of it; notices are told."""

    @abstractmethod
    def remedy(self, name: str, done: "Processed") -> str:
        """What avoids clipping."""

    @property
    def differs(self) -> bool:
        """Whether it is said of each of many files what `stage` says."""
        return False

    def options(self) -> dict[str, Any]:
        """What `process_file` is told beside the formats."""
        return {}

    def process(self, source: Any, target: Any, stage_for: Any, subtype: Any, format: Any, **more: Any) -> "Processed":
        """Send a file through the stage that a function gives for it and its `Info`."""
        from audioconv.errors import AudioFileWarning
        from audioconv.stream.files import process_sound

        done, dropped = process_sound(
            source, target, stage_for, subtype=subtype, format=format, partial=self.partial, **self.options(), **more
        )
        if dropped:
            warnings.warn(dropped, AudioFileWarning, stacklevel=2)
        return done

    def __call__(self, source: Path, target: Path) -> str | None:
        """Process one of many files; what there is to say of it, if that differs."""
        stage: Any = None
        said = ""

        def stage_for(sound: "PathOrFile", about: "Info") -> Any:
            nonlocal stage, said
            stage, said = self.stage(sound, about, lambda text: None)
            return stage

        done = self.process(source, target, stage_for, self.subtype, self.format)
        warn_of_clipped(target, done.clipped)
        texts = [said] if said and self.differs else []
        reached, wanted = done.loudness_lufs, self.options().get("loudness_lufs")
        if reached is not None and wanted is not None and abs(reached - wanted) > _NEAR_LU:  # else all say the same
            texts.append(f"{reached:.1f} LUFS")
        return ", ".join([*texts, *loudness_texts(stage)]) or None


def process_sounds(
    processing: SoundProcessing,
    sources: Sequence[str],
    target: str,
    *,
    jobs: int | None,
    scheduler: str | None,
    force: bool,
) -> None:
    """Process one file, or many, and say what became of them."""
    if are_many(sources, target):
        work_on_many(
            processing, sources, target, processing.doing, suffix=SoundSuffix(processing.format), jobs=jobs,
            scheduler=scheduler, force=force,
        )  # fmt: skip
        return
    from audioconv import io

    with sound_source(sources[0]) as sound:
        about, name = io.info(sound, partial=processing.partial), io.display_name(sound)
        stage, said = processing.stage(sound, about, say)
        out, subtype, format = sound_target(target, force, processing.subtype, processing.format)
        with speed_bar(f"{processing.doing} {name}", about.sample_rate) as progress:
            done = processing.process(sound, out, lambda *_: stage, subtype, format, overwrite=force, progress=progress)
    warn_clipped(out, done, processing.remedy(name, done))
    louder = f"made {'softer' if done.gain_db < 0 else 'louder'} by {abs(done.gain_db):.2f} dB" if done.gain_db else ""
    reached = "" if done.loudness_lufs is None else f"{done.loudness_lufs:.1f} LUFS"
    say_written(out, done, [text for text in (said, *loudness_texts(stage), louder, reached) if text])
