"""scipy's own tests, as installed with scipy, of audioconv's functions in the place of scipy's."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from audioconv.kernels._jit import JIT_ENABLED
from tests.peers.scipy_differences import DIFFERENCES, Difference

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="thousands of tests, which take hours without JIT")
ROOT = Path(__file__).parents[2]
UNWANTED = "PYTEST_ADDOPTS", "SCIPY_ARRAY_API"  # variables that would change what is run


def run_scipys(which, folder):
    """What became of scipy's tests: {name: {"error", "skipped", "calls"}}."""
    tests = Path(pytest.importorskip("scipy.signal.tests", reason="this scipy came without its tests").__file__).parent
    results, settings = folder / "results.json", folder / "pytest.ini"
    settings.write_text("[pytest]\n")
    environment = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    environment |= {
        "AUDIOCONV_PEER_RESULTS": str(results), "AUDIOCONV_PEER_TESTS": which, "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONHASHSEED": "0",
    }  # fmt: skip
    files = [tests / f"{name}.py" for name in ("test_signaltools", "test_upfirdn", "test_short_time_fft")]
    options = ["-p", "tests.peers.scipy_plugin", "-p", "no:cacheprovider", "-q", "--tb=no", "-c", settings]
    command = [sys.executable, "-m", "pytest", *options, *files]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert results.exists(), done.stdout + done.stderr
    return json.loads(results.read_text())


def judged(results, differences):
    """Tests that fail and should not, and entries of the table that no failing test needs."""
    needed, unexpected = set(), []
    for name, result in results.items():
        if result["error"] is None or result["skipped"]:
            continue
        fitting = [d for d in differences if re.search(d.tests, name) and re.search(d.error, result["error"])]
        needed.update(fitting)
        if not fitting:
            unexpected.append(f"{name}: {result['error']}")
    return unexpected, [difference for difference in differences if difference not in needed]


@pytest.mark.parametrize(
    ("which", "least"), [("few", 450), pytest.param("many", 11_500, marks=[pytest.mark.peers, pytest.mark.slow])]
)
def test_scipys_tests_pass_but_for_the_differences_that_are_explained(which, least, tmp_path):
    results = run_scipys(which, tmp_path)
    reached = [name for name, result in results.items() if result["error"] is None and result["calls"]]
    unexpected, stale = judged(results, DIFFERENCES[which])
    assert not unexpected, "not in scipy_differences.py:\n" + "\n".join(unexpected)
    assert not stale, "no test fails so any more; remove from scipy_differences.py:\n" + "\n".join(map(str, stale))
    assert len(reached) >= least, f"only {len(reached)} of scipy's tests reached audioconv and passed"


def test_a_failure_that_is_not_in_the_table_and_an_entry_without_a_failure_are_found():
    results = {
        "m.py::T::test_a[complex]": {"error": "DtypeError: x must be real", "skipped": False, "calls": 1},
        "m.py::T::test_b": {"error": "AssertionError: 1 != 2", "skipped": False, "calls": 1},
        "m.py::T::test_c": {"error": "Skipped: no torch", "skipped": True, "calls": 0},
        "m.py::T::test_d": {"error": None, "skipped": False, "calls": 1},
    }
    table = [
        Difference(r"test_a\[complex", "DtypeError", "real only"),
        Difference(r"test_b", "DtypeError", "another error than this one"),
        Difference(r"test_d", "AssertionError", "passes by now"),
    ]
    unexpected, stale = judged(results, table)
    assert unexpected == ["m.py::T::test_b: AssertionError: 1 != 2"]
    assert stale == table[1:]
    assert judged({}, []) == ([], [])


def test_every_difference_has_a_reason():
    assert all(len(difference.reason) > 20 for table in DIFFERENCES.values() for difference in table)
