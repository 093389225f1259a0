"""Ensembles: trained together as alone, averaged by the formula, selected like brute force."""

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import (
    check_complex_data,
    check_dict_unchanged,
    check_fit1d,
    check_fit2d_1sample,
    parametrize_with_checks,
)
from typer.testing import CliRunner

import wellfit
from wellfit import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor
from wellfit.cli.app import app
from wellfit.core.errors import (
    DataError,
    DivergedError,
    HyperparameterError,
    InputError,
    ModelFileError,
    UnknownNameError,
)
from wellfit.estimators import build
from wellfit.fitting import runner
from wellfit.model_selection import Greedy, GridSearchCV, HalvingRandomSearchCV, SearchCV
from wellfit.model_selection.ensembles import library as library_module
from wellfit.nn import Quantile
from wellfit.optim import SGD, Adam

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
DX, DY = load_diabetes(return_X_y=True)
SMALL = {"hidden_layer_sizes": (8,), "optimizer": Adam(0.01), "epochs": 4}


def classifiers(member=None, **options):
    like = MLPClassifier(**{**SMALL, **(member or {})})
    return MLPEnsembleClassifier(like, **{"n_estimators": 3, "random_state": 0, **options})


def regressors(member=None, **options):
    like = MLPRegressor(**{**SMALL, **(member or {})})
    return MLPEnsembleRegressor(like, **{"n_estimators": 3, "random_state": 0, **options})


# scikit-learn's conventions
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": "mini-batches are drawn by row",
    "check_sample_weight_equivalence_on_sparse_data": "mini-batches are drawn by row",
}
CHECKED = {
    "hidden_layer_sizes": (16,),
    "optimizer": Adam(0.05),
    "epochs": 12,
    "early_stopping": False,
    "precision": "float64",
}


@pytest.mark.no_cover  # other tests run the same lines
@parametrize_with_checks(
    [
        MLPEnsembleClassifier(MLPClassifier(**CHECKED), n_estimators=2),
        MLPEnsembleRegressor(MLPRegressor(**CHECKED), n_estimators=2),
    ],
    expected_failed_checks=lambda ensemble: EXPECTED_FAILURES,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [check_complex_data, check_fit2d_1sample, check_fit1d, check_dict_unchanged],
)
def test_rows_are_set_apart_by_scikit_learns_conventions(check):
    ensemble = MLPEnsembleClassifier(MLPClassifier(**CHECKED), n_estimators=2, selection="greedy")
    check("MLPEnsembleClassifier", ensemble)


def test_parameters_are_reached_by_name():
    ensemble = classifiers(selection="greedy")
    ensemble.set_params(estimator__optimizer__learning_rate=0.5, selection__picks=7)
    assert ensemble.estimator.optimizer == Adam(0.5)
    assert clone(ensemble).selection == Greedy(picks=7)
    with pytest.raises(UnknownNameError, match="n_estimators"):
        ensemble.set_params(n_member=3)
    assert len(cross_val_score(classifiers(), X, Y, cv=2)) == 2


# Together = alone

TOGETHER = {
    "held-out rows of its own": {"validation_folds": None},  # folds are for one network alone
    "no rows held out": {"early_stopping": False},
    "dropout and batch norm": {"early_stopping": False, "dropout": 0.3, "batch_norm": True},
    "part of the rows": {"early_stopping": False, "subsample": 0.5},
    "class weights": {"early_stopping": False, "class_weight": "balanced"},
}


@pytest.mark.parametrize("options", TOGETHER.values(), ids=TOGETHER)
def test_members_end_where_their_seeds_end_alone(options):
    weight = np.linspace(0.5, 2, len(Y))
    member = {"precision": "float64", **options}
    ensemble = classifiers(member).fit(X, NAMES, sample_weight=weight)
    seeds = [each.random_state for each in ensemble.estimators_]
    assert len(set(seeds)) == 3
    for seed, member in zip(seeds, ensemble.estimators_, strict=True):
        alone = clone(ensemble.estimator).set_params(random_state=seed)
        alone.fit(X, NAMES, sample_weight=weight)
        np.testing.assert_allclose(member.predict_proba(X), alone.predict_proba(X), atol=1e-10)
        np.testing.assert_allclose(member.history_["loss"], alone.history_["loss"])


