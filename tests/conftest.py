"""Where the recordings are, and how hypothesis runs."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

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
    items.sort(key=lambda item: item.path.name == "test_signatures.py")  # it counts what all others compiled


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
