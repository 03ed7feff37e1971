"""The page of an evaluation holds what it says, its sounds can be read, and nothing is overwritten unasked."""

import base64
import json
import re
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.detect.evaluation.findings import findings_of
from audioconv.detect.evaluation.results import Challenge, NegativeScore
from audioconv.report import SoundCard, evaluation_page, save_evaluation
from audioconv.report.sound_card import picture_of
from tests.tone_detector import tone_evaluation


@pytest.fixture(scope="module")
def evaluation():
    return tone_evaluation()


@pytest.fixture(scope="module")
def page(evaluation):
    return evaluation_page(evaluation, "Two tones").html()


def test_the_page_says_what_decides_first(page):
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    parts = ["Two tones", "of the words found at 10 dB", "What to worry about", "If other thresholds were chosen",
             "Words in a stream", "False alarms in sound without the words", "Halves, pairs, sentences", "Clips",
             "Mistakes, one by one", "Model card", "How this was counted"]  # fmt: skip
    places = [text.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)
    assert "77.8\u00a0%" in text  # seven of nine words
    assert "450" in text  # false alarms an hour
    assert "0.5 s after its end" in text.replace("\u00a0", " ")


def test_the_page_needs_nothing_else(page):
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert page.count("<audio") == page.count('class="card"') == 6
    for found in re.findall(r'src="data:audio/mpeg;base64,([^"]+)"', page):
        sound = ac.read(BytesIO(base64.b64decode(found)))
        assert sound.sample_rate == 16000
        assert 0.3 * 16000 < len(sound.samples) < 2.3 * 16000
        assert 0.2 < np.abs(sound.samples).max() < 1
    assert len(page) < 1_500_000


def test_names_are_escaped(evaluation):
    mistakes = [mistake._replace(source="<b>&.wav", told="<i>") for mistake in evaluation.mistakes]
    example = evaluation.examples[0]
    example = example._replace(mistake=example.mistake._replace(source="<b>&.wav"))
    html = evaluation_page(replace(evaluation, mistakes=mistakes, examples=[example])).html()
    assert "<b>&.wav" not in html
    assert "&lt;b&gt;&amp;.wav" in html
    assert "<i>," not in html


def test_files_are_written_and_never_over_others_unasked(evaluation, tmp_path):
    written = save_evaluation(evaluation, tmp_path / "new", title="Tones")
    assert [path.name for path in written] == ["report.html", "report.json"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["report.html", "report.json"]
    figures = json.loads(written[1].read_text())
    assert figures["clips"]["accuracy"] == evaluation.clips.accuracy
    assert "NaN" not in written[1].read_text()
    written[1].write_text("mine")
    with pytest.raises(ac.AudioFileError, match=r"report\.html exists and is not overwritten"):
        save_evaluation(evaluation, tmp_path / "new")
    assert written[1].read_text() == "mine"
    save_evaluation(evaluation, tmp_path / "new", overwrite=True)
    assert json.loads(written[1].read_text()) == figures
    with pytest.raises(ac.AudioFileError, match="is a file; a folder is wanted"):
        save_evaluation(evaluation, written[0])
    with pytest.raises(ac.AudioFileError, match="does not exist; make it first"):
        save_evaluation(evaluation, tmp_path / "no" / "deeper")


def test_what_is_wrong_is_found_and_the_worst_comes_first(evaluation):
    levels = [finding.level for finding in evaluation.findings]
    assert levels == sorted(levels, key=["serious", "worth a look", "not known"].index)
    said = " ".join(finding.text for finding in evaluation.findings)
    assert "450 an hour" in said
    assert "first half alone" in said
    assert "synthetic noise" in said


def test_good_figures_worry_nobody(evaluation):
    clips = replace(evaluation.clips, truth=np.repeat(["high", "low"], 500), told=np.repeat(["high", "low"], 500),
                    confidence=np.full(1000, 0.99), right=np.full(1000, True),
                    speakers=np.array([f"voice{i // 10}" for i in range(1000)]))  # fmt: skip
    halves = Challenge("first half alone", 100, 1, {"low": (100, 1)})
    radio = NegativeScore("radio", 9, 36000.0, {"high": 0, "low": 0}, {})
    good = replace(
        evaluation, clips=clips, conditions=[], curves=[], challenges=[halves], negatives=[radio],
        data=evaluation.data | {"doubts": []},
    )  # fmt: skip
    assert findings_of(good) == []
    assert "Nothing that was looked for was found" in evaluation_page(good).html()
    unsure = replace(good, negatives=[radio._replace(seconds=3600.0)])
    assert [(f.level, "at least 6 h" in f.text) for f in findings_of(unsure)] == [("not known", True)]
    bad = replace(good, negatives=[NegativeScore("radio", 9, 3600.0, {"high": 9, "low": 1, "up": 0}, {})])
    assert [f.level for f in findings_of(bad)] == ["serious", "worth a look"]


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 40000), st.sampled_from([8000, 16000, 44100]), st.booleans())
def test_sounds_of_any_length_and_rate_have_a_card(size, rate, salient):
    samples = 0.1 * np.sin(np.arange(size)).astype("float32")
    saliency = np.linspace(-1, 1, 12).reshape(3, 4) if salient else None
    html = SoundCard("a", ["b"], samples, rate, saliency, [(0.0, "here"), (99.0, "beyond")]).html()
    assert html.count("<i ") == 1
    assert html.count("data:image/png") == html.count("data:audio/mpeg") == 1


def test_the_tint_is_where_the_saliency_is():
    from matplotlib.image import imread

    saliency = np.zeros((4, 4))
    saliency[0, 0], saliency[3, 3] = 1, -1  # early and low speaks for it, late and high against
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000).astype("float32")
    picture = imread(BytesIO(picture_of(noise, 16000, saliency)))[..., :3]
    rows, columns = picture.shape[0], picture.shape[1]
    low_early, high_late = picture[-rows // 4 :, : columns // 4], picture[: rows // 4, -columns // 4 :]
    middle = picture[rows // 3 : rows // 2, columns // 3 : columns // 2]
    assert (low_early[..., 0] - low_early[..., 2]).mean() > 0.1
    assert (high_late[..., 2] - high_late[..., 0]).mean() > 0.1
    assert np.ptp(middle, axis=-1).max() < 0.01
