"""audioconv filter: standard input and output, names of any bytes, what goes along, what is only a part."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import audioconv as ac
from audioconv.io import info
from tests.command import refused, run
from tests.signals import uniform

RATE = 16000
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.getcwd()}  # of a command that runs in another folder


def put(path, samples, rate=RATE, subtype="FLOAT"):
    ac.write(path, samples, rate, subtype=subtype)
    return path


def audioconv(folder, *args, data=b""):
    command = [sys.executable, "-m", "audioconv", *map(str, args)]
    options = {"capture_output": True, "cwd": folder, "timeout": 120, "env": ENVIRONMENT}
    return subprocess.run(command, input=data, check=False, **options)


def test_standard_input_and_output_are_sound(tmp_path):
    put(tmp_path / "in.wav", uniform((5000, 2), 0.1), subtype="PCM_24")
    (tmp_path / "plain").mkdir()
    assert run("filter", tmp_path / "in.wav", tmp_path / "out.wav", "--gain", -3).exit_code == 0
    assert run("filter", tmp_path / "in.wav", tmp_path / "out.flac", "--gain", -3).exit_code == 0
    content = (tmp_path / "in.wav").read_bytes()
    done = audioconv(tmp_path / "plain", "filter", "-", "-", "--gain", -3, data=content)
    assert (done.returncode, done.stdout) == (0, (tmp_path / "out.wav").read_bytes()), done.stderr
    assert b"audioconv: <stdout>: 0.312 s, 2 channels, 16000 Hz, PCM_24\n" in done.stderr
    more = ["--gain", -3, "--format", "flac"]
    done = audioconv(tmp_path / "plain", "filter", "-", "/dev/stdout", *more, data=content)
    assert done.stdout == (tmp_path / "out.flac").read_bytes()
    done = audioconv(tmp_path / "plain", "filter", "-", "out.wav", "--gain", 1, data=content[:9000])
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"error: <stdin> is cut short" in done.stderr
    assert b"wanted, or --partial for what is there" in done.stderr
    done = audioconv(tmp_path / "plain", "filter", "-", "-", "--gain", 1)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"audioconv: error: <stdin> is empty (0 bytes); a sound file is wanted\n"
    assert list((tmp_path / "plain").iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="pipes as POSIX has them")
def test_what_comes_through_a_named_pipe_is_sound(tmp_path):
    response = np.float32([0.5, 0.25])
    content = put(tmp_path / "in.wav", uniform(5000, 0.1)).read_bytes()
    taps = put(tmp_path / "ir.wav", response).read_bytes()
    for name, data in (("sound", content), ("taps", taps)):
        os.mkfifo(tmp_path / name)
        threading.Thread(target=(tmp_path / name).write_bytes, args=(data,), daemon=True).start()
    done = audioconv(tmp_path, "filter", "sound", "out.wav", "--ir", "taps", "--wet", 1)
    assert (done.returncode, done.stdout[:9]) == (0, b"out.wav: "), done.stderr
    expected = ac.convolve(ac.read(tmp_path / "in.wav").samples, response)
    assert np.allclose(ac.read(tmp_path / "out.wav").samples, expected, atol=1e-6)


@pytest.mark.skipif(os.name != "posix", reason="closed streams as POSIX has them")
@pytest.mark.parametrize(("files", "closed", "name"), [("- out.wav", "<&-", b"input"), ("in.wav -", ">&-", b"output")])
def test_standard_streams_that_are_closed_are_said_to_be(tmp_path, files, closed, name):
    put(tmp_path / "in.wav", uniform(500, 0.1))
    command = f"{sys.executable} -m audioconv filter {files} --gain 1 {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, cwd=tmp_path, env=ENVIRONMENT, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith(b"audioconv: error: ")
    assert b"standard " + name in done.stderr
    assert b"closed" in done.stderr
    assert os.listdir(tmp_path) == ["in.wav"]


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    put(tmp_path / "in.wav", uniform(200_000, 0.1))
    command = [sys.executable, "-m", "audioconv", "filter", tmp_path / "in.wav", "-", "--gain", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.read(4) == b"RIFF"
    process.stdout.close()
    complained = process.stderr.read()
    assert (process.wait(timeout=60), complained) == (141, b"")
    process.stderr.close()


def test_part_of_a_file_is_filtered_with_one_warning(tmp_path):
    source = put(tmp_path / "in.wav", uniform(5000, 0.1), subtype="PCM_16")
    source.write_bytes(source.read_bytes()[:-2000])
    assert "wanted, or --partial for what is there" in refused("filter", source, tmp_path / "out.wav", "--gain", 1)
    result = run("filter", source, tmp_path / "out.wav", "--gain", 1, "--partial")
    assert result.exit_code == 0
    assert result.stderr.startswith(f"audioconv: warning: {source} is cut short: at least 2,000 bytes missing")
    assert result.stderr.count("\n") == 1
    assert info(tmp_path / "out.wav").frames == 4000


def test_what_cannot_go_along_is_one_warning(tmp_path):
    import soundfile

    with soundfile.SoundFile(tmp_path / "in.flac", "w", RATE, 1, "PCM_16") as file:
        file.title, file.artist = "dawn chorus", "recorder 7"
        file.write(uniform(500, 0.1))
    result = run("filter", tmp_path / "in.flac", tmp_path / "out.flac", "--gain", -1)
    assert result.stderr == ""
    with soundfile.SoundFile(tmp_path / "out.flac") as file:
        assert (file.title, file.artist) == ("dawn chorus", "recorder 7")
    result = run("filter", tmp_path / "in.flac", tmp_path / "out.au", "--gain", -1)
    assert result.exit_code == 0
    assert result.stderr == (f"audioconv: warning: {tmp_path / 'out.au'} is without what {tmp_path / 'in.flac'} has "
                             f"beside its samples: tags (title, artist)\n")  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes")
def test_names_that_are_not_utf8(tmp_path):
    put(tmp_path / "in.wav", uniform(500, 0.1))
    name = os.fsdecode(b"caf\xe9.wav")
    result = run("filter", tmp_path / "in.wav", tmp_path / name, "--gain", 30, "--subtype", "PCM_16")
    assert result.exit_code == 0
    assert "caf\\xe9.wav: 0.031 s" in result.stdout
    assert "caf\\xe9.wav clipped at full scale" in result.stderr
    assert b"caf\xe9.wav" in os.listdir(os.fsencode(tmp_path))
    assert "caf\\xe9.wav exists" in refused("filter", tmp_path / name, tmp_path / name, "--gain", 1)
    done = audioconv(tmp_path, "filter", name, f"more{name}", "--gain", 1)
    assert (done.returncode, done.stdout[:17]) == (0, b"morecaf\\xe9.wav: ")


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "NMS_ADPCM_32"])
def test_sample_types_that_cannot_seek(tmp_path, subtype):
    x = 0.5 * np.sin(np.arange(8000) * 0.05)
    ac.write(tmp_path / "in.wav", x, 8000, subtype=subtype)
    assert run("filter", tmp_path / "in.wav", tmp_path / "out.wav", "--gain", -6.0206).exit_code == 0
    assert info(tmp_path / "out.wav").subtype == subtype
    assert np.corrcoef(ac.read(tmp_path / "out.wav").samples[:8000], x)[0, 1] > 0.95


def test_the_format_may_be_said(tmp_path):
    source = put(tmp_path / "in.wav", uniform(500, 0.1))
    assert run("filter", source, tmp_path / "out.dat", "--format", "flac").exit_code == 0
    assert info(tmp_path / "out.dat").format == "FLAC"
    assert "format must be one of" in refused("filter", source, tmp_path / "no.dat", "--format", "xyz")
