"""Find sound events
=================

Learn sounds from clips, in mixtures that are made of them, and tell which sound a recording has from when to when::

    python examples/find_events.py CLIPS RECORDING.wav [MINUTES]

CLIPS has a folder of sound files for each sound.
"""

import sys

import audioconv as ac
from audioconv.detect import SoundEventTraining


def main(folder, recording, minutes=30, training=None):
    clips = ac.classify.load_dataset(folder)
    made = list(ac.mix_events(clips.files, clips.labels, count=max(2, int(minutes)), duration_s=60, random_state=0))
    events = [(i, each.onset_s, each.offset_s, each.label) for i, mixture in enumerate(made) for each in mixture.events]
    detector = ac.SoundEventDetector(training=training or SoundEventTraining(), random_state=0)
    detector.fit([mixture.samples for mixture in made], events)
    samples, rate = ac.read(recording)
    found = detector.detect(ac.io.resample(samples, rate, detector.sample_rate))
    for event in found:
        print(f"{event.start_s:7.2f} to {event.end_s:.2f} s  {event.label}  {event.score:.2f}")
    return found


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except ac.AudioconvError as error:
        sys.exit(f"find_events: {error}")
