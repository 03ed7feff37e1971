"""The journal: what it keeps, and what is left of it after a cut at any byte."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioconv.batch.journal import Journal
from audioconv.batch.summary import Failure
from audioconv.errors import ArgumentError, BusyError


def journal(path, settings="double", **options):
    return Journal(path, settings, **options)


def begun(kept, source, target):
    return kept.begin(source, kept.free_name(target), "1 2")


def test_what_was_done_is_known_again(tmp_path):
    path = tmp_path / "j"
    with journal(path) as kept:
        numbers = [begun(kept, f"/in/{i}.wav", f"{i}.wav").number for i in range(4)]
        kept.done(numbers[0])
        kept.done(numbers[1], "0+5")
        kept.failed(numbers[2], "bad")
    assert numbers == [0, 1, 2, 3]
    with journal(path) as kept:
        found = [kept.find(f"/in/{i}.wav") for i in range(4)]
        assert [entry.is_done for entry in found] == [True, True, False, False]
        assert [(entry.target, entry.stamp, entry.is_of_this_run) for entry in found[:1]] == [("0.wav", "1 2", False)]
        assert kept.find("/in/9.wav") is None
        assert kept.next_number == 4
        assert list(kept.failures()) == []  # of this run
        again = kept.begin("/in/2.wav", found[2].target, "3 4")
        assert (again.number, again.is_of_this_run) == (2, True)
        kept.failed(2, "still bad")
        kept.again(1)
        assert list(kept.failures()) == [Failure("/in/2.wav", "still bad")]
        assert list(kept.kept()) == [(1, "/in/1.wav", "0+5")]


def test_a_name_is_given_once(tmp_path):
    with journal(tmp_path / "j") as kept:
        targets = [begun(kept, f"/{i}/a.b.wav", "a.b.ogg").target for i in range(4)]
        assert targets == ["a.b.ogg", "a.b-2.ogg", "a.b-3.ogg", "a.b-4.ogg"]
        assert begun(kept, "/other", "a.b-5.ogg").target == "a.b-5.ogg"
        assert begun(kept, "/5/a.b.wav", "a.b.ogg").target == "a.b-6.ogg"


@given(st.data())
def test_it_may_be_cut_anywhere(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("journal") / "j"
    with journal(path) as kept:
        for i in range(5):
            kept.done(begun(kept, f"/{i}\n\udce9.wav", f"{i}.wav").number)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    lines = path.read_bytes().split(b"\n")[:-1]
    done = sum(b'"done"' in line for line in lines)
    with journal(path) as kept:
        entries = [kept.find(f"/{i}\n\udce9.wav") for i in range(5)]
        assert sum(entry is not None and entry.is_done for entry in entries) == done
        for i in range(5):
            known = kept.find(f"/{i}\n\udce9.wav")
            target = known.target if known else kept.free_name(f"{i}.wav")
            kept.done(kept.begin(f"/{i}\n\udce9.wav", target, "1 2").number)
    assert all(json.loads(line) for line in path.read_bytes().splitlines())
    with journal(path) as kept:
        assert [kept.find(f"/{i}\n\udce9.wav").target for i in range(5)] == [f"{i}.wav" for i in range(5)]


@pytest.mark.parametrize("damage", [b"\x00\xff\n", b"[]\n", b"{}\n", b'{"done":{}}\n', b'{"source":1,"number":"x"}\n'])
def test_a_damaged_line_counts_as_not_there(tmp_path, damage):
    path = tmp_path / "j"
    with journal(path) as kept:
        kept.done(begun(kept, "/a", "a").number)
    with open(path, "ab") as file:
        file.write(damage)
    with journal(path) as kept:
        assert kept.find("/a").is_done


def test_other_settings_are_refused_and_begun_anew_with_permission(tmp_path):
    path = tmp_path / "j"
    with journal(path) as kept:
        kept.done(begun(kept, "/a", "a").number)
    with pytest.raises(ArgumentError, match="other settings"):
        journal(path, "halve")
    with journal(path, "halve", overwrite=True) as kept:
        assert kept.find("/a") is None
        assert kept.may_overwrite


def test_a_run_that_may_overwrite_goes_on_only_if_it_was_cut(tmp_path):
    path = tmp_path / "j"
    for ends, is_known in [(False, False), (True, True), (False, False)]:
        with journal(path, overwrite=True) as kept:
            assert (kept.find("/a") is not None) == is_known
            kept.done(kept.begin("/a", "a", "").number)
            if ends:
                kept.end()
    with journal(path) as kept:  # goes on with what was cut, and with its permission
        assert kept.find("/a").is_done
        assert kept.may_overwrite
        kept.end()
    with journal(path) as kept:
        assert not kept.may_overwrite


def test_one_run_at_a_time(tmp_path):
    with journal(tmp_path / "j"), pytest.raises(BusyError, match="another run works on"):
        journal(tmp_path / "j")


def test_what_is_refused_is_not_kept(tmp_path):
    with journal(tmp_path / "j") as kept:
        kept.refuse("/a", "it exists")
        assert list(kept.failures()) == [Failure("/a", "it exists")]
    with journal(tmp_path / "j") as kept:
        assert kept.find("/a") is None
