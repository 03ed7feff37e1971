"""Training of denoisers: networks that mask spectra, on mixtures of speech and noises."""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from audioconv import models, nn
from audioconv._typing import Array, Path
from audioconv.arrays import number, whole
from audioconv.classify.model_card import ModelCard
from audioconv.classify.settings import Settings
from audioconv.enhance.compressed import compress, network_features
from audioconv.enhance.denoiser_model import DenoiserModel
from audioconv.enhance.mask_loss import SpectralMaskLoss
from audioconv.enhance.noisy_speech import SAMPLE_RATE, NoisySpeech, NoisySpeechSettings
from audioconv.errors import ArgumentError
from audioconv.io import read, resample
from audioconv.models._mask_unet import CHANNELS, DILATIONS, PLANES, fold_batch_norms
from audioconv.nn.training.history import EpochRecord

LEAST_S = 0.5  # of a recording


@dataclass(frozen=True, repr=False)
class DenoiserTraining(Settings):
    """How a denoiser is trained.

    Parameters
    ----------
    epochs, settle_epochs : int
        With batch norms, which make a network learn fast, and then without them, folded into the convolutions:
        mixtures differ in level, so that statistics of a batch are not those of a stream.
    batches, batch_size : int
        Batches an epoch, and stretches a batch.
    learning_rate, settle_learning_rate : float
        The highest of each phase, after a warm-up of a quarter of an epoch; it falls as a cosine to the end.
    weight_decay : float
        Of AdamW.
    ema_decay : float
        Of the moving average of the weights at the end, which is what is kept.
    planes, channels, dilations : sequence of int, int, sequence of int
        Of the network, see `models.mask_unet`.
    mixtures : NoisySpeechSettings, optional
        How mixtures are drawn.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    Examples
    --------
    >>> from audioconv.enhance import DenoiserTraining
    >>> DenoiserTraining(epochs=40)
    DenoiserTraining(epochs=40)
    """

    epochs: int = 70
    settle_epochs: int = 10
    batches: int = 300
    batch_size: int = 4
    learning_rate: float = 6e-3
    settle_learning_rate: float = 1e-3
    weight_decay: float = 0.01
    ema_decay: float = 0.99
    planes: Sequence[int] = PLANES
    channels: int = CHANNELS
    dilations: Sequence[int] = DILATIONS
    mixtures: NoisySpeechSettings | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "settle_epochs", "batches", "batch_size"):
            whole(getattr(self, name), name)
        number(self.learning_rate, "learning_rate", above=0)
        number(self.settle_learning_rate, "settle_learning_rate", above=0)


def train_denoiser(
    speech: Sequence[Path | Array],
    noises: Sequence[Path | Array],
    *,
    speakers: Sequence[Any] | None = None,
    training: DenoiserTraining | None = None,
    random_state: int = 0,
    checkpoint: Path | None = None,
    on_epoch: Callable[[EpochRecord], object] | None = None,
    threads: int | None = None,
) -> DenoiserModel:
    """Train a denoiser on speech without noise and noises without speech.

    Mixtures are drawn anew in each batch: who speaks, how fast, in which room, in which noises, how loud, and of which
    band. Beside the recordings of noises there are synthetic ones: other voices, a few or a crowd, coloured noise, hum
    and clicks.

    Parameters
    ----------
    speech : sequence of paths or of float arrays at 16 kHz
        As clean as can be: what is in it will be kept.
    noises : sequence of paths or of float arrays at 16 kHz
    speakers : sequence, optional
        Who speaks in each of `speech`. Speakers are drawn alike; by default each item is one of its own.
    training : DenoiserTraining, optional
    random_state : int
        Seed of all that is drawn: the same one gives the same bits.
    checkpoint : path, optional
        Where the state is kept; if the file exists, the training goes on from it.
    on_epoch : callable, optional
        on_epoch(record), as of `nn.Trainer`.
    threads : int, optional
        The result does not depend on it.

    Returns
    -------
    model : DenoiserModel
        After Ctrl-C that of the last epoch.

    Raises
    ------
    ArgumentError
        Without speech or noises, or where they are too short.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> voices, noises = [[rng.standard_normal(32000).astype("float32") for _ in range(2)] for _ in range(2)]
    >>> mixtures = NoisySpeechSettings(clip_s=0.5, synthetic_minutes=0.05)
    >>> quick = DenoiserTraining(1, 1, batches=1, planes=(8, 8, 8), channels=8, dilations=(1,), mixtures=mixtures)
    >>> train_denoiser(voices, noises, training=quick)
    DenoiserModel(3,538 weights, planes (8, 8, 8), channels 8, dilations (1,))
    """
    training, seed = training or DenoiserTraining(), whole(random_state, "random_state", 0)
    drawn = training.mixtures or NoisySpeechSettings()
    groups = _by_speaker(_sounds(speech, "speech"), speakers)
    recorded = _sounds(noises, "noises")
    mixtures = NoisySpeech(groups, recorded, np.random.default_rng([seed, 0]), drawn)
    planes, channels, dilations = tuple(training.planes), training.channels, tuple(training.dilations)
    normed, network = (
        models.mask_unet(planes, channels, dilations, batch_norm=batch_norm, rng=np.random.default_rng([seed, 1]))
        for batch_norm in (True, False)
    )
    fingerprint = {
        "seed": seed, "training": repr(training), "speech": sum(map(len, itertools.chain(*groups))),
        "noises": sum(map(len, recorded)),
    }  # fmt: skip
    histories = []
    for phase, trained in enumerate((normed, network)):
        if phase:
            fold_batch_norms(normed, network)
        trainer = _trainer(trained, training, phase, checkpoint, fingerprint)
        batches = partial(_batches, mixtures, training, [seed, 2, phase])
        histories.append(trainer.run(batches, on_epoch=on_epoch, threads=threads))
        if histories[-1].interrupted:
            break
    if len(histories) == 1:
        fold_batch_norms(normed, network)
    records = [
        {"epoch": number, "loss": record["loss"], "learning_rate": record["learning_rate"]}
        for number, record in enumerate(itertools.chain(*(history.epochs for history in histories)), 1)
    ]
    facts: dict[str, Any] = {
        "hours_of_speech": round(sum(len(x) for own in groups for x in own) / SAMPLE_RATE / 3600, 3),
        "speakers": len(groups) if speakers is not None else None,
        "noises": len(recorded),
        "hours_heard": round(len(records) * training.batches * training.batch_size * drawn.clip_s / 3600, 1),
        "seed": seed,
    }  # fmt: skip
    return DenoiserModel(network, planes, channels, dilations, ModelCard().with_facts(facts), records)


