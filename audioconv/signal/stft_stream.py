"""Short-time spectra and back, block by block."""

import numpy as np

from audioconv.arrays import choice, float_dtype, floating, whole
from audioconv.errors import DtypeError, ShapeError
from audioconv.signal._stft import PADDINGS, PAIRS, pad
from audioconv.stage import Guard


class StftStream:
    """`Stft` block by block: `process` returns the frames that are complete, at any cut the same bits.

    (Within rounding with sizes that are neither 2^k nor 3 2^k, which SciPy transforms.)

    `latency` is 0: no frame is delayed beyond the samples that it is made of. With a padding other than zeros the first
    ones wait for as many samples as they are padded with.
    """

    latency = 0

    def __init__(self, transform, channels=None, dtype="float32", padding="zeros"):
        self.transform, self.dtype = transform, float_dtype(dtype)
        self.padding = choice(padding, "padding", tuple(PADDINGS))
        self._shape = () if channels is None else (whole(channels, "channels"),)
        self._guard = Guard("Stft stream")
        self._clear()

    def reset(self):
        """Forget the signal so far."""
        with self._guard:
            self._clear()

    def _clear(self):
        self._begun = self.padding == "zeros"  # whether what stands before the signal is known
        self._pending = np.zeros((self.transform.left_pad if self._begun else 0, *self._shape), self.dtype)
        self._latest = self._pending[:0]  # samples that what stands after the signal is made of
        self._skip = self._samples = self._frames = 0  # skip: samples before the next frame, if the hop leaves out some

    def process(self, block):
        """Take (samples,) or (samples, channels) and return (frames, bins) or (frames, bins, channels)."""
        block = _checked_block(block, self._shape, self.dtype)
        with self._guard:
            self._samples += len(block)
            if self.padding != "zeros":
                most = max(self.transform.left_pad, len(self.transform.window)) + 1
                self._latest = np.concatenate((self._latest, block))[-most:].copy()
            if not self._begun:
                return self._beginning(block)
            return self._taken(block)

    def _beginning(self, block):
        """Take a block while it is not known what stands before the signal."""
        block, self._pending = np.concatenate((self._pending, block)), self._pending[:0]
        if len(block) <= self.transform.left_pad:
            self._pending = block
            return self._taken(block[:0], 0)
        self._begun = True
        return self._taken(pad(block, self.transform.left_pad, 0, self.padding))

    def _taken(self, block, most=None):
        joined = np.concatenate((self._pending, block))[self._skip :]
        self._skip = max(0, self._skip - len(self._pending) - len(block))
        hop, size = self.transform.hop, len(self.transform.window)
        frames = 0 if self._skip else max(0, 1 + (len(joined) - size) // hop)
        frames = frames if most is None else min(frames, most)
        spectra = self.transform._spectra(joined, frames)
        self._skip += max(0, frames * hop - len(joined))
        self._pending = joined[frames * hop :].copy()
        self._frames += frames
        return spectra

    def flush(self):
        """End the signal: the frames that reach beyond its end; then start afresh."""
        with self._guard:
            transform = self.transform
            if not self._begun:
                spectra = transform(self._pending, padding=self.padding, axis=0)
            else:
                rest = transform.frames(self._samples) - self._frames
                count = self._skip + max(0, rest) * transform.hop + len(transform.window)
                after = pad(self._latest, 0, count, self.padding if len(self._latest) else "zeros")
                spectra = self._taken(after[len(self._latest) :], rest)
            self._clear()
            return spectra


class InverseStftStream:
    """`Stft.inverse` block by block: `process` returns the samples that no later frame reaches.

    `latency` is 0: no sample is delayed beyond the frames that it is made of.
    """

    latency = 0

    def __init__(self, transform, channels=None, dtype="float32"):
        self.transform, self.dtype = transform, float_dtype(dtype)
        self._shape = () if channels is None else (whole(channels, "channels"),)
        self._overlap = len(transform.dual) - transform.hop
        self._guard = Guard("inverse Stft stream")
        self._clear()

    def reset(self):
        """Forget the signal so far."""
        with self._guard:
            self._clear()

    def _clear(self):
        self._sum = np.zeros((self._overlap, *self._shape), self.dtype)  # what the next frames are added to
        self._skip = self.transform.left_pad
        self._fresh = True

    def process(self, spectra):
        """Take (frames, bins) or (frames, bins, channels) and return (samples,) or (samples, channels)."""
        spectra = self.transform._checked(spectra)
        if spectra.dtype != PAIRS[self.dtype]:
            raise DtypeError(f"this stream takes {PAIRS[self.dtype]} spectra, not {spectra.dtype}")
        if spectra.shape[2:] != self._shape:
            wanted = ", ".join(map(str, ("frames", self.transform.bins, *self._shape)))
            raise ShapeError(f"this stream takes spectra of shape ({wanted}), not {spectra.shape}")
        with self._guard:
            return self._taken(spectra)

    def _taken(self, spectra):
        total = np.zeros((len(spectra) * self.transform.hop + self._overlap, *self._shape), self.dtype)
        total[: self._overlap] = self._sum
        self.transform._add(spectra, total)
        self._sum = total[len(spectra) * self.transform.hop :].copy()
        self._fresh = self._fresh and not len(spectra)
        return self._from_start(total[: len(spectra) * self.transform.hop])

    def _from_start(self, samples):
        """Without those before the signal."""
        kept = samples[self._skip :]
        self._skip = max(0, self._skip - len(samples))
        return kept

    def flush(self):
        """End the signal: what the last frames reach; then start afresh."""
        with self._guard:
            rest = self._from_start(self._sum[: 0 if self._fresh else None])
            self._clear()
            return rest


def _checked_block(block, shape, dtype):
    block = floating(block, "block", (1, 2))
    if block.dtype != dtype:
        raise DtypeError(f"this stream takes {dtype} blocks, not {block.dtype}")
    if block.shape[1:] != shape:
        wanted = f"(samples, {shape[0]})" if shape else "(samples,)"
        if block.ndim == 2 and shape == block.shape[:1]:
            advice = "; give block.T"
        elif not shape:
            advice = f"; a stream made with channels={block.shape[1]} takes such blocks"
        else:
            advice = f": it was made with channels={shape[0]}"
        raise ShapeError(f"this stream takes blocks of shape {wanted}, not {block.shape}{advice}")
    return block
