"""Small calls against NumPy, SciPy and librosa: what a call costs where the work is little. One thread.

Peers get all that can be done beforehand: arrays padded and reversed, filters and objects made, float32 where they keep
it. Times are of the thread's processor, of loops of calls that take about a millisecond, in turn; the median.
"""

import gc
import time
from functools import partial

import librosa
import numpy as np
import scipy.ndimage
import scipy.signal
from side_by_side import check_equal, least_s, show
from threadpoolctl import threadpool_limits

import audioconv as ac

SAMPLES = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
TAPS = (3, 8, 16, 32, 64, 128, 256, 512)
ERROR = {"float32": 5e-6, "float64": 1e-12}  # of the maximum: what a float32 FFT of a peer leaves
LOOP_S, REPEATS = 1e-3, 9


def main(options):
    few = 3 if options.quick else 1  # each third size, and three repeats
    repeats = 3 if options.quick else REPEATS
    with threadpool_limits(1):
        cells = [
            cell
            for dtype in ERROR
            for samples in SAMPLES[::few]
            for taps in TAPS[::few]
            for cell in convolutions(samples, taps, dtype, repeats)
        ]
        others = [cell for make in OTHERS for case in make() for cell in other(case, repeats)]
    for function in CONVOLUTIONS:
        for dtype in ERROR:
            own = [cell for cell in cells if (cell["function"], cell["dtype"]) == (function, dtype)]
            show(f"{function}, {dtype}: the best peer's time / ours", grid(own))
    show("Other functions, float32", others)
    found = [summary(function, cells) for function in CONVOLUTIONS]
    found += [summary(function, others) for function in dict.fromkeys(cell["function"] for cell in others)]
    show("All cells", found)
    return {"convolutions": cells, "others": others, "summary": found}


def medians_s(ways, repeats):
    """Median time of a call of each way, in seconds of this thread, from loops of calls that take turns."""
    calls = {name: max(1, int(LOOP_S / least_s(way, 5))) for name, way in ways.items()}
    times_s = {name: [] for name in ways}
    gc.disable()
    for _ in range(repeats):
        for name, way in ways.items():
            turns = range(calls[name])
            start = time.thread_time()
            for _ in turns:
                way()
            times_s[name].append((time.thread_time() - start) / calls[name])
    gc.enable()
    return {name: float(np.median(values)) for name, values in times_s.items()}


def compared(about, ours, peers, times_s):
    """A row: the time of `ours`, that of the best of some peers, and their ratio."""
    best = min(peers, key=times_s.get)
    return about | {
        "us": 1e6 * times_s[ours],
        "best peer": best,
        "its us": 1e6 * times_s[best],
        "peer / ours": times_s[best] / times_s[ours],
    }


# --- convolution ------------------------------------------------------------------------------------------


# by what they are called in tables: ours, and NumPy's
CONVOLUTIONS = {
    "convolve": ("convolve", "np.convolve"),
    "correlate": ("correlate", "np.correlate"),
    "correlate, against convolutions": ("correlate", "np.convolve"),
    "Fir.convolve": ("Fir.convolve", "np.convolve"),
}


def convolutions(samples, taps, dtype, repeats):
    """The rows of a cell. The other peers of `correlate` are those of `convolve`, with taps reversed beforehand."""
    rng = np.random.default_rng(0)
    x, h = rng.standard_normal(samples).astype(dtype), rng.standard_normal(taps).astype(dtype)
    fir, back = ac.Fir(h), h[::-1].copy()
    padded, one = np.concatenate((x, np.zeros(taps - 1, dtype))), np.ones(1, dtype)
    ways = {
        "convolve": partial(ac.convolve, x, h),
        "correlate": partial(ac.correlate, x, back),
        "Fir.convolve": partial(fir.convolve, x),
        "np.convolve": partial(np.convolve, x, h),
        "np.correlate": partial(np.correlate, x, back, "full"),
        "lfilter": partial(scipy.signal.lfilter, h, one, padded),
        "fftconvolve": partial(scipy.signal.fftconvolve, x, h),
        "oaconvolve": partial(scipy.signal.oaconvolve, x, h),
    }
    exact = np.convolve(x.astype(float), h.astype(float))
    for way in ways.values():
        check_equal(way(), exact, ERROR[dtype])
    times_s = medians_s(ways, repeats)
    for name, (ours, own) in CONVOLUTIONS.items():
        about = {"function": name, "dtype": dtype, "samples": samples, "taps": taps}
        yield compared(about, ours, (own, "lfilter", "fftconvolve", "oaconvolve"), times_s)


