"""Instances and their mix against the formulas, on short filters, so that it also runs without JIT."""

import numpy as np
import pytest

from audioconv.kernels.realtime.crossfade import CONTROL
from audioconv.stream import StreamConvolver
from tests.compare import assert_close
from tests.signals import noise

TOLERANCE = {"float32": 2e-6, "float64": 5e-15}


def convolved(x, h):
    """Each column of x with h or its column of h, in extended precision."""
    h = np.broadcast_to(h.reshape(len(h), -1), (len(h), x.shape[1]))
    return np.stack([np.convolve(*pair)[: len(x)] for pair in zip(x.T, h.T.astype(np.longdouble), strict=True)], axis=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", ["cut", "fade_input"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_change_is_the_mix_that_it_says(dtype, mode, channels):
    x, old, new = noise((260, channels), dtype), noise((40, channels), dtype, 1), noise((25, channels), dtype, 2)
    stream = StreamConvolver(old, channels=channels, dtype=dtype, max_block=64, max_taps=40)
    parts = []
    for first in range(0, 260, 20):
        if first == 100:
            stream.set_ir(new, 50 / 48000, mode)
        parts.append(stream.process(x[first : first + 20]))
    g = np.clip((np.arange(260) - 99) / np.longdouble(50), 0, 1)[:, None]
    if mode == "cut":
        expected = (1 - g) * convolved(x, old) + g * convolved(x, new)
    else:
        expected = convolved((1 - g) * x, old) + convolved(g * x, new)
    assert_close(np.concatenate(parts), expected, TOLERANCE[dtype])


def test_old_voices_leave_when_they_have_rung():
    stream = StreamConvolver(noise(10, "float32"), max_block=1000, max_taps=10)
    stream.process(noise(100, "float32"))
    for _ in range(3):
        stream.set_ir(noise(10, "float32"), 1 / 48000, "fade_input")
        stream.process(noise(10, "float32"))
    assert stream._crossfade._control[CONTROL.instances] == 4
    stream.process(noise(900, "float32"))
    assert stream._crossfade._control[CONTROL.instances] == 1


def test_a_matrix_and_a_guard():
    x, h = noise((120, 2), "float32"), noise((30, 2, 1), "float32", 1)
    spoilt = x.copy()
    spoilt[7, 1], x[7, 1] = np.inf, 0
    stream = StreamConvolver(h, channels=2, max_block=120, replace_nonfinite=True)
    expected = convolved(x[:, :1], h[:, 0]) + convolved(x[:, 1:], h[:, 1])
    assert_close(stream.process(spoilt).reshape(-1, 1), expected, 2e-6)
    assert stream.nonfinite_count == 1
