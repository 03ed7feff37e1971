"""Layers with forward and backward passes, losses, optimisers and the training loop."""

from audioconv.nn.activation import Dropout, ReLU, Sigmoid, Swish
from audioconv.nn.convolution import (
    Conv1d,
    Conv1dTranspose,
    Conv2d,
    Conv2dTranspose,
    Dense,
    DepthwiseConv1d,
    DepthwiseConv2d,
    LocallyConnected1d,
    LocallyConnected2d,
    TiledConv1d,
    TiledConv2d,
    conv1d,
)
from audioconv.nn.layer import Layer
from audioconv.nn.loss import one_hot, softmax, softmax_cross_entropy
from audioconv.nn.network import Broadcast, Residual, Sequential
from audioconv.nn.normalise import BatchNorm, SubSpectralNorm
from audioconv.nn.pooling import (
    AveragePool1d,
    AveragePool2d,
    GlobalAveragePool,
    LpPool1d,
    LpPool2d,
    MaxPool1d,
    MaxPool2d,
    Maxout,
)
