"""Enlarge an image
================

An image made twice as large, with and without a checkerboard::

    python examples/enlarge_image.py OUT.png
"""

import sys

from audioconv.lab import dilated, pictures


def main(target):
    ways = dilated.enlarged(dilated.photograph())
    for way in ways:
        print(f"{way.name}: a plain grey image becomes uneven by {way.ripple:.1%}")
    pictures.enlarged(ways).savefig(target)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
