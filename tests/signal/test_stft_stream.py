"""Short-time spectra and back block by block: the bits of the whole, and a state that errors leave alone."""

import copy
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv import ArgumentError, BusyError, DtypeError, ShapeError, Stage, Stft
from audioconv.kernels.dsp.stft import backward, forward
from tests.compare import assert_close
from tests.signals import noise
from tests.streaming import run

SPEECH = Path(__file__).parents[2] / "data/recordings/speech.flac"
BLOCKS = st.lists(st.sampled_from([0, 1, 2, 7, 8, 9, 63, 64, 65, 400]), min_size=1, max_size=10)
KINDS = st.tuples(st.sampled_from([None, 1, 2, 3]), st.sampled_from(["float32", "float64"]))


def signal(samples, channels, dtype):
    return noise((samples,) if channels is None else (samples, channels), dtype, samples)


@st.composite
def transforms(draw):
    """Windows and hops of every relation, zeros at the window's ends in some."""
    taps = draw(st.sampled_from([1, 2, 7, 8, 9, 64, 96]))
    window = np.random.default_rng(taps).uniform(0.5, 1, taps)
    if draw(st.integers(0, 3)) == 3:
        window[-(-taps // 3) :] = 0  # more than half of it zeros, so that frames begin later
    elif taps > 6:
        window[: draw(st.integers(0, 3))] = 0
        window[taps - draw(st.integers(0, 3)) :] = 0
    hop = draw(st.sampled_from([1, 3, 8, 24, 64, 65, 96, 97, 250]))
    return Stft(window, hop, 96 if taps > 64 else 64)


@settings(max_examples=200)
@given(transforms(), st.integers(0, 500), BLOCKS, KINDS)
def test_spectra_of_blocks_are_those_of_the_whole(transform, samples, sizes, kind):
    x = signal(samples, *kind)
    stream = transform.stream(kind[0], kind[1])
    expected = transform(x, axis=0)
    for _ in range(2):  # after flush as new
        joined = run(stream, x, [*sizes, 5])
        assert joined.dtype == expected.dtype
        assert np.array_equal(joined, expected)


@settings(max_examples=200)
@given(transforms(), st.integers(0, 40), st.lists(st.integers(0, 5), max_size=10), KINDS)
def test_samples_of_spectra_in_blocks_are_those_of_the_whole(transform, frames, sizes, kind):
    try:
        stream = transform.inverse_stream(*kind)
    except ArgumentError:
        assume(False)
    channels, dtype = kind
    pair = noise((2, frames, transform.bins, *([] if channels is None else [channels])), dtype, frames)
    spectra = pair[0] + np.complex64(1j) * pair[1]
    expected = transform.inverse(spectra)
    assert expected.any() or frames < 35  # the first ones may lie before the signal
    for _ in range(2):
        joined = run(stream, spectra, [*sizes, 1])
        assert joined.dtype == expected.dtype == dtype
        assert np.array_equal(joined, expected)


@settings(max_examples=60)
@given(transforms(), BLOCKS, st.integers(0, 600))
def test_a_frame_comes_with_its_last_sample(transform, sizes, samples):
    """And not later, which is what a latency of 0 says."""
    stream, x, done, frames = transform.stream(), noise(samples), 0, 0
    for size in [*sizes, samples]:
        block = x[done : done + size]
        done += len(block)
        frames += len(stream.process(block))
        ends = (np.arange(2000) * transform.hop) - transform.left_pad + len(transform.window)
        assert frames == np.count_nonzero(ends <= done)


def test_a_sample_comes_with_the_last_frame_that_reaches_it():
    transform = Stft(64, 16)
    stream, spectra = transform.inverse_stream(), transform(noise(400))
    samples = 0
    for n in range(len(spectra)):
        samples += len(stream.process(spectra[n : n + 1]))
        assert samples == max(0, (n + 1) * 16 - transform.left_pad)


def test_blocks_of_one_and_none():
    transform, x = Stft(64, 16), noise(300)
    stream = transform.stream()
    assert stream.process(x[:0]).shape == (0, 33)
    assert np.array_equal(run(stream, x, [1]), transform(x))
    back = transform.inverse_stream()
    assert back.process(np.zeros((0, 33), np.complex64)).shape == (0,)
    assert back.flush().shape == (0,)
    assert np.array_equal(run(back, transform(x), [1]), transform.inverse(transform(x)))


def test_flush_without_a_signal_and_twice():
    transform = Stft(64, 16)
    for stream, shape in (
        (transform.stream(), (0, 33)),
        (transform.stream(2), (0, 33, 2)),
        (transform.inverse_stream(), (0,)),
        (transform.inverse_stream(2), (0, 2)),
    ):
        for _ in range(2):
            assert stream.flush().shape == shape
    early = Stft(np.repeat([1.0, 0.0], [20, 44]), 8).inverse_stream()
    assert early.process(np.zeros((0, 33), np.complex64)).shape == early.flush().shape == early.flush().shape == (0,)
    stream, x = transform.stream(), noise(100)
    first = run(stream, x)
    assert stream.flush().shape == (0, 33)
    assert np.array_equal(run(stream, x), first)


def both(channels=2):
    """Streams both ways with three blocks of what they take."""
    transform = Stft(64, 16)
    x = noise((300, channels))
    spectra = transform(x)
    yield transform.stream(channels), np.split(x, 3)
    yield transform.inverse_stream(channels), np.array_split(spectra, 3)


def test_reset_forgets_the_signal():
    for stream, blocks in both():
        first = run(stream, np.concatenate(blocks))
        stream.process(blocks[1])
        stream.reset()
        assert np.array_equal(run(stream, np.concatenate(blocks)), first)


def test_blocks_are_not_kept_or_changed():
    for stream, blocks in both():
        expected = run(stream, np.concatenate(blocks))
        parts = []
        for block in blocks:
            given_block = block.copy()
            parts.append(stream.process(given_block))
            assert np.array_equal(given_block, block)
            given_block[:] = np.nan  # callers use their buffers again
        parts = [part.copy() for part in parts]
        assert np.array_equal(np.concatenate([*parts, stream.flush()]), expected)


def test_outputs_are_the_callers():
    for stream, blocks in both():
        expected = run(stream, np.concatenate(blocks))
        parts = []
        for block in blocks:
            out = stream.process(block)
            parts.append(out.copy())
            out[:] = np.nan
        assert np.array_equal(np.concatenate([*parts, stream.flush()]), expected)


def test_strided_and_read_only_blocks():
    for stream, blocks in both():
        expected = run(stream, np.concatenate(blocks))
        turned = [np.asfortranarray(block) for block in blocks]
        for block in turned:
            block.flags.writeable = False
        assert np.array_equal(np.concatenate([*map(stream.process, turned), stream.flush()]), expected)


def test_errors_leave_the_state_alone():
    for stream, blocks in both():
        expected = run(stream, np.concatenate(blocks))
        good = blocks[1]
        parts = [stream.process(blocks[0])]
        wide = good.astype(np.complex128 if np.iscomplexobj(good) else np.float64)
        for error, wrong in (
            (DtypeError, wide),
            (DtypeError, np.zeros(good.shape, np.int16)),
            (DtypeError, np.zeros(good.shape, np.float32 if np.iscomplexobj(good) else np.complex64)),
            (ShapeError, good[..., 0]),
            (ShapeError, good[..., :1]),
            (ShapeError, np.concatenate((good, good), axis=-1)),
            (ShapeError, good[..., None]),
        ):
            with pytest.raises(error):
                stream.process(wrong)
        parts += [stream.process(block) for block in blocks[1:]]
        assert np.array_equal(np.concatenate([*parts, stream.flush()]), expected)


def test_messages_say_what_is_wanted():
    transform = Stft(64, 16)
    with pytest.raises(DtypeError, match="block must be float32, not float64"):
        transform.stream().process(np.zeros(9))
    with pytest.raises(DtypeError, match="32768"):
        transform.stream().process(np.zeros(9, np.int16))
    with pytest.raises(ShapeError, match=r"block must have shape \(samples, 2\), not \(9, 3\)"):
        transform.stream(2).process(np.zeros((9, 3), "float32"))
    with pytest.raises(ShapeError, match=r"shape \(samples,\), not \(9, 3\); .* StftStream .* 1 .* with channels=3"):
        transform.stream().process(np.zeros((9, 3), "float32"))
    with pytest.raises(DtypeError, match="spectra must be complex64, not complex128; convert with"):
        transform.inverse_stream().process(np.zeros((3, 33), complex))
    with pytest.raises(ShapeError, match=r"spectra must have shape \(frames, 33, 2\), not \(3, 33\)"):
        transform.inverse_stream(2).process(np.zeros((3, 33), np.complex64))
    for make in (transform.stream, transform.inverse_stream):
        with pytest.raises(ArgumentError, match="channels must be at least 1"):
            make(0)
        with pytest.raises(ArgumentError, match="dtype must be 'float32' or 'float64'"):
            make(dtype="int16")


def test_a_second_thread_is_turned_away_and_changes_nothing():
    for stream, blocks in both():
        expected = run(stream, np.concatenate(blocks))
        parts, errors = [stream.process(blocks[0])], []

        def enter(stream=stream, block=blocks[1], errors=errors):
            for call in (lambda: stream.process(block), stream.flush, stream.reset):
                try:
                    call()
                except BusyError as error:
                    errors.append(error)

        with stream._guard:
            other = threading.Thread(target=enter)
            other.start()
            other.join()
        assert len(errors) == 3
        assert "two threads at once" in str(errors[0])
        parts += [stream.process(block) for block in blocks[1:]]
        assert np.array_equal(np.concatenate([*parts, stream.flush()]), expected)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda stream: pickle.loads(pickle.dumps(stream))])
