"""The picture of a spectrogram: what is written on it, where it ends, and what is bright."""

import numpy as np
import pytest

from audioconv import ArgumentError, ShapeError, Stft, report
from audioconv.features import Spectrogram, spectrogram_db
from audioconv.signal import kernels2d
from tests.report.test_plots import pixels, texts

RATE = 16000


def tone(samples=RATE, frequency_hz=2000):
    return (0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(samples) / RATE)).astype("float32")


def of(x, **options):
    return spectrogram_db([x], len(x), RATE, **options)


def picture_of(found, title="a tone", **options):
    return report.spectrogram({title: found}, **options)


def drawn(figure):
    """Panel, image and the image's colour limits."""
    panel = figure.axes[0]
    return panel, panel.images[0]


def test_labels_title_and_colour_bar():
    figure = picture_of(of(tone()))
    assert {"time (s)", "frequency (Hz)", "a tone", "level (dB, sine of full scale = 0)"} <= texts(figure)
    assert len(figure.axes) == 2  # the panel and its bar
    both = report.spectrogram({"one": of(tone()), "two": of(tone(3000))})
    assert {"one", "two"} <= texts(both)
    assert both.axes[0].images[0].get_clim() == both.axes[1].images[0].get_clim()
    changes = picture_of(of(tone(), kernels=[kernels2d.onsets()]))
    assert "change (dB)" in texts(changes)


def test_limits_are_seconds_and_hertz():
    found = of(tone())
    panel, image = drawn(picture_of(found))
    left, right, bottom, top = image.get_extent()
    step_s, bin_hz = 512 / RATE, RATE / 2048
    assert left == pytest.approx(found.times_s[0] - step_s / 2)
    assert right == pytest.approx(found.times_s[-1] + step_s / 2)
    assert (bottom, top) == pytest.approx((-bin_hz / 2, 8000 + bin_hz / 2))
    assert panel.get_xlim() == pytest.approx((0, right))
    assert panel.get_ylim() == pytest.approx((bottom, top))
    assert np.array_equal(image.get_array(), found.db.T)


def test_high_hz_ends_the_picture():
    found = of(tone())
    panel, image = drawn(picture_of(found, fmax=3000))
    assert panel.get_ylim()[1] == pytest.approx(3000 + RATE / 2048 / 2)
    assert np.array_equal(image.get_array(), found.db[:, found.frequencies_hz <= 3000].T)
    panel, _ = drawn(picture_of(found, fmax=99999))
    assert panel.get_ylim()[1] < 8010


def test_colours_span_the_range():
    found = of(tone())
    _, image = drawn(picture_of(found, range_db=50))
    assert image.get_clim() == pytest.approx((found.db.max() - 50, found.db.max()))
    changes = of(tone(), kernels=[kernels2d.partials()])
    low, high = drawn(picture_of(changes))[1].get_clim()
    assert low == -high < 0
    beyond = np.count_nonzero(np.abs(changes.db) > high) / changes.db.size
    assert 0 < beyond <= 0.0021


@pytest.mark.parametrize("frequency_hz", [1000, 5000])
def test_the_row_of_a_tone_is_the_brightest(frequency_hz):
    figure = picture_of(of(tone(frequency_hz=frequency_hz), transform=Stft(1024, 256)))
    picture = pixels(figure)
    panel, _ = drawn(figure)
    _, first = panel.transData.transform((0.2, 200))
    _, last = panel.transData.transform((0.2, 7800))
    column = int(panel.transData.transform((0.5, 0))[0])
    rows = len(picture) - np.arange(int(last), int(first), -1)
    brightness = picture[rows, column, :3].sum(axis=1)
    brightest = rows[brightness == brightness.max()].mean()
    shown_hz = panel.transData.inverted().transform((column, len(picture) - brightest))[1]
    assert abs(shown_hz - frequency_hz) < 40
    assert brightness.max() > brightness.mean() + 200


def test_later_is_further_right():
    x = np.concatenate((np.zeros(12000, "float32"), tone(4000)))
    figure = picture_of(of(x))
    picture, (panel, _) = pixels(figure), drawn(figure)
    (early, row), (late, _) = panel.transData.transform([(0.3, 2000), (0.85, 2000)])
    rows = slice(len(picture) - int(row) - 3, len(picture) - int(row) + 4)  # the line of a tone is two pixels high
    before, after = (picture[rows, int(column), :3].sum(axis=1).max() for column in (early, late))
    assert after > before + 300


@pytest.mark.parametrize("x", [np.zeros(5000, "float32"), tone(1)])
@pytest.mark.parametrize("kernels", [(), [kernels2d.onsets()], [np.zeros((3, 3), "float32")]])
@pytest.mark.parametrize("columns", [1, 1600])
def test_silence_and_single_samples_can_be_drawn(x, kernels, columns):
    figure = picture_of(of(x, kernels=kernels, columns=columns))
    assert pixels(figure)[..., :3].min() < 50  # axes and letters, at least
    assert np.isfinite(drawn(figure)[1].get_array()).all()


@pytest.mark.parametrize("title", ["a$^$.wav", "cost $5$", r"\frac", "a_b^c", "%d {}"])
def test_a_title_is_no_formula(title):
    assert title in texts(picture_of(of(tone(3000)), title))


