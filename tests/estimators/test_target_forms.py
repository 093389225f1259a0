"""Forms of targets: dtypes, columns, matrices; labels come back as a plain dtype."""

import warnings

import numpy as np
import pandas as pd
import polars
import pytest
from scipy import sparse
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import f1_score

from wellfit import MLPClassifier, MLPEnsembleClassifier, MLPRegressor
from wellfit.core.errors import DataError
from wellfit.model_selection import GridSearchCV, SearchCV
from wellfit.preprocessing import ClassLabels

X = np.random.default_rng(0).normal(size=(120, 3))
YES = X[:, 0] > 0
LABELS = np.stack([YES, X[:, 1] > 0, X[:, 2] > 1], axis=1)
QUICK = {"hidden_layer_sizes": (8,), "epochs": 3, "random_state": 0}
BOTH = pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
WHOLE = YES.astype(int)
PLAIN = {
    "whole numbers as objects": (pd.Series(WHOLE, dtype=object), np.int64),
    "booleans as objects": (pd.Series(YES, dtype=object), np.bool_),
    "floats as objects": (pd.Series(YES * 2.0, dtype=object), np.float64),
    "whole numbers and floats as objects": (
        np.array([1 if yes else 0.0 for yes in YES], dtype=object),
        np.float64,
    ),
    "numbers of numpy as objects": (np.array(list(WHOLE), dtype=object), np.int64),
    "a column of objects": (pd.DataFrame({"y": pd.Series(WHOLE, dtype=object)}), np.int64),
    "nullable whole numbers": (pd.Series(WHOLE, dtype="Int64"), np.int64),
    "nullable booleans": (pd.Series(YES, dtype="boolean"), np.bool_),
    "categories of objects": (
        pd.Series(pd.Categorical(pd.Series(WHOLE, dtype=object))),
        np.int64,
    ),
    "polars": (polars.Series(YES.tolist()), np.bool_),
    "objects of polars": (polars.Series(WHOLE.tolist(), dtype=polars.Object), np.int64),
}


@pytest.mark.filterwarnings("ignore:A column-vector y")
@pytest.mark.parametrize(("y", "dtype"), PLAIN.values(), ids=PLAIN.keys())
def test_labels_come_back_as_a_plain_dtype(y, dtype):
    clf = MLPClassifier(**QUICK, scoring=["roc_auc", "f1_macro"], class_weight="balanced")
    predicted = clf.fit(X, y).predict(X)
    truth = np.asarray(y).ravel().astype(dtype)
    assert clf.classes_.dtype == predicted.dtype == dtype
    assert 0 <= f1_score(truth, predicted, average="macro") <= 1
    assert np.isfinite(clf.history_["val_roc_auc"]).any()
    shares = clf.score(X, y), clf.score(X, y, sample_weight=np.ones(len(X)))
    np.testing.assert_allclose(shares, np.mean(truth == predicted))


@pytest.mark.parametrize("kind", ["whole numbers as objects", "booleans as objects"])
def test_scorers_of_searches_and_ensembles_read_them(kind):
    y, dtype = PLAIN[kind]
    grid = GridSearchCV(MLPClassifier(**QUICK), {"l2": [0, 1]}, cv=2, scoring="roc_auc")
    plain = GridSearchCV(MLPClassifier(**QUICK), {"l2": [0, 1]}, cv=2, scoring="roc_auc")
    given, wanted = grid.fit(X, y), plain.fit(X, y.astype(dtype))
    np.testing.assert_array_equal(
        given.cv_results_["mean_test_score"], wanted.cv_results_["mean_test_score"]
    )
    search = SearchCV(MLPClassifier(**QUICK), {"l2": [0, 1]}, n_iter=2, cv=2, scoring="f1")
    search.keep_models = True
    ensemble = MLPEnsembleClassifier.from_search(search.fit(X, y), scoring="accuracy")
    assert ensemble.predict(X).dtype == dtype
    ensemble = MLPEnsembleClassifier(
        MLPClassifier(**QUICK), n_estimators=2, selection="greedy", scoring="f1", random_state=0
    )
    assert ensemble.fit(X, y).predict(X).dtype == dtype


def test_text_stays_text():
    for y in (np.where(YES, "yes", "no"), np.where(YES, "1", "01").astype(object)):
        clf = MLPClassifier(**QUICK).fit(X, y)
        assert clf.predict(X).dtype == y.dtype
        assert set(clf.classes_) == set(y)