def grid(cells):
    """Ratios as rows of a table: samples by taps."""
    rows = {}
    for cell in cells:
        row = rows.setdefault(cell["samples"], {"samples": cell["samples"]})
        row[f"{cell['taps']} taps"] = cell["peer / ours"]
    return list(rows.values())


# --- the other functions: (function, size, what of it, our way, peers, what to compare of a result) ---------------


def other(case, repeats):
    """The row of a case, checked equal first; `same` brings a peer's result to the form of ours."""
    function, size, what, ours, peers, same = case
    result = same(ours())
    for way in peers.values():
        check_equal(same(way()), result, 2e-5)
    yield compared(
        {"function": function, "size": size, "what": what}, "ours", peers, medians_s({"ours": ours, **peers}, repeats)
    )


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def upfirdn_cases():
    for up, down in ((2, 1), (1, 3), (147, 160)):
        most = max(up, down)
        h = (up * scipy.signal.firwin(8 * most + 1, 1 / most)).astype(np.float32)
        for samples in (64, 256, 1024, 4096):
            x = noise(samples)
            peers = {"scipy.signal.upfirdn": partial(scipy.signal.upfirdn, h, x, up, down)}
            yield "upfirdn", samples, f"{up}/{down}", partial(ac.upfirdn, h, x, up, down), peers, np.asarray


FRAMES = ((64, 32, 8), (256, 64, 16), (1024, 256, 64), (4096, 512, 128), (16384, 1024, 256))  # samples, window, hop


