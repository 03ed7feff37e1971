"""The page of examples/browser hears what the detector here hears: headless Chromium, with a WAV for a microphone."""

import functools
import json
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import audioconv as ac
from audioconv import models
from audioconv.classify.decoder import REARM_RATIO, EventDecoder
from tests import chromium
from tests.models_at_random import random_detector
from tests.spoken_words import GAP_S, LABELS, write_words

onnx = pytest.importorskip("onnx", reason="the page runs a file of ONNX")
pytest.importorskip("onnxruntime", reason="files of ONNX are checked in onnxruntime")

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "browser"
TIME_S = 0.3  # within which words are told to have been said
BEGIN_S, HEAR_S = 60, 30  # to wait at most, on a busy machine
STATUS = "() => document.getElementById('status').textContent"
ROWS = "() => [...document.querySelectorAll('#detections tr')].map((row) => [...row.cells].map((x) => x.textContent))"

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed, which gets onnxruntime-web")
needs_chromium = pytest.mark.skipif(chromium.command() is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The example as a user has it who has called npm ci and audioconv export."""
    folder = tmp_path_factory.mktemp("example") / "browser"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules", "*.onnx"))
    command = [shutil.which("npm"), "ci", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm ci does not get the packages: {done.stderr[:200]}")
    models.export_onnx(ac.KeywordDetector.load(), folder / "words.onnx")
    return folder


@contextmanager
def served(folder):
    """The address of a folder."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """A file of words."""
    path = tmp_path_factory.mktemp("said") / "words.wav"
    write_words(path)
    return path


def in_node(folder, script, given):
    """What a script of modules in a folder prints, as JSON, of what it is given."""
    program = f"const given = JSON.parse(require('fs').readFileSync(0)); (async () => {{ {script} }})()"
    done = subprocess.run(["node", "-e", program], cwd=folder, input=json.dumps(given), capture_output=True, text=True,
                          timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_node
def test_it_decides_as_the_decoder_here(rng):
    labels, seconds = ["go", "no", "yes"], {"smoothing_s": 0.14, "min_duration_s": 0.06, "refractory_s": 0.1}
    about = {"labels": labels, "thresholds": [0.3, 0.45, None], "word_s": [0.4, 0.3, 0.2], "delay_s": 0.12,
             "sample_rate": 16000, "row_hop": 320, "row_end": 400, "rearm_ratio": REARM_RATIO, **seconds}  # fmt: skip
    states = rng.dirichlet([0.3] * 4, 300).repeat(rng.integers(1, 12, 300), axis=0)[:, 1:]  # that last for a while
    rows = (states * rng.uniform(0.8, 1, states.shape)).astype(np.float32)
    thresholds = [0.3, 0.45, np.inf]
    decoder = EventDecoder(labels, thresholds, row_hop_s=0.02, row_end_s=0.025, word_s=about["word_s"], delay_s=0.12,
                           **seconds)  # fmt: skip
    script = """
        const { Decoder } = await import("./decoder.js"), decoder = new Decoder(given.about);
        console.log(JSON.stringify(given.rows.map((row) => decoder.process(Float32Array.from(row))).filter(Boolean)));
    """
    found = in_node(EXAMPLE, script, {"about": about, "rows": rows.tolist()})
    wanted = decoder.process(rows)
    assert len({word.label for word in wanted}) == 2
    assert len(wanted) > 50
    assert [(word["label"], word["score"]) for word in found] == [(word.label, word.score) for word in wanted]
    for name, js in (("start_s", "startS"), ("end_s", "endS")):
        assert [word[js] for word in found] == pytest.approx([getattr(word, name) for word in wanted])


@needs_node
def test_it_reads_what_a_file_says_of_itself(tmp_path):
    path = models.export_onnx(random_detector(), tmp_path / "words.onnx").step.path
    script = """
        const { metadata } = await import("./metadata.js"), model = require("fs").readFileSync(given);
        console.log(JSON.stringify(metadata(model)));
    """
    wanted = {each.key: each.value for each in onnx.load(path).metadata_props}
    assert {"rearm_ratio", "min_duration_s"} < set(wanted)
    found = in_node(EXAMPLE, script, str(path))
    assert found == {name: value if name in ("kind", "states") else json.loads(value) for name, value in wanted.items()}


def test_nothing_says_where_packages_come_from():
    lock = json.loads((EXAMPLE / "package-lock.json").read_text())
    packages = [package for name, package in lock["packages"].items() if name]
    assert all("resolved" not in package and package["integrity"].startswith("sha512-") for package in packages)


@needs_npm
@needs_chromium
@pytest.mark.live
def test_words_on_the_page(folder, said, tmp_path):
    wanted = ac.KeywordDetector.load().detect(ac.read(said).samples)
    assert [str(word.label) for word in wanted] == LABELS
    with served(folder) as address, chromium.page(tmp_path / "profile", chromium.microphone(said)) as page:
        model = (folder / "words.step.onnx").rename(tmp_path / "away")
        page.open(address)
        said_of_it = page.wait(f"({STATUS})().startsWith('words.step.onnx is not here')", BEGIN_S)
        model.rename(folder / "words.step.onnx")
        assert said_of_it
        page.open(address)
        page.run(f"const status = {STATUS}, words = {ROWS}, button = document.getElementById('toggle')")
        assert page.wait("button.disabled ? '' : status()", BEGIN_S) == "ready", (page.run("status()"), page.errors)
        page.run("button.click()")
        page.wait(f"words().length >= {len(wanted)}", HEAR_S)
        page.wait("false", GAP_S)  # for what should not come
        rows, status = page.run("words()"), page.run("status()")
        page.run("button.click()")
        assert page.run("status()") == "stopped"
    assert (status, page.errors) == ("listening", [])
    heard = [(label, float(start), float(end)) for label, start, end, _ in reversed(rows)]
    assert [label for label, *_ in heard] == [str(word.label) for word in wanted]
    times = [(word.start_s, word.end_s) for word in wanted]
    np.testing.assert_allclose([[start, end] for _, start, end in heard], times, atol=TIME_S)