def test_members_judged_by_given_rows_end_where_they_end_alone():
    ensemble = regressors({"precision": "float64"})
    ensemble.fit(DX[:300], DY[:300], X_val=DX[300:], y_val=DY[300:])
    for member in ensemble.estimators_:
        alone = clone(ensemble.estimator).set_params(random_state=member.random_state)
        alone.fit(DX[:300], DY[:300], X_val=DX[300:], y_val=DY[300:])
        np.testing.assert_allclose(member.predict(DX), alone.predict(DX))


@pytest.mark.parametrize("stops", [True, False])
def test_all_members_share_one_stack_and_a_table_read_alike_is_read_once(stops, monkeypatch):
    groups, read = [], []
    train_group, validate = runner.train_group, build.validate_features
    monkeypatch.setattr(
        runner, "train_group", lambda group: groups.append(group) or train_group(group)
    )
    monkeypatch.setattr(
        build,
        "validate_features",
        lambda self, *given: read.append(self) or validate(self, *given),
    )
    classifiers({"early_stopping": stops}, n_estimators=4).fit(X, Y)
    assert [len(group.jobs) for group in groups] == [4]
    assert len(read) == (4 if stops else 1)


def test_the_seed_makes_fits_repeatable():
    first, again = classifiers().fit(X, Y), classifiers().fit(X, Y)
    other = classifiers(random_state=1).fit(X, Y)
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert np.abs(first.predict_proba(X) - other.predict_proba(X)).max() > 1e-3


def test_bootstrapped_members_train_on_rows_drawn_with_replacement(monkeypatch):
    streams = []
    train_group = runner.train_group
    monkeypatch.setattr(
        runner,
        "train_group",
        lambda group: streams.extend(one.stream for one in group.jobs) or train_group(group),
    )
    classifiers(n_estimators=5, bootstrap=True).fit(X, Y)
    assert len({stream.train.tobytes() for stream in streams}) == 5
    for stream in streams:
        assert len(stream.train) == 135
        assert 0.5 < len(set(stream.train.tolist())) / 135 < 0.75  # 1 - 1/e is 0.632
        assert not set(stream.train.tolist()) & set(stream.validation.tolist())


# Predicting


