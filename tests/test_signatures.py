"""After all other tests: no kernel was compiled for more kinds of arguments than there are dtypes."""

import re

import pytest

from audioconv.kernels._jit import JIT_ENABLED, KERNELS


@pytest.mark.skipif(not JIT_ENABLED, reason="nothing is compiled with NUMBA_DISABLE_JIT=1")
def test_no_kernel_has_more_signatures_than_dtypes():
    used = [kernel for kernel in KERNELS if kernel.signatures]
    if len(used) < 10:
        pytest.skip("only meaningful after the other tests")
    again = {f"{k.py_func.__module__}.{k.__qualname__}": k.signatures for k in used if _twice(k.signatures)}
    assert not again


def _twice(signatures):
    """Whether two of the signatures have the same floating types."""
    dtypes = [tuple(sorted(set(re.findall(r"float\d+", str(signature))))) for signature in signatures]
    return len(set(dtypes)) < len(dtypes)
