"""audioconv doctor: what this machine and this installation are, and the kernels compiled for them."""

import time
from typing import Annotated

import typer

from audioconv._wording import counted
from audioconv.cli.messages import say
from audioconv.cli.outputs import Json, print_json

_LIBRARIES = ("numpy", "scipy", "numba", "llvmlite", "soundfile", "soxr", "scikit-learn", "safetensors")


def doctor(
    warm: Annotated[
        bool, typer.Option("--warm", help="Compile the kernels of the public calls in float32 now.")
    ] = False,
    clear_cache: Annotated[bool, typer.Option("--clear-cache", help="Remove all compiled kernels first.")] = False,
    as_json: Json = False,
) -> None:
    """Show versions, SIMD target and kernel cache.

    \b
    audioconv doctor
    audioconv doctor --warm    compile everything now instead of on first use
    """
    from audioconv.cache import clear_kernels
    from audioconv.kernels._about import about

    tell = say if as_json else typer.echo
    if clear_cache:
        count = clear_kernels()
        tell(f"removed {counted(count, 'file')} of compiled kernels")
    if warm:
        start = time.perf_counter()
        _warm()
        tell(f"what most commands use is compiled ({time.perf_counter() - start:.1f} s)")
    found = {**_versions(), **about()}
    if as_json:
        print_json({name.replace(" ", "_"): value for name, value in found.items()})
        return
    for name, value in found.items():
        typer.echo(f"{name:<14} {value}")


def _versions() -> dict[str, object]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import audioconv
    from audioconv.parallel import thread_count

    found: dict[str, object] = {
        "audioconv": audioconv.__version__,
        "python": f"{platform.python_version()} on {platform.platform()}",
    }
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    return {**found, "threads": thread_count()}


def _warm() -> None:
    """Call each public thing once, on as little as makes it compile all that it uses."""
    import numpy as np

    import audioconv as ac
    from audioconv.kernels.realtime._callback import callback

    rng = np.random.default_rng(0)
    noise = rng.standard_normal((40, 16000)).astype("float32") / 10
    for method in ("direct", "sparse", "overlap_add", "fft"):
        for stride, dilation in ((1, 1), (2, 1), (1, 2)):
            ac.convolve(noise[0], noise[1, :300], method=method, stride=stride, dilation=dilation)
    ac.convolve(noise[:2], noise[2, :300], axis=1)
    ac.convolve(noise[:2].T, noise[2, :300])
    ac.upfirdn(noise[2, :300], noise[0], 2, 3)
    for taps in (10, 5000):
        stream = ac.StreamConvolver(noise[1, :taps])
        stream.process(noise[0, :512])
        stream.set_ir(noise[2, :taps])
        stream.process(noise[0, :512])
        stream.flush()
    monitor = ac.Monitor()
    stages = [ac.Source(noise[0]), ac.Gain(), ac.Biquad.design("lowpass", 16000, 1000.0), ac.DryWet(stream),
              monitor, ac.MatrixMixer([[1.0]]), ac.Limiter(sample_rate=16000), ac.Sink(512)]  # fmt: skip
    ac.Chain(stages).process(noise[0, :512])
    monitor.read()
    ac.LoudnessMeter(16000).process(noise[0, :512])
    callback.address(np.dtype("float32"))
    for method_2d in ("direct", "separable", "overlap_add"):
        ac.convolve2d(noise, noise[:3, :3], method=method_2d)
    ac.convolve2d(noise, noise[:3, :3], stride=2)
    ac.denoise(noise[0], 16000)
    ac.neural_denoise(noise[0], 16000)
    for rate in (16000, 48000):
        words = ac.KeywordDetector.load().stream(sample_rate=rate)
        words.process(noise[0])
        words.flush()
    labels = ["quiet", "loud"] * 20
    noise[1::2] *= 9
    classifier = ac.KeywordClassifier(epochs=1, verbose=0).fit(noise, labels, validation=(noise, labels))
    classifier.predict(noise)
    detector = classifier.stream()
    for row in noise[:2]:
        detector.process(row)
    detector.flush()
