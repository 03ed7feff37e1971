"""Train keywords
==============

Train a keyword model::

    python examples/train_keywords.py data/keywords MODEL.safetensors [EPOCHS]

For data/keywords give any folder that holds a folder of sound files a word, or manifest.csv with the columns file,
label, speaker, split.
"""

import sys

import audioconv as ac


def main(folder, model, epochs=None):
    data = ac.classify.load_dataset(folder)
    train, val, test = (data.part(name) for name in ("train", "val", "test"))
    classifier = ac.KeywordClassifier(epochs=epochs and int(epochs), random_state=0)
    classifier.fit(train.files, train.labels, validation=(val.files, val.labels))
    classifier.save(model)
    print(f"{classifier.score(test.files, test.labels):.1%} of {len(test)} test clips are right; saved as {model}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except ac.AudioconvError as error:
        sys.exit(f"train_keywords: {error}")
