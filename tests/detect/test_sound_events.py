"""Tables of sound events, as people and tools write them."""

import numpy as np
import pytest

import audioconv as ac
from audioconv.detect import SoundEvent, read_events
from audioconv.detect.sound_events import events_of, listed

WANTED = [SoundEvent("a.wav", 0.5, 2.0, "rain"), SoundEvent("b/c.wav", 1.25, 1.5, "dog bark")]


@pytest.mark.parametrize(
    "text",
    [
        "recording,onset_s,offset_s,label\na.wav,0.5,2,rain\nb/c.wav,1.25,1.5,dog bark\n",
        "filename\tonset\toffset\tevent_label\na.wav\t0.5\t2.0\train\nquiet.wav\t\t\t\nb/c.wav\t1.25\t1.5\tdog bark\n",
        "\ufeffLabel; Offset_s ;onset_s;File\nrain;2;0.5;a.wav\n\ndog bark;1.5;1.25;b/c.wav\n",
    ],
)
def test_tables_of_any_kind_are_read(tmp_path, text):
    (tmp_path / "events.csv").write_text(text, encoding="utf-8")
    assert read_events(tmp_path / "events.csv") == WANTED
    assert read_events(tuple(event) for event in WANTED) == WANTED


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no column recording or filename, but none"),
        ("recording,onset_s,label\n", "no column offset_s or offset, but recording, onset_s, label"),
        ("recording,onset_s,offset_s,label\na.wav,2,1,x\n", "line 2: onset_s must be at least 0 and below offset_s"),
        ("recording,onset_s,offset_s,label\n\na.wav,one,2,x\n", "line 3: onset_s must be .* 'one' and '2'"),
        ("recording,onset_s,offset_s,label\na.wav,0,inf,x\n", "line 2: onset_s must be"),
        ("recording,onset_s,offset_s,label\na.wav,0,1,\n", "line 2: label is empty"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, text, says):
    (tmp_path / "events.csv").write_text(text)
    with pytest.raises(ac.AudioconvError, match=says):
        read_events(tmp_path / "events.csv")


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(ac.AudioFileError, match="cannot be read"):
        read_events(tmp_path / "none.csv")
    with pytest.raises(ac.ArgumentError, match="must be a file, or tuples"):
        read_events(3)
    with pytest.raises(ac.ArgumentError, match=r"event 0 must be \(recording, onset_s, offset_s, label\)"):
        read_events([(0, 1.0, 2.0)])


def test_events_go_to_their_recordings(tmp_path):
    files = [tmp_path / "a" / "x.wav", tmp_path / "b" / "x.wav", tmp_path / "b" / "y.wav"]
    rain = [("b/x.wav", 0, 1, "rain"), ("y.wav", 0, 1, "rain"), (str(files[0]), 0, 1, "rain")]
    assert [len(each) for each in events_of(rain, files)] == [1, 1, 1]
    with pytest.raises(ac.ArgumentError, match=r"recording 'x.wav' of an event is several of the 3 recordings"):
        events_of([("x.wav", 0, 1, "rain")], files)
    with pytest.raises(ac.ArgumentError, match=r"recording 'z.wav' of an event is none of the 3 recordings"):
        events_of([("z.wav", 0, 1, "rain")], files)
    arrays = [np.zeros(10, np.float32)] * 2
    assert [len(each) for each in events_of([(np.int64(1), 0, 1, "rain")], arrays)] == [0, 1]


def test_recordings_are_a_folder_or_a_list(tmp_path):
    ac.write(tmp_path / "b.wav", np.zeros(10, np.float32), 8000)
    ac.write(tmp_path / "a.wav", np.zeros(10, np.float32), 8000)
    assert [path.name for path in listed(tmp_path)] == ["a.wav", "b.wav"]
    with pytest.raises(ac.ArgumentError, match=r"one recording is \[samples\]"):
        listed(np.zeros(10, np.float32))
    with pytest.raises(ac.ArgumentError, match="must be a folder, or a list"):
        listed(3)