@pytest.mark.parametrize("range_db", [0, -3.0, np.nan])
def test_ranges_that_make_no_sense_are_refused(range_db):
    with pytest.raises(ArgumentError, match=r"range_db must be .*above 0"):
        picture_of(of(tone(3000)), range_db=range_db)


def test_there_must_be_something_to_show():
    found = of(tone(3000))
    for wrong, fmax in ((found, -1), (Spectrogram(found.db[:0], found.times_s[:0], found.frequencies_hz), None)):
        with pytest.raises(ShapeError, match="columns, and bins"):
            picture_of(wrong, fmax=fmax)
    for wrong in ({}, {"a": found, "b": found._replace(signed=True)}):
        with pytest.raises(ArgumentError, match="all levels or all signed"):
            report.spectrogram(wrong)


def test_faint_sound_is_dark_and_silence_darkest():
    found = of(1e-5 * tone())
    for range_db, limits in ((80, (-120, -40)), (60, (-120, -60)), (200, (-120, 0)), (30, (-120, -90))):
        assert drawn(picture_of(found, range_db=range_db))[1].get_clim() == pytest.approx(limits)
    spoiled = found._replace(db=np.where(np.arange(len(found.db))[:, None] == 3, np.nan, found.db))
    assert drawn(picture_of(spoiled))[1].get_clim() == pytest.approx((-120, -40))


@pytest.mark.parametrize("axis", ["log", "mel"])
@pytest.mark.parametrize("frequency_hz", [300, 1000, 5000])
def test_a_tone_stands_at_its_frequency_on_any_axis(axis, frequency_hz):
    panel, image = drawn(picture_of(of(tone(frequency_hz=frequency_hz)), frequency_axis=axis))
    rows = np.asarray(image.get_array())
    _, _, bottom, top = image.get_extent()
    place = bottom + (rows[:, len(rows[0]) // 2].argmax() + 0.5) * (top - bottom) / len(rows)
    shown_hz = 10**place if axis == "log" else 700 * (10 ** (place / 2595) - 1)
    assert abs(shown_hz - frequency_hz) < RATE / 2048 + 0.01 * frequency_hz
    marks = {int(text.get_text()): at for text, at in zip(panel.get_yticklabels(), panel.get_yticks(), strict=True)}
    assert marks[1000] == pytest.approx(3 if axis == "log" else 2595 * np.log10(1 + 1000 / 700))
    assert max(marks) == (5000 if axis == "log" else 8000)
    assert min(marks) == (20 if axis == "log" else 0)


@pytest.mark.parametrize("axis", ["log", "mel"])
def test_no_row_of_another_axis_loses_a_line(axis):
    """Several bins on a row: the largest level, or the change that is farthest from 0, is shown."""
    db = np.full((4, 1025), -60.0, "float32")
    db[2, 900] = 0
    found = Spectrogram(db, np.arange(4.0), np.arange(1025) * RATE / 2048)
    assert np.asarray(drawn(picture_of(found, frequency_axis=axis))[1].get_array()).max() == 0
    changes = np.where(db == 0, np.float32(-9), np.float32(2))
    image = drawn(picture_of(found._replace(db=changes, signed=True), frequency_axis=axis))[1]
    assert np.asarray(image.get_array()).min() == -9
    with pytest.raises(ShapeError, match="frequencies must reach beyond"):
        picture_of(found, frequency_axis="log", fmax=10)


def test_long_titles_are_wrapped_and_their_middle_is_left_out():
    long = "a very long file name of a recording made on a rainy day in the old town_" * 3 + ".wav"
    for title in (long, "W" * 250, "x" * 90):
        figure = picture_of(of(tone()), title)
        pixels(figure)
        drawn_title = figure.axes[0].title if figure.axes[0].title.get_text() else figure.axes[0]._left_title
        box = drawn_title.get_window_extent()
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
        text = drawn_title.get_text()
        assert text.count("\n") <= 2
        if "\u2026" in text:
            assert text.startswith(title[:20])
            assert text.endswith(title[-10:])
        else:
            assert text.replace("\n", "") == title


@pytest.mark.parametrize(
    ("seconds", "name", "marks"),
    [(0.02, "time (ms)", {"0", "10"}), (30, "time (s)", {"10"}), (600, "time (min:s)", {"0:00", "2:00", "10:00"}),
     (7200, "time (h:min)", {"0:00", "0:30", "1:00", "2:00"})],
)  # fmt: skip
def test_times_are_told_in_what_fits(seconds, name, marks):
    columns = 50
    found = Spectrogram(
        np.zeros((columns, 9), "float32"), (np.arange(columns) + 0.5) * seconds / columns, np.arange(9.0)
    )
    said = texts(picture_of(found))
    assert name in said
    assert marks <= said


def test_size_and_pixels_are_as_wanted():
    assert pixels(picture_of(of(tone()), size_inches=(5, 3), dpi=100)).shape == (300, 500, 4)
    with pytest.raises(ArgumentError, match="frequency_axis must be one of 'linear', 'log', 'mel', not 'bark'"):
        picture_of(of(tone()), frequency_axis="bark")
