"""Grid search
===========

Try settings of a classifier by cross-validation, speakers apart, with scikit-learn's own search::

    python examples/grid_search.py data/keywords [EPOCHS]

Settings of the augmentation and of the training are reached within: ``augment__noise_probability``, ``training__...``.
"""

import sys

from sklearn.model_selection import GridSearchCV, GroupKFold

import audioconv as ac

GRID = {"learning_rate": [0.005, 0.02], "augment__noise_probability": [0.0, 0.5]}


def main(folder, epochs=10, grid=None, folds=3):
    train = ac.classify.load_dataset(folder).part("train")
    classifier = ac.KeywordClassifier(epochs=int(epochs), augment=ac.classify.Augmentation(), random_state=0, verbose=0)
    search = GridSearchCV(classifier, grid or GRID, cv=GroupKFold(folds), refit=False)
    search.fit(train.files, train.labels, groups=train.groups)
    results = search.cv_results_
    for settings, mean, deviation in zip(
        results["params"], results["mean_test_score"], results["std_test_score"], strict=True
    ):
        print(f"{mean:.1%} ± {deviation:.1%}  {settings}")
    return search


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except ac.AudioconvError as error:
        sys.exit(f"grid_search: {error}")
