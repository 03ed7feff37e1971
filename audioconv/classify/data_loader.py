"""What the network sees in each epoch: augmented clips as standardised features, in batches."""

import hashlib

import numpy as np

from audioconv import models, nn, parallel
from audioconv.classify.augmentation import UNCHANGED, mixup
from audioconv.classify.augmenter import Augmenter, spec_augment

SMALLEST_DEVIATION = 0.1  # of the logarithm of the power: a band that never changes is not blown up
DRAWN = 2  # changes when the same seed changes clips in other ways: a training that was begun cannot go on then
SEED_BITS = 23  # of the 63 of a clip's seed, above 16 of the epoch and 24 of the clip
PIECE = 25  # clips that a thread takes at a time: of 1 s, their sounds fit into its cache


class DataLoader:
    """Batches of (features, targets, seeds); call with an epoch and its first batch, from 0, to go through them.

    They are the same with any number of threads. Clips of noise alone are mixed in with `noise_target`, or with all
    classes alike (outlier exposure, Hendrycks et al. 2019): so the posteriors of what is no word stay low in a stream.
    With `weights`, one a clip, targets sum to these instead of 1, as `training_config.WeightedCrossEntropy` takes them.
    """

    def __init__(self, clips, targets, features, noises, augmentation, seed, threads, *, batch_size, network,
                 noise_target=None, weights=None):  # fmt: skip
        self.batch_size, self._network = batch_size, network
        self._clips, self._features, self._noises = clips, features, noises
        self._augmentation, self._seed, self._threads = augmentation, seed, threads
        self._augmenter = Augmenter(clips, features, noises, augmentation or UNCHANGED, seed)
        noise_clips = self._augmenter.size - len(clips)
        classes = targets.max() + 1 if noise_target is None else len(noise_target)
        alike = np.full(classes, 1 / classes, np.float32) if noise_target is None else noise_target
        self._targets = np.concatenate((nn.one_hot(targets, classes), np.tile(alike, (noise_clips, 1))))
        self.weighted = weights is not None
        if self.weighted:
            self._targets[: len(clips)] *= np.asarray(weights, np.float32)[:, None]
        self.statistics = self._measure()

    def _measure(self):
        """Mean and standard deviation of each band over the clips of epoch 0, changed as those of all epochs are.

        Clips as they are would not do: a band that is silent in all of them would be blown up by the first noise.
        """
        parameters, clips = self._augmenter.draw(0), np.arange(len(self._clips))
        parts = np.array_split(clips, -(-len(clips) // PIECE))
        rows = parallel.run(
            lambda part: _moments(self._augmenter.features(parameters.select(part))), parts, self._threads
        )
        mean, square = np.mean(np.concatenate(rows), axis=0)
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        return mean.astype(np.float32), np.maximum(deviation, SMALLEST_DEVIATION).astype(np.float32)

    @property
    def steps(self):
        """Batches an epoch."""
        return -(-len(self._targets) // self.batch_size)

    @property
    def fingerprint(self):
        """What makes these batches, as plain values: a training can only go on with the same."""
        digest = hashlib.sha256(self._targets.tobytes())
        for clip in self._clips:  # one after the other: there may be more of them than memory
            digest.update(clip.tobytes())
        for noise in self._noises:
            digest.update(noise.tobytes())
        digest.update(repr((DRAWN, self._augmentation, self._features.settings())).encode())
        return {"clips and augmentation": digest.hexdigest(), "seed": self._seed, "batch_size": self.batch_size}

    def __len__(self):
        """Clips an epoch."""
        return len(self._targets)

    def __call__(self, epoch, start=0):
        order = np.random.default_rng([self._seed, epoch + 1]).permutation(len(self._targets))
        parameters = self._augmenter.draw(epoch + 1)
        # Tried: the next batch by another thread while this one is used. The training step has all threads as well, and
        # with both the cores changed hands all the time.
        for chosen in np.array_split(order, self.steps)[start:]:
            yield self._batch(epoch + 1, parameters, chosen)

    def _batch(self, epoch, parameters, chosen):
        seeds = (_short(self._seed) << 40) + (epoch << 24) + chosen  # of dropout: a seed for each clip in each epoch
        parts = np.array_split(chosen, -(-len(chosen) // PIECE))
        rows = parallel.run(lambda part: self._examples(parameters.select(part)), parts, self._threads)
        frames, targets = np.concatenate(rows), self._targets[chosen]
        if self._augmentation and self._augmentation.mixup_alpha:
            rng = np.random.default_rng([self._seed, epoch, 0x6D, int(chosen[0])])
            frames, targets = mixup(frames, targets, self._augmentation.mixup_alpha, rng)
        return models.network_input(self._network, frames), targets, seeds

    def _examples(self, parameters):
        """Standardised features of some clips."""
        mean, deviation = self.statistics
        return spec_augment((self._augmenter.features(parameters) - mean) / deviation, parameters.masks)


def _short(seed):
    """A seed as a number of 23 bits, which is all that the seeds of dropout have room for."""
    if seed >> SEED_BITS == 0:
        return seed
    digest = hashlib.blake2b(str(seed).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") & ((1 << SEED_BITS) - 1)


def _moments(frames):
    """Means of each band, and of its squares, of each clip."""
    accumulator = frames.astype(np.float64)
    return np.stack((accumulator.mean(axis=1), (accumulator**2).mean(axis=1)), axis=1)
