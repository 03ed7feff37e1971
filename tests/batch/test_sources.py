"""Which files a run finds: in a fixed order, while they are asked for."""

import os
from pathlib import Path

import pytest

from audioconv.batch.sources import source_files
from audioconv.errors import ArgumentError


@pytest.fixture
def tree(tmp_path):
    folders = ("sub/c.WAV", "sub/deep/d.ogg", ".cache/e.wav", "z/f.wav")
    for name in ("b.wav", "a.flac", "notes.txt", ".hidden.wav", *folders):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    return tmp_path


def names(files, **options):
    return [file.name for file in source_files(files, **options)]


def test_a_folder_is_its_sound_files_in_order(tree):
    assert names(tree) == ["a.flac", "b.wav", "sub/c.WAV", "sub/deep/d.ogg", "z/f.wav"]
    assert all(os.path.isabs(file.path) and os.path.isfile(file.path) for file in source_files(tree))


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", ["a.flac", "b.wav", "notes.txt"]),
        ("*.wav", ["b.wav"]),
        ("*/*.WAV", ["sub/c.WAV"]),
        ("s*/**", ["sub/c.WAV", "sub/deep/d.ogg"]),
        ("**/[df].*", ["sub/deep/d.ogg", "z/f.wav"]),
        ("**/deep/*", ["sub/deep/d.ogg"]),
        ("sub/**/*.ogg", ["deep/d.ogg"]),
        ("*.mp3", []),
    ],
)
def test_a_pattern_is_what_it_matches(tree, pattern, found):
    assert names(tree / pattern) == found
    everything = sorted(path for path in tree.glob(pattern + "/*" * pattern.endswith("**")) if path.is_file())
    hidden = [path for path in everything if any(part.startswith(".") for part in path.relative_to(tree).parts)]
    assert sorted(Path(file.path) for file in source_files(tree / pattern)) == [
        p for p in everything if p not in hidden
    ]


def test_files_are_taken_as_they_are_named(tree):
    (tree / "what[1].wav").write_bytes(b"1")
    assert names([tree / "notes.txt", tree / "no.wav", tree / "what[1].wav"]) == ["notes.txt", "no.wav", "what[1].wav"]
    assert names([tree / "z", tree / "sub"]) == ["f.wav", "c.WAV", "deep/d.ogg"]


def test_a_name_need_not_be_text(tree):
    path = os.fsencode(tree / "z") + b"/caf\xe9\n.wav"
    Path(os.fsdecode(path)).write_bytes(b"1")
    assert names(tree / "z") == ["caf\udce9\n.wav", "f.wav"]
    assert names(path) == ["caf\udce9\n.wav"]


def test_the_folder_of_outputs_is_left_out(tree):
    assert names(tree, leave_out=str(tree / "sub")) == ["a.flac", "b.wav", "z/f.wav"]
    with pytest.raises(ArgumentError, match="another folder is wanted"):
        names([tree / "sub"], leave_out=str(tree / "z" / ".." / "sub"))


def test_a_link_to_a_folder_is_not_followed(tree):
    (tree / "sub" / "up").symlink_to(tree)
    (tree / "sub" / "link.wav").symlink_to(tree / "b.wav")
    assert names(tree / "sub") == ["c.WAV", "link.wav", "deep/d.ogg"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_said(tree):
    (tree / "sub").chmod(0)
    assert [(file.name, file.error) for file in source_files(tree)][2] == (
        "sub",
        f"{tree / 'sub'} cannot be read: Permission denied",
    )


def test_files_are_found_while_they_are_asked_for(tree, monkeypatch):
    looked = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looked.append(Path(path).name) or scandir(path))
    found = source_files(tree)
    assert not looked
    next(found), next(found)
    assert "sub" not in looked
    assert len(list(found)) == 3
    assert "sub" in looked
