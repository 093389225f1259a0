"""The default space: presets first, as fits of them would be, and what the rows allow around."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core import registry
from wellfit.core.hyper import resolve
from wellfit.datasets import Dataset
from wellfit.estimators.without_auto import without_auto
from wellfit.model_selection import Random, Sampler, SearchCV, Space, default_space
from wellfit.model_selection.distributions import Choices, Number
from wellfit.model_selection.space_checks import check
from wellfit.optim import L2

OF_SUBMODELS = {"n_submodels", "submodels"}


def numbers(rows, columns=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns))
    return X, X[:, 0] + rng.normal(size=rows)


def with_categories(rows):
    X, y = numbers(rows)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    return frame.assign(street=[f"street {row % 80}" for row in range(rows)]), y


def images(rows):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (rows, 64), dtype=np.uint8), rng.integers(0, 3, rows)


def classes(rows):
    X, y = numbers(rows)
    return X, (y > 0).astype(int)


CASES = {
    "numbers": (MLPRegressor(), numbers(1200)),
    "classes": (MLPClassifier(), classes(1200)),
    "submodels": (MLPRegressor(bagging=None), numbers(1200)),
    "too few to train on": (MLPRegressor(bagging=None), numbers(1050)),  # a tenth is held out
    "few": (MLPClassifier(), classes(60)),
    "categories": (MLPRegressor(), with_categories(400)),
    "images": (MLPClassifier(), images(1200)),
    "layers given": (MLPRegressor((4,)), numbers(1200)),
    "rate given": (MLPRegressor(learning_rate=0.01), numbers(1200)),
    "another rule": (MLPRegressor(optimizer="sgd"), numbers(1200)),
    "another preset": (MLPRegressor(preset="fast"), numbers(60)),
    "two values": (MLPRegressor(), (numbers(60)[0] > 0, numbers(60)[1])),
}


@pytest.fixture(params=CASES)
def case(request):
    estimator, (X, y) = CASES[request.param]
    return clone(estimator).set_params(epochs=1, random_state=0, n_threads=1), X, y


def test_a_space_begins_with_presets_as_plain_fits_would_train_them(case):
    estimator, X, y = case
    space = default_space(estimator, X, y)
    presets = [candidate["preset"] for candidate in space.first]
    assert presets == (["default", "fast"] if estimator.preset == "default" else ["fast"])
    for candidate in space.first:
        plain = clone(estimator).set_params(preset=candidate["preset"]).fit(X, y)
        count = plain.network_.n_networks
        averaged = {"bagging": count} if count > 1 else {}  # as the refit does
        here = clone(estimator).set_params(**candidate, **averaged).fit(X, y)
        assert here.network_.layers == plain.network_.layers
        assert here.history_["loss"] == plain.history_["loss"]
        np.testing.assert_array_equal(here.outputs(X[:9]), plain.outputs(X[:9]))
        assert ("submodels" in candidate) == (candidate.get("n_submodels", 1) > 1)
        assert "auto" not in [value for value in candidate.values() if isinstance(value, str)]


def test_drawn_candidates_are_what_the_estimator_can_be(case):
    estimator, X, y = case
    space = default_space(estimator, X, y)
    check(space, estimator)
    for candidate in Random().start(space, seed=0).ask(5):
        single = {"submodels"} if candidate.get("n_submodels") == 1 else set()
        assert candidate.keys() == space.axes.keys() - single
        clone(estimator).set_params(**candidate).prepare(X, y)


@pytest.mark.parametrize("name", CASES)
def test_only_tables_that_get_submodels_search_them(name):
    estimator, (X, y) = CASES[name]
    axes = default_space(estimator, X, y).axes
    has = name == "submodels"
    assert (axes.keys() >= OF_SUBMODELS) == has == bool(OF_SUBMODELS & axes.keys())
    assert ("categorical_embedding" in axes) == (name == "categories")
    assert ("numeric_embedding" in axes) == (
        name not in ("images", "another rule", "another preset", "two values")
    )


@pytest.mark.parametrize("several", ["submodels", "networks of folds"])
def test_narrow_networks_are_searched_around_what_a_fit_uses(several):
    estimator, (X, y) = CASES["classes"]
    if several == "submodels":
        estimator = clone(estimator).set_params(bagging=None)
    space = default_space(estimator, X, y)
    default = space.first[0]
    for name in ("learning_rate", "dropout"):
        assert space.axes[name].low < default[name] < space.axes[name].high
    strengths = space.axes["l2"].strengths
    assert strengths.low < default["l2"].strength < strengths.high
    drawn = [candidate["l2"] for candidate in Random().start(space, seed=0).ask(9)]
    assert all(isinstance(each, L2) and each.decoupled for each in drawn)
    shared = OF_SUBMODELS if several == "submodels" else set()
    for name in (*shared, "hidden_layer_sizes", "numeric_embedding"):
        assert default[name] in space.axes[name].values()
    assert "periodic" in space.axes["numeric_embedding"].values()


def test_what_was_auto_has_a_value_and_the_rest_stays():
    reg = MLPRegressor(dropout=0.3, l2="auto", random_state=0)
    chosen = without_auto(reg, *numbers(1200))
    assert (chosen.dropout, chosen.n_submodels, chosen.l2) == (0.3, 1, L2(0.1, decoupled=True))
    assert (reg.l2, reg.n_submodels) == ("auto", "auto")
    assert without_auto(reg.set_params(bagging=None), *numbers(1200)).n_submodels == 6
    assert not hasattr(reg, "n_features_in_")


def test_a_search_begins_with_the_presets():
    X, y = numbers(90)
    reg = MLPRegressor((4,), epochs=2, random_state=0, n_threads=1)
    search = SearchCV(reg, n_iter=4, cv=2, random_state=0).fit(X, y)
    tried = search.cv_results_["params"]
    assert [params.get("preset") for params in tried] == ["default", "fast", None, None]
    frame = search.leaderboard_.set_index("preset")
    assert frame.loc["fast", "numeric_embedding"] == "None"
    assert frame.loc["default", "numeric_embedding"] == "piecewise_with_jumps"
    assert search.best_score_ >= search.cv_results_["mean_test_score"][0]


@pytest.mark.parametrize("name", registry.names("sampler"))
def test_samplers_choose_and_hear_as_they_would_without_first_candidates(name):
    axes = {"hidden_layer_sizes": Choices(((8,), (16,), (32,))), "l2": Choices((0.0, 0.1))}
    first = ({"preset": "default"}, {"preset": "fast"})
    alone = resolve(Sampler, name).begin(Space(axes), seed=0)
    both = resolve(Sampler, name).begin(Space(axes, first=first), seed=0)
    assert both.size == (None if alone.size is None else alone.size + 2)
    given = both.ask(1) + both.ask(1)
    assert given == list(first)
    both.tell(given, [0.1, 0.2])
    for score in (0.3, 0.4, 0.5):
        expected, found = alone.ask(1), both.ask(1)
        assert found == expected
        alone.tell(expected, [score])
        both.tell(found, [score])


def test_known_candidates_and_others_may_come_in_one_batch():
    first = ({"preset": "default"}, {"preset": "fast"})
    space = Space({"l2": Number(0.0, 1.0)}, first=first)
    asked = Random().begin(space, seed=0).ask(4)
    assert asked[:2] == list(first)
    assert asked[2:] == Random().start(space, seed=0).ask(2)


def test_what_all_candidates_have_alike_is_left_out():
    first = ({"preset": "default", "l2": 0.1}, {"preset": "fast", "l2": 0.2})
    axes = {"l2": Number(0.0, 1.0), "dropout": Number(0.0, 0.5)}
    space = Space(axes, first=first)
    assert list(space.without(["l2"]).axes) == ["dropout"]
    assert space.without(["l2"]).first == ({"preset": "default"}, {"preset": "fast"})
    assert space.without(["preset"]).first == ({"l2": 0.1},)


def test_samplers_of_optuna_suggest_decoupled_penalties():
    pytest.importorskip("optuna")
    estimator, (X, y) = CASES["numbers"]
    space = default_space(estimator, X, y)
    run = resolve(Sampler, "tpe").begin(space, seed=0)
    candidates = run.ask(5)
    assert candidates[:2] == list(space.first)
    for candidate in candidates[2:]:
        assert candidate["l2"].decoupled
        assert 0.02 <= candidate["l2"].strength <= 0.5
    run.tell(candidates, [1.0, 2.0, 3.0, 4.0, 5.0])


def test_of_few_rows_the_space_has_no_wide_submodels():
    estimator, (X, y) = CASES["numbers"]
    few, many = (
        default_space(estimator, np.resize(X, (rows, 3)), np.resize(y, rows)).axes
        for rows in (1200, 10_000)
    )
    assert (256, 256) not in few["hidden_layer_sizes"].values()
    assert (256, 256) in many["hidden_layer_sizes"].values()


def test_a_data_set_in_files_has_the_space_of_its_rows(tmp_path):
    X, y = numbers(1200)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame.assign(y=y).to_parquet(tmp_path / "rows.parquet")
    reg = MLPRegressor(bagging=None)
    streamed = default_space(reg, Dataset.from_parquet(tmp_path, target="y"))
    assert streamed == default_space(reg, frame, y)


def test_rows_that_are_given_for_validation_leave_all_to_train_on():
    X, y = numbers(1050)
    assert without_auto(MLPRegressor(bagging=None), X, y).n_submodels == 1
    assert without_auto(MLPRegressor(), X, y, validated=True).n_submodels == 6


def test_of_what_a_fit_warns_a_space_says_nothing(recwarn):
    levels = pd.DataFrame({"street": [f"street {row % 150}" for row in range(900)]})
    default_space(MLPRegressor(categorical_embedding=None), levels, numbers(900)[1])
    assert not recwarn.list
    with pytest.warns(UserWarning, match="150 frequent levels"):
        MLPRegressor(categorical_embedding=None).prepare(levels, numbers(900)[1])
