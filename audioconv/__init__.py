"""audioconv: one convolution for files, streams and small networks.

Public names are loaded on first use, so that `import audioconv` stays cheap.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("audioconv")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

_HOME = {
    "AudioconvError": "errors",
    "ArgumentError": "errors",
    "ShapeError": "errors",
    "DtypeError": "errors",
    "AudioFileError": "errors",
    "ModelFileError": "errors",
    "BusyError": "errors",
    "Stage": "stage",
    "convolve": "signal",
    "Clip": "io",
    "read": "io",
    "write": "io",
    "StreamConvolver": "stream",
    "LogMel": "features",
    "Detection": "classify",
    "KeywordClassifier": "classify",
    "KeywordDetector": "classify",
}
_PARTS = ("classify", "features", "io", "models", "nn", "report", "signal", "stream")

__all__ = [*_HOME, *_PARTS, "__version__"]


def __getattr__(name):
    if name in _PARTS:
        return import_module(f"audioconv.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'audioconv' has no attribute {name!r}")
    value = getattr(import_module(f"audioconv.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