def _trainer(
    network: nn.Layer, training: DenoiserTraining, phase: int, checkpoint: Path | None, fingerprint: dict[str, Any]
) -> nn.Trainer:
    """The training of a phase: with batch norms (0), or without them and with a moving average (1)."""
    optimiser = nn.AdamW(network, weight_decay=training.weight_decay, clip_grad_norm=(5.0, 1.0)[phase])
    ema = nn.ExponentialMovingAverage(network, training.ema_decay) if phase else None
    epochs = (training.epochs, training.settle_epochs)[phase]
    rate = (training.learning_rate, training.settle_learning_rate)[phase]
    kept = checkpoint if checkpoint is None or not phase else f"{os.fspath(checkpoint)}-settle"
    return nn.Trainer(
        nn.TrainingStep(network, optimiser, SpectralMaskLoss(), ema),
        nn.warmup_cosine(rate, epochs * training.batches, training.batches // 4),
        epochs=epochs, checkpoint=kept, fingerprint=fingerprint | {"phase": phase},
    )  # fmt: skip


def _batches(
    mixtures: NoisySpeech, training: DenoiserTraining, seed: list[int], epoch: int, start: int
) -> Iterator[tuple[Array, Array]]:
    """The batches of an epoch from one on, each drawn by a generator of its own."""
    for batch in range(start, training.batches):
        yield network_batch(*mixtures.draw(training.batch_size, np.random.default_rng([*seed, epoch, batch])))


def network_batch(noisy: Array, clean: Array) -> tuple[Array, Array]:
    """What the network hears of spectra (clips, frames, bins), and what `SpectralMaskLoss` is given."""
    compressed, target = compress(noisy), compress(clean)
    parts = [compressed.real, compressed.imag, target.real, target.imag]
    return network_features(compressed), np.stack(parts, axis=-1).astype(np.float32)


def _sounds(given: Sequence[Path | Array], name: str) -> list[Array]:
    """Recordings as mono arrays at 16 kHz."""
    sounds = [_sound(item, f"{name}[{i}]") for i, item in enumerate(given)]
    if not sounds:
        raise ArgumentError(f"{name} must be a list of files or arrays, and there are none")
    return sounds


def _sound(item: Path | Array, name: str) -> Array:
    if isinstance(item, np.ndarray):
        samples: Array = item.astype(np.float32)
    else:
        clip = read(item)
        samples = clip.samples if clip.samples.ndim == 1 else clip.samples.mean(axis=1)
        samples = resample(samples, clip.sample_rate, SAMPLE_RATE).astype(np.float32)
    if samples.ndim != 1 or len(samples) < LEAST_S * SAMPLE_RATE or not np.isfinite(samples).all():
        raise ArgumentError(f"{name} must be at least {LEAST_S:g} s of finite samples (samples,), "
                            f"not of shape {samples.shape}")  # fmt: skip
    return samples


def _by_speaker(sounds: list[Array], speakers: Sequence[Any] | None) -> list[list[Array]]:
    if speakers is None:
        return [[sound] for sound in sounds]
    if len(speakers) != len(sounds):
        raise ArgumentError(f"speakers must be one for each of the {len(sounds)} items of speech, not {len(speakers)}")
    groups: dict[str, list[Array]] = {}
    for sound, speaker in zip(sounds, speakers, strict=True):
        groups.setdefault(str(speaker), []).append(sound)
    return list(groups.values())
