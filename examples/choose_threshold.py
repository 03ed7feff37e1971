"""Choose a threshold
==================

Thresholds of a detector by false alarms an hour, on recordings that hold none of its words::

    python examples/choose_threshold.py RATE OUT.safetensors RECORDING ...

A notice says if the recordings are too short to show such a rate: for one an hour they should last three hours.
"""

import sys

import audioconv as ac


def main(false_alarms_per_hour, target, *recordings):
    detector = ac.KeywordDetector.load()  # the one that comes along, or of a file
    before = detector.thresholds_.copy()
    detector.calibrate(recordings, float(false_alarms_per_hour))
    for word, old, new in zip(detector.classes_, before, detector.thresholds_, strict=True):
        print(f"{word:8} {old:.2f} -> {new:.2f}")
    detector.save(target)
    return detector


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except ac.AudioconvError as error:
        sys.exit(f"choose_threshold: {error}")
