"""Released models of openWakeWord and microWakeWord, each as a detector of its own words: `detect(samples)`.

Both come as packages with models and a native library (`pip install pyopen-wakeword pymicro-wakeword`); they are taken
if they are there. A word counts from the threshold that is released with them, and once until its posterior has fallen
(the decision code is ours, for all). OpenWakeWord's model of a word and what turns sound into its features are two
networks; features are made once for all words, and for one alone where its cost is measured.
"""

import numpy as np
from words_cost import cost

from audioconv.classify.decoder import EventDecoder

try:
    import pymicro_wakeword
    import pyopen_wakeword
except ImportError:
    pyopen_wakeword = pymicro_wakeword = None

RATE = 16000  # of both, in 16-bit integers
OPEN_THRESHOLD = 0.5  # that of its own program, for each word
REFRACTORY_S = 1.0


def peers():
    """Both, with all the words that they bring; none if they are not installed."""
    return [OpenWakeWord(), MicroWakeWord()] if pyopen_wakeword else []


class _Peer:
    delay_s = 0.0  # a detection ends when it is decided

    def __init__(self, words=None):
        known = {model.value.replace("_", " "): model for model in self.package.Model}
        self.models = {word: known[word] for word in words or known}

    @property
    def words(self):
        """That it has a model for."""
        return list(self.models)

    def alone(self, word):
        """The detector of one of the words."""
        return type(self)([word])

    def cost(self, word):
        """Of a stream that listens to one word."""
        return cost(self.name, word)

    def stream(self):
        """A function that takes the next block, of `block` samples, and returns the posterior of each word."""
        features, networks = self._load()

        def process(block):
            frames = list(features.process_streaming((block * 32767).astype("<i2").tobytes()))
            return [self._posterior(network, frames) for network in networks]

        process(np.zeros(self.block, np.float32))  # the first call of openWakeWord goes through 8 s of silence
        return process

    def detect(self, samples):
        """Detections of all words, each by its own decision."""
        process, found = self.stream(), []
        blocks = np.clip(samples[: len(samples) // self.block * self.block], -1, 1).reshape(-1, self.block)
        rows = np.array([process(block) for block in blocks])
        for column, word in enumerate(self.words):
            decoder = EventDecoder(
                [word],
                self.thresholds()[column],
                row_hop_s=self.block / RATE,
                row_end_s=self.block / RATE,
                smoothing_s=0.0,  # as far as it is wanted, it is in the posteriors
                min_duration_s=0.0,
                refractory_s=REFRACTORY_S,
            )
            found += decoder.process(rows[:, column : column + 1]) + decoder.flush()
        return sorted(found, key=lambda detection: detection.end_s)


class OpenWakeWord(_Peer):
    """Speech embeddings of Google's by a network of 1.3 MB every 80 ms, and a small network for each word."""

    name, package, block = "openWakeWord", pyopen_wakeword, 1280

    def thresholds(self):
        return [OPEN_THRESHOLD] * len(self.models)

    def _load(self):
        models = [pyopen_wakeword.OpenWakeWord.from_builtin(model) for model in self.models.values()]
        return pyopen_wakeword.OpenWakeWordFeatures.from_builtin(), models

    def _posterior(self, network, frames):
        return [value for frame in frames for value in network.process_streaming(frame)][-1]


class MicroWakeWord(_Peer):
    """A quantised streaming network of some 50 kB for each word, on features with noise reduction and gain control."""

    name, package, block = "microWakeWord", pymicro_wakeword, 480

    def thresholds(self):
        return [network.probability_cutoff for network in self._load()[1]]

    def _load(self):
        models = [pymicro_wakeword.MicroWakeWord.from_builtin(model) for model in self.models.values()]
        return pymicro_wakeword.MicroWakeWordFeatures(), models

    def _posterior(self, network, frames):
        """The mean that it compares; it gives one in three frames, which a block has, and 0 for the others."""
        return max((network.process_streaming_prob(frame) for frame in frames), default=0.0)
