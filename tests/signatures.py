"""What the kernels of a whole run were compiled for, in however many processes: one signature a dtype."""

import re
import sys


def compiled():
    """Signatures of the kernels that this process compiled or loaded, by the name of the kernel."""
    jit = sys.modules.get("audioconv.kernels._jit")
    if jit is None or not jit.JIT_ENABLED:
        return {}
    return {
        f"{kernel.py_func.__module__}.{kernel.__qualname__}": [str(signature) for signature in kernel.signatures]
        for kernel in jit.KERNELS
        if kernel.signatures
    }


def joined(processes):
    """What several processes compiled, each signature once."""
    names = {name for process in processes for name in process}
    return {name: sorted({s for process in processes for s in process.get(name, ())}) for name in sorted(names)}


def too_many(kernels):
    """Of kernels and their signatures those that have two signatures with the same floating types."""
    return {name: signatures for name, signatures in kernels.items() if _twice(signatures)}


def _twice(signatures):
    dtypes = [tuple(sorted(set(re.findall(r"float\d+", signature)))) for signature in signatures]
    return len(set(dtypes)) < len(dtypes)
