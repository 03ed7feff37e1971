"""audioconv predict: classify short clips."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audioconv.cli.batch import Jobs, Scheduler, Settings, SettingsFile, paths_of, settings_file, work_on_many
from audioconv.cli.datasets import SkipBroken, hint_at_skipping, unreadable
from audioconv.cli.inputs import checked_kind
from audioconv.cli.outputs import INPUT, Force, Json, print_json, sound_source
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv.classify import Scorer

_TABLE = ".parquet"


def predict(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    files: Annotated[
        list[str], typer.Argument(help="Clips, one word each, or folders of them; a table to write (.parquet) at last.")
    ],
    top: Annotated[int, typer.Option(min=1, metavar="K", help="Number of labels a clip (top-k).")] = 1,
    skip_broken: SkipBroken = False,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
    force: Force = False,
) -> None:
    """Classify clips: which word each holds.

    One line a label: file, label, probability; tab-separated when the output is not a terminal. Clips may be files,
    folders, patterns in quotes, and lists of files (@LIST); - is a clip on standard input.

    With OUT.parquet as the last of FILES they become a table: file, rank, label, probability. Clips may then be any
    number. Those that fail are said at the end, and the exit code is then 1. A run that was cut goes on where it was
    when the same command is given again.

    \b
    audioconv predict words.safetensors clips/yes/*.flac
    audioconv predict words.safetensors clips/ --top 3 --json
    audioconv predict words.safetensors archive/ labels.parquet --jobs 2
    """
    if files[-1].lower().endswith(_TABLE) and not files[:-1]:
        raise ArgumentError(f"{files[-1]} is the table to write; clips are wanted before it")
    checked_kind(model, ("KeywordClassifier",))
    from audioconv.classify.serialization import load_scorer
    from audioconv.io.plain_text import printable

    if files[-1].lower().endswith(_TABLE):
        load_scorer(model)  # says what is wrong with it
        predicting = Predicting(settings_file(model), top)
        work_on_many(predicting, files[:-1], files[-1], "classifying", jobs=jobs, scheduler=scheduler, force=force)
        return
    scorer, names = load_scorer(model), paths_of(files)
    if skip_broken:
        broken = unreadable(names)
        names = [name for name in names if name not in broken]
    with hint_at_skipping():
        posteriors = _posteriors(scorer, names, verbose=1)  # which says on stderr when clips are resampled
    if as_json:
        print_json(
            [{"file": file, "labels": _labels(scorer, row, top)} for file, row in zip(names, posteriors, strict=True)]
        )
        return
    rows = []
    for file, row in zip(names, posteriors, strict=True):
        rows += [(file, str(label), f"{probability:.4f}") for label, probability in _best(scorer, row, top)]
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(row))
        return
    rows = [(printable(file), label, probability) for file, label, probability in rows]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for file, label, probability in rows:
        typer.echo(f"{file:{widths[0]}}  {label:{widths[1]}}  {probability}")


def _posteriors(scorer: "Scorer", names: list[Any], verbose: int) -> Any:
    """Posteriors (clips, labels)."""
    from audioconv.classify.clips import LONGEST_S, check_clips, fit_length, load_clips, read_mono
    from audioconv.classify.progress import Notices
    from audioconv.nn import softmax

    notices = Notices(verbose)
    if not set(names) & set(INPUT):
        clips = load_clips(check_clips(names), scorer.sample_rate, scorer.clip_length, notices)
    elif len(names) > 1:
        raise ArgumentError("standard input is one clip, and several are given")
    else:
        with sound_source(names[0]) as sound:
            clip = read_mono(sound, scorer.sample_rate, notices, LONGEST_S)
            clips = fit_length(clip, scorer.clip_length)[None]
    return softmax(scorer.logits(clips))


def _best(scorer: "Scorer", posteriors: Any, top: int) -> list[tuple[Any, float]]:
    """The labels of a clip that are most probable, with their posteriors."""
    ranked = sorted(zip(posteriors, scorer.classes, strict=True), reverse=True)
    return [(label, probability) for probability, label in ranked[:top]]


def _labels(scorer: "Scorer", posteriors: Any, top: int) -> list[dict[str, object]]:
    return [
        {"label": label, "probability": round(float(probability), 4)}
        for label, probability in _best(scorer, posteriors, top)
    ]


@dataclass(frozen=True, repr=False)
class Predicting(Settings):
    """A function that classifies one of many clips."""

    model: SettingsFile | None = None
    top: int = 1

    def __call__(self, source: Path) -> dict[str, Any]:
        """The rows of a clip."""
        best = _best(self._scorer(), _posteriors(self._scorer(), [source], verbose=0)[0], self.top)
        return {
            "rank": list(range(1, len(best) + 1)),
            "label": [str(label) for label, _ in best],
            "probability": [float(probability) for _, probability in best],
        }

    def _scorer(self) -> "Scorer":
        """The model; loaded once in a process."""
        from audioconv.classify.serialization import load_scorer

        if "_loaded" not in vars(self):
            assert self.model is not None
            vars(self)["_loaded"] = load_scorer(self.model.path)
        loaded: Scorer = vars(self)["_loaded"]
        return loaded

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_loaded"}
