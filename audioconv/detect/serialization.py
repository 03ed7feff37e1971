"""Serialization of trained detectors: weights are serialised with their settings and a probe, and loaded again."""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from audioconv import models
from audioconv._typing import Array, Float32Array, Path
from audioconv.classify.serialization import NETWORK, check_name, name_of
from audioconv.detect.frame_scorer import FrameScorer
from audioconv.detect.training_config import DetectorTraining
from audioconv.errors import AudioconvError, ModelFileError
from audioconv.features import LogMel
from audioconv.io import model_file

if TYPE_CHECKING:
    from audioconv.detect.keyword_detector import KeywordDetector

__all__ = ["is_detector", "load", "name_of", "save"]

_Detector = TypeVar("_Detector", bound="KeywordDetector")

KIND = "KeywordDetector"
PARITY = 1e-5  # by which posteriors of the probe may differ from those of where the model was made
PROBE_S = 0.5


def save(detector: "KeywordDetector", path: Path) -> None:
    """Serialise a trained detector to one safetensors file (atomic write)."""
    check_name(path)
    scorer = detector.scorer_
    probe = _probe(scorer.sample_rate)
    arrays: dict[str, Array] = {NETWORK + name: array for name, array in scorer.network.state_dict().items()}
    arrays |= {"mean": scorer.mean, "std": scorer.std, "filters": scorer.features.filters}
    arrays |= {"thresholds": detector.thresholds_, "word_s": detector.word_s_}
    arrays |= {"probe": probe, "probe_posteriors": scorer.posteriors(_sound(probe))}
    settings = {
        "kind": KIND,
        "model": name_of(detector.model),
        "classes": scorer.classes.tolist(),
        "sample_rate": int(detector.sample_rate),
        "features": scorer.features.settings(),
        "history": detector.history_,
        "interrupted": detector.interrupted_,
        "training": (detector.training or DetectorTraining()).get_params(),
        "seed": detector.seed_,
    }
    model_file.save(path, arrays, settings)


def load(cls: type[_Detector], path: Path, model: "models.ModelFactory | None" = None) -> _Detector:
    """Load a detector of the class `cls` that `save` serialised; `model` is the function that made it, if one did.

    Raises
    ------
    ModelFileError
        If something is missing in the file or does not fit, or the probe has other posteriors than it had.
    """
    arrays, settings = model_file.load(path)
    if settings.get("kind") != KIND:
        raise ModelFileError(f"{path} is a model of clips, not a detector; KeywordClassifier.load reads it")
    try:
        made_by = settings["model"] if model is None else model
        detector = cls(
            made_by,
            sample_rate=settings["sample_rate"],
            training=DetectorTraining(**settings["training"]),
            random_state=settings["seed"],
        )
        detector.scorer_ = _scorer(made_by, arrays, settings)
        detector.thresholds_, detector.word_s_ = arrays["thresholds"], arrays["word_s"]
        detector.history_, detector.interrupted_ = settings["history"], settings["interrupted"]
        detector.seed_ = settings["seed"]
        _check_parity(path, detector.scorer_, arrays["probe"], arrays["probe_posteriors"])
    except ModelFileError:
        raise
    except (KeyError, TypeError, AudioconvError) as error:
        raise ModelFileError(f"{path} is not a whole model: {error} is missing or wrong") from error
    return detector


def is_detector(path: Path) -> bool:
    """Tell whether a model file is that of a detector, rather than of a classifier of clips.

    Parameters
    ----------
    path : path

    Returns
    -------
    is_detector : bool

    Raises
    ------
    ModelFileError
        If it cannot be read as a model.

    Examples
    --------
    >>> from audioconv.detect import is_detector
    >>> is_detector("audioconv/classify/keywords.safetensors")
    False
    """
    return bool(model_file.load(path)[1].get("kind") == KIND)


def _scorer(model: Any, arrays: dict[str, Array], settings: dict[str, Any]) -> FrameScorer:
    """The scorer that `save` serialised."""
    features = LogMel(**settings["features"], filters=arrays["filters"])
    classes = np.array(settings["classes"])
    network = models.build_frames(model, 1 + len(classes), features.n_features, 0)
    network.load_state_dict(
        {name.removeprefix(NETWORK): array for name, array in arrays.items() if name.startswith(NETWORK)}
    )
    return FrameScorer(classes, features, network, arrays["mean"], arrays["std"])


def _check_parity(path: Path, scorer: FrameScorer, probe: Array, wanted: Array) -> None:
    """Raise an error unless the stored probe has its stored posteriors."""
    found = scorer.posteriors(_sound(probe))
    if found.shape != wanted.shape or not np.abs(found - wanted).max(initial=0) <= PARITY:
        raise ModelFileError(
            f"{path} does not give the posteriors here that it gave where it was made, within {PARITY:g}: "
            "the file is damaged, or this installation computes wrongly (see audioconv doctor)"
        )


def _probe(sample_rate: int) -> Array:
    """A sweep in noise, of 16 bits."""
    times_s = np.arange(round(PROBE_S * sample_rate)) / sample_rate
    sweep = np.sin(2 * np.pi * sample_rate / 8 * times_s**2 / PROBE_S)
    noise = np.random.default_rng(0).standard_normal(times_s.size)
    return np.rint(3000 * sweep + 300 * noise).astype(np.int16)


def _sound(probe: Array) -> Float32Array:
    sound: Float32Array = probe.astype(np.float32) / np.float32(1 << 15)
    return sound
