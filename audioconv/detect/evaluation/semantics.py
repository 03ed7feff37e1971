"""How the figures of an evaluation are counted, in words that stand on the page and in the JSON."""

from typing import TYPE_CHECKING

from audioconv.classify.calibrate import COLLAR_S
from audioconv.detect.evaluation.clips import BINS, RESAMPLED, SPEAKER_CLIPS
from audioconv.detect.evaluation.det_curve import FACTORS
from audioconv.detect.evaluation.saliency import BANDS, FLOOR_QUANTILE, PATCH_S
from audioconv.detect.evaluation.streams import CLEAN_SNR_DB, CLOSE_GAP_S, GAP_S, PIECE_S, SPEECH_SHARE
from audioconv.detect.evaluation.subject import NO_KEYWORD, PAD_S, PAD_SNR_DB

if TYPE_CHECKING:
    from audioconv.detect.evaluation.results import Evaluation


def semantics_of(evaluation: "Evaluation") -> dict[str, str]:
    """What each figure means, by its name; of an evaluation without streams or negatives only what it has."""
    said = {"clips": _clips(evaluation), "intervals": INTERVALS, "speakers": SPEAKERS, "calibration": CALIBRATION}
    if evaluation.conditions:
        said |= {
            "streams": _streams(evaluation),
            "found": FOUND,
            "delay": DELAY,
            "halves, pairs, sentences": CHALLENGES,
        }
    if evaluation.negatives:
        said["negatives"] = NEGATIVES
    if evaluation.curves:
        said["DET curve"] = _det(evaluation)
    return said | {"saliency": SALIENCY, "examples": _examples(evaluation)}


INTERVALS = (
    "Shares have 95 % intervals after Wilson (1927), rates of false alarms exact 95 % Poisson intervals after Garwood "
    "(1936). Both take clips and alarms as independent of each other."
)
SPEAKERS = (
    f"The interval over speakers comes from {RESAMPLED} draws of as many speakers with replacement (bootstrap): clips "
    f"of one speaker depend on each other. Speakers with fewer than {SPEAKER_CLIPS} clips have no accuracy of their "
    "own."
)
CALIBRATION = (
    f"The reliability diagram has {BINS} bins of equal width of the posterior of the most probable label; ECE is the "
    "mean over the clips of the difference between posterior and share of right ones in its bin (Guo et al., ICML "
    "2017). Of a detector the posterior of a keyword is its highest smoothed one, and what the highest of them leaves "
    f"to 1 is that of {NO_KEYWORD!r}."
)
FOUND = (
    f"A word is found by the first detection of its label that overlaps it or begins at most {COLLAR_S:g} s after its "
    "end. All other detections are false alarms: a second one of a word, one of another label, one where no word is. "
    "Where a word begins and ends was found by its energy."
)
DELAY = "The delay is from the end of a word that was found to the end of the block of samples that decides it."
CHALLENGES = (
    "At 20 dB. Keywords are cut at their bounds, with fades of 20 ms. A half is a keyword up to, or from, the middle "
    f"of its duration; it fires if anything is told from its beginning until {COLLAR_S:g} s after its end. Of two "
    f"keywords run together, {CLOSE_GAP_S[0] * 1000:g} to {CLOSE_GAP_S[1] * 1000:g} ms apart, both must be found. A "
    "keyword in a sentence stands so close between two pieces of speech (of other words, if there is no speech)."
)
NEGATIVES = (
    "Each recording is a stream of its own, as it is, with no noise added. Whatever is told in it is a false alarm. A "
    "recording is left out if its transcript in the manifest holds one of the keywords as a word; its inflections "
    "count as other words."
)
SALIENCY = (
    f"In patches of {PATCH_S * 1000:g} ms and a {BANDS}th of the mel scale, magnitudes are brought down to the "
    f"background of their bin (its {FLOOR_QUANTILE:.0%} quantile); how far the log-odds of the label fall by that is "
    "its part in the score (occlusion: Zeiler and Fergus, ECCV 2014). Orange speaks for the label, blue against it."
)


def _clips(evaluation: "Evaluation") -> str:
    if evaluation.model["kind"] == "KeywordDetector":
        return (
            f"A clip is heard as a stream of its own, in pink noise {PAD_SNR_DB:g} dB below it from {PAD_S:g} s before "
            f"to {PAD_S:g} s after it. Its label is what was told with the highest score, or {NO_KEYWORD!r}. Clips of "
            "other labels should be that."
        )
    return "A clip has the label of the highest posterior."


def _streams(evaluation: "Evaluation") -> str:
    settings = evaluation.settings
    return (
        f"Clips are put into noise in a random order (seed {settings.seed}), {GAP_S[0]:g} to {GAP_S[1]:g} s apart, "
        f"with a piece of {PIECE_S[0]:g} to {PIECE_S[1]:g} s of speech after {SPEECH_SHARE:.0%} of them, where there "
        "is speech. All words are equally loud; the ratio is that of their mean power between their bounds to that of "
        f"the noise. Clean is {CLEAN_SNR_DB:g} dB. In rooms each word and piece is convolved with one of 64 synthetic "
        f"room impulse responses, at {settings.room_snr_db:g} dB. At most {settings.stream_words} keywords and a "
        "quarter as many other words are used."
    )


def _det(evaluation: "Evaluation") -> str:
    against = (
        "on the negatives as they are, whatever the noise in the streams"
        if evaluation.negatives
        else "in the stream itself, because no negatives were given"
    )
    return (
        f"Missed words in a stream against false alarms an hour {against} (Martin et al., Eurospeech 1997). The odds t "
        f"/ (1 - t) of all thresholds t are multiplied by one factor, from {FACTORS[0]:g} to {FACTORS[-1]:g} in "
        f"{len(FACTORS)} steps; 1 is the model as it is."
    )


def _examples(evaluation: "Evaluation") -> str:
    return (
        f"Every mistake is listed; of each kind at most {evaluation.settings.examples} have their sound, at 16 kHz and "
        "brought to one level: missed words that were farthest from being told, false alarms and wrong labels that "
        "were the surest."
    )
