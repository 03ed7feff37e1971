"""A pytest plugin, for a process of its own: audioconv's functions take the place of scipy's in scipy's test modules.

Only names in those modules change, not scipy. What became of each test goes to AUDIOCONV_PEER_RESULTS as JSON.
"""

import json
import os
from pathlib import Path

import scipy.signal

from tests.peers import scipy_adapter, scipy_stft

NAMES = "convolve", "correlate", "fftconvolve", "oaconvolve", "convolve2d", "correlate2d", "upfirdn"
OURS = {name: getattr(scipy_adapter, name) for name in NAMES} | {"ShortTimeFFT": scipy_stft.ShortTimeFFT}
CHOSEN = {  # module: its classes, or None for all of it
    "test_signaltools": {
        "TestConvolve", "TestConvolve2d",
        "TestCorrelateReal", "TestCorrelate", "TestCorrelateComplex", "TestCorrelate2d",
    },
    "test_upfirdn": {"TestUpfirdn"},
    "test_short_time_fft": None,
}  # fmt: skip
MANY = {"test_signaltools": {"TestFFTConvolve", "TestOAConvolve"}}  # ten thousand small ones
TOO_LARGE = "test_large_array"  # 2 GB of integers, which are five times as much in float64 and back
results = {}


class Signal:
    """scipy.signal with some names replaced."""

    def __getattr__(self, name):
        return OURS[name] if name in OURS else getattr(scipy.signal, name)


def pytest_collection_modifyitems(config, items):
    kept, left = [], []
    chosen = {"few": CHOSEN, "many": MANY}[os.environ["AUDIOCONV_PEER_TESTS"]]
    for item in items:
        classes = chosen.get(item.module.__name__.rpartition(".")[2], ())
        chosen_one = classes is None or (item.cls and item.cls.__name__ in classes)
        (kept if chosen_one and TOO_LARGE not in item.name else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept
    for params in (item.callspec.params for item in items if hasattr(item, "callspec")):
        for argument, value in params.items():
            name = getattr(value, "__name__", None)
            if name in OURS and value is getattr(scipy.signal, name):
                params[argument] = OURS[name]
    for module in {item.module for item in items}:
        for name, own in OURS.items():
            if hasattr(module, name):
                setattr(module, name, own)
        if hasattr(module, "signal"):
            module.signal = Signal()


def pytest_runtest_setup(item):
    scipy_adapter.calls = 0


def pytest_runtest_makereport(item, call):
    name = "::".join((item.path.name, *item.nodeid.split("::")[1:]))
    if call.when == "call" or call.excinfo:
        error = call.excinfo and f"{call.excinfo.typename}: {call.excinfo.value}"[:1000]
        skipped = bool(error) and call.excinfo.typename in ("Skipped", "XFailed")
        results[name] = {"error": error, "skipped": skipped, "calls": scipy_adapter.calls}


def pytest_sessionfinish():
    Path(os.environ["AUDIOCONV_PEER_RESULTS"]).write_text(json.dumps(results))
