"""Train the denoiser that comes along: python data/make_denoiser.py RECORDINGS MODEL.safetensors [CHECKPOINT]

RECORDINGS is a folder with librispeech_mini and esc10, each with a manifest.csv, and background_noise. Speech is that
of the training readers; noises are the background noises but HELD_NOISES, and folds 1 to 3 of ESC-10. The other
readers, HELD_NOISES and fold 4 are left for `benchmarks/run.py neural_denoise`. If the file CHECKPOINT exists, the
training goes on from it.
"""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from audioconv.enhance import train_denoiser

NOT_CC_BY = ("1-40730-A", "2-96460-A")  # of ESC-10: Sampling+
HELD_NOISES = ("exercise_bike", "running_tap")
FOLDS = ("fold1", "fold2", "fold3")
CARD = {
    "data": "LibriSpeech train-clean-5 (V. Panayotov et al., ICASSP 2015): 11 readers. ESC-10 (K. J. Piczak, ACM "
    "Multimedia 2015), folds 1 to 3 without two clips. Speech Commands (P. Warden, arXiv 1804.03209): four background "
    "noises. Synthetic noises, and the readers as voices in the background.",
    "licence": "CC BY 4.0. Of the data: LibriSpeech and Speech Commands CC BY 4.0, ESC-10 CC BY 3.0 (its two clips "
    "under Sampling+ are left out).",
    "recipe": "data/make_denoiser.py: train_denoiser with its defaults, seed 0; weights rounded to half precision.",
    "speakers": "11 American readers.",
    "limits": "For speech: music and machines are noise to it. Few readers and one language were heard; whispers, "
    "children and singing were not. Voices in the background are kept where they are as loud as the one in front.",
}


def main(recordings, out, checkpoint=None, training=None):
    """Train and write the model; `training` is a DenoiserTraining other than the defaults."""
    recordings = Path(recordings)
    files, speakers = speech(recordings)
    model = train_denoiser(
        files, noises(recordings), speakers=speakers, training=training, checkpoint=checkpoint,
        on_epoch=lambda record: print(record, flush=True),
    )  # fmt: skip
    round_weights(model.network)
    replace(model, card=replace(model.card, **CARD)).save(out)
    print(f"{out}: {Path(out).stat().st_size:,} bytes, {model}")


def speech(recordings):
    """Files of the training readers, and who reads."""
    rows = [row for row in manifest(recordings / "librispeech_mini") if row["split"] == "train"]
    return [recordings / "librispeech_mini" / row["file"] for row in rows], [row["speaker_or_group"] for row in rows]


def noises(recordings):
    """Files of the noises that are trained on."""
    background = sorted((recordings / "background_noise").glob("*.flac"))
    events = [
        recordings / "esc10" / row["file"]
        for row in manifest(recordings / "esc10")
        if row["split"] in FOLDS and Path(row["file"]).stem not in NOT_CC_BY
    ]
    return [file for file in background if file.stem not in HELD_NOISES] + events


def manifest(folder):
    """The rows of a set's manifest."""
    with (folder / "manifest.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def round_weights(network):
    """Round what is multiplied to half precision, which a model file then holds in half the space."""
    network.load_state_dict({
        name: array.astype(np.float16).astype(array.dtype) if array.ndim > 1 else array
        for name, array in network.state_dict().items()
    })  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
