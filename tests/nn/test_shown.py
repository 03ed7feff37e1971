"""Layers, networks and what trains them say in one line what they are; notebooks get tables."""

import re

import numpy as np
import pytest

from audioconv import models, nn


def draw():
    return np.random.default_rng(0)


SHOWN = {
    "Conv1d(40, 16, 3, stride=2)": lambda: nn.Conv1d(40, 16, 3, stride=2, rng=draw()),
    "Conv2d(2, 4, (10, 4), padding='causal', groups=2, bias=False, dtype=float64)": lambda: nn.Conv2d(
        2, 4, (10, 4), padding="causal", groups=2, bias=False, rng=draw(), dtype=np.float64
    ),
    "DepthwiseConv1d(8, 5, dilation=4)": lambda: nn.DepthwiseConv1d(8, 5, dilation=4, rng=draw()),
    "DepthwiseConv2d(8, 3, stride=(1, 2))": lambda: nn.DepthwiseConv2d(8, 3, (1, 2), rng=draw()),
    "TiledConv2d(1, 2, 3, (2, 1))": lambda: nn.TiledConv2d(1, 2, 3, (2, 1), rng=draw()),
    "LocallyConnected1d(1, 2, 3, 9)": lambda: nn.LocallyConnected1d(1, 2, 3, 9, rng=draw()),
    "Conv1dTranspose(3, 2, 4, stride=2, output_padding=1)": lambda: nn.Conv1dTranspose(
        3, 2, 4, 2, output_padding=1, rng=draw()
    ),
    "Conv2dTranspose(3, 2, 4)": lambda: nn.Conv2dTranspose(3, 2, 4, rng=draw()),
    "Dense(3, 2)": lambda: nn.Dense(3, 2, rng=draw()),
    "MaxPool1d(2)": lambda: nn.MaxPool1d(2),
    "AveragePool2d((2, 3), stride=1, count_include_pad=True)": lambda: nn.AveragePool2d(
        (2, 3), 1, count_include_pad=True
    ),
    "LpPool1d(2, p=3)": lambda: nn.LpPool1d(2, p=3),
    "BatchNorm(4, momentum=0.5, scale=False)": lambda: nn.BatchNorm(4, 0.5, scale=False),
    "SubSpectralNorm(4, 2)": lambda: nn.SubSpectralNorm(4, 2),
    "Dropout(0.5)": lambda: nn.Dropout(0.5),
    "Maxout(2)": lambda: nn.Maxout(2),
    "Swish(dtype=float64)": lambda: nn.Swish(np.float64),
    "Sequential(0 layers, 0 parameters)": lambda: nn.Sequential([]),
    "Residual(Dense(3, 3), activation='linear')": lambda: nn.Residual(nn.Dense(3, 3, rng=draw()), activation="linear"),
    "Broadcast(ReLU())": lambda: nn.Broadcast(nn.ReLU()),
    "SoftmaxCrossEntropy(class_weights=array(2,))": lambda: nn.SoftmaxCrossEntropy(class_weights=[0.5, 1.5]),
    "BinaryCrossEntropy(reduction='mean')": lambda: nn.BinaryCrossEntropy("mean"),
    "SGD(momentum=0.5)": lambda: nn.SGD(nn.Dense(3, 2, rng=draw()), momentum=0.5),
    "ExponentialMovingAverage(decay=0.9)": lambda: nn.ExponentialMovingAverage(nn.Dense(3, 2, rng=draw()), 0.9),
    "MiniRocket(3, 5, frames=98, num_features=840)": lambda: models.MiniRocket(
        3, 5, frames=98, rng=draw(), num_features=840
    ),
}


@pytest.mark.parametrize("text", SHOWN)
def test_objects_say_what_they_are(text):
    assert repr(SHOWN[text]()) == text


@pytest.mark.parametrize("name", models.MODELS)
def test_every_network_takes_one_line(name):
    text = repr(models.build(name, 12, 40, 0, 98))
    assert "\n" not in text
    assert len(text) < 160


