"""What a user writes, with the types that an editor and a type checker need to know."""

from pathlib import Path

import numpy as np

import audioconv as ac


def main(folder: Path) -> list[ac.Detection]:
    """Filter a recording, stream it through a chain, train a small classifier, and listen with it."""
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal(16000).astype(np.float32)
    ac.write(folder / "noise.wav", noise, 16000)
    clip = ac.read(folder / "noise.wav", stop_s=0.5)
    seconds: float = len(clip.samples) / clip.sample_rate
    wet = ac.convolve(clip.samples, np.array([1.0, 0.5, 0.25], np.float32), mode="same", method="direct")
    quieter = 0.5 * wet + clip.samples

    convolver = ac.StreamConvolver(np.ones(100, np.float32) / 100, max_block=64)
    chain = ac.Chain([ac.Gain(-6.0), ac.Biquad.design("highpass", 16000, 100.0), convolver])
    blocks = [chain.process(quieter[i : i + 64]) for i in range(0, len(quieter), 64)]
    streamed = np.concatenate([*blocks, chain.flush()])
    delay: int = chain.latency
    print(f"{seconds} s came out {delay} samples later, at most {float(np.abs(streamed).max()):.2f}")

    log_mel = ac.LogMel(sample_rate=16000, n_mels=40)
    frames, bands = log_mel(streamed).shape
    layers = [ac.nn.Conv1d(bands, 8, 3, stride=2, rng=rng), ac.nn.BatchNorm(8), ac.nn.ReLU(), ac.nn.GlobalAveragePool()]
    network = ac.nn.Sequential([*layers, ac.nn.Dense(8, 2, rng=rng)])
    logits = network.forward(log_mel(streamed)[None], training=False)
    weights: dict[str, np.ndarray] = network.state_dict()
    print(f"{frames} frames, {logits.shape[1]} classes, {sum(w.size for w in weights.values())} weights")

    clips = np.stack([np.sin(2 * np.pi * hz * np.arange(16000) / 16000) for hz in (400, 3000)] * 8)
    clips = (clips * rng.uniform(0.1, 0.5, (16, 1)) + 1e-3 * rng.standard_normal(clips.shape)).astype(np.float32)
    classifier = ac.KeywordClassifier("ds-tcn", epochs=2, augment=False, random_state=0, verbose=0)
    classifier.fit(clips, ["low", "high"] * 8)
    labels: list[str] = [str(label) for label in classifier.predict(clips[:2])]
    classifier.save(folder / "tones.safetensors")
    detector = ac.KeywordClassifier.load(folder / "tones.safetensors").stream(threshold=0.5)
    heard = detector.process(clips[0]) + detector.flush()
    print(labels, [f"{word.label} at {word.start_s:.2f} s, {word.score:.0%}" for word in heard])
    return heard
