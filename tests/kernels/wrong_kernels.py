"""Kernels that go one element beyond their arrays; run as `python -m tests.kernels.wrong_kernels NAME`."""

import sys

import numpy as np

from audioconv.kernels._jit import kernel
from audioconv.kernels.simd.vector import broadcast, lanes, load, store
from tests.kernels import guard_pages


@kernel
def read_behind(x, out):
    store(out, 0, load(x, x.size - lanes(x) + 1))


@kernel
def read_before(x, out):
    store(out, 0, load(x, -1))


@kernel
def write_behind(x, out):
    store(out, out.size - lanes(x) + 1, load(x, 0))


@kernel
def one_behind(x, out):
    store(out, 0, broadcast(x, x.size))


@kernel
def right(x, out):
    store(out, out.size - lanes(x), load(x, x.size - lanes(x)))
    store(out, 0, load(x, 0))


def main(name):
    guard_pages.install()
    x, out = np.arange(24, dtype=np.float32), np.zeros(40, np.float32)
    x.flags.writeable = False
    globals()[name](x, out)
    assert (out[:8] == np.arange(8)).all()
    assert (out[-8:] == np.arange(16, 24)).all()
    print(guard_pages.SIDE, "was not touched")


if __name__ == "__main__":
    main(sys.argv[1])
