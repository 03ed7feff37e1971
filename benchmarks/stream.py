"""StreamConvolver against zita-convolver (C++) and pedalboard: 30 s at 48 kHz, zero latency, block by block.

All on one core, in real time where that is allowed: zita-convolver has threads of its own for longer partitions, and
without it takes longer. Ours and pedalboard are called from Python, zita-convolver from C++; the cost is the CPU time
of all threads, in a pass without a clock around each block. "One call" is ours with the whole signal as one block.
Without zita-convolver or pedalboard, which are no dependencies, their columns stay empty, and why is printed.
pedalboard brings filters to a level of its own; its results are compared after that gain is taken out.
"""

import time

import numpy as np
import scipy.signal
import zita
from scheduling import one_core, real_time
from side_by_side import check_equal, show

import audioconv as ac

try:
    import pedalboard
except ImportError:
    pedalboard = None

RATE_HZ, SECONDS = 48000, 30
MONO, STEREO, MATRIX = "mono", "stereo, a filter each", "2 x 2 matrix"
ROWS = (
    *((64, taps, MONO) for taps in (4800, 48000, 240000)),
    *((block, taps, MONO) for block in (256, 512) for taps in (48000, 240000)),
    *((128, 48000, kind) for kind in (STEREO, MATRIX)),
)
MOST_ERROR = 2e-6  # of the maximum
REPEATS = 7


def main(options):
    if zita.missing():
        print(f"without zita-convolver: {zita.missing()}")
    if not pedalboard:
        print("without pedalboard: it is not installed")
    with one_core():
        rows = [row for row in (convolver_row(*which) for which in ROWS) if row]
        tables = {
            "share of real time": [cost for cost, _ in rows],
            "99.9th percentile of blocks, us": [late for _, late in rows],
            "a chain, called block by block": [chain_row(64, 48000)],
        }
    for title, table in tables.items():
        show(f"30 s at 48 kHz, zero latency, float32: {title}", table)
    return tables


def convolver_row(block, taps, kind):
    """Two rows (dicts) for one size, of costs and of percentiles; or None, with a message, if ours cannot do it yet."""
    x, h = signal(block, taps, kind)
    try:
        ours = Ours(x, h, block)
    except ac.errors.ShapeError as error:
        if kind != MATRIX:
            raise
        print(f"without the {kind}: {error}")
        return None
    ways = {"ours": ours, "one call": Ours(x, h, len(x))}
    ways["zita"] = None if zita.missing() else zita.Zita(x.reshape(len(x), -1), matrix(h), block)
    ways["pedalboard"] = Pedalboard(x, h, block) if pedalboard and kind != MATRIX else None
    right = exact(x, h)
    errors = {name: check_equal(np.squeeze(way.output()), right, MOST_ERROR) for name, way in ways.items() if way}
    costs_s, late_s = medians_s({name: way for name, way in ways.items() if way})
    seconds = len(x) / RATE_HZ
    about = {"block": block, "taps": taps, "signal": kind}
    return {
        **about,
        **{name: costs_s[name] / seconds if way else None for name, way in ways.items()},
        **ratios(costs_s, ("zita", "ours"), ("zita", "one call"), ("pedalboard", "ours")),
        "error / maximum": errors["ours"],
    }, {
        **about,
        **{name: 1e6 * late_s[name] if way else None for name, way in ways.items() if name != "one call"},
        **ratios(late_s, ("zita", "ours"), ("pedalboard", "ours")),
        "longest partition of zita": ways["zita"] and ways["zita"].longest,
    }


def ratios(values, *pairs):
    return {f"{a} / {b}": values[a] / values[b] if a in values else None for a, b in pairs}


def medians_s(ways):
    """Of each way: median CPU time of the signal, and median of the 99.9th percentiles of its blocks; in turn."""
    runs = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, way in ways.items():
            cost_s, taken_s = way()
            runs[name].append((cost_s, np.percentile(taken_s, 99.9)))
    medians = {name: np.median(each, axis=0) for name, each in runs.items()}
    return ({name: float(each[i]) for name, each in medians.items()} for i in range(2))


