"""From samples to detections on two machines: `record FOLDER` on one, then `compare FOLDER` on the other.

Both hold what SciPy has, too, against SciPy. `record` writes what is read in the other run, and the results to compare.
"""

import platform
import sys
from pathlib import Path

import numpy as np
import scipy.signal

import audioconv as ac
from audioconv.cli import app

ROOT = Path(__file__).resolve().parent.parent
RATE = 16000
EACH = 2  # recordings of a keyword
LEAST_DETECTIONS = 8  # of them: half, or the comparison says little
TOLERANCE = 2e-6  # of the largest number
OTHER_TOLERANCES = {"LogMel": 1e-5, "posteriors": 1e-4, "detections": 0.0}


def convolutions(_folder):
    """Convolutions, whole and as a stream."""
    rng = np.random.default_rng(0)
    signal, response = (rng.standard_normal(count).astype(np.float32) for count in (20_000, 3000))
    wanted = scipy.signal.fftconvolve(signal.astype(np.float64), response.astype(np.float64))
    stream = ac.StreamConvolver(response)
    cuts = np.cumsum(rng.integers(1, 512, 100))
    blocks = np.split(signal, cuts[cuts < len(signal)])
    made = {
        "convolve, direct": ac.convolve(signal, response, method="direct"),
        "convolve, by overlap-save": ac.convolve(signal, response, method="overlap_add"),
        "StreamConvolver": np.concatenate([*map(stream.process, blocks), stream.flush()]),
    }
    for name, result in made.items():
        expect(f"{name}, against SciPy", result, wanted, TOLERANCE)
    return made


def features(folder):
    """Features of the words."""
    return {"LogMel": ac.LogMel(RATE)(ac.read(folder / "words.wav").samples)}


def detection(folder):
    """Posteriors of the shipped detector, and the words that it detects."""
    detector, words = ac.KeywordDetector.load(), ac.read(folder / "words.wav").samples
    found = detector.detect(words)
    for each in found:
        print(f"  {each.start_s:6.2f} to {each.end_s:.2f} s  {each.label:6} {each.score:.3f}")
    if len(found) < LEAST_DETECTIONS:
        sys.exit(f"{len(found)} words were detected, and at least {LEAST_DETECTIONS} are wanted")
    labels = detector.classes_.tolist()
    return {
        "posteriors": detector.scorer_.posteriors(words),
        "detections": np.array([[labels.index(each.label), each.start_s, each.end_s] for each in found]),
    }


def command_line(folder):
    """A file through `audioconv filter`: the words in a room."""
    room = next((ROOT / "data" / "impulse_responses").glob("*.flac"))
    command = ["filter", folder / "words.wav", folder / "room.wav", "--ir", room, "--gain", "-6", "--subtype", "FLOAT"]
    app([*map(str, command), "--force"], standalone_mode=False)
    return {"audioconv filter": ac.read(folder / "room.wav").samples}


def expect(name, result, wanted, tolerance):
    """Say how far a result is from what is wanted, as a share of the largest; end the program if that is too far."""
    if result.shape != wanted.shape:
        sys.exit(f"{name}: {result.shape}, and {wanted.shape} is wanted")
    deviation = np.abs(result - wanted).max() / np.abs(wanted).max()
    print(f"  {name}: within {deviation:.0e} ({tolerance:.0e} is allowed)", flush=True)
    if not deviation <= tolerance:
        sys.exit(f"{name} is not right on {platform.machine()}")


def write_words(path):
    """Some recordings of each keyword that ships, with pauses."""
    pause = np.zeros(RATE // 2, np.float32)
    pieces = [pause]
    for label in ac.KeywordDetector.load().classes_:
        for clip in sorted((ROOT / "data" / "keywords" / label).glob("*.flac"))[:EACH]:
            pieces += [ac.read(clip).samples, pause]
    ac.write(path, np.concatenate(pieces), RATE)


def main(job, folder):
    """Run everything; `record` keeps the results, `compare` holds them against those that were kept."""
    print(f"{job} on {platform.machine()}")
    if job == "record":
        write_words(folder / "words.wav")
    results = {}
    for part in convolutions, features, detection, command_line:
        print(part.__doc__, flush=True)
        results |= part(folder)
    if job == "record":
        np.savez(folder / "results.npz", **results)
        return
    print("Against the machine that recorded:")
    with np.load(folder / "results.npz") as recorded:
        for name, result in results.items():
            expect(name, result, recorded[name], OTHER_TOLERANCES.get(name, TOLERANCE))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("record", "compare"):
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]))
