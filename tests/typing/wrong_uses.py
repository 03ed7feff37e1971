"""Mistakes that type checkers find: each marked line, with what mypy and pyright call it. Nothing here runs."""

import numpy as np

import audioconv as ac

X = np.zeros(100, np.float32)


def names() -> None:
    ac.convolv(X, X)  # wrong: attr-defined reportAttributeAccessIssue
    ac.nn.Conv3d(1, 1, 3)  # wrong: attr-defined reportAttributeAccessIssue
    _ = ac.read("a.wav").rate  # wrong: attr-defined reportAttributeAccessIssue
    ac.Gain(-6.0).proces(X)  # wrong: attr-defined reportAttributeAccessIssue


def words() -> None:
    rng = np.random.default_rng(0)
    ac.convolve(X, X, mode="saem")  # wrong: arg-type reportArgumentType
    ac.convolve(X, X, method="fast")  # wrong: arg-type reportArgumentType
    ac.convolve2d(X, X, boundary="wrapped")  # wrong: arg-type reportArgumentType
    ac.StreamConvolver(X, latency="low")  # wrong: arg-type reportArgumentType
    ac.stft(X, 400, 100, padding="zero")  # wrong: arg-type reportArgumentType
    ac.KeywordClassifier(model="tc-resnet9")  # wrong: arg-type reportArgumentType
    ac.nn.Conv1d(1, 1, 3, padding="smae", rng=rng)  # wrong: arg-type reportArgumentType
    ac.Biquad.design("hipass", 48000, 100.0)  # wrong: arg-type reportArgumentType


def parameters() -> None:
    rng = np.random.default_rng(0)
    ac.convolve(X, X, treads=2)  # wrong: call-arg reportCallIssue
    ac.LogMel(mels=40)  # wrong: call-arg reportCallIssue
    ac.Limiter(-1.0)  # wrong: call-arg reportCallIssue
    ac.KeywordClassifier().stream(treshold=0.5)  # wrong: call-arg reportCallIssue
    ac.denoise(X, 16000, reduction=30.0)  # wrong: call-arg reportCallIssue
    ac.nn.Conv1d(1, 1, 3, strides=2, rng=rng)  # wrong: call-arg reportCallIssue


def types() -> None:
    ac.read(3)  # wrong: arg-type reportArgumentType
    ac.read("a.wav", start_s="1")  # wrong: arg-type reportArgumentType
    ac.Chain(ac.Gain(-6.0))  # wrong: arg-type reportArgumentType
    ac.Chain([ac.LogMel()])  # wrong: list-item reportArgumentType
    ac.Gain("loud")  # wrong: arg-type reportArgumentType
    ac.LogMel(sample_rate="16k")  # wrong: arg-type reportArgumentType
    _ = ac.convolve(X, X).samples  # wrong: union-attr reportAttributeAccessIssue
    name: str = ac.KeywordClassifier().stream().process(X)  # wrong: assignment reportAssignmentType
    ac.nn.Sequential(["conv"])  # wrong: list-item reportArgumentType
    print(name)
