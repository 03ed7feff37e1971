"""MiniRocket: its features are those of the paper, and its closed form is that of scikit-learn."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import Ridge as ScikitRidge
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

import audioconv as ac
from audioconv import models
from audioconv.classify import load_dataset
from audioconv.errors import ArgumentError, ModelFileError, ShapeError
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.models._minirocket import KERNELS, MiniRocket, dilations
from audioconv.models._ridge import HELD_OUT, ridge
from tests import naive
from tests.classify.test_classifier import examples
from tests.compare import assert_close

RNG = np.random.default_rng
small = partial(MiniRocket, frames=98, num_features=840)  # features enough for three classes
small.__name__ = "small"
compiled = pytest.mark.skipif(not JIT_ENABLED, reason="half a second a clip; the tests of the kernel check its bounds")


def data(clips=30, frames=98, features=5, seed=0):
    """Clips of two classes, the one with a bump, and one-hot targets."""
    rng = RNG(seed)
    x = rng.standard_normal((clips, frames, features)).astype(np.float32)
    x[::2, 4:8] += 2
    return x, np.eye(2)[np.arange(clips) % 2]


def fitted(threads=1, seed=0, **settings):
    network = MiniRocket(2, 5, **({"frames": 98, "rng": RNG(seed), "num_features": 840} | settings))
    return network, network.fit(*data(frames=network.frames), threads=threads)


# --- features ---


def test_there_are_84_kernels_and_9996_features():
    network = models.build("minirocket", 12, 40, 0, 98)
    assert KERNELS.shape == (84, 3)
    assert len({tuple(taps) for taps in KERNELS.tolist()}) == 84
    assert network.num_features == 9996
    assert network.state_dict()["weight"].shape == (9996, 12)
    rows = network.state_dict()["channels"]
    counts = (rows >= 0).sum(axis=1)
    assert rows.shape == (84 * 12, 9)
    assert (counts.min(), counts.max()) == (1, 9)
    assert all(len(set(row[row >= 0].tolist())) == count for row, count in zip(rows, counts, strict=True))
    assert network.state_dict()["channels"].max() == 39


@pytest.mark.parametrize(
    ("frames", "count", "expected"),
    [
        (9, 119, {1: 119}),
        (10, 119, {1: 119}),
        (17, 119, {1: 116, 2: 3}),
        (98, 1, {1: 1}),
        (98, 119, dict(enumerate((34, 19, 15, 8, 12, 8, 4, 7, 3, 3, 3, 3), 1))),
    ],
)
def test_dilations_are_those_of_the_paper(frames, count, expected):
    found, counts = dilations(frames, count)
    assert counts.sum() == count
    assert len(found) == len(expected)
    assert found.tolist() == list(expected)
    assert counts.tolist() == list(expected.values())


@compiled
def test_features_are_shares_of_naive_convolutions():
    network, _ = fitted()
    x = data(2, seed=9)[0]
    shares = network.transform(x)
    assert shares.shape == (2, 840)
    rows, (found, counts), start = network.state_dict()["channels"], dilations(98, 10), 0
    for i in range(len(rows)):
        place, kernel = divmod(i, 84)
        end = start + counts[place]
        if i % 29 == 0:
            bands, biases = rows[i][rows[i] >= 0], network.state_dict()["biases"][start:end]
            args = x[1], KERNELS[kernel], found[place], (place + kernel) % 2 == 0, bands
            # float32 sums may fall on the other side of a bias that is as close as their rounding
            least, most = (naive.ppv(*args, biases + side) for side in (1e-4, -1e-4))
            assert np.all((least - 1e-6 <= shares[1, start:end]) & (shares[1, start:end] <= most + 1e-6))
        start = end
    assert start == 840
    assert len(np.unique(shares)) > 50


# --- ridge ---


def problem(examples, features, targets=3, seed=0):
    rng = RNG(seed)
    x = rng.uniform(0, 1, (examples, features)).astype(np.float32)
    x[:, 0] = 0.5  # a feature that never changes
    return x, x[:, 1 : 1 + targets] + 0.3 * rng.standard_normal((examples, targets)), rng.uniform(0.5, 2, examples)


@pytest.mark.parametrize("shape", [(60, 20), (30, 90)])
def test_ridge_is_that_of_scikit_learn(shape):
    x, y, _ = problem(*shape)
    found = ridge(x.copy(), y)
    standard = StandardScaler().fit(x.astype(float))
    penalties = 10 ** (2 / 3 * np.arange(15) - 3)
    other = RidgeCV(penalties).fit(standard.transform(x), y)
    assert found.penalty == pytest.approx(other.alpha_)
    assert_close(x @ found.weight + found.bias, other.predict(standard.transform(x)), 1e-5)
    assert sorted(found.held_out.tolist()) == list(range(len(x)))


@pytest.mark.parametrize("shape", [(60, 20), (30, 90)])
def test_examples_are_left_out_with_their_group_and_weights(shape):
    """Against fits without them, in units of the whole set."""
    x, y, weights = problem(*shape)
    weights[3] = 0
    groups = np.arange(len(x)) // 3
    found = ridge(x.copy(), y, weights, groups)
    assert 3 not in found.held_out
    mean = np.average(x.astype(float), axis=0, weights=weights)
    deviation = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weights))
    z = (x - mean) / np.where(deviation > 1e-6, deviation, 1)
    whole = ScikitRidge(found.penalty).fit(z, y, weights)
    assert_close(x @ found.weight + found.bias, whole.predict(z), 1e-5)
    for i, said in list(zip(found.held_out, found.predictions, strict=True))[:9]:
        rest = groups != groups[i]
        without = ScikitRidge(found.penalty).fit(z[rest], y[rest], weights[rest])
        assert_close(said, without.predict(z[i : i + 1])[0], 1e-4)


def test_of_many_examples_some_are_left_out():
    x, y, _ = problem(2 * HELD_OUT, 6)
    found = ridge(x, y, groups=np.arange(len(x)) // 2)
    assert HELD_OUT <= len(found.held_out) <= HELD_OUT + 2
    assert np.array_equal(np.unique(found.held_out // 2, return_counts=True)[1], np.full(len(found.held_out) // 2, 2))


# --- the model ---


@compiled
def test_it_learns_and_says_how_sure_it_is():
    network, fit = fitted()
    x, targets = data(40, seed=5)
    logits = network.forward(x)
    assert logits.dtype == np.float32
    assert (logits.argmax(axis=1) == targets.argmax(axis=1)).mean() > 0.9
    assert fit.accuracy > 0.9
    assert 0 < fit.loss < np.log(2)


@compiled
def test_soft_targets_and_weights_count():
    x, targets = data()
    network = fitted()[0]
    soft = copy.deepcopy(network)
    soft.fit(x, 0.5 * targets + 0.25)
    even = np.abs(np.diff(soft.forward(x), axis=1)).mean()
    assert even < 0.7 * np.abs(np.diff(network.forward(x), axis=1)).mean()
    weighted = copy.deepcopy(network)
    weighted.fit(x, targets, np.where(targets[:, 0] > 0, 10.0, 1.0))
    lean, even = (np.subtract(*each.forward(x).T).mean() for each in (weighted, network))
    assert lean > even + 0.5  # towards the class that counts more


@compiled
def test_the_same_bits_with_any_number_of_threads_and_in_any_batch():
    one, _ = fitted()
    x = data(5, seed=3)[0]
    logits = one.forward(x)
    for threads in (2, 3):
        many, _ = fitted(threads)
        assert all(np.array_equal(array, many.state_dict()[name]) for name, array in one.state_dict().items())
        assert np.array_equal(many.forward(x, threads=threads), logits)
    assert np.array_equal(np.concatenate([one.forward(clip[None]) for clip in x]), logits)
    assert np.array_equal(one.inference()(x), logits)
    assert not np.array_equal(fitted(seed=1)[0].forward(x), logits)
    assert one.forward(x[:0]).shape == (0, 2)


@compiled
def test_inference_keeps_the_weights_that_it_was_made_with():
    network, _ = fitted()
    x, targets = data()
    before, apply = network.forward(x), network.inference()
    network.fit(x[:20], targets[:20])
    assert np.array_equal(apply(x), before)
    assert not np.array_equal(network.forward(x), before)


@compiled
def test_weights_are_taken_over_by_another_and_pickled():
    network, _ = fitted()
    x = data(4, seed=3)[0]
    other = MiniRocket(2, 5, frames=98, rng=RNG(77), num_features=840)
    assert not np.array_equal(other.forward(x), network.forward(x))
    other.load_state_dict({name: array.copy() for name, array in network.state_dict().items()})
    assert np.array_equal(other.forward(x), network.forward(x))
    for again in (pickle.loads(pickle.dumps(network)), copy.deepcopy(network)):
        assert np.array_equal(again.forward(x), network.forward(x))


@compiled
def test_weights_that_do_not_fit_are_refused():
    network, _ = fitted()
    x, kept = data(2)[0], {name: array.copy() for name, array in network.state_dict().items()}
    before = network.forward(x)
    with pytest.raises(ArgumentError, match="state_dict must be a dict of arrays by name, not 3"):
        network.load_state_dict(3)
    with pytest.raises(ModelFileError, match="do not fit the network"):
        network.load_state_dict({"bias": kept["bias"]})
    with pytest.raises(ShapeError, match=r"weight biases must have shape \(840,\)"):
        network.load_state_dict(kept | {"biases": kept["biases"][1:]})
    for band in (5, -2):
        with pytest.raises(ModelFileError, match="bands that clips of 5 do not have"):
            network.load_state_dict(kept | {"channels": np.full_like(kept["channels"], band)})
    assert np.array_equal(network.forward(x), before)


def test_clips_that_do_not_fit_are_refused():
    with pytest.raises(ArgumentError, match="at least 9 frames of features, not 8"):
        MiniRocket(2, 5, frames=8, rng=RNG(0))
    with pytest.raises(ArgumentError, match="at least 84"):
        MiniRocket(2, 5, rng=RNG(0), num_features=83)
    network, _ = fitted(frames=9, num_features=84)
    with pytest.raises(ShapeError, match=r"shape \(9, 5\), not \(10, 5\)"):
        network.forward(np.zeros((1, 10, 5), np.float32))
    x, targets = data(4, 9)
    with pytest.raises(ArgumentError, match="finite"):
        network.fit(np.where(np.arange(5) == 1, np.nan, x), targets)
    with pytest.raises(ShapeError, match="a row a clip and a column a class"):
        network.fit(x, targets[:, :1])
    with pytest.raises(ArgumentError, match="at least two"):
        network.fit(x, targets, groups=np.zeros(4, int))


def test_the_shortest_clips_are_learnt():
    network, _ = fitted(frames=9, num_features=84)
    x, targets = data(10, 9, seed=5)
    assert (network.forward(x).argmax(axis=1) == targets.argmax(axis=1)).mean() > 0.7
    assert np.array_equal(network.inference()(x), network.forward(x))


def test_summary():
    text = str(models.build("minirocket", 12, 40, 0, 98).summary((98, 40)))
    assert "PPV" in text
    assert f"{9996 + 9996 * 12 + 12:,}" in text
    assert "stream: no" in text


# --- the classifier ---


def make(model="minirocket", **settings):
    return ac.KeywordClassifier(model, **({"verbose": 0, "random_state": 1} | settings))


@pytest.fixture(scope="module")
def trained():
    return make().fit(*examples(12, 0), validation=examples(3, 1))


@compiled
def test_the_classifier_learns(trained):
    assert trained.score(*examples(8, 2)) >= 0.9
    assert len(trained.history_) == 1
    assert set(trained.history_[0]) == {"epoch", "loss", "accuracy", "val_accuracy", "learning_rate", "seconds"}
    assert trained.history_[0]["learning_rate"] is None
    assert trained.history_[0]["val_accuracy"] >= 0.8
    assert 0 < trained.threshold_ < 1


@compiled
def test_a_saved_classifier_says_the_same_and_streams(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    trained.save(path)
    loaded = ac.KeywordClassifier.load(path)
    X, _ = examples(2, 4)
    for other in (loaded, pickle.loads(pickle.dumps(trained))):
        assert np.array_equal(other.predict_proba(X), trained.predict_proba(X))
    rows = loaded.posteriors(X[0])
    assert_close(rows, trained.predict_proba(X[:1]), 1e-5)
    recording = np.concatenate(X[:2])
    whole = trained.posteriors(recording)
    stream = loaded.scorer_.stream()
    blocks = [stream.process(recording[i : i + 4000]) for i in range(0, recording.size, 4000)] + [stream.flush()]
    assert_close(np.concatenate(blocks), whole, 1e-5)
    assert loaded.history_ == [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in trained.history_]


@compiled
@pytest.mark.parametrize("augment", [True, False])
def test_the_classifier_has_the_same_bits_with_any_number_of_threads(augment):
    X, y = examples(3, 0)
    one, *others = (make(small, epochs=2, threads=threads, augment=augment).fit(X, y) for threads in (1, 2, 3))
    for other in others:
        for name, array in one.network_.state_dict().items():
            assert np.array_equal(array, other.network_.state_dict()[name]), name
    assert not np.array_equal(make(small, augment=augment).fit(X, y).predict_proba(X), one.predict_proba(X)) or (
        not augment  # passes over clips that do not change are all the same
    )


@compiled
def test_class_weights_count():
    rng = RNG(0)
    X, y = (0.1 * rng.standard_normal((20, 16000))).astype(np.float32), np.array(["many"] * 16 + ["few"] * 4)
    plain, balanced = (make(small, class_weight=weight, augment=False).fit(X, y) for weight in (None, "balanced"))
    assert balanced.predict_proba(X)[:, 0].mean() > plain.predict_proba(X)[:, 0].mean() + 0.1


def test_clips_of_few_frames_are_refused_before_anything_is_done():
    with pytest.raises(ArgumentError, match="at least 9 frames"):
        make(clip_s=0.1).fit(np.ones((4, 1600), np.float32), ["a", "b"] * 2)


def test_ctrl_c_ends_the_training(monkeypatch):
    def tired(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(MiniRocket, "fit", tired)
    classifier = make(small, augment=False).fit(*examples(2, 0))
    assert classifier.interrupted_
    assert classifier.history_ == []


@pytest.mark.data
@pytest.mark.slow
def test_speech_commands_are_learnt(data_folder):
    dataset = load_dataset(data_folder / "speech_commands")
    part, val = dataset.part("train"), dataset.part("val")
    chosen = part.select(np.arange(len(part)) % 4 == 0)
    assert make(epochs=1).fit(chosen.files, chosen.labels).score(val.files, val.labels) > 0.85
