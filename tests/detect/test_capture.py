"""Sound around detections, as files that detectors are trained on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.classify.progress import Notices
from audioconv.detect import MixtureSettings, capture
from audioconv.detect.capture import AFTER_S, BEFORE_S, Capture

RATE = 1000
X = (np.arange(20 * RATE) % 251 / 256 - 0.5).astype(np.float32)
FOUND = [
    ac.Detection("yes", 0.1, 0.4, 0.91),
    ac.Detection("no/../", 7.5, 8.0, 0.5),
    ac.Detection("yes", 19.0, 19.9, 0.7),
]


def captured(folder, sizes, delay_s=0.3):
    """Run a capture over X in blocks; each detection comes so long after its end, the last one with the flush."""
    taken, begin, told = Capture(folder, RATE, Notices(0)), 0, 0
    while begin < len(X):
        end = min(begin + sizes[begin % len(sizes)], len(X))
        due = [d for d in FOUND if begin <= (d.end_s + delay_s) * RATE < end]
        taken.process(X[begin:end], due)
        begin, told = end, told + len(due)
    taken.flush(FOUND[told:])
    assert taken.count == len(FOUND)


@settings(max_examples=10)
@given(st.lists(st.sampled_from([1, 50, 700, 5000, 30_000]), min_size=1, max_size=3))
def test_each_file_has_what_is_around_the_end_of_the_word(tmp_path_factory, sizes):
    folder = tmp_path_factory.mktemp("captured") / "new" / "folder"
    captured(folder, sizes)
    names = ["no_____7.50s_0.50_0001.wav", "yes_0.10s_0.91_0001.wav", "yes_19.00s_0.70_0001.wav"]
    assert sorted(path.name for path in folder.iterdir()) == names
    for name, end_s in zip(names, (8.0, 0.4, 19.9), strict=True):
        samples, rate = ac.read(folder / name)
        begin, end = round(max(0, end_s - BEFORE_S) * RATE), round((end_s + AFTER_S) * RATE)
        assert rate == RATE
        assert np.array_equal(samples, X[begin:end])  # values that 16 bits have


def test_nothing_is_overwritten_and_there_is_an_end(tmp_path, monkeypatch, capsys):
    for _ in range(2):
        captured(tmp_path, [5000])
    assert len(list(tmp_path.iterdir())) == 6
    monkeypatch.setattr(capture, "MOST_FILES", 2)
    taken = Capture(tmp_path / "more", RATE, Notices(1))
    taken.process(X, FOUND)
    taken.flush([])
    assert taken.count == len(list((tmp_path / "more").iterdir())) == 2
    assert "2 detections are captured" in capsys.readouterr().err


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ac.AudioFileError, match="cannot be a folder of captured sounds"):
        Capture(tmp_path / "file", RATE, Notices(0))


def test_what_is_captured_fits_into_a_stretch():
    assert MixtureSettings().stretch_s > BEFORE_S + AFTER_S
