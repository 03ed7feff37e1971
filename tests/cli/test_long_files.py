"""Files of 5 GiB through the commands: the right result, or one clear error, in the memory that a short file takes.

The files are sparse: zeros that take no room on the disk, and a click beyond the fourth GiB. They have eight channels
of float64 at 192 kHz, so that there are as few samples as can be; results are FLAC, which makes little of zeros.
"""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import audioconv as ac
from audioconv.classify.serialization import SHIPPED
from tests.models_at_random import random_sound_event_detector

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        "AUDIOCONV_LONG" not in os.environ, reason="takes minutes; AUDIOCONV_LONG=1 runs it (make test-long)"
    ),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
]
RATE, CHANNELS, SIZE = 192_000, 8, 5 << 30
FRAMES = SIZE // (8 * CHANNELS)
CLICK, CLICK_AT = 0.5, 75_000_000  # 4.5 GiB after the beginning
MOST_MB = 300  # more than for a file of a second

# Runs a command and prints the most memory that it took; a system's own count may begin with that of the parent.
COMMAND = """
import atexit, re, sys
@atexit.register
def peak():
    found = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())
    print("peak", int(found[1]) * 1024, file=sys.stderr)
from audioconv.cli import main
main()
"""


def set_length(head, form, frames):
    """The beginning of a file of a few samples as that of one with so many frames."""
    head, data = bytearray(head), head.index(b"data")
    size = frames * 8 * CHANNELS
    if form == "RF64":
        struct.pack_into("<QQQ", head, head.index(b"ds64") + 8, data + size, size, frames)
        struct.pack_into("<I", head, data + 4, 0xFFFFFFFF)
    elif form == "W64":
        struct.pack_into("<Q", head, 16, data + 24 + size)
        struct.pack_into("<Q", head, data + 16, 24 + size)
    else:
        struct.pack_into(">q", head, data + 4, 4 + size)
    return bytes(head)


def sparse(path, form, frames=FRAMES):
    """Write a file of zeros with a click, of which there is no more on the disk than its beginning and the click."""
    soundfile.write(path, np.full((1, CHANNELS), 0.25), RATE, "DOUBLE", format=form)
    order = ">" if form == "CAF" else "<"
    whole = path.read_bytes()
    start = whole.index(struct.pack(order + "d", 0.25))
    with open(path, "wb") as file:
        file.write(set_length(whole[:start], form, frames))
        if frames > CLICK_AT:
            file.seek(start + CLICK_AT * 8 * CHANNELS)
            file.write(struct.pack(order + "d", CLICK) * CHANNELS)
        file.truncate(start + frames * 8 * CHANNELS)
    assert path.stat().st_blocks * 512 < 1 << 20
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    ac.write(folder / "ir.wav", np.array([0.5, 0.0, 0.25]), RATE, subtype="FLOAT")
    random_sound_event_detector().save(folder / "sounds.safetensors")
    sparse(folder / "short.rf64", "RF64", RATE)
    return {name: folder / name for name in ("ir.wav", "sounds.safetensors", "short.rf64")} | {
        "long.rf64": sparse(folder / "long.rf64", "RF64")
    }


def run(*arguments):
    """(exit code, stdout, stderr, MB at the peak) of a command."""
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    *said, last = done.stderr.splitlines()
    assert last.startswith("peak "), done.stderr
    return done.returncode, done.stdout, "\n".join(said), int(last.split()[1]) / 1e6


def measured(files, *arguments, target=None):
    """The output of a command on the long file, once it took little more memory than on the short one."""
    peaks_mb = []
    for name in ("short.rf64", "long.rf64"):
        if target is not None:
            target.unlink(missing_ok=True)
        given = [files[name] if each is ... else each for each in arguments]
        code, out, err, peak_mb = run(*given, *([] if target is None else [target]))
        assert code == 0, err
        peaks_mb.append(peak_mb)
    assert peaks_mb[1] < peaks_mb[0] + MOST_MB
    print(arguments[0], "took", *(f"{peak_mb:.0f} MB" for peak_mb in peaks_mb))  # shown with -s
    return out


@pytest.mark.parametrize("form", ["RF64", "W64", "CAF"])
def test_any_part_is_read_alone(tmp_path, form):
    path = sparse(tmp_path / f"long.{form.lower()}", form)
    assert ac.io.info(path) == (RATE, CHANNELS, FRAMES, form, "DOUBLE")
    begin = CLICK_AT - 100
    part = ac.read(path, begin / RATE, (begin + 1000) / RATE).samples
    assert part.shape == (1000, CHANNELS)
    assert np.array_equal(np.flatnonzero(part[:, 5]), [100])
    assert (part[100] == CLICK).all()
    blocks = list(ac.blocks(path, 300, begin / RATE, (begin + 1000) / RATE))
    assert [len(block) for block in blocks] == [300, 300, 300, 100]
    assert np.array_equal(np.concatenate(blocks), part)
    assert len(ac.read(path, (FRAMES - 10) / RATE).samples) == 10
    assert f"frames       {FRAMES}" in " ".join(run("info", path)[1].split("\n"))


def test_a_file_cut_short_is_refused_at_once(tmp_path):
    path = sparse(tmp_path / "long.rf64", "RF64")
    os.truncate(path, SIZE - 1000)
    code, _, err, _ = run("filter", path, tmp_path / "out.flac", "--gain", 1)
    assert (code, os.listdir(tmp_path)) == (2, ["long.rf64"])
    assert "a whole file is wanted" in err


@pytest.mark.parametrize("kind", ["gain", "ir"])
def test_filter(files, tmp_path, kind):
    option = ("--gain", -6) if kind == "gain" else ("--ir", files["ir.wav"])
    target = tmp_path / "out.flac"
    measured(files, "filter", ..., *option, "--subtype", "PCM_16", "--no-dither", target=target)
    expected = {"gain": [CLICK * 10**-0.3, 0, 0], "ir": [CLICK / 2, 0, CLICK / 4]}[kind]
    assert ac.io.info(target).frames == FRAMES + 2 * (kind == "ir")
    found = ac.read(target, CLICK_AT / RATE, (CLICK_AT + 3) / RATE).samples
    assert np.abs(found[:, 7] - expected).max() < 1 / 32768


def test_denoise(files, tmp_path):
    measured(files, "denoise", ..., "--subtype", "PCM_16", target=tmp_path / "out.flac")
    assert ac.io.info(tmp_path / "out.flac").frames == FRAMES


def test_features(files, tmp_path):
    measured(files, "features", ..., target=tmp_path / "out.npy")
    found = np.load(tmp_path / "out.npy", mmap_mode="r")
    assert found.shape == (1 + (round(FRAMES * 16 / 192) - 400) // 160, 40)
    assert abs(int(found.max(axis=1).argmax()) - CLICK_AT / 1920) < 3  # 10 ms each


def test_spectrogram(files, tmp_path):
    measured(files, "spectrogram", ..., "--size", "640x400", "--fmax", 8000, target=tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_listen_and_events(files):
    assert "detections in 436.9 s: " in measured(files, "listen", "--file", ...)
    found = json.loads(measured(files, "events", ..., "--model", files["sounds.safetensors"], "--json"))
    assert round(found["duration_s"], 3) == 436.907


def test_what_is_no_clip_is_refused_before_it_is_read(files, tmp_path):
    code, out, err, peak_mb = run("predict", SHIPPED, files["long.rf64"])
    assert (code, out) == (2, "")
    assert "is 436.907 s long; clips of at most 300 s are wanted" in err
    assert peak_mb < 2 * MOST_MB
