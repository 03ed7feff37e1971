"""The sound of one client without a network: chains by name and their exchange, words, messages within bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.serve.listener import Listener
from audioconv.serve.web.chains import Chains
from audioconv.serve.web.messages import MOST_SAMPLES, RateLimit, read_object, read_sound, sound_message
from audioconv.serve.web.stream import ClientStream, SwitchedChain
from tests.serve.test_session import DETECTOR, said
from tests.tone_detector import RATE

CHAINS = Chains()


def listen(sample_rate):
    return Listener(DETECTOR, None, sample_rate)


def cut(signal, size):
    return [signal[first : first + size] for first in range(0, len(signal), size)]


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 192_000])
@pytest.mark.parametrize("name", CHAINS.names)
def test_each_chain_that_comes_along_is_made_for_any_rate(name, rate, rng):
    x = 0.1 * rng.standard_normal(2000).astype("float32")
    chain = CHAINS.make(name, rate)
    y = np.concatenate([chain.process(x), chain.flush()])
    assert np.isfinite(y).all()
    assert len(y) >= len(x) + chain.latency
    if name == "none":
        assert (y == x).all()
    else:
        assert np.abs(y[: len(x)] - x).max() > 0.001


def test_chains_in_files_have_their_names(tmp_path):
    softer, wide = tmp_path / "softer.toml", tmp_path / "wide.toml"
    softer.write_text('[[stage]]\ntype = "gain"\ngain_db = -20')
    wide.write_text('[[stage]]\ntype = "matrix_mixer"\nchannels = 2')
    assert Chains([softer]).make("softer", 48000).process(np.ones(1, "float32"))[0] == pytest.approx(0.1)
    chains = Chains([softer, wide])
    assert (chains.names[-2:], chains.channels) == (("softer", "wide"), 2)
    assert chains.make("none", 48000).process(np.ones(3, "float32")).shape == (3, 2)  # as wide as the widest


@pytest.mark.parametrize(
    ("name", "text", "said_of_it"),
    [
        ("none", 'type = "gain"\ngain_db = 0', "a chain named none is there already; give"),
        ("slow", 'type = "resample"\nrate_out = 8000', "changes the sample rate to 8000 Hz, which a page cannot play"),
        ("five", 'type = "matrix_mixer"\nchannels = 5', "makes 5 channels of one, and a page plays 2 at most"),
        ("bad", 'type = "gain"', "stage 1: gain needs gain_db"),
    ],
)
def test_files_that_are_no_chains_for_a_page_are_refused(name, text, said_of_it, tmp_path):
    file = tmp_path / f"{name}.toml"
    file.write_text(f"[[stage]]\n{text}")
    with pytest.raises(ac.ArgumentError, match=said_of_it):
        Chains([file])


@given(size=st.integers(1, 600), at=st.integers(0, 3), fade=st.integers(1, 900))
def test_an_exchange_fades_sample_by_sample_however_the_sound_is_cut(size, at, fade):
    x = np.random.default_rng(0).standard_normal(2000).astype("float32")
    blocks = cut(x, size)
    change, late = sum(map(len, blocks[:at])), ac.Limiter(0.0, sample_rate=48000)
    switched = SwitchedChain(ac.Chain([ac.Gain(-6.0)]), fade)
    y = []
    for i, block in enumerate(blocks):
        if i == at:
            switched.exchange(ac.Chain([ac.Gain(-40.0), late]))
        y.append(switched.process(block))
    old, new = ac.Chain([ac.Gain(-6.0)]), ac.Chain([ac.Gain(-40.0), ac.Limiter(0.0, sample_rate=48000)])
    after = np.arange(1, 1 + len(x) - change) - new.latency
    weight = np.concatenate([np.zeros(change), np.clip(after / fade, 0, 1)])
    wanted = (1 - weight) * old.process(x) + weight * np.concatenate([np.zeros(change), new.process(x[change:])])
    np.testing.assert_allclose(np.concatenate(y), wanted, atol=2e-7)
    assert switched.latency == late.latency


def test_the_last_chain_that_was_asked_for_comes_in_the_end():
    stream = ClientStream(CHAINS, None, 8000, "none")
    for name in ("gate", "room", "equaliser", "none"):
        stream.select(name)
    x = np.ones(1000, "float32")
    last = [stream.process(1000 * i, x) for i in range(4)][-1]
    assert (last.position, stream.latency) == (3000, 0)
    assert (last.samples == x).all()


def test_words_are_told_in_the_time_of_the_client():
    sound = said("high", "low")
    stream, found = ClientStream(CHAINS, listen, RATE, "room"), []
    for i, block in enumerate(cut(sound, 1000)):
        found += stream.process(1000 * i + (RATE if i else 0), block).detections  # a second is left out at first
    found += stream.flush().detections
    wanted = DETECTOR.detect(sound)
    assert [str(word.label) for word in found] == ["high", "low"]
    assert [word.end_s for word in found] == pytest.approx([1 + word.end_s for word in wanted])
    assert (stream.dropped, stream.heard, stream.position) == (RATE, 2, RATE + len(sound))


@pytest.mark.parametrize("rate", [7999, 192_001, 48000.0, "48000", None, True])
def test_other_sample_rates_are_refused(rate):
    with pytest.raises(ac.ArgumentError, match="sample_rate must be a whole number from 8000 to 192000 Hz"):
        ClientStream(CHAINS, None, rate, "none")


@pytest.mark.parametrize("name", ["attic", "", None, ["none"], 3])
def test_other_chains_are_refused_and_nothing_changes(name):
    with pytest.raises(
        ac.ArgumentError, match="chain must be one of 'none', 'room', 'equaliser', 'denoise', 'gate', not"
    ):
        ClientStream(CHAINS, None, 48000, name)
    stream = ClientStream(CHAINS, None, 48000, "none")
    with pytest.raises(ac.ArgumentError, match="chain must be one of"):
        stream.select(name)
    assert stream.process(0, np.ones(5, "float32")).samples.tolist() == [1] * 5


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1001, -3e38])
def test_samples_that_are_none_are_refused(value):
    stream = ClientStream(CHAINS, listen, 48000, "room")
    with pytest.raises(ac.ArgumentError, match="samples must be finite and from -1000 to 1000"):
        stream.process(0, np.array([0, value], "float32"))
    stream.process(0, np.zeros(5, "float32"))
    with pytest.raises(ac.ArgumentError, match="a block begins at sample 3, before the end of the last one, 5"):
        stream.process(3, np.zeros(5, "float32"))


@given(st.binary(max_size=60) | st.integers(0, 2**53 - 1).map(lambda n: sound_message(n, np.ones(2, "float32"))))
def test_bytes_are_sound_or_refused(message):
    try:
        position, samples = read_sound(message)
    except ac.ArgumentError:
        return
    assert sound_message(position, samples)[8:] == message[8:]
    assert 0 <= position < 2**53
    assert len(samples) <= MOST_SAMPLES


@given(st.text(max_size=40) | st.sampled_from(["[" * 10_000, "{}", '{"type": 3}', '{"type": "end"}', "NaN"]))
def test_text_is_an_object_or_refused(text):
    try:
        found = read_object(text)
    except ac.ArgumentError:
        return
    assert isinstance(found["type"], str)


def test_who_is_ahead_of_time_waits():
    now = [100.0]
    limit = RateLimit(5.0, clock=lambda: now[0])
    assert [limit.wait_s(2.0) for _ in range(4)] == [0, 0, 1, 3]
    now[0] += 8
    assert limit.wait_s(2.0) == 0
    now[0] += 1000  # time that has passed is not saved
    assert [limit.wait_s(3.0) for _ in range(2)] == [0, 1]
