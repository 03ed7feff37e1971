"""What is done to the sound of one client, without a network: a chain that may be exchanged, and a listener."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from audioconv._typing import Float32Array, FloatArray
from audioconv.classify import Detection
from audioconv.errors import ArgumentError
from audioconv.serve.listener import Listener
from audioconv.serve.web.chains import SAMPLE_RATES, Chains
from audioconv.stream import Chain

FADE_S = 0.03
LOUDEST = 1000.0  # a sample: 60 dB above full scale


class SwitchedChain:
    """A chain that may be exchanged while sound goes through it, by a crossfade.

    The new chain hears the sound from the exchange on, and is faded in when its latency is over.

    Parameters
    ----------
    chain : Chain
    fade : int >= 1
        Length of the crossfade, in samples.

    Examples
    --------
    >>> from audioconv.stream import Gain
    >>> chain = SwitchedChain(Chain([Gain(0.0)]), 4)
    >>> chain.exchange(Chain([Gain(20.0)]))
    >>> chain.process(np.ones(5, "float32"))
    array([ 3.25,  5.5 ,  7.75, 10.  , 10.  ], dtype=float32)
    """

    def __init__(self, chain: Chain, fade: int) -> None:
        self._chain, self._fade, self._since = chain, fade, 0
        self._next: Chain | None = None

    @property
    def latency(self) -> int:
        """Of the newest chain, in samples."""
        return (self._next or self._chain).latency

    @property
    def fading(self) -> bool:
        """Whether an exchange is not over yet."""
        return self._next is not None

    def exchange(self, chain: Chain) -> None:
        """Fade to a chain, which is this one's own from then on; not while another one is `fading`."""
        if self.fading:
            raise ArgumentError("a chain is faded in already; wait for its end")
        self._next, self._since = chain, 0

    def process(self, block: Float32Array) -> FloatArray:
        """The next block (samples,) -> (samples,) or (samples, channels)."""
        old = self._chain.process(block)
        if self._next is None:
            return old
        new = self._next.process(block)
        count = np.arange(1, 1 + len(block), dtype=np.float32) + np.float32(self._since - self._next.latency)
        weight = np.clip(count / np.float32(self._fade), 0, 1).reshape(-1, *[1] * (new.ndim - 1))
        self._since += len(block)
        if self._since >= self._next.latency + self._fade:
            self._chain, self._next = self._next, None
        mixed: FloatArray = (1 - weight) * old + weight * new
        return mixed

    def flush(self) -> FloatArray:
        """The tail of the newest chain."""
        self._chain, self._next = self._next or self._chain, None
        tail: FloatArray = self._chain.flush()
        return tail


class Answer(NamedTuple):
    """What comes back for a block: samples from `position` on, and what was detected."""

    position: int
    samples: FloatArray
    detections: list[Detection]


class ClientStream:
    """The sound of one client.

    Parameters
    ----------
    chains : Chains
    listen : callable or None
        listen(sample_rate) gives the `Listener`; None: nobody listens.
    sample_rate : int, in Hz
        From 8 to 192 kHz.
    chain : str
        Its name.

    Attributes
    ----------
    sample_rate : int
    position : int
        Of the next sample, those that were dropped included.
    dropped : int
        Samples that the client left out.
    heard : int
        Detections so far.

    Raises
    ------
    ArgumentError
        For another sample rate or chain.

    Examples
    --------
    >>> stream = ClientStream(Chains(), None, 48000, "equaliser")
    >>> stream.process(0, np.zeros(480, "float32")).samples.shape
    (480,)
    """

    def __init__(
        self, chains: Chains, listen: Callable[[int], Listener] | None, sample_rate: object, chain: object
    ) -> None:
        lowest, highest = SAMPLE_RATES
        if type(sample_rate) is not int or not lowest <= sample_rate <= highest:
            raise ArgumentError(f"sample_rate must be a whole number from {lowest} to {highest} Hz, not "
                                f"{sample_rate!r:.60}")  # fmt: skip
        self.sample_rate = sample_rate
        self._chains = chains
        self._wanted: Chain | None = None  # asked for while another one is faded in
        self._chain = SwitchedChain(chains.make(chain, sample_rate), round(FADE_S * sample_rate))
        self._listener = None if listen is None else listen(sample_rate)
        self.position = self.dropped = self.heard = 0

    @property
    def latency(self) -> int:
        """Of the newest chain, in samples."""
        return self._chain.latency if self._wanted is None else self._wanted.latency

    def select(self, name: object) -> None:
        """Fade to another chain; the last one that was asked for while another is faded in comes after it.

        Raises
        ------
        ArgumentError
            For another name, and a chain that cannot be made for this sample rate; all stays as it was.
        """
        chain = self._chains.make(name, self.sample_rate)
        if self._chain.fading:
            self._wanted = chain
        else:
            self._chain.exchange(chain)

    def process(self, position: int, block: Float32Array) -> Answer:
        """Take a block, and return what comes back.

        Parameters
        ----------
        position : int
            Of its first sample; samples that were left out before it are `dropped`.
        block : float32 array, shape (samples,)

        Returns
        -------
        answer : Answer
            The same position, and as many samples.

        Raises
        ------
        ArgumentError
            For a position before the end of the last block, and samples that are not finite or louder than 60 dB above
            full scale.
        """
        if position < self.position:
            raise ArgumentError(f"a block begins at sample {position}, before the end of the last one, {self.position}")
        if not np.all(np.abs(block) <= LOUDEST):  # which a nan is not, either
            raise ArgumentError(f"samples must be finite and from {-LOUDEST:g} to {LOUDEST:g}")
        self.dropped += position - self.position
        self.position = position + len(block)
        samples = self._chain.process(block)
        if self._wanted is not None and not self._chain.fading:
            self._chain.exchange(self._wanted)
            self._wanted = None
        return Answer(position, samples, self._told([] if self._listener is None else self._listener.process(block)))

    def flush(self) -> Answer:
        """The tail of the chain, and what the end decides."""
        found = [] if self._listener is None else self._listener.flush()
        return Answer(self.position, self._chain.flush(), self._told(found))

    def _told(self, found: list[Detection]) -> list[Detection]:
        """Detections in the client's time, in which samples that were left out have passed."""
        self.heard += len(found)
        late_s = self.dropped / self.sample_rate
        return [each._replace(start_s=each.start_s + late_s, end_s=each.end_s + late_s) for each in found]
