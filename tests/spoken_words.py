"""Shipped words one after the other, for tests that hear them through a browser."""

from pathlib import Path

import numpy as np

import audioconv as ac

KEYWORDS = Path(__file__).resolve().parents[1] / "data" / "keywords"
WORDS = "yes/f3-en-us_1", "left/gene2-en-gb_1", "no/gene2-en-gb_1", "right/iven3-en-us_1", "right/gene2-en-gb_1"
LABELS = [word.split("/")[0] for word in WORDS]
LEAD_IN_S, GAP_S = 2.0, 0.7  # before the first word, while a page begins to hear; after each


def write_words(path):
    """Write them at 16 kHz with quiet noise around them."""
    rng = np.random.default_rng(0)

    def noise(seconds):
        return 3e-4 * rng.standard_normal(round(16000 * seconds))

    parts = [noise(LEAD_IN_S)]
    for word in WORDS:
        samples = ac.read(KEYWORDS / f"{word}.flac").samples
        parts += [0.5 * samples / np.abs(samples).max(), noise(GAP_S)]
    ac.write(path, np.concatenate(parts).astype(np.float32), 16000, subtype="PCM_16")
