"""audioconv evaluate --out, --negatives, and of detectors: all figures, on the terminal and as a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audioconv.cli.messages import say, tell
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv.classify import KeywordClassifier
    from audioconv.classify.dataset import Dataset
    from audioconv.detect import Evaluation, KeywordDetector, Negatives
    from audioconv.detect.calibration import FalseAlarmRate
    from audioconv.detect.evaluation.results import NegativeScore

LICENCES = ("LICENSE*", "LICENCE*", "COPYING*")


def evaluate_fully(
    model: "KeywordClassifier | KeywordDetector",
    part: "Dataset",
    split: str | None,
    negatives: Sequence[Path],
    sound_alikes: str | None,
    noises: list[Path] | None,
    examples: int,
    seed: int,
) -> "Evaluation":
    """Measure a model on a part of a data set, in streams, and on negatives; what of these is left out is said."""
    from audioconv.detect import EvaluationSettings, evaluate, find_negatives

    found = None
    if negatives:
        alikes = [] if sound_alikes is None else sound_alikes.split(",")
        found = find_negatives(list(negatives), _keywords(model), split=split, sound_alikes=alikes)
        say_left_out(found)
    elif sound_alikes is not None:
        raise ArgumentError("--sound-alikes is about recordings of --negatives, which is not given")
    return evaluate(
        model,
        part.files,
        part.labels,
        speakers=None if part.groups is None else part.groups.tolist(),
        negatives=found,
        background_noise=noises,
        settings=EvaluationSettings(seed=seed, examples=examples),
        verbose=1,
    )


def say_left_out(negatives: "Negatives") -> None:
    """Say which recordings of folders are left out, and why."""
    for source, reasons in negatives.left_out.items():
        say(f"{source}: left out are {', '.join(f'{count} that {why}' for why, count in reasons.items())}")


def write_report(
    evaluation: "Evaluation",
    model: Path,
    folder: Path,
    split: str | None,
    negatives: Sequence[Path],
    out: Path,
    *,
    force: bool,
) -> tuple[Path, Path]:
    """Write the page and its figures, and return where they are."""
    from audioconv.report import save_evaluation

    evaluation.model["file"] = model.name
    evaluation.data["folder"] = f"{folder}{'' if split is None else f', part {split}'}"
    evaluation.data["licences"] = _licences([folder, *negatives])
    return save_evaluation(evaluation, out, title=f"{model.name}: can it be shipped?", overwrite=force)


def _keywords(model: "KeywordClassifier | KeywordDetector") -> list[str]:
    from audioconv.classify.labels import NON_KEYWORD_LABELS

    return [str(label) for label in model.classes_ if str(label) not in NON_KEYWORD_LABELS]


def _licences(folders: Sequence[Path]) -> str:
    """What the folders say of their licences: the first line of such a file."""
    said = []
    for folder in folders:
        file = next((path for name in LICENCES for path in sorted(folder.glob(name)) if path.is_file()), None)
        first = "" if file is None else _first_line(file)
        said.append(f"{folder.name}: {first or 'not stated in a file there'}")
    return "; ".join(said)


def _first_line(file: Path) -> str:
    text = file.read_text(encoding="utf-8", errors="replace")
    return next((line.strip()[:120] for line in text.splitlines() if line.strip()), "")


def print_streams(evaluation: "Evaluation") -> None:
    """Print what was found in streams and negatives, and what to worry about."""
    for condition in evaluation.conditions:
        score = condition.score
        low, high = score.recall_interval
        late = f"; told {score.median_delay_s + 0.0:.2f} s after, 95 % within {score.delay_95_s:.2f} s"
        tell(
            f"{condition.name}: {score.recall:.2%} of {score.words} words found (95 % interval {low:.2%} to "
            f"{high:.2%}){late if score.delays_s else ''}"
        )
    for challenge in evaluation.challenges:
        low, high = challenge.interval
        tell(f"{challenge.name}: {challenge.happened} of {challenge.trials} (95 % interval {low:.1%} to {high:.1%})")
    for negatives in evaluation.negatives:
        tell(f"false alarms in {negatives.source}: {_rates(negatives)}")
    for finding in evaluation.findings:
        tell(f"{finding.level}: {finding.text}")


def _rates(score: "NegativeScore") -> str:
    words = ", ".join(f"{word} {count}" for word, count in score.by_word.items() if count)
    return f"{_rate(score.total)}{f' ({words})' if words else ''}"


def _rate(rate: "FalseAlarmRate") -> str:
    between = f"95 % interval {rate.low:.2g} to {rate.high:.2g}"
    return f"{rate.count} in {rate.hours:.2f} h, {rate.per_hour:.3g} an hour ({between})"
