"""Swap rooms while sound plays
============================

Stand in one hall after the other: the microphone through impulse responses, which change while it plays::

    python examples/live_hall.py 10 data/impulse_responses/hall.flac data/impulse_responses/small_room.flac

The script may be busy meanwhile, as it is here: the sound does not wait for it. Wear headphones.
"""

import sys
import time

import audioconv as ac

RATE = 48000


def read_hall(path):
    response, rate = ac.read(path)
    response, _ = ac.io.resample_response(response.reshape(len(response), -1)[:, 0].copy(), rate, RATE)
    return response


def main(seconds, *paths):
    halls = [read_hall(path) for path in paths]
    reverb = ac.StreamConvolver(halls[0], max_block=64)
    chain = ac.Chain([ac.DryWet(reverb, 0.5), ac.Limiter(-1.0, sample_rate=RATE)])
    with ac.live(chain, block_size=64, sample_rate=RATE) as sound:
        for path, hall in zip(paths, halls, strict=True):
            print(path)
            reverb.set_ir(hall, fade_s=0.5)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                sorted(range(1_000_000, 0, -1))  # whatever a script does
        print(sound.statistics)
        return sound.statistics


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(float(sys.argv[1]), *sys.argv[2:])
    except ac.AudioconvError as error:
        sys.exit(f"live_hall: {error}")
