"""Training learns, keeps the best weights, stops in an orderly way and goes on to the same bits."""

import numpy as np
import pytest

from audioconv import nn
from audioconv.errors import ArgumentError, AudioconvError, ModelFileError
from tests.compare import assert_close


def network(seed=0):
    rng = np.random.default_rng(seed)
    layers = [nn.Conv1d(4, 8, 3, bias=False, rng=rng), nn.BatchNorm(8), nn.ReLU(), nn.GlobalAveragePool()]
    return nn.Sequential([*layers, nn.Dropout(0.2), nn.Dense(8, 2, rng=rng)])


def clips(epoch, start=0, count=64):
    """Which of two channels is louder."""
    rng = np.random.default_rng(epoch)
    labels = rng.integers(0, 2, count)
    x = rng.standard_normal((count, 12, 4)).astype("float32")
    x[np.arange(count), :, labels] *= 3
    return [(x[:40], nn.one_hot(labels[:40], 2)), (x[40:], nn.one_hot(labels[40:], 2))][start:]


def accuracy(trained):
    return float(np.mean([(trained.forward(x).argmax(1) == t.argmax(1)).mean() for x, t in clips(999)]))


def training(trained, epochs=15, optimiser=None, ema=None, **options):
    step = nn.TrainingStep(trained, optimiser or nn.AdamW(trained), nn.SoftmaxCrossEntropy(), ema)
    return nn.Trainer(step, nn.warmup_cosine(0.02, 2 * epochs), epochs=epochs, **options)


def fit(trained, epochs=15, batches=clips, threads=None, on_batch=None, on_epoch=None, **options):
    return training(trained, epochs, **options).run(batches, on_batch, on_epoch, threads)


def test_it_learns_and_reports():
    trained, seen, records = network(), [], []
    before = accuracy(trained)
    history = fit(trained, validate=accuracy, on_batch=lambda *a: seen.append(a), on_epoch=records.append)
    assert before < 0.8 < 0.9 <= accuracy(trained)
    assert records == history.epochs
    assert [r["epoch"] for r in records] == list(range(1, 16))
    assert records[-1]["loss"] < 0.75 * records[0]["loss"]
    assert [s[:2] for s in seen[:3]] == [(0, 0), (0, 1), (1, 0)]
    assert accuracy(trained) == max(r["score"] for r in records) == records[history.best_epoch - 1]["score"]


def test_the_best_epoch_wins():
    trained, scores, weights = network(), iter([0.1, 0.9, 0.5]), []

    def validate(current):
        weights.append({name: array.copy() for name, array in current.state_dict().items()})
        return next(scores)

    history = fit(trained, epochs=3, validate=validate)
    assert history.best_epoch == 2
    assert all(np.array_equal(weights[1][name], array) for name, array in trained.state_dict().items())


def test_a_later_epoch_wins_that_is_as_good_as_it_must_be():
    scores, weights, trained = iter([0.1, 0.9, 0.85, 0.7, 0.86]), [], network()

    def validate(current):
        weights.append({name: array.copy() for name, array in current.state_dict().items()})
        return next(scores)

    history = fit(trained, epochs=4, validate=validate, is_improvement=lambda score, best: score >= best - 0.05)
    assert history.best_epoch == 3
    assert all(np.array_equal(trained.state_dict()[name], array) for name, array in weights[2].items())


def test_interruption_keeps_the_best_so_far():
    trained, kept = network(), {}

    def on_batch(epoch, batch, loss):
        if epoch == 2:
            raise KeyboardInterrupt

    def on_epoch(record):
        kept.update({name: array.copy() for name, array in trained.state_dict().items()})

    history = fit(trained, on_batch=on_batch, on_epoch=on_epoch)
    assert history.interrupted
    assert history.best_epoch == len(history.epochs) == 2
    assert all(np.array_equal(kept[name], array) for name, array in trained.state_dict().items())


def test_a_loss_that_is_not_a_number_names_its_batch():
    def batches(epoch, start):
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
        fit(network(), batches=lambda epoch, start: [])


def test_uniform_targets_pull_towards_no_class():
    trained = network()
    history = fit(trained, batches=lambda epoch, start: [(x, np.full_like(t, 0.5)) for x, t in clips(epoch)])
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
    nn.AdamW(trained, weight_decay=0.5).step(0.1)
    for name, array in trained.parameters().items():
        factor = 0.95 if name in ("0.weight", "5.weight") else 1
        assert np.allclose(array, factor * before[name], rtol=1e-6, atol=0)


def bits(trained):
    return {name: array.tobytes() for name, array in trained.state_dict().items()}


