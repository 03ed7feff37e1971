"""The spectral gate: what it keeps of speech and takes of noise, and that streams give what whole signals do."""

import pickle
import threading
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.enhance import Denoise, denoise
from audioconv.enhance.spectral_gate import _sliding_minimum
from audioconv.errors import ArgumentError, BusyError, DtypeError, ShapeError
from audioconv.signal._stft import Stft
from tests.signals import noise

RATE = 16000


def si_sdr_db(clean, found):
    """Scale-invariant signal-to-distortion ratio, by its definition."""
    clean, found = clean.astype(float), found.astype(float)
    target = (clean @ found) / (clean @ clean) * clean
    return 10 * np.log10(np.sum(target**2) / np.sum((found - target) ** 2))


quiet_noise = partial(noise, scale=0.05)


@pytest.fixture(scope="module")
def speech():
    clip = ac.read("data/recordings/speech.flac")
    assert clip.sample_rate == RATE
    return clip.samples


def mixed(clean, snr_db, seed=1):
    hiss = quiet_noise(len(clean), seed=seed)
    level = np.sqrt(np.mean(clean**2) / np.mean(hiss**2) / 10 ** (snr_db / 10))
    return clean + np.float32(level) * hiss, np.float32(level) * quiet_noise(2 * RATE, seed=seed + 1)


@pytest.mark.parametrize("snr_db", [0, 5, 10])
@pytest.mark.parametrize(("known", "least_gain_db"), [(True, 5.0), (False, 4.0)])
def test_speech_comes_out_of_noise(speech, snr_db, known, least_gain_db):
    noisy, alone = mixed(speech, snr_db)
    found = denoise(noisy, RATE, noise=alone if known else None)
    assert si_sdr_db(speech, found) - si_sdr_db(speech, noisy) > least_gain_db


def test_clean_speech_is_left_as_it_is(speech):
    assert si_sdr_db(speech, denoise(speech, RATE)) > 15
    assert si_sdr_db(speech, denoise(speech, RATE, noise=quiet_noise(RATE, scale=1e-6))) > 40


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 48000])
def test_noise_alone_becomes_softer_from_the_start_on_and_stays_so(rate):
    hiss = quiet_noise(4 * rate)
    found = denoise(hiss, rate)
    for part in np.split(found, 8):
        assert np.std(part) < 0.15 * np.std(hiss)


def test_reduction_db_is_what_noise_is_reduced_by():
    hiss = quiet_noise(4 * RATE)
    for reduction_db in (6.0, 12.0):
        found = denoise(hiss, RATE, noise=hiss, reduction_db=reduction_db, threshold_db=10.0)
        assert 20 * np.log10(np.std(found) / np.std(hiss)) == pytest.approx(-reduction_db, abs=0.2)


def test_a_profile_is_the_mean_power_of_the_noise():
    hiss = quiet_noise(2 * RATE)
    gate = Denoise(RATE, noise=hiss)
    windows = np.lib.stride_tricks.sliding_window_view(hiss, 1024)[::256] * np.hanning(1025)[:-1]
    expected = np.mean(np.abs(np.fft.rfft(windows, axis=1)) ** 2, axis=0)
    assert np.allclose(gate._noise, expected, rtol=1e-3)


def test_an_estimate_follows_noise_that_slowly_changes():
    louder = quiet_noise(12 * RATE) * np.linspace(0.5, 4, 12 * RATE, dtype=np.float32)
    found = denoise(louder, RATE)
    for part, whole in zip(np.split(found, 12), np.split(louder, 12), strict=True):
        assert np.std(part) < 0.35 * np.std(whole)


