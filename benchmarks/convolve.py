"""convolve against SciPy, NumPy, PyTorch and FFTW in C: 30 s at 48 kHz, full result; and the memory that it takes.

PyTorch and FFTW are no dependencies: without them their columns stay empty, and why is printed. Whatever was planned
(FFTW, block sizes of others) or brought into another layout was so before the clock started: FFTW in C gets and returns
each channel apart in memory, while ours takes and returns (samples, channels). It writes into arrays that are used
again, and is held against ours with `out=`, which does so; the others return new arrays, and so does ours beside them.
"""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import fftw
import numpy as np
import peak_memory
import peers
import scipy.fft
import scipy.signal
from direct import multiply_adds
from side_by_side import check_equal, medians_s, show
from threadpoolctl import threadpool_limits

import audioconv as ac
from audioconv.parallel import run

SAMPLES = 30 * 48000
TAPS = (16, 64, 255, 1024, 4800, 48000, 240000)
MOST_ERROR = {"float32": 2e-6, "float64": 5e-15}  # of the maximum
PEERS_ERROR = {"float32": 1e-4, "float64": 1e-12}  # enough to see that they did the same
REPEATS = 9


def main(options):
    if fftw.missing():
        print(f"without FFTW: {fftw.missing()}")
    if not peers.torch:
        print("without PyTorch: torch is not installed")
    rng = np.random.default_rng(0)
    with threadpool_limits(1), single_torch():
        tables = {
            "mono float32": [mono_row(*signal(rng, taps)) for taps in TAPS],
            "mono float64": [row(*signal(rng, taps, dtype="float64")) for taps in TAPS],
            "multichannel float32": [
                {"channels": channels, "threads": threads, **row(*signal(rng, taps, channels), threads)}
                for channels in (2, 8)
                for threads in (1, 2)
                for taps in TAPS
            ],
            "two threads": [
                {"channels": channels or 1, **two_threads(*signal(rng, taps, channels))}
                for channels in (None, 2, 8)
                for taps in TAPS
            ],
            "most of two threads": most_of_two_threads(),
        }
    for name, rows in tables.items():
        if "two threads" in name:
            show(f"30 s at 48 kHz, {name}: ms", rows)
            continue
        ratios = [key for key in rows[0] if "/" in key]
        times = [key for key in rows[0] if key not in (*ratios, "best other")]
        show(f"30 s at 48 kHz, {name}: ms", [{key: row[key] for key in times} for row in rows])
        about = [key for key in rows[0] if key in ("channels", "threads", "taps", "best other")]
        show(f"30 s at 48 kHz, {name}: ratios", [{key: row[key] for key in (*about, *ratios)} for row in rows])
    tables["memory"] = peak_memory.table(SAMPLES, TAPS)
    show("Peak extra memory of one call, mono float32, MB", tables["memory"])
    return tables


@contextlib.contextmanager
def single_torch():
    """PyTorch at its best on one thread, if there is PyTorch."""
    if not peers.torch:
        yield
        return
    peers.torch.set_num_threads(1)
    with peers.torch.inference_mode():
        yield


def signal(rng, taps, channels=None, dtype="float32"):
    """(x, h): noise, and a decaying filter for each channel; time first."""
    shape = () if channels is None else (channels,)
    decay = np.exp(-5 * np.arange(taps) / taps).reshape(-1, *(1 for _ in shape))
    x, h = rng.standard_normal((SAMPLES, *shape)), rng.standard_normal((taps, *shape)) * decay
    return x.astype(dtype), h.astype(dtype)


def row(x, h, threads=1, more=()):
    """Times in ms of all ways (those in `more`, too) for one pair of signal and filter, checked equal first."""
    dtype = x.dtype.name
    y = ac.convolve(x, h)
    ways = {
        "audioconv": lambda: ac.convolve(x, h, threads=threads),
        "audioconv, out=": lambda: ac.convolve(x, h, out=y, threads=threads),
        **oaconvolves(x, h, threads),
    }
    ways |= {"FFTW in C": None if fftw.missing() else fftw_in_c(x, h, threads), **dict(more)}
    present = {name: way for name, way in ways.items() if way}
    ours = ways["audioconv"]()
    error = check_exact(ours, x, h)
    for way in present.values():
        theirs = np.squeeze(np.asarray(way()))
        check_equal(theirs if theirs.shape == ours.shape else theirs.T, ours, PEERS_ERROR[dtype])
    times_s = medians_s(present, REPEATS)
    times_s["oaconvolve"] = min(times_s["oaconvolve"], times_s.pop("oaconvolve, channels first", np.inf))
    times = {name: 1e3 * times_s[name] if way else None for name, way in ways.items() if name in times_s or not way}
    ratios = {"oaconvolve / ours": ratio(times, "oaconvolve"),
              "FFTW in C / ours": ratio(times, "FFTW in C", "audioconv, out=")}  # fmt: skip
    return {"taps": len(h), **times, **ratios, "error / maximum": error}


