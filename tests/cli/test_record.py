"""record: clips of words out of recordings, as files that data sets are made of."""

import csv
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import audioconv as ac
from audioconv.classify import audit, load_dataset
from audioconv.io import next_numbered_path, resample
from tests.command import refused, run

RATE, WORDS = 16000, Path(__file__).resolve().parents[2] / "data" / "keywords"


def stream_of(word, count):
    """A recording of so many voices that say a word, in noise, with pauses of a second; the middle of each, in s."""
    with open(WORDS / "manifest.csv", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file) if row["label"] == word and row["split"] == "train"]
    rng, parts, middles_s, place = np.random.default_rng(0), [np.zeros(RATE, "float32")], [], RATE
    for name in names[:count]:
        samples = resample(*ac.read(WORDS / name), RATE)
        energy = np.cumsum(np.square(samples, dtype="float64"))
        edges = np.searchsorted(energy, [0.01 * energy[-1], 0.99 * energy[-1]])
        middles_s.append((place + edges.mean()) / RATE)
        parts += [0.3 * samples / np.abs(samples).max(), np.zeros(RATE, "float32")]
        place += len(samples) + RATE
    joined = np.concatenate(parts)
    return (joined + 0.001 * rng.standard_normal(len(joined))).astype("float32"), np.array(middles_s)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "left.wav"
    samples, middles_s = stream_of("left", 12)
    ac.write(path, samples, RATE)
    return path, samples, middles_s


def test_every_word_of_a_recording_becomes_a_clip(recording, tmp_path):
    path, samples, middles_s = recording
    into = tmp_path / "new" / "words"
    result = run("record", "left", "--into", into, "--file", path)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    *lines, summary = result.stdout.splitlines()
    assert summary == f"{into / 'left'}: 12 clips of 1 s, 16000 Hz"
    times = [re.search(r"(\d{4}\.wav)  ([\d.]+) to ([\d.]+) s, -\d+ dB$", line) for line in lines]
    assert [time[1] for time in times] == [f"{k:04d}.wav" for k in range(1, 13)]
    found_s = np.array([(float(time[2]) + float(time[3])) / 2 for time in times])
    assert np.abs(found_s - middles_s).max() < 0.12  # a soft t at the end belongs to a word, and has no energy
    for line, middle_s in zip(lines, found_s, strict=True):
        clip = ac.read(line.split("  ")[0])
        about = ac.io.info(line.split("  ")[0])
        assert (about.frames, about.sample_rate, about.channels, about.subtype) == (RATE, RATE, 1, "PCM_16")
        first = round(middle_s * RATE) - RATE // 2
        shifts = [np.abs(clip.samples - samples[first + k : first + k + RATE]).max() for k in range(-90, 91)]
        assert min(shifts) < 1e-4


def test_two_labels_are_a_data_set_and_the_next_step_is_said(recording, tmp_path):
    into = tmp_path / "my words"
    first = run("record", "left", "--into", into, "--file", recording[0], "--clips", 4, "--speaker", "anna_b")
    assert "train" not in first.output
    ac.write(tmp_path / "hiss.wav", 0.01 * np.random.default_rng(0).standard_normal(5 * RATE), RATE)
    result = run(
        "record", "noise", "--into", into, "--file", tmp_path / "hiss.wav", "--continuous", "--speaker", "room"
    )
    assert result.stdout.endswith(f"{into / 'noise'}: 5 clips of 1 s, 16000 Hz\n")
    command = f"audioconv train '{into}' --speaker '^(.+)_' --out model.safetensors"
    assert result.stderr == f"audioconv: next: {command}\n"
    data = load_dataset(into, speaker="^(.+)_")
    assert sorted(data.groups) == ["anna_b"] * 4 + ["room"] * 5
    assert {finding.kind for finding in audit(data)} <= {"leak"}
    without = run("record", "noise", "--into", into, "--file", tmp_path / "hiss.wav", "--continuous", "--clips", 1)
    assert without.stdout.startswith(f"{into / 'noise' / '0001.wav'}  ")
    assert f"audioconv train '{into}' --out model.safetensors" in without.stderr


def test_clips_are_added_and_none_is_overwritten(recording, tmp_path):
    (tmp_path / "left").mkdir()
    for name in ("0007.flac", "anna_0003.wav", "other.wav"):
        (tmp_path / "left" / name).write_bytes(b"precious")
    for speaker, names in (((), ("0008.wav", "0009.wav")), (("--speaker", "anna"), ("anna_0004.wav", "anna_0005.wav"))):
        result = run("record", "left", "--into", tmp_path, "--file", recording[0], "--clips", 2, *speaker)
        assert [line.split("  ")[0] for line in result.stdout.splitlines()[:-1]] == [
            str(tmp_path / "left" / name) for name in names
        ]
    assert len(list((tmp_path / "left").iterdir())) == 7
    assert all((tmp_path / "left" / name).read_bytes() == b"precious" for name in ("0007.flac", "other.wav"))


