"""A word from few clips
=====================

Teach a trained model a word more, from a folder of 3 to 20 clips that is called as the word is::

    python examples/few_shot_word.py clips/computer more.safetensors [MODEL.safetensors]

Take clips of as many voices as you can get. Without a model it is the classifier that comes along.
"""

import sys
from pathlib import Path

import audioconv as ac


def main(folder, target, model=None):
    classifier = ac.KeywordClassifier.load(*[model] * (model is not None))
    clips = sorted(map(str, ac.io.sound_files(folder)))
    more = classifier.adapt(clips, [Path(folder).name] * len(clips))  # another model; the first is as it was
    heard = more.predict(clips)
    print(f"{(heard == Path(folder).name).sum()} of its {len(clips)} clips are heard as {Path(folder).name!r}")
    more.save(target)
    return more


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except ac.AudioconvError as error:
        sys.exit(f"few_shot_word: {error}")