def mono_row(x, h):
    """A row with every other way, too; the best of those that one finds ready counts as "best other"."""
    ready = peers.ready_made(x, h)
    result = row(x, h, more={**ready, "torch in blocks": peers.torch_blocks(x, h) if peers.torch else None})
    best = min((name for name in ready if result[name]), key=result.get)
    return result | {
        "best other": best,
        "best other / ours": ratio(result, best),
        "torch in blocks / ours": ratio(result, "torch in blocks"),
    }


def two_threads(x, h):
    """What a second thread brings, with results in new arrays and with `out=`."""
    y = ac.convolve(x, h)
    ways = {"1 thread": partial(ac.convolve, x, h, threads=1), "2 threads": partial(ac.convolve, x, h, threads=2)}
    ways |= {f"{name}, out=": partial(way, out=y) for name, way in ways.items()}
    check_equal(ways["2 threads"](), ways["1 thread"](), 0)
    times = {name: 1e3 * time_s for name, time_s in medians_s(ways, REPEATS).items()}
    gains = {f"gain{out}": times[f"1 thread{out}"] / times[f"2 threads{out}"] for out in ("", ", out=")}
    return {"taps": len(h), **times, **gains}


def most_of_two_threads():
    """What a second thread brings here at most: to multiply-adds in registers, and to memory."""
    numbers = np.ones((2, SAMPLES * 4), np.float32)
    others = np.ones_like(numbers)
    ways = {
        "multiply-adds in registers": lambda i: multiply_adds(numbers[i, :64] * 0, others[i], 1_000_000),
        "memory read and written": lambda i: np.negative(numbers[i], out=others[i]),
    }
    rows = []
    for what, way in ways.items():
        both = {threads: partial(run, way, (0, 1), threads) for threads in (1, 2)}
        times_s = medians_s(both, REPEATS)
        rows.append({"what": what, "1 thread": 1e3 * times_s[1], "2 threads": 1e3 * times_s[2],
                     "gain": times_s[1] / times_s[2]})  # fmt: skip
    return rows


def ratio(times, name, ours="audioconv"):
    return times[name] / times[ours] if times[name] else None


def oaconvolves(x, h, threads):
    """SciPy's, for several channels in both layouts; the better one counts."""

    def call(x, h, axis):
        with scipy.fft.set_workers(threads):
            return scipy.signal.oaconvolve(x, h, axes=axis)

    if x.ndim == 1:
        return {"oaconvolve": lambda: call(x, h, 0)}
    rows, filters = np.ascontiguousarray(x.T), np.ascontiguousarray(h.T)
    return {"oaconvolve": lambda: call(x, h, 0), "oaconvolve, channels first": lambda: call(rows, filters, 1)}


def fftw_in_c(x, h, threads):
    """Overlap-save on FFTW: channels one by one, apart in memory, on as many threads as we have."""
    pairs = list(zip(np.atleast_2d(x.T.copy()), np.atleast_2d(h.T.copy()), strict=True))
    calls = [partial(fftw.overlap_save(*pair), *pair) for pair in pairs]
    if x.ndim == 1:
        return calls[0]
    if threads == 1:
        return lambda: [call() for call in calls]
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(lambda call: call(), calls))


def check_exact(y, x, h):
    """Stop if y is off; the reference are sums in extended precision, at both ends and at 200 places between."""
    middle = np.random.default_rng(1).integers(len(y), size=200)
    places = np.unique(np.concatenate((np.arange(16), middle, len(y) - 1 - np.arange(16))))
    reference = np.array([_output(x, h, place) for place in places])
    error = float(np.max(np.abs(y[places] - reference)) / np.max(np.abs(y)))
    if not error <= MOST_ERROR[y.dtype.name]:
        raise SystemExit(f"{len(h)} taps, {y.dtype}: off by {error:.2g} of the maximum")
    return error


def _output(x, h, place):
    """Output number `place` of the full convolution, in extended precision."""
    first, last = max(0, place - len(h) + 1), min(len(x), place + 1)
    taps = h[place - last + 1 : place - first + 1][::-1]
    return (x[first:last].astype(np.longdouble) * taps).sum(axis=0)
