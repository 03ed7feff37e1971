"""From samples to standardised features in ONNX: frames and DFT as one matrix product, mel bands as another.

Where logarithms are followed by levels, the levels are made of the energies themselves. A running maximum over a clip
is made by doubling (the maximum of each row and the one before, then two before, four, ...), and so is a running mean.
"""

from __future__ import annotations

from math import ceil, log
from typing import TYPE_CHECKING

import numpy as np

from audioconv.features import LogMel, Mfcc
from audioconv.features.level import MIN_POWER
from audioconv.models.export.flows import Pace, StepFlow, TimeWindow, pace_of_windows
from audioconv.models.export.nodes import Value

if TYPE_CHECKING:
    from audioconv._typing import Array
    from audioconv.models.export.deployment import Deployment
    from audioconv.models.export.onnx_writer import OnnxWriter

LOG_MOST_FRAMES = 20  # of a recording of any length, for running maxima: three hours
NEGLIGIBLE = 1e-9  # of a running mean, the share of frames of so long ago that they are left out


def spectrum_matrix(log_mel: LogMel) -> Array:
    """(samples of a frame, up to whole hops, 2 * bins): windowed cosines, then sines."""
    bins, length = log_mel.filters.shape[1], log_mel.win_length
    angles = 2 * np.pi * np.outer(np.arange(length), np.arange(bins)) / log_mel.fft_size
    waves = log_mel._window[:, None] * np.hstack([np.cos(angles), np.sin(angles)])
    return np.pad(waves, ((0, -length % log_mel.hop), (0, 0)))


