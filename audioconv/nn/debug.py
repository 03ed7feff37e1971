"""A debug mode for work on ops: uninitialised memory is NaN, so that reads of it show.

Programs reuse memory (`runtime.arena`), so that an op which reads what no op wrote finds old numbers, often plausible
ones. In this mode memory is not reused, and is filled with NaN: the scratch memory of a thread before each micro-batch
of each phase, the rest before the first phase. Streams begin with NaN wherever no padding is. All else is as usual, to
the bit: so correct results stay the same, and others become NaN.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_on = os.environ.get("AUDIOCONV_DEBUG_MEMORY", "0") not in ("", "0")


def memory_is_checked() -> bool:
    """Whether programs that are made now check their memory.

    Returns
    -------
    checked : bool

    Examples
    --------
    >>> with check_memory():
    ...     memory_is_checked()
    True
    """
    return _on


@contextmanager
def check_memory(on: bool = True) -> Iterator[None]:
    """Within this context, networks fill memory with NaN before anything is written to it.

    It holds for programs that are made within: for layers, training steps and streams that are new, or called with a
    new shape. `AUDIOCONV_DEBUG_MEMORY=1` does the same for a whole process.

    Parameters
    ----------
    on : bool
        False switches it off.

    Yields
    ------
    None

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> from audioconv.nn.debug import check_memory
    >>> with check_memory():
    ...     layer = nn.Conv1d(3, 2, 5, rng=np.random.default_rng(0))
    ...     y = layer.forward(np.ones((4, 9, 3), "float32"), training=True)
    ...     bool(np.isfinite(layer.backward(y)).all())
    True
    """
    global _on
    before, _on = _on, bool(on)
    try:
        yield
    finally:
        _on = before
