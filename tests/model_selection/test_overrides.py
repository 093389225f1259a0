"""Methods that users put in place of wellfit's are called, and never passed over by a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import model_selection as theirs
from sklearn.base import BaseEstimator, clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import make_classification, make_regression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.pipeline import make_pipeline

from wellfit import MLPClassifier, MLPRegressor
from wellfit import model_selection as ours
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.diagnose import check, learning_rate_range
from wellfit.estimators.overrides import overridden
from wellfit.fitting import ClassTargets
from wellfit.transfer import to_sklearn

X, y = make_classification(60, 4, n_informative=3, n_redundant=0, random_state=0)
GRID = {"l2": [0.0, 0.1]}
SMALL: dict[str, Any] = {
    "epochs": 2,
    "early_stopping": False,
    "numeric_embedding": None,
    "precision": "float64",
}
SAID = "its candidates are trained one by one"


class OwnFit(MLPClassifier):
    def fit(self, X: Any, y: Any, **more: Any) -> Any:
        return super().fit(X, np.roll(y, 7), **more)


class OwnPredict(MLPClassifier):
    def predict(self, X: Any) -> Any:
        return np.zeros(len(X), dtype=int)


class OwnProbabilities(MLPClassifier):
    def predict_proba(self, X: Any) -> Any:
        return 1 - super().predict_proba(X)


class OwnScore(MLPClassifier):
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        return float(len(X))


class OwnOutputs(MLPClassifier):
    def outputs(self, X: Any) -> Any:
        return np.full((len(X), 2), 0.5, dtype=np.float32)


class OddAndEven(ClassTargets):
    def read(self, y: Any, *, warn: bool = True) -> Any:
        return self.classes[np.arange(len(y)) % 2]


class OwnTargets(MLPClassifier):
    target_encoder = OddAndEven


class OwnWidth(MLPClassifier):
    def __init__(self, width: int = 1, l2: float = 0.0, random_state: Any = None) -> None:
        super().__init__((width,), l2=l2, random_state=random_state, **SMALL)
        self.width = width

    def set_params(self, **params: Any) -> Any:
        super().set_params(**params)
        self.hidden_layer_sizes = (self.width,)
        return self


class Opposite:
    def predict(self, X: Any) -> Any:
        return 1 - super().predict(X)  # type: ignore[misc]


class Mixed(Opposite, MLPClassifier):
    pass


class Inherits(OwnPredict):
    pass


class Copied(MLPClassifier):
    """Whose copies keep what was put on the instance."""

    def __sklearn_clone__(self) -> Any:
        copy = type(self)(**self.get_params(deep=False))
        copy.__dict__.update({k: v for k, v in vars(self).items() if k == "predict"})
        return copy


class Shifted(MLPRegressor):
    def predict(self, X: Any) -> Any:
        return super().predict(X) + 1e6


def compare(estimator: Any, grid: Any = None, data: Any = (X, y), **search: Any) -> Any:
    """Hold a search to scikit-learn's, and return it."""
    search = {"cv": 3, **search}
    their = theirs.GridSearchCV(clone(estimator), grid or GRID, **search).fit(*data)
    our = ours.GridSearchCV(clone(estimator), grid or GRID, **search).fit(*data)
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(our.cv_results_[name], their.cv_results_[name], atol=1e-9)
    return our


@pytest.fixture(scope="module")
def plain() -> Any:
    """The scores of the class itself."""
    search = compare(MLPClassifier((4,), random_state=0, **SMALL))
    return search.cv_results_["mean_test_score"]


OWN = [OwnFit, OwnPredict, OwnProbabilities, OwnScore, OwnOutputs, OwnTargets, Mixed, Inherits]


@pytest.mark.parametrize("kind", OWN)
def test_a_search_calls_a_subclasss_own_methods(kind: type[MLPClassifier], plain: Any):
    with pytest.warns(UserWarning, match=SAID) as said:
        search = compare(kind((4,), random_state=0, **SMALL), refit=False)
    assert sum(SAID in str(each.message) for each in said) == 1
    assert search.cv_results_["mean_test_score"].tolist() != pytest.approx(plain.tolist())


def test_a_classifiers_score_is_that_of_its_own_predict():
    for kind in (OwnPredict, Mixed):
        model = kind((4,), random_state=0, **SMALL).fit(X, y)
        assert model.score(X, y) == accuracy_score(y, model.predict(X))
    model = MLPClassifier((4,), random_state=0, **SMALL).fit(X, y)
    model.predict = lambda X: y
    assert model.score(X, y) == 1.0


