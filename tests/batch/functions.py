"""Functions that workers do to files; in a module of their own, which loads quickly."""

import os
import time
from pathlib import Path

import numpy as np


def doubled(source, target):
    """A file with its content twice."""
    text = Path(source).read_bytes()
    if b"bad" in text:
        raise ValueError("it is bad")
    Path(target).write_bytes(text + text)


def slowly_doubled(source, target):
    """The same in two steps, with a pause: a time to be killed in."""
    text = Path(source).read_bytes()
    with open(target, "wb") as file:
        file.write(text)
        file.flush()
        time.sleep(0.01)
        file.write(text)


def rows(source):
    """A row a byte."""
    text = Path(source).read_bytes()
    if b"bad" in text:
        raise ValueError("it is bad")
    return {"at": np.arange(len(text)), "byte": np.frombuffer(text, np.uint8), "name": Path(source).name}


def slow_rows(source):
    """Rows in pieces, with a pause."""
    found = rows(source)
    for i in range(len(found["at"])):
        time.sleep(0.003)
        yield {"at": found["at"][i : i + 1], "byte": found["byte"][i : i + 1], "name": found["name"]}


def many_rows(source):
    """So many that they are not sent in one piece."""
    for i in range(8):
        yield {"at": np.arange(40_000) + 40_000 * i, "pair": np.full((40_000, 2), i, np.float32)}


def size(source):
    """The length of a file."""
    return os.path.getsize(source)


def ends_its_process(source):
    """Like a library that crashes on one file."""
    if "crash" in Path(source).name:
        os._exit(9)
    return size(source)


def mean_spectra(clips, n_mels):
    """A spectrum of each clip."""
    from audioconv import LogMel

    return np.array([LogMel(n_mels=n_mels)(clip).mean(axis=0) for clip in clips])


def contents(folder):
    """The content of each output in a folder, by its path there; nothing else may be left."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(".audioconv/"):
            found[name] = path.read_bytes()
    assert set(os.listdir(Path(folder) / ".audioconv")) <= {"journal.jsonl", "failures.csv"}
    return found


def make_files(folder, count, suffix=".wav"):
    """Files of a few bytes each, in a folder and one below."""
    (Path(folder) / "below").mkdir(parents=True)
    for i in range(count):
        (Path(folder) / ("below" if i % 3 else "") / f"{i:03d}{suffix}").write_bytes(b"%d." % i * (1 + i % 5))
    return folder
