"""The second question of a training: which word a clip is; against the two losses written out."""

import numpy as np
import pytest

import audioconv as ac
from audioconv import nn
from audioconv.classify import Augmentation, auxiliary_words, load_dataset, set_size
from audioconv.classify.auxiliary_words import AuxiliaryCrossEntropy, AuxiliaryStep, AuxiliaryWords
from audioconv.classify.last_layer import last_columns
from audioconv.classify.made_up_words import BACKWARDS, HALVED, SPLICED, SWAPPED, MadeUpWords
from audioconv.errors import ArgumentError, ShapeError
from tests.command import refused

RATE = 16000


def test_each_word_and_what_is_made_of_it_is_a_class():
    words = AuxiliaryWords.of(np.array(["yes", "bed", "yes"]))  # bed is 0
    assert words.size == 2 * 4 + 2
    recipes = np.zeros(8, MadeUpWords.RECIPE)
    recipes["kind"][3:7] = SWAPPED, HALVED, BACKWARDS, SPLICED
    recipes["first"][3:7] = 0, 1, 2, 0
    targets = words.targets(np.arange(8), recipes, made_up=4)
    assert targets.argmax(axis=1).tolist() == [1, 0, 1, 3, 4, 7, 8, 9]
    assert targets.sum(axis=1).tolist() == [1] * 8
    shuffled = np.array([6, 0, 7, 4])
    assert np.array_equal(words.targets(shuffled, recipes[shuffled], made_up=4), targets[shuffled])


@pytest.mark.parametrize("class_weights", [None, [1.0, 0.5, 2.0]])
def test_the_loss_is_that_of_classes_and_half_of_that_of_words(class_weights):
    rng = np.random.default_rng(1)
    network = nn.Sequential([nn.Dense(4, 7, rng=rng, dtype=np.float64)])
    loss = AuxiliaryCrossEntropy(nn.SoftmaxCrossEntropy(0.1, class_weights), 3)
    step = AuxiliaryStep(network, nn.SGD(network, momentum=0), loss)
    x, own, words = rng.standard_normal((6, 4)), rng.integers(0, 3, 6), rng.integers(0, 4, 6)
    targets = np.concatenate((nn.one_hot(own, 3), nn.one_hot(words, 4)), axis=1)
    before = network.forward(x)
    of_classes, grad_classes = nn.SoftmaxCrossEntropy(0.1, class_weights)(
        before[:, :3], nn.one_hot(own, 3).astype(float)
    )
    _, grad_words = nn.SoftmaxCrossEntropy(0.1)(before[:, 3:], nn.one_hot(words, 4).astype(float))
    bias = network.state_dict()["0.bias"].copy()
    told, outputs = step(x, targets, learning_rate=1.0)
    assert told == pytest.approx(of_classes)
    assert np.array_equal(outputs, before[:, :3])
    gradient = np.concatenate((grad_classes, auxiliary_words.WEIGHT * grad_words), axis=1).sum(axis=0)
    assert np.allclose(bias - network.state_dict()["0.bias"], gradient)


def test_the_network_has_no_more_outputs_when_it_is_trained(monkeypatch):
    monkeypatch.setattr(set_size, "MANY_CLIPS", 1)
    rng = np.random.default_rng(0)
    X = (0.1 * rng.standard_normal((12, RATE)) * np.hanning(RATE)).astype(np.float32)
    y, names = np.array(["yes", "no", "unknown", "unknown"] * 3), ["", "", "bed", "cat"] * 3
    found = []
    for sublabels, threads in ((names, 1), (names, 2), (None, 1)):
        augment = Augmentation(noise_clip_ratio=0)
        clf = ac.KeywordClassifier("tc-resnet8", epochs=1, batch_size=8, augment=augment, threads=threads, verbose=0)
        found.append(clf.fit(X, y, validation=(X, y), sublabels=sublabels))
        assert len(last_columns(clf.network_)) == 3
    one, two, without = (clf.predict_proba(X) for clf in found)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, without)
    assert found[0].history_[0]["accuracy"] <= 1
    with pytest.raises(ShapeError, match="sublabels must be one a clip: 12 clips"):
        clf.fit(X, y, sublabels=["bed"])


def test_a_data_set_knows_what_its_unknown_words_are():
    data = load_dataset("data/keywords", words=["yes", "no"]).part("val")
    assert set(data.sublabels[data.labels == "unknown"]) > {"down", "go"}
    known = data.labels != "unknown"
    assert np.array_equal(data.sublabels[known], data.labels[known])
    assert load_dataset("data/keywords").sublabels is None


def test_the_command_gives_them_where_it_is_asked_to(monkeypatch, tmp_path):
    def fit(self, X, y, sublabels, **_):
        raise ArgumentError(
            "no words" if sublabels is None else f"{len(np.unique(sublabels))} words, {len(set(y))} labels"
        )

    monkeypatch.setattr(ac.KeywordClassifier, "fit", fit)
    given = ("train", "data/keywords", "--words", "yes,no", "--no-check", "--out", tmp_path / "m.safetensors")
    assert "11 words, 3 labels" in refused(*given, "--adaptable")
    assert "no words" in refused(*given)
    assert "--adaptable" in refused(*given, "--adaptable", "--for", "stream")
