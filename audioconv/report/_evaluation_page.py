"""The page of an evaluation: what somebody must know who decides whether a model is shipped, from the top down."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from audioconv.detect.calibration import FalseAlarmRate
from audioconv.detect.evaluation.clips import worst_confusions
from audioconv.detect.evaluation.examples import Example, Kind, Mistake
from audioconv.detect.evaluation.findings import Level
from audioconv.detect.evaluation.results import Evaluation
from audioconv.detect.evaluation.subject import NO_KEYWORD
from audioconv.detect.evaluation.wording import NBSP, figure, hours, percent, percent_range, rate_range
from audioconv.report.evaluation_plots import det_curve, reliability, speakers
from audioconv.report.page import Report
from audioconv.report.plots import confusion
from audioconv.report.sound_card import SoundCard
from audioconv.report.theme import GREY, ORANGE, RED

MARKS: dict[Level, str] = {"serious": RED, "worth a look": ORANGE, "not known": GREY}
KINDS: dict[Kind, tuple[str, str]] = {
    "false alarm in negatives": ("False alarms where none of the words is said", "Nothing should have been told here."),
    "missed word": ("Missed words in the stream", "The word is said here, and it was not told."),
    "false alarm in the stream": ("False alarms in the stream", "Another word, or none, is said here."),
    "clip": ("Clips that were labelled wrong", "The clip by itself, as it is in its file."),
}
CONFUSIONS = 8


def evaluation_page(evaluation: Evaluation, title: str = "Can this model be shipped?") -> Report:
    """Make the page of an evaluation; `save` writes it as one HTML file with all sounds and pictures in it.

    Parameters
    ----------
    evaluation : Evaluation
    title : str

    Returns
    -------
    page : Report

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> clips = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 16000)).astype("float32")
    >>> quick = ac.detect.EvaluationSettings(streams=False, examples=0)
    >>> found = ac.detect.evaluate(ac.KeywordDetector.load(), clips, ["yes", "no"] * 2, settings=quick)
    >>> evaluation_page(found, "Eight words").save("report.html")  # doctest: +SKIP
    """
    page = Report(title)
    page.text(_lead(evaluation))
    page.tiles(_tiles(evaluation))
    _findings(page, evaluation)
    _operating_points(page, evaluation)
    _streams(page, evaluation)
    _negatives(page, evaluation)
    _challenges(page, evaluation)
    _clips(page, evaluation)
    _mistakes(page, evaluation)
    _card(page, evaluation)
    page.heading("How this was counted")
    page.table(["", ""], [(name, text) for name, text in evaluation.semantics.items()])
    return page


def _rate(rate: FalseAlarmRate) -> str:
    return f"{figure(rate.per_hour)} ({rate_range(rate)})"


def _of(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


def _lead(evaluation: Evaluation) -> str:
    model, data = evaluation.model, evaluation.data
    heard = f"{_of(data['clips'], 'clip')} of {_of(len(data['clips_by_label']), 'label')}"
    heard += "" if data["speakers"] is None else f" by {_of(data['speakers'], 'speaker')}"
    if evaluation.negatives:
        total = evaluation.negatives[-1]
        heard += f", and {hours(total.seconds)} of sound without the words ({_of(total.recordings, 'recording')})"
    name = model.get("file") or f"A {model['kind']}"
    return f"{name} tells {', '.join(model['keywords'])}. It heard {heard}."


def _tiles(evaluation: Evaluation) -> Iterator[tuple[str, str, str]]:
    if (headline := evaluation.headline) is not None and headline.score.words:
        score = headline.score
        known = f"{percent_range(score.recall_interval)}; {score.hits} of {score.words}"
        yield percent(score.recall), f"of the words found at {headline.snr_db:g} dB", known
    several = evaluation.negatives[:-1] if len(evaluation.negatives) > 1 else evaluation.negatives
    for negatives in several:
        rate = negatives.total
        known = f"{rate_range(rate)}; {rate.count} in {hours(negatives.seconds)}"
        yield figure(rate.per_hour), f"false alarms an hour in {negatives.source}", known
    if headline is not None and headline.score.delays_s:
        score = headline.score
        yield f"{max(0.0, score.median_delay_s):.2f} s", "from the end of a word until it is told, median", \
            f"95 % within {score.delay_95_s:.2f} s"  # fmt: skip
    for challenge in evaluation.challenges[:1]:
        if challenge.trials:
            yield percent(challenge.share), "of first halves of keywords fire", percent_range(challenge.interval)
    clips = evaluation.clips
    yield (
        percent(clips.accuracy),
        f"of {_of(len(clips.truth), 'clip')} labelled right",
        percent_range(clips.accuracy_interval),
    )


def _findings(page: Report, evaluation: Evaluation) -> None:
    findings = evaluation.findings
    counts = Counter(finding.level for finding in findings)
    said = ", ".join(f"{counts[level]} {level}" for level in MARKS if counts[level])
    page.heading(f"What to worry about{f': {said}' if said else ''}")
    if not findings:
        page.text("Nothing that was looked for was found. What was looked for stands at the end of the page.")
    page.marked_list((MARKS[finding.level], finding.level, finding.text) for finding in findings)


def _operating_points(page: Report, evaluation: Evaluation) -> None:
    points = evaluation.operating_points
    if not points:
        return
    page.heading("If other thresholds were chosen")
    page.text(
        "So many of the words are missed where thresholds are set for at most so many false alarms on these negatives. "
        "The rate is as uncertain as the count is small: thresholds that were chosen by these very recordings do a "
        "little better on them than on others."
    )
    names, rows, targets = list(points[0].missed), list[list[Any]](), list[str]()
    for _, same in groupby(points, key=lambda point: point.factor):
        several = list(same)
        targets.append(" or ".join(f"{p.target_per_hour:g}" for p in several).replace(" ", NBSP))
        rows.append([targets[-1], several[0].false_alarms, *(percent(several[0].missed[name]) for name in names)])
    page.table(["false alarms an hour", "counted", *names], rows)
    distinct = list({point.factor: point for point in points}.values())
    page.table(
        ["threshold of", "now", *(f"{target} an hour" for target in targets)],
        [
            [word, f"{evaluation.model['thresholds'][word]:.3f}", *(f"{p.thresholds[word]:.4f}" for p in distinct)]
            for word in points[0].thresholds
        ],
        folded="These thresholds",
    )


def _streams(page: Report, evaluation: Evaluation) -> None:
    if not evaluation.conditions:
        return
    page.heading("Words in a stream")
    kinds = sorted({kind for condition in evaluation.conditions for kind in condition.alarms_over})
    rows, alarms = [], []
    for condition in evaluation.conditions:
        name, score = condition.name.replace(" ", NBSP), condition.score
        late = (
            [f"{s + 0.0:.2f}{NBSP}s" for s in (score.median_delay_s, score.delay_95_s)] if score.delays_s else ["-"] * 2
        )
        rows.append([name, percent(score.recall), percent_range(score.recall_interval), *late])
        alarms.append([name, score.false_alarms.count, *(condition.alarms_over.get(kind, 0) for kind in kinds)])
    page.table(["", "words found", "95 % interval", "told after, median", "95 % within"], rows)
    against = "in sound without the words" if evaluation.negatives else "in the streams themselves"
    page.figure(
        det_curve(evaluation.curves),
        f"Words missed against false alarms an hour {against}, as thresholds go from low to high. Dots: thresholds as "
        "they are. Left of the lowest rate that so little sound can show, lines end at half an alarm.",
    )
    page.text(f"What is said there where something is told that is not, in {hours(3600 * score.hours)} of each stream:")
    page.table(["", "false alarms", *kinds], alarms)
    names = [condition.name for condition in evaluation.conditions]
    found = [{w.label: w for w in condition.score.by_word} for condition in evaluation.conditions]
    keywords = [word for word in evaluation.model["keywords"] if any(word in words for words in found)]
    page.table(
        ["found", "words", *names],
        [
            [word, next(w[word].words for w in found if word in w),
             *(percent(w[word].recall) if word in w and w[word].words else "-" for w in found)]
            for word in keywords
        ],
    )  # fmt: skip


def _negatives(page: Report, evaluation: Evaluation) -> None:
    if not evaluation.negatives:
        return
    page.heading("False alarms in sound without the words")
    page.text("An hour, with exact 95 % Poisson intervals.")
    scores = evaluation.negatives
    page.table(
        ["", *(f"{score.source} ({hours(score.seconds)})" for score in scores)],
        [
            *([word, *(_rate(score.of(word)) for score in scores)] for word in evaluation.model["keywords"]),
            ["all words", *(_rate(score.total) for score in scores)],
        ],
    )
    for score in scores:
        if score.left_out:
            reasons = ", ".join(f"{count} that {why}" for why, count in score.left_out.items())
            page.text(f"Of {score.source} {score.recordings} recordings were heard. Left out: {reasons}.")


def _challenges(page: Report, evaluation: Evaluation) -> None:
    if not evaluation.challenges:
        return
    page.heading("Halves, pairs, sentences")
    rows = []
    for challenge in evaluation.challenges:
        half = "half" in challenge.name
        what = " fires" if half else ": both found" if "two" in challenge.name else ": found"
        many = f"{challenge.happened} of {challenge.trials}".replace(" ", NBSP)
        rows.append(
            [challenge.name + what, percent(challenge.share), percent_range(challenge.interval), many,
             _worst(challenge.by_label, low=not half)]
        )  # fmt: skip
    page.table(["", "share", "95 % interval", "cases", "worst"], rows)


def _worst(by_label: dict[str, tuple[int, int]], low: bool) -> str:
    """The labels where it goes wrong most often."""
    wrong = {label: trials - count if low else count for label, (trials, count) in by_label.items()}
    worst = sorted(wrong, key=lambda label: -wrong[label])[:3]
    said = ", ".join(f"{label} ({wrong[label]})" for label in worst if wrong[label])
    return said and (f"missed: {said}" if low else f"fire: {said}")


def _clips(page: Report, evaluation: Evaluation) -> None:
    clips = evaluation.clips
    page.heading("Clips")
    spread = clips.speaker_spread
    over = "" if spread is None else f"; over speakers {percent_range(spread.interval)}"
    page.text(
        f"{clips.correct} of {_of(len(clips.truth), 'clip')} are labelled right: {percent(clips.accuracy)} (95 % "
        f"interval {percent_range(clips.accuracy_interval)}{over}). Macro F1 is {clips.macro_f1:.3f}, the expected "
        f"calibration error (ECE) {clips.ece:.3f}."
    )
    page.figure(confusion(clips.confusion, clips.labels), "How often each label was said, and what the model said.")
    if confusions := worst_confusions(clips, CONFUSIONS):
        page.table(
            ["said", "taken for", "clips", "of its own"],
            [[said, told, count, percent(share)] for said, told, count, share in confusions],
        )
    page.figure(
        reliability(clips.reliability),
        "How often the model is right against how sure it is. Below the dotted line it is surer than it should be. The "
        "area of a dot is the number of clips.",
    )
    if spread is not None and spread.accuracies:
        worst = ", ".join(f"{who} {percent(share)}" for who, share in list(spread.accuracies.items())[:5])
        page.figure(
            speakers(spread, clips.accuracy),
            f"Speakers with at least {spread.clips_each} clips; dashed: all clips. A tenth of them are at or below "
            f"{percent(spread.quantile(0.1))}, half at or below {percent(spread.quantile(0.5))}. Least understood: "
            f"{worst}.",
        )


def _mistakes(page: Report, evaluation: Evaluation) -> None:
    if not evaluation.mistakes:
        return
    page.heading("Mistakes, one by one")
    page.text(
        "The darker, the louder. Orange made the model surer of the label, blue less sure. A dashed line is where it "
        "was told, or where a missed word ends."
    )
    for kind, (name, what) in KINDS.items():
        mistakes = [mistake for mistake in evaluation.mistakes if mistake.kind == kind]
        examples = [example for example in evaluation.examples if example.mistake.kind == kind]
        if not mistakes:
            continue
        page.subheading(f"{name}: {len(mistakes)}")
        with_sound = (
            "each with its sound" if len(examples) == len(mistakes) else f"the first {len(examples)} with sound"
        )
        page.text(f"{what} {_order(kind)}, {with_sound}.")
        page.cards(_sound_card(example, evaluation) for example in examples)
        page.table(
            ["said", "told", "score", "where", "before", "after", "speaker"], [_row(m) for m in mistakes],
            folded=f"All {len(mistakes)} in a table",
        )  # fmt: skip


def _order(kind: Kind) -> str:
    return "Those that were farthest from being told come first" if kind == "missed word" else "The surest come first"


def _row(mistake: Mistake) -> list[str]:
    return [mistake.said, mistake.told, f"{mistake.score:.3f}", _where(mistake), mistake.before, mistake.after,
            mistake.speaker]  # fmt: skip


def _where(mistake: Mistake) -> str:
    short = "/".join(mistake.source.replace("\\", "/").split("/")[-2:])
    if mistake.kind == "clip":
        return short
    at = f"{mistake.at_s:.1f} s"
    return f"{short}, at {at}" if mistake.kind == "false alarm in negatives" else f"{short}; at {at} of the stream"


def _sound_card(example: Example, evaluation: Evaluation) -> SoundCard:
    mistake = example.mistake
    in_negatives = mistake.kind == "false alarm in negatives"
    said = "" if in_negatives else f"said: {mistake.said} → "
    told = "nothing told" if mistake.told == NO_KEYWORD else f"told: {mistake.told}"
    threshold = evaluation.model["thresholds"].get(example.label)
    least = "" if threshold is None or mistake.kind == "clip" else f", threshold {threshold:.2f}"
    lines = [f"score of {example.label!r} {mistake.score:.3f}{least}"]
    if in_negatives and mistake.said:
        lines.append(f"said about here: {mistake.said}")
    if mistake.before or mistake.after:
        lines.append(f"before it: {mistake.before or 'nothing'}; after it: {mistake.after or 'nothing'}")
    lines.append(_where(mistake) + (f", speaker {mistake.speaker}" if mistake.speaker else ""))
    marks = [] if mistake.kind == "clip" else [(mistake.at_s - example.start_s, "here")]
    return SoundCard(said + told, lines, example.samples, example.sample_rate, example.saliency.drop, marks)


def _card(page: Report, evaluation: Evaluation) -> None:
    page.heading("Model card")
    model, data = evaluation.model, evaluation.data
    training = ", ".join(f"{name} {value}" for name, value in model["training"].items())
    thresholds = ", ".join(f"{word} {threshold:.3f}" for word, threshold in model["thresholds"].items())
    rows: list[tuple[str, Any]] = [
        ("file", model.get("file")),
        ("kind", f"{model['kind']}, {model['architecture']}, {model['numbers']:,} numbers"),
        ("hears", f"{model['sample_rate']} Hz; {model['features']}; posteriors each {model['row_hop_s']:.3g} s"),
        ("keywords", ", ".join(model["keywords"])),
        ("thresholds", thresholds),
        (
            "decision",
            f"smoothed over {model['smoothing_s']:g} s, above its threshold for {model['min_duration_s']:g} s, then "
            f"nothing for {model['refractory_s']:g} s",
        ),
        ("trained", f"{model['rounds_or_epochs']} rounds or epochs, seed {model['seed']}"
                    f"{', interrupted' if model['interrupted'] else ''}; last loss {_number(model['last_loss'])}"),
        ("recipe", training or "defaults"),
        *_stored_card(model["card"]),
        ("evaluated on", data.get("folder")),
        ("clips", ", ".join(f"{label} {count}" for label, count in data["clips_by_label"].items())),
        ("noises", ", ".join("/".join(name.split("/")[-2:]) for name in data["noises"]) or "synthetic"),
        ("licences of the data", data.get("licences")),
        ("limits", LIMITS),
    ]  # fmt: skip
    page.table(["", ""], [row for row in rows if row[1]])


LIMITS = (
    "Words are as they are said in these clips: one at a time, by these speakers, into these microphones. Noise and "
    "rooms are added, not recorded with the words. Other languages, children, accents and distances that the data do "
    "not have are not known from this page."
)


def _number(value: float | None) -> str:
    return "not kept" if value is None else f"{value:.3g}"


def _stored_card(card: dict[str, Any]) -> Sequence[tuple[str, Any]]:
    """What the model file says of itself."""
    said = [(f"{name.replace('_', ' ')} (its card)", str(value)) for name, value in card.items()]
    missing = [name for name in ("data", "licence") if name not in card]
    return [*said, *((f"{name} (its card)", "not stated") for name in missing)]
