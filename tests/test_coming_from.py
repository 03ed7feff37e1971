"""Pages for those who come from other packages: our calls run, and give what theirs give where those are at hand."""

import re
from pathlib import Path

import librosa
import numpy as np
import pytest
from scipy import ndimage, signal

import audioconv as ac
from tests.compare import assert_close

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "coming_from"
ROW = re.compile(r"^\| `(.+?)`[^|`]*\| `(.+?)` \|(.*)\|$", re.MULTILINE)
SPEECH = ROOT / "data" / "recordings" / "speech.flac"


def rows(page):
    return [(theirs, ours) for theirs, ours, _ in ROW.findall((PAGES / page).read_text())]


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What the pages call by name, in a folder where they may write."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(ROOT / "data")
    rng = np.random.default_rng(0)
    clip = ac.read(SPEECH).samples[:16000]
    ac.write("short.wav", clip, 16000)
    noise = rng.standard_normal(6000).astype("float32")
    chain = ac.Chain([ac.Gain(-6.0)])

    def own(block, memory):
        block *= 0.5

    return {
        "ac": ac, "np": np, "signal": signal, "ndimage": ndimage, "librosa": librosa, "rate": 16000,
        "x": noise, "h": rng.standard_normal(65).astype("float32"), "stereo": np.stack([noise, noise[::-1]], axis=1),
        "sos": signal.butter(4, 0.2, output="sos"), "image": rng.standard_normal((50, 40)).astype("float32"),
        "kernel": rng.standard_normal((5, 3)).astype("float32"), "path": "short.wav", "clip": clip,
        "power": rng.random((20, 30)).astype("float32"), "room": rng.standard_normal(300).astype("float32"),
        "chain": chain, "chunk": noise[:100], "own": own, "memory": np.zeros(1),
    }  # fmt: skip


def detector_names():
    detector = ac.KeywordDetector.load()
    detector.save("words.safetensors")

    def spot(path):
        return {"words": len(detector.detect(ac.read(path).samples))}

    return {"detector": detector, "stream": detector.stream(), "int16": np.zeros(1280, np.int16), "spot": spot}


def middle(y):
    return y[100:-100]


# How theirs is turned into ours, where it is not the same array.
TURNED = {
    "signal.ShortTimeFFT": lambda theirs: theirs.T,
    "librosa.feature": lambda theirs: theirs.T,
}


@pytest.mark.parametrize(("theirs", "ours"), rows("scipy.md") + rows("librosa.md"))
def test_results_are_theirs(theirs, ours, names):
    their, our = eval(theirs, names), eval(ours, names)
    if "choose_conv_method" in theirs:
        assert their in ("direct", "fft")
        assert our in ("direct", "sparse", "overlap_add", "fft")
    elif "resample_poly" in theirs:  # another filter, of the same pass band
        slow = np.sin(2 * np.pi * 440 * np.arange(6000) / 48000).astype("float32")
        their, our = eval(theirs, names | {"x": slow}), eval(ours, names | {"x": slow})
        assert_close(middle(our), middle(their), 2e-3)
    elif "librosa.load" in theirs:
        samples, rate = their
        got = our if isinstance(our, ac.Clip) else (our, 8000)
        assert got[1] == rate
        assert_close(got[0], samples, 1e-6)
    elif "librosa.stft" in theirs:
        assert_close(our[1 : 1 + their.shape[1]], their.T, 1e-5)
    elif np.ndim(our) == 0:
        assert our == pytest.approx(their)
    else:
        turn = next((turn for name, turn in TURNED.items() if theirs.startswith(name)), lambda same: same)
        assert_close(np.asarray(our), np.asarray(turn(their)), 1e-4 if "librosa" in theirs else 1e-5)


@pytest.mark.parametrize("page", ["torchaudio.md", "pedalboard.md", "openwakeword.md"])
def test_calls_of_ours_run(page, names):
    if page == "openwakeword.md":
        names |= detector_names()
    found = rows(page)
    assert len(found) >= 9
    for _, ours in found:
        assert eval(ours, names) is not None or ours.startswith(("ac.write", "stream.reset")), ours


def test_every_row_of_a_table_is_read():
    for page in PAGES.glob("*.md"):
        lines = [line for line in page.read_text().splitlines() if line.startswith("| `")]
        assert len(rows(page.name)) == len(lines), page.name
