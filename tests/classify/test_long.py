"""A long training: no growth of memory, and numbers that stay numbers."""

import os

import numpy as np
import pytest

from audioconv.classify import KeywordClassifier, load_dataset
from audioconv.classify.progress import TrainingProgress
from tests.memory import needs_proc, resident_mb

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        "AUDIOCONV_LONG" not in os.environ, reason="takes minutes; AUDIOCONV_LONG=1 runs it (make test-long)"
    ),
    needs_proc,
]
EPOCHS, SETTLED = 200, 20


def test_two_hundred_epochs_take_no_memory_and_give_no_nan(monkeypatch):
    data, memory_mb = load_dataset("data/keywords", words=["yes", "no", "stop"]), []
    train, held_out = data.part("train"), data.part("val")
    monkeypatch.setattr(TrainingProgress, "epoch", lambda self, record: memory_mb.append(resident_mb()))
    clf = KeywordClassifier("tc-resnet8", epochs=EPOCHS, verbose=0, random_state=0)
    clf.fit(train.files, train.labels, validation=(held_out.files, held_out.labels))
    assert len(memory_mb) == len(clf.history_) == EPOCHS
    assert max(memory_mb[-5:]) < max(memory_mb[:SETTLED]) + 5
    numbers = [value for record in clf.history_ for value in record.values() if isinstance(value, float)]
    assert len(numbers) >= 4 * EPOCHS
    assert np.isfinite(numbers).all()
    assert all(np.isfinite(array).all() for array in clf.network_.state_dict().values())
    assert clf.score(held_out.files, held_out.labels) > 0.9
