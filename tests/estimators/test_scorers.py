"""Which scorers an estimator takes, and which of them its training goes by."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import HyperparameterError, UnknownNameError
from wellfit.fitting.scorer_choice import _USUAL_NAMES, refuse_scorer, scorer_names
from wellfit.model_selection import GridSearchCV, RandomizedSearchCV, SearchCV
from wellfit.training import EarlyStopping, EpochLogs
from wellfit.training.callbacks.monitoring import with_ties_broken

CANCER = load_breast_cancer(return_X_y=True)
NAMED = CANCER[0], np.array(["bad", "good"])[CANCER[1]]
SMALL = {"hidden_layer_sizes": (8,), "epochs": 6, "random_state": 0}


@pytest.mark.parametrize(("usual", "meant"), _USUAL_NAMES.items())
def test_the_name_that_people_use_suggests_scikit_learns(usual, meant):
    assert meant in scorer_names()
    assert usual not in scorer_names()
    with pytest.raises(UnknownNameError, match=f"did you mean '{meant}'"):
        refuse_scorer(usual.upper())


@pytest.mark.parametrize(
    ("scoring", "y", "expected"),
    [
        ("rand_score", CANCER[1], "for clusterings; expected one for two classes, such as 'accu"),
        ("r2", CANCER[1], "for numbers; expected one for two classes"),
        (["accuracy", "f1"], np.arange(569) % 3, "more than two classes, such as 'f1_macro'"),
        ("roc_auc", np.arange(569) % 3, "such as 'roc_auc_ovr'"),
        ("f1_samples", CANCER[1], "for sets of labels"),
    ],
)
def test_a_scorer_for_other_targets_is_refused_before_training(scoring, y, expected):
    for model in (
        MLPClassifier(**SMALL, scoring=scoring),
        SearchCV(MLPClassifier(**SMALL), {"l2": [0, 1]}, sampler="grid", scoring=scoring),
        GridSearchCV(MLPClassifier(**SMALL), {"l2": [0, 1]}, scoring=scoring, refit=False),
    ):
        with pytest.raises(HyperparameterError, match=expected):
            model.fit(CANCER[0], y)


def test_a_regressor_takes_no_scorer_of_classes():
    with pytest.raises(HyperparameterError, match="for classes; expected one for one number"):
        MLPRegressor(**SMALL, scoring="accuracy").fit(CANCER[0], CANCER[0][:, 0])
    with pytest.raises(UnknownNameError, match="did you mean 'roc_auc'"):
        MLPClassifier(**SMALL, scoring="roc_auk").fit(*CANCER)


def test_nothing_is_offered_that_compares_clusterings():
    assert not {"rand_score", "v_measure_score", "mutual_info_score"} & set(scorer_names())


def test_f1_of_named_classes_is_of_the_greater_one():
    X, X_val, y, y_val = train_test_split(*NAMED, random_state=0)
    clf = MLPClassifier(**SMALL, scoring="f1", early_stopping=False)
    clf.fit(X, y, X_val=X_val, y_val=y_val)
    expected = f1_score(y_val, clf.predict(X_val), pos_label="good")
    assert clf.history_["val_f1"][-1] == pytest.approx(expected)
    search = RandomizedSearchCV(MLPClassifier(**SMALL), {"l2": [0.0]}, n_iter=1, scoring="f1")
    assert np.isfinite(search.fit(*NAMED).cv_results_["mean_test_score"]).all()


def curves(**params):
    X, X_val, y, y_val = train_test_split(*load_iris(return_X_y=True), random_state=0)
    clf = MLPClassifier((8,), epochs=30, random_state=0, **params)
    return clf.fit(X, y, X_val=X_val, y_val=y_val)


def test_early_stopping_goes_by_the_first_scorer():
    asked = {"scoring": ["roc_auc_ovr", "f1_macro"]}
    first = curves(**asked)
    assert (
        first.best_epoch_
        == curves(**asked, early_stopping=EarlyStopping(monitor="roc_auc_ovr")).best_epoch_
    )
    best = first.history_["val_roc_auc_ovr"][first.best_epoch_ - 1]
    assert best == max(first.history_["val_roc_auc_ovr"])
    # What is said there is meant.
    losses = curves(**asked, early_stopping=EarlyStopping(monitor="val_loss")).history_["val_loss"]
    # Without scorers the compiled step validates, which adds losses in another order.
    assert losses == pytest.approx(curves().history_["val_loss"], rel=1e-6)


def test_of_equal_scores_that_with_the_lower_loss_is_kept():
    clf = curves(scoring="balanced_accuracy")
    scores, losses = clf.history_["val_balanced_accuracy"], np.array(clf.history_["val_loss"])
    scores = np.array(scores)
    ties = scores == scores.max()
    assert ties.sum() > 1
    assert losses[clf.best_epoch_ - 1] == losses[ties].min()


def test_a_loss_tells_equal_scores_apart_and_no_others():
    losses = np.array([0.1, np.nan, 1e9])
    logs = EpochLogs(1, 0.0, np.ones(3, dtype=bool), {"val_loss": losses})
    value = with_ties_broken(np.array([-0.5, -0.5, -0.5000005]), logs)
    assert np.argsort(value).tolist() == [2, 0, 1]


def test_a_search_goes_by_the_first_of_several_scorers():
    space = {"l2": [1e-4, 1.0, 100.0]}
    search = SearchCV(
        MLPClassifier(**SMALL),
        space,
        sampler="grid",
        cv=3,
        scoring=["roc_auc", "f1"],
        halving="successive",
    ).fit(*NAMED)
    results = search.cv_results_
    assert search.best_index_ == results["rank_test_roc_auc"].argmin()
    assert search.best_score_ == results["mean_test_roc_auc"][search.best_index_]
    assert search.refit is True
    assert search.score(*NAMED) == search.scorer_["roc_auc"](search.best_estimator_, *NAMED)
    table = search.leaderboard_
    expected = results["mean_test_f1"][np.argsort(results["rank_test_roc_auc"], kind="stable")]
    assert table["mean f1"].tolist() == expected.tolist()
    assert search.plot.slices() is not None
