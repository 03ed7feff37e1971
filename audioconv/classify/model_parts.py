"""What the files of classifiers and detectors both hold: labels, features, a network, and a parity record."""

import re
import reprlib
from collections.abc import Callable, Container, Mapping
from math import prod
from typing import Any, TypeVar

import numpy as np

from audioconv import models
from audioconv._typing import Array, Float32Array, Path
from audioconv.arrays import choice
from audioconv.classify.labels import check_label
from audioconv.errors import ArgumentError, ModelFileError, ShapeError
from audioconv.features import KINDS, LogMel, Mfcc
from audioconv.io.stored_settings import StoredSettings

MODEL_KINDS = ("KeywordClassifier", "KeywordDetector", "SoundEventDetector", "NeuralDenoise")
NETWORK = "network."  # begins the names of the network's arrays
SAMPLE_RATES = 100, 768_000
MOST_LABELS = 10_000
MOST_BANDS = 1024
MOST_MS = 1000.0  # of a window and of a hop
MOST_FILTER_WEIGHTS = 1 << 24  # zeros included
LEAST_HOP_MS = 1.0  # with less, frames take more memory than the sound
MOST_CLIP_NUMBERS = 1 << 22  # of the features of a clip, in all versions of test-time augmentation
PARITY = 1e-5  # by which posteriors of the probe may differ from those of where the model was made
PROBE_S, HEARD_S, MOST_PROBE = 0.1, 2.0, 1 << 20  # what is stored, and what it is repeated to
_Network = TypeVar("_Network", bound=models.Network)
LABEL_DTYPES = re.compile(r"[<>|=]?(U\d{1,3}|b1|[iu][1248]|f[248])")


def check_kind(path: Path, settings: StoredSettings, kind: str) -> None:
    """Refuse a model of another kind.

    Raises
    ------
    ArgumentError, ModelFileError
    """
    stored = choice(settings.text("kind"), "kind", MODEL_KINDS)
    if stored != kind:
        raise ModelFileError(f"{path} is a {stored}, not a {kind}; {stored}.load reads it")


def stored_model(path: Path, settings: StoredSettings, given: models.ModelFactory | None, known: Container[str]) -> Any:
    """The architecture: the function that was given, or the name of one that is known.

    Raises
    ------
    ArgumentError, ModelFileError
        If it is neither.
    """
    name = settings.text("model")
    if given is None and name not in known:
        raise ModelFileError(
            f"{path} has a network that is made by {name!r}, which is no part of audioconv; if that is a function of "
            "yours, give it: load(path, model=...)"
        )
    return name if given is None else given


# --- labels ---


def stored_classes(settings: StoredSettings) -> Array:
    """The labels of a model file.

    Raises
    ------
    ArgumentError
        If they are no labels, or not of the dtype that the file says.
    """
    labels, dtype = settings.values.get("classes"), settings.text("dtype")
    if not isinstance(labels, list) or not 0 < len(labels) <= MOST_LABELS:
        raise ArgumentError(f"classes must be a list of at most {MOST_LABELS} labels, not {reprlib.repr(labels)}")
    for label in labels:
        check_label(label)
    if not LABEL_DTYPES.fullmatch(dtype) or len({type(label) for label in labels}) > 1:
        raise ArgumentError(f"classes must be labels of one kind, not {reprlib.repr(labels)} as {dtype!r}")
    classes = np.array(labels, dtype)
    if classes.ndim != 1 or classes.tolist() != labels or len(set(labels)) < len(labels):
        raise ArgumentError(f"classes must be different labels of dtype {dtype!r}, not {reprlib.repr(labels)}")
    return classes


# --- features ---


def stored_features(settings: StoredSettings, arrays: Mapping[str, Array], sample_rate: int) -> LogMel | Mfcc:
    """The features of a model file.

    Raises
    ------
    ArgumentError, ShapeError, TypeError
        If settings are no features, or such as would take an absurd amount of memory.
    """
    kind = settings.text("kind")
    if kind not in KINDS:
        raise ArgumentError(f"features must be of kind {' or '.join(KINDS)}, not {kind!r}")
    if settings.whole("sample_rate", *SAMPLE_RATES) != sample_rate:
        raise ArgumentError(f"the sample_rate of features must be that of the model, {sample_rate} Hz")
    settings.number("window_ms", 0, MOST_MS), settings.number("hop_ms", LEAST_HOP_MS, MOST_MS)
    settings.whole("n_mels", 1, MOST_BANDS)
    given = {name: value for name, value in settings.values.items() if name != "kind"}
    return KINDS[kind](**given, filters=_stored_filters(arrays))


