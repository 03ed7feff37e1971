"""The pages of the documentation: what they show runs."""

import doctest
import json
import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

import audioconv as ac
from audioconv._wording import counted
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.stream.chain_file import stage_types
from audioconv.stream.processor import Processor
from tests import jack, surface
from tests.command import refused, run
from tests.compare import assert_close

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "chains.md"
SHOWN = re.compile("^>>> ", re.MULTILINE)  # an example in Python with what it prints
PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if SHOWN.search(page.read_text())
]


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_its_python_gives_what_it_says(page):
    done = doctest.testfile(str(page), module_relative=False)
    assert (done.attempted, done.failed) == (len(SHOWN.findall(page.read_text())), 0)


def test_pages_with_python_are_found():
    assert {"chains", "convolution", "planes", "streaming"} <= {page.stem for page in PAGES}


@pytest.fixture
def chains(tmp_path):
    """The chains in files of the page, as they are written there, beside the impulse response that they name."""
    shutil.copy(ROOT / "data" / "impulse_responses" / "hall.flac", tmp_path)
    paths = []
    for i, written in enumerate(re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)):
        paths.append(tmp_path / f"{i}.toml")
        paths[-1].write_text(written)
    return paths


@pytest.mark.parametrize("channels", [1, 2])
def test_its_chains_in_files_serve_mono_and_stereo(chains, channels, tmp_path):
    anywhere, _, denoising, for_files = chains
    stages = ac.read_chain(denoising, 16000, channels=channels).stages
    assert [type(stage).__name__ for stage in stages] == ["NeuralDenoise", "Denoise"]
    chain = ac.read_chain(anywhere, 48000, channels=channels)
    assert (chain.channels, chain.out_channels, chain.rate_in, chain.rate_out) == (channels, 2, 48000, 48000)
    assert chain.compiled_step()  # a sound card can run it
    x = 0.3 * np.random.default_rng(0).standard_normal((48000, channels)).astype("float32")
    y = np.concatenate([chain.process(x), chain.flush()])
    assert 0.01 < np.abs(y).max() <= 10 ** (-1 / 20) * (1 + 1e-6)
    assert np.array_equal(y[:, 0], y[:, 1]) == (channels == 1)
    ac.write(tmp_path / "in.wav", x, 48000, subtype="FLOAT")
    assert run("filter", tmp_path / "in.wav", tmp_path / "out.wav", "--chain", anywhere).exit_code == 0
    assert_close(ac.read(tmp_path / "out.wav").samples, y[chain.latency :], 2e-6)
    assert run("filter", tmp_path / "in.wav", tmp_path / "slow.wav", "--chain", for_files).exit_code == 0
    clip = ac.read(tmp_path / "slow.wav")
    assert (clip.sample_rate, len(clip.samples)) == (44100, 44100)
    resampled = ac.io.resample(x.reshape((48000, channels)[:channels]), 48000, 44100)
    assert_close(clip.samples, run_limited(resampled), 1e-5)


def test_its_voice_is_what_the_stages_make_of_it(chains, tmp_path):
    chain, rate = ac.read_chain(chains[1], 48000, channels=2), 48000
    kinds = ["NoiseGate", "ParametricEq", "Compressor", "DryWet", "LoudnessMeter"]
    assert [type(stage).__name__ for stage in chain.stages] == kinds
    eq = ac.ParametricEq.from_preset("speech", sample_rate=rate, channels=2)
    bands = eq.bands | {"air": ac.EqBand("highshelf", 3500, gain_db=2)}
    bands["presence"] = ac.EqBand("peak", 3000, 0.8, 4)
    echo = ac.Chain([ac.Delay(0.25, 0.4, 1.0, sample_rate=rate, channels=2),
                     ac.Biquad.design("lowpass", rate, 3000, channels=2)])  # fmt: skip
    by_hand = ac.Chain([
        ac.NoiseGate(-55, sample_rate=rate, channels=2), ac.ParametricEq(bands, sample_rate=rate, channels=2),
        ac.Compressor(-24, 3, sample_rate=rate, makeup_db=4, channels=2), ac.DryWet(echo, 0.3),
    ])  # fmt: skip
    x = 0.1 * np.random.default_rng(0).standard_normal((rate, 2)).astype("float32")
    assert np.array_equal(chain(x), by_hand(x))
    ac.write(tmp_path / "in.wav", x, rate, subtype="FLOAT")
    told = run("filter", tmp_path / "in.wav", tmp_path / "out.wav", "--chain", chains[1])
    assert f"{chain.stages[-1].integrated_lufs:.1f} LUFS" in told.stdout
    assert_close(ac.read(tmp_path / "out.wav").samples, by_hand(x), 2e-6)


