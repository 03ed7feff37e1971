"""Layers with forward and backward passes, losses, optimisers and the training loop."""

from typing import TYPE_CHECKING

from audioconv._lazy import on_first_use

if TYPE_CHECKING:
    from audioconv.nn.layers.activation import Dropout, Maxout, ReLU, Sigmoid, Swish
    from audioconv.nn.layers.base import Layer
    from audioconv.nn.layers.batch_norm import BatchNorm, SubSpectralNorm
    from audioconv.nn.layers.containers import Broadcast, Residual, Sequential
    from audioconv.nn.layers.convolution import Conv1d, Conv2d, conv1d
    from audioconv.nn.layers.dense import Dense
    from audioconv.nn.layers.depthwise import DepthwiseConv1d, DepthwiseConv2d
    from audioconv.nn.layers.locally_connected import LocallyConnected1d, LocallyConnected2d, TiledConv1d, TiledConv2d
    from audioconv.nn.layers.lp_pooling import LpPool1d, LpPool2d
    from audioconv.nn.layers.pooling import AveragePool1d, AveragePool2d, GlobalAveragePool, MaxPool1d, MaxPool2d
    from audioconv.nn.layers.summary import Summary
    from audioconv.nn.layers.toeplitz import connections, to_matrix
    from audioconv.nn.layers.transposed import Conv1dTranspose, Conv2dTranspose
    from audioconv.nn.runtime.stream import NetworkStream
    from audioconv.nn.training.ema import ExponentialMovingAverage
    from audioconv.nn.training.history import History
    from audioconv.nn.training.losses import (
        BinaryCrossEntropy,
        Loss,
        MeanSquaredError,
        SoftmaxCrossEntropy,
        softmax_cross_entropy,
    )
    from audioconv.nn.training.optimisers import SGD, AdamW
    from audioconv.nn.training.schedules import constant, step_decay, warmup_cosine
    from audioconv.nn.training.targets import one_hot, softmax
    from audioconv.nn.training.trainer import Trainer
    from audioconv.nn.training.training_step import TrainingStep, epoch_time_s
else:
    __getattr__, __dir__ = on_first_use(
        __name__,
        {
            "layers.activation": "Dropout Maxout ReLU Sigmoid Swish",
            "layers.base": "Layer",
            "layers.batch_norm": "BatchNorm SubSpectralNorm",
            "layers.containers": "Broadcast Residual Sequential",
            "layers.convolution": "Conv1d Conv2d conv1d",
            "layers.dense": "Dense",
            "layers.depthwise": "DepthwiseConv1d DepthwiseConv2d",
            "layers.locally_connected": "LocallyConnected1d LocallyConnected2d TiledConv1d TiledConv2d",
            "layers.lp_pooling": "LpPool1d LpPool2d",
            "layers.pooling": "AveragePool1d AveragePool2d GlobalAveragePool MaxPool1d MaxPool2d",
            "layers.summary": "Summary",
            "layers.toeplitz": "connections to_matrix",
            "layers.transposed": "Conv1dTranspose Conv2dTranspose",
            "runtime.stream": "NetworkStream",
            "training.ema": "ExponentialMovingAverage",
            "training.history": "History",
            "training.losses": "BinaryCrossEntropy Loss MeanSquaredError SoftmaxCrossEntropy softmax_cross_entropy",
            "training.optimisers": "SGD AdamW",
            "training.schedules": "constant step_decay warmup_cosine",
            "training.targets": "one_hot softmax",
            "training.trainer": "Trainer",
            "training.training_step": "TrainingStep epoch_time_s",
        },
    )

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
    "ExponentialMovingAverage",
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
    "Trainer",
    "TrainingStep",
    "connections",
    "constant",
    "conv1d",
    "epoch_time_s",
    "one_hot",
    "softmax",
    "softmax_cross_entropy",
    "step_decay",
    "to_matrix",
    "warmup_cosine",
]
