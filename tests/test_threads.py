"""Eight threads at once, on one object and on objects of their own: the bits of one thread."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import audioconv as ac
from audioconv import parallel
from tests.signals import noise
from tests.spoken_words import KEYWORDS

THREADS, CALLS = 8, 24
RATE = 16000
RESPONSE = noise(3000, seed=1, scale=0.02)


def in_threads(work):
    """What `work(i)` gives for each of many calls, by threads that run at once."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(CALLS)))


def signal(i):
    return noise(RATE + 7 * i, seed=i, scale=0.1)


SHARED = {
    "convolve": lambda: lambda x: ac.convolve(x, RESPONSE, threads=2),
    "Fir": lambda: ac.Fir(RESPONSE).convolve,
    "stft": lambda: lambda x: ac.stft(x, 512, 128),
    "LogMel": ac.LogMel,
}
OWN = {
    "StreamConvolver": lambda: ac.StreamConvolver(RESPONSE, max_block=512),
    "Chain": lambda: ac.Chain([ac.Biquad.design("highpass", RATE, 80.0), ac.Compressor(sample_rate=RATE),
                               ac.StreamConvolver(RESPONSE), ac.Limiter(-1.0, sample_rate=RATE)]),
    "Denoise": lambda: ac.Denoise(RATE),
    "NeuralDenoise": lambda: ac.NeuralDenoise(RATE),
}  # fmt: skip


@pytest.mark.parametrize("make", SHARED.values(), ids=SHARED)
def test_a_shared_object(make):
    work = make()
    wanted = [work(signal(i)) for i in range(CALLS)]
    for ours, theirs in zip(in_threads(lambda i: work(signal(i))), wanted, strict=True):
        assert np.array_equal(ours, theirs)


def test_a_shared_detector():
    detector, files = ac.KeywordDetector.load(), sorted((KEYWORDS / "yes").glob("*.flac"))[:CALLS]
    words = [np.pad(ac.read(file).samples, (RATE, RATE)) for file in files]
    wanted = [detector.detect(word) for word in words]
    assert sum(map(len, wanted)) > CALLS / 2
    assert in_threads(lambda i: detector.detect(words[i])) == wanted


@pytest.mark.parametrize("make", OWN.values(), ids=OWN)
def test_objects_of_their_own(make):
    def work(i):
        stage, x = make(), signal(i)
        return np.concatenate([*(stage.process(x[at : at + 500]) for at in range(0, len(x), 500)), stage.flush()])

    wanted = [work(i) for i in range(CALLS)]
    for ours, theirs in zip(in_threads(work), wanted, strict=True):
        assert np.array_equal(ours, theirs)
        assert np.abs(ours).max() > 0.001


def test_work_of_unknown_time_has_all_threads(monkeypatch):
    x, seen, run = np.ones(10_000, np.float32), [], parallel.run
    monkeypatch.setattr(parallel, "run", lambda f, items, threads=None: seen.append(threads) or run(f, items, threads))
    ac.convolve(x, np.ones(30, np.float32), method="sparse", threads=3)  # none of these taps is zero: no candidate
    ac.convolve(x[:5000], np.ones(3, np.float32), method="direct", threads=3)  # too little for a second thread
    assert seen == [3, 1]