def stft_cases():
    """librosa's frames are those of ours whose middle lies in the signal, with phases from the window's start."""
    for samples, size, hop in FRAMES:
        x, window = noise(samples), scipy.signal.get_window("hann", size)
        first, count = -ac.Stft(size, hop).first_frame, 1 + samples // hop
        made = scipy.signal.ShortTimeFFT(window.astype(np.float32), hop, 1)
        peers = {
            "ShortTimeFFT": partial(made.stft, x),
            "librosa.stft": partial(librosa.stft, x, n_fft=size, hop_length=hop, window=window),
        }

        def same(spectra, first=first, count=count, bins=size // 2 + 1):
            magnitudes = np.abs(spectra if spectra.shape[1] == bins else spectra.T)
            return magnitudes if len(magnitudes) == count else magnitudes[first : first + count]

        yield "stft", samples, f"{size} / {hop}", partial(ac.stft, x, size, hop), peers, same
        yield "Stft", samples, f"{size} / {hop}", partial(ac.Stft(size, hop), x), peers, same


def istft_cases():
    for samples, size, hop in FRAMES:
        x, window = noise(samples), scipy.signal.get_window("hann", size)
        made = scipy.signal.ShortTimeFFT(window.astype(np.float32), hop, 1)
        spectra, theirs = ac.stft(x, size, hop), librosa.stft(x, n_fft=size, hop_length=hop, window=window)
        transposed = np.ascontiguousarray(spectra.T)
        librosa_istft = partial(
            librosa.istft, theirs, hop_length=hop, n_fft=size, window=window, length=samples
        )  # fmt: skip
        peers = {
            "ShortTimeFFT": partial(made.istft, transposed, k1=samples),
            "librosa.istft": librosa_istft,
        }
        ours = {
            "istft": partial(ac.istft, spectra, size, hop, samples=samples),
            "Stft.inverse": partial(ac.Stft(size, hop).inverse, spectra, samples),
        }
        for function, way in ours.items():
            yield function, samples, f"{size} / {hop}", way, peers, np.asarray


def log_mel_cases():
    """librosa's own steps, with the mel filters made beforehand, as `melspectrogram` does not keep them."""
    for samples, window_ms, n_mels in ((64, 4, 8), (400, 25, 40), (1024, 25, 40), (4096, 25, 40), (16000, 25, 40)):
        x, features = noise(samples), ac.LogMel(window_ms=window_ms, hop_ms=window_ms * 0.4, n_mels=n_mels)
        size, length = features.fft_size, features.win_length
        left = (size - length) // 2
        padded, filters = np.pad(x, (left, size - length - left)), features.filters.astype(np.float32)
        window = np.zeros(size, np.float32)
        window[left : left + length] = scipy.signal.get_window("hann", length)
        offset = np.float32(features.offset)

        def theirs(x=padded, size=size, hop=features.hop, window=window, filters=filters, offset=offset):
            spectra = librosa.stft(x, n_fft=size, hop_length=hop, window=window, center=False)
            return np.log(filters @ np.abs(spectra) ** 2 + offset).T

        yield "LogMel", samples, f"{n_mels} mels", partial(features, x), {"librosa.stft": theirs}, np.asarray


def biquad_cases():
    for sections in (1, 4):
        sos = scipy.signal.butter(2 * sections, 0.2, output="sos")
        single = sos.astype(np.float32)
        for samples in (64, 256, 1024, 4096):
            x, stage = noise(samples), ac.Biquad(sos)
            peers = {
                "sosfilt": partial(scipy.signal.sosfilt, sos, x),
                "sosfilt, float32": partial(scipy.signal.sosfilt, single, x),
            }
            stream = partial(process_from_rest, stage, x)
            yield "Biquad", samples, f"{sections} section(s)", stream, peers, np.asarray


def process_from_rest(stage, x):
    stage.reset()
    return stage.process(x)


def convolve2d_cases():
    for side, taps in ((16, 3), (16, 5), (16, 9), (32, 3), (32, 5), (32, 9), (64, 3), (64, 9), (128, 3), (128, 9)):
        x, rough = noise(side, side), noise(taps, taps)
        bell = scipy.signal.get_window("hann", taps + 2)[1:-1].astype(np.float32)
        for name, kernel in {"any": rough, "rank one": np.outer(bell, bell)}.items():
            peers = {
                "convolve2d": partial(scipy.signal.convolve2d, x, kernel, "same"),
                "fftconvolve": partial(scipy.signal.fftconvolve, x, kernel, "same"),
                "ndimage": partial(scipy.ndimage.convolve, x, kernel, mode="constant"),
            }
            if name == "rank one":
                peers["sepfir2d's way, convolve1d"] = partial(both_ways, x, bell)
            ours = partial(ac.convolve2d, x, kernel, "same")
            yield "convolve2d", f"{side} x {side}", f"{taps} x {taps}, {name}", ours, peers, np.asarray


def both_ways(x, taps):
    rows = scipy.ndimage.convolve1d(x, taps, axis=0, mode="constant")
    return scipy.ndimage.convolve1d(rows, taps, axis=1, mode="constant")


OTHERS = (upfirdn_cases, stft_cases, istft_cases, log_mel_cases, biquad_cases, convolve2d_cases)


def summary(function, cells):
    """Of a function: the share of cells at least as fast as the peer, the worst one, and its smallest call."""
    own = [cell for cell in cells if cell["function"] == function]
    ratios = [cell["peer / ours"] for cell in own]
    worst = own[int(np.argmin(ratios))]
    sizes = {key: value for key, value in worst.items() if key in ("dtype", "samples", "taps", "size", "what")}
    return {
        "function": function,
        "cells": len(own),
        "at least 1.0": float(np.mean(np.array(ratios) >= 1)),
        "least": min(ratios),
        "where": ", ".join(map(str, sizes.values())),
        "median": float(np.median(ratios)),
        "smallest call, us": own[0]["us"],
    }
