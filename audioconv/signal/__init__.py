"""Signal in, signal out: the checked API over the kernels."""

from audioconv.signal.convolve import convolve, correlate
from audioconv.signal.cost import plan
from audioconv.signal.filter import Filter

__all__ = ["Filter", "convolve", "correlate", "plan"]