def test_tables_of_stages_are_made_of_the_classes():
    made = runpy.run_path(str(ROOT / "docs" / "develop" / "chain_tables.py"))
    assert made["with_tables"](PAGE.read_text()) == PAGE.read_text(), "run python docs/develop/chain_tables.py"
    stages = {public.object for public in surface.top_level() if public.kind == "class"}
    stages = {cls for cls in stages if issubclass(cls, (Processor, ac.Resample))}
    typed = {kind.__annotations__["return"] for kind in stage_types().values()}
    assert len(stages) > 15
    assert stages - typed == {ac.JitStage}, "a stage without a type in files"


def run_limited(x):
    limiter = ac.Limiter(sample_rate=44100, channels=x.ndim)
    return np.concatenate([limiter.process(x), limiter.flush()])[limiter.latency :]


@pytest.mark.live
@pytest.mark.skipif(not JIT_ENABLED, reason="a C callback needs compiled code")
@pytest.mark.skipif(jack.missing() is not None, reason=str(jack.missing()))
def test_its_chain_in_a_file_plays_live(chains):
    anywhere, voice, _, for_files = chains
    with jack.server():
        for channels in (1, 2):
            played = run("live", "--chain", anywhere, "--channels", channels, "--seconds", 0.2)
            assert played.exit_code == 0, played.output
            assert f"48000 Hz, {counted(channels, 'channel')} in, 2 out, blocks of 64" in played.stderr
            assert float(played.stdout.split()[0]) > 0.05
        played = run("live", "--chain", voice, "--seconds", 0.2)
        assert played.exit_code == 0, played.output
        assert "LUFS" in played.stdout
        assert "changes the sample rate to 44100 Hz, which a sound card cannot" in refused("live", "--chain", for_files)


def test_pages_name_files_that_exist():
    pages = [ROOT / "docs" / name for name in ("architecture.md", "glossary.md")]
    named = set()
    for page in (*pages, *(ROOT / "docs" / "architecture").glob("*.md")):
        named.update(re.findall(r"(?<![\w/.])((?:[a-z0-9_]+/)+_?[a-z0-9_]+\.py)", page.read_text()))
    assert len(named) > 100
    missing = [name for name in named if not (ROOT / "audioconv" / name).exists() and not (ROOT / name).exists()]
    assert not missing


def test_the_table_of_other_machines_has_the_sizes_and_times_of_the_last_run():
    rows = json.loads((ROOT / "benchmarks/results/export.json").read_text())["rows"]["detector"]
    steps = {row["way"]: row for row in rows if row["of"] == "a step of 20 ms"}
    table = (ROOT / "docs/deploy.md").read_text().split("\n\n")[3]
    shown = {
        "here": "{ms:.2g} ms",
        "ONNX": "| {kB:,.0f} kB | {ms:.2g} ms",
        "ONNX, int8": "| {kB:,.0f} kB | {ms:.2g} ms",
        "ONNX in onnxruntime-web (WebAssembly, node)": "| {kB:,.0f} kB, and 14 MB of WebAssembly | {ms:.2g} ms",
        "C, gcc -O3 -march=native": "| weights {kB:,.0f} kB | {ms:.2g} ms",
        "C, gcc -O2": "(`-O2`: {ms:.2g})",
        "C, int8, gcc -O3 -march=native": "| weights {kB:,.0f} kB | {ms:.2g} ms",
        "C, int8, gcc -O2": "(`-O2`: {ms:.2g})",
    }
    assert shown.keys() == steps.keys()
    for way, text in shown.items():
        assert text.format(**steps[way]) in table, way
