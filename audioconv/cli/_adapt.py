"""audioconv adapt: a few clips of more words, and a model that knows them, too."""

from pathlib import Path
from typing import Annotated

import typer

from audioconv._wording import counted
from audioconv.cli.datasets import SkipBroken, unreadable
from audioconv.cli.inputs import WORDS, checked_kind
from audioconv.cli.messages import say, tell
from audioconv.cli.outputs import Force, check_output
from audioconv.errors import ArgumentError, ModelFileError

_Model = Annotated[Path, typer.Argument(help="Model file, of clips or of a detector (`train --for stream`).")]
_Folder = Annotated[Path, typer.Argument(help="A folder a label, of 3 to 20 clips each; new words, or known ones.")]
_Out = Annotated[Path, typer.Option("--out", help="Model file to write.")]
_Negatives = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="For detectors: hours of sound without the words, by which all thresholds are chosen anew.",
    ),
]
_FalseAlarmsPerHour = Annotated[
    float,
    typer.Option(min=0, metavar="N", help="With --negatives: at most so many false alarms an hour, of all words."),
]
_Threads = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Threads; AUDIOCONV_THREADS or all cores if not given.")
]


def adapt(
    model: _Model,
    folder: _Folder,
    out: _Out,
    negatives: _Negatives = None,
    false_alarms_per_hour: _FalseAlarmsPerHour = 0.5,
    threads: _Threads = None,
    skip_broken: SkipBroken = False,
    force: Force = False,
) -> None:
    """Teach a model words, or sharpen known ones, from a few clips.

    Only the clips and the model file are used, and it takes seconds. The more voices, the better. Without --negatives a
    detector's threshold of a new word is 0.5, and only listening tells how many false alarms that costs.

    \b
    audioconv adapt live.safetensors clips/ --out more.safetensors
    """
    from audioconv.io.model_file import check_name
    from audioconv.io.paths import check_folder

    check_output(check_name(out), force, ModelFileError)
    check_folder(folder, f"a folder of clips for each word, such as {folder / 'computer'},")
    if negatives is not None:
        check_folder(negatives, "a folder with sound without the words", "--negatives")
    detects = checked_kind(model, WORDS) == "KeywordDetector"
    if negatives is not None and not detects:
        raise ArgumentError(f"--negatives is for detectors, and {model} is a model of clips")
    labels, files = _clips(folder, skip_broken, threads)
    if not detects:
        from audioconv.classify import KeywordClassifier

        classifier = KeywordClassifier.load(model)
        classifier.threads = threads
        classifier.adapt(files, labels).save(out)
        tell(f"{out}: {counted(len(files), 'clip')} of {', '.join(sorted(set(labels)))}")
        return
    from audioconv.detect import KeywordDetector

    detector = KeywordDetector.load(model)
    detector.threads = threads
    adapted = detector.adapt(files, labels)
    if negatives is not None:
        from audioconv.cli.evaluate_report import say_left_out
        from audioconv.detect import find_negatives

        found = find_negatives([negatives], [str(label) for label in adapted.classes_])
        say_left_out(found)
        adapted.calibrate([recording.sound for recording in found.recordings], false_alarms_per_hour)
    adapted.save(out)
    words = ", ".join(f"{word} {t:.2f}" for word, t in zip(adapted.classes_, adapted.thresholds_, strict=True))
    tell(f"{out}: {counted(len(files), 'clip')} of {', '.join(sorted(set(labels)))}; thresholds {words}")
    if negatives is None:
        say("without --negatives FOLDER nobody knows how many false alarms a new word costs")


def _clips(folder: Path, skip_broken: bool, threads: int | None) -> tuple[list[str], list[Path]]:
    """The clips of a folder a label, and the label of each."""
    from audioconv.io import sound_files

    found = [(label.name, file) for label in sorted(folder.iterdir()) if label.is_dir() for file in sound_files(label)]
    if not found:
        raise ArgumentError(
            f"{folder} holds no folder with sound files; one for each word is wanted, such as "
            f"{folder / 'computer'}, which `audioconv record computer --into {folder}` makes"
        )
    broken = unreadable([file for _, file in found], threads) if skip_broken else set()
    kept = [(label, file) for label, file in found if str(file) not in broken]
    return [label for label, _ in kept], [file for _, file in kept]
