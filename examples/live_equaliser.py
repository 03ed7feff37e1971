"""Equaliser, live
===============

Three bands between microphone and loudspeakers, whose gains change while it plays. Wear headphones::

    python examples/live_equaliser.py 10

What is typed (``low 6``, ``mid -3``, ``high 0``, in dB) is heard with the next block; with seconds the bands are swept.
"""

import sys

import audioconv as ac

RATE = 48000
BANDS = {
    "low": ac.EqBand("lowshelf", 200.0),
    "mid": ac.EqBand("peak", 1000.0),
    "high": ac.EqBand("highshelf", 5000.0),
}


def main(seconds=None):
    equaliser = ac.ParametricEq(BANDS, sample_rate=RATE)
    chain = ac.Chain([equaliser, ac.Limiter(-1.0, sample_rate=RATE)])
    with ac.live(chain, block_size=64, sample_rate=RATE) as sound:
        if seconds is None:
            for line in sys.stdin:
                name, gain_db = line.split()
                equaliser.set_band(name, gain_db=float(gain_db))  # reached over the next block, without a click
        else:
            for name in BANDS:
                equaliser.set_band(name, gain_db=6.0)
                sound.wait(float(seconds) / len(BANDS))
        print(sound.statistics)
        return sound.statistics


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ac.AudioconvError as error:
        sys.exit(f"live_equaliser: {error}")
