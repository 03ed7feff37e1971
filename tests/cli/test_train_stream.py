"""audioconv train --for stream, and listen with what it writes."""

from dataclasses import dataclass

import numpy as np
import pytest

import audioconv as ac
from audioconv.detect import DetectorTraining, keyword_detector
from tests.command import refused, run

RATE = 16000


@dataclass(frozen=True, repr=False)
class QuickTraining(DetectorTraining):
    """Other defaults, because the command has no option for them."""

    rounds: int = 1
    steps: int = 250
    stretches: int = 80
    batch_size: int = 12


def word(hz):
    return np.pad(0.2 * np.sin(2 * np.pi * hz * np.arange(4800) / RATE), 4000).astype(np.float32)


@pytest.fixture
def clips(tmp_path):
    for label, hz in (("low", 500), ("high", 1500), ("unknown", 3000)):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for k in range(6):
            ac.write(tmp_path / "clips" / label / f"{k}.wav", word(hz * (1 + k / 100)), RATE)
    return tmp_path / "clips"


@pytest.fixture
def negatives(tmp_path):
    (tmp_path / "hours").mkdir()
    for k in range(5):
        ac.write(tmp_path / "hours" / f"{k}.wav", 0.05 * np.random.default_rng(k).standard_normal(3 * RATE), RATE)
    return tmp_path / "hours"


def test_a_detector_is_trained_and_listened_with(clips, negatives, tmp_path, monkeypatch):
    monkeypatch.setattr(keyword_detector, "DetectorTraining", QuickTraining)
    out, card = tmp_path / "words.safetensors", tmp_path / "card.toml"
    card.write_text('licence = "CC0"\nlimits = """Tones\nonly."""\n')
    (tmp_path / "captured").mkdir()
    ac.write(tmp_path / "captured" / "0.wav", word(800), RATE)
    more = ("--false-alarms", tmp_path / "captured", "--card", card, "--false-alarms-per-hour", 2)
    done = run("train", clips, "--out", out, "--for", "stream", "--negatives", negatives, "--no-check", *more)
    assert done.exit_code == 0, done.output
    assert "2 words from" in done.stdout
    assert "too few to promise 2 false alarms an hour" in done.stderr
    recording = np.concatenate([np.zeros(RATE), word(500), np.zeros(RATE), word(1500), np.zeros(RATE)])
    recording += 1e-3 * np.random.default_rng(0).standard_normal(len(recording))
    ac.write(tmp_path / "stream.wav", recording, RATE)
    listening = ("listen", out, "--file", tmp_path / "stream.wav", "--threshold", "0.3")
    heard = run(*listening, "--capture", tmp_path / "heard")
    assert "2 sounds captured" in heard.stderr
    assert sorted(path.name.split("_")[0] for path in (tmp_path / "heard").iterdir()) == ["high", "low"]
    assert [line.split()[3] for line in heard.stdout.splitlines()[:-1]] == ["low", "high"]
    ac.write(tmp_path / "faster.wav", ac.io.resample(recording, RATE, 44100), 44100)
    other = run("listen", out, "--file", tmp_path / "faster.wav", "--threshold", "0.3", "--block", 441)
    assert [line.split()[3] for line in other.stdout.splitlines()[:-1]] == ["low", "high"]
    assert "resampled from 44100" in other.stderr
    assert "exists" in refused("train", clips, "--out", out, "--for", "stream")
    loaded = ac.KeywordDetector.load(out).card_
    assert (loaded.licence, loaded.limits) == ("CC0", "Tones\nonly.")
    assert loaded.facts["captured_false_alarms"] == 1
    assert loaded.facts["false_alarms_per_hour"] == 2
    assert loaded.facts["clips"] + loaded.facts["clips_of_other_words"] <= 18


def test_negatives_are_for_detectors_and_must_suffice(clips, negatives, tmp_path):
    out = tmp_path / "words.safetensors"
    for option in ("--negatives", "--false-alarms"):
        assert f"{option} is for detectors; give --for stream" in refused(
            "train", clips, "--out", out, option, negatives
        )
    for k in range(2):
        (negatives / f"{k}.wav").unlink()
    line = refused("train", clips, "--out", out, "--for", "stream", "--negatives", negatives, "--no-check")
    assert "holds 3 sound files without the words; at least 5 are wanted" in line
    options = ("--epochs", 3, "--balance", "--no-augment")
    line = refused("train", clips, "--out", out, "--for", "stream", *options)
    assert "--epochs, --balance, --no-augment: for other models only" in line
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [("licence = 3", "licence must be text"), ("author = 'me'", "it has data, licence"), ("[", "cannot be read"),
     ('limits = "\\u001b"', "limits must hold no control characters"), (None, "cannot be read")],
)  # fmt: skip
def test_a_card_is_looked_at_first(clips, tmp_path, text, says):
    if text is not None:
        (tmp_path / "card.toml").write_text(text)
    for more in ((), ("--for", "stream")):
        assert says in refused("train", clips, "--out", tmp_path / "m", "--card", tmp_path / "card.toml", *more)


def test_negatives_that_hold_the_words_or_are_not_for_training_are_left_out(tmp_path, capsys):
    from audioconv.cli.train_stream import Sounds

    rows = [(f"{reader}/{k}.wav", "a long story", "train") for reader in range(10) for k in range(3)]
    rows += [("0/no.wav", "oh no", "train"), ("1/know.wav", "I know", "train"), ("2/v.wav", "a story", "val")]
    (tmp_path / "manifest.csv").write_text("file,text,split\n" + "".join(f"{','.join(row)}\n" for row in rows))
    sounds = Sounds.of(tmp_path, None, ["no", "unknown"])
    names = [{path.relative_to(tmp_path).as_posix() for path in part} for part in (sounds.negatives, sounds.held_out)]
    assert names[0] | names[1] == {row[0] for row in rows[:30]}
    assert {name.split("/")[0] for name in names[1]} == {"0", "5"}  # other readers than those that are trained on
    assert not {name.split("/")[0] for name in names[0]} & {"0", "5"}
    said = " ".join(capsys.readouterr().err.split())
    assert "1 that hold a keyword, 1 that hold a sound-alike, 1 that are not in the part train" in said
    assert "is not a folder" in refused("train", tmp_path, "--out", tmp_path / "m", "--for", "stream",
                                         "--negatives", tmp_path / "manifest.csv")  # fmt: skip