def test_probabilities_are_averaged():
    ensemble = classifiers().fit(X, NAMES)
    ensemble.weights_ = np.array([0.5, 0.3, 0.2])
    said = [member.predict_proba(X) for member in ensemble.estimators_]
    mean = 0.5 * said[0] + 0.3 * said[1] + 0.2 * said[2]
    np.testing.assert_allclose(ensemble.predict_proba(X), mean, rtol=1e-5)
    np.testing.assert_allclose(ensemble.predict_log_proba(X), np.log(mean), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(ensemble.predict(X), ensemble.classes_[mean.argmax(1)])
    assert ensemble.score(X, NAMES) == accuracy_score(NAMES, ensemble.predict(X))
    likeliest = np.array([each[np.arange(150), mean.argmax(1)] for each in said])
    variance = np.average(
        (likeliest - np.average(likeliest, 0, [0.5, 0.3, 0.2])) ** 2, 0, [5, 3, 2]
    )
    np.testing.assert_allclose(ensemble.predict_std(X), np.sqrt(variance), atol=1e-6)


def test_mutual_information_is_the_mean_divergence_from_the_average():
    ensemble = classifiers().fit(X, Y)
    said = np.array([member.predict_proba(X) for member in ensemble.estimators_], dtype=float)
    divergence = (said * np.log(said / said.mean(0))).sum(-1).mean(0)  # mean KL(p_m || mean p)
    np.testing.assert_allclose(ensemble.mutual_information(X), divergence, atol=1e-6)


def test_estimates_are_averaged_and_spread_in_the_units_of_y():
    ensemble = regressors().fit(DX, DY)
    said = np.array([member.predict(DX) for member in ensemble.estimators_])
    np.testing.assert_allclose(ensemble.predict(DX), said.mean(0))
    np.testing.assert_allclose(ensemble.predict_std(DX), said.std(0))
    tenfold = regressors().fit(DX, 10 * DY)
    np.testing.assert_allclose(tenfold.predict_std(DX), 10 * said.std(0), rtol=1e-2)


def test_quantiles_are_averaged_and_rise():
    quantiles = (0.1, 0.5, 0.9)
    ensemble = regressors({"loss": Quantile(quantiles)}).fit(DX, DY)
    said = np.array([member.predict_quantiles(DX) for member in ensemble.estimators_])
    np.testing.assert_allclose(ensemble.predict_quantiles(DX), said.mean(0))
    assert (np.diff(ensemble.predict_quantiles(DX)) >= 0).all()
    np.testing.assert_allclose(ensemble.predict(DX), ensemble.predict_quantiles(DX)[:, 1])
    with pytest.raises(HyperparameterError, match="estimates no quantiles"):
        regressors(n_estimators=1).fit(DX, DY).predict_quantiles(DX)


def test_members_disagree_far_from_the_rows_they_know():
    rng = np.random.default_rng(0)
    near = rng.uniform(-1, 1, (200, 1))
    far = np.linspace(4, 6, 20)[:, None] * [[1.0]]
    options = {"hidden_layer_sizes": (32,), "epochs": 60, "early_stopping": False, "dropout": 0.0}
    reg = regressors(options, n_estimators=5).fit(near, np.sin(3 * near[:, 0]))
    assert reg.predict_std(far).min() > 5 * reg.predict_std(near).mean()

    # Rows on two of a square's corners; what lies across from them belongs to neither.
    corner = rng.choice([-1.0, 1.0], 200)
    known = np.stack([corner, corner], 1) + rng.normal(0, 0.2, (200, 2))
    across = np.array([[8.0, -8.0], [-8.0, 8.0]])
    clf = classifiers(options, n_estimators=5).fit(known, corner > 0)
    assert clf.predict_std(across).mean() > 5 * clf.predict_std(known).mean()
    assert clf.mutual_information(across).mean() > 5 * clf.mutual_information(known).mean()


TARGETS = {
    "text": NAMES,
    "booleans": Y == 1,
    "numbers": Y * 10 - 5,
    "objects": NAMES.astype(object),
    "several labels": np.stack([Y == 0, Y > 0, Y == 2], 1).astype(int),
    "probabilities": np.eye(3)[Y] * 0.8 + 0.2 / 3,
}


@pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
def test_labels_of_any_type(y):
    options = {"epochs": 12, "optimizer": Adam(0.03), "early_stopping": False}
    ensemble = classifiers(options, n_estimators=2, selection="greedy").fit(X, y)
    hard = y.argmax(1) if y.dtype == float else y
    assert ensemble.predict(X).shape == hard.shape
    assert (
        ensemble.score(X, y) == (ensemble.predict(X) == hard).reshape(150, -1).all(1).mean() > 0.6
    )
    assert ensemble.predict_std(X).shape == (hard.shape if hard.ndim == 2 else (150,))
    assert ensemble.mutual_information(X).shape == ensemble.predict_std(X).shape
    assert (ensemble.mutual_information(X) >= 0).all()


@pytest.mark.parametrize("loss", ["sigmoid_cross_entropy", "softmax_cross_entropy"])
def test_two_classes_have_two_columns_whatever_the_loss(loss):
    ensemble = classifiers({"loss": loss}, selection="greedy").fit(X, Y == 1)
    assert ensemble.predict_proba(X).shape == (150, 2)
    np.testing.assert_allclose(ensemble.predict_proba(X).sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("selection", [None, "greedy"])
def test_several_outputs(selection):
    ensemble = regressors({"epochs": 20}, selection=selection).fit(X[:, :2], X[:, 2:])
    assert ensemble.predict(X[:, :2]).shape == ensemble.predict_std(X[:, :2]).shape == (150, 2)
    assert ensemble.score(X[:, :2], X[:, 2:]) > 0.5


def test_tables_and_lists_and_their_names():
    frame = pd.DataFrame(X, columns=list("abcd"))
    ensemble = classifiers(selection="greedy").fit(frame, pd.Series(NAMES, index=range(50, 200)))
    assert list(ensemble.feature_names_in_) == list("abcd")
    assert ensemble.n_features_in_ == 4
    assert classifiers(selection="greedy").fit(X.tolist(), NAMES.tolist()).predict(X).shape == (
        150,
    )


# Selection


def loss_against(truth):
    return lambda average: -np.square(average - truth).mean()


def test_greedy_finds_the_best_subset_that_there_is():
    rng = np.random.default_rng(0)
    truth, errors = rng.normal(size=40), np.linalg.qr(rng.normal(size=(40, 5)))[0].T
    # Two whose errors cancel, and four that are about as good, with errors of their own.
    library = truth + np.array([errors[0], -errors[0], *(1.1 * errors[1:])])
    score = loss_against(truth)
    best = max(
        (subset for size in range(1, 7) for subset in itertools.combinations(range(6), size)),
        key=lambda subset: score(library[list(subset)].mean(0)),
    )
    assert best == (0, 1)
    np.testing.assert_allclose(Greedy(start=1).weights(library, score), [0.5, 0.5, 0, 0, 0, 0])


@pytest.mark.parametrize("seed", range(20))
def test_greedy_is_never_worse_than_the_best_member_nor_than_the_best_few(seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=15)
    library = truth + rng.normal(size=(8, 1)) * rng.normal(size=(8, 15))
    score = loss_against(truth)
    for start, picks in [(1, 1), (1, 20), (5, 20), (8, 20), (5, 3)]:
        weights = Greedy(picks=picks, start=start).weights(library, score)
        reached = score(np.tensordot(weights, library, axes=1))
        order = np.argsort([-score(each) for each in library])
        few = [score(library[order[:n]].mean(0)) for n in range(1, min(start, picks) + 1)]
        assert reached >= max(few) - 1e-12
        assert weights.sum() == pytest.approx(1)
        assert (weights >= 0).all()
        assert picks > 1 or np.count_nonzero(weights) == 1


def test_each_pick_is_the_best_there_is():
    rng = np.random.default_rng(3)
    truth, library = rng.normal(size=20), rng.normal(size=(5, 20))
    score = loss_against(truth)
    picked = [int(np.argmax([score(each) for each in library]))]
    path = [score(library[picked[0]])]
    for _ in range(11):
        options = [score(library[[*picked, k]].mean(0)) for k in range(5)]
        picked.append(int(np.argmax(options)))
        path.append(max(options))
    counts = np.bincount(picked[: int(np.argmax(path)) + 1], minlength=5)
    weights = Greedy(picks=12, start=1).weights(library, score)
    np.testing.assert_allclose(weights, counts / counts.sum())


def test_an_undefined_score_is_the_worst():
    truth = np.zeros(3)
    library = np.array([truth + np.nan, truth + 1])
    np.testing.assert_array_equal(Greedy().weights(library, loss_against(truth)), [0, 1])
    nothing = Greedy().weights(library, lambda average: np.nan)
    assert nothing.sum() == 1


def test_the_library_is_chosen_from_by_rows_that_nobody_trained_on(monkeypatch):
    told = []
    train = library_module.fit_together
    monkeypatch.setattr(
        "wellfit.model_selection.ensembles.base.fit_together",
        lambda estimators, data, **options: (
            told.append(data) or train(estimators, data, **options)
        ),
    )
    several = [MLPClassifier((8,), epochs=e, optimizer=Adam(0.02)) for e in (1, 2, 30)]
    ensemble = MLPEnsembleClassifier(several, n_estimators=2, selection="greedy", random_state=0)
    ensemble.fit(X, NAMES)
    assert len(told[0].y) == 120
    assert np.bincount(np.unique(told[0].y, return_inverse=True)[1]).tolist() == [40, 40, 40]
    assert len(ensemble.member_scores_) == 3  # each once, though two would do
    assert ensemble.selection_score_ >= ensemble.member_scores_.max()
    assert ensemble.weights_.sum() == pytest.approx(1)
    assert len(ensemble.estimators_) == len(ensemble.weights_)
    assert max(each.epochs for each in ensemble.estimators_) == 30


def test_selection_scores_are_the_log_loss_and_the_scaled_squared_error():
    clf = classifiers(selection="greedy").fit(X, NAMES, X_val=X[::2], y_val=NAMES[::2])
    expected = -log_loss(NAMES[::2], clf.predict_proba(X[::2]))
    assert clf.selection_score_ == pytest.approx(expected, rel=1e-5)
    reg = regressors(selection="greedy").fit(DX, DY, X_val=DX[::2], y_val=DY[::2])
    assert 1 + reg.selection_score_ == pytest.approx(reg.score(DX[::2], DY[::2]), rel=1e-5)


def test_averages_are_judged_as_they_are_given():
    clf = classifiers(selection="greedy", scoring="neg_log_loss")
    clf.fit(X, NAMES, X_val=X[::2], y_val=NAMES[::2])  # without a warning of sums that aren't 1
    expected = -log_loss(NAMES[::2], clf.predict_proba(X[::2]))
    assert clf.selection_score_ == pytest.approx(expected, rel=1e-6)


def test_selection_by_another_score():
    clf = classifiers(selection="greedy", scoring="accuracy")
    clf.fit(X, NAMES, X_val=X[::2], y_val=NAMES[::2])
    assert clf.selection_score_ == pytest.approx(clf.score(X[::2], NAMES[::2]))
    reg = regressors(selection=Greedy(start=1, picks=3), scoring="neg_mean_absolute_error")
    reg.fit(DX, DY, X_val=DX[::2], y_val=DY[::2])
    expected = -np.abs(reg.predict(DX[::2]) - DY[::2]).mean()
    assert reg.selection_score_ == pytest.approx(expected)


@pytest.mark.parametrize("selection", [None, "greedy"])
def test_a_row_of_weight_0_is_absent(selection):
    weight = np.ones(150)
    weight[::3] = 0
    weighed = classifiers(selection=selection).fit(X, NAMES, sample_weight=weight)
    rest = weight > 0
    absent = classifiers(selection=selection).fit(X[rest], NAMES[rest], sample_weight=weight[rest])
    np.testing.assert_array_equal(weighed.predict_proba(X), absent.predict_proba(X))
    with pytest.raises(ValueError, match=r"(?i)sample weights"):
        weighed.fit(X, NAMES, sample_weight=0 * weight)


def test_a_class_of_one_row_is_trained_on():
    y = np.where(np.arange(150) == 7, 3, Y)
    for seed in range(5):
        clf = classifiers(selection="greedy", random_state=seed).fit(X, y)
        assert clf.classes_.tolist() == [0, 1, 2, 3]


# From a search

GRID = {"hidden_layer_sizes": [(4,), (8,)], "l2": [0.0, 0.1]}


def kept(search, x=X, y=NAMES):
    search.keep_models = True
    return search.fit(x, y)


def test_from_a_search_nothing_is_trained_anew(monkeypatch):
    search = kept(GridSearchCV(MLPClassifier(**SMALL, random_state=0), GRID, cv=3))
    monkeypatch.setattr("wellfit.fitting.runner.train", None)
    ensemble = MLPEnsembleClassifier.from_search(search, n_best=3)
    assert ensemble.weights_.sum() == pytest.approx(1)
    assert len(ensemble.estimators_) % 3 == 0  # all folds of a candidate
    with pytest.raises(TypeError):  # what would train can't
        ensemble.fit(X, NAMES)
    assert len(ensemble.member_scores_) == 3
    assert ensemble.selection_score_ >= ensemble.member_scores_.max() - 1e-12
    assert ensemble.predict(X).shape == (150,)
    average = MLPEnsembleClassifier.from_search(search, selection="average")
    np.testing.assert_allclose(average.weights_, np.full(12, 1 / 12))


def test_a_candidates_score_is_that_of_its_held_out_rows():
    search = kept(
        GridSearchCV(
            MLPRegressor(**SMALL, validation_folds=None, random_state=0), {"l2": [0, 1]}, cv=2
        ),
        DX,
        DY,
    )
    ensemble = MLPEnsembleRegressor.from_search(search, scoring="neg_mean_absolute_error")
    told = []
    for params in search.cv_results_["params"]:
        errors = []
        for train, test in search._checked_cv_orig.split(DX, DY):
            alone = clone(search.estimator).set_params(**params).fit(DX[train], DY[train])
            errors.append(np.abs(alone.predict(DX[test]) - DY[test]))
        told.append(-np.concatenate(errors).mean())
    np.testing.assert_allclose(ensemble.member_scores_, sorted(told, reverse=True), rtol=1e-4)


def test_from_a_halving_search_only_what_was_judged_on_most_rows_is_compared():
    search = HalvingRandomSearchCV(
        MLPClassifier(**SMALL, random_state=0), GRID, cv=2, n_candidates=4, random_state=0
    )
    ensemble = MLPEnsembleClassifier.from_search(kept(search))
    last = search.cv_results_["iter"] == search.n_iterations_ - 1
    assert len(ensemble.member_scores_) == last.sum()


def test_from_a_search_with_restarts_that_goes_on_from_where_it_is():
    search = SearchCV(
        MLPClassifier(**SMALL, random_state=0),
        {"l2": [0.0, 0.1, 0.3]},
        sampler="grid",
        cv=2,
        n_restarts=2,
        halving="successive",
        factor=2,
    )
    ensemble = MLPEnsembleClassifier.from_search(kept(search), selection=None)
    assert len(ensemble.member_scores_) == 6  # three candidates twice
    assert {member.n_epochs_ for member in ensemble.estimators_} == {2, 4}


def test_a_search_that_kept_nothing_is_refused():
    search = GridSearchCV(MLPClassifier(**SMALL, random_state=0), {"l2": [0.0]}, cv=2).fit(X, Y)
    with pytest.raises(InputError, match="keep_models"):
        MLPEnsembleClassifier.from_search(search)
    with pytest.raises(HyperparameterError, match="n_best"):
        MLPEnsembleClassifier.from_search(kept(search), n_best=0)
    with pytest.raises(HyperparameterError, match="MLPClassifier; expected one MLPRegressor"):
        MLPEnsembleRegressor.from_search(search)


# Files

SAVED = {
    "one estimator": (classifiers(), X, NAMES),
    "several, selected": (
        MLPEnsembleClassifier(
            [MLPClassifier(**SMALL), MLPClassifier((4, 4), epochs=2)],
            selection=Greedy(picks=5),
            random_state=0,
        ),
        X,
        TARGETS["several labels"],
    ),
    "bootstrapped": (regressors().set_params(bootstrap=True), DX, DY),
    "several outputs": (regressors({"batch_norm": True}), X[:, :2], X[:, 2:]),
}


@pytest.mark.parametrize("name", SAVED)
def test_a_loaded_ensemble_is_the_saved_one(name, tmp_path):
    ensemble, x, y = SAVED[name]
    ensemble.fit(x, y)
    loaded = wellfit.load_model(ensemble.save(tmp_path / "model"))
    assert type(loaded) is type(ensemble)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "model.json",
        "weights.safetensors",
    ]
    np.testing.assert_array_equal(loaded.predict(x), ensemble.predict(x))
    np.testing.assert_array_equal(loaded.predict_std(x), ensemble.predict_std(x))
    np.testing.assert_array_equal(loaded.weights_, ensemble.weights_)
    again = type(ensemble).load(loaded.save(tmp_path / "again"))
    np.testing.assert_array_equal(again.predict(x), ensemble.predict(x))
    assert repr(again.get_params()) == repr(loaded.get_params())
    clone(loaded).set_params(random_state=0).fit(x, y)
    same = pickle.loads(pickle.dumps(ensemble))
    np.testing.assert_array_equal(same.predict(x), ensemble.predict(x))


def test_without_an_estimator_members_are_like_the_default_one(tmp_path):
    ensemble = MLPEnsembleClassifier(n_estimators=1, random_state=0).fit(X[::10], Y[::10])
    default = MLPClassifier().get_params()
    assert ensemble.estimators_[0].get_params() == {
        **default,
        "random_state": ensemble.estimators_[0].random_state,
    }
    assert (
        repr(wellfit.load_model(ensemble.save(tmp_path / "model")).estimator) == "MLPClassifier()"
    )


def test_the_command_line_predicts_by_an_ensemble(tmp_path):
    frame = pd.DataFrame(X, columns=list("abcd"))
    ensemble = classifiers().fit(frame, NAMES)
    folder, out = ensemble.save(tmp_path / "model"), tmp_path / "out.csv"
    frame.to_csv(tmp_path / "new.csv", index=False)
    words = ["predict", str(folder), str(tmp_path / "new.csv"), "--out", str(out)]
    done = CliRunner().invoke(app, [*words, "--device", "cpu"])
    assert done.exit_code == 0, done.output
    told = pd.read_csv(out)
    assert told["prediction"].tolist() == ensemble.predict(frame).tolist()
    np.testing.assert_allclose(told.iloc[:, 1:], ensemble.predict_proba(frame), rtol=1e-6)


def test_what_is_no_such_ensemble_is_refused(tmp_path):
    with pytest.raises(InputError, match="not fitted"):
        classifiers().save(tmp_path / "unfitted")
    folder = classifiers().fit(X, Y).save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="expected MLPEnsembleRegressor"):
        MLPEnsembleRegressor.load(folder)
    with pytest.raises(ModelFileError, match="expected MLPClassifier"):
        MLPClassifier.load(folder)
    document, tensors = wellfit.store.load(folder)
    foreign = wellfit.store.save(tmp_path / "new", {**document, "estimator": "system"}, tensors)
    with pytest.raises(ModelFileError, match="unknown model class 'system'"):
        wellfit.load_model(foreign)


