"""Denoise speech
==============

Speech in noise, cleaned, and a picture of both::

    python examples/denoise_speech.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy as np

import audioconv as ac
from audioconv.features import spectrogram_db
from audioconv.report import spectrogram

SPEECH = Path(__file__).parent.parent / "data/recordings/speech.flac"


def main(folder="."):
    speech, rate = ac.read(SPEECH)
    noise = 0.01 * np.random.default_rng(0).standard_normal(rate + len(speech)).astype("float32")
    noisy = np.concatenate((np.zeros(rate, np.float32), speech)) + noise
    signals = {
        "speech in noise": noisy,
        "noise estimated as it goes": ac.denoise(noisy, rate),
        "noise known from the first second": ac.denoise(noisy, rate, noise=noisy[:rate]),
    }
    for name, samples in signals.items():
        ac.write(Path(folder) / f"{name}.wav", samples, rate)
    pictures = {name: spectrogram_db([samples], len(samples), rate, columns=400) for name, samples in signals.items()}
    spectrogram(pictures, fmax=5000).savefig(Path(folder) / "denoised.png", dpi=75)


if __name__ == "__main__":
    main(*sys.argv[1:])
