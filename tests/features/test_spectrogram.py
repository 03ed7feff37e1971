"""Spectrograms in dB: what stands where, at any cut and any width; and the usual kernels for them."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv import ArgumentError, DtypeError, ShapeError, Stft
from audioconv.features import spectrogram_db
from audioconv.features.spectrogram import FLOOR_DB
from audioconv.signal import kernels2d
from tests.compare import assert_close
from tests.signals import noise

SPEECH = Path(__file__).parents[2] / "data/recordings/speech.flac"
RATE = 16000
SMALL = Stft(256, 64)


quiet_noise = partial(noise, scale=0.1)


def sine(samples, frequency_hz, amplitude=1.0):
    return (amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(samples) / RATE)).astype("float32")


def of(x, **options):
    return spectrogram_db([x], len(x), RATE, **options)


# --- spectrogram_db ---


@pytest.mark.parametrize("window", [1024, 2048, np.ones(1024), np.hamming(1000)])
@pytest.mark.parametrize(("amplitude", "db"), [(1.0, 0.0), (0.5, -6.0206), (0.001, -60.0)])
def test_a_sine_of_full_scale_at_a_bin_has_0_db(window, amplitude, db):
    transform = Stft(window, 256, 2048)
    found = of(sine(RATE, 1000, amplitude), transform=transform)
    inner = found.db[12:-12]
    assert found.db.dtype == np.float32
    assert np.abs(inner.max(axis=1) - db).max() < 0.01
    assert np.all(found.frequencies_hz[inner.argmax(axis=1)] == 1000)


def test_levels_are_those_of_the_transform():
    x = quiet_noise(5000)
    found = of(x, transform=SMALL)
    power = np.abs(SMALL(x.astype(float)) * 2 / SMALL.window.sum()) ** 2
    assert_close(10 ** (found.db.astype(float) / 10), power, 1e-5)
    assert np.abs(found.db - 10 * np.log10(power)).max() < 0.01
    assert_close(found.times_s, SMALL.times_s(len(power), RATE), 1e-15)
    assert_close(found.frequencies_hz, SMALL.frequencies_hz(RATE), 1e-15)
    assert not found.signed


def test_a_tone_stands_at_its_time_and_frequency():
    x = np.zeros(2 * RATE, "float32")
    x[RATE : RATE + 4000] = sine(4000, 2000)
    for columns in (1600, 40):
        found = of(x, columns=columns)
        loud = found.db.max(axis=1) > -20
        assert found.frequencies_hz[found.db.max(axis=0).argmax()] == 2000
        step_s = found.times_s[1] - found.times_s[0]
        assert abs(found.times_s[loud][0] - 1) < 0.064 + step_s
        assert abs(found.times_s[loud][-1] - 1.25) < 0.064 + step_s


def test_silence_and_what_is_softer_than_the_floor():
    assert np.abs(of(np.zeros(5000, "float32")).db - FLOOR_DB).max() < 1e-4
    assert np.abs(of(sine(5000, 1000, 1e-8)).db - FLOOR_DB).max() < 1e-4
    assert of(sine(5000, 1000, 1e-5)).db.max() > FLOOR_DB + 10


def test_channels_are_shown_by_their_mean_power():
    x = quiet_noise((6000, 3))
    found = of(x, transform=SMALL)
    power = np.mean([10 ** (of(np.ascontiguousarray(one), transform=SMALL).db / 10) for one in x.T], axis=0)
    assert_close(found.db, 10 * np.log10(power), 1e-5)
    one = of(np.repeat(x[:, :1], 4, axis=1), transform=SMALL).db
    assert_close(one, of(x[:, 0], transform=SMALL).db, 1e-6)
    silent = of(np.stack((sine(8000, 1000), 0 * sine(8000, 1000)), axis=1))
    assert abs(silent.db[8].max() + 3.0103) < 0.01


@settings(max_examples=80)
@given(
    st.lists(st.integers(0, 700), min_size=1, max_size=12),
    st.sampled_from([None, 2]),
    st.lists(st.sampled_from(sorted(kernels2d.BY_NAME)), max_size=2),
    st.sampled_from([1, 2, 7, 30, 1600]),
)
def test_the_same_however_the_blocks_are_cut(cuts, channels, names, columns):
    cuts = [*cuts, 1]
    x = quiet_noise((sum(cuts),) if channels is None else (sum(cuts), channels), seed=sum(cuts))
    kernels = [kernels2d.BY_NAME[name]() for name in names]
    whole = of(x, transform=SMALL, kernels=kernels, columns=columns)
    blocks = np.split(x, np.cumsum(cuts)[:-1])
    found = spectrogram_db(iter(blocks), len(x), RATE, transform=SMALL, kernels=kernels, columns=columns)
    assert np.array_equal(found.db, whole.db)
    assert np.array_equal(found.times_s, whole.times_s)
    assert found.signed == whole.signed == bool({"onsets", "partials"} & set(names))


@pytest.mark.parametrize("samples", [1, 2, 63, 64, 65, 5000])
@pytest.mark.parametrize("columns", [1, 2, 3, 10, 79, 1600])
def test_columns_are_a_bound_and_hold_the_largest_level(samples, columns):
    x = quiet_noise(samples)
    every, found = of(x, transform=SMALL), of(x, transform=SMALL, columns=columns)
    assert len(found.db) == len(found.times_s) <= columns
    group = -(-len(every.db) // columns)
    for n, column in enumerate(found.db):
        assert np.array_equal(column, every.db[n * group : (n + 1) * group].max(axis=0))
    middles = [every.times_s[n * group] + (group - 1) / 2 * 64 / RATE for n in range(len(found.db))]
    assert_close(found.times_s, middles, 1e-12, zeros_allowed=True)


@pytest.mark.parametrize("columns", [20, 100, 1600])
@pytest.mark.parametrize("place", [3, 77_777, 399_990])
def test_a_click_of_one_sample_is_not_lost(columns, place):
    x = np.zeros(400_000, "float32")
    x[place] = 1
    found = spectrogram_db(np.split(x, 8), len(x), RATE, columns=columns)
    column = found.db.max(axis=1).argmax()
    assert found.db.max() > of(x).db.max() - 1e-3 > -65
    step_s = found.times_s[1] - found.times_s[0]
    assert abs(found.times_s[column] - place / RATE) <= step_s / 2 + 512 / RATE
    assert np.count_nonzero(found.db.max(axis=1) > FLOOR_DB + 1) <= 1 + np.ceil(2048 / RATE / step_s)


@pytest.mark.parametrize("names", [["gaussian"], ["onsets"], ["partials"], ["unsharp"], ["gaussian", "onsets"]])
def test_kernels_are_convolved_with_the_levels(names):
    x, kernels = ac.read(SPEECH).samples[:30000], [kernels2d.BY_NAME[name]() for name in names]
    found = of(x, transform=Stft(512, 128), kernels=kernels)
    expected = of(x, transform=Stft(512, 128)).db
    for kernel in kernels:
        expected = ac.convolve2d(expected, kernel, "same", boundary="edge")
    assert_close(found.db, expected, 2e-6)
    assert found.signed == ("onsets" in names or "partials" in names)


def test_of_a_signed_spectrogram_the_change_farthest_from_0_is_seen():
    x, kernels = quiet_noise(9000), [kernels2d.onsets()]
    every = of(x, transform=SMALL, kernels=kernels).db
    found = of(x, transform=SMALL, kernels=kernels, columns=20).db
    group = -(-len(every) // 20)
    for n, column in enumerate(found):
        some = every[n * group : (n + 1) * group]
        assert np.array_equal(column, np.take_along_axis(some, np.abs(some).argmax(axis=0)[None], 0)[0])
    assert found.min() < 0 < found.max()


def test_one_sample_is_enough_and_none_is_not():
    assert of(quiet_noise(1)).db.shape[1] == 1025
    for blocks in ([], [quiet_noise(0)]):
        with pytest.raises(ShapeError, match="needs at least one sample"):
            spectrogram_db(blocks, 0, RATE)


@pytest.mark.parametrize(
    ("error", "says", "blocks", "options"),
    [
        (ShapeError, "have 0 samples together, and 100 were said", [], {}),
        (ShapeError, "have 90 samples together, and 100 were said", [quiet_noise(40), quiet_noise(50)], {}),
        (ShapeError, "have 101 samples together, and 100 were said", [quiet_noise(101)], {}),
        (ArgumentError, "columns must be at least 1", [quiet_noise(100)], {"columns": 0}),
        (DtypeError, "block must be float32, not float64", [np.zeros(100)], {}),
        (DtypeError, "32768", [np.zeros(100, np.int16)], {}),
        (
            ShapeError,
            r"block must have shape \(samples, 2\), not \(50, 3\)",
            [quiet_noise((50, 2)), quiet_noise((50, 3))],
            {},
        ),
        (ShapeError, "kernel is empty", [quiet_noise(100)], {"kernels": [np.ones((0, 3))]}),
        (ShapeError, r"kernel must have 2 dimension", [quiet_noise(100)], {"kernels": [np.ones(3)]}),
    ],
)
def test_wrong_inputs_are_refused(error, says, blocks, options):
    with pytest.raises(error, match=says):
        spectrogram_db(blocks, 100, RATE, **options)


# --- kernels for spectrograms ---


def scipys_gaussian(sigma, shape):
    impulse = np.zeros(shape)
    impulse[shape[0] // 2, shape[1] // 2] = 1
    return scipy.ndimage.gaussian_filter(impulse, sigma, mode="constant")


@pytest.mark.parametrize(("sigma", "shape"), [(1.5, (13, 13)), (1.0, (9, 9)), ((0.5, 2.2), (5, 19)), (3, (25, 25))])
def test_gaussian_is_scipys(sigma, shape):
    kernel = kernels2d.gaussian(sigma)
    assert kernel.dtype == np.float32
    assert kernel.shape == shape
    assert_close(kernel, scipys_gaussian(sigma, shape), 1e-6)
    assert kernel.sum() == pytest.approx(1, abs=1e-6)


def test_gaussian_of_a_given_side():
    assert kernels2d.gaussian(1.5, 3).shape == (3, 3)
    assert kernels2d.gaussian((1, 2), (5, None)).shape == (5, 17)
    assert kernels2d.gaussian(9.0, 3).sum() == pytest.approx(1, abs=1e-6)
    assert kernels2d.gaussian(1, 1).tolist() == [[1.0]]
    assert np.array_equal(kernels2d.gaussian(np.float32(1.5)), kernels2d.gaussian(1.5))


def test_sums():
    assert kernels2d.unsharp().sum() == pytest.approx(1, abs=1e-6)
    assert kernels2d.unsharp(2.0, 3.0).sum() == pytest.approx(1, abs=1e-6)
    for kernel in (kernels2d.onsets(), kernels2d.partials()):
        assert kernel.shape == (3, 3)
        assert kernel.sum() == 0
        assert np.abs(kernel).sum() == 1


def test_onsets_are_the_change_a_frame():
    """Positive where it becomes louder, negative where it becomes softer; 3 dB a frame is 3."""
    plane = np.repeat(np.float32([0, 0, 3, 6, 9, 9, 9, 4, 4])[:, None], 6, axis=1)
    change = ac.convolve2d(plane, kernels2d.onsets(), "same", boundary="edge")
    assert change[:, 3] == pytest.approx([0, 1.5, 3, 3, 1.5, 0, -2.5, -2.5, 0], abs=1e-6)
    assert np.ptp(change, axis=1).max() < 1e-6


def test_partials_are_the_change_a_bin():
    plane = np.repeat(np.float32([0, 0, 2, 10, 2, 0, 0])[None], 5, axis=0)
    change = ac.convolve2d(plane, kernels2d.partials(), "same", boundary="edge")
    assert change[2] == pytest.approx([0, 1, 5, 0, -5, -1, 0], abs=1e-6)
    assert np.ptp(change, axis=0).max() < 1e-6


def test_on_real_tones_the_signs_are_the_same():
    x = np.concatenate((np.zeros(8000, "float32"), sine(8000, 2000)))
    onset = of(x, kernels=[kernels2d.onsets()])
    moment = onset.db[:, 256].argmax()
    assert onset.db[moment, 256] > 20
    assert abs(onset.times_s[moment] - 0.5) < 0.1
    steady = of(sine(16000, 2000), kernels=[kernels2d.partials()]).db[15]
    assert steady[255] > 3
    assert steady[257] < -3
    assert abs(steady[256]) < 0.1


def test_unsharp_makes_peaks_higher_and_leaves_planes():
    plane = np.full((40, 40), -30, "float32")
    same = ac.convolve2d(plane, kernels2d.unsharp(), "same", boundary="edge")
    assert np.abs(same + 30).max() < 1e-4
    plane[20, 20] = 0
    assert ac.convolve2d(plane, kernels2d.unsharp(), "same", boundary="edge")[20, 20] > 20
    blur = ac.convolve2d(plane, kernels2d.gaussian(2.0), "same", boundary="edge")
    sharp = ac.convolve2d(plane, kernels2d.unsharp(2.0, 0.5), "same", boundary="edge")
    assert_close(sharp, 1.5 * plane - 0.5 * blur, 1e-5)


@pytest.mark.parametrize(
    ("says", "arguments"),
    [
        ("sigma must be a number above 0, or two, not 0", (0,)),
        ("sigma must be", (-1.0,)),
        ("sigma must be", (np.nan,)),
        ("sigma must be", (np.inf,)),
        ("sigma must be", ("wide",)),
        ("sigma must be", ((1, 2, 3),)),
        ("sigma must be", ((1, 0),)),
        ("side must be an odd number, or two, not 4", (1, 4)),
        ("side must be an odd number", (1, (3, 3, 3))),
        ("side must be at least 1", (1, 0)),
        ("side must be a whole number", (1, 2.5)),
    ],
)
def test_gaussians_that_make_no_sense_are_refused(says, arguments):
    with pytest.raises(ArgumentError, match=says):
        kernels2d.gaussian(*arguments)


def test_kernels_have_names_and_nobody_changes_another_ones():
    assert sorted(kernels2d.BY_NAME) == ["gaussian", "onsets", "partials", "unsharp"]
    for make in kernels2d.BY_NAME.values():
        make()[:] = 0
        assert make().any()
        assert make().dtype == np.float32


@pytest.mark.parametrize("amount", [np.nan, "much"])
def test_an_amount_that_is_no_number_is_refused(amount):
    with pytest.raises(ArgumentError, match="amount must be a finite number"):
        kernels2d.unsharp(amount=amount)
