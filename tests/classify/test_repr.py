"""What objects show of themselves: one line each, and tables in notebooks."""

import numpy as np

import audioconv as ac
from audioconv.classify import (
    Augmentation,
    Detection,
    EnergySegmenter,
    Finding,
    FixedChunks,
    Segment,
    TrainingConfig,
    load_dataset,
)
from tests.models_at_random import random_classifier


def test_an_estimator_shows_what_is_not_as_ever():
    assert repr(ac.KeywordClassifier()) == "KeywordClassifier()"
    hum = np.ones(100, np.float32)
    clf = ac.KeywordClassifier("ds-tcn", epochs=3, augment=Augmentation(n_masks=2), background_noise=[hum, "a.wav"])
    wanted = "KeywordClassifier('ds-tcn', augment=Augmentation(n_masks=2), epochs=3, background_noise=<2 noises>)"
    assert repr(clf) == str(clf) == wanted
    assert "background_noise=3)" in repr(ac.KeywordClassifier(background_noise=3))  # which `fit` refuses


def test_everything_shows_itself_in_one_line():
    fitted = random_classifier()
    objects = [
        fitted, fitted.scorer_, fitted.scorer_.stream(), fitted.stream(), Augmentation(), TrainingConfig(epochs=3),
        EnergySegmenter(16000), FixedChunks(8000, 0.5), Segment(np.zeros(9), 1.0, 2.0, -20.0, "clipped"),
        Detection(np.str_("yes"), 1.0, 1.25, 0.9), Finding("silent", "two clips", ("a.wav", "b.wav")),
    ]  # fmt: skip
    for item in objects:
        assert "\n" not in repr(item)
        assert "array(" not in repr(item)
    assert repr(fitted) == "KeywordClassifier('tc-resnet8', verbose=0), fitted to 2 classes"
    assert repr(objects[-2]) == "Detection('yes' at 1.00 to 1.25 s, score 0.900)"
    assert repr(objects[8]) == "Segment(1.00 to 2.00 s, -20 dB, clipped)"


def test_settings_show_what_makes_them_again():
    settings = Augmentation(snr_db=(0.0, 10.0), mixup_alpha=0.2)
    assert eval(repr(settings)) == settings
    assert repr(TrainingConfig()) == "TrainingConfig()"


def test_a_data_set_is_a_table_in_notebooks():
    data = load_dataset("data/keywords", words=["yes", "no"])
    table = data._repr_html_()
    assert repr(data) in table
    assert "<th>label</th><th>train</th><th>val</th><th>test</th>" in table
    assert f"<td>yes</td><td>{np.sum(data.part('train').labels == 'yes')}</td>" in table
