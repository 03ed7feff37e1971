"""Layers with forward and backward passes, losses, the optimiser and the training loop."""

from audioconv.nn.activation import Dropout, ReLU
from audioconv.nn.convolution import Conv1d, Dense, conv1d
from audioconv.nn.layer import Layer
from audioconv.nn.loss import one_hot, softmax, softmax_cross_entropy
from audioconv.nn.network import Residual, Sequential
from audioconv.nn.normalise import BatchNorm
from audioconv.nn.optimise import AdamW, warmup_cosine
from audioconv.nn.pooling import AveragePool1d, GlobalAveragePool, MaxPool1d
from audioconv.nn.train import History, train

__all__ = [
    "AdamW",
    "AveragePool1d",
    "BatchNorm",
    "Conv1d",
    "Dense",
    "Dropout",
    "GlobalAveragePool",
    "History",
    "Layer",
    "MaxPool1d",
    "ReLU",
    "Residual",
    "Sequential",
    "conv1d",
    "one_hot",
    "softmax",
    "softmax_cross_entropy",
    "train",
    "warmup_cosine",
]
