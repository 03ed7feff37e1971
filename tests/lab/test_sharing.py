"""Parameter sharing in the lab: what layers share, where that decides, and what is said of it."""

import numpy as np
import pytest

from audioconv import lab, nn
from audioconv.lab import data, sharing

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def digits():
    return data.digits()


def test_the_first_layer_of_ds_cnn_has_2624_10304_and_320064_weights():
    layers = sharing.layers_of((49, 10, 1), *sharing.DS_CNN, "same", RNG(0))
    assert [sharing.parameter_count(layer) for layer in layers.values()] == [2624, 10304, 320064]
    patterns = [nn.connections(layer, (49, 10, 1)) > 0 for layer in layers.values()]
    assert np.array_equal(patterns[0], patterns[1])
    assert np.array_equal(patterns[0], patterns[2])


def test_images_lie_in_the_middle_or_anywhere(digits):
    for anywhere in (False, True):
        task = data.in_planes(digits, 12, anywhere=anywhere)
        assert task.shape == (12, 12, 1)
        images = digits.test_x - digits.train_x.min()
        assert np.allclose(task.test_x.sum(axis=(1, 2, 3)), images.sum(axis=(1, 2, 3)), rtol=1e-5)
        assert np.array_equal(task.test_x[:, 2:10, 2:10], images) is not anywhere
    assert np.array_equal(task.test_x, data.in_planes(digits, 12, anywhere=True).test_x)


def test_sharing_decides_where_digits_lie_anywhere_and_threads_change_nothing(digits):
    setting = sharing.Setting("anywhere", data.in_planes(digits, sharing.SIDE, anywhere=True), (8, 8))
    settings = lab.Settings(quick=True, threads=2)
    rows = sharing.measure(setting, settings, (0.1, 1.0), (20, 100))
    assert [(row.accuracy.shape, row.by_steps.shape) for row in rows] == [((2, 1), (2, 1))] * 3
    assert np.array_equal(rows[0].accuracy[-1], rows[0].by_steps[-1])
    assert rows[0].accuracy[0].mean() > rows[-1].accuracy[0].mean() + 0.1
    again = sharing.measure(setting, settings._replace(threads=1), (0.1, 1.0), (20, 100))
    assert all(np.array_equal(a.accuracy, b.accuracy) for a, b in zip(rows, again, strict=True))


def row_of(accuracy, by_steps):
    return sharing.Sharing("one", 1, np.array(accuracy)[:, None], np.array(by_steps)[:, None])


def test_what_is_said_of_sharing_follows_from_the_figures():
    low, high = row_of([0.2, 0.5], [0.1, 0.5]), row_of([0.6, 0.9], [0.5, 0.9])
    said = sharing.verdict([high, low], (0.1, 1.0), (30, 100))
    assert "With 10% of the data shared weights do better: 60% and 20%" in said
    assert "After 30 steps on all of it shared weights do better: 50% and 10%" in said
    assert "Shared weights need 10% of the data" in said
    said = sharing.verdict([low, high], (0.1, 1.0), (30, 100))
    assert "With 10% of the data unshared weights do better: 20% and 60%" in said
    assert "With all of the data the unshared ones are ahead" in said
    assert "Shared weights need" not in said
    said = sharing.verdict([low, low], (0.1, 1.0), (30, 100))
    assert "do alike, 20% and 20%" in said
    assert "better" not in said


def test_a_word_is_found_wherever_it_stands():
    scores = sharing.find("cat", "a cat and a catalogue, cut")
    line = "a cat and a catalogue, cut"
    expected = [sum(a == b for a, b in zip("cat", line[i:], strict=False)) for i in range(len(line) - 2)]
    assert scores.tolist() == expected
    assert np.flatnonzero(scores == 3).tolist() == [2, 12]