def test_bad_segments_are_said_and_the_others_kept(tmp_path):
    samples, _ = stream_of("left", 3)
    loud = samples.copy()
    loud[: 2 * RATE] = np.clip(20 * loud[: 2 * RATE], -1, 1)
    noise = np.random.default_rng(1).standard_normal(2 * RATE).astype("float32") / 20
    whole = np.concatenate((loud, noise, 0.02 * noise, samples))
    ac.write(tmp_path / "a.wav", whole, RATE)
    result = run("record", "left", "--into", tmp_path / "clips", "--file", tmp_path / "a.wav")
    said = [re.search(r"not kept: ([a-z ]+), at", line)[1] for line in result.stderr.splitlines()]
    assert said == ["clipped", "too long"]
    assert result.stdout.endswith("left: 5 clips of 1 s, 16000 Hz\n")


def test_other_rates_channels_and_lengths(recording, tmp_path):
    samples = resample(recording[1], RATE, 44100)
    ac.write(tmp_path / "stereo.wav", np.stack([samples, 0 * samples], axis=1), 44100)
    args = ("--into", tmp_path / "clips", "--file", tmp_path / "stereo.wav", "--rate", 8000, "--seconds", 1.5)
    result = run("record", "left", *args)
    assert result.stdout.endswith("left: 12 clips of 1.5 s, 8000 Hz\n")
    assert result.stderr.splitlines() == [
        f"audioconv: {tmp_path / 'stereo.wav'} is resampled from 44100 to 8000 Hz",
        f"audioconv: the 2 channels of {tmp_path / 'stereo.wav'} are averaged",
    ]
    about = ac.io.info(tmp_path / "clips" / "left" / "0012.wav")
    assert (about.frames, about.sample_rate, about.channels) == (12000, 8000, 1)


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".hidden", "_noise_", "a\\b", "c:", "a\n", " a"])
def test_names_that_are_no_plain_ones_are_refused(recording, tmp_path, name):
    assert "plain name" in refused("record", "--into", tmp_path, "--file", recording[0], "--", name)
    assert "--speaker" in refused("record", "yes", "--into", tmp_path, "--file", recording[0], "--speaker", name)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_where_nothing_is_heard(tmp_path):
    ac.write(tmp_path / "quiet.wav", np.zeros(3 * RATE), RATE)
    (tmp_path / "clips").mkdir()
    result = run("record", "yes", "--into", tmp_path / "clips", "--file", tmp_path / "quiet.wav")
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / 'clips' / 'yes'}: 0 clips of 1 s, 16000 Hz\n"
    assert list((tmp_path / "clips").iterdir()) == []
    assert "does not exist" in refused("record", "yes", "--into", tmp_path / "no", "--file", tmp_path / "no.wav")
    quiet = tmp_path / "quiet.wav"
    assert "is not a folder" in refused("record", "yes", "--into", quiet, "--file", quiet)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "quiet.wav"]


def test_ctrl_c_leaves_whole_clips_and_says_how_many(recording, tmp_path, monkeypatch):
    from audioconv import io

    write, written = io.write, []

    def interrupted(path, *args, **options):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        write(path, *args, **options)

    monkeypatch.setattr(io, "write", interrupted)
    result = run("record", "left", "--into", tmp_path, "--file", recording[0])
    assert result.exit_code == 0
    assert "audioconv: ended: 2 clips are kept" in result.stderr
    assert result.stdout.endswith(f"{tmp_path / 'left'}: 2 clips of 1 s, 16000 Hz\n")
    assert sorted(path.name for path in (tmp_path / "left").iterdir()) == ["0001.wav", "0002.wav"]


def test_a_manifest_that_would_hide_the_clips_is_named(recording, tmp_path):
    (tmp_path / "manifest.csv").write_text("file,label\n")
    result = run("record", "left", "--into", tmp_path, "--file", recording[0], "--clips", 1)
    assert "manifest.csv; clips that it does not name are in no data set" in result.stderr


# --- numbers of files ---------------------------------------------------------------------------------------------


def test_numbers_go_on_and_are_given_once(tmp_path):
    with (
        next_numbered_path(tmp_path) as first,
        next_numbered_path(tmp_path) as second,
        next_numbered_path(tmp_path, "a_") as other,
    ):
        assert [path.name for path in (first, second, other)] == ["0001.wav", "0002.wav", "a_0001.wav"]
        second.write_text("x")
    with next_numbered_path(tmp_path, suffix=".flac") as third:
        assert third.name == "0003.flac"
    (tmp_path / "12345.wav").write_text("x")
    with suppress(ValueError), next_numbered_path(tmp_path) as fourth:
        assert fourth.name == "12346.wav"
        raise ValueError("the number is free again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0002.wav", "12345.wav"]
    with pytest.raises(ac.AudioFileError, match="does not exist"), next_numbered_path(tmp_path / "no"):
        pass


WRITING = """
import sys
from audioconv.io import next_numbered_path, atomic_write
for k in range(40):
    with next_numbered_path(sys.argv[1]) as path, atomic_write(path) as part:
        part.write_text(f"{sys.argv[2]} {k}")
"""


def test_processes_at_once_do_not_collide(tmp_path):
    def written(name):
        return subprocess.run([sys.executable, "-c", WRITING, tmp_path, name], timeout=60, check=True)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(written, "abc"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{k:04d}.wav" for k in range(1, 121)]
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == sorted(
        f"{n} {k}" for n in "abc" for k in range(40)
    )
