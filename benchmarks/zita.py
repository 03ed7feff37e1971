"""zita-convolver, a C++ library for convolution in real time, by a harness (zita_harness.cpp) that is compiled here."""

import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from scheduling import priority

SOURCE = Path(__file__).with_name("zita_harness.cpp")
LONGEST = (1024, 2048, 4096, 8192)  # partitions; the library has none longer, and with shorter ones it was never faster
ALIKE = 1.05  # settings that cost so little more than the cheapest count as cheap: among them the calmest is taken


@cache
def missing():
    """Why zita-convolver cannot be used here, or "" if it can."""
    try:
        _harness()
    except FileNotFoundError:
        return "g++ is not installed"
    except subprocess.CalledProcessError as error:
        return "libzita-convolver-dev is not installed, or g++ failed: " + error.stderr.strip().splitlines()[0]
    return ""


@cache
def _harness():
    """The folder with the compiled harness; it goes when the process does."""
    folder = tempfile.TemporaryDirectory()
    flags = ["-O3", "-march=native", "-std=c++17"]
    command = ["g++", *flags, SOURCE, "-o", Path(folder.name) / "harness", "-lzita-convolver", "-lfftw3f", "-lpthread"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder


class Zita:
    """A signal through filters in blocks, without latency, with the best length of the longest partition.

    Parameters
    ----------
    x : float32 array, shape (samples, inputs), whole blocks
    h : float32 array, shape (taps, inputs, outputs); a pair of zeros is no filter
    block : int
    """

    def __init__(self, x, h, block):
        self._folder = tempfile.TemporaryDirectory()
        self._block, self._shape = block, h.shape
        x.T.tofile(self._file("input"))
        h.tofile(self._file("response"))
        self.longest = self._best()

    def __call__(self):
        """(CPU seconds of all threads for the whole signal, seconds of each block), from a process of its own."""
        return self._run(self.longest)

    def output(self):
        """Of the last run; shape (samples, outputs)."""
        return np.fromfile(self._file("output"), np.float32).reshape(self._shape[2], -1).T

    def _run(self, longest):
        taps, inputs, outputs = self._shape
        numbers = map(str, (self._block, longest, priority(), inputs, outputs, taps))
        command = [Path(_harness().name) / "harness", *numbers, self._folder.name]
        cost = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        return float(cost), np.fromfile(self._file("taken"))

    def _best(self):
        runs = {longest: [self._run(longest) for _ in range(3)] for longest in LONGEST}
        cost = {longest: min(cost_s for cost_s, _ in turns) for longest, turns in runs.items()}
        calm = {longest: min(np.percentile(taken_s, 99.9) for _, taken_s in turns) for longest, turns in runs.items()}
        return min((each for each in LONGEST if cost[each] <= ALIKE * min(cost.values())), key=calm.get)

    def _file(self, name):
        return Path(self._folder.name) / name
