"""Short-time spectra and back: SciPy's numbers, and wrong inputs."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv import ArgumentError, DtypeError, ShapeError, Stft
from audioconv.signal._stft import hann
from tests.compare import assert_close
from tests.signals import noise
from tests.streaming import run

BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])
TOLERANCE = {"float32": 1e-6, "float64": 1e-13}
PAIRS = {"float32": "complex64", "float64": "complex128"}
BLOCKS = st.lists(st.sampled_from([0, 1, 2, 7, 8, 9, 63, 64, 65, 400]), min_size=1, max_size=10)
SIZES = sorted(size for k in range(2, 9) for size in (2**k, 3 * 2**k) if 8 <= size <= 384)


def made(kind, taps, seed=0):
    """A window by its kind; tukey's first and last sample are 0."""
    if kind == "positive":
        return np.random.default_rng(seed).uniform(0.1, 1, taps)
    if kind == "gaps":
        window = np.random.default_rng(seed).uniform(0.1, 1, taps)
        window[: taps // 3] = window[taps - taps // 4 :] = 0
        return window
    if kind == "early":  # more than half of it zeros, so that frames begin later
        return np.where(np.arange(taps) < -(-taps // 3), 0.7, 0)
    name = ("tukey", 0.5) if kind == "tukey" else kind
    return scipy.signal.get_window(name, taps, fftbins=kind == "hann")


def scipys(transform, **settings):
    return scipy.signal.ShortTimeFFT(transform.window, transform.hop, fs=1, mfft=transform.fft_size, **settings)


@st.composite
def transforms(draw):
    taps = draw(st.sampled_from([1, 2, 3, 7, 8, 9, 16, 31, 64, 100, 255, 300]) | st.integers(1, 300))
    window = made(draw(st.sampled_from(["hann", "boxcar", "tukey", "positive", "gaps", "early"])), taps, taps)
    if not window.any():
        window = np.ones(taps)
    hop = draw(st.sampled_from([1, max(1, taps // 4), max(1, taps // 2), taps, taps + 1]) | st.integers(1, 400))
    size = draw(st.sampled_from([size for size in SIZES if size >= taps]) | st.integers(taps, taps + 150))
    return Stft(window, hop, size)


@settings(max_examples=300)
@given(transforms(), st.integers(0, 900), st.sampled_from(["float32", "float64"]))
def test_spectra_are_scipys(transform, samples, dtype):
    theirs = scipys(transform)
    samples = max(samples, -(-len(transform.window) // 2), 1)  # shorter ones SciPy refuses
    x = noise(samples, dtype, samples)
    ours, expected = transform(x), theirs.stft(x.astype(np.float64)).T
    assert transform.first_frame == theirs.p_min
    assert transform.frames(samples) == theirs.p_num(samples) == len(ours)
    assert ours.dtype == PAIRS[dtype]
    assert ours.flags.c_contiguous
    assert_close(ours, expected, TOLERANCE[dtype], zeros_allowed=not np.abs(expected).max() > 0)
    assert_close(transform.times_s(len(ours), 8000), theirs.t(samples) / 8000, 1e-14, zeros_allowed=True)
    assert_close(transform.frequencies_hz(8000), 8000 * theirs.f, 1e-14, zeros_allowed=transform.bins == 1)


@settings(max_examples=150)
@given(transforms(), st.integers(0, 900), st.sampled_from(["float32", "float64"]))
def test_the_inverse_is_scipys(transform, samples, dtype):
    """Of any spectra, not only of those that a signal has."""
    theirs = scipys(transform)
    try:
        expected_dual = theirs.dual_win
    except ValueError:
        with pytest.raises(ArgumentError, match="there is no inverse"):
            transform.inverse(np.zeros((3, transform.bins), PAIRS[dtype]))
        return
    assert_close(transform.dual, expected_dual, 1e-12)
    frames = theirs.p_num(max(samples, -(-len(transform.window) // 2)))  # fewer SciPy refuses
    spectra = (noise((frames, transform.bins), "float64") + 1j * noise((frames, transform.bins), "float64", 1)).astype(
        PAIRS[dtype]
    )
    y = transform.inverse(spectra)
    assert y.dtype == dtype
    reach = (frames - 1) * transform.hop + len(transform.window) - transform.left_pad
    assert len(y) == reach
    expected = theirs.istft(spectra.astype(complex).T, k1=reach)
    assert_close(y, expected, TOLERANCE[dtype])
    part = max(1, reach // 2)
    assert np.array_equal(transform.inverse(spectra, samples=part), y[:part])


@settings(max_examples=150)
@given(transforms(), st.integers(0, 900), st.sampled_from([None, 1, 2]), st.sampled_from(["float32", "float64"]))
def test_there_and_back_is_the_signal(transform, samples, channels, dtype):
    try:
        gain = np.abs(transform.dual).max() * np.abs(transform.window).max()
    except ArgumentError:
        assume(False)
    assume(gain < 1e3)  # so much larger rounding errors become where the window is nearly zero, whoever computes
    x = noise((samples,) if channels is None else (samples, channels), dtype, samples)
    y = transform.inverse(transform(x, axis=0), samples=samples)
    assert y.dtype == dtype
    assert y.shape == x.shape
    overlap = len(transform.window) / transform.hop  # so many frames are added to each sample
    assert_close(y, x, max(1, gain, overlap**0.5) * TOLERANCE[dtype], zeros_allowed=samples == 0)


@BOTH
@pytest.mark.parametrize(("size", "hop"), [(256, 64), (256, 128), (384, 96), (1024, 256), (2048, 512)])
@pytest.mark.parametrize("samples", [1, 100, 5000])
def test_usual_transforms_are_inverted_within_rounding(dtype, size, hop, samples):
    x = noise(samples, dtype)
    assert_close(Stft(size, hop).inverse(Stft(size, hop)(x), samples=samples), x, TOLERANCE[dtype])
    assert np.array_equal(ac.istft(ac.stft(x, size, hop), size, hop, samples=samples),
                          Stft(size, hop).inverse(Stft(size, hop)(x), samples=samples))  # fmt: skip


@BOTH
def test_signals_shorter_than_half_a_window_are_those_with_zeros_behind(dtype):
    """SciPy refuses them."""
    transform = Stft(made("hann", 200), 30, 256)
    for samples in (1, 2, 7, 8, 9, 99):
        x = noise(samples, dtype)
        ours = transform(x)
        long = np.pad(x.astype(np.float64), (0, 300))
        assert len(ours) == transform.frames(samples)
        everything = scipys(transform).stft(long).T
        assert_close(ours, everything[: len(ours)], TOLERANCE[dtype])
        assert np.abs(everything[len(ours) :]).max() < 1e-14  # what is left out has nothing of the signal
        assert_close(transform.inverse(ours, samples=samples), x, TOLERANCE[dtype])


@BOTH
def test_no_samples_have_no_frames(dtype):
    transform = Stft(16, 4)
    assert transform(np.zeros(0, dtype)).shape == (0, 9)
    assert transform(np.zeros((0, 2), dtype)).shape == (0, 9, 2)
    assert transform.inverse(np.zeros((0, 9), PAIRS[dtype])).shape == (0,)
    assert transform.inverse(np.zeros((0, 9, 2), PAIRS[dtype]), samples=0).shape == (0, 2)
    assert transform.frames(0) == 0


@BOTH
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_channels_do_not_mix(dtype, channels):
    transform, x = Stft(64, 16), noise((500, channels), dtype)
    spectra = transform(x)
    assert spectra.shape == (transform.frames(500), 33, channels)
    assert spectra.flags.c_contiguous
    back = transform.inverse(spectra)
    for channel in range(channels):
        assert np.array_equal(spectra[..., channel], transform(x[:, channel]))
        assert np.array_equal(back[:, channel], transform.inverse(spectra[..., channel]))


@pytest.mark.parametrize("view", [lambda x: x[::2], lambda x: x[::-1], np.asfortranarray])
@pytest.mark.parametrize("shape", [(600,), (600, 2)])
def test_strided_and_read_only_inputs(view, shape):
    transform, x = Stft(64, 16), view(noise(shape, "float32"))
    expected = transform(x.copy())
    x.flags.writeable = False
    spectra = transform(x)
    assert np.array_equal(spectra, expected)
    turned = view(spectra)
    wanted = transform.inverse(turned.copy())
    turned.flags.writeable = False
    assert np.array_equal(transform.inverse(turned), wanted)


def test_the_caller_may_change_the_window_afterwards():
    window = made("hann", 64)
    transform, x = Stft(window, 16), noise(300, "float64")
    expected = transform(x)
    window[:] = 0
    assert np.array_equal(transform(x), expected)
    assert not transform.window.flags.writeable


def test_a_number_is_a_periodic_hann_window():
    assert_close(Stft(100, 25, 128).window, scipy.signal.get_window("hann", 100), 1e-15)
    assert len(hann(1000).window) == hann(1000).fft_size == 1024
    assert hann(1000).hop == 256
    assert hann(1025).fft_size == 1536
    assert hann(0.5).fft_size == 16


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_what_is_not_finite_spoils_the_frames_that_see_it(poison):
    transform, x = Stft(made("boxcar", 40), 16, 64), noise(1000, "float32")
    clean = transform(x)
    x[500] = poison
    with np.errstate(invalid="ignore"):
        spectra = transform(x)
    spoiled = ~np.isfinite(spectra).all(axis=1)
    starts = (np.arange(len(spectra)) + transform.first_frame) * 16 - 20
    assert np.array_equal(spoiled, (starts <= 500) & (starts + 40 > 500))
    assert np.array_equal(spectra[~spoiled], clean[~spoiled])
    back = transform.inverse(spectra, samples=1000)
    assert np.array_equal(np.isfinite(back), [not any(s <= n < s + 40 for s in starts[spoiled]) for n in range(1000)])


def test_a_tone_stands_at_its_time_and_frequency():
    rate = 16000
    x = np.zeros(rate, "float32")
    x[8000:12000] = np.sin(2 * np.pi * 2000 * np.arange(4000) / rate)
    transform = Stft(512, 128)
    power = np.abs(transform(x))
    frame, bin_ = np.unravel_index(power.argmax(), power.shape)
    assert transform.frequencies_hz(rate)[bin_] == 2000
    assert 0.5 < transform.times_s(len(power), rate)[frame] < 0.75
    assert transform.times_s(len(power), rate)[-transform.first_frame] == 0
    quiet = power.max(axis=1) == 0
    times_s = transform.times_s(len(power), rate)
    assert np.array_equal(quiet, (times_s < 0.5 - 255.5 / rate) | (times_s > 0.75 + 255.5 / rate))


@settings(max_examples=200)
@given(transforms(), st.integers(0, 900), st.sampled_from(["zeros", "edge", "even", "odd"]),
       st.none() | st.integers(-400, 400), st.sampled_from([None, "magnitude", "psd"]), BLOCKS)  # fmt: skip
def test_padding_scaling_and_phases_are_scipys(transform, samples, padding, shift, scale_to, sizes):
    window, hop, size = np.array(transform.window), transform.hop, transform.fft_size
    shift = None if shift is None else max(1 - size, min(shift, size - 1))
    samples = max(samples, -(-len(window) // 2), 1)
    ours = Stft(window, hop, size, scale_to=scale_to, phase_shift=shift, sample_rate=8000)
    theirs = scipy.signal.ShortTimeFFT(window, hop, fs=8000, mfft=size, scale_to=scale_to, phase_shift=shift)
    x = noise(samples, "float64", samples)
    spectra, expected = ours(x, padding=padding), theirs.stft(x, padding=padding).T
    if hop <= len(window):  # with gaps between its frames SciPy mirrors no more of the signal than they reach
        assert_close(spectra, expected, 1e-12, zeros_allowed=not np.abs(expected).max() > 0)
    assert np.array_equal(ac.stft(x, window, hop, fft_size=size, scale_to=scale_to, phase_shift=shift,
                                  sample_rate=8000, padding=padding), spectra)  # fmt: skip
    for cuts in (sizes, [1], [samples]):
        joined = run(ours.stream(dtype="float64", padding=padding), x, [*cuts, 5])
        assert_close(joined, spectra, 1e-12, zeros_allowed=not np.abs(expected).max() > 0)
    try:
        dual = ours.dual
    except ArgumentError:
        return
    assert_close(dual, theirs.dual_win, 1e-12)
    random = noise((len(spectra), ours.bins), "float64") + 1j * noise((len(spectra), ours.bins), "float64", 1)
    reach = (len(spectra) - 1) * hop + len(window) - ours.left_pad
    assert_close(ours.inverse(random), theirs.istft(random.T, k1=reach), 1e-12)


def test_frames_of_25_ms_are_scipys():
    x = noise(16000, "float32")
    theirs = scipy.signal.ShortTimeFFT(scipy.signal.get_window("hann", 400), 160, fs=16000, mfft=400)
    spectra = ac.stft(x, 400, 160)
    assert spectra.shape == (103, 201)
    assert_close(spectra, theirs.stft(x.astype(float)).T, 1e-6)
    assert_close(ac.istft(spectra, 400, 160, samples=16000), x, 1e-6)
    padded = scipy.signal.ShortTimeFFT(scipy.signal.get_window("hann", 400), 160, fs=16000, mfft=441)
    assert_close(ac.stft(x, 400, 160, fft_size=441), padded.stft(x.astype(float)).T, 1e-6)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7])
def test_very_small_sizes(size):
    x = noise(50, "float64")
    transform = Stft(np.ones(size), 1)
    theirs = scipys(transform)
    assert_close(transform(x), theirs.stft(x).T, 1e-13)
    assert_close(transform.inverse(transform(x), samples=50), x, 1e-13)


def test_a_line_of_magnitude_1_and_noise_of_density_1():
    x = np.cos(2 * np.pi * 1000 * np.arange(8000) / 8000)
    lines = np.abs(ac.stft(x, 400, 100, scale_to="magnitude"))
    assert abs(lines[40, 50] - 0.5) < 1e-6  # the other half is at -1000 Hz
    density = np.abs(ac.stft(noise(80_000, "float64"), 400, 100, scale_to="psd", sample_rate=8000)) ** 2
    assert abs(density[5:-5, 1:-1].mean() * 8000 - 1) < 0.05


@pytest.mark.parametrize(
    ("window", "hop"),
    [(8, 9), (np.ones(8), 9), (8, 8), (made("tukey", 16), 16), (made("gaps", 64), 64), (np.eye(1, 9)[0], 2)],
)
def test_windows_without_an_inverse(window, hop):
    transform = Stft(window, hop, 64)
    assert transform(noise(50, "float64")).shape[1] == 33  # spectra there are
    for inverse in (
        lambda: transform.dual,
        lambda: transform.inverse(np.zeros((3, 33), complex)),
        transform.inverse_stream,
    ):
        with pytest.raises(ArgumentError, match=f"moved by {hop} does not reach every sample; a smaller hop is wanted"):
            inverse()


@pytest.mark.parametrize(
    ("error", "says", "arguments"),
    [
        (ArgumentError, "window must be at least 1, not 0", (0, 4)),
        (ArgumentError, "window must be at least 1, not -4", (-4, 4)),
        (ArgumentError, "all finite and not all zero", (np.zeros(8), 4)),
        (ArgumentError, "must have samples", (np.zeros(0), 4)),
        (ArgumentError, "all finite", (np.array([1.0, np.nan, 1.0]), 1)),
        (ArgumentError, "all finite", (np.array([1.0, np.inf, 1.0]), 1)),
        (ShapeError, r"window must have 1 dimension, not 2", (np.ones((8, 2)), 4)),
        (DtypeError, "window must be float32 or float64, not int64", (np.ones(8, np.int64), 4)),
        (DtypeError, "window must be float32 or float64, not complex128", (np.ones(8, complex), 4)),
        (DtypeError, "window must be float32 or float64", (True, 4)),
        (DtypeError, "window must be float32 or float64", ("hann", 4)),
        (ArgumentError, "hop must be at least 1, not 0", (8, 0)),
        (ArgumentError, "hop must be a whole number, not 2.5", (8, 2.5)),
        (ArgumentError, "hop must be a whole number", (8, None)),
        (ArgumentError, "fft_size must be at least the window's 16 samples, not 8", (16, 4, 8)),
        (ArgumentError, "fft_size must be a whole number, not '64'", (16, 4, "64")),
    ],
)
def test_transforms_that_make_no_sense_are_refused(error, says, arguments):
    with pytest.raises(error, match=says):
        Stft(*arguments)
    with pytest.raises(error, match=says):
        ac.stft(noise(100, "float64"), *arguments[:2], fft_size=(*arguments, None)[2])


@pytest.mark.parametrize(
    ("says", "settings"),
    [
        ("scale_to must be one of 'magnitude', 'psd', not 'power'", {"scale_to": "power"}),
        ("sample_rate must be above 0, not 0", {"scale_to": "psd", "sample_rate": 0}),
        ("phase_shift must be less than fft_size = 16, not 16", {"phase_shift": 16}),
        ("phase_shift must be at least -15, not -16", {"phase_shift": -16}),
        ("padding must be one of 'zeros', 'edge', 'even', 'odd', not 'reflect'", {"padding": "reflect"}),
    ],
)
def test_settings_that_make_no_sense_are_refused(says, settings):
    with pytest.raises(ArgumentError, match=says):
        ac.stft(noise(100, "float64"), 16, 4, **settings)
    with pytest.raises(ArgumentError, match="a window whose sum is 0"):
        Stft(np.array([1.0, -1.0]), 1, scale_to="magnitude")


def test_wrong_inputs_are_refused():
    transform, spectra = Stft(16, 4), np.zeros((3, 9), complex)
    with pytest.raises(DtypeError, match="32768"):
        transform(np.zeros(100, np.int16))
    with pytest.raises(DtypeError, match="not complex128"):
        transform(np.zeros(100, complex))
    with pytest.raises(ShapeError, match=r"1 or 2 dimensions, not 3"):
        transform(np.zeros((9, 2, 2)))
    with pytest.raises(DtypeError, match="spectra must be complex64 or complex128, not float64"):
        transform.inverse(spectra.real)
    for wrong in (spectra[0], spectra[:, :8], spectra[..., None, None], spectra.T):
        with pytest.raises(ShapeError, match=r"\(frames, 9\) or \(frames, 9, channels\)"):
            transform.inverse(wrong)
    with pytest.raises(ArgumentError, match="3 frames reach 12 samples, and 21 are wanted"):
        transform.inverse(spectra, samples=21)
    with pytest.raises(ArgumentError, match="samples must be at least 0"):
        transform.inverse(spectra, samples=-1)
    with pytest.raises(ArgumentError, match="samples must be a whole number"):
        transform.frames(1.5)
    with pytest.raises(ArgumentError, match="samples must be at least 0"):
        transform.frames(-1)
