"""Detectors on streams used in any order: blocks, flush, reset, copies, mistakes; against the whole signal at once."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import audioconv as ac
from tests.models_at_random import random_classifier, random_sound_event_detector
from tests.tone_detector import HZ, tone, tone_detector

SIZES = st.one_of(st.integers(0, 6000), st.sampled_from([0, 1, 160, 1600]))
_RNG = np.random.default_rng(3)
WORDS = np.concatenate([tone(hz, _RNG) for hz in [*HZ.values()] * 4])  # 6.4 s


def tones_detector():
    return tone_detector()


def events_detector():
    detector = random_sound_event_detector()
    detector.thresholds_ = np.median(detector.scorer_.posteriors(WORDS), axis=0)  # they cross it now and then
    return detector


def classifier():
    fitted = random_classifier()
    fitted.threshold_ = 0.5
    return fitted


class DetectorMachine(RuleBasedStateMachine):
    """A stream of any estimator: what it tells, joined, is what it tells of the whole signal in one block."""

    make: staticmethod

    @initialize()
    def begin(self):
        self.estimator = type(self).make()
        self.stream, self.reference = self.estimator.stream(), self.estimator.stream()
        self.told, self.start, self.length = [], 0, 0

    def signal(self):
        return np.resize(np.roll(WORDS, -self.start), self.length)

    def whole(self):
        """What is told of the signal so far, and at its end; by another stream, in one block."""
        self.reference.reset()
        return self.reference.process(self.signal()), self.reference.flush()

    @rule(size=SIZES)
    def process(self, size):
        begin, self.length = self.length, self.length + size
        self.told += self.stream.process(self.signal()[begin:])
        assert self.told == self.whole()[0]

    @rule(sizes=st.lists(SIZES, min_size=3, max_size=12))
    def many(self, sizes):
        for size in sizes:
            begin, self.length = self.length, self.length + size
            self.told += self.stream.process(self.signal()[begin:])
        assert self.told == self.whole()[0]

    @rule()
    def flush(self):
        before, at_end = self.whole()
        assert self.told + self.stream.flush() == before + at_end
        self.clear()

    @rule()
    def reset(self):
        self.stream.reset()
        self.clear()

    def clear(self):
        self.start += 4000
        self.told, self.length = [], 0

    @rule(wrong=st.sampled_from(["dtype", "channels", "nan", "text"]))
    def refuse(self, wrong):
        block = {
            "dtype": np.zeros(500), "channels": np.zeros((500, 2), np.float32), "nan": np.full(500, np.nan, np.float32),
            "text": "samples",
        }[wrong]  # fmt: skip
        with pytest.raises(ac.AudioconvError):
            self.stream.process(block)

    @rule()
    def another_stream_of_the_same_model(self):
        other = self.estimator.stream()
        other.process(self.signal()[::-1].copy())
        other.flush()


def test_the_signal_has_words_in_it():
    """Else the machines would compare nothing with nothing."""
    for make, least in ((tones_detector, 6), (events_detector, 3), (classifier, 1)):
        stream = make().stream()
        assert len(stream.process(WORDS) + stream.flush()) >= least, make


def machine(function):
    """The tests of a machine for one kind of estimator."""
    kind = type(f"Machine_{function.__name__}", (DetectorMachine,), {"make": staticmethod(function)})
    case = kind.TestCase
    case.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
    return case


TestKeywords = machine(tones_detector)
TestEvents = machine(events_detector)
TestSlidingWindow = machine(classifier)
