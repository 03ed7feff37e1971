"""Signal in, signal out: the checked API over the kernels."""

from audioconv.signal import kernels2d
from audioconv.signal._convolve import convolve, correlate
from audioconv.signal._convolve2d import convolve2d
from audioconv.signal._plan import Plan, plan
from audioconv.signal._stft import Stft
from audioconv.signal._stft_functions import istft, stft
from audioconv.signal._upfirdn import upfirdn
from audioconv.signal.filter import Filter

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
