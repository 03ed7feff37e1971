"""What the network sees in each epoch: augmented clips as standardised features, in batches."""

import numpy as np

from audioconv import nn, parallel
from audioconv.classify.augment import augment_clip, garble, mask_features, noise_clip


class Batches:
    """Batches of (features, targets); call with the number of an epoch to go through them.

    Clip i of epoch e is changed by a generator seeded by (seed, e, i), so that batches are the same with any number
    of threads. Clips of noise alone and garbled words are mixed in with all classes alike as their target (outlier
    exposure, Hendrycks et al. 2019): so the posteriors of what is no word stay low in a stream.
    """

    def __init__(self, clips, targets, features, noises, augmentation, seed, threads, *, batch_size):
        self.batch_size = batch_size
        self._clips, self._features, self._noises = clips, features, noises
        self._augmentation, self._seed, self._threads = augmentation, seed, threads
        classes = targets.max() + 1
        self._garbled = round(len(clips) * augmentation.garbled_clips) if augmentation else 0
        noise_clips = round(len(clips) * augmentation.noise_clips) if augmentation else 0
        alike = np.full((self._garbled + noise_clips, classes), 1 / classes, np.float32)
        self._targets = np.concatenate((nn.one_hot(targets, classes), alike))
        self.statistics = self._measure()

    def _measure(self):
        """Mean and standard deviation of each band over the clips as they are."""
        rows = parallel.run(lambda clip: _moments(self._features(clip)), list(self._clips), self._threads)
        mean, square = np.mean(rows, axis=0)
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        return mean.astype(np.float32), np.maximum(deviation, 1e-3).astype(np.float32)

    @property
    def steps(self):
        """Batches an epoch."""
        return -(-len(self._targets) // self.batch_size)

    def __call__(self, epoch):
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._targets))
        for chosen in np.array_split(order, self.steps):
            rows = parallel.run(lambda i: self._example(epoch, i), chosen, self._threads)
            yield np.stack(rows), self._targets[chosen]

    def _example(self, epoch, i):
        """Features of one clip as this epoch changes it."""
        mean, deviation = self.statistics
        if self._augmentation is None:
            return (self._features(self._clips[i]) - mean) / deviation
        rng = np.random.default_rng([self._seed, epoch, i])
        if i < len(self._clips) + self._garbled:
            clip = self._clips[i] if i < len(self._clips) else garble(self._clips[rng.integers(len(self._clips))], rng)
            clip = augment_clip(clip, self._noises, self._features.sample_rate, self._augmentation, rng)
        else:
            clip = noise_clip(self._clips.shape[1], self._noises, self._augmentation, rng)
        frames = (self._features(clip) - mean) / deviation
        return mask_features(frames, self._features.hop_ms, self._augmentation, rng)


def _moments(frames):
    wide = frames.astype(np.float64)
    return wide.mean(axis=0), (wide**2).mean(axis=0)
