"""Loudness of what passes: ITU-R BS.1770, EBU R 128. Memory does not grow."""

from typing import Any

import numpy as np

from audioconv._typing import Array, FloatArray
from audioconv.arrays import whole
from audioconv.errors import ArgumentError
from audioconv.io.metadata import DEFAULT_CHANNEL_MASKS
from audioconv.kernels.realtime import loudness as kernels
from audioconv.kernels.realtime._biquad import MEMORY_SIZE
from audioconv.kernels.realtime.atomics import read
from audioconv.kernels.realtime.loudness import BINS, LOUDNESS, PROGRESS, RING, SUMS
from audioconv.stream.processor import Processor, counter
from audioconv.stream.steps import Entry, compiled

SHORTEST_S = 0.4  # what has a loudness
_RELATIVE_GATE, _RELATIVE_GATE_OF_RANGE = -10.0, -20.0
_RANGE = 0.10, 0.95  # quantiles of the short-term loudness
_SURROUND_GAIN = 1.41
_LOW_FREQUENCY = 0x8 | 0x200000  # the masks of speakers in a WAV file
_BEHIND = 0x10 | 0x20 | 0x100 | 0x200 | 0x400  # back and side speakers
# The analogue prototypes of the two filters of which BS.1770 gives the coefficients at 48 kHz (De Man, Evaluation of
# Implementations of the EBU R128 Loudness Measurement, AES 145, 2018): frequency in Hz and q; gain of the shelf in dB,
# and which part of it there is at that frequency
_SHELF, _SHELF_DB, _SHELF_MIDDLE = (1681.974450955533, 0.7071752369554196), 3.999843853973347, 0.4996667741545416
_HIGH_PASS = 38.13547087602444, 0.5003270373238773
# BS.1770-4, annex 2, table 1: the first two of four phases; the others are these backwards
_INTERPOLATOR = (
    (0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625,
     0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250, 0.0148925781250, -0.0083007812500),
    (-0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250,
     0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625, 0.0330810546875, -0.0189208984375),
)  # fmt: skip


