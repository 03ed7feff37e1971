"""What the network sees in each epoch: augmented clips as standardised features, in batches."""

import hashlib

import numpy as np

from audioconv import models, nn, parallel
from audioconv.classify.augment import augment_clip, equaliser, mask_features, mix, noise_clip, synthetic_rooms

SMALLEST_DEVIATION = 0.1  # of the logarithm of the power: a band that never changes is not blown up


class Batches:
    """Batches of (features, targets, seeds); call with an epoch and its first batch, from 0, to go through them.

    Clip i of epoch e is changed by a generator seeded by (seed, e, i), so that batches are the same with any number
    of threads. Clips of noise alone are mixed in with `noise_target`, or with all classes alike (outlier exposure,
    Hendrycks et al. 2019): so the posteriors of what is no word stay low in a stream.
    """

    def __init__(self, clips, targets, features, noises, augmentation, seed, threads, *, batch_size, network,
                 noise_target=None):  # fmt: skip
        self.batch_size, self._network = batch_size, network
        self._clips, self._features, self._noises = clips, features, noises
        self._augmentation, self._seed, self._threads = augmentation, seed, threads
        classes = targets.max() + 1 if noise_target is None else len(noise_target)
        noise_clips = round(len(clips) * augmentation.noise_clips) if augmentation else 0
        alike = np.full(classes, 1 / classes, np.float32) if noise_target is None else noise_target
        self._targets = np.concatenate((nn.one_hot(targets, classes), np.tile(alike, (noise_clips, 1))))
        self._frames = features.frames(clips.shape[1])
        self._rooms = synthetic_rooms(features.sample_rate, seed) if augmentation and augmentation.room_chance else []
        self._pitched = {}  # features by pitch in percent
        self.statistics = self._measure()

    def _measure(self):
        """Mean and standard deviation of each band over the clips of epoch 0, changed as those of all epochs are.

        Clips as they are would not do: a band that is silent in all of them would be blown up by the first noise.
        """
        rows = parallel.run(lambda i: _moments(self._varied(0, i)[0]), range(len(self._clips)), self._threads)
        mean, square = np.mean(rows, axis=0)
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        return mean.astype(np.float32), np.maximum(deviation, SMALLEST_DEVIATION).astype(np.float32)

    @property
    def steps(self):
        """Batches an epoch."""
        return -(-len(self._targets) // self.batch_size)

    @property
    def identity(self):
        """What makes these batches, as plain values: a training can only go on with the same."""
        digest = hashlib.sha256(self._targets.tobytes())
        for clip in self._clips:  # one after the other: there may be more of them than memory
            digest.update(clip.tobytes())
        for noise in self._noises:
            digest.update(noise.tobytes())
        digest.update(repr((self._augmentation, self._features.settings())).encode())
        return {"clips and augmentation": digest.hexdigest(), "seed": self._seed, "batch_size": self.batch_size}

    def __len__(self):
        """Clips an epoch."""
        return len(self._targets)

    def __call__(self, epoch, start=0):
        order = np.random.default_rng([self._seed, epoch + 1]).permutation(len(self._targets))
        # Tried: the clips of a batch on all threads, then the training step on all. Two threads took as long as one
        # (400 us a clip), because each clip takes and gives back the GIL some thirty times.
        yield from parallel.ahead(
            lambda chosen: self._batch(epoch + 1, chosen), np.array_split(order, self.steps)[start:], self._threads
        )

    def _batch(self, epoch, chosen):
        seeds = (self._seed << 40) + (epoch << 24) + chosen  # of dropout: a seed for each clip in each epoch
        frames, targets = np.stack([self._example(epoch, i) for i in chosen]), self._targets[chosen]
        if self._augmentation and self._augmentation.mixup:
            rng = np.random.default_rng([self._seed, epoch, len(self._targets) + int(chosen[0])])
            frames, targets = mix(frames, targets, self._augmentation.mixup, rng)
        return models.shaped(self._network, frames), targets, seeds

    def _varied(self, epoch, i):
        """Features of clip i as this epoch changes it, and the generator that did."""
        rng, settings, features = np.random.default_rng([self._seed, epoch, i]), self._augmentation, self._features
        if settings is None:
            return features(self._clips[i]), rng
        least, most = (round(features.hop * speed) for speed in settings.speed)
        hop = int(rng.integers(least, most + 1))
        features = self._at_pitch(hop / features.hop * rng.uniform(*settings.vocal_tract)).paced(hop)
        length = (self._frames - 1) * hop + features.window
        if i < len(self._clips):
            args = (length, self._noises, self._rooms, features.sample_rate, settings, rng)
            sound = augment_clip(self._clips[i], *args)
        else:
            sound = noise_clip(length, self._noises, settings, rng)
        frames = features.absolute(sound)
        if settings.equaliser_db:
            frames += equaliser(frames.shape[1], settings.equaliser_db, rng)
        return features.finish(frames), rng

    def _at_pitch(self, factor):
        """The features for sounds so many times as high, in steps of 1 %."""
        percent = round(100 * factor)
        if percent not in self._pitched:
            self._pitched[percent] = self._features.pitched(percent / 100) if percent != 100 else self._features
        return self._pitched[percent]

    def _example(self, epoch, i):
        """Standardised features of one clip of an epoch."""
        mean, deviation = self.statistics
        frames, rng = self._varied(epoch, i)
        frames = (frames - mean) / deviation
        if self._augmentation:
            mask_features(frames, self._features.hop_ms, self._augmentation, rng)
        return frames


def _moments(frames):
    wide = frames.astype(np.float64)
    return wide.mean(axis=0), (wide**2).mean(axis=0)
