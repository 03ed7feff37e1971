"""audioconv: one convolution for files, streams and small networks.

Public names are loaded on first use, so that `import audioconv` stays cheap.
"""

from importlib import import_module as _import_module  # private, so that `ac.` does not complete to it

_HOME = {
    "AudioconvError": "errors",
    "ArgumentError": "errors",
    "ShapeError": "errors",
    "DtypeError": "errors",
    "AudioFileError": "errors",
    "AudioFileWarning": "errors",
    "ModelFileError": "errors",
    "BusyError": "errors",
    "ClusterError": "errors",
    "SoundDeviceError": "errors",
    "DownloadError": "errors",
    "Stage": "stage",
    "convolve": "signal",
    "convolve2d": "signal",
    "correlate": "signal",
    "Plan": "signal",
    "Stft": "signal",
    "istft": "signal",
    "plan": "signal",
    "stft": "signal",
    "upfirdn": "signal",
    "Clip": "io",
    "read": "io",
    "write": "io",
    "blocks": "io",
    "Biquad": "stream",
    "Chain": "stream",
    "Compressor": "stream",
    "Delay": "stream",
    "DryWet": "stream",
    "EqBand": "stream",
    "Fir": "stream",
    "Gain": "stream",
    "JitStage": "stream",
    "Limiter": "stream",
    "LoudnessMeter": "stream",
    "MatrixMixer": "stream",
    "NoiseGate": "stream",
    "ParametricEq": "stream",
    "Resample": "stream",
    "Sink": "stream",
    "Source": "stream",
    "StreamConvolver": "stream",
    "StreamConvolver2d": "stream",
    "Monitor": "stream",
    "devices": "stream",
    "live": "stream",
    "process_file": "stream",
    "read_chain": "stream",
    "LogMel": "features",
    "Mfcc": "features",
    "power_to_db": "features",
    "Detection": "classify",
    "Denoise": "enhance",
    "NeuralDenoise": "enhance",
    "denoise": "enhance",
    "neural_denoise": "enhance",
    "KeywordClassifier": "classify",
    "KeywordDetector": "detect",
    "SoundEventDetector": "detect",
    "mix_events": "detect",
    "map_files": "batch",
}
_PARTS = ("batch", "classify", "detect", "enhance", "features", "io", "models", "nn", "report", "signal", "stream")

__all__ = [*_HOME, *_PARTS, "__version__"]


def __getattr__(name: str) -> object:
    if name in _PARTS:
        return _import_module(f"audioconv.{name}")
    if name == "__version__":
        globals()[name] = _version()
        return globals()[name]
    if name not in _HOME:
        raise AttributeError(f"module 'audioconv' has no attribute {name!r}")
    value = getattr(_import_module(f"audioconv.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # takes longer than all else here

    try:
        return version("audioconv")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted(__all__)
