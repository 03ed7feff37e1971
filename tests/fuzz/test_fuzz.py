"""Mutants of every kind of file through every command: a valid result or a clear error, within memory and time."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz import runner
from tests.fuzz import seeds as whole_files
from tests.fuzz.cases import Case, case

REPLAY = Path(__file__).parent / "replay"  # what once went wrong
FEW, MANY = 60, 20_000
PART = 500  # cases a folder of temporary files

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits of memory are those of POSIX")


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    return whole_files.make(tmp_path_factory.mktemp("seeds"))


def test_there_are_files_of_all_kinds(seeds):
    names = " ".join(path.name for path in seeds.sounds)
    for kind in (
        "RF64",
        "W64",
        "WAV_PCM_24",
        "WAV_DOUBLE",
        "FLAC",
        "OGG_OPUS",
        "OGG_VORBIS",
        "MP3",
        "AIFF",
        "CAF",
        "_6.",
    ):
        assert kind in names
    assert len(seeds.sounds) > 250
    assert len(seeds.models) == 5


def test_the_same_number_is_the_same_case(seeds):
    assert case(7, seeds) == case(7, seeds)
    assert len({case(number, seeds).args[0] for number in range(500)}) > 10


def fuzzed(seeds, numbers, folder, capsys):
    counts, bad = Counter(), []
    for number, this, verdict, text in runner.campaign(seeds, numbers, folder):
        counts[verdict] += 1
        if verdict not in runner.GOOD:
            kept = Path(os.environ.get("AUDIOCONV_FUZZ_KEEP", folder)) / str(number)
            runner.save(this, verdict, text, kept)
            bad.append(f"case {number} in {kept}: {verdict}: {text[-2000:]}")
    with capsys.disabled():
        print(f" {dict(counts)}")
    return bad


def test_a_few_mutants(seeds, tmp_path, capsys):
    bad = fuzzed(seeds, range(FEW), tmp_path, capsys)
    assert not bad, "\n\n".join(bad)


@pytest.mark.long
@pytest.mark.skipif("AUDIOCONV_LONG" not in os.environ, reason="takes an hour; AUDIOCONV_LONG=1 runs it")
def test_many_mutants(seeds, tmp_path, capsys):
    bad = fuzzed(seeds, range(MANY), tmp_path, capsys)
    assert not bad, "\n\n".join(bad)


@pytest.mark.parametrize("name", sorted(os.listdir(REPLAY)))
def test_what_once_went_wrong_goes_well(name, tmp_path, replayed):
    folder = REPLAY / name
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    args = json.loads(files.pop("case.json"))["args"]
    verdict, text = replayed.run(Case(args, files))
    assert verdict in runner.GOOD, text


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    with runner.Worker(tmp_path_factory.mktemp("replay")) as worker:
        yield worker


REPLIES = [
    ({"code": 0}, "result"),
    ({"code": 2, "err": "audioconv: error: a.wav is empty\n"}, "refused"),
    ({"code": 1, "err": "audioconv: failed: a.wav\n"}, "reported"),
    ({"code": None, "traceback": "Traceback"}, "traceback"),
    ({"code": 2, "err": ""}, "exit 2"),
    ({"code": 2, "err": "audioconv: error: one\naudioconv: error: two\n"}, "exit 2"),
    ({"code": 0, "err": "audioconv: error: one\n"}, "exit 0"),
    ({"code": 3, "err": "audioconv: error: one\n"}, "exit 3"),
    ({"code": 0, "err": "[mp3] strange\n"}, "strange words"),
    ({"code": 2, "err": "audioconv: error: \x1b[2J\n"}, "unprintable words"),
    ({"code": 0, "invalid": ["out.wav is half a file"]}, "bad output"),
    ({"code": 2, "err": "audioconv: error: one\n", "invalid": [".x.part is half a file"]}, "bad output"),
]


@pytest.mark.parametrize(("reply", "verdict"), REPLIES)
def test_what_goes_wrong_is_seen(reply, verdict):
    this = Case(["filter", "a.wav", "out.wav"], {})
    assert runner.judged({"out": "", "err": "", "invalid": []} | reply, this)[0] == verdict


def test_a_crash_and_a_hang_are_seen(tmp_path):
    with runner.Worker(tmp_path) as worker:
        pipe = tmp_path / "pipe.wav"
        os.mkfifo(pipe)
        assert worker.run(Case(["info", str(pipe)], {}), patience_s=5)[0] == "hang"
        assert worker.run(Case(["info", "no.wav"], {}))[0] == "refused"
        os.kill(worker._process.pid, 11)
        assert worker.run(Case(["info", "no.wav"], {}))[0] == "crash"
        assert worker.run(Case(["info", "no.wav"], {}))[0] == "refused"
