"""A native stage of your own
==========================

An echo in a few lines of Python, compiled by Numba, that runs in chains, files and sound cards without Python::

    python examples/own_stage.py data/recordings/speech.flac echo.wav [DELAY_S]
"""

import sys

import numpy as np

import audioconv as ac


def echo(block, memory):
    """memory: where in the line it is, and a line of as many samples as the echo is late."""
    length = len(memory) - 1
    for t in range(block.shape[0]):
        place = int(memory[0])
        heard = block[t, 0] + 0.5 * memory[1 + place]
        memory[1 + place] = heard
        block[t, 0] = heard
        memory[0] = (place + 1) % length


def main(source, target, delay_s=0.25):
    rate = ac.io.info(source).sample_rate
    delay = round(float(delay_s) * rate)
    stage = ac.JitStage(echo, np.zeros(1 + delay), tail=8 * delay, sample_rate=rate)  # 48 dB down after eight echoes
    return ac.process_file(source, target, ac.Chain([stage, ac.Limiter(-1.0, sample_rate=rate)]))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except ac.AudioconvError as error:
        sys.exit(f"own_stage: {error}")