OPTIMISERS = {
    "adamw": lambda network: nn.AdamW(network, clip_grad_norm=0.5),
    "sgd": lambda network: nn.SGD(network, weight_decay=1e-3),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_threads_do_not_matter(name):
    found = []
    for threads in (1, 2, 3, 8):
        trained = network()
        ema = nn.ExponentialMovingAverage(trained, 0.9)
        fit(trained, 3, threads=threads, optimiser=OPTIMISERS[name](trained), ema=ema)
        found.append(bits(trained))
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.parametrize("stop", [1, 2, 5])
def test_it_goes_on_from_a_checkpoint_to_the_same_bits(tmp_path, monkeypatch, stop):
    monkeypatch.setattr("audioconv.nn.training.trainer.CHECKPOINT_INTERVAL_S", 0)
    whole, path = network(), tmp_path / "training"
    history = fit(whole, 4, validate=accuracy, ema=nn.ExponentialMovingAverage(whole, 0.9))

    class KilledError(Exception):
        pass

    def on_batch(epoch, batch, loss):
        if 2 * epoch + batch == stop:
            raise KilledError  # as good as a kill: nothing is saved on the way out

    first = network()
    with pytest.raises(KilledError):
        fit(
            first, 4, validate=accuracy, ema=nn.ExponentialMovingAverage(first, 0.9), checkpoint=path, on_batch=on_batch
        )
    second = network(seed=9)
    resumed = training(second, 4, validate=accuracy, ema=nn.ExponentialMovingAverage(second, 0.9), checkpoint=path)
    assert resumed.position == divmod(stop, 2)  # the batch at which it stopped was not saved
    again = resumed.run(clips)
    assert bits(second) == bits(whole)
    assert [e["score"] for e in again.epochs] == [e["score"] for e in history.epochs]
    assert again.best_epoch == history.best_epoch


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "training"
    fit(network(), 1, checkpoint=path, fingerprint={"seed": 1})
    with pytest.raises(ModelFileError, match="seed differ"):
        training(network(), 1, checkpoint=path, fingerprint={"seed": 2})
    other = nn.Sequential([nn.Dense(3, 2, rng=np.random.default_rng(0))])
    with pytest.raises(ModelFileError, match="another network"):
        training(other, 1, checkpoint=path, fingerprint={"seed": 1})


def test_patience_ends_a_training_that_gets_no_better():
    scores = iter([0.5, 0.9, 0.8, 0.7, 0.6, 0.5])
    history = fit(network(), 6, validate=lambda _: next(scores), patience=2)
    assert [e["score"] for e in history.epochs] == [0.5, 0.9, 0.8, 0.7]
    assert history.best_epoch == 2


def test_the_history_is_written_as_csv(tmp_path):
    history = fit(network(), 2, validate=lambda _: (0.5, -1.0))
    history.save(tmp_path / "history.csv")
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,accuracy,learning_rate,seconds,score,score_1"
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2"]


def test_a_layer_that_makes_infinite_values_is_named():
    trained = network()
    trained.layers[5].weight[:] = 3e38
    with pytest.raises(AudioconvError, match=r"batch 1 of epoch 1 is (nan|inf): layer 5 \(Dense\)"):
        fit(trained)
    trained.layers[5].weight[0, 0] = np.nan
    with pytest.raises(AudioconvError, match=r"the weight 5\.weight has NaN"):
        fit(trained)


def test_the_norm_of_the_gradient_is_limited():
    trained = network()
    x = clips(0)[0][0]
    trained.backward(100 * trained.forward(x, training=True))
    gradients = {name: array.astype(float) for name, array in trained.gradients().items()}
    norm = np.sqrt(sum((g**2).sum() for g in gradients.values()))
    before = {name: array.astype(float) for name, array in trained.parameters().items()}
    nn.SGD(trained, momentum=0.0, clip_grad_norm=0.25).step(1.0)
    assert norm > 1
    for name, array in trained.parameters().items():
        assert_close(array - before[name], -0.25 / norm * gradients[name], 1e-3)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_step_that_is_cancelled_counts_for_nothing(name):
    """The same as if there had been no such batch: weights, moments, average, number of steps."""
    found = []
    for spoilt in (False, True):
        rng = np.random.default_rng(0)
        trained = nn.Sequential([nn.Dense(4, 3, rng=rng), nn.ReLU(), nn.Dense(3, 2, rng=rng)])
        optimiser, ema = OPTIMISERS[name](trained), nn.ExponentialMovingAverage(trained, 0.9)
        step = nn.TrainingStep(trained, optimiser, nn.SoftmaxCrossEntropy(), ema)
        for number in range(6):
            x = np.random.default_rng(number).standard_normal((8, 4)).astype("float32")
            if spoilt:
                for value in (np.nan, np.inf):
                    bad = x.copy()
                    bad[3] = value
                    before, steps = bits(trained), optimiser.steps
                    assert not np.isfinite(step(bad, nn.one_hot(np.arange(8) % 2, 2), 0.1)[0])
                    assert bits(trained) == before
                    assert optimiser.steps == steps == number
            assert np.isfinite(step(x, nn.one_hot(np.arange(8) % 2, 2), 0.1)[0])
        arrays = optimiser.state_dict()
        assert optimiser.steps == 6
        arrays = {**arrays, **ema.averages}
        found.append((bits(trained), {key: array.tobytes() for key, array in arrays.items()}))
    assert found[0] == found[1]


def test_steps_without_seeds_drop_out_anew():
    found = []
    for _ in range(2):
        trained = network()
        step = nn.TrainingStep(trained, nn.SGD(trained), nn.SoftmaxCrossEntropy())
        x, targets = clips(0)[0]
        found.append([step(x, targets, 0.0)[0] for _ in range(4)])
    assert len(set(found[0])) == 4
    assert found[0] == found[1]
    again = [step(x, targets, 0.0, seeds=np.arange(40) + (call << 20))[0] for call in range(4)]
    assert again == found[0]
    assert step(x, targets, 0.0, seeds=np.arange(40))[0] == found[0][0]


def test_schedules():
    assert nn.constant(0.1)(7) == 0.1
    rates = [nn.step_decay(1.0, 3, 0.5)(step) for step in range(7)]
    assert rates == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]