def test_a_matrix_of_objects_is_read_by_its_columns():
    for y in (
        LABELS.astype(object),
        pd.DataFrame(LABELS).astype({0: int}),
        sparse.csr_array(LABELS),
    ):
        clf = MLPClassifier(**QUICK).fit(X, y)
        assert clf.predict(X).shape == (120, 3)
        assert clf.score(X, y) == clf.score(X, LABELS)
    reg = MLPRegressor(**QUICK, scoring="r2").fit(X, X[:, :2].astype(object))
    assert reg.predict(X).shape == (120, 2)


def test_labels_saved_as_objects_come_back_plain():
    document = {"classes": [1, 2], "dtype": "|O", "multilabel": False, "soft": False}
    assert ClassLabels.from_document(document).classes_.dtype == np.int64


def test_labels_of_several_types_are_refused():
    with pytest.raises(DataError, match="expected labels of one type"):
        MLPClassifier().fit(X[:2], np.array([1, "a"], dtype=object))
    with pytest.raises(DataError, match="whole numbers of more than 64 bits"):
        MLPClassifier().fit(X[:2], np.array([10**30, 1], dtype=object))


# One column


def warned(fit):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = fit()
    return model, [each.category for each in seen]


@BOTH
@pytest.mark.parametrize("frame", [False, True], ids=["array", "frame"])
def test_one_column_of_validation_targets_is_flattened_like_y(cls, frame):
    flat = pd.Series(WHOLE) if frame else WHOLE
    column = pd.DataFrame({"y": WHOLE}) if frame else WHOLE[:, None]
    wanted = cls(**QUICK).fit(X, flat, X_val=X[:9], y_val=flat[:9])
    for y, y_val in ((flat, column), (column, flat), (column, column)):
        model, categories = warned(
            lambda y=y, y_val=y_val: cls(**QUICK).fit(X, y, X_val=X[:9], y_val=y_val[:9])
        )
        assert model.history_["val_loss"] == wanted.history_["val_loss"]
        # As scikit-learn: once, of a column where it expects labels.
        alone = cls is MLPClassifier and y is column
        assert categories == [DataConversionWarning] * alone


def test_a_column_is_warned_of_at_every_fit_and_never_by_score():
    column = WHOLE[:, None]
    clf = MLPClassifier(**QUICK, warm_start=True)
    for fit in (clf.fit, clf.fit, clf.partial_fit, MLPClassifier(**QUICK).partial_fit):
        assert warned(lambda fit=fit: fit(X, column))[1] == [DataConversionWarning]
    share, categories = warned(lambda: clf.score(X, column))
    assert share == clf.score(X, WHOLE)
    assert categories == []


@BOTH
def test_validation_targets_of_another_form_are_refused(cls):
    with pytest.raises(DataError, match="the target has shape"):
        cls(**QUICK).fit(X, LABELS.astype(int), X_val=X[:9], y_val=LABELS[:9, :2].astype(int))


# Several labels a row, part by part


@pytest.mark.parametrize(
    "classes",
    [range(3), [0, 1, 2], np.arange(3), np.unique(LABELS), LABELS, None],
    ids=["range", "list", "array", "of the cells", "all targets", "none"],
)
def test_partial_fit_of_several_labels(classes):
    Y = LABELS.astype(int)
    clf = MLPClassifier(**QUICK).partial_fit(X[:60], Y[:60], classes=classes)
    clf.partial_fit(X[60:], Y[60:]).partial_fit(X, Y, classes=classes)
    assert clf.predict(X).shape == Y.shape
    assert clf.classes_.tolist() == [0, 1, 2]
    plain = MLPClassifier(**QUICK).partial_fit(X[:60], Y[:60]).partial_fit(X[60:], Y[60:])
    np.testing.assert_array_equal(plain.partial_fit(X, Y).predict(X), clf.predict(X))


def test_partial_fit_of_probabilities():
    soft = np.stack([0.3 + 0.4 * YES, 0.7 - 0.4 * YES], axis=1)
    clf = MLPClassifier(**QUICK).partial_fit(X, soft, classes=[0, 1]).partial_fit(X, soft)
    assert clf.predict_proba(X).shape == (120, 2)


def test_partial_fit_refuses_other_classes():
    Y = LABELS.astype(int)
    with pytest.raises(DataError, match=r"classes is \[0, 1, 2, 3\]; expected \[0, 1, 2\]"):
        MLPClassifier(**QUICK).partial_fit(X, Y, classes=range(4))
    clf = MLPClassifier(**QUICK).partial_fit(X, WHOLE, classes=[0, 1, 2])
    clf.partial_fit(X, WHOLE, classes=[2, 1, 0])
    with pytest.raises(DataError, match=r"classes is \[0, 1\]; expected \[0, 1, 2\]"):
        clf.partial_fit(X, WHOLE, classes=[0, 1])
