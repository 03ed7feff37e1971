"""Filter a folder in parallel
===========================

High-pass all recordings of a folder, and bring them to one loudness, on all cores; a run that was cut goes on::

    python examples/filter_folder.py data/recordings cleaned

A file that fails does not end the run.
"""

import sys

import audioconv as ac


def clean(source, target):
    rate, channels = (info := ac.io.info(source)).sample_rate, info.channels
    highpass = ac.Biquad.design("highpass", rate, 80.0, channels=channels)
    ac.process_file(source, target, highpass, loudness_lufs=-20.0)


def main(folder, target, jobs=None):
    summary = ac.map_files(clean, folder, target, jobs=jobs and int(jobs))
    print(summary)
    for failure in summary.failures:
        print(failure)
    return summary


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except ac.AudioconvError as error:
        sys.exit(f"filter_folder: {error}")
