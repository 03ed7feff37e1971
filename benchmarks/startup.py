"""Start-up: import, help, warm commands, and what the first call of each public function costs with an empty cache."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from side_by_side import show

SHIPPED_CLASSIFIER = str(Path(__file__).parents[1] / "audioconv" / "classify" / "keywords.safetensors")
DEMO = Path(__file__).parents[1] / "examples" / "demo.py"
REPEATS = 5
IMPORT = "import time, numpy; t = time.perf_counter(); import audioconv; print(time.perf_counter() - t)"
COLD = {
    "convolve": "ac.convolve(x, x[:2000])",
    "StreamConvolver": "ac.StreamConvolver(x[:2000]).process(x[:64])",
    "LogMel": "ac.LogMel()(x)",
    "KeywordClassifier.fit": (
        "ac.KeywordClassifier(epochs=1, verbose=0).fit(np.stack([x, x * 0.5] * 8), ['a', 'b'] * 8,"
        " validation=(np.stack([x, x]), ['a', 'b']))"
    ),
}


def main(options):
    rows = [{"what": "import beyond numpy (least of 10)", "s": min(float(python(IMPORT)[0]) for _ in range(10))}]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AUDIOCONV_CACHE"] = os.path.join(folder, "warm")
        wav = os.path.join(folder, "in.wav")
        python(f"import numpy as np, audioconv as ac; ac.write({wav!r}, np.random.rand(48000) - 0.5, 48000)")
        rows += warm(wav, os.path.join(folder, "out.wav"))
        for name, call in COLD.items():
            os.environ["AUDIOCONV_CACHE"] = os.path.join(folder, name)
            code = "import time, numpy as np, audioconv as ac; x = (np.random.rand(16000) - 0.5).astype('f4'); "
            seconds = python(code + f"t = time.perf_counter(); {call}; print(time.perf_counter() - t)")[0]
            rows.append({"what": f"{name}, first call, cold", "s": float(seconds)})
        os.environ["AUDIOCONV_CACHE"] = os.path.join(folder, "doctor")
        rows.append({"what": "doctor --warm, cold", "s": python("-m", "audioconv", "doctor", "--warm")[1]})
        os.environ["AUDIOCONV_CACHE"] = os.path.join(folder, "demo")
        rows.append({"what": "examples/demo.py, cold", "s": python(DEMO)[1]})
    show("Start-up", rows)
    return rows


def warm(wav, out):
    """Whole processes with a second of sound and a warm cache: medians of interleaved repeats."""
    commands = {
        "--help": ["--help"],
        "filter --gain": ["filter", wav, out, "--gain", "-3", "--force"],
        "filter --highpass": ["filter", wav, out, "--highpass", "80", "--force"],
        "filter --ir": ["filter", wav, out, "--ir", wav, "--force"],
        "denoise": ["denoise", wav, out, "--force"],
        "predict": ["predict", SHIPPED_CLASSIFIER, wav],
        "listen --file": ["listen", "--file", wav],
        "features": ["features", wav, f"{out}.npy", "--force"],
        "spectrogram": ["spectrogram", wav, f"{out}.png", "--force"],
        "info": ["info", wav],
    }
    times_s = {name: [] for name in commands}
    for repeat in range(1 + REPEATS):
        for name, arguments in commands.items():
            _, seconds = python("-m", "audioconv", *arguments)
            if repeat:  # the first one compiles
                times_s[name].append(seconds)
    return [{"what": f"{name}, 1 s of sound, warm", "s": float(np.median(found))} for name, found in times_s.items()]


def python(*arguments):
    """Standard output and wall time of a Python process, for code, for a file, or for `-m` arguments.

    Python keeps its bytecode, as it does unless it is told otherwise: compiling that takes a third of a command.
    """
    arguments = arguments if arguments[0] in ("-m", DEMO) else ("-c", *arguments)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    result = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, env=environment)
    return result.stdout, time.perf_counter() - start