# What can't be meant


def test_members_that_diverge_are_left_out():
    wild = MLPClassifier((8,), optimizer=SGD(1e30), epochs=3, early_stopping=False)
    tame = MLPClassifier(**SMALL)
    with pytest.warns(ConvergenceWarning, match="1 of 2 networks are left out"):
        ensemble = MLPEnsembleClassifier([wild, tame], n_estimators=2, random_state=0).fit(X, Y)
    assert [each.epochs for each in ensemble.estimators_] == [4]
    assert ensemble.weights_.tolist() == [1.0]
    with pytest.raises(DivergedError):
        MLPEnsembleClassifier(wild, n_estimators=2, random_state=0).fit(X, Y)


@pytest.mark.parametrize(
    ("ensemble", "error", "message"),
    [
        (classifiers(n_estimators=0), HyperparameterError, "n_estimators is 0"),
        (classifiers(n_estimators=2.5), HyperparameterError, "n_estimators is 2.5"),
        (MLPEnsembleClassifier([]), HyperparameterError, "empty list"),
        (MLPEnsembleClassifier(MLPRegressor()), HyperparameterError, "expected one MLPClassifier"),
        (MLPEnsembleRegressor([MLPClassifier()]), HyperparameterError, "expected one MLPRegr"),
        (classifiers(selection="greddy"), UnknownNameError, "did you mean 'greedy'"),
        (classifiers(selection="greedy", scoring="acuracy"), UnknownNameError, "'accuracy'"),
    ],
)
def test_what_cannot_be_meant_is_refused(ensemble, error, message):
    with pytest.raises(error, match=message):
        ensemble.fit(X, Y)


def test_half_of_a_pair_and_too_few_rows_are_refused():
    with pytest.raises(DataError, match="without y_val"):
        classifiers(selection="greedy").fit(X, Y, X_val=X)
    with pytest.raises(DataError, match="leave none to select by"):
        classifiers(selection=Greedy(fraction=0.1)).fit(X[::40], np.arange(4))


def test_another_fit_forgets_the_one_before():
    ensemble = classifiers(selection="greedy").fit(pd.DataFrame(X, columns=list("abcd")), Y)
    ensemble.set_params(selection=None).fit(X[:, :2], Y)
    assert ensemble.n_features_in_ == 2
    for name in ("feature_names_in_", "member_scores_", "selection_score_"):
        assert not hasattr(ensemble, name)


def test_a_refused_fit_leaves_the_ensemble_as_it_was():
    ensemble = classifiers()
    with pytest.raises(NotFittedError):
        ensemble.predict(X)
    before = ensemble.fit(X, Y).predict_proba(X)
    with pytest.raises(DataError):
        ensemble.fit(X, Y[:100])
    np.testing.assert_array_equal(ensemble.predict_proba(X), before)