def test_they_are_stages_that_can_be_copied(copied):
    for stream, blocks in both():
        assert isinstance(stream, Stage)
        assert stream.latency == 0
        stream.process(blocks[0])
        compiled = len(forward.signatures), len(backward.signatures)
        other = copied(stream)
        for block in blocks[1:]:
            assert np.array_equal(other.process(block), stream.process(block))
        assert np.array_equal(other.flush(), stream.flush())
        assert compiled == (len(forward.signatures), len(backward.signatures))


@pytest.mark.parametrize(("window", "hop"), [(1024, 256), (768, 192), (512, 128)])
def test_a_recording_goes_there_and_back_block_by_block(window, hop):
    clip = ac.read(SPEECH)
    x = clip.samples
    transform = Stft(window, hop)
    there, back = transform.stream(), transform.inverse_stream()
    blocks = [back.process(there.process(x[n : n + 1000])) for n in range(0, len(x), 1000)]
    blocks += [back.process(there.flush()), back.flush()]
    y = np.concatenate(blocks)
    assert len(x) <= len(y) < len(x) + window + hop
    assert_close(y[: len(x)], x, 1e-6)
    assert np.abs(y[len(x) :]).max() < 1e-6 * np.abs(x).max()
    assert np.array_equal(y[: len(x)], transform.inverse(transform(x), samples=len(x)))


def test_streams_of_frames_show_themselves_in_a_line():
    transform = ac.Stft(512, 128)
    for stream in (transform.stream(2), transform.inverse_stream(dtype="float64")):
        assert repr(stream).startswith(f"{type(stream).__name__}(")
        assert "512" in repr(stream)
        assert "\n" not in repr(stream)
