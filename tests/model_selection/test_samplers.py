"""Samplers: the same seed draws the same, grids are whole, and those that learn do so."""

import sys

import numpy as np
import pytest
from sklearn.model_selection import ParameterGrid

from wellfit import MLPClassifier
from wellfit.core import registry
from wellfit.core.errors import HyperparameterError, MissingExtraError, UnknownNameError
from wellfit.core.hyper import resolve
from wellfit.model_selection import (
    CMAES,
    TPE,
    GaussianProcess,
    Grid,
    Grow,
    Random,
    Sampler,
    SearchCV,
    Space,
)

RATE = {"low": 1e-5, "high": 1.0, "scale": "log"}
MIXED = Space.of(
    {
        "optimizer": ["sgd", "adam"],
        "optimizer__learning_rate": {**RATE, "steps": 6},
        "optimizer__momentum": {"low": 0, "high": 0.9, "steps": 4, "if": {"optimizer": "sgd"}},
        "hidden_layer_sizes": {"depth": [1, 2], "units": [8, 16]},
    }
)
PLANE = Space.of({"l1": RATE, "l2": RATE})
NAMES = registry.names("sampler")
LISTING = ("grid", "grow")  # list the space in an order of their own, without chance


def response(candidate):
    """A hill over two strengths, on log scales; its top is 0, at 1e-2 and 1e-4."""
    logs = np.log10([candidate["l1"], candidate["l2"]])
    return -float(((logs - [-2, -4]) ** 2).sum())


def search(sampler, space, count, score, seed=0, batch=4):
    """Ask and tell until there are ``count`` candidates."""
    drawing, tried, scores = resolve(Sampler, sampler).start(space, seed), [], []
    while len(tried) < count:
        asked = drawing.ask(min(batch, count - len(tried)))
        if not asked:
            break
        told = [score(candidate) for candidate in asked]
        drawing.tell(asked, told)
        tried, scores = tried + asked, scores + told
    return tried, scores


def worth(candidate):
    return -abs(np.log10(candidate["optimizer__learning_rate"]) + 2)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_and_scores_make_the_candidates(name):
    tried, _ = search(name, MIXED, 16, worth)
    assert tried == search(name, MIXED, 16, worth)[0]
    if name in LISTING:
        assert tried == search(name, MIXED, 16, worth, seed=1)[0]
    else:
        assert len(tried) == 16
        assert tried != search(name, MIXED, 16, worth, seed=1)[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_candidate_lies_in_the_space(name):
    everything = [repr(candidate) for candidate in MIXED.combinations()]
    assert len(everything) == len(set(everything)) == 6 * (4 + 1) * (2 + 4)
    for candidate in search(name, MIXED, 16, worth)[0]:
        assert repr(candidate) in everything


@pytest.mark.parametrize("name", ["random", "sobol"])
def test_choices_are_drawn_once_each_until_none_is_left(name):
    tried, _ = search(name, MIXED, 1000, worth)
    assert sorted(map(repr, tried)) == sorted(map(repr, MIXED.combinations()))


def test_a_grid_is_scikit_learns():
    space = {"l1": [0.1, 0.2], "l2": [1, 2, 3]}
    drawing = Grid().start(Space.of(space), seed=0)
    assert drawing.size == 6
    assert drawing.ask(100) == list(ParameterGrid(space))
    assert drawing.ask(1) == []


def test_a_grid_over_a_range_is_refused():
    with pytest.raises(HyperparameterError, match=r"can't list l1.*\"steps\""):
        Grid().start(PLANE, seed=0)


SIZES = {"hidden_layer_sizes": [(64,), (8,), (16, 16), (32,), (128,)]}


@pytest.mark.parametrize(
    ("scores", "options", "expected"),
    [
        ([1, 2, 3, 4, 5], {}, 5),
        ([1, 3, 2, 2, 9], {}, 4),  # two larger ones don't help
        ([1, 3, 2, 2, 9], {"patience": 1}, 3),
        ([1, 3, 2, 4, 3], {}, 5),
        ([1, 1.5, 1.9, 9, 9], {"min_delta": 1}, 3),
        ([np.nan, 1, np.nan, 2, 1], {}, 5),
        ([np.nan, np.nan, 1, 2, 3], {}, 2),
    ],
)
def test_networks_grow_until_scores_no_longer_improve(scores, options, expected):
    by_size = [(8,), (32,), (16, 16), (64,), (128,)]
    known = dict(zip(by_size, scores, strict=True))
    grown, _ = search(
        Grow(**options), Space.of(SIZES), 100, lambda c: known[c["hidden_layer_sizes"]]
    )
    assert [candidate["hidden_layer_sizes"] for candidate in grown] == by_size[:expected]


def test_without_sizes_growing_keeps_the_order_of_the_space():
    tried, _ = search("grow", Space.of({"dropout": [0.5, 0.3, 0.0]}), 9, lambda c: -c["dropout"])
    assert [candidate["dropout"] for candidate in tried] == [0.5, 0.3, 0.0]


def test_growing_leaves_nothing_to_halve():
    search_cv = SearchCV(
        MLPClassifier(epochs=3), {"hidden_layer_sizes": [(2,), (4,)]}, sampler="grow",
        halving="successive",
    )  # fmt: skip
    with pytest.raises(HyperparameterError, match="grow takes one candidate at a time"):
        search_cv.fit(np.eye(12), [0, 1] * 6)


def test_a_search_grows_and_stops():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 2))
    search_cv = SearchCV(
        MLPClassifier(epochs=2, random_state=0),
        {"hidden_layer_sizes": [(n,) for n in (2, 4, 8, 16, 32, 64)]},
        sampler=Grow(patience=1, min_delta=0.2),
        cv=3,
    ).fit(X, rng.integers(0, 2, 90))
    tried = [params["hidden_layer_sizes"] for params in search_cv.cv_results_["params"]]
    assert tried == [(2,), (4,)]


