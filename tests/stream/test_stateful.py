"""Streams and chains used in any order: blocks, flush, reset, other filters, states, copies, mistakes; against sums.

The models keep all samples of the signal so far and compute the whole result anew each time, in float64.
"""

import pickle

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from scipy.signal import fftconvolve, sosfilt

import audioconv as ac
from tests.signals import noise

RATE = 48000
MAX_BLOCK = 300
TAPS = st.sampled_from([1, 2, 64, 65, 333, 1500, 4000])
SIZES = st.one_of(st.integers(0, MAX_BLOCK), st.sampled_from([0, 1, MAX_BLOCK]))
SOS = np.array([[0.2, 0.3, 0.1, 1.0, -0.6, 0.2], [1.0, -1.0, 0.0, 1.0, -0.9, 0.0]])


def through(x, h):
    """Each channel of x, (samples, channels), through h; the beginning, as long as x."""
    return fftconvolve(x, h.astype(np.float64)[:, None], axes=0)[: len(x)]


class StreamModel:
    """What a `StreamConvolver` should give: the filters since the signal began, each with its gain at each sample."""

    def __init__(self, channels, tail, latency, h):
        self.tail, self.latency = tail, latency
        self.x = np.zeros((0, channels))
        self.filters = [(h, 0, 0)]  # h, first sample of its fade, length of the fade
        self.posted = None
        self.given = 0

    def post(self, h, fade):
        self.posted = (h, fade)

    def process(self, block):
        if self.posted is not None:  # by an empty block, too
            self.filters.append((self.posted[0], len(self.x), self.posted[1]))
            self.posted = None
        self.x = np.concatenate([self.x, block])
        expected = self.result()[self.given : len(self.x)]
        self.given = len(self.x)
        return expected

    def result(self):
        late = np.concatenate([np.zeros((self.latency, self.x.shape[1])), self.x])[: len(self.x)]
        t, y, gains = np.arange(len(self.x))[:, None], 0, []
        for h, begin, fade in self.filters:
            g = np.clip((t - begin + 1) / fade if fade else t >= begin, 0, 1) if gains else np.ones_like(t)
            gains = [(f, gain * (1 - g)) for f, gain in gains] + [(h, g)]
        for h, gain in gains:
            faded_input = np.concatenate([np.zeros((self.latency, self.x.shape[1])), gain * self.x])[: len(self.x)]
            y = y + (gain * through(late, h) if self.tail == "cut" else through(faded_input, h))
        return y

    def busy(self):
        """How many changes are not over."""
        ringing = 0 if self.tail == "cut" else 6000
        return sum(len(self.x) < begin + fade + ringing for _, begin, fade in self.filters[1:])

    def begin(self):
        newest = self.posted[0] if self.posted else self.filters[-1][0]
        self.__init__(self.x.shape[1], self.tail, self.latency, newest)


class ConvolverMachine(RuleBasedStateMachine):
    """`StreamConvolver`."""

    @initialize(
        channels=st.sampled_from([1, 2]),
        latency=st.sampled_from([0, 100]),
        taps=TAPS,
        tail=st.sampled_from(["cut", "fade_input"]),
    )
    def begin(self, channels, latency, taps, tail):
        self.seed, self.kept, self.channels = 0, None, channels
        self.stream = ac.StreamConvolver(
            self.response(taps),
            max_block=MAX_BLOCK,
            channels=channels,
            latency=latency,
            sample_rate=RATE,
            max_taps=4000,
        )
        self.model = StreamModel(channels, tail, latency, self.response(taps, again=True))

    def response(self, taps, again=False):
        self.seed += not again
        return noise(taps, seed=self.seed) / np.float32(np.sqrt(taps))

    def block(self, size):
        self.seed += 1
        block = noise((size, self.channels), seed=self.seed)
        return block[:, 0] if self.channels == 1 and self.seed % 2 else block

    def agree(self, found, expected):
        scale = max(np.abs(self.model.result()).max(initial=0), 1.0)
        assert found.shape[0] == len(expected)
        assert np.abs(found.reshape(expected.shape) - expected).max(initial=0) <= 2e-6 * scale

    @rule(size=SIZES)
    def process(self, size):
        block = self.block(size)
        self.agree(self.stream.process(block), self.model.process(block.reshape(size, self.channels)))

    @rule(sizes=st.lists(SIZES, min_size=5, max_size=20))
    def many(self, sizes):
        for size in sizes:
            self.process(size)

    @rule(size=SIZES)
    def in_place(self, size):
        block = np.array(self.block(size))
        expected = self.model.process(block.reshape(size, self.channels))
        assert self.stream.process(block, block) is block
        self.agree(block, expected)

    @precondition(lambda self: self.model.busy() < 2)
    @rule(taps=TAPS, fade=st.sampled_from([0, 1, 100, 700, 2500]))
    def set_ir(self, taps, fade):
        self.stream.set_ir(self.response(taps), fade / RATE, self.model.tail)
        self.model.post(self.response(taps, again=True), fade)

    @rule(wrong=st.sampled_from(["dtype", "channels", "long", "ir", "nan", "state"]))
    def refuse(self, wrong):
        mistake = {
            "dtype": lambda: self.stream.process(np.zeros((5, self.channels))),
            "channels": lambda: self.stream.process(np.zeros((5, self.channels + 1), np.float32)),
            "long": lambda: self.stream.set_ir(np.zeros(4001, np.float32)),
            "ir": lambda: self.stream.set_ir(np.zeros((2, 3, 4), np.float32)),
            "nan": lambda: self.stream.set_ir(np.full(9, np.nan, np.float32)),
            "state": lambda: self.stream.set_state({"made_with": {}, "instances": []}),
        }[wrong]
        with pytest.raises(ac.AudioconvError):
            mistake()

    @rule()
    def flush(self):
        found = self.stream.flush()
        expected = self.model.process(np.zeros((len(found), self.channels)))
        scale = max(np.abs(self.model.result()).max(initial=0), 1.0)
        assert np.abs(found.reshape(expected.shape) - expected).max(initial=0) <= 2e-6 * scale
        rest = self.model.process(np.zeros((5000, self.channels)))
        assert np.abs(rest).max() <= 2e-6 * scale, "the flush did not give all"
        self.model.begin()

    @rule()
    def reset(self):
        self.stream.reset()
        self.model.begin()

    @rule()
    def keep_state(self):
        self.kept = pickle.loads(pickle.dumps((self.stream.get_state(), self.model)))

    @precondition(lambda self: self.kept is not None)
    @rule()
    def go_on_from_state(self):
        state, model = self.kept
        self.stream.set_state(state)
        self.model = pickle.loads(pickle.dumps(model))

    @rule()
    def copy(self):
        self.stream = pickle.loads(pickle.dumps(self.stream))

    @invariant()
    def counts_nothing(self):
        assert not hasattr(self, "stream") or self.stream.nonfinite_count == 0


