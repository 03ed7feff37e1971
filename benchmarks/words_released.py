"""Released models and one of ours on their own words: synthetic voices in noise, false alarms in speech, cost."""

from pathlib import Path

import numpy as np
import words_spoken
from words_cost import cost
from words_data import RATE, find_speech, held_noise, joined, material, quiet_recordings
from words_peers import peers
from words_score import rate, share

from audioconv.classify.augmentation import check_noise
from audioconv.classify.dataset import Dataset
from audioconv.detect import FalseAlarmRate, score_stream
from audioconv.detect.evaluation.streams import Item, Layout, Placed, Source
from audioconv.detect.recordings import word_recordings
from audioconv.io import write

WORDS = ("alexa", "hey jarvis", "hey mycroft", "okay nabu")  # that both have
OURS = "hey jarvis"
TRIED, QUICK = {"espeak-ng": 84, "flite": 40}, {"espeak-ng": 2, "flite": 2}
TRAINED = {"espeak-ng": 150, "flite": 50}
SNRS_DB = (10, 20)
GAP_S = (2.0, 3.0)  # openWakeWord's network for a word hears two seconds at once


class Ours:
    """One of our detectors, as a peer of theirs."""

    name = "audioconv"

    def __init__(self, detector, file):
        self._detector, self._file = detector, file
        self.words, self.delay_s = [str(label) for label in detector.classes_], detector.stream().decoder.delay_s

    def detect(self, samples):
        """Detections in a stream."""
        return self._detector.detect(samples)

    def cost(self, word):
        """Of a stream."""
        return cost(self._file)


def spoken_material(folder):
    """Recordings for `OURS`: the clips are synthetic, of other voices than those that are tried."""
    files = []
    for i, utterance in enumerate(words_spoken.utterances(OURS, "train", TRAINED)):
        files.append(str(Path(folder) / f"{i}_{utterance.voice.replace(':', '-')}.wav"))
        write(files[-1], utterance.samples, RATE)
    labels, splits = np.full(len(files), OURS), np.full(len(files), "train")
    return material((OURS,), Dataset(files, labels, None, splits))


def rows(ours, quick):
    """A row for each detector and word; `ours` are detectors, at their thresholds, with their files."""
    most = 4 if quick else None  # recordings, to see that all runs
    if words_spoken.missing():
        print(f"not run: {', '.join(words_spoken.missing())} is not installed")
        return []
    if not peers():
        print("not run: pyopen-wakeword and pymicro-wakeword are not installed")
    tried = [*peers(), *(Ours(*each) for each in ours)]
    trained, others = (joined(find_speech((), split).recordings[:most]) for split in ("train", "val"))
    quiet, found = joined(quiet_recordings()[:most]), []
    for peer in tried:
        words = [word for word in WORDS if word in peer.words]
        print(f"{peer.name}: read speech, noises", flush=True)
        counts = {"other speakers": _alarms(peer, words, others)}
        if not isinstance(peer, Ours):  # ours was trained with the rest
            counts["all"] = _sum(_alarms(peer, words, trained), counts["other speakers"])
        counts["noises"] = _alarms(peer, words, quiet)
        for word in words:
            alarms = {name: of_words[word] for name, of_words in counts.items()}
            found.append(_row(peer, word, alarms, QUICK if quick else TRIED))
    return found


def _row(peer, word, alarms, tried):
    utterances = words_spoken.utterances(word, "tried", tried)
    row = {"word": word, "detector": peer.name}
    for snr_db in SNRS_DB:
        delays_s = []
        for engine in tried:
            hits, delays = _hear(peer, word, [u for u in utterances if u.engine == engine], snr_db)
            row[f"{engine}, {snr_db} dB"] = share(hits, tried[engine])
            delays_s += delays
        if snr_db == SNRS_DB[0]:
            known = bool(delays_s)
            row["delay"] = float(np.median(delays_s)) if known else None
            row["delay, 95 %"] = float(np.quantile(delays_s, 0.95, method="inverted_cdf")) if known else None
    for name in ("other speakers", "all", "noises"):
        row[f"false an hour, {name}"] = rate(alarms[name]) if name in alarms else None
    return row | _named(peer.cost(word))


def _named(figures):
    return {"% of a core": 100 * figures["core"], "MB a stream": figures["MB"]}


def _hear(peer, word, utterances, snr_db):
    """How many of the utterances are found, and how long after their end."""
    layout = _layout(word, utterances)
    noise = np.concatenate([check_noise(noise, i) for i, noise in enumerate(held_noise())])
    found = [d for d in peer.detect(layout.render(noise, snr_db)) if d.label == word]
    score = score_stream(found, layout.words, layout.seconds / 3600, delay_s=peer.delay_s)
    return score.hits, list(score.delays_s)


def _layout(word, utterances):
    """Each utterance on its own, far from the others."""
    rng, at, placed = np.random.default_rng(0), 0, []
    for i in rng.permutation(len(utterances)).tolist():
        (recording,) = word_recordings([utterances[i].samples], RATE, utterances[i].voice)
        item = Item(Source(utterances[i].voice, word, recording, True), "word", recording.begin, recording.end, RATE)
        at += round(rng.uniform(*GAP_S) * RATE)
        placed.append(Placed(item, at / RATE, (at + item.end - item.begin) / RATE))
        at += item.end - item.begin
    return Layout(placed, [[i] for i in range(len(placed))], at + round(GAP_S[0] * RATE), RATE, 0)


def _alarms(peer, words, samples):
    """False alarms of each word in a stream that holds none."""
    told = [detection.label for detection in peer.detect(samples)]
    return {word: FalseAlarmRate(told.count(word), len(samples) / RATE / 3600) for word in words}


def _sum(some, others):
    sums = {word: (a.count + others[word].count, a.hours + others[word].hours) for word, a in some.items()}
    return {word: FalseAlarmRate(*each) for word, each in sums.items()}
