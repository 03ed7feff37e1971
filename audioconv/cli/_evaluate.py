"""audioconv evaluate: how well a model does, on clips, in streams, and in hours without its words."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from audioconv._wording import counted
from audioconv.cli.datasets import SkipBroken, Speaker, background_noises, hint_at_skipping, load, unreadable
from audioconv.cli.inputs import WORDS, checked_kind
from audioconv.cli.messages import say, tell
from audioconv.cli.outputs import Force, Json, print_json
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from rich.table import Table

    from audioconv._typing import Array
    from audioconv.classify import KeywordClassifier
    from audioconv.classify.dataset import Dataset, SplitName
    from audioconv.detect import KeywordDetector

NOT_SAID = (
    "warning: {} does not say which clips it was trained on. If some of these are among them, it is right more "
    "often here than with others; --split test takes the part that training leaves alone"
)


_Negatives = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FOLDER",
        help="Sound without the words, to count false alarms in; may be given several times. Recordings whose text in "
        "manifest.csv holds one of the words are left out.",
    ),
]
_SoundAlikes = Annotated[
    str | None,
    typer.Option(metavar="A,B,C", help="With --negatives: recordings whose text holds one of these are left out, too."),
]
_Noise = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Noises that words are put into; FOLDER/_background_noise_ if there, else synthetic ones.",
    ),
]
_Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write report.html, a page by which to decide about the model, and report.json."),
]
_Examples = Annotated[
    int, typer.Option(min=0, metavar="N", help="With --out: of each kind of mistake at most so many can be heard.")
]
_Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Random seed of the test streams.")]


def evaluate(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[MODEL] FOLDER",
            help="A model file, by default the detector that comes along; and a folder with a folder a label, or with "
            "manifest.csv: file,label,speaker,split.",
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(help="Part to use: train, val, test or all; test if the manifest has one, else all that is new."),
    ] = None,
    speaker: Speaker = None,
    negatives: _Negatives = None,
    sound_alikes: _SoundAlikes = None,
    noise: _Noise = None,
    out: _Out = None,
    examples: _Examples = 40,
    seed: _Seed = 0,
    errors: Annotated[bool, typer.Option("--errors", help="List the misclassified clips.")] = False,
    as_json: Json = False,
    skip_broken: SkipBroken = False,
    force: Force = False,
) -> None:
    """Measure a model on clips, in streams and in other sound.

    Prints accuracy with its 95 % interval, confusion matrix and the recall of each class. Clips that the model was
    trained on are left out, unless --split is train or all. Of a detector, and with --out or --negatives of a
    classifier, too, words are put into noise, rooms and speech, and what is found there is counted.

    \b
    audioconv evaluate words.safetensors clips/ --split test
    audioconv evaluate words.safetensors clips/ --negatives talks/ --out report
    """
    from audioconv.cli.evaluate_report import evaluate_fully, print_streams, write_report
    from audioconv.detect.kinds import SHIPPED
    from audioconv.io.paths import check_folder

    if len(paths) > 2:
        raise ArgumentError(f"a model and a folder are wanted, not {len(paths)} paths: {', '.join(map(str, paths))}")
    model, folder = (SHIPPED, *paths)[-2:]
    detector = checked_kind(model, WORDS) == "KeywordDetector"
    check_folder(folder, "a folder of labelled clips")
    if out is not None:
        from audioconv.report._save_evaluation import check_evaluation_folder

        check_evaluation_folder(out, overwrite=force)
    elif not detector and not negatives and (noise is not None or sound_alikes is not None):
        raise ArgumentError("--noise and --sound-alikes are for detectors, or with --out or --negatives")
    loaded, data = _loaded(
        model, folder, speaker, detector=detector, skip_broken=skip_broken, say_split=split is not None
    )
    if split is None and not data.official:
        say(f"{folder} has no split into train, val and test: all clips are used that {model} was not trained on")
    part = _part(data, split, folder)
    if skip_broken:
        part = part.without(unreadable(part.files))
    _refuse_strange_labels(loaded, model, folder, part)
    part, clips = _unseen_clips(loaded, model, part, split or ("test" if data.official else "new"))
    if not detector and out is None and not negatives:
        told, classes = loaded.predict(clips), [str(label) for label in loaded.classes_]
        figures = _clips_figures(part.labels, told, classes, part.files)
        print_json(figures) if as_json else _print_clips(figures, errors)
        return
    of = split or ("test" if data.official else None)
    evaluation = evaluate_fully(
        loaded, part, of if of != "all" else None, negatives or [], sound_alikes,
        background_noises(noise, folder, skip_broken), examples if out is not None else 0, seed,
    )  # fmt: skip
    if as_json:
        print_json(evaluation.to_dict())
    else:
        found = evaluation.clips
        _print_clips(_clips_figures(found.truth, found.told, found.labels, part.files), errors)
        print_streams(evaluation)
    if out is not None:
        for path in write_report(evaluation, model, folder, of, negatives or [], out, force=force):
            (say if as_json else typer.echo)(str(path))


def _clips_figures(truth: "Array", told: "Array", classes: list[str], files: list[str]) -> dict[str, Any]:
    """Accuracy, confusion matrix and mistakes, as JSON has them."""
    import numpy as np

    from audioconv.classify.intervals import wilson_interval
    from audioconv.report.scores import confusion_matrix

    truth, told = np.asarray(truth, str), np.asarray(told, str)
    right = int((told == truth).sum())
    return {
        "clips": len(truth),
        "right": right,
        "accuracy": right / len(truth),
        "interval": wilson_interval(right, len(truth)),
        "labels": classes,
        "confusion": confusion_matrix(truth.tolist(), told.tolist(), classes),
        "mistakes": [
            {"file": file, "label": true, "told": predicted}
            for file, true, predicted in zip(files, truth.tolist(), told.tolist(), strict=True)
            if true != predicted
        ],
    }


def _print_clips(found: dict[str, Any], errors: bool) -> None:
    """Accuracy, confusion matrix and, if they are wanted, the misclassified clips."""
    from audioconv.report.scores import confusion_table

    low, high = found["interval"]
    tell(
        f"accuracy {found['accuracy']:.2%} ({found['right']} of {counted(found['clips'], 'clip')}; 95 % interval "
        f"{low:.2%} to {high:.2%})"
    )
    _print_table(confusion_table(found["confusion"], found["labels"]), found["labels"])
    for mistake in found["mistakes"] if errors else ():
        typer.echo("\t".join(mistake.values()))


def _loaded(
    model: Path, folder: Path, speaker: str | None, *, detector: bool, skip_broken: bool, say_split: bool
) -> "tuple[KeywordClassifier | KeywordDetector, Dataset]":
    """The model, and the clips of a folder with labels as it has them."""
    if detector:
        from audioconv.detect import KeywordDetector

        return KeywordDetector.load(model), load(folder, skip_broken, say_split, speaker=speaker)
    from audioconv.classify import KeywordClassifier

    classifier = KeywordClassifier.load(model)
    classifier.verbose = 1  # says on stderr when clips are resampled
    return classifier, _dataset(classifier, model, folder, speaker, skip_broken=skip_broken, say_split=say_split)


def _refuse_strange_labels(
    loaded: "KeywordClassifier | KeywordDetector", model: Path, folder: Path, part: "Dataset"
) -> None:
    """Refuse clips that say nothing of the model."""
    labels, classes = {str(label) for label in part.labels}, {str(label) for label in loaded.classes_}
    if not hasattr(loaded, "was_trained_on"):  # to a detector all other labels are other words
        if not labels & classes:
            raise ArgumentError(f"{folder} has no clips of the words that {model} tells: {' '.join(sorted(classes))}")
    elif unknown := sorted(labels - classes):
        raise ArgumentError(f"{folder} has labels that {model} does not know: {' '.join(unknown)}")


def _dataset(
    classifier: "KeywordClassifier",
    model: Path,
    folder: Path,
    speaker: str | None,
    *,
    skip_broken: bool,
    say_split: bool,
) -> "Dataset":
    """The clips of a folder, with labels as the model has them, and split by speaker if those of the training were."""
    from dataclasses import replace

    import numpy as np

    from audioconv.classify import load_dataset
    from audioconv.classify.labels import UNKNOWN, UNKNOWN_LABELS

    speaker = speaker or _speaker_of_training(classifier, model, folder)
    classes = {str(label) for label in classifier.classes_}
    unknown = next((label for label in UNKNOWN_LABELS if label in classes), None)
    labels = set(load_dataset(folder, speaker=speaker, missing=True).labels.tolist())
    if unknown is None or labels <= classes:
        return load(folder, skip_broken, say_split, speaker=speaker)
    words = sorted(labels & classes - {unknown})
    say(f"clips of labels that {model} does not know are {unknown!r}, as many of them as of a word")
    data = load(folder, skip_broken, say_split, speaker=speaker, words=words)
    return replace(data, labels=np.where(data.labels == UNKNOWN, unknown, data.labels))


def _speaker_of_training(classifier: "KeywordClassifier", model: Path, folder: Path) -> str | None:
    """The expression that found speakers when the model was trained, if it finds them in these names as well."""
    from audioconv.classify import load_dataset
    from audioconv.cli.plain_pattern import is_plain_pattern

    speaker: str | None = (classifier.split_ or {}).get("speaker")
    if speaker is None:
        return None
    if not is_plain_pattern(speaker):  # a file of anybody: some expressions never come to an end
        say(f"speakers were found by an expression too involved to be taken from a file; give --speaker {speaker!r}")
        return None
    try:
        data = load_dataset(folder, speaker=speaker, missing=True)
    except ArgumentError:
        return None
    if not data.official:
        say(f"speakers are found as when {model} was trained, by --speaker {speaker!r}")
    return speaker


def _part(data: "Dataset", split: str | None, folder: Path) -> "Dataset":
    """The part of a data set that was asked for; by default its official test part, or all if it has no parts."""
    if split == "all" or (split is None and not data.official):
        return data
    part = data.part(cast("SplitName", split or "test"))  # which refuses what is none
    if not len(part):
        raise ArgumentError(f"{folder} has no clips in the part {split or 'test'!r}; it has "
                            f"{' '.join(sorted(set(data.splits.tolist())))}")  # fmt: skip
    return part


def _unseen_clips(
    loaded: "KeywordClassifier | KeywordDetector", model: Path, part: "Dataset", split: str
) -> "tuple[Dataset, Array]":
    """Clips that the model was not trained on, and their samples; what is left out, or not known, is said.

    Of a detector no samples: its file does not say what it was trained on.
    """
    import numpy as np

    from audioconv.classify.clips import check_clips, load_clips
    from audioconv.classify.progress import Notices

    if not hasattr(loaded, "was_trained_on"):
        if split in ("train", "all", "new"):
            say(NOT_SAID.format(model))
        return part, np.empty(0)
    with hint_at_skipping():
        clips = load_clips(check_clips(part.files), loaded.sample_rate, loaded.clip_length, Notices(1))
    trained, validated = loaded.was_trained_on(clips)
    if trained is None:
        if split != "train":
            say(NOT_SAID.format(model))
        return part, clips
    known = trained if split == "val" else trained | validated  # which are there to choose by
    if split in ("train", "all"):
        if trained.any():
            say(f"{trained.sum()} of these {len(part)} clips were trained on, which says nothing of others")
        return part, clips
    if known.all():
        raise ArgumentError(
            f"{model} was trained on all of these {len(part)} clips, or chosen by them, which says nothing of others; "
            "--split all has them"
        )
    if known.any():
        say(f"{known.sum()} of {counted(len(part), 'clip')} left out: {model} was trained on them, or chosen by them")
    return part.select(~known), clips[~known]


def _print_table(table: "Table", classes: list[str]) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width of its own; no column may be lost
        console = Console(width=max(80, 12 + sum(len(label) + 5 for label in classes) + 10))
    console.print(table)
