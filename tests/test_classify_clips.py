"""Clips of one length, folders of labelled clips, and their splits."""

import csv

import numpy as np
import pytest

import audioconv as ac
from audioconv.classify import load_dataset
from audioconv.classify.clips import check_clips, fit_length, load_clips
from audioconv.classify.progress import Notices

TONE = np.sin(np.arange(4000) / 5).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """Two labels of three clips each, one of another rate and one of two channels."""
    for label in ("yes", "no"):
        (tmp_path / label).mkdir()
        for i in range(3):
            ac.write(tmp_path / label / f"{i}.wav", TONE * (i + 1) / 4, 8000)
    ac.write(tmp_path / "yes" / "0.wav", TONE / 4, 16000)
    ac.write(tmp_path / "no" / "0.wav", np.column_stack((TONE, -TONE / 2)), 8000)
    return tmp_path


def test_a_short_clip_stands_between_zeros():
    clip = fit_length(TONE[:11], 20)
    assert np.array_equal(clip[4:15], TONE[:11])
    assert not clip[:4].any()
    assert not clip[15:].any()


def test_of_a_long_clip_the_loudest_stretch_is_kept():
    long = np.concatenate((0.01 * TONE, TONE, 0.01 * TONE))
    assert np.array_equal(fit_length(long, 4000), TONE)


def test_files_are_resampled_and_averaged_and_each_is_said_once(folder, capsys):
    files = [folder / "yes/0.wav", folder / "no/0.wav"] * 2
    clips = load_clips(files, 8000, 8000, Notices(verbose=1))
    assert clips.shape == (4, 8000)
    assert clips.dtype == np.float32
    assert np.allclose(clips[1, 2000:6000], TONE / 4, atol=1e-4)
    assert sorted(capsys.readouterr().err.splitlines()) == [
        "audioconv: files of other sample rates, such as 16000 Hz, are resampled to 8000 Hz",
        "audioconv: files of several channels are averaged to one",
    ]
    load_clips(files, 8000, 8000, Notices(verbose=0))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros((3, 100), np.int16), ac.DtypeError, "32768"),
        (np.zeros(100, np.float32), ac.ShapeError, r"not of shape \(100,\)"),
        (np.zeros((0, 100), np.float32), ac.ShapeError, "no clips"),
        (np.full((2, 100), np.nan, np.float32), ac.ArgumentError, "clip 0 has nan at 0"),
        ([np.zeros(3), np.zeros(4)], ac.ShapeError, "one length"),
        (3, ac.ArgumentError, "not int"),
        ("clip.wav", ac.ArgumentError, "not the one path"),
        ([], ac.ShapeError, "no clips"),
        (["nowhere.wav"], ac.AudioFileError, "nowhere.wav does not exist"),
    ],
)
def test_bad_clips(X, error, message):
    with pytest.raises(error, match=message):
        load_clips(check_clips(X), 16000, 16000)


def test_a_folder_per_label(folder):
    dataset = load_dataset(folder)
    assert len(dataset) == 6
    assert sorted(set(dataset.labels)) == ["no", "yes"]
    assert dataset.groups is None
    assert set(dataset.splits) == {"train", "val", "test"}
    assert "at random" in dataset.notices[0]
    for split in ("train", "val", "test"):
        assert set(dataset.part(split).labels) == {"no", "yes"}


def write_manifest(folder, rows):
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as text:
        csv.writer(text).writerows(rows)


def test_a_manifest_with_splits(folder):
    rows = [["file", "label", "speaker", "split"]]
    rows += [
        [f"{label}/{i}.wav", label, f"s{i}", ("train", "validation", "test")[i]]
        for label in ("yes", "no")
        for i in range(3)
    ]
    write_manifest(folder, rows)
    dataset = load_dataset(folder)
    assert not dataset.notices
    assert [set(dataset.part(split).groups) for split in ("train", "val", "test")] == [{"s0"}, {"s1"}, {"s2"}]