def test_class_weights_count():
    loss = nn.SoftmaxCrossEntropy(class_weights=[3.0, 1.0])
    y, targets = np.array([[1.0, 0.0], [0.5, 2.0]]), np.eye(2)
    own = [nn.softmax_cross_entropy(y[i : i + 1], targets[i : i + 1])[0] for i in range(2)]
    assert loss(y, targets)[0] == pytest.approx((3 * own[0] + own[1]) / 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda n: nn.AdamW(n, weight_decay=-0.1), "weight_decay must be at least 0, not -0.1"),
        (lambda n: nn.AdamW(n, beta1=1), "beta1 must be at least 0 and below 1, not 1"),
        (lambda n: nn.AdamW(n, beta2=np.nan), "beta2 must be a finite number"),
        (lambda n: nn.AdamW(n, epsilon=0), "epsilon must be above 0"),
        (lambda n: nn.AdamW(n, clip_grad_norm=0), "clip_grad_norm must be above 0"),
        (lambda n: nn.SGD(n, momentum=1.5), "momentum must be at least 0 and below 1, not 1.5"),
        (lambda n: nn.SGD(n, weight_decay="some"), "weight_decay must be a finite number at least 0, not 'some'"),
        (lambda n: nn.AdamW(n).step(-1), "learning_rate must be at least 0, not -1"),
        (lambda n: nn.SGD(n).step(np.inf), "learning_rate must be a finite number"),
        (lambda n: nn.AdamW(n.parameters()), "network must be a layer, such as a Sequential, not {"),
        (lambda n: nn.ExponentialMovingAverage(None), "network must be a layer, such as a Sequential, not None"),
        (lambda n: nn.one_hot([0, 2], 2), "classes must be from 0 to 1, and go from 0 to 2"),
        (lambda n: nn.one_hot([0, -1], 2), "classes must be from 0 to 1, and go from -1 to 0"),
        (lambda n: nn.one_hot([0], "two"), "count must be a whole number, not 'two'"),
        (lambda n: nn.SoftmaxCrossEntropy(weight="a"), "weight must be numbers, one a class, not 'a'"),
        (lambda n: nn.BinaryCrossEntropy(pos_weight="a"), "pos_weight must be numbers, one a class"),
        (lambda n: nn.ExponentialMovingAverage(n, 1), "decay must be at least 0 and below 1"),
        (lambda n: nn.constant(-0.1), "rate must be at least 0"),
        (lambda n: nn.step_decay(0.1, 0), "every must be at least 1"),
        (lambda n: nn.step_decay(0.1, 3, -1), "factor must be above 0"),
        (lambda n: nn.warmup_cosine(-2.0, 10), "peak must be at least 0"),
        (lambda n: nn.warmup_cosine(2.0, 10, 11), "warmup must be at most all of the 10 steps, not 11"),
        (lambda n: nn.SoftmaxCrossEntropy(1.0), "label_smoothing must be at least 0 and below 1"),
        (lambda n: nn.SoftmaxCrossEntropy(0.0, [1.0, -1.0]), "class_weights must be finite and at least 0"),
        (lambda n: nn.Trainer(None, 0.1, epochs=3), "learning_rate must be a function, not 0.1; constant"),
        (lambda n: nn.Trainer(None, nn.constant(0.1), epochs=0), "epochs must be at least 1"),
        (lambda n: nn.Trainer(None, nn.constant(0.1), epochs=3, validate=0.9), "validate must be a function"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_when_they_are_given(make, message):
    with pytest.raises(ArgumentError, match=message):
        make(network())
