"""Layers with forward and backward passes, losses, optimisers and the training loop."""

from audioconv.nn.activation import Dropout, ReLU, Sigmoid, Swish
from audioconv.nn.convolution import (
    Conv1d,
    Conv2d,
    Dense,
    DepthwiseConv1d,
    DepthwiseConv2d,
    LocallyConnected1d,
    LocallyConnected2d,
    TiledConv1d,
    TiledConv2d,
    conv1d,
)
from audioconv.nn.dense_form import as_dense, connections
from audioconv.nn.layer import Layer
from audioconv.nn.loss import (
    BinaryCrossEntropy,
    Loss,
    MeanSquaredError,
    SoftmaxCrossEntropy,
    one_hot,
    softmax,
    softmax_cross_entropy,
)
from audioconv.nn.network import Broadcast, Residual, Sequential
from audioconv.nn.normalise import BatchNorm, SubSpectralNorm
from audioconv.nn.optimise import SGD, AdamW, MovingAverage, constant, step_decay, warmup_cosine
from audioconv.nn.pooling import (
    AveragePool1d,
    AveragePool2d,
    GlobalAveragePool,
    LpPool1d,
    LpPool2d,
    Maxout,
    MaxPool1d,
    MaxPool2d,
)
from audioconv.nn.step import TrainingStep
from audioconv.nn.stream import NetworkStream
from audioconv.nn.summary import Summary
from audioconv.nn.train import History, Training
from audioconv.nn.transposed import Conv1dTranspose, Conv2dTranspose

__all__ = [
    "SGD",
    "AdamW",
    "AveragePool1d",
    "AveragePool2d",
    "BatchNorm",
    "BinaryCrossEntropy",
    "Broadcast",
    "Conv1d",
    "Conv1dTranspose",
    "Conv2d",
    "Conv2dTranspose",
    "Dense",
    "DepthwiseConv1d",
    "DepthwiseConv2d",
    "Dropout",
    "GlobalAveragePool",
    "History",
    "Layer",
    "LocallyConnected1d",
    "LocallyConnected2d",
    "Loss",
    "LpPool1d",
    "LpPool2d",
    "MaxPool1d",
    "MaxPool2d",
    "Maxout",
    "MeanSquaredError",
    "MovingAverage",
    "NetworkStream",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "SubSpectralNorm",
    "Summary",
    "Swish",
    "TiledConv1d",
    "TiledConv2d",
    "Training",
    "TrainingStep",
    "as_dense",
    "connections",
    "constant",
    "conv1d",
    "one_hot",
    "softmax",
    "softmax_cross_entropy",
    "step_decay",
    "warmup_cosine",
]
