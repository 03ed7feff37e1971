"""Equaliser, live
===============

Three bands between microphone and loudspeakers, whose gains change while it plays. Wear headphones::

    python examples/live_equaliser.py 10

What is typed (``low 6``, ``mid -3``, ``high 0``, in dB) is heard with the next block; with seconds the bands are swept.
"""

import sys

import audioconv as ac

RATE = 48000
BANDS = {"low": ("lowshelf", 200.0), "mid": ("peak", 1000.0), "high": ("highshelf", 5000.0)}


def design(name, gain_db):
    kind, frequency_hz = BANDS[name]
    return ac.Biquad.design(kind, RATE, frequency_hz, gain_db=gain_db, channels=1)


def main(seconds=None):
    bands = {name: design(name, 0.0) for name in BANDS}
    chain = ac.Chain([*bands.values(), ac.Limiter(-1.0, sample_rate=RATE)])
    with ac.live(chain, block_size=64, sample_rate=RATE) as sound:
        if seconds is None:
            for line in sys.stdin:
                name, gain_db = line.split()
                bands[name].sos = design(name, float(gain_db)).sos  # reached over the next block, without a click
        else:
            for name in BANDS:
                bands[name].sos = design(name, 6.0).sos
                sound.wait(float(seconds) / len(BANDS))
        print(sound.statistics)
        return sound.statistics


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ac.AudioconvError as error:
        sys.exit(f"live_equaliser: {error}")
