"""Signal activity under each window of a short-time transform: digital silence is no noise to learn from."""

import numpy as np

from audioconv._typing import Array
from audioconv.signal._stft import Stft
from audioconv.stage import SampleQueue


class SignalActivity:
    """The share of each frame's window, in energy, that covers sound.

    Samples before and after the signal are none, and neither are stretches of zeros, of an eighth of a hop. Frames are
    those of `Stft.stream`, for transforms whose windows begin at multiples of the hop.
    """

    def __init__(self, transform: Stft) -> None:
        self._step = max(1, transform.hop // 8)
        self._per_hop = transform.hop // self._step
        energy = (transform.window**2).reshape(-1, self._step).sum(axis=1)
        self._energy = (energy / energy.sum()).astype(np.float32)
        self._left_pad = transform.left_pad // self._step
        self.reset()

    def reset(self) -> None:
        """Forget the signal so far."""
        self._active = SampleQueue(np.zeros(self._left_pad, bool))  # by stretches, from where the next frame begins
        self._pending = SampleQueue(np.zeros(0, bool))  # of a stretch that is not complete

    def process(self, block: Array, count: int) -> Array:
        """Take (samples, channels) and return the shares (count, 1) of the frames that they complete."""
        self._pending.append((block != 0).any(axis=1))
        complete = self._pending.take(self._pending.frames(self._step) * self._step)
        self._active.append(np.asarray(complete.reshape(-1, self._step).any(axis=1)))
        return self._shares(count)

    def flush(self, count: int) -> Array:
        """The shares of the last frames; then start afresh."""
        after = np.zeros(count * self._per_hop + len(self._energy), bool)
        self._active.append(np.array([self._pending.items.any(), *after]))
        shares = self._shares(count)
        self.reset()
        return shares

    def _shares(self, count: int) -> Array:
        if not count:
            return np.empty((0, 1), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self._active.items, len(self._energy))
        windows = windows[:: self._per_hop][:count]
        shares: Array = np.where(windows, self._energy, np.float32(0)).sum(axis=1, keepdims=True)
        self._active.drop(count * self._per_hop)
        return shares