class Ours:
    """`process(block, out)` on views of a long signal, of a convolver or of any `stage`."""

    def __init__(self, x, h, block, stage=None):
        channels = x.size // len(x)
        self._stage = stage or ac.StreamConvolver(h, max_block=block, channels=channels)
        self._output = np.empty_like(x)
        self._calls = [(x[i : i + block], self._output[i : i + block]) for i in range(0, len(x), block)]

    def __call__(self):
        return in_python(self._stage.process, self._stage.reset, self._calls)

    def output(self):
        self()
        return self._output


class Pedalboard:
    """`process(block)` without a reset in between, in pedalboard's layout: channels first."""

    def __init__(self, x, h, block):
        rows, filters = (np.ascontiguousarray(np.atleast_2d(each.T)) for each in (x, h))
        # the loudest filter sets the level; they sum its energy one by one in float32, which is off by up to 1e-4
        energy = np.cumsum(filters * filters, axis=1, dtype=np.float32)[:, -1].max()
        self._gain = 0.125 / np.sqrt(energy)
        self._plugin = pedalboard.Convolution(filters, mix=1.0, sample_rate=RATE_HZ)
        blocks = [np.ascontiguousarray(rows[:, i : i + block]) for i in range(0, len(x), block)]
        self._calls = [(each, RATE_HZ, block, False) for each in blocks]

    def __call__(self):
        return in_python(self._plugin.process, self._plugin.reset, self._calls)

    def output(self):
        self._plugin.reset()
        return np.concatenate([self._plugin.process(*call) for call in self._calls], axis=1).T / self._gain


def in_python(process, reset, calls):
    """(CPU seconds of all calls together, seconds of each): one pass with a clock around each call, and one without."""
    taken_s = []
    with real_time():
        for call in calls[: len(calls) // 10]:
            process(*call)
        reset()
        for call in calls:
            start = time.perf_counter()
            process(*call)
            taken_s.append(time.perf_counter() - start)
        reset()
        start = time.process_time()
        for call in calls:
            process(*call)
        return time.process_time() - start, np.array(taken_s)


def chain_row(block, taps):
    """Gain, filter with feedback, convolution, gain: ours alone."""
    x, h = signal(block, taps, MONO)
    sos = scipy.signal.butter(8, 8000, fs=RATE_HZ, output="sos")
    chain = ac.Chain([ac.Gain(-6.0), ac.Biquad(sos), ac.StreamConvolver(h, max_block=block), ac.Gain(3.0)])
    way = Ours(x, h, block, chain)
    right = exact(scipy.signal.sosfilt(sos, 10 ** (-3 / 20) * x.astype(float)), h)
    error = check_equal(way.output(), right, MOST_ERROR)
    costs_s, late_s = medians_s({"ours": way})
    return {
        "block": block,
        "taps": taps,
        "stages": "gain, Butterworth of order 8, convolution, gain",
        "share of real time": costs_s["ours"] * RATE_HZ / len(x),
        "mean us": 1e6 * costs_s["ours"] / (len(x) / block),
        "99.9th percentile us": 1e6 * late_s["ours"],
        "error / maximum": error,
    }


def signal(block, taps, kind):
    """(x, h): 30 s of noise in whole blocks, and decaying filters as StreamConvolver takes them."""
    rng = np.random.default_rng(0)
    samples = SECONDS * RATE_HZ // block * block
    x_shape, h_shape = {MONO: ((), ()), STEREO: ((2,), (2,)), MATRIX: ((2,), (2, 2))}[kind]
    decay = np.exp(-5 * np.arange(taps) / taps).reshape(-1, *(1 for _ in h_shape))
    x, h = rng.standard_normal((samples, *x_shape)), rng.standard_normal((taps, *h_shape)) * decay
    return x.astype(np.float32), h.astype(np.float32)


def matrix(h):
    """Filters as (taps, inputs, outputs), whatever they were."""
    return h if h.ndim == 3 else h.reshape(len(h), 1, -1) * np.eye(h.size // len(h), dtype=h.dtype)


def exact(x, h):
    """The causal convolution in float64, by SciPy."""
    x, h = x.astype(float).reshape(len(x), -1), matrix(h).astype(float)
    y = np.zeros((len(x), h.shape[2]))
    for i, o in np.argwhere(h.any(axis=0)):
        y[:, o] += scipy.signal.oaconvolve(x[:, i], h[:, i, o])[: len(x)]
    return np.squeeze(y)
