"""The microphone of a real PortAudio stream, without hardware: from Python, and recorded by the command."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import audioconv as ac
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.stream import Source, sound_card
from tests.command import run
from tests.signals import uniform

RATE, ROOT = 48000, Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.live,
    pytest.mark.usefixtures("sound_card_of_jack"),
    pytest.mark.skipif(not JIT_ENABLED, reason="a C callback needs compiled code"),
]


def test_the_microphone_is_heard_from_python():
    with sound_card.microphone(seconds=0.3) as (blocks, rate):
        heard = list(blocks)
    assert rate == RATE
    assert sum(map(len, heard)) == round(0.3 * RATE)
    assert not np.concatenate(heard).any()  # the dummy driver's microphone is silent


def test_words_that_the_microphone_hears_are_recorded(tmp_path):
    """Half a second of sound in every 1.5 s, from a loudspeaker that the microphone hears."""
    said = uniform(3 * RATE // 2, 0.5) * 0.0005
    said[RATE // 2 : RATE] *= 400
    with ac.live(Source(said, loop=True), 256, kind="output", device="loopback"):
        result = run("record", "yes", "--into", tmp_path, "--clips", "2", "--device", "loopback", "--speaker", "anna")
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'yes'}: 2 clips of 1 s, 16000 Hz" in result.stdout
    asked = [line for line in result.stderr.splitlines() if "say 'yes'" in line]
    assert asked[0] == "audioconv: say 'yes' (1 of 2); Ctrl-C ends it"
    assert asked[-1] == "audioconv: say 'yes' (2 of 2)"
    assert len(asked) <= 3  # again, where the first word had begun before
    files = sorted((tmp_path / "yes").iterdir())
    assert [file.name for file in files] == ["anna_0001.wav", "anna_0002.wav"]
    for file in files:
        clip, rate = ac.read(file)
        assert (len(clip), rate) == (16000, 16000)
        loud = np.flatnonzero(np.abs(clip) > 0.02)
        assert loud[0] == pytest.approx(4000, abs=800)
        assert loud[-1] == pytest.approx(12000, abs=800)


RECORDING = """
import sys
from tests import jack
from audioconv.cli import main

with jack.server():
    main()
"""


def test_recording_ends_with_ctrl_c(tmp_path):
    command = [
        sys.executable,
        "-c",
        RECORDING,
        "record",
        "hush",
        "--into",
        tmp_path,
        "--continuous",
        "--seconds",
        "0.1",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert first.startswith(f"{tmp_path / 'hush' / '0001.wav'}  0.00 to 0.10 s")
    kept = len(list((tmp_path / "hush").iterdir()))
    assert 1 <= kept < 10
    assert f"ended: {kept} clip" in err
    assert f"{tmp_path / 'hush'}: {kept} clip" in out
