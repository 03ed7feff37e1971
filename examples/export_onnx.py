"""Export to ONNX
==============

Write a detector as ONNX, and run the file in onnxruntime, which needs nothing of audioconv::

    python examples/export_onnx.py words.onnx RECORDING.wav

The file takes samples and gives posteriors; its metadata say labels and thresholds.
Needs the extra ``audioconv[onnx]``.
"""

import json
import sys

import numpy as np

import audioconv as ac


def main(target, recording):
    import onnxruntime

    detector = ac.KeywordDetector.load()  # or that of a file
    ac.models.export_onnx(detector, target, overwrite=True)
    session = onnxruntime.InferenceSession(target)
    labels = json.loads(session.get_modelmeta().custom_metadata_map["labels"])
    samples, rate = ac.read(recording)
    samples = ac.io.resample(samples, rate, detector.sample_rate)
    (rows,) = session.run(None, {"samples": samples[None]})
    best = np.argmax(rows[0].max(axis=0))
    print(f"{rows.shape[1]} rows; likeliest word: {labels[best]}, {rows[0, :, best].max():.2f}")
    return labels, rows


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except ac.AudioconvError as error:
        sys.exit(f"export_onnx: {error}")
