"""Stft against scipy's ShortTimeFFT, its inverse, and both block by block."""

import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import ShortTimeFFT, get_window

import audioconv as ac
from audioconv.errors import ArgumentError, BusyError, DtypeError, ShapeError
from audioconv.signal.stft import hann
from tests.compare import assert_close

WINDOWS = st.sampled_from(["hann", "boxcar", ("tukey", 0.4), "random", "zero edges"])
SIZES = st.sampled_from([8, 12, 16, 24, 64, 96, 256, 384])
SEEDS = st.integers(0, 2**32 - 1)


def window_of(name, count, seed=0):
    rng = np.random.default_rng(seed)
    if name == "random":
        return rng.uniform(0.1, 1, count)
    if name == "zero edges":
        return np.pad(rng.uniform(0.1, 1, max(1, count - 2)), 1)[:count]
    return get_window(name, count)


def noise(samples, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(samples).astype(dtype)


@settings(max_examples=150, deadline=None)
@given(WINDOWS, SIZES, st.integers(2, 384), st.integers(1, 400), st.integers(0, 900), st.booleans(), SEEDS)
def test_it_is_scipys(name, size, count, hop, more, single, seed):
    count = min(count, size)
    window = window_of(name, count, seed)
    if not window.any():
        return
    x = noise(count - count // 2 + more, seed, np.float32 if single else np.float64)
    theirs, ours = ShortTimeFFT(window, hop, 1.0, mfft=size), ac.Stft(window, hop, size)
    expected, found = theirs.stft(x.astype(float)).T, ours(x)
    assert found.dtype == (np.complex64 if single else np.complex128)
    assert (ours.first_frame, ours.frames(len(x))) == (theirs.p_min, theirs.p_num(len(x)))
    assert_close(found, expected, 2e-6 if single else 1e-13, zeros_allowed=True)
    assert np.allclose(ours.times_s(len(found), 8000) * 8000, hop * np.arange(theirs.p_min, theirs.p_max(len(x))))
    assert np.allclose(ours.frequencies_hz(1.0), theirs.f)
    try:
        dual = theirs.dual_win
    except ValueError:
        with pytest.raises(ArgumentError, match="no inverse"):
            ours.inverse(found)
        return
    assert np.allclose(ours.dual, dual, rtol=1e-9)
    scale = np.abs(dual).max() * np.abs(window).max() * hop  # of errors: a window may all but miss a sample
    if scale < 100:
        assert_close(ours.inverse(found), theirs.istft(expected.T), 1e-5 if single else 1e-12)
        assert_close(ours.inverse(found, samples=len(x)), x, 1e-5 if single else 1e-12)


@pytest.mark.parametrize(("dtype", "close"), [(np.float32, 1e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_perfect_reconstruction(dtype, close, channels):
    x = noise((5000, channels)[: 1 if channels is None else 2], 1, dtype)
    for transform in (ac.Stft(1024, 256), ac.Stft(384, 128), ac.Stft(400, 160, 512), hann(500)):
        spectra = transform(x)
        assert spectra.shape == (transform.frames(5000), transform.bins, *x.shape[1:])
        assert_close(transform.inverse(spectra, samples=5000), x, close)
        if channels == 3:
            assert np.array_equal(spectra[:, :, 1], transform(np.ascontiguousarray(x[:, 1])))


def test_the_functions_are_the_object():
    x = noise(3000, dtype=np.float32)
    assert np.array_equal(ac.stft(x, 256, 64, fft_size=512), ac.Stft(256, 64, 512)(x))
    assert_close(ac.istft(ac.stft(x, 256, 64), 256, 64, samples=3000), x, 1e-6)


@pytest.mark.parametrize("samples", [0, 1, 5, 100, 511])
def test_signals_shorter_than_half_a_window_come_back_too(samples):
    transform = ac.Stft(1024, 256)
    x = noise(samples)
    spectra = transform(x)
    assert len(spectra) == (0 if samples == 0 else transform.frames(samples))
    if samples:
        assert_close(transform.inverse(spectra, samples=samples), x, 1e-13)
    else:
        assert transform.inverse(spectra).shape == (0,)


def test_any_layout_of_memory_gives_the_same_bits():
    x, transform = noise((3000, 2), dtype=np.float32), ac.Stft(256, 64)
    expected = transform(x)
    wide = np.zeros((6000, 4), np.float32)
    wide[::2, ::2] = x
    x.flags.writeable = False
    for same in (x, np.asfortranarray(x), wide[::2, ::2]):
        assert np.array_equal(transform(same), expected)
        assert np.array_equal(transform.inverse(np.asfortranarray(expected)), transform.inverse(expected))


def test_what_is_not_finite_spoils_the_frames_that_see_it():
    x = noise(4000)
    x[2000] = np.nan
    transform = ac.Stft(256, 64)
    spoiled = np.flatnonzero(~np.isfinite(transform(x)).all(axis=1)) + transform.first_frame
    middle = np.arange(transform.first_frame, 70) * 64
    assert spoiled.tolist() == (np.flatnonzero(np.abs(2000 - middle + 0.5) < 128) + transform.first_frame).tolist()


@pytest.mark.parametrize(
    ("size", "good"), [(9, 12), (400, 512), (1000, 1024), (1025, 1536), (1537, 2048), (3, 8), (10, 12)]
)
def test_another_size_is_refused_with_the_next_good_one(size, good):
    with pytest.raises(ArgumentError, match=f"not {size}; the next one is {good}$"):
        ac.stft(noise(100), np.ones(2), 1, fft_size=size)
    assert ac.Stft(np.ones(2), 1, fft_size=good).bins == good // 2 + 1


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: ac.Stft(1024, 0), ArgumentError, "hop must be at least 1"),
        (lambda: ac.Stft(0, 1), ArgumentError, "window must be at least 1"),
        (lambda: ac.Stft(np.zeros(8), 1), ArgumentError, "not all zero"),
        (lambda: ac.Stft(np.full(8, np.nan), 1), ArgumentError, "finite"),
        (lambda: ac.Stft(np.ones((8, 2)), 1), ShapeError, "1 dimension"),
        (lambda: ac.Stft(np.ones(8, int), 1), DtypeError, "int64"),
        (lambda: ac.Stft(16, 4, 8), ArgumentError, "at least the window's 16 samples, not 8"),
        (lambda: ac.Stft(16, 4)(np.ones(8, np.int16)), DtypeError, "int16"),
        (lambda: ac.Stft(16, 4)(np.ones((8, 2, 2))), ShapeError, "1 or 2 dimension"),
        (lambda: ac.Stft(16, 4).inverse(np.ones((8, 9))), DtypeError, "complex64 or complex128, not float64"),
        (lambda: ac.Stft(16, 4).inverse(np.ones((8, 8), complex)), ShapeError, r"\(frames, 9\)"),
        (lambda: ac.Stft(16, 4).inverse(np.ones((8, 9), complex), 99), ArgumentError, "reach 32 samples, and 99"),
        (lambda: ac.Stft(16, 20).dual, ArgumentError, "no inverse.*smaller hop"),
        (lambda: ac.Stft(16, 16).inverse_stream(), ArgumentError, "no inverse"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, says):
    with pytest.raises(error, match=says):
        make()


# --- streams ---


@settings(max_examples=80, deadline=None)
@given(WINDOWS, SIZES, st.integers(1, 384), st.integers(1, 400), st.integers(0, 900),
       st.lists(st.integers(0, 900), max_size=6), st.sampled_from([None, 1, 2]), SEEDS)  # fmt: skip
def test_streams_give_the_bits_of_the_whole(name, size, count, hop, samples, cuts, channels, seed):
    window = window_of(name, min(count, size), seed)
    if not window.any():
        return
    transform = ac.Stft(window, hop, size)
    x = noise((samples, channels)[: 1 if channels is None else 2], seed, np.float32)
    whole, stream = transform(x), transform.stream(channels)
    for _ in range(2):  # after flush it is as new
        edges = [0, *sorted(min(cut, samples) for cut in cuts), samples]
        blocks = [stream.process(x[a:b]) for a, b in pairwise(edges)]
        assert np.array_equal(np.concatenate([*blocks, stream.flush()]), whole)
    try:
        expected, back = transform.inverse(whole), transform.inverse_stream(channels)
    except ArgumentError:
        return
    for _ in range(2):
        edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
        blocks = [back.process(whole[a:b]) for a, b in pairwise(edges)]
        assert np.array_equal(np.concatenate([*blocks, back.flush()]), expected)


def test_a_recording_goes_through_both_streams():
    voice, _ = ac.read("data/recordings/speech.flac")
    transform = ac.Stft(1024, 256)
    there, back = transform.stream(), transform.inverse_stream()
    blocks = [back.process(there.process(voice[i : i + 500])) for i in range(0, len(voice), 500)]
    blocks += [back.process(there.flush()), back.flush()]
    assert_close(np.concatenate(blocks)[: len(voice)], voice, 1e-6)
    assert isinstance(there, ac.Stage)
    assert isinstance(back, ac.Stage)


def test_reset_forgets_and_wrong_blocks_change_nothing():
    x, transform = noise(3000, dtype=np.float32), ac.Stft(256, 64)
    stream, back = transform.stream(), transform.inverse_stream()
    first = stream.process(x)
    stream.reset()
    begun = stream.process(x[:1000])
    for wrong, error in [(x.astype(float), DtypeError), (np.zeros((5, 1), np.float32), ShapeError)]:
        with pytest.raises(error):
            stream.process(wrong)
    assert np.array_equal(np.concatenate((begun, stream.process(x[1000:]))), first)
    signal = back.process(first)
    back.reset()
    begun = back.process(first[:10])
    for wrong, error in [
        (first.astype(complex), DtypeError), (first[:, :5], ShapeError), (first[:, :, None], ShapeError),
    ]:  # fmt: skip
        with pytest.raises(error):
            back.process(wrong)
    assert np.array_equal(np.concatenate((begun, back.process(first[10:]))), signal)


def test_two_threads_at_once_are_refused():
    transform = ac.Stft(256, 64)
    for stream, block in [
        (transform.stream(), noise(10, dtype=np.float32)),
        (transform.inverse_stream(), np.zeros((1, 129), np.complex64)),
    ]:
        errors = []

        def enter(stream=stream, block=block, errors=errors):
            try:
                stream.process(block)
            except BusyError as error:
                errors.append(error)

        with stream._guard:
            thread = threading.Thread(target=enter)
            thread.start()
            thread.join()
        assert len(errors) == 1
