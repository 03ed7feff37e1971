"""Signal in, signal out: the checked API over the kernels."""

from audioconv.signal import kernels2d
from audioconv.signal.convolve import convolve, correlate
from audioconv.signal.convolve2d import convolve2d
from audioconv.signal.filter import Filter
from audioconv.signal.plan import Plan, plan
from audioconv.signal.stft import Stft, istft, stft
from audioconv.signal.upfirdn import upfirdn

__all__ = [
    "Filter",
    "Plan",
    "Stft",
    "convolve",
    "convolve2d",
    "correlate",
    "istft",
    "kernels2d",
    "plan",
    "stft",
    "upfirdn",
]
