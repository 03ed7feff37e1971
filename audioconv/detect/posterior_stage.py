"""A detector's scorer as a stage of chains: sound passes, and posteriors of keywords go into a ring buffer."""

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from audioconv._typing import Array, ArrayLike, Float32Array
from audioconv.arrays import aligned, number, whole
from audioconv.classify.model_parts import SAMPLE_RATES
from audioconv.errors import ArgumentError
from audioconv.features.stream import level_start, step_arrays
from audioconv.kernels.dsp import mel
from audioconv.kernels.dsp.rate_filter import RATE_STATE
from audioconv.kernels.nn import frame_posteriors as kernels
from audioconv.kernels.nn.frame_posteriors import LISTENER, PROGRESS
from audioconv.kernels.nn.streaming import NETWORK_BLOCK
from audioconv.kernels.realtime import monitors
from audioconv.kernels.realtime.atomics import read
from audioconv.kernels.realtime.monitors import RING_COUNTERS
from audioconv.stage import Guard, checked_block
from audioconv.stream.processor import Processor, counter
from audioconv.stream.rate_filter import RateFilter, rate_filter
from audioconv.stream.steps import Entry, compiled

if TYPE_CHECKING:
    from audioconv.detect.frame_scorer import FrameScorer

BUFFER_S = 60.0
MARGIN = 2  # rows that a block may complete beyond those of its own length
NO_FILTER = RateFilter(0, 0, 0, np.empty((1, 0), np.float32))
_NOTHING = np.empty(0, np.float32)


