"""The base of stages that change short-time spectra: memory and state of the compiled step that gathers frames."""

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audioconv._typing import Array, FloatArray
from audioconv.arrays import aligned
from audioconv.kernels.dsp import _fft as fft
from audioconv.kernels.dsp.stft import scratch_size
from audioconv.kernels.realtime.short_time import ENDLESS, PROGRESS, SHORT_TIME, short_time
from audioconv.signal._stft import Stft
from audioconv.stream.processor import Processor, counter
from audioconv.stream.steps import Entry, Table, compiled, table_of_steps


class ShortTimeStage(Processor):
    """Base of stages that change short-time spectra, frame by frame, in a compiled step of their own.

    A subclass says in `_spectra_step` what changes the spectra of a frame in place, (channels, bins, 2), and `ahead`
    frames late; it may read `_memory["pending"]`, the last samples (channels, size), and `_progress`. What it keeps of
    the signal are arrays in `_memory`, float32, which are zeros before a signal begins.
    """

    def __init__(self, sample_rate: int, transform: Stft, channels: int, *, ahead: int = 0) -> None:
        super().__init__(channels)
        self.sample_rate = self.rate_in = self.rate_out = sample_rate
        self.transform, self._size = transform, len(transform.window)
        self.latency = self._size - 1 + ahead * transform.hop
        self._lead = self._size // transform.hop - 1 + ahead
        plan, twiddles = fft.plan_real(self._size, "float32")
        self._constants = {
            "analysis": transform.window.astype(np.float32), "synthesis": transform.dual.astype(np.float32),
            "plan": plan, "twiddles": twiddles, "scratch": aligned(scratch_size(self._size), np.float32),
        }  # fmt: skip
        self._progress, self._nonfinite = np.zeros(PROGRESS.row_size, np.int64), counter()
        self._memory: dict[str, NDArray[np.float32]] = {}
        samples = self.channels * self._size
        self._keep(pending=samples, total=samples, pairs=samples + 2 * self.channels)
        self._spectra: Table | None = None

    def _keep(self, **sizes: int) -> None:
        """Make room in memory."""
        self._memory |= {name: aligned(size, np.float32) for name, size in sizes.items()}

    @abstractmethod
    def _spectra_step(self) -> Entry:
        """The step that changes spectra."""

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_spectra": None}

    def _compiled_step(self) -> Entry:
        if self._spectra is None:
            self._spectra = table_of_steps([self._spectra_step()])
        own = {name: self._memory[name] for name in ("pending", "total", "pairs")}
        sizes = {f"{name}_size": self._constants[name].size for name in ("plan", "twiddles", "scratch")}
        row = SHORT_TIME.pack(
            channels=self.channels, size=self._size, hop=self.transform.hop, lead=self._lead, spectra=self._spectra[0],
            progress=self._progress, nonfinite=self._nonfinite, **self._constants, **sizes, **own,
        )  # fmt: skip
        return compiled(short_time, row)

    def _flush(self) -> FloatArray:
        samples = self._progress[PROGRESS.frames] * self.transform.hop + self._progress[PROGRESS.place]
        self._progress[PROGRESS.last] = max(1, self.transform.frames(int(samples)))
        return self._ended(self.latency)

    def _reset(self) -> None:
        zeros: list[Array] = [self._progress, self._nonfinite, *self._memory.values()]
        for array in zeros:
            array.fill(0)
        self._progress[PROGRESS.last] = ENDLESS
