"""Where the recordings are, how hypothesis runs, and what is counted at the end of a run."""

import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from tests import jack, signatures

settings.register_profile("audioconv", deadline=None, max_examples=40, derandomize=True)
settings.register_profile("nightly", deadline=None, max_examples=400, print_blob=True)  # others every night
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "audioconv"))

DATA = os.environ.get("AUDIOCONV_DATA")


def pytest_collection_modifyitems(items):
    skip = pytest.mark.skip(reason="AUDIOCONV_DATA does not point at a folder of recordings")
    no_peers = pytest.mark.skip(reason="compares with other packages; AUDIOCONV_PEERS=1 runs it (make test-peers)")
    for item in items:
        if item.get_closest_marker("peers") and "AUDIOCONV_PEERS" not in os.environ:
            item.add_marker(no_peers)
        if "data" in item.keywords and not (DATA and Path(DATA).is_dir()):
            item.add_marker(skip)


_compiled = []  # signatures of kernels, of each process of the run


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    _compiled.append(getattr(node, "workeroutput", {}).get("signatures", {}))


def pytest_sessionfinish(session):
    """No kernel was compiled for more kinds of arguments than there are dtypes, or the run fails."""
    _compiled.append(signatures.compiled())
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["signatures"] = _compiled[0]
    elif signatures.too_many(signatures.joined(_compiled)) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    kernels = signatures.joined(_compiled)
    for name, found in signatures.too_many(kernels).items():
        terminalreporter.write_line(f"FAILED {name} was compiled for one dtype more than once: {found}", red=True)
    terminalreporter.write_line(f"{len(kernels)} kernels were used")


@pytest.fixture(scope="session", autouse=True)
def _built_in_costs(tmp_path_factory):
    """Methods are chosen as on a machine that was never measured."""
    from audioconv.signal import cost

    path = tmp_path_factory.mktemp("costs") / "costs.json"
    measured, cost.table_path = cost.table_path, lambda: path
    cost.forget()
    yield
    cost.table_path = measured
    cost.forget()


@pytest.fixture(scope="session")
def data_folder():
    """Folder of real recordings."""
    return Path(DATA)


@pytest.fixture
def rng(request):
    """A random generator of the test's own, seeded by its name: what it draws depends on no other test."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


@pytest.fixture(scope="module")
def sound_card_of_jack():
    """JACK's dummy driver, which needs no hardware."""
    if reason := jack.missing():
        pytest.skip(reason)
    with jack.server():
        yield
