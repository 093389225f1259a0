"""SearchCV: scores that can be had again, halving that goes on, restarts, limits, refusals."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import HyperparameterError, UnknownNameError
from wellfit.fitting import runner
from wellfit.model_selection import SearchCV, evaluation
from wellfit.model_selection.halving import Rung, hyperband, successive
from wellfit.model_selection.resources import EpochResource
from wellfit.model_selection.trials import Trial, Trials
from wellfit.nn import mlp
from wellfit.optim import Adam
from wellfit.training import EarlyStopping, Member, Result, Rows, Stream, train

X, y = (part[:360] for part in load_digits(return_X_y=True))
RATE = "optimizer__learning_rate"
SPACE = {
    RATE: {"low": 1e-4, "high": 0.3, "scale": "log"},
    "l2": {"low": 1e-6, "high": 1e-1, "scale": "log"},
    "dropout": {"low": 0, "high": 0.4},
    "hidden_layer_sizes": [(12,), (8, 8)],
}
FOLDS = KFold(2)


def clf(**params):
    defaults = {"epochs": 9, "precision": "float64", "batch_norm": True, "random_state": 0}
    return MLPClassifier((12,), **{**defaults, **params})


def search(estimator=None, space=None, **options):
    options = {"n_iter": 9, "cv": FOLDS, "random_state": 0, **options}
    return SearchCV(estimator or clf(), SPACE if space is None else space, **options)


@pytest.fixture(scope="module")
def whole():
    return search().fit(X, y)


@pytest.fixture(scope="module")
def halved():
    return search(halving="successive").fit(X, y)


def alone(candidate, train, test, **changes):
    # Candidates hold rows out; folds are for one network alone.
    model = clf(validation_folds=None).set_params(**candidate, **changes)
    return model.fit(X[train], y[train]).score(X[test], y[test])


def splits(results, place):
    return [results[f"split{fold}_test_score"][place] for fold in range(2)]


# What a search finds


def test_a_candidate_alone_gets_the_score_that_it_got_in_the_search(whole):
    results = whole.cv_results_
    for place in (0, whole.best_index_):
        expected = [alone(results["params"][place], *split) for split in FOLDS.split(X)]
        assert splits(results, place) == expected


def test_the_best_is_refitted(whole):
    results = whole.cv_results_
    assert len(results["params"]) == 9
    assert whole.best_score_ == results["mean_test_score"].max()
    refitted = clf().set_params(**whole.best_params_).fit(X, y)
    np.testing.assert_array_equal(whole.predict_proba(X), refitted.predict_proba(X))


def test_without_a_seed_every_search_draws_others():
    tried = [
        search(clf(epochs=1), n_iter=2, random_state=None, refit=False).fit(X, y) for _ in range(2)
    ]
    assert tried[0].cv_results_["params"] != tried[1].cv_results_["params"]


def test_a_search_without_a_space_takes_the_default_one():
    found = SearchCV(clf(epochs=1), n_iter=2, cv=FOLDS, refit=False, random_state=0).fit(X, y)
    assert {RATE, "l2", "dropout", "hidden_layer_sizes"} <= set(found.best_params_)


def test_a_grid_is_searched_whole_whatever_n_iter_says():
    space = {"l2": [1e-4, 1e-2], RATE: {"low": 1e-3, "high": 0.1, "scale": "log", "steps": 3}}
    found = search(clf(epochs=1), space, sampler="grid", n_iter=2, refit=False).fit(X, y)
    assert len(found.cv_results_["params"]) == 6


def test_regressors_are_searched_too():
    table, target = load_breast_cancer(return_X_y=True)
    model = MLPRegressor((16,), epochs=15, optimizer="adam", random_state=0)
    found = SearchCV(model, {"l2": [1e-4, 1e-2]}, cv=FOLDS).fit(table, target.astype(float))
    assert 0.3 < found.best_score_ <= 1


def test_conditional_parameters_are_masked_where_absent():
    space = {
        "optimizer": ["sgd", "adam"],
        "optimizer__momentum": {"low": 0, "high": 0.9, "if": {"optimizer": "sgd"}},
    }
    found = search(clf(epochs=1), space, n_iter=6, refit=False).fit(X, y).cv_results_
    absent = np.ma.getmaskarray(found["param_optimizer__momentum"])
    assert absent.tolist() == [params["optimizer"] == "adam" for params in found["params"]]
    assert absent.any()
    assert not absent.all()


def test_what_learns_is_told_the_scores(monkeypatch):
    """A planted response, in the place of trainings: TPE finds it sooner than chance does."""

    def planted(_, fits, contexts):
        logs = [np.log10(fit.candidate["l2"]) for fit in fits]
        return [
            {
                "test_scores": -((log + 4.5) ** 2),
                "fit_time": 0.0,
                "score_time": 0.0,
                "n_test_samples": 1,
                "fit_error": None,
            }
            for log in logs
        ]

    monkeypatch.setattr(evaluation.Evaluation, "of", planted)
    space = {"l2": {"low": 1e-9, "high": 1, "scale": "log"}, "l1": SPACE["l2"]}
    best = {
        sampler: np.mean(
            [
                search(None, space, sampler=sampler, n_iter=40, random_state=seed, refit=False)
                .fit(X, y)
                .best_score_
                for seed in range(4)
            ]
        )
        for sampler in ("tpe", "random")
    }
    assert best["tpe"] > best["random"] / 3  # both below 0


# Halving


def test_survivors_end_where_they_end_without_halving(whole, halved):
    ours, theirs = halved.cv_results_, whole.cv_results_
    assert ours["params"] == theirs["params"]
    last = np.flatnonzero(ours["n_resources"] == 9)
    assert len(last) == 1
    for place in last:
        assert splits(ours, place) == splits(theirs, place)
    assert halved.best_index_ == last[0]


def test_survivors_weights_are_those_of_an_unbroken_training(monkeypatch):
    """But for rounding, which depends on how many are multiplied at once."""
    ended = {}

    def remember(self, group, trained, fits, judged=evaluation.Evaluation._judged):
        outcomes = judged(self, group, trained, fits)
        for result in trained.results():
            if result.epochs[0] == 9:
                ended.setdefault(result.members[0].optimizer.learning_rate, []).append(
                    result.weights().parameters.numpy().copy()
                )
        return outcomes

    monkeypatch.setattr(evaluation.Evaluation, "_judged", remember)
    space = {name: SPACE[name] for name in (RATE, "l2", "dropout")}
    model = clf(early_stopping=False, batch_norm=False, lr_schedule="one_cycle")
    search(model, space, halving="successive", refit=False).fit(X, y)
    ((rate, ours),) = ended.items()
    ended = {}
    search(model, space, refit=False).fit(X, y)
    assert len(ended) == 9
    np.testing.assert_allclose(ours, ended[rate], rtol=1e-9, atol=1e-11)


def test_a_stack_that_pauses_goes_on_to_the_bit():
    rows = Rows(X, y, dtype=torch.float64)
    stream = Stream(np.arange(300), np.arange(300, 360), seed=3)
    members = [
        Member(mlp(64, (12,), 10, dropout=0.2), optimizer=Adam(0.002 * k), epochs=6, seed=k)
        for k in range(1, 6)
    ]
    how = {"callbacks": [EarlyStopping(patience=2)], "precision": "float64"}
    paused = train(members, rows, [stream], until=2, **how)
    ours = train([members[k] for k in (4, 1)], rows, [stream], resume=paused.select([4, 1]), **how)
    before = [paused.member(k) for k in (4, 1)]  # untouched
    theirs = [train([members[k]], rows, [stream], **how) for k in (4, 1)]
    for k in range(2):
        assert before[k].epoch == 2
        assert ours.status[k] == theirs[k].status[0]
        assert ours.epochs[k] == theirs[k].epochs[0]
        for block, expected in zip(
            ours.weights().blocks(k), theirs[k].weights().blocks(0), strict=True
        ):
            np.testing.assert_allclose(block, expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(ours.history(k)["val_loss"], theirs[k].history()["val_loss"])
    again = train(members, rows, [stream], resume=paused.select(range(5)), **how)
    through = train(members, rows, [stream], **how)
    assert torch.equal(again.weights().parameters, through.weights().parameters)


def test_survivors_go_on_and_do_not_begin_again(monkeypatch):
    calls = []

    def watched(members, *args, resume=None, until=None, train=runner.train, **options):
        result = train(members, *args, resume=resume, until=until, **options)
        calls.append((resume.epoch if resume else 0, result.epoch, len(members)))
        return result

    monkeypatch.setattr(runner, "train", watched)
    space = {name: SPACE[name] for name in (RATE, "l2")}
    search(clf(early_stopping=False), space, halving="successive", refit=False).fit(X, y)
    assert calls == [(0, 1, 18), (1, 3, 6), (3, 9, 2)]


def test_what_is_left_of_several_stacks_goes_on_as_one():
    """One of which has nobody left who trains."""
    rows = Rows(X, y, dtype=torch.float64)
    stream = Stream(np.arange(300), np.arange(300, 360), seed=3)
    members = [
        Member(
            mlp(64, (12,), 10, dropout=0.2),
            optimizer=Adam(rate),
            epochs=6,
            seed=k,
            ema_decay=0.9 * (k % 2),
        )
        for k, rate in enumerate([0.002, 0.01, 0.02, 1e-12, 1e-11])
    ]
    stopping = EarlyStopping(patience=1, min_delta=1e-3)
    how = {"callbacks": [stopping], "precision": "float64"}
    parts = [
        train([members[k] for k in some], rows, [stream], until=4, **how)
        for some in ([0, 1, 2], [3, 4])
    ]
    assert parts[1].epoch < 4  # neither learns anything
    joined = Result.join([parts[0].select([2, 0]), parts[1].select([1])])
    order = [2, 0, 4]
    ours = train([members[k] for k in order], rows, [stream], resume=joined, **how)
    for place, k in enumerate(order):
        theirs = train([members[k]], rows, [stream], **how)
        assert ours.status[place] == theirs.status[0]
        assert ours.epochs[place] == theirs.epochs[0]
        blocks = ours.weights().blocks(place), theirs.weights().blocks(0)
        for block, expected in zip(*blocks, strict=True):
            np.testing.assert_allclose(block, expected, rtol=1e-8, atol=1e-11)
        np.testing.assert_allclose(
            ours.history(place)["val_loss"], theirs.history()["val_loss"], rtol=1e-9
        )


def test_few_stacks_go_on_where_many_began(monkeypatch, whole):
    calls = []

    def watched(members, *args, train=runner.train, **options):
        calls.append(len(members))
        return train(members, *args, **options)

    monkeypatch.setattr(runner, "train", watched)
    monkeypatch.setattr(runner, "_MOST_MEMBERS", 4)
    ours = search(halving="successive", refit=False).fit(X, y).cv_results_
    assert len(calls) > 6
    assert calls[-1] == 2
    for place in np.flatnonzero(ours["n_resources"] == 9):
        assert splits(ours, place) == splits(whole.cv_results_, place)
    assert len(calls) < 6 + 4 + 2


def test_every_candidate_keeps_its_last_score_and_rank(halved):
    results = halved.cv_results_
    assert sorted(results["n_resources"]) == [1] * 6 + [3] * 2 + [9]
    assert dict(zip(results["n_resources"], results["iter"], strict=True)) == {1: 0, 3: 1, 9: 2}
    order = np.argsort(results["rank_test_score"], kind="stable")
    assert np.diff(results["n_resources"][order]).max() <= 0
    for epochs in (1, 3):
        means = results["mean_test_score"][order][results["n_resources"][order] == epochs]
        assert np.diff(means).max() <= 0


def test_rungs_hold_the_best_of_those_below(halved):
    """By a search that trains no further than the first rung, schedules as of the whole."""
    first = search(halving="successive", time_limit=1e-9, refit=False).fit(X, y).cv_results_
    assert set(first["n_resources"]) == {1}
    best = np.argsort(-first["mean_test_score"], kind="stable")[:3]
    assert set(best) == set(np.flatnonzero(halved.cv_results_["n_resources"] > 1))


def test_early_stopping_within_halving_changes_nothing():
    stopping = EarlyStopping(patience=1, monitor="val_accuracy")
    model = clf(early_stopping=stopping, lr_schedule="constant", validation_fraction=0.2)
    space = {RATE: {"low": 1e-2, "high": 0.3, "scale": "log"}}
    ours = search(model, space, halving="successive", refit=False).fit(X, y).cv_results_
    theirs = search(model, space, refit=False).fit(X, y).cv_results_
    for place in np.flatnonzero(ours["n_resources"] == 9):
        assert splits(ours, place) == splits(theirs, place)
    stopped = [
        model.set_params(**params).fit(X[:180], y[:180]).n_epochs_ < 9 for params in ours["params"]
    ]
    assert any(stopped)


def test_hyperbands_brackets_are_the_papers():
    table = [[(rung.candidates, rung.units) for rung in b] for b in hyperband(143, 81, 3)]
    assert table == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]
    for count in (1, 7, 40, 300):
        assert sum(bracket[0].candidates for bracket in hyperband(count, 81, 3)) == count


@pytest.mark.parametrize(("count", "epochs"), [(1, 40), (40, 1), (60, 10), (9, 100)])
def test_successive_halving_ends_with_all_epochs(count, epochs):
    rungs = successive(count, epochs, 3)
    assert rungs[0].candidates == count
    assert rungs[-1].units == epochs
    assert all(isinstance(rung, Rung) and rung.candidates and rung.units for rung in rungs)
    assert [r.units for r in rungs] == sorted({r.units for r in rungs})


def test_hyperband_searches_all_its_brackets():
    found = search(clf(epochs=4), halving="hyperband", factor=2, n_iter=12, refit=False)
    results = found.fit(X, y).cv_results_
    assert set(results["bracket"]) == {0, 1, 2}
    assert len(results["params"]) == 12
    for bracket in range(3):
        assert results["n_resources"][results["bracket"] == bracket].max() == 4


def test_candidates_that_diverge_do_not_go_on():
    space = {RATE: [1e-3, 1e-2, 3e-2, 1e300, 1e301, 1e302, 1e303, 1e304, 1e305]}
    model = clf(early_stopping=False, batch_norm=False)
    with (
        pytest.warns(FitFailedWarning, match="12 fits failed"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        found = search(model, space, halving="successive").fit(X, y)
    failed = np.isnan(found.cv_results_["mean_test_score"])
    assert failed.sum() == 6
    assert set(found.cv_results_["n_resources"][failed]) == {1}
    assert found.best_score_ > 0.5


def test_candidates_that_fail_late_are_not_the_best():
    def score(model, X, y):
        return np.nan if model.n_epochs_ == 9 else model.score(X, y)

    model = clf(early_stopping=False)
    with pytest.warns(UserWarning, match="non-finite"):
        found = search(model, halving="successive", scoring=score, refit=False).fit(X, y)
    results = found.cv_results_
    assert results["n_resources"][found.best_index_] == 3
    assert results["rank_test_score"][results["n_resources"] == 9] == [9]


def test_a_journal_takes_halving_up_without_training_again(tmp_path, monkeypatch, halved):
    options = {"halving": "successive", "journal": tmp_path / "search", "refit": False}
    first = search(**options).fit(X, y).cv_results_
    monkeypatch.setattr(runner, "train", None)  # whoever calls it, fails
    again = search(**options).fit(X, y).cv_results_
    for key in ("params", "n_resources", "mean_test_score", "rank_test_score"):
        assert list(first[key]) == list(again[key]) == list(halved.cv_results_[key])


# Restarts


def test_restarts_are_ranked_by_their_mean_and_can_be_had_again(whole):
    found = search(n_iter=3, n_restarts=2).fit(X, y)
    results = found.cv_results_
    assert len(found.seeds_) == len(set(found.seeds_)) == 2
    for place in range(3):
        scores = np.array(
            [
                [
                    alone(results["params"][place], *split, random_state=seed)
                    for split in FOLDS.split(X)
                ]
                for seed in found.seeds_
            ]
        )
        assert splits(results, place) == pytest.approx(scores.mean(0).tolist())
        spread = results["std_restart_test_score"][place]
        assert spread == pytest.approx(scores.mean(1).std())
        assert results["restart1_test_score"][place] == pytest.approx(scores[1].mean())
        assert splits(whole.cv_results_, place) == scores[0].tolist()
    assert results["std_restart_test_score"].max() > 0
    assert found.best_index_ == results["mean_test_score"].argmax()


# Limits


def test_nothing_begins_after_the_time_limit_but_one_candidate():
    found = search(clf(epochs=1), n_iter=40, time_limit=1e-9).fit(X, y)
    assert len(found.cv_results_["params"]) == 1
    assert found.best_score_ == found.cv_results_["mean_test_score"].max()


@pytest.fixture
def ten_seconds_each(monkeypatch):
    """Make each candidate take ten seconds, by a clock that stands still otherwise."""
    climb, clock = Trials._train_rung, SimpleNamespace(now=0.0, batches=[])

    def slowly(self, trials, rung, epochs):
        climb(self, trials, rung, epochs)
        clock.now += 10 * len(trials)
        clock.batches.append(len(trials))
        for trial in trials:
            for outcome in trial.outcomes:
                outcome["fit_time"] = 10 / len(trial.outcomes)

    monkeypatch.setattr(Trials, "_train_rung", slowly)
    monkeypatch.setattr("wellfit.model_selection.trials.time.perf_counter", lambda: clock.now)
    return clock


def test_batches_are_such_that_the_last_is_done_within_the_limit(ten_seconds_each):
    search(clf(epochs=1), n_iter=40, time_limit=100, refit=False).fit(X, y)
    assert ten_seconds_each.batches == [1, 4, 2, 1, 1]
    assert ten_seconds_each.now == 90  # a tenth could have ended a moment too late


@pytest.mark.usefixtures("ten_seconds_each")
def test_candidates_that_a_journal_knows_say_how_long_they_took():
    trials = Trials(None, [], [0], EpochResource(1), "score", 100, workers=2)
    trials.everyone = [Trial({}, [], outcomes=[{"fit_time": 8.0}, {"fit_time": 12.0}])] * 3
    assert trials.affordable == 5  # at two a time, each takes ten


def test_halving_by_rows_trains_the_best_anew_on_all_rows(whole):
    found = search(halving="successive", resource="n_samples", refit=False).fit(X, y)
    results = found.cv_results_
    assert sorted(results["n_resources"].tolist()) == [60] * 6 + [180] * 3
    # The same candidates as without halving, and those that came so far have the same scores.
    for at in np.flatnonzero(results["n_resources"] == 180):
        assert results["params"][at] == whole.cv_results_["params"][at]
        assert results["mean_test_score"][at] == whole.cv_results_["mean_test_score"][at]
    assert results["rank_test_score"].argmin() in np.flatnonzero(results["n_resources"] == 180)


def test_halving_by_rows_takes_any_estimator():
    options = {"halving": "successive", "resource": "n_samples", "factor": 3, "n_iter": 3}
    found = search(GaussianNB(), {"var_smoothing": [1e-9, 1e-3, 0.1]}, **options).fit(X, y)
    assert sorted(found.cv_results_["n_resources"].tolist()) == [60, 60, 180]


def test_a_space_with_fewer_candidates_is_searched_whole():
    for halving in (None, "successive", "hyperband"):
        options = {"n_iter": 40, "halving": halving, "refit": False}
        found = search(clf(epochs=3), {"l2": [1e-4, 1e-3, 1e-2]}, **options).fit(X, y)
        assert sorted(c["l2"] for c in found.cv_results_["params"]) == [1e-4, 1e-3, 1e-2]
        if halving == "successive":
            assert sorted(found.cv_results_["n_resources"]) == [1, 1, 3]


# Several metrics


def test_one_of_several_metrics_decides():
    scoring = ["accuracy", "neg_log_loss"]
    options = {"n_iter": 4, "factor": 2, "halving": "successive", "scoring": scoring}
    found = search(clf(epochs=4), refit="neg_log_loss", **options).fit(X, y)
    first = search(clf(epochs=4), refit="neg_log_loss", time_limit=1e-9, **options).fit(X, y)
    best = np.argsort(-first.cv_results_["mean_test_neg_log_loss"], kind="stable")[:2]
    assert set(best) == set(np.flatnonzero(found.cv_results_["n_resources"] > 1))
    assert found.cv_results_["rank_test_neg_log_loss"][found.best_index_] == 1
    # Where none is named, the first does.
    found = search(clf(epochs=4), refit=False, **options).fit(X, y)
    best = np.argsort(-first.cv_results_["mean_test_accuracy"], kind="stable")[:2]
    assert set(best) == set(np.flatnonzero(found.cv_results_["n_resources"] > 1))


def metrics(model, table, target):
    return {"hits": model.score(table, target), "size": model.n_parameters_}


def test_a_function_may_name_the_metrics():
    found = search(clf(epochs=1), n_iter=3, scoring=metrics, refit="hits").fit(X, y)
    assert found.best_score_ == found.cv_results_["mean_test_hits"].max()
    named = {"scoring": metrics, "refit": False, "n_iter": 3}
    found = search(clf(epochs=1), **named).fit(X, y)
    assert set(found.cv_results_["mean_test_size"]) <= {934, 714}  # biases and batch norm too
    with pytest.raises(
        UnknownNameError, match=r"metric 'score' to compare candidates by\. Known: hits, size"
    ):
        search(clf(epochs=3), halving="successive", **named).fit(X, y)


# What is refused


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_iter": 0}, HyperparameterError, "n_iter is 0; expected a whole number, at least 1"),
        ({"n_restarts": 1.5}, HyperparameterError, "n_restarts is 1.5"),
        ({"halving": "sucessive"}, UnknownNameError, "did you mean 'successive'"),
        ({"resource": "rows"}, UnknownNameError, "unknown resource 'rows'"),
        ({"factor": 1, "halving": "successive"}, HyperparameterError, "factor is 1; .* above 1"),
        ({"time_limit": 0}, HyperparameterError, "time_limit is 0; .* above 0"),
        ({"sampler": "gird"}, UnknownNameError, "did you mean 'grid'"),
        ({"space": {}}, HyperparameterError, "space is {}"),
        ({"space": {"l3": [1]}}, UnknownNameError, "'l3' of MLPClassifier; did you mean 'l2'"),
        (
            {"space": {"epochs": [1, 2]}, "halving": "successive"},
            HyperparameterError,
            "the space holds epochs",
        ),
        (
            {"space": {"random_state": [1, 2]}, "n_restarts": 2},
            HyperparameterError,
            "the space holds random_state",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        search(**options).fit(X, y)


def test_a_search_that_is_asked_to_tells_what_it_trains(capsys):
    search(clf(epochs=3), halving="successive", n_iter=3, verbose=1, refit=False).fit(X, y)
    said = "Fitting 2 folds for each of {} candidates, totalling {} fits, until epoch {}\n"
    assert capsys.readouterr().out == said.format(3, 6, 1) + said.format(1, 2, 3)


def test_a_search_can_be_cloned():
    made = search(halving="hyperband", n_restarts=3)
    assert clone(made).get_params()["n_restarts"] == 3
