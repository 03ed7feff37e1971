"""Filter a file
=============

Put a recording into a room::

    python examples/filter_file.py IN.wav ROOM.wav OUT.wav
"""

import sys

import numpy as np

import audioconv as ac


def main(source, room, target):
    samples, rate = ac.read(source)
    response, room_rate = ac.read(room)  # one channel, or as many as the recording
    response, ahead = ac.io.resample_response(response, room_rate, rate)  # keeps the room's gain
    wet = ac.convolve(samples, response)[ahead:]
    ac.write(target, wet / max(1, np.abs(wet).max()), rate)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except ac.AudioconvError as error:
        sys.exit(f"filter_file: {error}")