def test_a_search_calls_the_own_methods_of_regressors_constructors_and_instances():
    data = make_regression(60, 3, noise=1.0, random_state=0)
    with pytest.warns(UserWarning, match="Shifted defines its own predict"):
        compare(Shifted((4,), random_state=0, **SMALL), data=data)
    with pytest.warns(UserWarning, match="own __init__, set_params"):
        search = compare(OwnWidth(random_state=0), {"width": [1, 8]})
    assert search.best_estimator_.coefs_[0].shape[1] == search.best_params_["width"]
    patched = Copied((4,), random_state=0, **SMALL)
    patched.predict = lambda X: np.ones(len(X), dtype=int)
    with pytest.warns(UserWarning, match="own __sklearn_clone__, predict"):
        assert compare(patched).best_score_ == pytest.approx(np.mean(y))


def test_a_search_calls_methods_that_were_patched(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(MLPClassifier, "predict", lambda self, X: np.ones(len(X), dtype=int))
    with pytest.warns(UserWarning, match="own predict"):
        assert compare(MLPClassifier((4,), random_state=0, **SMALL)).best_score_ == np.mean(y)


def test_what_changes_nothing_is_stacked():
    class Named(MLPClassifier):
        """Another name, and one more method."""

        def summary(self) -> str:
            return f"{self.n_parameters_} parameters"

    assert overridden(Named()) == []
    search = compare(Named((4,), random_state=0, **SMALL))
    assert search.histories_[0][0]["loss"]
    assert search.best_estimator_.summary() == "30 parameters"


def test_subclasses_inside_others_are_called():
    model = OwnFit((4,), random_state=0, **SMALL)
    compare(make_pipeline(model), {"ownfit__l2": [0.0, 0.1]}, cv=FOLDS)
    compare(theirs.FixedThresholdClassifier(model), {"threshold": [0.3, 0.6]}, cv=FOLDS)


def with_seed(model: Any, candidate: Any, seed: int) -> Any:
    return clone(model).set_params(**candidate, random_state=seed)


@pytest.mark.parametrize("how", [{"sampler": "grid"}, {"n_restarts": 2}])
def test_searchcv_calls_own_methods_too(
    how: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model = OwnFit((4,), random_state=0, **SMALL)
    search = ours.SearchCV(
        model, GRID, n_iter=2, cv=3, random_state=0, journal=tmp_path / "journal", **how
    )
    with pytest.warns(UserWarning, match=SAID):
        search.fit(X, y)
    folds = list(theirs.StratifiedKFold(3).split(X, y))
    for place, candidate in enumerate(search.cv_results_["params"]):
        wanted = [
            with_seed(model, candidate, seed).fit(X[a], y[a]).score(X[b], y[b])
            for seed in search.seeds_
            for a, b in folds
        ]
        assert search.cv_results_["mean_test_score"][place] == pytest.approx(np.mean(wanted))
    assert search.histories_[0][0]["loss"]
    again = clone(search).set_params(refit=False)
    monkeypatch.setattr(OwnFit, "fit", lambda *_, **__: pytest.fail("the journal knows"))
    with pytest.warns(UserWarning, match=SAID):
        again.fit(X, y)
    assert again.cv_results_["params"] == search.cv_results_["params"]


def test_searchcv_of_other_estimators():
    space = {"logisticregression__C": {"low": 0.1, "high": 10, "scale": "log"}}
    pipeline = make_pipeline(LogisticRegression())
    search = ours.SearchCV(pipeline, space, n_iter=3, cv=3, random_state=0).fit(X, y)
    same = theirs.cross_val_score(search.best_estimator_, X, y, cv=3)
    assert search.best_score_ == pytest.approx(same.mean())
    for options, message in (
        ({"halving": "successive"}, "Pipeline trains by its own fit"),
        ({"n_restarts": 2}, "random_state of the Pipeline is None"),
        ({"space": None}, "space is None"),
    ):
        with pytest.raises(HyperparameterError, match=message):
            ours.SearchCV(pipeline, **{"space": space, **options}).fit(X, y)
    with pytest.raises(UnknownNameError, match="did you mean 'logisticregression__C'"):
        ours.SearchCV(pipeline, {"logistic__C": [1]}).fit(X, y)


def test_a_function_that_scores_asks_for_any_predictions():
    """A stack's outputs are those of the test rows; a scorer may ask for others."""

    def on_noise(estimator: Any, X: Any, y: Any) -> float:
        return accuracy_score(y[:5], estimator.predict(X[:5] + 3.0))

    def in_place(estimator: Any, X: Any, y: Any) -> float:
        X[:, 0] = -9.0
        return accuracy_score(y, estimator.predict(X))

    model = MLPClassifier((4,), random_state=0, **SMALL)
    compare(model, scoring=on_noise)
    compare(model, scoring=in_place, return_train_score=True)

    class Shifts(type(make_scorer(accuracy_score))):
        def _score(self, method_caller: Any, estimator: Any, X: Any, y: Any, **more: Any) -> float:
            return float(accuracy_score(y, estimator.predict(X + 3.0)))

    compare(model, scoring=Shifts(accuracy_score, 1, {}, "predict"))
    several = ours.GridSearchCV(model, GRID, cv=3, scoring={"a": on_noise}, refit="a").fit(X, y)
    alone = ours.GridSearchCV(model, GRID, cv=3, scoring=on_noise).fit(X, y)
    assert several.best_score_ == alone.best_score_


# Folds, in every form that scikit-learn takes.

FOLDS = [(np.arange(20, 60), np.arange(20)), (np.arange(40), np.arange(40, 60))]


def mask(rows: np.ndarray) -> np.ndarray:
    return np.isin(np.arange(60), rows)


class Yields:
    """A splitter that yields rows in some form."""

    def __init__(self, form: Any) -> None:
        self.form = form

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Any:
        return ((self.form(train), self.form(test)) for train, test in FOLDS)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        return 2


FORMS = [list, tuple, pd.Index, pd.Series, mask, lambda rows: mask(rows).tolist(),
         lambda rows: range(rows[0], rows[-1] + 1), lambda rows: rows.astype(np.uint8),
         lambda rows: rows - 60]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_folds_may_be_lists_ranges_masks_and_indexes(form: Any):
    model = MLPClassifier((4,), random_state=0, **SMALL)
    wanted = ours.GridSearchCV(model, GRID, cv=FOLDS).fit(X, y).cv_results_["mean_test_score"]
    for cv in (
        [(form(train), form(test)) for train, test in FOLDS],
        ((form(train), form(test)) for train, test in FOLDS),
        Yields(form),
    ):
        found = ours.GridSearchCV(model, GRID, cv=cv, error_score="raise").fit(X, y)
        np.testing.assert_allclose(found.cv_results_["mean_test_score"], wanted, atol=1e-12)
    found = ours.SearchCV(model, GRID, sampler="grid", cv=Yields(form)).fit(X, y)
    np.testing.assert_allclose(found.cv_results_["mean_test_score"], wanted, atol=1e-12)


# Callbacks of scikit-learn.


class Counts(BaseEstimator):
    """Counts the hooks, and looks at what they get."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.ended: list[Any] = []

    def setup(self, estimator: Any, context: Any) -> None:
        self.begun.append("setup")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.begun.append(context.task_name)

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any = None, y: Any = None, metadata: Any = None
    ) -> None:
        weights = None if metadata is None else len(metadata["sample_weight"])
        self.ended.append((context.task_name, None if X is None else len(X), weights))

    def teardown(self, estimator: Any, context: Any) -> None:
        self.begun.append("teardown")


@pytest.mark.parametrize("kind", [MLPClassifier, OwnFit])
@pytest.mark.parametrize("how", ["grid", "halving", "searchcv"])
@pytest.mark.filterwarnings("ignore:OwnFit defines its own fit")
def test_callbacks_hear_of_every_fit(kind: type[MLPClassifier], how: str):
    model = kind((4,), random_state=0, **SMALL)
    search, fits = {
        "grid": (ours.GridSearchCV(model, GRID, cv=3), 6),
        "halving": (ours.HalvingGridSearchCV(model, GRID, cv=3, factor=2, random_state=0), 9),
        "searchcv": (ours.SearchCV(model, GRID, sampler="grid", cv=3), 6),
    }[how]
    counts = Counts()
    search.set_callbacks(counts).fit(X, y, sample_weight=np.ones(60))
    assert counts.begun[0], counts.begun[-1] == ("setup", "teardown")
    assert counts.begun.count("candidate-split-evaluation") == fits
    ended = [each for each in counts.ended if each[0] == "candidate-split-evaluation"]
    assert len(ended) == fits
    assert all(rows == weights and rows is not None for _, rows, weights in ended)
    assert ("refit-with-best-params", 60, 60) in counts.ended
    assert counts.begun.count("search") == 1


def test_a_progress_bar_and_a_monitor_go_along(capsys: pytest.CaptureFixture[str]):
    model = MLPClassifier((4,), random_state=0, **SMALL)
    search = ours.GridSearchCV(model, GRID, cv=3)
    search.set_callbacks(ProgressBar(), ScoringMonitor(scoring="accuracy"))
    with pytest.warns(UserWarning, match="MLPClassifier does not support callbacks"):
        search.fit(X, y)
    assert "GridSearchCV" in capsys.readouterr().out


# Whatever else trains or predicts for an estimator.


@pytest.mark.parametrize("kind", [OwnFit, OwnProbabilities, OwnPredict])
def test_ensembles_fit_and_ask_members_by_their_own_methods(kind: type[MLPClassifier]):
    ensemble = ours.MLPEnsembleClassifier(kind((4,), **SMALL), n_estimators=2, random_state=0)
    with pytest.warns(UserWarning, match="averages their predict_proba") as said:
        ensemble.fit(X, y, sample_weight=np.ones(60))
    assert len(said) == 1
    alone = [clone(each).fit(X, y) for each in ensemble.estimators_]
    mean = np.mean([each.predict_proba(X) for each in alone], axis=0)
    np.testing.assert_allclose(ensemble.predict_proba(X), mean, atol=1e-6)
    assert ensemble.predict(X).tolist() == mean.argmax(axis=1).tolist()
    assert ensemble.score(X, y) == np.mean(mean.argmax(axis=1) == y)


def test_ensembles_of_regressors_of_several_kinds_and_bootstrapped():
    data = make_regression(60, 3, noise=1.0, random_state=0)
    kinds = [MLPRegressor((4,), **SMALL), Shifted((4,), **SMALL)]
    for bootstrap in (False, True):
        ensemble = ours.MLPEnsembleRegressor(
            kinds, n_estimators=4, bootstrap=bootstrap, random_state=0
        )
        with pytest.warns(UserWarning, match="Shifted defines its own predict"):
            ensemble.fit(*data)
        assert [type(each) for each in ensemble.estimators_] == [MLPRegressor, Shifted] * 2
        assert ensemble.predict(data[0]).mean() == pytest.approx(5e5, rel=0.01)
        drawn = {tuple(each.coefs_[0].ravel()) for each in ensemble.estimators_}
        assert len(drawn) == 4


def test_an_ensemble_from_a_search_asks_its_members(tmp_path: Path):
    search = ours.GridSearchCV(OwnProbabilities((4,), random_state=0, **SMALL), GRID, cv=FOLDS)
    search.keep_models = True
    with pytest.warns(UserWarning, match=SAID):
        search.fit(X, y)
    ensemble = ours.MLPEnsembleClassifier.from_search(search)
    mean = np.average(
        [each.predict_proba(X) for each in ensemble.estimators_],
        axis=0,
        weights=ensemble.weights_,
    )
    np.testing.assert_allclose(ensemble.predict_proba(X), mean, atol=1e-6)
    with pytest.raises(InputError, match="own predict_proba, which a model folder can't hold"):
        ensemble.save(tmp_path / "ensemble")


def test_files_hold_no_methods(tmp_path: Path):
    for kind in (OwnPredict, OwnProbabilities, OwnOutputs):
        model = kind((4,), random_state=0, **SMALL).fit(X, y)
        with pytest.raises(InputError, match="which a model folder can't hold"):
            model.save(tmp_path / "model")
        with pytest.raises(InputError, match="which an export can't hold"):
            to_sklearn(model)
    trained = OwnFit((4,), random_state=0, **SMALL).fit(X, y)
    read = MLPClassifier.load(trained.save(tmp_path / "model"))
    assert type(read) is MLPClassifier
    np.testing.assert_array_equal(read.predict_proba(X), trained.predict_proba(X))


def test_diagnoses_say_that_an_own_fit_is_not_called():
    model = OwnFit((4,), random_state=0, **SMALL)
    with pytest.warns(UserWarning, match="OwnFit defines its own fit, which isn't called here"):
        learning_rate_range(model, X, y, rates=[0.001, 0.01], steps=2)
    with pytest.warns(UserWarning, match="OwnFit defines its own fit, which isn't called here"):
        check(model, X, y, checks=["gradients"])
