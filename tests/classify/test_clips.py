"""Clips of one length, folders of labelled clips, and their splits."""

import csv

import numpy as np
import pytest

import audioconv as ac
from audioconv.classify import load_dataset, set_size
from audioconv.classify.clips import broken_files, check_clips, fit_length, load_clips, read_mono
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


def quiet_around(clip):
    """Samples before and after all that is louder than -40 dB of the loudest."""
    loud = np.flatnonzero(np.abs(clip) > 0.01 * np.abs(clip).max())
    return loud[0], len(clip) - 1 - loud[-1]


@pytest.mark.parametrize("level", [0.0, 1e-3, 0.02])
@pytest.mark.parametrize("size", [16001, 20800, 32000, 80000])
def test_of_a_long_clip_the_sound_comes_into_the_middle(size, level):
    """A word of half a second, wherever it is, in silence and in noise."""
    rng = np.random.default_rng(size)
    word = 0.1 * rng.standard_normal(8000)
    for start in (0, (size - 8000) // 3, (size - 8000) // 2, size - 8000):
        samples = level * rng.standard_normal(size)
        samples[start : start + 8000] += word
        clip = fit_length(samples.astype(np.float32), 16000)
        assert clip.shape == (16000,)
        place = int(np.argmax(np.correlate(clip.astype(float), word, "valid")))
        assert abs(place - 4000) < (300 if not level else 3500)
        if not level:
            before, after = quiet_around(clip)
            assert abs(before - after) < 600
        assert np.abs(clip[place : place + 8000] - word).max() < 6 * level + 1e-6  # all of it


@pytest.mark.parametrize("offset", [0.3, -1.0])
def test_a_constant_offset_does_not_move_the_sound(offset):
    samples = np.full(48000, offset, np.float32)
    samples[10000:18000] += 0.5 * np.sin(np.arange(8000) / 3).astype(np.float32)
    before, after = quiet_around(fit_length(samples, 16000) - np.float32(offset))
    assert abs(before - after) < 1500


def test_clips_of_the_length_wanted_are_left_as_they_are():
    x = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    assert np.array_equal(fit_length(x, 1000), x)
    assert np.array_equal(fit_length(x, 1001), np.append(x, 0))
    for size in (1, 2, 3, 999):
        assert fit_length(x, size).shape == (size,)
    assert not fit_length(np.zeros(2000, np.float32), 1000).any()


def test_long_files_and_long_arrays_are_the_same_clips_and_it_is_said(folder, capsys):
    samples = np.zeros(5 * 8000, np.float32)
    samples[30000:34000] = TONE / 4
    ac.write(folder / "long.wav", samples, 8000, subtype="FLOAT")
    of_file = load_clips([folder / "long.wav"], 8000, 8000, Notices(verbose=1))
    assert "of files longer than 2 s only the loudest 1 s are taken" in capsys.readouterr().err
    assert np.array_equal(of_file, load_clips(samples[None], 8000, 8000))
    assert abs(int(np.subtract(*quiet_around(of_file[0])))) < 300


def test_recordings_are_no_clips(folder):
    ac.write(folder / "night.wav", np.zeros(301 * 1000), 1000)
    with pytest.raises(ac.AudioFileError, match=r"night\.wav is 301 s long; clips of at most 300 s"):
        load_clips([folder / "yes/0.wav", folder / "night.wav"], 8000, 8000)
    assert read_mono(folder / "night.wav", 1000).shape == (301_000,)  # of noise there may be hours
    assert broken_files([folder / "night.wav"]) == {}


def test_all_files_that_cannot_be_read_are_named(folder):
    files = [folder / "yes/0.wav", folder / "no/1.wav", folder / "no/2.wav", folder / "gone.wav"]
    files[1].write_bytes(b"no sound")
    files[2].write_bytes(b"")
    with pytest.raises(
        ac.AudioFileError, match=r"3 of 4 files cannot be read: .*1\.wav.*; .*2\.wav is empty.*; .*gone"
    ):
        load_clips(files, 8000, 8000)
    with pytest.raises(ac.AudioFileError, match=r"gone\.wav does not exist"):
        load_clips([files[0], files[3]], 8000, 8000, threads=2)
    assert list(broken_files(files)) == files[1:]


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


def write_manifest(folder, rows, encoding="utf-8", **dialect):
    with open(folder / "manifest.csv", "w", newline="", encoding=encoding) as text:
        csv.writer(text, **dialect).writerows(rows)


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
    with pytest.raises(ac.ArgumentError, match=r"finds none in 40 file names, such as .*wav"):
        load_dataset(tmp_path, speaker="(george)")
    with pytest.raises(ac.ArgumentError, match="regular expression"):
        load_dataset(tmp_path, speaker="(")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "must have columns file and label, not none"),
        ([["path", "label"], ["yes/0.wav", "yes"]], "must have columns file and label, not path, label"),
        ([["file", "label"], ["yes/9.wav", "yes"]], "1 missing file, such as .*9.wav"),
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
    with pytest.raises(ac.AudioFileError, match="does not exist"):
        load_dataset(folder / "nothing")