class FrontEnd:
    """Writes the front end of a model.

    Parameters
    ----------
    writer : OnnxWriter
    model : Deployment
    """

    def __init__(self, writer: OnnxWriter, model: Deployment) -> None:
        self.writer, self.model, self.log_mel = writer, model, model.log_mel
        self._bands = model.absolute_features or (model.log_mel,)

    @property
    def _hops(self) -> int:
        """Hops that a frame reaches into."""
        return ceil(self.log_mel.win_length / self.log_mel.hop)

    def _energies(self, samples: str, frames: int) -> str:
        """Mel energies plus offset, (clips, frames, pitches * bands), of whole hops of samples; -1: any number."""
        writer, hops = self.writer, self._hops
        chunks = writer.add("Reshape", samples, writer.whole(0, frames + hops - 1 if frames > 0 else -1,
                                                             self.log_mel.hop))  # fmt: skip
        shifted = [writer.slice(chunks, i, None if i == hops - 1 else i - hops + 1, 1) for i in range(hops)]
        cut = writer.add("Concat", *shifted, axis=2) if hops > 1 else chunks
        spectrum = writer.add("MatMul", cut, writer.constant(spectrum_matrix(self.log_mel)))
        squares = writer.add("Mul", spectrum, spectrum)
        filters = np.concatenate([features.filters for features in self._bands]).T
        energies = writer.add("MatMul", squares, writer.constant(np.concatenate([filters, filters])))
        return writer.add("Add", energies, writer.constant(np.float32(self.log_mel.offset)))

    def clip_energies(self, samples: str, frames: int) -> str:
        """Of whole clips, (clips, samples), of so many frames; -1: of any number."""
        writer, (before, after), hop = self.writer, self.log_mel.padding, self.log_mel.hop
        after += self._hops * hop - self.log_mel.win_length
        samples = writer.add("Pad", samples, writer.whole(0, before, 0, after), writer.constant(np.zeros(())))
        if frames > 0:
            return self._energies(writer.slice(samples, 0, (frames + self._hops - 1) * hop, 1), frames)
        length = writer.add("Slice", writer.add("Shape", samples), writer.whole(1), writer.whole(2))
        whole = writer.add("Mul", writer.add("Div", length, writer.whole(hop)), writer.whole(hop))
        return self._energies(writer.add("Slice", samples, writer.whole(0), whole, writer.whole(1)), -1)

    def step_energies(self, flow: StepFlow, samples: str, hops: int) -> tuple[Value, str]:
        """Of a step of so many hops, and the value that they are: (hops, 1, pitches * bands)."""
        writer, hop, length = self.writer, self.log_mel.hop, self.log_mel.win_length
        sound, window = Value((hops * hop, 1, 1)), TimeWindow(length, hop, self.log_mel.padding[0])
        flow.put(sound, writer.add("Reshape", samples, writer.whole(1, 1, -1, 1)), Pace(hops * hop, 0))
        reached = writer.add("Reshape", flow.windowed(sound, window).name, writer.whole(1, -1))
        more = (hops + self._hops - 1) * hop - ((hops - 1) * hop + length)
        if more:
            reached = writer.add("Pad", reached, writer.whole(0, 0, 0, more), writer.constant(np.zeros(())))
        energies = self._energies(reached, hops)
        value = Value((hops, 1, len(self._bands) * self.log_mel.n_mels))
        flow.put(value, energies, pace_of_windows(window, Pace(hops * hop, 0)))
        return value, energies

    # --- levels ---

    def clip_levels(self, energies: str, frames: int) -> str:
        """Features before standardisation, (clips, frames, features), of energies (clips, frames, bands) of clips."""
        if self.log_mel.top_db is not None:
            loudest = self._loudness(energies)
            reaches = [2**k for k in range(LOG_MOST_FRAMES if frames < 0 else max(1, frames - 1).bit_length())]
            for reach in reaches:
                loudest = self.writer.add("Max", loudest, self._later(loudest, reach, 1))
            return self._transformed(self._relative(energies, loudest))
        if self.log_mel.pcen is not None:
            return self._transformed(self._pcen(energies, self._running_means(energies, frames)))
        return self._transformed(self.writer.add("Log", energies))

    def step_levels(self, flow: StepFlow, value: Value, energies: str) -> str:
        """The same, of a step, (1, frames, features)."""
        writer, (frames, late) = self.writer, flow.pace(value)
        rows = [writer.slice(energies, i, i + 1, 1) for i in range(frames)]
        if self.log_mel.top_db is not None:
            peak = state = flow.state("state_loudest", (1, 1, 1))
            begun, levels = flow.from_row(frames, -late, frames), []
            for i, row in enumerate(rows):
                here = writer.add("Reshape", writer.slice(begun, i, i + 1, 2), writer.whole(1, 1, 1))
                peak = writer.add("Where", here, writer.add("Max", peak, self._loudness(row)), peak)
                levels.append(self._relative(row, peak))
            flow.keep(state, peak)
        elif self.log_mel.pcen is not None:
            mean = state = flow.state("state_means", (1, 1, self.log_mel.n_mels))
            goes_on, levels = flow.from_row(frames, -late, frames, 1), []
            smoothing = writer.constant(np.float32(self._pcen_numbers[0]))
            for i, row in enumerate(rows):
                here = writer.add("Reshape", writer.slice(goes_on, i, i + 1, 2), writer.whole(1, 1, 1))
                change = writer.add("Mul", smoothing, writer.add("Sub", row, mean))
                mean = writer.add("Where", here, writer.add("Add", mean, change), row)
                levels.append(self._pcen(row, mean))
            flow.keep(state, mean)
        else:
            levels = [writer.add("Log", energies)]
        return self._transformed(writer.add("Concat", *levels, axis=1) if len(levels) > 1 else levels[0])

    def _loudness(self, energies: str) -> str:
        mean = self.writer.add("ReduceMean", energies, axes=[2], keepdims=1)
        return self.writer.add("Add", mean, self.writer.constant(np.float32(MIN_POWER)))

    def _relative(self, energies: str, loudest: str) -> str:
        assert self.log_mel.top_db is not None
        floor = self.writer.constant(np.float32(10 ** (-self.log_mel.top_db / 10)))
        return self.writer.add("Log", self.writer.add("Add", self.writer.add("Div", energies, loudest), floor))

    def _later(self, rows: str, reach: int, axis: int, fill: float = 0.0) -> str:
        """Rows delayed by `reach`, zeros first."""
        pads = self.writer.whole(0, reach, 0, 0, 0, 0)
        padded = self.writer.add("Pad", rows, pads, self.writer.constant(np.full((), fill)))
        return self.writer.slice(padded, 0, -reach, axis)

    @property
    def _pcen_numbers(self) -> list[float]:
        assert self.log_mel.pcen is not None
        return self.log_mel.pcen.numbers(self.log_mel.hop / self.log_mel.sample_rate)

    def _running_means(self, energies: str, frames: int) -> str:
        """mean[t] = (1 - s) mean[t - 1] + s energy[t], which begins with energy[0]: a sum over powers of 1 - s."""
        writer, smoothing = self.writer, self._pcen_numbers[0]
        rest = writer.add("Mul", writer.slice(energies, 1, None, 1), writer.constant(np.float32(smoothing)))
        means, reach = writer.add("Concat", writer.slice(energies, 0, 1, 1), rest, axis=1), 1
        longest = log(NEGLIGIBLE) / log(1 - smoothing)
        while reach < min(longest, frames if frames > 0 else longest):
            share = writer.constant(np.float32((1 - smoothing) ** reach))
            means = writer.add("Add", means, writer.add("Mul", share, self._later(means, reach, 1)))
            reach *= 2
        return means

    def _pcen(self, energies: str, means: str) -> str:
        """(energy / (eps + mean) ** gain + bias) ** power - offset."""
        writer, (_, gain, bias, power, eps, offset) = self.writer, self._pcen_numbers
        number = writer.constant
        divisor = writer.add("Pow", writer.add("Add", means, number(np.float32(eps))), number(np.float32(gain)))
        biased = writer.add("Add", writer.add("Div", energies, divisor), number(np.float32(bias)))
        raised = writer.add("Pow", biased, number(np.float32(power)))
        return writer.add("Sub", raised, number(np.float32(offset)))

    # --- what the network takes ---

    def _transformed(self, frames: str) -> str:
        features = self.model.features
        if not isinstance(features, Mfcc):
            return frames
        return self.writer.add("MatMul", frames, self.writer.constant(features._basis))

    def network_input(self, frames: str) -> str:
        """Standardised frames (clips, frames, features) as the network takes them, (clips, channels, time, freq)."""
        writer = self.writer
        mean, factor = self.model.network_mean_std()
        frames = writer.add("Mul", writer.add("Sub", frames, writer.constant(mean)), writer.constant(factor))
        if len(self.model.frame_shape) == 2:
            return writer.add("Unsqueeze", frames, writer.whole(1))
        return writer.add("Unsqueeze", writer.add("Transpose", frames, perm=[0, 2, 1]), writer.whole(3))

    def versions(self, energies: str, frames: int) -> str:
        """Energies (clips, frames, pitches * bands) by each pitch and shift: (clips * versions, frames, bands)."""
        writer, bands, pitches = self.writer, self.log_mel.n_mels, len(self._bands)
        if self.model.versions == 1 and self.model.shifts == (0,):
            return energies
        apart = writer.add("Reshape", energies, writer.whole(0, frames, pitches, bands))
        each = writer.add("Transpose", apart, perm=[0, 2, 1, 3])
        silence, shifted = writer.constant(np.full((), self.log_mel.offset)), []
        for hops in self.model.shifts:
            late = min(max(hops, -frames), frames)
            if late:
                kept = writer.slice(each, max(-late, 0), frames - max(late, 0), 2)
                pads = writer.whole(0, 0, max(late, 0), 0, 0, 0, max(-late, 0), 0)
                shifted.append(writer.add("Pad", kept, pads, silence))
            else:
                shifted.append(each)
        versions = writer.add("Concat", *shifted, axis=1) if len(shifted) > 1 else shifted[0]
        return writer.add("Reshape", versions, writer.whole(-1, frames, bands))
