"""What somebody should worry about before a model is shipped: each figure against a limit, and how far it is known."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from audioconv._wording import counted
from audioconv.detect.calibration import RULE_OF_THREE
from audioconv.detect.evaluation.clips import worst_confusions
from audioconv.detect.evaluation.wording import figure, hours, percent, rate_range

if TYPE_CHECKING:
    from audioconv.detect.evaluation.results import Evaluation

Level: TypeAlias = Literal["serious", "worth a look", "not known"]
LEVELS: tuple[Level, ...] = ("serious", "worth a look", "not known")

# What people who use such detectors have been seen to put up with; each is named where it is not kept.
LEAST_FOUND = {20.0: 0.95, 10.0: 0.92}
FALSE_ALARMS_PER_HOUR = 0.5
MEDIAN_DELAY_S, DELAY_95_S = 0.2, 0.4
LEAST_ACCURACY = 0.9
MOST_HALVES, LEAST_PAIRS, LEAST_SENTENCES = 0.05, 0.85, 0.8
MOST_ECE = 0.1
CONFUSED_SHARE = 0.05
WORD_BEHIND = 0.1  # a word that is found so much less often than all
SPEAKER_BEHIND = 0.15  # a tenth of the speakers that are so far below the mean
WIDE = 0.06  # an interval of a share
MUCH_OF_ALARMS, FEW_ALARMS = 0.5, 6


class Finding(NamedTuple):
    """Something to worry about: how much, and why."""

    level: Level
    text: str


def findings_of(evaluation: "Evaluation") -> list[Finding]:
    """What to worry about, the worst first."""
    found = [*_alarms(evaluation), *_words(evaluation), *_challenges(evaluation), *_clips(evaluation)]
    return sorted([*found, *_unknown(evaluation)], key=lambda finding: LEVELS.index(finding.level))


def _alarms(evaluation: "Evaluation") -> Iterator[Finding]:
    for score in evaluation.negatives[:1] if len(evaluation.negatives) == 1 else evaluation.negatives[:-1]:
        total = score.total
        where = f"{score.source}: {counted(total.count, 'false alarm')} in {hours(score.seconds)}"
        between = f"{figure(total.per_hour)} an hour (95 % interval {rate_range(total)})"
        if total.low > FALSE_ALARMS_PER_HOUR:
            yield Finding(
                "serious", f"{where}, {between}; {FALSE_ALARMS_PER_HOUR:g} an hour is what people put up with."
            )
        elif total.high > FALSE_ALARMS_PER_HOUR:
            yield Finding(
                "not known",
                f"{where}, {between}. To show {FALSE_ALARMS_PER_HOUR:g} an hour, at least "
                f"{RULE_OF_THREE / FALSE_ALARMS_PER_HOUR:g} h without one are needed.",
            )
    if not evaluation.negatives:
        return
    total = evaluation.negatives[-1].total
    by_word = sorted(evaluation.negatives[-1].by_word.items(), key=lambda item: -item[1])
    word, count = by_word[0]
    if len(by_word) > 2 and total.count >= FEW_ALARMS and count > MUCH_OF_ALARMS * total.count:
        yield Finding(
            "worth a look",
            f"{word!r} gives {count} of {total.count} false alarms: a higher threshold for it alone may be enough.",
        )


def _words(evaluation: "Evaluation") -> Iterator[Finding]:
    for condition in evaluation.conditions:
        score, least = condition.score, LEAST_FOUND.get(condition.snr_db, 0.0)
        low, high = score.recall_interval
        if condition.rooms or not least or score.recall >= least:
            continue
        level: Level = "serious" if high < least else "worth a look"
        yield Finding(
            level,
            f"{percent(score.recall)} of the words are found at {condition.snr_db:g} dB (95 % interval {percent(low)} "
            f"to {percent(high)}); {percent(least, 0)} is the least to expect.",
        )
    headline = evaluation.headline
    if headline is None or not headline.score.words:
        return
    for word in headline.score.by_word:
        if word.words and word.recall_interval[1] < headline.score.recall - WORD_BEHIND / 2 \
                and word.recall < headline.score.recall - WORD_BEHIND:  # fmt: skip
            yield Finding(
                "worth a look",
                f"{word.label!r} is found in {percent(word.recall, 0)} of {word.words} cases at {headline.snr_db:g} "
                f"dB, all words in {percent(headline.score.recall, 0)}.",
            )
    if headline.score.delays_s:
        median_s, late_s = headline.score.median_delay_s, headline.score.delay_95_s
        if median_s > MEDIAN_DELAY_S or late_s > DELAY_95_S:
            yield Finding(
                "worth a look",
                f"Words are told {median_s:.2f} s after their end, one in twenty later than {late_s:.2f} s; what "
                f"answers at once takes {MEDIAN_DELAY_S:g} and {DELAY_95_S:g} s.",
            )


def _challenges(evaluation: "Evaluation") -> Iterator[Finding]:
    for challenge in evaluation.challenges:
        if not challenge.trials:
            continue
        said = f"{percent(challenge.share, 0)} of {challenge.trials}"
        if "half" in challenge.name and challenge.interval[0] > MOST_HALVES:
            worst = max(challenge.by_label, key=lambda label: challenge.by_label[label][1])
            yield Finding(
                "serious" if challenge.share > 4 * MOST_HALVES else "worth a look",
                f"The {challenge.name} of a keyword fires in {said} cases, most often of {worst!r}; "
                f"{percent(MOST_HALVES, 0)} is what to expect.",
            )
        if challenge.name == "two keywords run together" and challenge.interval[1] < LEAST_PAIRS:
            yield Finding("worth a look", f"Of two keywords run together both are found in {said} cases.")
        if challenge.name == "keyword in a sentence" and challenge.interval[1] < LEAST_SENTENCES:
            yield Finding("worth a look", f"Keywords within a sentence are found in {said} cases.")


def _clips(evaluation: "Evaluation") -> Iterator[Finding]:
    clips = evaluation.clips
    if clips.accuracy_interval[1] < LEAST_ACCURACY:
        yield Finding(
            "serious",
            f"{percent(clips.accuracy)} of the clips are labelled right, less than {percent(LEAST_ACCURACY, 0)}.",
        )
    for said, told, count, share in worst_confusions(clips, 3):
        if share > CONFUSED_SHARE and count > 2:
            yield Finding(
                "worth a look",
                f"{said!r} is taken for {told!r} in {counted(count, 'clip')}, {percent(share, 0)} of its own.",
            )
    if clips.ece > MOST_ECE:
        sure = sum(b.clips * (b.confidence - b.right) for b in clips.reliability) > 0
        yield Finding(
            "worth a look",
            f"Posteriors are {'too high' if sure else 'too low'} by {clips.ece:.2f} on average (ECE): do not read them "
            "as probabilities.",
        )
    spread = clips.speaker_spread
    if spread is not None and len(spread.accuracies) >= 10 and spread.quantile(0.1) < clips.accuracy - SPEAKER_BEHIND:
        yield Finding(
            "worth a look",
            f"A tenth of the speakers are understood in {percent(spread.quantile(0.1), 0)} of their clips or fewer, "
            f"all in {percent(clips.accuracy, 0)}.",
        )


def _unknown(evaluation: "Evaluation") -> Iterator[Finding]:
    if not evaluation.negatives:
        yield Finding("not known", "How often it fires in hours without the words: no negatives were given.")
    spread = evaluation.clips.speaker_spread
    if spread is None:
        yield Finding("not known", "How far speakers are apart: the manifest names none, and no --speaker was given.")
    low, high = evaluation.clips.accuracy_interval if spread is None else spread.interval
    if high - low > WIDE:
        yield Finding(
            "not known",
            f"The accuracy of clips closer than {percent(low)} to {percent(high)}: there are too few of them.",
        )
    if evaluation.conditions and not evaluation.data.get("noises"):
        yield Finding(
            "not known", "How it does in recorded noise: the streams have synthetic noise, for want of --noise."
        )
    for notice in evaluation.data.get("doubts", ()):
        yield Finding("not known", notice)