def features_settings(features: LogMel | Mfcc) -> dict[str, Any]:
    """The settings that `stored_features` reads."""
    return features.settings() | {"kind": type(features).__name__}


def features_arrays(features: LogMel | Mfcc) -> dict[str, Array]:
    """The arrays that `stored_features` reads: of each mel filter the weights from its first to its last one."""
    bins = features.filters.shape[1]
    spans = []
    for row in features.filters:
        used = np.flatnonzero(row)
        spans.append((used[0], used[-1] + 1) if used.size else (0, 0))
    weights = [row[first:end] for row, (first, end) in zip(features.filters, spans, strict=True)]
    return {
        "filter_bins": np.array([bins]),
        "filter_spans": np.array(spans, np.int32),
        "filter_weights": np.concatenate(weights),
    }


def _stored_filters(arrays: Mapping[str, Array]) -> Array:
    """Mel filters as `features_arrays` gives them, or as files had them that were written before: with their zeros."""
    if "filters" in arrays:
        return stored_array(arrays, "filters", "float64", (None, None))
    bins = int(stored_array(arrays, "filter_bins", "int64", (1,), 1, MOST_FILTER_WEIGHTS)[0])
    spans = stored_array(arrays, "filter_spans", "int32", (None, 2), 0, bins)
    sizes = np.diff(spans.astype(np.int64), axis=1).ravel()
    weights = stored_array(arrays, "filter_weights", "float64", (None,))
    if (sizes < 0).any() or sizes.sum() != weights.size or len(spans) * bins > MOST_FILTER_WEIGHTS:
        raise ShapeError(
            f"filter_spans must be the first bins and the ends of filters of {bins} bins with {weights.size} weights "
            f"in all, and at most {MOST_FILTER_WEIGHTS} with zeros; they have {sizes.sum()} in {len(spans)} filters"
        )
    filters = np.zeros((len(spans), bins))
    for row, (first, end), own in zip(filters, spans, np.split(weights, np.cumsum(sizes)), strict=False):
        row[first:end] = own
    return filters


def labels_settings(classes: Array) -> dict[str, Any]:
    """What `stored_classes` reads."""
    return {"classes": classes.tolist(), "dtype": classes.dtype.str}


def check_clip_size(features: LogMel | Mfcc, clip_length: int, versions: int) -> None:
    """Refuse clips whose features would take an absurd amount of memory.

    Raises
    ------
    ArgumentError
    """
    numbers = features.frames(clip_length) * features.n_features * versions
    if numbers > MOST_CLIP_NUMBERS:
        raise ArgumentError(
            f"the features of a clip must be at most {MOST_CLIP_NUMBERS} numbers, not {numbers}: {clip_length} samples "
            f"in {versions} versions, with frames of {features.n_features} numbers each {features.hop_ms:g} ms"
        )


# --- network ---


class _Undrawn(np.random.Generator):
    """Random numbers for weights that are replaced at once: zeros, and no more of them than a file has numbers."""

    def __init__(self, most: int) -> None:
        super().__init__(np.random.PCG64(0))
        self._left = most

    def standard_normal(self, size: Any = None, *_: Any, **__: Any) -> Any:
        self._left -= 1 if size is None else prod(np.atleast_1d(size).tolist())
        if self._left < 0:
            raise ModelFileError("the network has more weights than the file")
        return np.zeros(size)


def stored_network(build: Callable[[np.random.Generator], _Network], arrays: Mapping[str, Array]) -> _Network:
    """The network that `build` makes by a generator of random numbers, with the weights of a model file.

    Raises
    ------
    AudioconvError
        If they do not fit.
    """
    weights = {name.removeprefix(NETWORK): array for name, array in arrays.items() if name.startswith(NETWORK)}
    network = build(_Undrawn(sum(array.size for array in weights.values())))
    own = network.state_dict()
    for name, array in weights.items():
        if name in own and array.dtype not in (own[name].dtype, np.float16):
            raise ArgumentError(f"weight {name} must be {own[name].dtype}, not {array.dtype}")
        _check_finite(name, array)
        weights[name] = array.astype(own[name].dtype if name in own else array.dtype, copy=False)
    network.load_state_dict(weights)
    return network


