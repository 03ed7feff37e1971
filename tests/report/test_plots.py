"""Scores, pictures and the page that holds them."""

import base64
import re
import subprocess
import sys
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

import audioconv as ac
from audioconv import report
from audioconv.classify import Detection
from audioconv.classify.calibrate import Word
from audioconv.errors import ArgumentError, AudioconvError, ShapeError

RATE = 16000


@pytest.fixture
def tone():
    return (0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)


def pixels(figure):
    """The picture as drawn, shape (height, width, 4)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def texts(figure):
    """All that is written on a figure."""
    from matplotlib.text import Text

    pixels(figure)
    return {text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text()}


# --- scores ---


def test_wilson_agrees_with_its_equation():
    """The ends are the rates p for which (right/total - p)^2 = z^2 p (1 - p) / total."""
    for right, total in [(0, 5), (1, 3), (90, 100), (247, 247), (5, 9)]:
        low, high = report.wilson_interval(right, total)
        assert 0 <= low < high <= 1
        for p in (low, high):
            assert (right / total - p) ** 2 == pytest.approx(1.96**2 * p * (1 - p) / total, abs=1e-12)


@pytest.mark.parametrize(("right", "total"), [(1, 0), (3, 2), (-1, 5), (0.5, 2)])
def test_wilson_refuses_impossible_counts(right, total):
    with pytest.raises(ArgumentError):
        report.wilson_interval(right, total)


def test_confusion_counts_have_truth_in_rows():
    counts = report.confusion_matrix(np.array(["a", "b", "b", "c"]), ["a", "c", "b", "c"], ["a", "b", "c"])
    assert counts.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]


def test_confusion_counts_refuse_what_does_not_fit():
    with pytest.raises(ShapeError, match="1 and 2"):
        report.confusion_matrix(["a"], ["a", "a"], ["a"])
    with pytest.raises(ArgumentError, match="missing: b"):
        report.confusion_matrix(["a"], ["b"], ["a"])


def test_confusion_table_shows_counts_and_recall():
    screen = Console(file=StringIO(), width=100)
    screen.print(report.confusion_table(np.array([[3, 1], [0, 0]]), ["yes", "no"]))
    lines = [re.findall(r"[^\s│┃]+", line) for line in screen.file.getvalue().splitlines()]
    assert ["yes", "3", "1", "75.0%"] in lines
    assert ["no", "·", "0", "-"] in lines


def test_confusion_table_of_eleven_words_fits_a_narrow_terminal():
    words = ["down", "go", "left", "no", "off", "on", "right", "stop", "unknown", "up", "yes"]
    screen = Console(file=StringIO(), width=80)
    screen.print(report.confusion_table(np.eye(11, dtype=int), words))
    shown = screen.file.getvalue()
    assert "…" not in shown
    assert shown.count("100.0%") == 11


# --- pictures ---


def test_waveform_keeps_a_peak_of_one_sample(tone):
    click = np.zeros(1_000_000, np.float32)
    click[123_457] = 1
    figure = report.waveform({"tone": tone, "click": click}, RATE)
    assert {"tone", "click", "time (s)", "amplitude"} <= texts(figure)
    drawn = figure.axes[1].collections[0].get_paths()[0].vertices
    assert drawn[:, 1].max() == 1
    assert drawn[drawn[:, 1].argmax(), 0] == pytest.approx(123_457 / RATE, abs=0.1)


def test_log_mel_frames_of_silence_are_dark(tone):
    image = report.log_mel({"silence": np.zeros(16000, "f4")}, ac.LogMel()).axes[0].images[0]
    assert image.get_array().max() <= image.get_clim()[0] == -70
    both = report.log_mel({"silence": np.zeros(16000, "f4"), "tone": tone}, ac.LogMel())
    assert both.axes[0].images[0].get_array().max() < -40
    assert both.axes[1].images[0].get_array().max() == 0


def test_log_mel_puts_a_tone_in_its_band(tone):
    figure = report.log_mel({"tone": tone, "twice": np.tile(tone, 2)}, ac.LogMel())
    assert {"frequency (Hz)", "energy (dB)", "1000", "4000"} <= texts(figure)
    image, panel = figure.axes[0].images[0], figure.axes[0]
    data = np.asarray(image.get_array())
    assert data.max() == pytest.approx(0, abs=0.1)
    ticks = dict(zip([t.get_text() for t in panel.get_yticklabels()], panel.get_yticks(), strict=True))
    assert abs(ticks["1000"] - data[:, 50].argmax()) < 1
    left, right = image.get_extent()[:2]
    assert (right - left) == pytest.approx(0.98)  # 98 frames
    assert left + 0.005 == pytest.approx(0.0125)  # the first is centred on half a window


def test_training_curve_shows_validation_only_where_it_is():
    history = [{"epoch": i, "loss": 1 / i, "accuracy": 1 - 0.5 / i, "val_accuracy": 0.5} for i in range(1, 6)]
    figure = report.training_curve(history)
    assert {"epoch", "training", "validation", "accuracy (%)"} <= texts(figure)
    assert figure.axes[1].lines[0].get_ydata()[-1] == pytest.approx(90)
    assert "validation" not in texts(report.training_curve([{**h, "val_accuracy": None} for h in history]))


def test_confusion_writes_each_count_in_its_cell():
    figure = report.confusion(np.array([[7, 2], [0, 5]]), ["yes", "no"])
    cells = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert cells == {(0, 0): "7", (1, 0): "2", (1, 1): "5"}
    with pytest.raises(ShapeError):
        report.confusion(np.zeros((2, 3)), ["yes", "no"])


def test_posteriors_cut_a_long_stream_into_panels_and_mark_words():
    rows = np.full((200, 3), 0.1, np.float32)
    times_s = 0.5 + 0.05 * np.arange(200)
    figure = report.posteriors(
        rows, times_s, ["no", "other", "yes"], row_s=4,
        truth=[Word("yes", 2.0, 3.0)], detections=[Detection("yes", 2.25, 2.75, 0.9)],
    )  # fmt: skip
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 3
    assert {"no", "other", "yes", "time (s)", "posterior"} <= texts(figure)
    box = panels[0].patches[0]
    assert (box.get_x(), box.get_width(), box.get_y()) == (2.0, 1.0, 1.5)
    assert panels[0].collections[0].get_offsets().tolist() == [[2.5, 2.0]]
    edges = [panel.get_xlim() for panel in panels]
    assert edges[0][0] == pytest.approx(0.475)
    assert edges[-1][1] == pytest.approx(10.475)
    assert edges[0][1] == pytest.approx(edges[1][0])
    with pytest.raises(ShapeError):
        report.posteriors(rows, times_s[:-1], ["no", "other", "yes"])


@pytest.mark.parametrize(
    "draw",
    [
        lambda: report.waveform({}, RATE),
        lambda: report.waveform({"none": np.zeros(0, np.float32)}, RATE),
        lambda: report.log_mel({"short": np.zeros(10, np.float32)}, ac.LogMel()),
        lambda: report.training_curve([]),
    ],
)
def test_nothing_to_draw_is_said(draw):
    with pytest.raises(AudioconvError):
        draw()


def test_the_same_figure_gives_the_same_pixels_and_is_not_empty(tone):
    first, second = (pixels(report.waveform({"tone": tone}, RATE)) for _ in range(2))
    assert (first == second).all()
    assert len(np.unique(first.reshape(-1, 4), axis=0)) > 2


def test_importing_report_loads_no_matplotlib_and_drawing_leaves_pyplot_alone():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, numpy as np\nfrom audioconv import report\nassert 'matplotlib' not in sys.modules\n"
            "figure = report.waveform({'a': np.ones(9)}, 8)\npage = report.Report('t')\npage.figure(figure, 'c')\n"
            "assert 'matplotlib.pyplot' not in sys.modules",
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


# --- the page ---


class Seen(HTMLParser):
    """Tags with their attributes, and the text; open tags must be closed in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.shown = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.shown.append(data)


