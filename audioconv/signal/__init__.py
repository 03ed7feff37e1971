"""Signal in, signal out: the checked API over the kernels."""

from audioconv.signal.convolve import convolve

__all__ = ["convolve"]
