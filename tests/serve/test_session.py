"""A client's session without a network: which words it is told, in sound of any form, and what it is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping
from wyoming.wake import Detect, Detection, NotDetected

import audioconv as ac
from audioconv import io
from audioconv.serve import Session
from audioconv.serve.session import _samples
from tests.models_at_random import random_classifier
from tests.tone_detector import HZ, RATE, tone, tone_detector

DETECTOR = tone_detector()


def said(*words, rate=RATE):
    """Tones one after the other, at some sample rate."""
    rng = np.random.default_rng(0)
    sound = np.concatenate([tone(HZ[word], rng) for word in words] + [0.001 * rng.standard_normal(RATE)])
    return io.resample(sound.astype("float32"), RATE, rate)


def as_bytes(sound, width, channels=1):
    """Interleaved integers; all channels are the same but for their signs in pairs, so that their mean is the sound."""
    numbers = np.round(np.clip(sound, -1, 1) * (2.0 ** (8 * width - 1) - 1)).astype("<i8")
    each = numbers.view(np.uint8).reshape(-1, 8)[:, :width]
    return np.repeat(each[:, None], channels, axis=1).tobytes()


def hear(session, sound, *, rate=RATE, width=2, channels=1, block=1600, timestamp=None):
    form = {"rate": rate, "width": width, "channels": channels}
    answers = session.handle(AudioStart(**form, timestamp=timestamp).event())
    for first in range(0, len(sound), block):
        chunk = AudioChunk(audio=as_bytes(sound[first : first + block], width, channels), **form)
        answers += session.handle(chunk.event())
    return answers + session.handle(AudioStop().event())


def words(answers):
    assert all(Detection.is_type(answer.type) for answer in answers)
    return [answer.data["name"] for answer in answers]


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("width", [2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_words_are_told_in_sound_of_any_form(rate, width, channels):
    answers = hear(Session(DETECTOR), said("high", "low", rate=rate), rate=rate, width=width, channels=channels)
    assert words(answers) == ["high", "low"]


def test_times_count_from_the_clients_own():
    sound = said("low", "high")
    found = DETECTOR.detect(np.frombuffer(as_bytes(sound, 2), "<i2").astype("float32") / 32768)
    answers = hear(Session(DETECTOR), sound, timestamp=7000)
    assert [a.data["timestamp"] for a in answers] == [7000 + round(1000 * each.end_s) for each in found]


@given(cut=st.integers(1, 20000))
def test_words_do_not_depend_on_the_cut(cut):
    assert words(hear(Session(DETECTOR), said("high", "high", "low"), block=cut)) == ["high", "high", "low"]


def test_sound_without_words_is_not_detected_and_the_next_one_starts_afresh():
    session = Session(DETECTOR)
    for _ in range(2):
        (answer,) = hear(session, np.zeros(RATE, "float32"))
        assert NotDetected.is_type(answer.type)
        assert words(hear(session, said("low"))) == ["low"]


def test_only_wanted_words_are_told():
    session = Session(DETECTOR)
    assert session.handle(Detect(names=["low"]).event()) == []
    assert words(hear(session, said("high", "low"))) == ["low"]
    (refused,) = session.handle(Detect(names=["low", "loud"]).event())
    assert refused.type == "error"
    assert refused.data["text"] == "names must be among high, low, not loud"
    assert words(hear(session, said("high", "low"))) == ["low"]  # as before
    session.handle(Detect().event())
    assert words(hear(session, said("high", "low"))) == ["high", "low"]


def test_chunks_need_no_start_and_may_change_their_form():
    session, sound = Session(DETECTOR), said("high")
    chunk = AudioChunk(rate=RATE, width=2, channels=1, audio=as_bytes(sound, 2))
    assert words(session.handle(chunk.event())) == ["high"]
    louder = AudioChunk(rate=8000, width=4, channels=1, audio=as_bytes(said("low", rate=8000), 4))
    assert words(session.handle(louder.event())) == ["low"]


def test_a_model_of_clips_slides_over_sound_of_any_rate():
    classifier = random_classifier()
    sound = 0.1 * np.random.default_rng(1).standard_normal(24000).astype("float32")
    for rate in (16000, 8000):
        numbers = np.frombuffer(as_bytes(sound, 2), "<i2").astype("float32") / 32768
        stream, numbers = classifier.stream(), io.resample(numbers, rate, 16000)
        expected = [each.label for each in stream.process(numbers) + stream.flush()]
        assert expected
        assert words(hear(Session(classifier), sound, rate=rate)) == expected


def test_the_service_says_what_it_is_and_that_it_is_there():
    (answer,) = Session(DETECTOR).handle(Describe().event())
    program = Info.from_event(answer).wake[0]
    assert (program.name, program.installed, program.version) == ("audioconv", True, ac.__version__)
    assert [(model.name, model.phrase, model.languages) for model in program.models] == [
        ("high", "high", ["en"]), ("low", "low", ["en"])
    ]  # fmt: skip
    (pong,) = Session(DETECTOR).handle(Ping(text="you?").event())
    assert (pong.type, pong.data["text"]) == ("pong", "you?")
    assert Session(DETECTOR).handle(Event("synthesize", {"text": "hello"})) == []


@pytest.mark.parametrize("form", [
    {"rate": 16000, "width": 2}, {"rate": 1, "width": 2, "channels": 1}, {"rate": 1e9, "width": 2, "channels": 1},
    {"rate": 16000, "width": 1, "channels": 1}, {"rate": 16000, "width": 2, "channels": 2**31},
    {"rate": "16000", "width": 2, "channels": 1}, {"rate": True, "width": 2, "channels": 1},
    {"rate": float("nan"), "width": 2, "channels": 1},
])  # fmt: skip
def test_forms_that_make_no_sense_are_refused_and_nothing_is_lost(form):
    session = Session(DETECTOR)
    sound = as_bytes(said("high"), 2)
    good = {"rate": RATE, "width": 2, "channels": 1}
    assert session.handle(Event("audio-chunk", good, sound[:8000])) == []
    for kind in ("audio-start", "audio-chunk"):
        (answer,) = session.handle(Event(kind, form, b"\0" * 8))
        assert answer.type == "error"
        assert "of sound must be a whole number from" in answer.data["text"]
    assert words(session.handle(Event("audio-chunk", good, sound[8000:]))) == ["high"]


def test_part_of_a_frame_is_refused():
    (answer,) = Session(DETECTOR).handle(Event("audio-chunk", {"rate": RATE, "width": 2, "channels": 2}, b"123456"))
    assert answer.data["text"] == "sound must have whole frames of 4 bytes, not 6 bytes"


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())
kinds = st.sampled_from(["audio-start", "audio-chunk", "audio-stop", "detect", "describe", "ping", "x"])


@given(
    events=st.lists(
        st.tuples(
            kinds,
            st.dictionaries(st.sampled_from(["rate", "width", "channels", "names", "text", "timestamp"]), values),
            st.binary(),
        )
    )
)
def test_no_event_breaks_a_session(events):
    session = Session(DETECTOR)
    for kind, data, payload in events:
        assert all(isinstance(answer, Event) for answer in session.handle(Event(kind, data, payload)))
    session.handle(Detect().event())
    assert words(hear(session, said("high"))) == ["high"]


@pytest.mark.parametrize("width", [2, 3, 4])
def test_samples_are_those_of_the_integers(width):
    form = type("F", (), {"width": width, "channels": 2})
    low, high = -(2 ** (8 * width - 1)), 2 ** (8 * width - 1) - 1
    payload = b"".join(n.to_bytes(width, "little", signed=True) for n in (low, low, high, high, 0, 0, low, high, 1, 3))
    expected = np.array([-1, high / -low, 0, -0.5 / -low, 2 / -low])
    np.testing.assert_allclose(_samples(payload, form), expected, atol=2e-8)
