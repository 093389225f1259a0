"""wellfit's searches promise what scikit-learn's do: the same over the same estimators."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import loguniform
from sklearn import config_context
from sklearn import model_selection as theirs
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from wellfit import MLPClassifier, MLPRegressor
from wellfit import model_selection as ours
from wellfit.core.errors import DivergedError, HyperparameterError, UnknownNameError
from wellfit.training import Checkpoint, CSVLog, EarlyStopping

# What it runs other tests run too; to watch every line of it costs as much again.
pytestmark = pytest.mark.no_cover

RATES = "optimizer__learning_rate"
CLASSES = make_classification(97, 6, n_informative=4, n_classes=3, random_state=0)
# Sums over threads depend on how many there are, which a busy machine decides anew each time.
ROUNDING = 1e-12
CANDIDATES = [{RATES: [1e-3], "l2": [0]}, {RATES: [1e-2], "l2": [0.1]}]


def clf(**params: Any) -> MLPClassifier:
    defaults = {"epochs": 4, "precision": "float64", "early_stopping": False, "random_state": 0}
    defaults["validation_folds"] = None  # candidates hold rows out
    return MLPClassifier((8,), **{**defaults, **params})


def both(
    space: Any, X: Any, y: Any, estimator: Any = None, fit: Any = None, **search: Any
) -> tuple[Any, Any]:
    """Return scikit-learn's search over all of a grid, and wellfit's."""
    search = {"cv": 3, **search}
    pair = []
    for module in (theirs, ours):
        grid = module.GridSearchCV(clone(estimator or clf()), space, **search)
        pair.append(grid.fit(X, y, **(fit or {})))
    return pair[0], pair[1]


def ties(scores: Any) -> bool:
    """Say whether ranks hang on the last digits."""
    return len(np.unique(np.round(scores, 9))) < len(scores)


def assert_same(their: Any, our: Any, tolerance: float = ROUNDING) -> None:
    """Hold all results of a search to those of another, but for times."""
    assert set(our.cv_results_) == set(their.cv_results_)
    for key, values in their.cv_results_.items():
        if "time" in key:
            assert (our.cv_results_[key] >= 0).all()
        elif values is None or key == "params":
            assert our.cv_results_[key] == values
        elif values.dtype == object:
            assert our.cv_results_[key].tolist() == values.tolist(), key
        elif not (
            key.startswith("rank_") and ties(their.cv_results_[key.replace("rank", "mean")])
        ):
            np.testing.assert_allclose(our.cv_results_[key], values, atol=tolerance, rtol=0)
    for name in ("best_index_", "best_params_", "best_score_", "n_splits_", "multimetric_"):
        assert hasattr(our, name) == hasattr(their, name), name
    assert our.n_splits_ == their.n_splits_
    assert our.multimetric_ == their.multimetric_
    if hasattr(their, "best_score_"):
        assert our.best_score_ == pytest.approx(their.best_score_, abs=tolerance, nan_ok=True)
    if hasattr(their, "best_index_"):
        assert our.best_params_ == our.cv_results_["params"][our.best_index_]
        # Of equal candidates, rounding may put another first.
        means = their.cv_results_.get("mean_test_score")
        if means is None or not ties(means):
            assert our.best_index_ == their.best_index_


def test_a_grid_search_is_that_of_sklearn():
    X, y = CLASSES
    their, our = both({RATES: [1e-3, 1e-2], "l2": [0, 0.1]}, X, y)
    assert_same(their, our)
    np.testing.assert_allclose(our.predict_proba(X), their.predict_proba(X), atol=1e-12)
    assert our.score(X, y) == their.score(X, y)
    assert our.best_estimator_.get_params() == their.best_estimator_.get_params()
    assert our.refit_time_ > 0
    assert list(our.classes_) == list(their.classes_)
    assert our.n_features_in_ == 6


def test_float32_scores_agree_within_rounding():
    X, y = CLASSES
    assert_same(*both(CANDIDATES, X, y, clf(precision="float32"), scoring="neg_log_loss"), 1e-5)


def test_a_random_search_draws_what_sklearn_draws():
    X, y = CLASSES
    space = {RATES: loguniform(1e-4, 1e-1), "hidden_layer_sizes": [(8,), (4, 4)]}
    pair = [
        module.RandomizedSearchCV(clf(), space, n_iter=5, cv=3, random_state=3).fit(X, y)
        for module in (theirs, ours)
    ]
    assert_same(*pair)


@pytest.mark.parametrize(
    ("resource", "limits"), [("n_samples", {}), ("epochs", {"max_resources": 6})]
)
def test_halving_is_that_of_sklearn(resource: str, limits: dict[str, Any]):
    X, y = CLASSES
    space = {RATES: loguniform(1e-4, 1e-1)}
    pair = [
        module.HalvingRandomSearchCV(
            clf(), space, n_candidates=6, factor=2, resource=resource, min_resources=2
            if resource == "epochs" else "smallest", cv=3, random_state=1, **limits
        ).fit(X, y)
        for module in (theirs, ours)
    ]  # fmt: skip
    assert_same(*pair)
    for name in ("n_resources_", "n_candidates_", "n_iterations_", "n_remaining_candidates_"):
        assert getattr(pair[0], name) == getattr(pair[1], name)


@pytest.mark.parametrize(
    ("model", "resource", "space"),
    [
        (clf(max_steps=30), "epochs", {"l2": [0, 0.1]}),
        (clf(), "epochs", {"max_steps": [10, 20]}),
        (make_pipeline(StandardScaler(), clf(max_steps=30)), "mlpclassifier__epochs", {}),
    ],
)
def test_halving_by_epochs_that_steps_overrule_is_refused(
    model: Any, resource: str, space: dict[str, Any]
):
    steps = resource.replace("epochs", "max_steps")
    for search in (ours.HalvingGridSearchCV, ours.HalvingRandomSearchCV):
        halving = search(model, space, resource=resource, max_resources=6)
        with pytest.raises(HyperparameterError, match=f"expected {steps}=None, or resource="):
            halving.fit(*CLASSES)


def test_halving_may_grow_the_steps():
    search = ours.HalvingGridSearchCV(
        clf(), {"l2": [0, 0.01, 0.1]}, resource="max_steps", min_resources=3, max_resources=9, cv=3
    ).fit(*CLASSES)
    assert search.n_resources_ == [3, 9]
    lengths = [{len(fold["loss"]) for fold in folds} for folds in search.histories_]
    assert lengths[:3] == [{1}] * 3  # of 4 or 5 steps
    assert min(lengths[3]) > 1


def test_files_are_the_best_ones_as_it_is_refitted(tmp_path: Path):
    X, y = CLASSES
    log = CSVLog(tmp_path / "log.csv")
    space = {"l2": [0.01, 0.1], "hidden_layer_sizes": [(8,), (4, 4)]}
    model = clf(callbacks=[log, Checkpoint(tmp_path / "checkpoints")])
    search = ours.GridSearchCV(model, space, cv=3).fit(X, y)
    table = pd.read_csv(log.path)
    assert table["member"].tolist() == [0] * 4
    losses = search.best_estimator_.history_["loss"]
    assert table["loss"].tolist() == pytest.approx(losses, rel=1e-14)  # all that pandas 3.0 reads
    assert search.best_estimator_.callbacks == model.callbacks
    bare = ours.GridSearchCV(clf(), space, cv=3).fit(X, y)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], bare.cv_results_["mean_test_score"], atol=ROUNDING
    )
    with pytest.raises(HyperparameterError, match="callbacks is CSVLog"):
        ours.GridSearchCV(clf(callbacks=log), space, error_score="raise").fit(X, y)


def test_several_metrics_and_training_scores():
    X, y = CLASSES
    many = {"scoring": ["accuracy", "neg_log_loss"], "return_train_score": True}
    for refit in ("neg_log_loss", False):
        their, our = both(CANDIDATES, X, y, refit=refit, **many)
        assert_same(their, our)
        assert hasattr(our, "best_estimator_") is bool(refit)
    assert set(our.scorer_) == {"accuracy", "neg_log_loss"}
    with pytest.raises(ValueError, match="refit"):
        both(CANDIDATES, X, y, refit=True, **many)


def test_a_function_may_score_and_choose():
    X, y = CLASSES

    def scoring(estimator: Any, X: Any, y: Any) -> dict[str, float]:
        assert list(estimator.classes_) == [0, 1, 2]
        return {"right": accuracy_score(y, estimator.predict(X)), "rows": float(len(X))}

    assert_same(*both(CANDIDATES, X, y, scoring=scoring, refit="right"))
    assert_same(*both(CANDIDATES, X, y, scoring=make_scorer(accuracy_score)))
    their, our = both(CANDIDATES, X, y, refit=lambda results: len(results["params"]) - 1)
    assert_same(their, our)
    assert our.best_index_ == 1


def test_rows_are_split_as_they_are_told_to_be():
    X, y = CLASSES
    groups = np.arange(len(y)) % 7
    for cv in (
        theirs.GroupKFold(3),
        theirs.ShuffleSplit(2, test_size=0.3, random_state=0),
        theirs.StratifiedKFold(4, shuffle=True, random_state=1),
        list(theirs.KFold(3).split(X)),
        [(np.arange(60), np.arange(60, 97)), (np.arange(30, 97), np.arange(30))],
    ):
        fit = {"groups": groups} if isinstance(cv, theirs.GroupKFold) else {}
        assert_same(*both(CANDIDATES, X, y, cv=cv, fit=fit))


def test_sample_weights_are_cut_to_the_folds():
    X, y = CLASSES
    weight = np.random.default_rng(0).uniform(0, 2, len(y)) * (np.arange(len(y)) % 5 > 0)
    their, our = both(CANDIDATES, X, y, fit={"sample_weight": weight}, scoring="neg_log_loss")
    assert_same(their, our)
    assert our.best_score_ != both(CANDIDATES, X, y, scoring="neg_log_loss")[1].best_score_


SHAPES = {"hidden_layer_sizes": [(8,), (4, 4), ()], "activation": ["relu", "tanh"]}
RULES = [
    {"optimizer": ["sgd"], "optimizer__momentum": [0.0, 0.9]},
    {"optimizer": ["adam", "rmsprop"], RATES: [1e-3, 1e-2]},
    {"optimizer": ["lbfgs"], "epochs": [5]},
]


@pytest.mark.parametrize("space", [SHAPES, RULES], ids=["shapes", "rules"])
def test_candidates_may_differ_in_anything(space: Any):
    X, y = CLASSES
    assert_same(*both(space, X, y, scoring="neg_log_loss"))


def test_candidates_may_stop_early_or_not():
    X, y = CLASSES
    space = [
        {"early_stopping": [True, EarlyStopping(patience=1)], "epochs": [9, 10]},
        {"early_stopping": [False], "epochs": [3, 8], "dropout": [0.0, 0.3]},
        {"validation_fraction": [0.2, 0.3], "scoring": ["balanced_accuracy"]},
    ]
    fast = clf(optimizer="adam").set_params(optimizer__learning_rate=0.1)
    assert_same(*both(space, X, y, fast, scoring="neg_log_loss"))


def test_seeds_and_augmentation_of_a_candidates_own():
    X, y = CLASSES
    space = {"random_state": [0, 1], "augment": [(), "noise"], "shuffle": [True, False]}
    assert_same(*both(space, X, y, scoring="neg_log_loss"))


def test_precision_auto():
    X, y = CLASSES
    assert_same(*both(CANDIDATES, X, y, clf(precision="auto"), scoring="neg_log_loss"), 1e-5)


def people(rows: int = 80) -> tuple[pd.DataFrame, pd.Series]:
    """Return a table with text, gaps, and a scale; the first rows are unlike all others."""
    rng = np.random.default_rng(0)
    town = rng.choice(["Ulm", "Bonn"], rows).astype(object)
    size = rng.normal(size=rows)
    size[::9] = np.nan
    table = pd.DataFrame({"town": town, "size": size, "wealth": rng.normal(size=rows)})
    table.loc[:19, "town"] = "Kiel"
    table.loc[:19, "wealth"] *= 1e6
    return table, pd.Series(np.where(rng.normal(size=rows) + (town == "Ulm") > 0, "yes", "no"))


def test_tables_are_read_anew_for_each_fold():
    table, answer = people()
    cv = theirs.KFold(4)  # the first rows are the first fold
    their, our = both(CANDIDATES, table, answer, cv=cv, scoring="neg_log_loss")
    assert_same(their, our)
    assert list(our.feature_names_in_) == ["town", "size", "wealth"]


def test_what_only_test_rows_hold_changes_no_training():
    table, answer = people()
    other = table.copy()
    other.loc[:19, "town"], other.loc[:19, "wealth"] = "Oslo", -5e8
    fold = [(np.arange(20, 80), np.arange(20)), (np.arange(20, 80), np.arange(20, 80))]
    scores = [
        ours.GridSearchCV(clf(), CANDIDATES, cv=fold, scoring="neg_log_loss").fit(rows, answer)
        for rows in (table, other)
    ]
    first, second = (search.cv_results_["split1_test_score"] for search in scores)
    np.testing.assert_allclose(first, second, atol=ROUNDING)


def test_sparse_rows():
    X, y = CLASSES
    thin = sparse.csr_matrix(np.where(np.abs(X) > 1, X, 0))
    assert_same(*both(CANDIDATES, thin, y, scoring="neg_log_loss"))


def test_pixels():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 16), dtype=np.uint8)
    labels = (images[:, 0] > 99).astype(int)
    assert_same(*both(CANDIDATES, images, labels, clf(image_shape=(4, 4))))


def test_numbers_as_they_are():
    X, y = CLASSES
    assert_same(*both(CANDIDATES, X, y, clf(preprocess=None), scoring="neg_log_loss"))


def test_regression():
    X, y = make_regression(95, 5, noise=5.0, random_state=0)
    reg = MLPRegressor((8,), epochs=4, precision="float64", early_stopping=False, random_state=0)
    assert_same(*both(CANDIDATES, X, y * 100 + 7, reg), 1e-10)
    stops = [EarlyStopping(monitor="val_loss"), EarlyStopping(monitor="val_r2", patience=2)]
    space = {"early_stopping": stops, RATES: [0.01, 0.1]}
    reg.set_params(epochs=12, validation_folds=None)
    assert_same(*both(space, X, y * 100 + 7, reg), 1e-10)
    assert_same(*both(CANDIDATES, X, np.c_[y, -y], reg), 1e-10)


def test_several_labels_a_row():
    X, y = CLASSES
    labels = np.c_[y > 0, y > 1].astype(int)
    assert_same(*both(CANDIDATES, X, labels, cv=theirs.KFold(3)))


def test_class_weights_and_labels_of_text():
    X, y = CLASSES
    words = np.array(["some", "few", "many"])[y]
    space = {"class_weight": [None, "balanced"], "l2": [0, 1e-2]}
    assert_same(*both(space, X, words, scoring="neg_log_loss"))


# Failures.


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
@pytest.mark.parametrize("error_score", [np.nan, -1.0])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"l2": [-1]}, "l2 is -1"),
        ({RATES: [-1.0]}, "learning_rate of optimizer"),
        ({RATES: [1e300]}, "DivergedError"),
        ({"hidden_layer_sizes": ["wide"]}, "whole numbers"),
        ({"epochs": [0]}, "epochs is 0"),
        ({"lr_schedule": ["quick"]}, "unknown schedule 'quick'"),
    ],
    ids=["l2", "rate", "diverges", "sizes", "epochs", "name"],
)
def test_a_candidate_that_fails_leaves_the_others_alone(
    bad: dict[str, Any], message: str, error_score: float
):
    X, y = CLASSES
    good = {RATES: [1e-3, 1e-2]}
    search = ours.GridSearchCV(clf(), [bad, good], cv=3, error_score=error_score)
    with pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 9") as told:
        search.fit(X, y)
    assert any(message in str(each.message) for each in told)
    mean = search.cv_results_["mean_test_score"]
    np.testing.assert_equal(mean[0], error_score)
    alone = ours.GridSearchCV(clf(), good, cv=3).fit(X, y)
    np.testing.assert_allclose(mean[1:], alone.cv_results_["mean_test_score"], atol=1e-12)
    assert search.best_params_ == alone.best_params_


def test_failures_are_raised_where_wanted():
    X, y = CLASSES
    for bad, error in ((-1, HyperparameterError), (1e300, DivergedError)):
        with pytest.raises(error):
            ours.GridSearchCV(clf(), {RATES: [bad, 0.1]}, cv=3, error_score="raise").fit(X, y)


def test_the_search_fails_where_all_candidates_do():
    X, y = CLASSES
    with pytest.raises(ValueError, match="All the 6 fits failed"):
        ours.GridSearchCV(clf(), {"l2": [-1, -2]}, cv=3).fit(X, y)


def test_failures_of_several_metrics_are_scored_like_others():
    X, y = CLASSES
    search = {"scoring": ["accuracy", "f1_macro"], "refit": "accuracy", "error_score": 0.25}
    with pytest.warns(FitFailedWarning):
        their, our = both({"l2": [0.0, -1.0]}, X, y, return_train_score=True, **search)
    assert_same(their, our)
    assert our.cv_results_["mean_train_f1_macro"][1] == 0.25


def test_a_scorer_that_fails_gives_error_score():
    X, y = CLASSES

    def scoring(estimator: Any, X: Any, y: Any) -> float:
        raise ValueError("no score today")

    search = ours.GridSearchCV(clf(), CANDIDATES, cv=3, scoring=scoring, error_score=0.5)
    with pytest.warns(UserWarning, match="no score today"):
        search.fit(X, y)
    assert search.cv_results_["mean_test_score"].tolist() == [0.5] * 2


def test_test_rows_that_cannot_be_read_give_error_score():
    table, answer = people()
    table["size"] = table["size"].astype(object)
    table.at[3, "size"] = [1, 2]
    fold = [(np.arange(20, 80), np.arange(20))]
    search = ours.GridSearchCV(clf(), {"l2": [0, 1]}, cv=fold, error_score=0.5, refit=False)
    with pytest.warns(UserWarning, match="Scoring failed"):
        search.fit(table, answer)
    assert search.cv_results_["mean_test_score"].tolist() == [0.5, 0.5]


def test_names_that_no_estimator_has():
    X, y = CLASSES
    for name, near in (("epoch", "epochs"), ("optimizer__learning_rat", "learning_rate")):
        with pytest.raises(UnknownNameError, match=f"did you mean '{near}'"):
            ours.GridSearchCV(clf(), {name: [1, 2]}).fit(X, y)


def test_pipelines_are_searched_as_sklearn_does():
    X, y = CLASSES
    pipeline = make_pipeline(StandardScaler(), clf())
    their, our = both({"mlpclassifier__l2": [0, 1]}, X, y, pipeline)
    assert_same(their, our)
    np.testing.assert_allclose(our.predict_proba(X), their.predict_proba(X), atol=ROUNDING)


def test_sklearns_search_takes_pipelines_of_these_estimators():
    X, y = CLASSES
    pipeline = make_pipeline(StandardScaler(), clf())
    space = {"mlpclassifier__l2": [0, 1], "mlpclassifier__epochs": [20]}
    search = theirs.GridSearchCV(pipeline, space, cv=3).fit(X, y)
    assert search.best_score_ > 1 / 3


def test_empty_spaces_and_parameters_out_of_range():
    X, y = CLASSES
    with pytest.raises(ValueError, match="empty"):
        ours.GridSearchCV(clf(), {"l2": []}).fit(X, y)
    with pytest.raises(ValueError, match="No fits were performed"):
        ours.GridSearchCV(clf(), []).fit(X, y)
    with pytest.raises(ValueError, match="error_score"):
        ours.GridSearchCV(clf(), CANDIDATES, error_score="no").fit(X, y)
    with pytest.raises(ValueError, match="n_iter"):
        ours.RandomizedSearchCV(clf(), CANDIDATES, n_iter=0).fit(X, y)


def test_more_folds_than_rows_of_a_class():
    X, y = load_iris(return_X_y=True)
    rare = np.r_[0:52, 100:150]  # two rows of class 1
    with pytest.warns(UserWarning, match="least populated class in y has only 2 members"):
        assert_same(*both({"l2": [0.0, 0.1]}, X[rare], y[rare], cv=3))
    with pytest.raises(ValueError, match="n_splits=60 cannot be greater"):
        ours.GridSearchCV(clf(), CANDIDATES, cv=60).fit(X, y)


def test_folds_that_lack_a_class():
    X, y = load_iris(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # labels that were never seen, told by scikit-learn
        assert_same(*both({"l2": [0.0, 0.1]}, X, y, cv=theirs.KFold(3)))


# Conventions.


SEARCHES = ["GridSearchCV", "HalvingRandomSearchCV", "RandomizedSearchCV"]


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_are_estimators(name: str):
    cls = getattr(ours, name)
    search = cls(clf(), CANDIDATES, cv=4, n_jobs=2)
    again = clone(search)
    assert again.get_params().keys() == getattr(theirs, name)(clf(), {}).get_params().keys()
    assert again.get_params()["estimator__epochs"] == 4
    assert again.set_params(estimator__l2=0.5).estimator.l2 == 0.5
    assert repr(search).startswith(name)


@pytest.fixture
def numpys_seed():
    """Seed what ``random_state=None`` draws from, and leave it as it was."""
    before = np.random.get_state()  # noqa: NPY002 - what scikit-learn's None draws from
    np.random.seed(0)  # noqa: NPY002
    yield
    np.random.set_state(before)  # noqa: NPY002


@pytest.mark.usefixtures("numpys_seed")
def test_without_a_seed_all_candidates_share_one():
    X, y = CLASSES
    search = ours.GridSearchCV(
        clf(random_state=None), {"l2": [0.0, 0]}, cv=3, scoring="neg_log_loss"
    )
    scores = search.fit(X, y).cv_results_["mean_test_score"]
    assert scores[0] == pytest.approx(scores[1], abs=ROUNDING)
    again = search.fit(X, y).cv_results_["mean_test_score"][0]
    assert again != pytest.approx(scores[0], abs=1e-6)
    assert isinstance(search.best_estimator_.random_state, int)
    assert search.estimator.random_state is None


def test_scores_can_be_told_from_a_search_in_cross_validation():
    X, y = CLASSES
    search = ours.GridSearchCV(clf(), {"l2": [0, 0.1]}, cv=3)
    nested = theirs.cross_val_score(search, X, y, cv=3)
    other = theirs.cross_val_score(theirs.GridSearchCV(clf(), {"l2": [0, 0.1]}, cv=3), X, y, cv=3)
    np.testing.assert_allclose(nested, other, atol=1e-12)


class Odd(theirs.KFold):
    """Promises three folds, and has two."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Any:
        return iter(list(super().split(X, y, groups))[:2])