@pytest.mark.parametrize("silence", [0, 100, 576, 5000])
def test_digital_silence_is_not_taken_for_the_noise(silence):
    hiss = quiet_noise(3 * RATE)
    padded = np.concatenate((np.zeros(silence, np.float32), hiss))
    found = denoise(padded, RATE)
    assert np.std(found[silence + RATE // 2 :]) < 0.15 * np.std(hiss)
    gap = hiss.copy()
    gap[RATE : RATE + 3000] = 0
    assert np.std(denoise(gap, RATE)[RATE + 4000 :]) < 0.15 * np.std(hiss)


# --- streams ---


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([0, 1, 100, 1500, 5000, 23000]),
    st.lists(st.integers(0, 23000), max_size=6),
    st.sampled_from([1, 2]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_any_cut_gives_the_same_bits_late_by_the_latency(samples, cuts, channels, known, seed):
    x = quiet_noise(samples * channels, seed=seed).reshape((samples, channels)[:channels])
    x[samples // 2 :] += 0.5
    gate = Denoise(RATE, noise=quiet_noise(RATE) if known else None, channels=channels)
    whole = denoise(x, RATE, axis=0, noise=quiet_noise(RATE) if known else None)
    assert whole.shape == x.shape
    for _ in range(2):  # after flush it is as new
        edges = [0, *sorted(min(cut, samples) for cut in cuts), samples]
        blocks = [gate.process(x[a:b]) for a, b in pairwise(edges)]
        assert [len(block) for block in blocks] == list(np.diff(edges))
        joined = np.concatenate([*blocks, gate.flush()])
        assert not joined[: gate.latency].any()
        assert np.array_equal(joined[gate.latency :], whole)


def test_blocks_of_one_sample_give_the_same_bits():
    x, gate = quiet_noise(3000), Denoise(RATE)
    joined = np.concatenate([*(gate.process(x[i : i + 1]) for i in range(len(x))), gate.flush()])
    assert np.array_equal(joined[gate.latency :], denoise(x, RATE))


def test_reset_forgets_and_out_is_used():
    x, gate = quiet_noise(9000), Denoise(RATE)
    first = gate.process(x)
    gate.reset()
    out = np.full_like(x, 7)
    assert gate.process(x, out) is out
    assert np.array_equal(out, first)


def test_a_copy_by_pickle_goes_on_to_the_same_bits():
    x, gate = quiet_noise(20000), Denoise(RATE)
    gate.process(x[:9000])
    other = pickle.loads(pickle.dumps(gate))
    assert np.array_equal(gate.process(x[9000:]), other.process(x[9000:]))


def test_a_chain_and_a_file_take_it(tmp_path, speech):
    noisy, _ = mixed(speech, 5)
    source, target = tmp_path / "noisy.wav", tmp_path / "clean.wav"
    ac.write(source, noisy, RATE, subtype="FLOAT")
    chain = ac.Chain([ac.Gain(-6.0), Denoise(RATE)])
    assert chain.latency == Denoise(RATE).latency
    chain.compiled_step()  # which is what live sound takes
    ac.process_file(source, target, chain, subtype="FLOAT")
    expected = denoise(noisy * np.float32(10 ** (-6 / 20)), RATE)
    assert np.abs(ac.read(target).samples - expected).max() < 1e-6
    with pytest.raises(ArgumentError, match="8000 Hz"):
        ac.process_file(source, target, Denoise(8000))


def test_latency_is_a_window_and_what_the_smoothing_looks_ahead():
    assert Denoise(RATE).latency == 1024 - 1 + 2 * 256
    assert Denoise(RATE, smooth_ms=0, smooth_hz=0).latency == 1024 - 1
    assert Denoise(44100).transform.fft_size == 3072


# --- channels, and what is not finite ---


def test_channels_have_one_mask():
    hiss = quiet_noise(2 * RATE)
    tone = np.sin(np.arange(2 * RATE) * 0.4).astype(np.float32)
    both = denoise(np.stack((hiss + tone, 0.5 * hiss), axis=1), RATE, noise=np.stack((hiss, 0.5 * hiss), axis=1))
    alone = denoise(0.5 * hiss, RATE, noise=0.5 * hiss)
    # around the tone the second channel keeps its noise, because the first one keeps its tone
    assert np.std(both[:, 1]) > 1.05 * np.std(alone)
    assert np.std(both[:, 0] - tone) < 0.5 * np.std(hiss)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_is_a_zero_and_is_counted(wrong):
    x = np.stack((quiet_noise(9000), quiet_noise(9000, seed=1)), axis=1)
    spoilt, gate = x.copy(), Denoise(RATE, channels=2)
    x[5000, 0], spoilt[5000, 0] = 0, wrong
    found = gate.process(spoilt)
    assert gate.nonfinite_count == 1
    gate.reset()
    assert gate.nonfinite_count == 0
    assert np.array_equal(found, gate.process(x))


@pytest.mark.parametrize("known", [True, False])
def test_what_is_beyond_float32_in_power_passes(known):
    x, gate = quiet_noise(3 * RATE), Denoise(RATE, noise=quiet_noise(RATE) if known else None)
    x[RATE] = 1e37
    found = np.concatenate([gate.process(x), gate.flush()])[gate.latency :]
    assert np.std(found[2 * RATE :]) < 0.15 * np.std(x[2 * RATE :])


def test_zeros_give_zeros():
    assert not denoise(np.zeros(9000, np.float32), RATE).any()
    assert not denoise(np.zeros(9000, np.float32), RATE, noise=quiet_noise(RATE)).any()


# --- parts ---


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_least_is_the_minimum_of_each_window(count, more, seed):
    rows = np.random.default_rng(seed).standard_normal((count + more - 1, 3)).astype(np.float32)
    expected = np.stack([rows[i : i + count].min(axis=0) for i in range(more)])
    assert np.array_equal(_sliding_minimum(rows, count), expected)


# --- errors ---


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"noise": quiet_noise(100)}, ShapeError, "1024 samples.*100"),
        ({"noise": np.zeros(2000, np.int16)}, DtypeError, "int16"),
        ({"noise": np.full(2000, np.nan, np.float32)}, ArgumentError, "finite"),
        ({"threshold_db": np.nan}, ArgumentError, "threshold_db.*nan"),
        ({"reduction_db": -1}, ArgumentError, "reduction_db.*-1"),
        ({"memory_s": "long"}, ArgumentError, "memory_s.*'long'"),
        ({"smooth_ms": -3}, ArgumentError, "smooth_ms"),
        ({"window_ms": 0}, ArgumentError, "window_ms"),
        ({"channels": 0}, ArgumentError, "channels"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, error, says):
    with pytest.raises(error, match=says):
        Denoise(RATE, **settings)


@pytest.mark.parametrize("settings", [{"window_ms": 1}, {"window_ms": 2, "memory_s": 5}, {"memory_s": 60}])
def test_short_windows_and_long_memories_take_noise_away_too(settings):
    x = quiet_noise(4 * RATE)
    y = denoise(x, RATE, **settings)[2 * RATE :]
    assert 0 < y.std() < 0.25 * x.std()


def test_wrong_blocks_are_refused_and_change_nothing():
    x, gate = quiet_noise(5000), Denoise(RATE)
    expected = Denoise(RATE).process(x)
    begun = gate.process(x[:2000])
    for wrong, error in ((x.astype(float), DtypeError), (np.zeros((5, 2), np.float32), ShapeError)):
        with pytest.raises(error):
            gate.process(wrong)
    with pytest.raises(ShapeError, match="out"):
        gate.process(x[2000:], np.zeros(3, np.float32))
    assert np.array_equal(np.concatenate((begun, gate.process(x[2000:]))), expected)


def test_two_threads_at_once_are_refused():
    gate = Denoise(RATE)
    with gate._guard:
        errors = []

        def enter():
            try:
                gate.process(quiet_noise(10))
            except BusyError as error:
                errors.append(error)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    assert len(errors) == 1


def test_the_names_are_public():
    assert ac.Denoise is Denoise
    assert ac.denoise is denoise
    assert isinstance(Denoise(RATE).transform, Stft)
    assert isinstance(Denoise(RATE), ac.Stage)