HOSTILE = "<script>alert('1')</script> & \"quoted\""


def full_page(tone):
    page = report.Report(HOSTILE)
    page.heading(HOSTILE)
    page.text(f"first\n\n{HOSTILE}")
    page.table(["name", HOSTILE], [[HOSTILE, 1.5], ["b", 2]], folded=HOSTILE)
    page.figure(report.waveform({"tone": tone}, RATE), HOSTILE)
    return page


def test_text_is_shown_as_given_and_never_becomes_a_tag(tone):
    seen = Seen(full_page(tone).html())
    assert "script" not in {tag for tag, _ in seen.tags}
    assert seen.shown.count(HOSTILE) == 8  # title twice, heading, text, table three times, caption
    assert "first" in seen.shown
    image = next(attributes for tag, attributes in seen.tags if tag == "img")
    assert image["alt"] == HOSTILE


def test_the_page_needs_no_other_file_and_the_picture_is_in_it(tone):
    html = full_page(tone).html()
    links = [
        value for _, attributes in Seen(html).tags for name, value in attributes.items() if name in ("src", "href")
    ]
    assert len(links) == 1
    kind, data = links[0].split(",", 1)
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert "url(" not in html
    assert "@import" not in html


def test_numbers_stand_at_the_right_and_rows_must_fit():
    page = report.Report("t")
    page.table(["name", "value"], [["a", 1.5]])
    classes = [(tag, attributes.get("class")) for tag, attributes in Seen(page.html()).tags if tag in ("th", "td")]
    assert classes == [("th", None), ("th", "number"), ("td", None), ("td", "number")]
    with pytest.raises(ShapeError, match="each of 2 columns"):
        page.table(["name", "value"], [["a"]])


def test_save_writes_the_same_bytes_each_time_and_keeps_an_old_page_when_it_fails(tone, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    full_page(tone).save(path)
    before = path.read_bytes()
    full_page(tone).save(path)
    assert path.read_bytes() == before
    page = report.Report("new")
    monkeypatch.setattr(page, "html", lambda: "\ud800")  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        page.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(AudioconvError):
        page.save(tmp_path / "missing" / "report.html")


def test_a_frequency_response_is_drawn_with_its_bands():
    eq = ac.ParametricEq({"low": ac.EqBand("lowshelf", 100.0, gain_db=6.0)}, sample_rate=48000)
    figure = report.frequency_response({"eq": eq, "pass": ac.Biquad.design("highpass", 16000, 80.0)})
    curve, _, other = figure.axes[0].lines
    assert curve.get_ydata()[0] == pytest.approx(6.0, abs=0.1)
    assert curve.get_xdata()[-1] == other.get_xdata()[-1] == 8000
    assert other.get_ydata().min() >= -60
    for filters, says in (({}, "at least one filter"), ({"x": ac.Biquad([[1, 0, 0, 1, 0, 0]])}, "sample rate")):
        with pytest.raises(ac.ArgumentError, match=says):
            report.frequency_response(filters)
