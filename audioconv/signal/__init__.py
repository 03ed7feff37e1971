"""Signal in, signal out: the checked API over the kernels."""

from typing import TYPE_CHECKING

from audioconv._lazy import on_first_use
from audioconv.signal import kernels2d

if TYPE_CHECKING:
    from audioconv.signal._convolve import convolve, correlate
    from audioconv.signal._convolve2d import convolve2d
    from audioconv.signal._plan import Plan, plan
    from audioconv.signal._stft import Stft
    from audioconv.signal._stft_functions import istft, stft
    from audioconv.signal._upfirdn import upfirdn
    from audioconv.signal.filter import Filter
else:
    __getattr__, __dir__ = on_first_use(
        __name__,
        {
            "_convolve": "convolve correlate",
            "_convolve2d": "convolve2d",
            "_plan": "Plan plan",
            "_stft": "Stft",
            "_stft_functions": "istft stft",
            "_upfirdn": "upfirdn",
            "filter": "Filter",
        },
    )

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
