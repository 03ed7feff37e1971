"""The same on the workers of a Dask cluster, of which one dies on the way."""

import logging
import os
import signal
import sys
import threading
import time

import pytest

import audioconv as ac
from tests.batch import functions as f

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


def test_a_cluster_that_is_not_there_is_said(monkeypatch):
    from audioconv.batch import backends

    monkeypatch.setattr(backends, "_CONNECT_S", 0.5)
    with pytest.raises(ac.ClusterError, match="does not answer"):
        ac.map_files(f.size, [__file__], scheduler="tcp://127.0.0.1:9")