class LoudnessMeter(Processor):
    """Pass a signal on, and measure its loudness and true peak (EBU R 128).

    Parameters
    ----------
    sample_rate : int, in Hz
    channels : int
    channel_mask : int, optional
        Which loudspeaker each channel is for, as bits, as in a WAV file: surround channels count 1.41 times, those of
        low frequencies not at all. By default 5 channels are L R C Ls Rs, 6 are L R C LFE Ls Rs, and so on.

    Attributes
    ----------
    channels, out_channels : int
    rate_in, rate_out : int, in Hz
        The sample rate: chains, files and sound cards of another one refuse the stage.
    nonfinite_count : int
        How many samples were not finite and were measured as zeros, since the signal began; they are passed on.

    Raises
    ------
    ArgumentError
        For a sample rate below 4000 Hz, for which the weighting is not defined.

    Notes
    -----
    What it has measured may be read at any time, also while a sound card plays; it is of all of the signal up to the
    last full 0.1 s. It may be read after `flush`, too, until the next signal begins; `reset` forgets it.

    Gating blocks are counted in bins of 0.01 LU, so that a signal may last for ever; the mean is that of the powers
    themselves.

    References
    ----------
    ITU-R BS.1770-4, annex 1 (loudness) and annex 2 (true peak); EBU Tech 3341 (momentary, short-term); EBU Tech 3342
    (loudness range). `pyloudnorm.Meter(rate, "DeMan")` has the same weighting; the one that it takes by default reads
    0.04 LU less on a tone of 997 Hz, and up to 0.25 LU less on noise at low sample rates.

    Examples
    --------
    >>> import numpy as np
    >>> meter = LoudnessMeter(48000)
    >>> tone = np.sin(2 * np.pi * 997 / 48000 * np.arange(96000)).astype("float32")
    >>> bool((meter.process(tone) == tone).all())
    True
    >>> round(meter.integrated_lufs, 2), round(meter.momentary_lufs, 2), round(meter.true_peak_db, 1)
    (-3.01, -3.01, 0.0)
    """

    def __init__(self, sample_rate: int, *, channels: int = 1, channel_mask: int | None = None) -> None:
        super().__init__(channels)
        self.rate_in = self.rate_out = self._rate = whole(sample_rate, "sample_rate")
        if self._rate < 4000:
            raise ArgumentError(f"loudness is measured from 4000 Hz, not at {sample_rate} Hz; use the peak instead")
        if channel_mask is None and self.channels != 4:  # four may be quadraphony or Ambisonics, and count alike
            channel_mask = DEFAULT_CHANNEL_MASKS.get(self.channels)
        self._constants = {
            "weighting": _weighting(self._rate).reshape(-1), "channel_weights": _gains(self.channels, channel_mask),
            "interpolator": np.concatenate([*_INTERPOLATOR, *(phase[::-1] for phase in _INTERPOLATOR[::-1])]),
        }  # fmt: skip
        sizes = {"memory": self.channels * kernels.SECTIONS * MEMORY_SIZE, "past": self.channels * kernels.PAST,
                 "steps": RING, "sums": SUMS.row_size, "momentary": 2 * BINS, "short_term": 2 * BINS,
                 "work": kernels.WORK_SIZE}  # fmt: skip
        self._arrays = {name: np.zeros(size) for name, size in sizes.items()}
        self._progress, self._nonfinite = np.zeros(PROGRESS.row_size, np.int64), counter()

    @property
    def momentary_lufs(self) -> float:
        """The loudness of the last 0.4 s; -inf for silence, and before there are as many."""
        return self._last(kernels.MOMENTARY_STEPS)

    @property
    def short_term_lufs(self) -> float:
        """The loudness of the last 3 s; -inf for silence, and before there are as many."""
        return self._last(kernels.SHORT_TERM_STEPS)

    @property
    def integrated_lufs(self) -> float:
        """The gated loudness since the signal began; -inf for silence, and before there are 0.4 s."""
        counts, powers = self._gated("momentary", _RELATIVE_GATE)
        return _lufs(powers.sum() / counts.sum()) if counts.any() else -np.inf

    @property
    def loudness_range_lu(self) -> float:
        """The loudness range (LRA) since the signal began: of the short-term loudness, 95 % less 10 %; 0 at first."""
        counts, _ = self._gated("short_term", _RELATIVE_GATE_OF_RANGE)
        if not counts.any():
            return 0.0
        ranks = np.round(np.array(_RANGE) * (counts.sum() - 1)) + 1
        low, high = np.searchsorted(np.cumsum(counts), ranks)
        return float(high - low) / kernels.BINS_A_UNIT

    @property
    def true_peak_db(self) -> float:
        """The largest magnitude between the samples since the signal began, in dB of full scale (dBTP)."""
        peak = self._arrays["sums"][SUMS.true_peak]
        return float(20 * np.log10(peak)) if peak else -np.inf

    @property
    def measured_s(self) -> float:
        """For how long it has measured."""
        return int(self._progress[PROGRESS.frames]) / self._rate

    def _last(self, count: int) -> float:
        complete = read(self._progress, PROGRESS.steps)
        if complete < count:
            return -np.inf
        energies = self._arrays["steps"][(complete - 1 - np.arange(count)) % RING]
        return _lufs(energies.sum() * kernels.STEPS_A_SECOND / (count * self._rate))

    def _gated(self, histogram: str, relative_gate: float) -> tuple[Array, Array]:
        """How many blocks are in each bin above the relative gate, and the sum of their powers."""
        counts, powers = self._arrays[histogram].copy().reshape(2, BINS)
        if counts.any():
            gate = _lufs(powers.sum() / counts.sum()) + relative_gate
            bins = kernels.LOWEST_LUFS + np.arange(BINS) / kernels.BINS_A_UNIT  # lower ends
            counts[bins + 0.5 / kernels.BINS_A_UNIT < gate] = 0
        return counts, np.where(counts > 0, powers, 0.0)

    def _flush(self) -> FloatArray:
        """Nothing; what was measured stays until the next signal begins."""
        self._nonfinite.fill(0)
        self._progress[PROGRESS.ended] = 1
        return self._shaped(np.empty((0, self.channels), self._dtype))

    def _reset(self) -> None:
        for zeros in (*self._arrays.values(), self._progress, self._nonfinite):
            zeros.fill(0)

    def _compiled_step(self) -> Entry:
        row = LOUDNESS.pack(channels=self.channels, sample_rate=self._rate, progress=self._progress,
                            nonfinite=self._nonfinite, **self._constants, **self._arrays)  # fmt: skip
        return compiled(kernels.loudness_meter, row)

    def _parameters(self) -> dict[str, Any]:
        return {"sample_rate": self.rate_in}


def _lufs(power: float) -> float:
    return float(kernels.OFFSET_DB + 10 * np.log10(power)) if power > 0 else -np.inf


def _weighting(sample_rate: int) -> Array:
    """The two filters of the K-weighting, a `SECTION` each."""
    (shelf_hz, q), gain = _SHELF, 10 ** (_SHELF_DB / 20)
    k, middle = np.tan(np.pi * shelf_hz / sample_rate), gain**_SHELF_MIDDLE
    a0 = 1 + k / q + k * k
    shelf = [gain + middle * k / q + k * k, 2 * (k * k - gain), gain - middle * k / q + k * k]
    poles = [2 * (k * k - 1), 1 - k / q + k * k]
    high_pass_hz, q = _HIGH_PASS
    k = np.tan(np.pi * high_pass_hz / sample_rate)
    high_pass = [1, -2, 1, *(np.array([2 * (k * k - 1), 1 - k / q + k * k]) / (1 + k / q + k * k))]
    return np.array([np.array(shelf + poles) / a0, high_pass])


def _gains(channels: int, channel_mask: int | None) -> Array:
    gains = np.ones(channels)
    speaker_bits = [1 << bit for bit in range(32) if (channel_mask or 0) >> bit & 1]
    for channel, speaker in enumerate(speaker_bits[:channels]):
        gains[channel] = 0.0 if speaker & _LOW_FREQUENCY else _SURROUND_GAIN if speaker & _BEHIND else 1.0
    return gains
