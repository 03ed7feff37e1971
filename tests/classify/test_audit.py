"""What the audit of a data set finds, and that it finds nothing where nothing is."""

import csv

import numpy as np
import pytest

import audioconv as ac
from audioconv.classify import _audit, audit, load_dataset, set_size
from tests.command import run

RATE = 8000


def clip(seed, level=0.1):
    """A second with a sound in its middle."""
    rng = np.random.default_rng(seed)
    envelope = np.hanning(RATE) ** 4
    return (level * envelope * rng.uniform(-1, 1, RATE) + 1e-5 * rng.standard_normal(RATE)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """Six speakers say two words, each speaker in one part."""
    rows = []
    for speaker in range(6):
        for label in ("yes", "no"):
            name = f"{label}{speaker}.wav"
            ac.write(tmp_path / name, clip(len(rows)), RATE, subtype="FLOAT")
            rows.append(
                [name, label, f"speaker{speaker}", ("train", "train", "train", "train", "val", "test")[speaker]]
            )
    write_manifest(tmp_path, rows)
    return tmp_path


def rows_of(folder):
    with open(folder / "manifest.csv", newline="") as file:
        return list(csv.reader(file))[1:]


def write_manifest(folder, rows):
    with open(folder / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([("file", "label", "speaker", "split"), *rows])


def found(folder, threads=1):
    return {finding.kind: finding for finding in audit(load_dataset(folder), threads=threads)}


def test_nothing_is_wrong_with_good_clips(folder):
    assert found(folder) == {}
    result = run("data", "check", folder)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{folder}: 12 clips of 2 labels (8 train, 2 val, 2 test)\n"


def test_a_speaker_in_two_parts_is_a_leak(folder):
    rows = rows_of(folder)
    rows[0][3] = "test"
    write_manifest(folder, rows)
    leak = found(folder)["leak"]
    assert leak.text.startswith("1 speaker in train and test, such as speaker0")
    assert len(leak.files) == 2


@pytest.mark.parametrize(
    ("name", "samples", "kind"),
    [
        ("silent", np.full(RATE, 5e-4, np.float32), "silent"),
        ("silent", np.zeros((RATE, 2), np.float32), "silent"),
        ("clipped", np.clip(30 * clip(1), -1, 1), "clipped"),
        ("clipped", np.clip(np.stack((clip(2), -30 * clip(3)), axis=1), -1, 1), "clipped"),
        ("cut", clip(4)[RATE // 2 :], "truncated"),
        ("cut", clip(4)[: RATE // 2], "truncated"),
    ],
)
def test_clips_that_are_no_good_are_named(folder, name, samples, kind):
    ac.write(folder / f"{name}.wav", samples, RATE, subtype="FLOAT")
    write_manifest(folder, [*rows_of(folder), [f"{name}.wav", "yes", "speaker0", "train"]])
    findings = found(folder)
    assert set(findings) == {kind}
    assert findings[kind].files == (str(folder / f"{name}.wav"),)
    assert findings[kind].text.startswith("1 of 13 clips ")


def test_short_and_steady_clips_are_not_called_cut(folder):
    steady = np.full(RATE, 0.1, np.float32)
    for name, samples in (("short", clip(5)[:50]), ("one", clip(5)[4000:4001]), ("steady", steady)):
        ac.write(folder / f"{name}.wav", samples, RATE, subtype="FLOAT")
        write_manifest(folder, [*rows_of(folder), [f"{name}.wav", "yes", "speaker0", "train"]])
    assert "truncated" not in found(folder)


def test_the_same_samples_twice_are_a_duplicate_and_under_two_labels_a_contradiction(folder):
    rows = rows_of(folder)
    ac.write(folder / "again.flac", ac.read(folder / "yes0.wav").samples, RATE, subtype="PCM_24")
    ac.write(folder / "copy.flac", ac.read(folder / "again.flac").samples, RATE, subtype="PCM_24")
    rows += [["again.flac", "yes", "speaker0", "train"], ["copy.flac", "yes", "speaker5", "test"]]
    write_manifest(folder, rows)
    findings = found(folder)
    assert set(findings) == {"duplicate"}
    assert findings["duplicate"].text.startswith("1 recording in more than one file, 1 in two parts")
    rows[-1][1] = "no"
    write_manifest(folder, rows)
    findings = found(folder)
    assert set(findings) == {"contradiction"}
    assert findings["contradiction"].text.endswith(f"{folder / 'again.flac'} (yes) and {folder / 'copy.flac'} (no)")


def test_few_clips_of_a_label_are_an_imbalance(folder):
    rows = [row for row in rows_of(folder) if row[1] == "yes" or row[0] in ("no0.wav", "no1.wav")]
    for i in range(3):
        ac.write(folder / f"more{i}.wav", clip(50 + i), RATE, subtype="FLOAT")
        rows.append([f"more{i}.wav", "yes", "speaker0", "train"])
    write_manifest(folder, rows)
    imbalance = found(folder)["imbalance"]
    assert imbalance.text.startswith("there are 9 clips of 'yes' and 2 of 'no'")
    assert len(imbalance.files) == 2


def test_many_unknown_words_are_an_imbalance_of_small_sets_alone(folder, monkeypatch):
    rows = [row for row in rows_of(folder) if row[1] == "no" or row[0] in ("yes0.wav", "yes1.wav")]
    write_manifest(folder, [[file, "unknown" if label == "no" else label, *rest] for file, label, *rest in rows])
    monkeypatch.setattr(_audit, "IMBALANCE_RATIO", 1.5)
    assert "unknown" in found(folder)["imbalance"].text
    monkeypatch.setattr(set_size, "MANY_CLIPS", 1)
    assert "imbalance" not in found(folder)


def test_threads_do_not_matter(folder):
    ac.write(folder / "yes0.wav", np.zeros(RATE, np.float32), RATE)
    assert found(folder, threads=3) == found(folder, threads=1)


def test_all_files_that_cannot_be_read_are_named_beside_what_else_is_wrong(folder):
    rows = [*rows_of(folder), ["gone.wav", "yes", "speaker0", "train"]]
    write_manifest(folder, rows)
    ac.write(folder / "no0.wav", np.zeros(RATE, np.float32), RATE)
    (folder / "yes1.wav").write_bytes(b"no sound")
    (folder / "no3.wav").write_bytes(b"")
    data = load_dataset(folder, missing=True)
    findings = {finding.kind: finding for finding in audit(data)}
    broken = tuple(str(folder / name) for name in ("yes1.wav", "no3.wav", "gone.wav"))
    assert findings["broken"].files == broken
    assert findings["broken"].text.startswith("3 of 13 clips cannot be read: ")
    assert all(file in findings["broken"].text for file in broken)
    assert findings["silent"].files == (str(folder / "no0.wav"),)
    result = run("data", "check", folder)
    assert result.exit_code == 1
    assert all(file in result.stdout for file in broken)
    assert not set(data.without(broken).files) & set(broken)
    assert len(data.without(broken)) == 10
    for name in ("yes", "no"):
        for speaker in range(6):
            (folder / f"{name}{speaker}.wav").write_bytes(b"no sound")
    assert {finding.kind for finding in audit(data)} == {"broken"}


def test_clips_much_longer_or_shorter_than_a_word_are_remarks(folder):
    quiet = 1e-4 * np.random.default_rng(0).standard_normal(20 * RATE).astype(np.float32)
    quiet[5 * RATE : 6 * RATE] += clip(7)
    for name, samples in (("long", quiet), ("short", clip(8)[4000:4048])):
        ac.write(folder / f"{name}.wav", samples, RATE, subtype="FLOAT")
    rows = rows_of(folder)
    write_manifest(folder, [*rows, *([f"{name}.wav", "yes", "speaker0", "train"] for name in ("long", "short"))])
    findings = found(folder)
    assert {kind: finding.files for kind, finding in findings.items()} == {
        "too long": (str(folder / "long.wav"),),
        "too short": (str(folder / "short.wav"),),
    }
    assert "longer than 2 s" in findings["too long"].text
    assert "shorter than 100 ms" in findings["too short"].text
    assert not any(finding.is_fault for finding in findings.values())
    result = run("data", "check", folder)
    assert result.exit_code == 0
    assert "remark: too long: 1 of 14 clips" in result.stdout
    assert "too long" not in run("data", "check", folder, "--clip", 10).stdout
    with pytest.raises(ac.ArgumentError, match="clip_s must be above 0, not -1"):
        audit(load_dataset(folder), clip_s=-1)


def test_the_command_names_what_it_finds_and_every_file_if_asked(folder):
    for name in ("yes0.wav", "yes1.wav"):
        ac.write(folder / name, 1e-4 * clip(len(name) + ord(name[3])), RATE, subtype="FLOAT")
    result = run("data", "check", folder)
    assert result.exit_code == 1
    assert "silent: 2 of 12 clips hold nothing louder than -60 dB" in result.stdout
    assert result.stdout.count("yes1.wav") == 0
    named = run("data", "check", folder, "--files").stdout
    assert f"  {folder / 'yes0.wav'}\n  {folder / 'yes1.wav'}\n" in named


def test_the_words_that_ship_have_no_leaks_and_no_bad_clips():
    result = run("data", "check", "data/keywords")
    assert result.exit_code == 0
    kinds = {line.split(": ")[1] for line in result.stdout.splitlines() if line.startswith("remark: ")}
    assert kinds == {"imbalance"}  # "unknown" is many words