def test_sobol_is_more_even_than_chance():
    def widest_gap(name):
        tried, _ = search(name, PLANE, 64, response)
        logs = np.sort([np.log10(candidate["l1"]) for candidate in tried])
        return np.diff(logs, prepend=-5, append=0).max()

    assert widest_gap("sobol") <= 5 * 2 / 64 + 1e-9  # one in each 64th
    assert widest_gap("random") > 0.2


@pytest.mark.parametrize(
    ("sampler", "count", "seeds"),
    [(TPE(), 40, 4), (CMAES(), 80, 4), (GaussianProcess(startup=6), 18, 1)],
    ids=["tpe", "cmaes", "gp"],
)
def test_what_learns_finds_more_than_chance_does(sampler, count, seeds):
    def found(name, seed):
        return max(search(name, PLANE, count, response, seed, batch=6)[1])

    ours = [found(sampler, seed) for seed in range(seeds)]
    chance = [found(Random(), seed) for seed in range(20)]
    assert np.mean(ours) > np.mean(chance) / 2  # all below 0, and 0 is the top


@pytest.mark.parametrize(
    "name",
    [name for name in NAMES if registry.lookup("sampler", name).learns and name not in LISTING],
)
def test_failures_are_no_obstacle(name):
    tried, _ = search(name, PLANE, 20, lambda c: np.nan if c["l1"] > 1e-2 else response(c))
    assert len(tried) == 20


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_trials_are_kept_where_optuna_keeps_them(tmp_path, kind):
    import optuna

    storage = f"{kind}:///{tmp_path}/trials"
    sampler = TPE(storage=storage, study="mine", startup=2)
    for seed in range(2):
        search(sampler, PLANE, 5, response, seed)
    kept = TPE(storage=storage, study="mine").start(PLANE, 0)._study.get_trials()
    assert [trial.state for trial in kept] == [optuna.trial.TrialState.COMPLETE] * 10
    assert {response(trial.params) for trial in kept} == {trial.value for trial in kept}


def test_without_optuna_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'wellfit-nn\[search\]'"):
        TPE().start(PLANE, 0)


def test_an_unknown_sampler_is_refused():
    with pytest.raises(UnknownNameError, match="'tpee'; did you mean 'tpe'"):
        resolve(Sampler, "tpee")
