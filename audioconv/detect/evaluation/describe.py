"""What is known of a model and of the data that it is evaluated on: the model card's facts."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from audioconv._typing import Array
from audioconv.classify.serialization import name_of
from audioconv.detect.evaluation.subject import Subject


def describe_model(model: Any, subject: Subject) -> dict[str, Any]:
    """Facts of a model as JSON has them; `card` is what its file says of its data and licence, if it does."""
    scorer = model.scorer_
    thresholds = zip(subject.labels, subject.base_decoder.thresholds.tolist(), strict=True)
    decoder = subject.base_decoder
    training = getattr(model, "training", None)
    return {
        "kind": type(model).__name__,
        "architecture": name_of(model.model),
        "keywords": subject.keywords,
        "labels": subject.labels,
        "numbers": int(sum(array.size for array in scorer.network.state_dict().values())),
        "sample_rate": subject.sample_rate,
        "features": repr(scorer.features),
        "row_hop_s": decoder.row_hop_s,
        "thresholds": {label: threshold for label, threshold in thresholds if label in subject.keywords},
        "smoothing_s": decoder.smoothing_s,
        "min_duration_s": decoder.min_duration_s,
        "refractory_s": decoder.refractory_s,
        "delay_s": decoder.delay_s,
        "training": {} if training is None else {k: _plain(v) for k, v in training.get_params().items()},
        "rounds_or_epochs": len(model.history_),
        "last_loss": model.history_[-1].get("loss") if model.history_ else None,
        "interrupted": bool(model.interrupted_),
        "seed": int(model.seed_),
        "card": _card(model),
    }


def describe_data(
    labels: Array, speakers: Array | None, noises: Sequence[str], keywords: Sequence[str]
) -> dict[str, Any]:
    """Facts of the clips and noises."""
    counts = Counter(labels.tolist())
    return {
        "clips": len(labels),
        "clips_by_label": {str(label): counts[label] for label in sorted(counts, key=str)},
        "keyword_clips": sum(count for label, count in counts.items() if label in keywords),
        "speakers": None if speakers is None else len(set(speakers.tolist())),
        "noises": list(noises),
    }


def _card(model: Any) -> dict[str, Any]:
    """The texts and facts of a model's card, those that are given."""
    known = dict(model.card_.get_params())
    facts = known.pop("facts")
    return {name: value for name, value in {**known, **facts}.items() if value}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
