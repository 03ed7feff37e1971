"""Augmentation and features of an epoch of clips, against audiomentations, soxr and librosa: clips a second.

The same changes with settings of the same ranges: speed, time shift, noise, gain, a bent spectrum, log-mel frames,
SpecAugment. Theirs are clip by clip, as that is how these libraries work: speed by soxr, shift, noise and gain by
audiomentations, spectra by librosa with window and mel filters made beforehand; what bends and masks features is ours
for both. First, features of clips without changes are checked equal.
"""

import tempfile
from functools import partial
from pathlib import Path

import librosa
import numpy as np
import scipy.signal
import soxr
from side_by_side import check_equal, medians_s, show
from threadpoolctl import threadpool_limits

import audioconv as ac
from audioconv.classify.augmentation import UNCHANGED, Augmentation, synthetic_noise
from audioconv.classify.augmenter import Augmenter, equaliser, spec_augment
from audioconv.classify.clips import load_clips
from audioconv.parallel import run

try:
    import audiomentations
except ImportError:
    audiomentations = None

SET = Path(__file__).resolve().parents[1] / "data" / "keywords"
CLIPS, CHUNK, RATE, REPEATS, SEED = 500, 25, 16000, 7, 0
CLOSE = 1e-4  # of the largest value of a feature


def main(options):
    if audiomentations is None:
        print("batches: audiomentations is not installed")
        return None
    with threadpool_limits(1):  # products of small matrices are faster so
        rows = measured()
    show("Augmented clips of 1 s at 16 kHz as log-mel frames", rows)
    return rows


def measured():
    """Clips a second of each way."""
    files = sorted(SET.glob("*/*.*"))
    clips = load_clips(files[:: len(files) // CLIPS][:CLIPS], RATE, RATE)
    features, settings = ac.LogMel(RATE), Augmentation()
    noises = synthetic_noise(RATE, SEED)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.wav" for number in range(len(noises))]
        for path, noise in zip(files, noises, strict=True):
            ac.write(path, (noise / np.abs(noise).max()).astype(np.float32), RATE, subtype="FLOAT")
        theirs = Peer(features, settings, files)
        plain = Augmenter(clips, features, noises, UNCHANGED, SEED)
        check_equal(plain.frames(plain.draw(0)), np.stack([theirs.features(clip) for clip in clips]), CLOSE)
        ours = Augmenter(clips, features, noises, settings, SEED)
        ways = {f"audioconv, {n} thread{'s'[: n > 1]}": partial(epoch, ours, n) for n in (1, 2)}
        times_s = medians_s(ways | {"peers, 1 thread": partial(theirs.epoch, clips)}, REPEATS)
    made = {"peers, 1 thread": len(clips)} | dict.fromkeys(ways, len(ours))  # ours makes clips of noise alone, too
    rates = {name: made[name] / times_s[name] for name in times_s}
    least = rates["peers, 1 thread"]
    return [{"what": name, "clips/s": rate, "ours / peers": rate / least} for name, rate in rates.items()]


def epoch(augmenter, threads):
    """All clips of an epoch, a few at a time, as the loader of a training makes them."""
    parameters = augmenter.draw(1)
    chunks = np.array_split(np.arange(len(augmenter)), -(-len(augmenter) // CHUNK))

    def chunk(clips):
        chosen = parameters.select(clips)
        return spec_augment(augmenter.frames(chosen), chosen.masks)

    return run(chunk, chunks, threads)


class Peer:
    """The same by audiomentations, soxr and librosa."""

    def __init__(self, features, settings, noises):
        self._made, self._settings = features, settings
        self._rng = np.random.default_rng(SEED)
        shift_s, (quietest, loudest), (least, most) = settings.shift_s, settings.gain_db, settings.snr_db
        self._change = audiomentations.Compose([
            audiomentations.Shift(-shift_s, shift_s, "seconds", rollover=False, fade_duration=0, p=1.0),
            audiomentations.AddBackgroundNoise(noises, least, most, p=settings.noise_probability),
            audiomentations.Gain(quietest, loudest, p=1.0),
        ])  # fmt: skip
        size, length = features.fft_size, features.win_length
        self._window = np.zeros(size, np.float32)
        self._left = (size - length) // 2
        self._window[self._left : self._left + length] = scipy.signal.get_window("hann", length)
        self._filters, self._offset = features.filters.astype(np.float32), np.float32(features.offset)

    def features(self, clip):
        """Log-mel frames of a clip."""
        size, made = self._window.size, self._made
        padded = np.pad(clip, (self._left, size - made.win_length - self._left))
        spectra = librosa.stft(padded, n_fft=size, hop_length=made.hop, window=self._window, center=False)
        return np.log(self._filters @ np.abs(spectra) ** 2 + self._offset).T

    def epoch(self, clips):
        """All clips, changed."""
        return [self._augmented(clip) for clip in clips]

    def _augmented(self, clip):
        settings, rng = self._settings, self._rng
        faster = soxr.resample(clip, RATE * rng.uniform(*settings.speed), RATE, quality="LQ")
        fitted = np.zeros(RATE, np.float32)
        fitted[: faster.size] = faster[:RATE]
        frames = self.features(self._change(fitted, RATE))
        frames += equaliser(rng.standard_normal((4, 1), np.float32), frames.shape[1], settings.equaliser_db)
        widths = round(1000 * settings.time_mask_s / self._made.hop_ms), settings.frequency_mask_bands
        first = [rng.integers(0, size - width) for size, width in zip(frames.shape, widths, strict=True)]
        masks = np.array([[[[start, start + width] for start, width in zip(first, widths, strict=True)]]])
        return spec_augment(frames[None], masks)[0]
