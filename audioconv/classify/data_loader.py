"""Data loader: batches of augmented clips as standardised features, epoch by epoch."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from audioconv import models, nn, parallel
from audioconv._typing import Array, Float32Array
from audioconv.classify.augmentation import mixup
from audioconv.classify.augmenter import AugmentationParameters, Augmenter, spec_augment
from audioconv.classify.auxiliary_words import AuxiliaryWords

SMALLEST_DEVIATION = 0.1  # of the logarithm of the power: a constant band is not amplified
DRAW_VERSION = 3  # changes when the same seed augments clips otherwise: older checkpoints cannot be resumed then
SEED_BITS = 23  # of the 63 of a clip's seed, above 16 of the epoch and 24 of the clip
CHUNK_CLIPS = 25  # that a thread takes at a time: of 1 s, their samples fit into its cache


class DataLoader:
    """Batches of (features, targets, seeds); call with an epoch and its first batch, from 0, to go through them.

    They are the same with any number of threads. Clips of noise alone are mixed in with `noise_target`, or with all
    classes alike (outlier exposure, Hendrycks et al. 2019): so the posteriors of what is no word stay low in a stream.

    Parameters
    ----------
    augmenter : Augmenter
    targets : int array, shape (clips,)
        The class of each clip, and of each made-up word after them.
    network : nn.Sequential or MiniRocket
    batch_size : int
    noise_target : float array, shape (classes,), optional
    sample_weight : float array, shape (clips,), optional
        Targets sum to these instead of 1, as `training_config.WeightedCrossEntropy` takes them.
    auxiliary : AuxiliaryWords, optional
        Targets of words, which come after those of classes.
    threads : int, optional
    """

    def __init__(
        self,
        augmenter: Augmenter,
        targets: Array,
        *,
        network: Any,
        batch_size: int,
        noise_target: Float32Array | None = None,
        sample_weight: Array | None = None,
        auxiliary: AuxiliaryWords | None = None,
        threads: int | None = None,
    ) -> None:
        self.batch_size, self._network = batch_size, network
        self._augmenter, self._seed, self._threads = augmenter, augmenter.seed, threads
        self.auxiliary = auxiliary
        classes = int(targets.max()) + 1 if noise_target is None else len(noise_target)
        uniform = np.full(classes, 1 / classes, np.float32) if noise_target is None else noise_target
        noises = np.tile(uniform, (augmenter.noise_clips, 1))
        self._targets = np.concatenate((nn.one_hot(targets, classes), noises))
        self.weighted = sample_weight is not None
        if sample_weight is not None:
            self._targets[: len(targets)] *= np.asarray(sample_weight, np.float32)[:, None]
        self.mean, self.std = self._measure()

    def _measure(self) -> tuple[Float32Array, Float32Array]:
        """Mean and standard deviation of each band over the clips of epoch 0, augmented as those of all epochs are.

        Clips as recorded would not do: a band that is silent in all of them would be amplified with the first noise.
        """
        parameters = self._augmenter.draw(0)
        chunks = _chunks(np.arange(len(self._augmenter.clips)))
        rows = parallel.run(lambda c: _moments(self._augmenter.frames(parameters.select(c))), chunks, self._threads)
        mean, square = np.mean(np.concatenate(rows), axis=0)
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        return mean.astype(np.float32), np.maximum(deviation, SMALLEST_DEVIATION).astype(np.float32)

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return -(-len(self._targets) // self.batch_size)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What determines these batches, as plain values: a checkpoint is resumed only with the same."""
        augmenter, digest = self._augmenter, hashlib.sha256(self._targets.tobytes())
        for clip in augmenter.clips:  # one after the other: there may be more of them than memory
            digest.update(clip.tobytes())
        digest.update(augmenter.noises.tobytes())
        if augmenter.made_up is not None:
            digest.update(augmenter.made_up.order.tobytes())
        if self.auxiliary is not None:
            digest.update(self.auxiliary.words.tobytes())
        settings = augmenter.settings.get_params()
        digest.update(repr((DRAW_VERSION, settings, augmenter.features.settings())).encode())
        return {"clips and augmentation": digest.hexdigest(), "seed": self._seed, "batch_size": self.batch_size}

    @property
    def clips(self) -> int:
        """Recorded clips."""
        return len(self._augmenter.clips)

    def __len__(self) -> int:
        """Clips an epoch."""
        return len(self._targets)

    def __repr__(self) -> str:
        return f"DataLoader({len(self)} clips in {self.steps} batches an epoch, seed={self._seed})"

    def __call__(self, epoch: int, start: int = 0) -> Iterator[tuple[Float32Array, Float32Array, Array]]:
        order = np.random.default_rng([self._seed, epoch + 1]).permutation(len(self._targets))
        parameters = self._augmenter.draw(epoch + 1)
        # No prefetch by another thread, because the training step uses all threads: see docs/trials.md,
        # "Training step".
        for clips in np.array_split(order, self.steps)[start:]:
            yield self._batch(epoch + 1, parameters, clips)

    def _batch(
        self, epoch: int, parameters: AugmentationParameters, clips: Array
    ) -> tuple[Float32Array, Float32Array, Array]:
        seeds = (_dropout_seed(self._seed) << 40) + (epoch << 24) + clips  # of dropout: one for each clip in each epoch
        rows = parallel.run(lambda c: self._features(parameters.select(c)), _chunks(clips), self._threads)
        frames, targets = np.concatenate(rows), self._targets[clips]
        if self.auxiliary is not None:
            words = self.auxiliary.targets(clips, parameters.recipes[clips], self._augmenter.words)
            targets = np.concatenate((targets, words * targets.sum(axis=1, keepdims=True)), axis=1)
        if alpha := self._augmenter.settings.mixup_alpha:
            rng = np.random.default_rng([self._seed, epoch, 0x6D, int(clips[0])])
            frames, targets = mixup(frames, targets, alpha, rng)
        return models.network_input(self._network, frames), targets, seeds

    def _features(self, parameters: AugmentationParameters) -> Float32Array:
        """Standardised features of some clips, masked."""
        return spec_augment((self._augmenter.frames(parameters) - self.mean) / self.std, parameters.masks)


def _chunks(clips: Array) -> list[Array]:
    return np.array_split(clips, -(-len(clips) // CHUNK_CLIPS))


def _dropout_seed(seed: int) -> int:
    """A seed as a number of 23 bits, which is all that the seeds of dropout have room for."""
    if seed >> SEED_BITS == 0:
        return seed
    digest = hashlib.blake2b(str(seed).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") & ((1 << SEED_BITS) - 1)


def _moments(frames: Float32Array) -> Float32Array:
    """Means of each band, and of its squares, of each clip."""
    accumulator = frames.astype(np.float64)
    return np.stack((accumulator.mean(axis=1), (accumulator**2).mean(axis=1)), axis=1)