def test_words_are_chosen_and_all_others_are_unknown(folder, monkeypatch):
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
    everything = load_dataset(folder, words=["yes", "no"], balance_unknown=False)
    assert dict(zip(*np.unique(everything.labels, return_counts=True), strict=True)) == {
        "no": 20,
        "unknown": 40,
        "yes": 20,
    }
    monkeypatch.setattr(set_size, "MANY_CLIPS", 56)
    large = load_dataset(folder, words=["yes", "no"])
    for split, count in (("train", 28), ("val", 3), ("test", 3)):
        assert (large.part(split).labels == "unknown").sum() == count
    with pytest.raises(ac.ArgumentError, match="and perhaps are not"):
        load_dataset(folder, words=["yes", "perhaps"])


def make_clips(folder, *labels):
    for label in labels:
        (folder / label).mkdir(parents=True, exist_ok=True)
        for i in range(3):
            ac.write(folder / label / f"{i}.wav", TONE / 4, 8000)


def test_folders_of_unknown_words_and_silence_are_labels(folder):
    make_clips(folder, "_unknown_", "_silence_", "_noise_")
    data = load_dataset(folder)
    assert sorted(set(data.labels.tolist())) == ["_noise_", "_silence_", "_unknown_", "no", "yes"]
    assert len(data) == 15
    assert len(data.notices) == 1  # of the split


def test_what_is_passed_over_is_said_if_it_has_sounds(folder):
    make_clips(folder, "_background_noise_", "_old", ".trash", "yes/.AppleDouble")
    (folder / ".git").mkdir()
    (folder / "yes/._0.wav").write_bytes(b"resource fork")
    ac.write(folder / "loose.wav", TONE, 8000)
    data = load_dataset(folder)
    assert len(data) == 6
    assert not any("/." in file[len(str(folder)) :] for file in data.files)
    said = "\n".join(data.notices)
    assert "clips in .trash, _old are passed over" in said
    assert "_background_noise_" not in said
    assert ".git" not in said
    assert "1 sound file in no folder of a label and passed over, such as" in said


def test_folders_that_are_passed_over_are_named_where_too_few_labels_are_left(folder):
    (folder / "no").rename(folder / "_no")
    with pytest.raises(ac.ArgumentError, match=r"at least two labels.*clips in _no are passed over"):
        load_dataset(folder)


ROWS = [["File", " Label ", "speaker", "remark"]] + [
    [f"{label}/{i}.wav", f"{label} ", f"s{i}", "x"] for label in ("yes", "no") for i in range(3)
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("dialect", [{}, {"delimiter": ";"}, {"delimiter": "\t"}, {"lineterminator": "\n"}])
def test_manifests_as_spreadsheets_write_them(folder, encoding, dialect):
    write_manifest(folder, ROWS, encoding, **dialect)
    data = load_dataset(folder)
    assert sorted(set(data.labels.tolist())) == ["no", "yes"]
    assert data.files[0] == str(folder / "yes/0.wav")
    assert data.groups.tolist() == ["s0", "s1", "s2"] * 2
    assert not data.official


def test_paths_in_manifests_may_be_absolute_or_have_backslashes(folder):
    rows = [ROWS[0], *([str(folder / row[0]), *row[1:]] for row in ROWS[1:4])]
    write_manifest(folder, [*rows, *([row[0].replace("/", "\\"), *row[1:]] for row in ROWS[4:])])
    assert load_dataset(folder).files == [str(folder / row[0]) for row in ROWS[1:]]


def test_rows_that_come_twice_are_taken_once_where_a_split_is_made(folder):
    write_manifest(folder, [*ROWS, ROWS[1], ROWS[4], ROWS[1]])
    data = load_dataset(folder)
    assert len(data) == 6
    assert "names 3 files more than once; each is taken once" in data.notices[0]
    split = [[*row, "test"] for row in (ROWS[1], ROWS[1], ROWS[4], ROWS[4])]
    write_manifest(folder, [["file", "label", "speaker", "remark", "split"], *split])
    assert len(load_dataset(folder)) == 4
    assert load_dataset(folder).official


def test_files_of_a_manifest_may_be_missing_if_that_is_said(folder):
    write_manifest(folder, [*ROWS, ["no/9.wav", "no", "s2", ""]])
    with pytest.raises(ac.AudioFileError, match="names 1 missing file"):
        load_dataset(folder)
    data = load_dataset(folder, missing=True)
    assert data.files[-1] == str(folder / "no/9.wav")
    assert data.without(data.files[-1:]).files == data.files[:-1]


def test_labels_may_hold_anything(tmp_path):
    labels = ["ja bitte", "\u00fcber", "\u65e5\u672c", "a,b;c"]
    make_clips(tmp_path / "clips", *labels)
    data = load_dataset(tmp_path / "clips")
    assert sorted(set(data.labels.tolist())) == sorted(labels)
    odd = b"n\xe9".decode("utf-8", "surrogateescape")  # of a folder whose name is not UTF-8
    y = np.where(data.labels == "ja bitte", odd, data.labels)
    fitted = ac.KeywordClassifier(epochs=1, verbose=0, clip_s=0.5).fit(data.files, y)
    fitted.save(tmp_path / "m.safetensors")
    assert ac.KeywordClassifier.load(tmp_path / "m.safetensors").classes_.tolist() == sorted([odd, *labels[1:]])


def test_one_speaker_alone_is_split_at_random(folder):
    write_manifest(folder, [ROWS[0], *([*row[:2], "anna", ""] for row in ROWS[1:])])
    assert "at random, because fewer than 3 speakers are known" in load_dataset(folder).notices[0]


def test_splits_may_have_large_seeds(folder):
    for seed in (2**70, np.random.RandomState(1)):
        assert set(load_dataset(folder, seed=seed).splits) == {"train", "val", "test"}