def network_arrays(network: models.Network) -> dict[str, Array]:
    """What `stored_network` reads; numbers that half precision holds exactly are stored so.

    Raises
    ------
    ModelFileError
        If weights are not finite.
    """
    weights = network.state_dict()
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ModelFileError(f"the weights {name} are not finite, so that there is no model to save; train it anew")
    return {NETWORK + name: _narrowed(array) for name, array in weights.items()}


def _narrowed(array: Array) -> Array:
    with np.errstate(over="ignore"):
        half: Array = array.astype(np.float16)
    return half if np.array_equal(half, array) else array


def stored_array(
    arrays: Mapping[str, Array],
    name: str,
    dtype: str,
    shape: tuple[int | None, ...],
    least: float = -np.inf,
    most: float = np.inf,
) -> Array:
    """An array of a model file, finite, within limits, of a dtype, and of a shape, of which None is any size.

    Raises
    ------
    ArgumentError, ShapeError
    """
    if name not in arrays:
        raise ArgumentError(f"array {name} is missing")
    array = arrays[name]
    if array.dtype != dtype:
        raise ArgumentError(f"{name} must be {dtype}, not {array.dtype}")
    if len(array.shape) != len(shape) or any(
        want not in (None, size) for size, want in zip(array.shape, shape, strict=True)
    ):
        raise ShapeError(f"{name} must have shape {shape}, not {array.shape}")
    _check_finite(name, array)
    if (array < least).any() or (array > most).any():
        raise ArgumentError(f"{name} must be from {least:g} to {most:g}, not {array.min()} to {array.max()}")
    return array


def _check_finite(name: str, array: Array) -> None:
    if not np.isfinite(array).all():
        raise ArgumentError(f"{name} holds NaN or infinity")


# --- parity ---


def parity_record(posteriors: Callable[[Float32Array], Float32Array], sample_rate: int) -> dict[str, Array]:
    """A probe, a sweep in noise of 16 bits, and the posteriors that a model gives of it over and over."""
    times_s = np.arange(round(PROBE_S * sample_rate)) / sample_rate
    sweep = np.sin(2 * np.pi * sample_rate / 8 * times_s**2 / PROBE_S)
    noise = np.random.default_rng(0).standard_normal(times_s.size)
    probe = np.rint(3000 * sweep + 300 * noise).astype(np.int16)
    return {"probe": probe, "probe_posteriors": posteriors(_sound(probe, sample_rate))}


def check_parity(
    path: Path,
    posteriors: Callable[[Float32Array], Float32Array],
    arrays: Mapping[str, Array],
    sample_rate: int,
    parity: float,
) -> float:
    """Return by how much the posteriors of the stored probe differ at most from the stored ones.

    Raises
    ------
    ArgumentError
        If the probe or its posteriors are not such as `parity_record` makes them.
    ModelFileError
        If they differ by more than they may.
    """
    probe = stored_array(arrays, "probe", "int16", (None,))
    if not 0 < probe.size <= MOST_PROBE:
        raise ShapeError(f"probe must have from 1 to {MOST_PROBE} samples, not {probe.size}")
    wanted = stored_array(arrays, "probe_posteriors", "float32", (None, None), least=0)
    found = posteriors(_sound(probe, sample_rate))
    # files that were written before have the first rows only
    if found.shape[1] != wanted.shape[1] or not 0 < len(wanted) <= len(found):
        raise ShapeError(f"probe_posteriors must have shape {found.shape}, not {wanted.shape}")
    deviation = float(np.abs(found[: len(wanted)] - wanted).max(initial=0))
    if not deviation <= parity:
        raise ModelFileError(
            f"{path} does not give the posteriors here that it gave where it was made: they differ by {deviation:.1g}, "
            f"more than {parity:g}. The file is damaged, or this installation computes wrongly (see audioconv doctor)"
        )
    return deviation


def _sound(probe: Array, sample_rate: int) -> Float32Array:
    """What is heard of a probe: so much that it goes through all of a network, from little that is stored."""
    sound: Float32Array = np.resize(probe.astype(np.float32) / np.float32(1 << 15), round(HEARD_S * sample_rate))
    return sound
