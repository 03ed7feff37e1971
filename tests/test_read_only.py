"""An installation and a home that a user cannot write to: a notice, and all works."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

import audioconv as ac

# Nobody may read what root may, as Python itself may be in root's home, and write nothing.
OTHER = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"),
)


@pytest.fixture(scope="module")
def site():
    """A folder with the package alone, which belongs to root, and one of results, which belongs to nobody."""
    if not shutil.which(OTHER[0]) or subprocess.run([*OTHER, "true"], capture_output=True, check=False).returncode:
        pytest.skip("to be another user takes setpriv, and to be root")
    with TemporaryDirectory(prefix="read-only-") as name:  # pytest's own folders let nobody else through
        yield filled(Path(name))


def filled(folder):
    package, compiled = Path(ac.__file__).parent, shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, folder / "site" / "audioconv", ignore=compiled)
    folder.chmod(0o755)
    for path in (folder / "site", *(folder / "site").rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (folder / "home").mkdir(mode=0o555)
    (folder / "results").mkdir()
    os.chown(folder / "results", 65534, 65534)
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000)
    ac.write(folder / "in.wav", noise, 16000, subtype="FLOAT")
    return folder


def run(site, *arguments):
    """What a command says on stderr, once it has ended well and written nothing but its result."""
    before = kept(site)
    environment = {name: value for name, value in os.environ.items() if name not in ("AUDIOCONV_CACHE", "TMPDIR")}
    environment |= {"PYTHONPATH": str(site / "site"), "HOME": str(site / "home"), "XDG_CACHE_HOME": str(site / "home")}
    code = f"import audioconv.cli; assert audioconv.__file__.startswith({str(site)!r}); audioconv.cli.main()"
    done = subprocess.run(
        [*OTHER, sys.executable, "-c", code, *map(str, arguments)], env=environment, cwd=site, capture_output=True,
        text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert kept(site) == before
    return done.stderr


def kept(site):
    return {(path, path.stat().st_mtime_ns) for name in ("site", "home") for path in (site / name).rglob("*")}


NOTICE = "audioconv: warning: audioconv cannot keep compiled kernels"


def test_a_filter_works_with_one_notice(site):
    said = run(site, "filter", "in.wav", "results/out.wav", "--highpass", 200)
    assert said.count(NOTICE) == 1
    x, y = (ac.read(site / name).samples for name in ("in.wav", "results/out.wav"))
    expected = sosfilt(butter(4, 200, "highpass", fs=16000, output="sos"), x)
    assert np.abs(y - expected).max() < 2e-6 * np.abs(expected).max()


def test_features_and_a_picture_take_no_cache_either(site):
    assert run(site, "features", "in.wav", "results/out.npy").count(NOTICE) == 1
    assert np.allclose(np.load(site / "results" / "out.npy"), ac.LogMel()(ac.read(site / "in.wav").samples), atol=1e-5)
    assert run(site, "spectrogram", "in.wav", "results/out.png").count(NOTICE) == 1
    assert (site / "results" / "out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
@pytest.mark.skipif("AUDIOCONV_LONG" not in os.environ, reason="compiles for a minute; AUDIOCONV_LONG=1 runs it")
def test_a_word_is_told(site):
    said = run(site, "predict", site / "site/audioconv/classify/keywords.safetensors", "in.wav")
    assert said.count(NOTICE) == 1