def test_a_split_made_by_speaker_keeps_speakers_apart(folder):
    for i in range(3, 20):
        for label in ("yes", "no"):
            ac.write(folder / label / f"{i}.wav", TONE / 4, 8000)
    rows = [["file", "label", "speaker"]] + [
        [f"{label}/{i}.wav", label, f"s{i}"] for label in ("yes", "no") for i in range(20)
    ]
    write_manifest(folder, rows)
    dataset = load_dataset(folder)
    parts = [set(dataset.part(split).groups) for split in ("train", "val", "test")]
    assert [len(part) for part in parts] == [14, 3, 3]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    assert np.array_equal(load_dataset(folder).splits, dataset.splits)


def test_speakers_are_found_in_file_names_and_kept_apart(tmp_path):
    for label in ("yes", "no"):
        (tmp_path / label).mkdir()
        for speaker in range(10):
            for take in range(2):
                ac.write(tmp_path / label / f"s{speaker}_nohash_{take}.wav", TONE, 8000)
    data = load_dataset(tmp_path, speaker=r"^(.+)_nohash")
    assert sorted(set(data.groups)) == [f"s{speaker}" for speaker in range(10)]
    assert data.groups[0] == data.files[0].rsplit("/", 1)[1].split("_")[0]
    parts = [set(data.part(split).groups) for split in ("train", "val", "test")]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert "by speaker" in data.notices[0]
    assert set(load_dataset(tmp_path, speaker=r"s\d").groups) == set(data.groups)  # without a group all that matches
    with pytest.raises(ac.ArgumentError, match=r"finds none in 40 file name\(s\), such as .*wav"):
        load_dataset(tmp_path, speaker="(george)")
    with pytest.raises(ac.ArgumentError, match="regular expression"):
        load_dataset(tmp_path, speaker="(")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "must have columns file and label, not none"),
        ([["path", "label"], ["yes/0.wav", "yes"]], "must have columns file and label, not path, label"),
        ([["file", "label"], ["yes/9.wav", "yes"]], "1 file.* do not exist, such as .*9.wav"),
        ([["file", "label", "split"], ["yes/0.wav", "yes", "train"], ["no/0.wav", "no", ""]], "line 3: split must be"),
        ([["file", "label"], ["", "yes"]], "line 2: file and label must both be given"),
    ],
)
def test_bad_manifests(folder, rows, message):
    write_manifest(folder, rows)
    with pytest.raises(ac.AudioFileError, match=message):
        load_dataset(folder)


def test_one_label_or_one_clip_is_refused(folder, tmp_path_factory):
    (folder / "no/1.wav").unlink()
    (folder / "no/2.wav").unlink()
    with pytest.raises(ac.ArgumentError, match=r"label 'no' in .* has one clip; at least two"):
        load_dataset(folder)
    (folder / "no/0.wav").unlink()
    with pytest.raises(ac.AudioFileError, match="no holds no sound files"):
        load_dataset(folder)
    (folder / "no").rmdir()
    with pytest.raises(ac.ArgumentError, match=r"at least two labels.*found one \('yes'\)"):
        load_dataset(folder)
    with pytest.raises(ac.ArgumentError, match="found none"):
        load_dataset(tmp_path_factory.mktemp("empty"))
    with pytest.raises(ac.AudioFileError, match="is not a folder"):
        load_dataset(folder / "nothing")


def test_words_are_chosen_and_all_others_are_unknown(folder):
    for label in ("yes", "no", "maybe", "never"):
        (folder / label).mkdir(exist_ok=True)
        for i in range(20):
            ac.write(folder / label / f"{i}.wav", TONE / 4, 8000)
    data = load_dataset(folder, words=["yes", "no"])
    labels, counts = np.unique(data.labels, return_counts=True)
    assert labels.tolist() == ["no", "unknown", "yes"]
    assert counts.tolist() == [20, 20, 20]
    unknown = [file for file, label in zip(data.files, data.labels, strict=True) if label == "unknown"]
    assert {file.split("/")[-2] for file in unknown} == {"maybe", "never"}
    for split, count in (("train", 14), ("val", 3), ("test", 3)):
        assert (data.part(split).labels == "unknown").sum() == count
    assert load_dataset(folder, words=["yes", "no"]).files == data.files
    with pytest.raises(ac.ArgumentError, match="and perhaps are not"):
        load_dataset(folder, words=["yes", "perhaps"])
