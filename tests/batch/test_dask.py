"""The same on the workers of a Dask cluster, of which one dies on the way."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import joblib
import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import audioconv as ac
from tests.batch import functions as f
from tests.classify.test_classifier import examples

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="other signals")


@pytest.fixture(scope="module")
def cluster():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": logging.CRITICAL}
    with distributed.LocalCluster(**options) as found:
        yield found


def test_outputs_and_tables_are_the_same(cluster, tmp_path):
    source = f.make_files(tmp_path / "in", 30)
    (source / "001.wav").write_bytes(b"bad")
    here = ac.map_files(f.doubled, source, tmp_path / "here", jobs=1)
    there = ac.map_files(f.doubled, source, tmp_path / "there", scheduler=cluster.scheduler_address)
    assert here.failures == there.failures
    assert f.contents(tmp_path / "here") == f.contents(tmp_path / "there")
    ac.map_files(f.rows, source, tmp_path / "here.parquet", jobs=1)
    ac.map_files(f.rows, source, tmp_path / "there.parquet", scheduler=cluster)
    assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "there.parquet").read_bytes()


def spectra_and_ridge():
    features = FunctionTransformer(f.mean_spectra, kw_args={"n_mels": 10})
    return make_pipeline(features, RidgeClassifier()), {"functiontransformer__kw_args": [{"n_mels": 2}, {"n_mels": 20}]}


def network():
    words = ac.KeywordClassifier(clip_s=0.5, epochs=1, batch_size=12, augment=False, verbose=0, random_state=0)
    return words, {"learning_rate": [1e-6, 0.01]}


@pytest.mark.parametrize(
    "estimator",
    [
        spectra_and_ridge,
        pytest.param(
            network,
            marks=[
                pytest.mark.long,
                pytest.mark.skipif("AUDIOCONV_LONG" not in os.environ, reason="workers load all kernels of training"),
            ],
        ),
    ],
)
def test_a_grid_search_gives_the_scores_that_it_gives_here(cluster, estimator):
    X, y = examples(6, 0)
    X += 0.1 * np.random.default_rng(1).standard_normal(X.shape, "float32")  # some are taken for others
    words, grid = estimator()
    search = GridSearchCV(words, grid, cv=2, refit=False)
    here = search.fit(X, y).cv_results_
    with distributed.Client(cluster), joblib.parallel_config("dask", scatter=[X]):
        there = search.fit(X, y).cv_results_
    for fold in ("split0_test_score", "split1_test_score"):
        assert here[fold].tolist() == there[fold].tolist()
    assert len(set(here["mean_test_score"])) == 2  # or equal scores say little


def test_a_worker_that_is_killed_costs_nothing(cluster, tmp_path):
    source, target = f.make_files(tmp_path / "in", 80), tmp_path / "out"
    with distributed.Client(cluster, set_as_default=False) as client:
        victim = next(iter(client.run(os.getpid).values()))

    def kill():
        deadline = time.monotonic() + 60
        while len(list(target.glob("*/*.wav"))) < 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    found = ac.map_files(f.slowly_doubled, source, target, scheduler=cluster)
    killer.join()
    assert (found.done, found.failed) == (80, 0)
    ac.map_files(f.doubled, source, tmp_path / "here", jobs=1)
    assert f.contents(target) == f.contents(tmp_path / "here")


@contextlib.contextmanager
def started(name, *args):
    """A command of Dask, which is killed at the end."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *args, "--no-dashboard"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_a_scheduler_that_is_killed_and_started_anew_costs_nothing(tmp_path):
    source, target = f.make_files(tmp_path / "in", 80), tmp_path / "out"
    port = free_port()
    address, found = f"tcp://127.0.0.1:{port}", []

    def run():
        found.append(ac.map_files(f.slowly_doubled, source, target, scheduler=address))

    running = threading.Thread(target=run)
    for is_second in (False, True):
        with (
            started("scheduler", "--host", "127.0.0.1", "--port", str(port)),
            started("worker", address, "--nthreads", "1", "--local-directory", str(tmp_path / f"worker {is_second}")),
        ):
            if not is_second:
                running.start()
                deadline = time.monotonic() + 60
                while len(list(target.glob("*/*.wav"))) < 10 and time.monotonic() < deadline:
                    time.sleep(0.01)
                assert running.is_alive()
            else:
                running.join(timeout=120)
    assert [(summary.done, summary.failed) for summary in found] == [(80, 0)]
    ac.map_files(f.doubled, source, tmp_path / "here", jobs=1)
    assert f.contents(target) == f.contents(tmp_path / "here")


def test_a_cluster_that_is_not_there_is_said(monkeypatch):
    from audioconv.batch import backends

    monkeypatch.setattr(backends, "_CONNECT_S", 0.5)
    with pytest.raises(ac.ClusterError, match="does not answer"):
        ac.map_files(f.size, [__file__], scheduler="tcp://127.0.0.1:9")
