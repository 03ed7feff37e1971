"""What one client of a wake-word service is told: sound and questions in, words out. No network is here."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from wyoming import wake
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable
from wyoming.info import Attribution, Describe, Info, WakeModel, WakeProgram
from wyoming.ping import Ping, Pong

import audioconv
from audioconv._typing import Float32Array
from audioconv.classify import Detection, KeywordClassifier
from audioconv.detect import KeywordDetector
from audioconv.errors import ArgumentError
from audioconv.serve.listener import Listener, words_of

RATES = (4000, 384_000)  # in Hz
MOST_CHANNELS = 32
WIDTHS = (2, 3, 4)  # bytes of a sample
SITE = "https://github.com/audioconv/audioconv"


class Format(NamedTuple):
    """Of sound: its sample rate, bytes of a sample, and channels."""

    rate: int
    width: int
    channels: int


class Session:
    """A client's stream, and what it wants to hear of.

    Parameters
    ----------
    estimator : KeywordDetector or KeywordClassifier
        Fitted; shared by all sessions, which does not change it.
    threshold : float, optional
        The score from which a word counts; by default the estimator's own.

    Attributes
    ----------
    words : tuple of str
        That the estimator can tell.

    Examples
    --------
    >>> import audioconv as ac
    >>> from audioconv.serve import Session
    >>> from wyoming.info import Describe
    >>> session = Session(ac.KeywordDetector.load())
    >>> [reply.type for reply in session.handle(Describe().event())]
    ['info']
    """

    def __init__(self, estimator: KeywordDetector | KeywordClassifier, threshold: float | None = None) -> None:
        self._estimator, self._threshold = estimator, threshold
        self.words = words_of(estimator)
        self._wanted = set(self.words)
        self._listener: Listener | None = None
        self._form: Format | None = None  # of the sound that the listener hears
        self._base_ms, self._told = 0, False

    def handle(self, event: Event) -> list[Event]:
        """Take an event of the client and return the answers.

        Parameters
        ----------
        event : wyoming.event.Event
            Of a kind that is not known: nothing is answered, as the protocol wants it.

        Returns
        -------
        answers : list of wyoming.event.Event
            An `error` where the event asks for what cannot be done; the session stays as it was.
        """
        try:
            return [answer.event() for answer in self._answers(event)]
        except ArgumentError as error:
            return [Error(str(error), "bad-request").event()]

    def _answers(self, event: Event) -> Sequence[Eventable]:
        if AudioChunk.is_type(event.type):
            return self._hear(event)
        if AudioStart.is_type(event.type):
            self._begin(_format(event.data), event.data)
        elif AudioStop.is_type(event.type):
            return self._end()
        elif wake.Detect.is_type(event.type):
            self._want(event.data.get("names"))
        elif Describe.is_type(event.type):
            return [info(self._estimator)]
        elif Ping.is_type(event.type):
            text = event.data.get("text")
            return [Pong(text if isinstance(text, str) else None)]
        return []

    def _want(self, names: Any) -> None:
        if names is None or names == []:
            self._wanted = set(self.words)
            return
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ArgumentError(f"names must be a list of words, not {names!r:.60}")
        unknown = sorted(set(names) - set(self.words))
        if unknown:
            raise ArgumentError(f"names must be among {', '.join(self.words)}, not {', '.join(unknown)[:200]}")
        self._wanted = set(names)

    def _begin(self, form: Format, data: dict[str, Any]) -> None:
        self._listener, self._form = Listener(self._estimator, self._threshold, form.rate), form
        timestamp = data.get("timestamp")
        self._base_ms = timestamp if type(timestamp) is int else 0
        self._told = False

    def _hear(self, event: Event) -> list[Eventable]:
        form = _format(event.data)
        sound = _samples(event.payload or b"", form)
        if self._listener is None or self._form != form:  # chunks without a start, or of another form
            self._begin(form, event.data)
        assert self._listener is not None
        return self._tell(self._listener.process(sound))

    def _end(self) -> list[Eventable]:
        """The words that the end decides; the protocol also tells that there were none at all."""
        answers = [] if self._listener is None else self._tell(self._listener.flush())
        if not self._told:
            answers.append(wake.NotDetected())
        self._listener, self._told = None, False
        return answers

    def _tell(self, found: Sequence[Detection]) -> list[Eventable]:
        wanted = [each for each in found if str(each.label) in self._wanted]
        self._told = self._told or bool(wanted)
        return [wake.Detection(str(each.label), self._base_ms + round(1000 * each.end_s)) for each in wanted]


def info(estimator: KeywordDetector | KeywordClassifier) -> Info:
    """What the service is, with a model for each word, so that a client can choose among them."""
    made_by, version = Attribution("audioconv", SITE), audioconv.__version__
    models = [WakeModel(word, made_by, True, f"the word {word!r}", version, ["en"], word) for word in
              words_of(estimator)]  # fmt: skip
    return Info(wake=[WakeProgram("audioconv", made_by, True, "words in streams of sound", version, models)])


def _format(data: dict[str, Any]) -> Format:
    bounds = {"rate": RATES, "width": (WIDTHS[0], WIDTHS[-1]), "channels": (1, MOST_CHANNELS)}
    for name, (least, most) in bounds.items():
        value = data.get(name)
        if type(value) is not int or not least <= value <= most:
            raise ArgumentError(f"{name} of sound must be a whole number from {least} to {most}, not {value!r:.60}")
    return Format(*(data[name] for name in bounds))


def _samples(payload: bytes, form: Format) -> Float32Array:
    """Signed little-endian integers as float samples, the mean of the channels."""
    frame = form.width * form.channels
    if len(payload) % frame:
        raise ArgumentError(f"sound must have whole frames of {frame} bytes, not {len(payload)} bytes")
    if form.width == 3:  # as the upper bytes of 32 bits
        padded = np.zeros((len(payload) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(payload, np.uint8).reshape(-1, 3)
        numbers, bits = padded.view("<i4").reshape(-1), 31
    else:
        numbers, bits = np.frombuffer(payload, f"<i{form.width}"), 8 * form.width - 1
    scaled = numbers.astype(np.float32) * np.float32(2.0**-bits)
    return scaled if form.channels == 1 else scaled.reshape(-1, form.channels).mean(axis=1)