def test_no_folds_are_refused():
    for search in (ours.GridSearchCV, ours.SearchCV):
        with pytest.raises(ValueError, match="Was the CV iterator empty"):
            search(clf(), {"l2": [0.1]}, cv=[]).fit(*CLASSES)


def test_splitters_that_break_their_word_are_refused():
    X, y = CLASSES
    with pytest.raises(ValueError, match="Expected 3 splits, got 2"):
        ours.GridSearchCV(clf(), CANDIDATES, cv=Odd(3)).fit(X, y)


def test_verbose_searches_tell_what_is_to_come(capsys: pytest.CaptureFixture[str]):
    X, y = CLASSES
    both(CANDIDATES, X, y, verbose=1)
    their, our = capsys.readouterr().out.splitlines()
    assert our == their


def test_weights_may_be_routed():
    X, y = CLASSES
    weight = np.random.default_rng(0).uniform(0, 2, len(y))
    groups = np.arange(len(y)) % 5
    with config_context(enable_metadata_routing=True):
        estimator = clf().set_fit_request(sample_weight=True)
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        routed = {"sample_weight": weight, "groups": groups}
        cv = theirs.GroupKFold(3)
        assert_same(
            *both(CANDIDATES, X, y, estimator, cv=cv, scoring=scorer, fit=routed), tolerance=1e-9
        )


# Of these, scikit-learn's own search over the same estimator fails the same.
SMALL = {
    "check_estimators_nan_inf": "missing values are the estimator's to fill in",
    "check_classifiers_one_label_sample_weights": "the folds hold rows of both classes",
    "check_classifiers_train": "so small a network, trained so briefly, is no good",
}


@parametrize_with_checks(
    [
        ours.GridSearchCV(
            MLPClassifier((8,), epochs=5, precision="float64", random_state=0),
            {"l2": [0.01, 0.1]},
            cv=2,
        )
    ],
    expected_failed_checks=lambda search: SMALL,
)
@pytest.mark.filterwarnings("ignore")  # the checks count on it: what is amiss in one fold warns
def test_sklearn_check(estimator: Any, check: Any):
    check(estimator)