class PosteriorStage(Processor):
    """Posteriors of keywords of what passes, for one thread of Python to read, also while a sound card plays.

    Features, network and softmax are one compiled step. The rows wait in a ring buffer with one writer and one reader,
    who never makes the sound wait.

    Parameters
    ----------
    scorer : FrameScorer
    sample_rate : int, in Hz, optional
        Of the sound, if it is not that of the scorer: what the scorer hears is resampled.
    channels : int
        Of the sound; the scorer hears their mean.
    passes : bool
        Whether the sound is passed on, as in chains; otherwise the step gives nothing, and refuses a block that is not
        finite.
    buffer_s : float, in seconds
        Of how much sound rows wait until somebody reads them; what comes later is dropped.

    Attributes
    ----------
    channels, out_channels : int
    rate_in, rate_out : int, in Hz
        That of the sound.
    """

    def __init__(
        self,
        scorer: "FrameScorer",
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        passes: bool = True,
        buffer_s: float = BUFFER_S,
    ) -> None:
        super().__init__(channels)
        self.scorer, self._passing = scorer, passes
        self._rate = scorer.sample_rate if sample_rate is None else whole(sample_rate, "sample_rate")
        if not SAMPLE_RATES[0] <= self._rate <= SAMPLE_RATES[1]:  # its filter would take gigabytes
            raise ArgumentError(f"sample_rate must be from {SAMPLE_RATES[0]} to {SAMPLE_RATES[1]} Hz, not {self._rate}")
        self.rate_in = self.rate_out = self._rate
        buffered = number(buffer_s, "buffer_s", above=0) * scorer.sample_rate / scorer.row_hop
        self._ring_rows = MARGIN + ceil(buffered)
        self._network, self._words, self._outputs = scorer.network_stream(), len(scorer.classes), scorer.outputs
        self._reading = Guard("reading of posteriors")
        self._nonfinite, self._progress = counter(), np.zeros(PROGRESS.row_size, np.int64)
        self._counters, self._rate_state = (
            np.zeros(RING_COUNTERS.row_size, np.int64),
            np.zeros(RATE_STATE.row_size, np.int64),
        )
        self._allocate()
        self._reset()
        self._prepare()

    def _allocate(self) -> None:
        """Make the memory of the stage, whose pages are touched, so that no page fault delays the sound card."""
        features, filter_taps = self.scorer.features, self._filter.taps.shape[1] if self._filter else 0
        block, n_mels = NETWORK_BLOCK * features.hop, len(features.filters)
        sizes = {
            "rate_history": filter_taps + ceil(block * self._rate / features.sample_rate) if self._filter else 0,
            "pending": max(features.win_length, features.padding[0]) + block,
            "scratch": mel.scratch_size(2 * (features.filters.shape[1] - 1)),
            "mel": NETWORK_BLOCK * n_mels,
            "running": n_mels,
            "absolute": NETWORK_BLOCK * n_mels,
            "x": NETWORK_BLOCK * features.n_features,
            "logits": self._network.max_rows * self._outputs,
            "ring": self._ring_rows * (1 + self._words),
        }
        self._memory: dict[str, Array] = {name: aligned(size, np.float32) for name, size in sizes.items()}
        # all that the step reads and writes; they live as long as their addresses are used
        self._arrays = step_arrays(features) | self._memory | {
            "rate_taps": (self._filter or NO_FILTER).taps,
            "statistics": np.concatenate((self.scorer.mean, self.scorer.std)),
            "progress": self._progress, "nonfinite": self._nonfinite, "rate_state": self._rate_state,
            "counters": self._counters,
        }  # fmt: skip

    @property
    def _filter(self) -> RateFilter | None:
        rate = self.scorer.sample_rate
        return None if self._rate == rate else rate_filter(self._rate, rate)

    def _compiled_step(self) -> Entry:
        scorer, rates = self.scorer, self._filter or NO_FILTER
        row = LISTENER.pack(
            channels=self.channels, passes=int(self._passing), up=rates.up, down=rates.down, phases=rates.phases,
            taps_a_phase=rates.taps.shape[1], win_length=scorer.features.win_length, hop=scorer.features.hop,
            n_mels=len(scorer.features.filters), words=self._words, outputs=self._outputs,
            network=self._network.step_state(),
            **{name: (array.reshape(-1), array.size) for name, array in self._arrays.items()},
        )  # fmt: skip
        return compiled(kernels.listen, row)

    # --- rows ---

    @property
    def dropped(self) -> int:
        """Rows for which there was no room, because nobody has read for too long."""
        return int(self._counters[RING_COUNTERS.dropped])

    def _read_rows(self) -> Float32Array:
        """The rows since the last call; where some were dropped there are zeros, so that their times stay right."""
        width = 1 + self._words
        count = int(read(self._counters, RING_COUNTERS.written) - self._counters[RING_COUNTERS.read])
        if not count:
            return np.empty((0, self._words), np.float32)
        rows = np.empty((count, width), np.float32)
        monitors.read_ring(self._memory["ring"], self._counters, rows.reshape(-1), width)
        gaps, posteriors = rows[:, 0].astype(np.int64), np.ascontiguousarray(rows[:, 1:])
        if gaps.any():
            posteriors = np.insert(posteriors, np.repeat(np.arange(count), gaps), np.float32(0), axis=0)
        return posteriors

    def _rows_of(self, block: ArrayLike) -> Float32Array:
        """The rows that a block completes which is not passed on; one that is not finite is refused."""
        samples: Any = block
        if not (type(block) is np.ndarray and block.dtype is self._dtype and block.ndim == 1):
            samples = checked_block(block, self._dtype, ((),), stage=self.scorer)
        if not samples.flags.carray:
            samples = np.array(samples)
        most = max(1, (self._ring_rows - MARGIN) * self.scorer.row_hop * self._rate // self.scorer.sample_rate)
        if len(samples) <= most:
            return self._rows_of_piece(samples)
        checked_block(samples, self._dtype, ((),), finite=True)
        return np.concatenate([self._rows_of_piece(samples[i : i + most]) for i in range(0, len(samples), most)])

    def _rows_of_piece(self, samples: Array) -> Float32Array:
        self._run(samples, _NOTHING)
        if refused := int(self._progress[PROGRESS.refused]):
            raise ArgumentError(f"block must be finite, but sample {refused - 1} is not")
        return self._read_rows()

    def _last_rows(self) -> Float32Array:
        """End the signal: the rows that are still due; those that have not been read come first."""
        rows = [self._read_rows()]
        if self._filter is not None:
            rows.append(self._rows_of_zeros(self._filter.taps.shape[1] // 2))
        self._progress[PROGRESS.direct] = 1
        rows.append(self._rows_of_zeros(self.scorer.features.padding[1]))
        rows.append(
            np.zeros((int(self._progress[PROGRESS.gap]), self._words), np.float32)
        )  # dropped, and none after it
        return np.concatenate([*rows, row_posteriors(self._network._flush(), self._words)])

    def _rows_of_zeros(self, frames: int) -> Float32Array:
        silence = np.zeros((frames, self.channels), np.float32)
        self._run(silence, np.empty_like(silence))
        return self._read_rows()

    def _reset(self) -> None:
        with self._reading:
            self._counters.fill(0)
        for array in (self._progress, self._nonfinite, *self._memory.values()):
            array.fill(0)
        self._memory["running"][:] = level_start(self.scorer.features)
        self._progress[PROGRESS.pending] = self.scorer.features.padding[0]
        taps = self._filter.taps.shape[1] if self._filter else 2
        self._rate_state[:] = RATE_STATE.pack(filled=taps // 2 - 1, first=0, fraction=0)
        self._network._reset()

    def _parameters(self) -> dict[str, Any]:
        return {"keywords": self._words, "sample_rate": self._rate}


def row_posteriors(logits: Array, classes: int) -> Float32Array:
    """Return the posteriors of rows of logits.

    Parameters
    ----------
    logits : float32 array, shape (rows, ..., 1 + classes) or (rows, ..., classes)
        With the background first and a softmax, or without it and each with a sigmoid.
    classes : int

    Returns
    -------
    posteriors : float32 array, shape (rows, classes)
        Without that of the background.
    """
    out = np.empty((len(logits), classes), np.float32)
    kernels.posteriors(logits.reshape(len(logits), logits.shape[-1]), out)
    return out
