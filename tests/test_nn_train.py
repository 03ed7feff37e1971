"""The training loop learns, keeps the best weights, and stops in an orderly way."""

import numpy as np
import pytest

from audioconv import nn
from audioconv.errors import AudioconvError


def network(seed=0):
    rng = np.random.default_rng(seed)
    layers = [nn.Conv1d(4, 8, 3, bias=False, rng=rng), nn.BatchNorm(8, relu=True), nn.GlobalAveragePool()]
    return nn.Sequential([*layers, nn.Dense(8, 2, rng=rng)])


def clips(epoch, count=64):
    """Which of two channels is louder."""
    rng = np.random.default_rng(epoch)
    labels = rng.integers(0, 2, count)
    x = rng.standard_normal((count, 12, 4)).astype("float32")
    x[np.arange(count), :, labels] *= 3
    return [(x[:40], nn.one_hot(labels[:40], 2)), (x[40:], nn.one_hot(labels[40:], 2))]


def accuracy(trained):
    return float(np.mean([(trained.forward(x).argmax(1) == t.argmax(1)).mean() for x, t in clips(999)]))


def fit(trained, epochs=15, batches=clips, **options):
    schedule = nn.warmup_cosine(0.02, 2 * epochs)
    return nn.train(trained, batches, nn.AdamW(trained), schedule, epochs=epochs, **options)


def test_it_learns_and_reports():
    trained, seen, records = network(), [], []
    before = accuracy(trained)
    history = fit(trained, validate=accuracy, on_batch=lambda *a: seen.append(a), on_epoch=records.append)
    assert before < 0.8 < 0.95 <= accuracy(trained)
    assert records == history.epochs
    assert [r["epoch"] for r in records] == list(range(1, 16))
    assert records[-1]["loss"] < 0.7 * records[0]["loss"]
    assert [s[:2] for s in seen[:3]] == [(0, 0), (0, 1), (1, 0)]
    assert accuracy(trained) == max(r["score"] for r in records) == records[history.best_epoch - 1]["score"]


def test_the_best_epoch_wins():
    trained, scores, weights = network(), iter([0.1, 0.9, 0.5]), []

    def validate(current):
        weights.append({name: array.copy() for name, array in current.weights().items()})
        return next(scores)

    history = fit(trained, epochs=3, validate=validate)
    assert history.best_epoch == 2
    assert all(np.array_equal(weights[1][name], array) for name, array in trained.weights().items())


def test_interruption_keeps_the_best_so_far():
    trained, kept = network(), {}

    def on_batch(epoch, batch, loss):
        if epoch == 2:
            raise KeyboardInterrupt

    def on_epoch(record):
        kept.update({name: array.copy() for name, array in trained.weights().items()})

    history = fit(trained, on_batch=on_batch, on_epoch=on_epoch)
    assert history.interrupted
    assert history.best_epoch == len(history.epochs) == 2
    assert all(np.array_equal(kept[name], array) for name, array in trained.weights().items())


def test_a_loss_that_is_not_a_number_names_its_batch():
    def batches(epoch):
        (x, targets), second = clips(epoch)
        if epoch == 1:
            x[3, 2, 1] = np.nan
        return [second, (x, targets)]

    trained = network()
    with pytest.raises(AudioconvError, match="batch 2 of epoch 2 is nan: its input"):
        fit(trained, batches=batches)
    assert np.isfinite(trained.forward(clips(0)[0][0])).all()


def test_no_batches_are_an_error():
    with pytest.raises(AudioconvError, match="no clips"):
        fit(network(), batches=lambda epoch: [])


def test_uniform_targets_pull_towards_no_class():
    trained = network()
    history = fit(trained, batches=lambda epoch: [(x, np.full_like(t, 0.5)) for x, t in clips(epoch)])
    assert np.isnan(history.epochs[0]["accuracy"])
    assert np.abs(nn.softmax(trained.forward(clips(0)[0][0])) - 0.5).max() < 0.1


def test_schedule_rises_to_the_peak_and_falls_to_zero():
    rates = [nn.warmup_cosine(2.0, 100, 10)(step) for step in range(101)]
    assert max(rates) == rates[10] == 2.0
    assert rates[0] == pytest.approx(2 / 11)
    assert rates[55] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.0)
    assert all(np.diff(rates[:10]) > 0)
    assert all(np.diff(rates[10:]) < 0)


def test_weights_decay_but_scales_and_biases_do_not():
    trained = network()
    x = clips(0)[0][0]
    trained.backward(0 * trained.forward(x, training=True))
    before = {name: array.copy() for name, array in trained.parameters().items()}
    nn.AdamW(trained, decay=0.5).step(0.1)
    for name, array in trained.parameters().items():
        factor = 0.95 if name in ("0.weight", "3.weight") else 1
        assert np.allclose(array, factor * before[name], rtol=1e-6, atol=0)
