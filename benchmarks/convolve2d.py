"""convolve2d against OpenCV, SciPy and PyTorch: a magnitude spectrogram of a minute of music, one thread.

OpenCV and PyTorch are no dependencies: without them their columns stay empty. All that can get an array to write to.
"""

import os
from pathlib import Path

import numpy as np
import scipy.ndimage
import scipy.signal
from side_by_side import check_equal, least_s, medians_s, show
from threadpoolctl import threadpool_limits

import audioconv as ac
from audioconv.signal.kernels2d import gaussian

try:
    import cv2
except ImportError:
    cv2 = None
try:
    import torch
except ImportError:
    torch = None

FRAMES, BINS, SECONDS = 5625, 1025, 60
KERNELS = ((3, 3), (5, 5), (7, 7), (11, 11), (15, 15), (31, 31), (101, 17))
GAUSSIANS = (5, 15, 31)
MOST_TORCH = 15 * 15  # taps
ERROR = 1e-5  # of the maximum, enough to see that they did the same
REPEATS = 15


def main(options):
    x = spectrogram()
    if cv2:
        cv2.setNumThreads(1)
    if torch:
        torch.set_num_threads(1)
    with threadpool_limits(1):
        tables = {
            "any kernel": [row(x, taps) for taps in KERNELS],
            "gaussian": [gaussian_row(x, side) for side in GAUSSIANS],
            "threads": [threads_row(x, taps) for taps in KERNELS],
        }
    show(f"{FRAMES} x {BINS} float32, mode same, one thread: ms, and ratios", tables["any kernel"])
    show("The same with Gaussians: ms, and ratios", tables["gaussian"])
    show("One thread / two threads", tables["threads"])
    return tables


def spectrogram():
    """Magnitudes (frames, bins) of a minute of music, or, without AUDIOCONV_DATA, of the speech that ships, again and
    again.
    """
    found = sorted(Path(os.environ.get("AUDIOCONV_DATA", "-"), "recordings").glob("Kevin*.ogg"))
    samples, rate = ac.read(found[0] if found else Path(__file__).parent.parent / "data/recordings/speech.flac")
    samples = samples if samples.ndim == 1 else samples[:, 0]
    samples = np.resize(samples, SECONDS * rate)
    frames = ac.stft(samples, 2048, len(samples) // FRAMES)
    return np.ascontiguousarray(np.abs(frames[:FRAMES]))


def peers(x, kernel):
    """The other ways, as functions without arguments; None for one that is not there, or would take long.

    The first output of "same" is number (taps - 1) // 2 of the full result, and filter2D correlates.
    """
    out, flipped = np.empty_like(x), np.ascontiguousarray(kernel[::-1, ::-1])
    ways = dict.fromkeys(("OpenCV", "PyTorch", "convolve2d", "oaconvolve"))
    if cv2:
        ways["OpenCV"] = lambda: cv2.filter2D(x, -1, flipped, dst=out, borderType=cv2.BORDER_CONSTANT)
    if torch and kernel.size <= MOST_TORCH:
        ways["PyTorch"] = min(in_torch(x, flipped), key=lambda way: least_s(way, 2))
    ways["convolve2d"] = lambda: scipy.signal.convolve2d(x, kernel, "same")
    ways["oaconvolve"] = lambda: scipy.signal.oaconvolve(x, kernel, mode="same")
    return ways


def in_torch(x, flipped):
    """conv2d in both layouts of memory."""
    padding = tuple(taps // 2 for taps in flipped.shape)
    for layout in (torch.contiguous_format, torch.channels_last):
        image, weight = (torch.from_numpy(array)[None, None].to(memory_format=layout) for array in (x, flipped))

        def convolve(image=image, weight=weight):
            with torch.inference_mode():
                return torch.nn.functional.conv2d(image, weight, padding=padding)[0, 0].numpy()

        yield convolve


def timed(x, kernel, ways, **settings):
    """ms of ours and of others, checked equal first, and ratios."""
    out = np.empty_like(x)
    ways = {"audioconv": lambda: ac.convolve2d(x, kernel, "same", threads=1, out=out, **settings), **ways}
    ours = ways["audioconv"]().copy()
    present = {name: way for name, way in ways.items() if way}
    for way in present.values():
        check_equal(way(), ours, ERROR)
    times_s = medians_s(present, REPEATS)
    times = {name: 1e3 * times_s[name] if name in times_s else None for name in ways}
    ratios = {f"{name} / ours": times_s[name] / times_s["audioconv"] if name in times_s else None
              for name in ways if name != "audioconv"}  # fmt: skip
    return times | ratios


def row(x, taps):
    """A kernel that is no product of a column and a row."""
    kernel = np.random.default_rng(0).standard_normal(taps).astype(np.float32)
    about = {"taps": "{} x {}".format(*taps), "method": ac.plan(x.shape, kernel).method}
    return about | timed(x, kernel, peers(x, kernel))


def gaussian_row(x, side):
    sigma, out = side / 6, np.empty_like(x)
    kernel = gaussian(sigma, side)
    bell = np.exp(-0.5 * ((np.arange(side) - side // 2) / sigma) ** 2)
    bell = (bell / bell.sum()).astype(np.float32)
    ways = {
        "sepFilter2D": cv2 and (lambda: cv2.sepFilter2D(x, -1, bell, bell, dst=out, borderType=cv2.BORDER_REFLECT)),
        "gaussian_filter": lambda: scipy.ndimage.gaussian_filter(x, sigma, radius=side // 2, output=out),
    }
    about = {"taps": f"{side} x {side}", "method": ac.plan(x.shape, kernel).method}
    return about | timed(x, kernel, ways, boundary="reflect")


def threads_row(x, taps):
    kernel, out = np.random.default_rng(0).standard_normal(taps).astype(np.float32), np.empty_like(x)
    ways = {
        threads: lambda threads=threads: ac.convolve2d(x, kernel, "same", threads=threads, out=out)
        for threads in (1, 2)
    }  # fmt: skip
    times_s = medians_s(ways, REPEATS)
    return {"taps": "{} x {}".format(*taps), "one / two": times_s[1] / times_s[2]}
