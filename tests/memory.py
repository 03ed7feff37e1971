"""The memory of this process."""

import os
from pathlib import Path

import pytest

_STATM = Path("/proc/self/statm")  # in pages: all of it, and what of it lies in memory
needs_proc = pytest.mark.skipif(not _STATM.exists(), reason="memory is read from /proc")


def resident_mb():
    """What lies in memory now, in MB; a peak would hide what grows below it."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
