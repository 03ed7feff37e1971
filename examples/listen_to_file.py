"""Spot words in a stream
======================

Print the words in a recording of any length::

    python examples/listen_to_file.py MODEL.safetensors LONG.wav
"""

import sys

import audioconv as ac


def main(model, recording):
    classifier = ac.KeywordClassifier.load(model)
    detector = classifier.stream()
    blocks = ac.blocks(recording, 1600)  # as they would come from a sound card
    blocks = ac.io.resample_blocks(blocks, ac.io.info(recording).sample_rate, classifier.sample_rate)
    for block in blocks:
        show(detector.process(block if block.ndim == 1 else block.mean(axis=1)))
    show(detector.flush())


def show(detections):
    for word in detections:
        print(f"{word.start_s:8.2f} to {word.end_s:.2f} s  {word.label}  {word.score:.2f}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except ac.AudioconvError as error:
        sys.exit(f"listen_to_file: {error}")