class ChainMachine(RuleBasedStateMachine):
    """`Chain` of a gain, sections, a convolver, a matrix to other channels, and a part of the dry signal."""

    @initialize(wide=st.booleans(), taps=st.sampled_from([1, 70, 1200]), wet=st.sampled_from([0.0, 0.3, 1.0]))
    def begin(self, wide, taps, wet):
        self.seed, self.wet = 0, wet
        self.h = noise(taps, seed=100) / np.float32(np.sqrt(taps))
        self.matrix = np.array([[1.0, 0.5]]) if wide else np.array([[1.0]])
        self.gain = ac.Gain(0.0)
        inside = ac.DryWet(ac.StreamConvolver(self.h), wet)
        self.chain = ac.Chain([self.gain, ac.Biquad(SOS), inside, ac.MatrixMixer(self.matrix)])
        self.clear()

    def clear(self):
        self.amplified, self.given, self.largest = np.zeros(0), 0, 1.0
        self.now = self.target = 10 ** (self.gain.gain_db / 20)

    def expected(self, more=0):
        """The whole result, with so many zeros after it."""
        filtered = sosfilt(SOS, self.amplified) if len(self.amplified) else self.amplified
        filtered = np.concatenate([filtered, np.zeros(more)])
        mixed = (1 - self.wet) * filtered + self.wet * fftconvolve(filtered, self.h.astype(float))[: len(filtered)]
        return mixed[:, None] * self.matrix

    def agree(self, found, expected):
        self.largest = max(self.largest, np.abs(expected).max(initial=0))
        assert found.size == expected.size
        assert np.abs(found.reshape(expected.shape) - expected).max(initial=0) <= 4e-6 * self.largest

    @rule(size=SIZES)
    def process(self, size):
        self.seed += 1
        x = noise(size, seed=self.seed)
        over = min(size, 256) if self.matrix.shape[1] > 1 else size  # a chain of other channels goes 256 at a time
        g = np.full(size, self.target)
        if size:
            g[:over] = self.now + (self.target - self.now) * np.arange(1, over + 1) / over
            self.now = self.target
        self.amplified = np.concatenate([self.amplified, g * x])
        expected = self.expected()[self.given :]
        self.given += size
        self.agree(self.chain.process(x), expected)

    @rule(gain_db=st.sampled_from([-20.0, -6.0, 0.0, 6.0, -np.inf]))
    def set_gain(self, gain_db):
        self.gain.gain_db = gain_db
        self.target = 10 ** (gain_db / 20)

    @rule()
    def flush(self):
        self.agree(self.chain.flush(), self.expected(len(self.h) - 1)[self.given :])
        self.clear()

    @rule()
    def reset(self):
        self.chain.reset()
        self.clear()

    @rule()
    def copy(self):
        self.chain = pickle.loads(pickle.dumps(self.chain))
        self.gain = self.chain.stages[0]

    @rule(wrong=st.sampled_from(["dtype", "channels", "text", "out"]))
    def refuse(self, wrong):
        mistake = {
            "dtype": (np.zeros(5),),
            "channels": (np.zeros((5, 3), np.float32),),
            "text": ("samples",),
            "out": (np.zeros(5, np.float32), np.zeros(4, np.float32)),
        }[wrong]
        with pytest.raises(ac.AudioconvError):
            self.chain.process(*mistake)


STEPS = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestConvolver = ConvolverMachine.TestCase
TestConvolver.settings = STEPS
TestChain = ChainMachine.TestCase
TestChain.settings = STEPS