def test_what_trains_takes_one_line():
    network = nn.Sequential([nn.Dense(3, 2, rng=draw()), nn.ReLU(), nn.ReLU()])
    step = nn.TrainingStep(network, nn.AdamW(network), nn.MeanSquaredError(), nn.ExponentialMovingAverage(network))
    assert repr(network) == "Sequential(3 layers, 8 parameters: Dense, 2 x ReLU)"
    assert repr(step) == "TrainingStep(Sequential, AdamW(), MeanSquaredError(), ExponentialMovingAverage())"
    assert repr(nn.Trainer(step, nn.constant(0.1), epochs=3)) == f"Trainer({step!r}, epoch 0 of 3)"


EPOCHS = [
    {"epoch": 1, "loss": 0.75, "accuracy": 0.5, "score": (0.25, -1.0), "learning_rate": 0.1, "seconds": 1.5},
    {"epoch": 2, "loss": 0.5, "accuracy": np.nan, "score": (0.5, -0.5), "learning_rate": 0.05, "seconds": 1.25},
]


def test_a_history_is_a_line_and_a_table_with_a_curve():
    history = nn.History(EPOCHS, best_epoch=2, interrupted=True)
    assert repr(history) == "History(2 epochs, best 2, loss 0.5, score 0.5, -0.5, interrupted)"
    html = history._repr_html_()
    assert re.findall(r"<th>(\w+)</th>", html) == [
        "epoch", "loss", "accuracy", "learning_rate", "seconds", "score", "score_1",
    ]  # fmt: skip
    assert html.count("<tr") == 3
    assert re.findall("<tr style=font-weight:bold><td>(.)</td>", html) == ["2"]
    (points,) = re.findall('points="(.*?)"', html)
    assert [float(p.split(",")[1]) for p in points.split()] == [1, 47]  # downwards is larger
    assert "polyline" not in nn.History(EPOCHS[:1])._repr_html_()
    assert repr(nn.History()) == "History(0 epochs, best 0)"
    assert "<tbody></tbody>" in nn.History()._repr_html_()


def test_a_summary_is_a_line_and_a_table():
    network = nn.Sequential([nn.Conv1d(4, 8, 3, rng=draw()), nn.GlobalAveragePool(), nn.Dense(8, 2, rng=draw())])
    summary = network.summary((98, 4))
    assert repr(summary) == "Summary(3 layers, 122 parameters, 9,424 multiply-adds)"
    assert summary.layers[0] == ("0", "Conv1d", (98, 8), 104, 9408)
    html = summary._repr_html_()
    assert html.count("<tr") == 5
    for text in ("<td>98 x 8</td><td>104</td><td>9,408</td>", "<td>122</td><td>9,424</td>", "receptive field 3 frames"):
        assert text in html
    assert "&lt;" not in html


def test_layers_know_what_they_were_made_with():
    layer = nn.Conv2d(2, 4, (3, 5), stride=2, dilation=(1, 2), padding=("same", 1), groups=2, rng=draw())
    assert (layer.in_channels, layer.out_channels, layer.groups) == (2, 4, 2)
    assert (layer.kernel_size, layer.stride, layer.dilation) == ((3, 5), (2, 2), (1, 2))
    assert layer.padding == ("same", 1)
    up = nn.Conv1dTranspose(6, 4, 3, 2, output_padding=1, rng=draw())
    assert (up.in_channels, up.out_channels, up.kernel_size, up.stride, up.output_padding) == (6, 4, 3, 2, 1)
    pool = nn.MaxPool1d(3, padding=1)
    assert (pool.kernel_size, pool.stride, pool.padding) == (3, 3, 1)
    dense, local = nn.Dense(3, 2, rng=draw()), nn.LocallyConnected2d(1, 2, 3, (4, 5), rng=draw())
    assert (dense.in_features, dense.out_features, local.output_size) == (3, 2, (4, 5))
    assert nn.TiledConv1d(1, 2, 3, 4, rng=draw()).tiles == 4
