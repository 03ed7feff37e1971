"""Signal in, signal out: the checked API over the kernels."""

from audioconv.signal.convolve import convolve, correlate
from audioconv.signal.cost import Plan, plan
from audioconv.signal.filter import Filter
from audioconv.signal.upfirdn import upfirdn

__all__ = ["Filter", "Plan", "convolve", "correlate", "plan", "upfirdn"]
