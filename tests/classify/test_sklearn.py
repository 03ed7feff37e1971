"""The estimator keeps scikit-learn's contract, but for what is said here, with the reason."""

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

import audioconv as ac
from tests.classify.test_classifier import RATE, examples

NO_INTEGERS = "samples are float32 or float64: integers are never rescaled silently"
NO_SOUND = "the check's points of a plane are no sound: of clips a sample or two long nothing can be heard"
EXCEPTIONS = {
    "check_estimators_dtypes": NO_INTEGERS,
    "check_sample_weights_not_an_array": NO_INTEGERS,
    "check_sample_weights_pandas_series": NO_INTEGERS,
    "check_sample_weights_shape": NO_INTEGERS,
    "check_sample_weight_equivalence_on_dense_data": "batches are drawn by chance: a weight scales the gradient of a "
    "clip where that is drawn, and is no repetition of it; a weight of 0 does leave it out, to the bit",
    "check_complex_data": "arrays of a wrong kind are a TypeError here, where the check wants a ValueError",
    "check_classifier_data_not_an_array": NO_INTEGERS,
    "check_dtype_object": "samples are float32 or float64: arrays of objects are refused",
    "check_classifiers_train": NO_SOUND,
    "check_n_features_in_after_fitting": "clips of another length are padded or cut, as files are",
}


@parametrize_with_checks(
    [ac.KeywordClassifier(clip_s=0.05, epochs=8, augment=False, verbose=0, threads=1)],
    expected_failed_checks=lambda estimator: EXCEPTIONS,
)
def test_contract(estimator, check):
    check(estimator)


def make(**settings):
    return ac.KeywordClassifier(**({"clip_s": 0.5, "epochs": 4, "batch_size": 12, "verbose": 0} | settings))


def test_searches_and_folds_work_on_clips_with_speakers_apart():
    X, y = examples(8, 0)
    groups = np.tile(np.arange(4), 6)
    scores = cross_val_score(make(epochs=12), X, y, groups=groups, cv=GroupKFold(2))
    assert scores.shape == (2,)
    assert scores.min() > 0.5
    search = GridSearchCV(make(), {"learning_rate": [1e-6, 0.01]}, cv=2).fit(X, y)
    assert search.best_params_ == {"learning_rate": 0.01}
    assert search.predict(X[:1]).tolist() == ["high"]


def test_a_pipeline_brings_clips_into_shape():
    X, y = examples(8, 0)
    louder = make_pipeline(FunctionTransformer(lambda clips: 2 * clips), make(epochs=12))
    assert louder.fit(X, y).score(X, y) > 0.8
    assert clone(louder)[-1].get_params() == louder[-1].get_params()


def test_scorers_of_probabilities_and_decisions_work():
    X, y = examples(6, 0)
    for scoring in ("neg_log_loss", "roc_auc_ovr", "balanced_accuracy"):
        assert np.isfinite(cross_val_score(make(), X, y, scoring=scoring, cv=2)).all()
    two = y != "noise"
    assert np.isfinite(cross_val_score(make(), X[two], y[two], scoring="roc_auc", cv=2)).all()


def test_files_and_arrays_are_the_same_clips(tmp_path):
    X, y = examples(4, 0)
    files = [tmp_path / f"{i}.wav" for i in range(len(X))]
    for file, clip in zip(files, X, strict=True):
        ac.write(file, clip, RATE, subtype="FLOAT")
    of_files, of_arrays = make(clip_s=1.0).fit(files, y), make(clip_s=1.0).fit(X, y)
    assert np.array_equal(of_files.predict_proba(X), of_arrays.predict_proba(files))
