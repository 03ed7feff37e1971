"""Spectrograms of any length, the kernels for them, and their pictures."""

import numpy as np
import pytest
import scipy.ndimage

import audioconv as ac
from audioconv import report
from audioconv.errors import ArgumentError, ShapeError
from audioconv.features import Levels, levels
from audioconv.features.spectrogram import FLOOR_DB
from audioconv.signal import kernels2d
from tests.compare import assert_close
from tests.test_report import pixels, texts

RATE = 16000


def tone(seconds=2.0, hz=1000.0, level=1.0):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def cut(samples, size):
    return [samples[i : i + size] for i in range(0, len(samples), size)]


def test_a_sine_of_full_scale_is_0_db_where_it_is():
    samples = np.concatenate((tone(1.0, 1000, 0.1), tone(1.0, 3000)))
    found = levels([samples], len(samples), RATE)
    assert found.db.dtype == np.float32
    assert found.db.shape == (len(found.times_s), len(found.frequencies_hz))
    early, late = (np.abs(found.times_s - second).argmin() for second in (0.5, 1.5))
    for column, hz, level_db in ((early, 1000, -20), (late, 3000, 0)):
        assert found.frequencies_hz[found.db[column].argmax()] == hz
        assert found.db[column].max() == pytest.approx(level_db, abs=0.1)
    assert not found.slopes


def test_silence_is_the_floor_and_channels_are_their_mean_power():
    silent = levels([np.zeros(5000, np.float32)], 5000, RATE)
    assert np.allclose(silent.db, FLOOR_DB, atol=1e-4)
    both = np.stack((tone(), np.zeros_like(tone())), axis=1)
    assert levels([both], len(both), RATE).db.max() == pytest.approx(10 * np.log10(0.5), abs=0.1)


@pytest.mark.parametrize("size", [1, 700, 100_000])
@pytest.mark.parametrize("names", [(), ("gaussian",), ("onsets", "partials")])
def test_blocks_do_not_matter_and_kernels_are_convolve2d(size, names):
    samples = np.concatenate((tone(0.2, 500, 0.1), tone(0.1, 2000)))
    samples = samples[:900] if size == 1 else samples
    transform = ac.Stft(256, 64)
    kernels = [kernels2d.BY_NAME[name]() for name in names]
    found = levels(cut(samples, size), len(samples), RATE, transform=transform, kernels=kernels)
    expected = levels([samples], len(samples), RATE, transform=transform).db
    for kernel in kernels:
        expected = ac.convolve2d(expected, kernel, "same", boundary="edge")
    assert_close(found.db, expected, 2e-6)
    assert found.slopes == ("onsets" in names)


@pytest.mark.parametrize("columns", [1, 7, 50])
def test_a_click_is_in_the_narrowest_picture(columns):
    samples = tone(3.0, 500, 0.01)
    samples[20000] = 1
    transform = ac.Stft(256, 64)
    every = levels([samples], len(samples), RATE, transform=transform)
    narrow = levels(cut(samples, 999), len(samples), RATE, transform=transform, columns=columns)
    assert len(narrow.db) <= columns
    assert np.array_equal(narrow.db.max(axis=0), every.db.max(axis=0))
    group = -(-len(every.db) // columns)
    for i, row in enumerate(narrow.db):
        assert np.array_equal(row, every.db[i * group : (i + 1) * group].max(axis=0))
    slopes = levels([samples], len(samples), RATE, transform=transform, kernels=[kernels2d.onsets()], columns=columns)
    assert np.abs(slopes.db).max(axis=0).min() > 5
    assert len(slopes.db) == len(narrow.db)


def test_no_samples_are_no_spectrogram():
    with pytest.raises(ShapeError, match="at least one sample"):
        levels([], 0, RATE)


# --- kernels ---


def test_gaussian_is_ndimages():
    impulse = np.zeros((41, 41))
    impulse[20, 20] = 1
    expected = scipy.ndimage.gaussian_filter(impulse, (1.5, 3.0), mode="constant")
    bell = kernels2d.gaussian((1.5, 3.0))
    assert bell.shape == (13, 25)
    assert_close(bell, expected[14:27, 8:33], 1e-6)
    assert kernels2d.gaussian(2.0, side=5).shape == (5, 5)
    assert kernels2d.gaussian(2.0, side=5).sum() == pytest.approx(1)


def test_slopes_have_the_sign_that_they_say():
    plane = np.zeros((20, 20), np.float32)
    plane[10:] += 6  # louder from frame 10 on
    onsets = ac.convolve2d(plane, kernels2d.onsets(), "same", boundary="edge")
    assert onsets.max() == pytest.approx(3)
    assert onsets.min() == 0
    plane = np.zeros((20, 20), np.float32)
    plane[:, 10] = 6  # a partial
    edges = ac.convolve2d(plane, kernels2d.partials(), "same", boundary="edge")[10]
    assert (edges[9], edges[10], edges[11]) == (pytest.approx(3), 0, pytest.approx(-3))


def test_unsharp_leaves_what_is_flat_and_lifts_what_stands_out():
    flat = np.full((30, 30), 5, np.float32)
    assert_close(ac.convolve2d(flat, kernels2d.unsharp(), "same", boundary="edge"), flat, 1e-5)
    flat[15, 15] = 6
    assert ac.convolve2d(flat, kernels2d.unsharp(amount=2.0), "same", boundary="edge")[15, 15] > 7.5


@pytest.mark.parametrize("sigma", [0, -1, "wide", (1, 2, 3), np.inf])
def test_a_gaussian_of_no_width_is_refused(sigma):
    with pytest.raises(ArgumentError, match="sigma must be"):
        kernels2d.gaussian(sigma)


# --- pictures ---


def test_the_picture_says_what_it_shows():
    found = levels([tone(2.0, 3000)], 2 * RATE, RATE)
    figure = report.spectrogram({"a tone": found, "again": found}, high_hz=5000)
    said = texts(figure)
    assert {"a tone", "again", "time (s)", "frequency (Hz)", "level (dB, sine of full scale = 0)"} <= said
    panel = figure.axes[0]
    low, high = panel.get_ylim()
    assert (low, high) == (pytest.approx(0, abs=10), pytest.approx(5000, abs=10))
    assert panel.get_xlim() == (0, pytest.approx(2.05, abs=0.05))
    drawn = panel.images[0].get_array()
    assert found.frequencies_hz[drawn[:, 30].argmax()] == 3000
    assert panel.images[0].get_clim() == (pytest.approx(-80, abs=0.1), pytest.approx(0, abs=0.1))
    assert pixels(figure).std() > 10


def test_changes_have_two_colours_about_0():
    samples = np.concatenate((tone(0.5, 1000, 0.001), tone(0.5)))
    found = levels([samples], len(samples), RATE, kernels=[kernels2d.onsets()])
    figure = report.spectrogram({"onsets": found})
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high < 0
    assert "change (dB)" in texts(figure)


def test_what_cannot_be_drawn_is_refused():
    found = levels([tone()], 2 * RATE, RATE)
    with pytest.raises(ArgumentError, match="at least one"):
        report.spectrogram({})
    with pytest.raises(ArgumentError, match="all levels or all changes"):
        report.spectrogram({"a": found, "b": found._replace(slopes=True)})
    with pytest.raises(ShapeError, match="columns"):
        report.spectrogram({"a": Levels(found.db[:0], found.times_s[:0], found.frequencies_hz)})
