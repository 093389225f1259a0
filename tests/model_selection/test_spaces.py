"""Spaces: what is drawn from them, and what is refused."""

import json
from collections import Counter

import numpy as np
import pytest
import yaml
from scipy import stats

from wellfit import MLPClassifier
from wellfit.core import registry
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.model_selection import Random, Space, default_space, read_space
from wellfit.model_selection.distributions import axis
from wellfit.model_selection.space_checks import check
from wellfit.optim import SGD, Adam

WHOLE = {"integer": True}
LOG = {"low": 1e-6, "high": 0.1, "scale": "log"}
FILE = {
    "optimizer": {"choices": ["sgd", "adam"]},
    "optimizer__momentum": {"low": 0, "high": 0.99, "if": {"optimizer": "sgd"}},
    "l2": LOG,
    "hidden_layer_sizes": {"depth": [1, 2], "units": {"low": 8, "high": 64, "integer": True}},
}


def draws(space, count=400, seed=0):
    return Random().start(Space.of(space), seed).ask(count)


def test_a_log_scale_is_uniform_in_logarithms():
    drawn = [candidate["l2"] for candidate in draws({"l2": LOG})]
    exponents = (np.log10(drawn) + 6) / 5
    assert stats.kstest(exponents, "uniform").pvalue > 0.01
    assert stats.kstest(np.array(drawn) / 0.1, "uniform").pvalue < 1e-9


def test_a_linear_range_is_uniform():
    drawn = [candidate["dropout"] for candidate in draws({"dropout": {"low": 0.2, "high": 0.6}})]
    assert stats.kstest(drawn, stats.uniform(0.2, 0.4).cdf).pvalue > 0.01


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_integers_are_all_there_and_nothing_else(scale):
    entry = axis("epochs", {"low": 2, "high": 5, "integer": True, "scale": scale})
    counts = Counter(entry.at(share) for share in np.linspace(0, 1, 4000, endpoint=False))
    assert sorted(counts) == [2, 3, 4, 5]
    assert all(type(value) is int for value in counts)
    expected = [np.log((v + 0.5) / (v - 0.5)) if scale == "log" else 1.0 for v in sorted(counts)]
    shares = np.array(expected) / sum(expected)
    np.testing.assert_allclose([counts[v] / 4000 for v in sorted(counts)], shares, atol=1e-3)


def test_distributions_are_drawn_by_their_quantiles():
    continuous, discrete = stats.norm(1, 2), stats.randint(3, 9)
    shares = np.linspace(0.01, 0.99, 25)
    assert [axis("x", continuous).at(s) for s in shares] == continuous.ppf(shares).tolist()
    drawn = [axis("x", discrete).at(s) for s in shares]
    assert drawn == discrete.ppf(shares).tolist()
    assert all(type(value) is int for value in drawn)


def test_what_only_has_rvs_is_drawn_from_again_alike():
    class Dice:
        def rvs(self, random_state=None):
            return np.random.default_rng(random_state).integers(1, 7)

    drawn = [candidate["batch_size"] for candidate in draws({"batch_size": Dice()}, 6)]
    assert sorted(drawn) == [1, 2, 3, 4, 5, 6]  # each once
    assert drawn == [candidate["batch_size"] for candidate in draws({"batch_size": Dice()}, 6)]


def test_a_conditional_parameter_is_absent_where_its_condition_fails():
    seen = Counter()
    for candidate in draws(FILE):
        momentum = "optimizer__momentum" in candidate
        assert momentum == (candidate["optimizer"] == "sgd")
        seen[momentum, len(candidate["hidden_layer_sizes"])] += 1
        assert all(8 <= units <= 64 for units in candidate["hidden_layer_sizes"])
    assert len(seen) == 4
    assert min(seen.values()) > 60  # of 400, 100 expected


def test_conditions_may_hang_on_conditions_in_any_order():
    space = {
        "c": {"choices": [0], "if": {"b": [1, 2]}},
        "b": {"choices": [1, 2, 3], "if": {"a": True}},
        "a": [True, False],
    }
    expected = [{"a": True, "b": 1, "c": 0}, {"a": True, "b": 2, "c": 0}, {"a": True, "b": 3}]
    assert list(Space.of(space).combinations()) == [*expected, {"a": False}]


def test_layers_follow_from_a_shape():
    space = {
        "hidden_layer_sizes": {
            "shape": ["tapered", {"name": "over_complete", "ratio": 0.25}, "regular"],
            "depth": [3, 4],
            "units": [64],
        },
        "dropout": {"choices": [0.5], "if": {"hidden_layer_sizes.shape": "tapered"}},
    }
    assert [tuple(each.values()) for each in Space.of(space).combinations()] == [
        ((64, 32, 16), 0.5),
        ((16, 64, 16),),
        ((64, 64, 64),),
        ((64, 32, 16, 8), 0.5),
        ((16, 64, 64, 16),),
        ((64, 64, 64, 64),),
    ]
    check(Space.of(space), MLPClassifier())
    several = {"shape": "regular", "depth": [1, 2], "units": {"low": 8, "high": 64, **WHOLE}}
    for candidate in draws({"hidden_layer_sizes": several}):
        sizes = candidate["hidden_layer_sizes"]
        assert len(sizes) in (1, 2)
        assert len(set(sizes)) == 1
        assert 8 <= sizes[0] <= 64


@pytest.mark.parametrize(
    ("entry", "error", "complaint"),
    [
        ({"shape": ["taperd"]}, UnknownNameError, "did you mean 'tapered'"),
        ({"shape": []}, HyperparameterError, "shape of the space has no choices"),
        ({"shapes": ["tapered"]}, UnknownNameError, "did you mean 'shape'"),
        ({"shape": "bottleneck", "depth": [2, 3]}, HyperparameterError, "at least 3 hidden"),
        ({"shape": {"name": "tapered", "ratio": 2}}, HyperparameterError, "ratio"),
        ({"shape": "tapered", "units": None}, HyperparameterError, "units"),
    ],
)
def test_shapes_that_mean_nothing(entry, error, complaint):
    entry = {"depth": [3], "units": [64], **entry}
    with pytest.raises(error, match=complaint):
        Space.of({"hidden_layer_sizes": entry})


def test_a_shape_needs_depth_and_units():
    with pytest.raises(HyperparameterError, match="lacks depth or units"):
        Space.of({"hidden_layer_sizes": {"shape": "tapered", "units": [8]}})


def test_layers_sizes_may_be_asked_about():
    space = Space.of(
        {
            "hidden_layer_sizes": {"depth": [0, 2], "units": [4, 8]},
            "dropout": {"choices": [0.5], "if": {"hidden_layer_sizes.depth": 2}},
        }
    )
    deep = [(4, 4), (4, 8), (8, 4), (8, 8)]
    expected = [
        {"hidden_layer_sizes": ()},
        *({"hidden_layer_sizes": sizes, "dropout": 0.5} for sizes in deep),
    ]
    assert list(space.combinations()) == expected


def test_steps_are_even_on_their_scale():
    assert axis("l2", {**LOG, "low": 1e-5, "steps": 5}).values() == pytest.approx(
        (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    )
    assert axis("n", {"low": 1, "high": 4, "integer": True, "steps": 9}).values() == (1, 2, 3, 4)


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_files_say_what_dictionaries_say(tmp_path, suffix):
    path = tmp_path / f"space.{suffix}"
    path.write_text(json.dumps(FILE) if suffix == "json" else yaml.safe_dump(FILE))
    assert Space.of(path) == Space.of(FILE) == Space.of(str(path))


def test_yaml_may_write_1e_6_as_people_do(tmp_path):
    path = tmp_path / "space.yml"
    path.write_text("l2: {low: 1e-6, high: 1e-1, scale: log}\n")
    assert read_space(path) == {"l2": LOG}


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        ({}, HyperparameterError, "space is {}; expected parameters"),
        ([], HyperparameterError, "expected parameters"),
        (7, HyperparameterError, "space is 7"),
        ({"l2": []}, HyperparameterError, "l2 of the space has no choices"),
        ({"l2": 0.1}, HyperparameterError, "l2 of the space is 0.1; expected a distribution"),
        ({"l2": {"low": 1}}, HyperparameterError, "high of l2 in the space is None"),
        ({"l2": {"low": "1", "high": 2}}, HyperparameterError, "low of l2 in the space is '1'"),
        ({"l2": {"low": 2, "high": 1}}, HyperparameterError, "from 2 to 1; expected low at most"),
        ({"l2": {**LOG, "low": 0}}, HyperparameterError, "above 0 on a log scale"),
        ({"l2": {**LOG, "scale": "lgo"}}, UnknownNameError, "did you mean 'log'"),
        ({"l2": {"low": 1, "hihg": 2}}, UnknownNameError, "'hihg' of .*; did you mean 'high'"),
        ({"l2": {**LOG, "steps": 1}}, HyperparameterError, "steps of l2 is 1; .* at least 2"),
        ({"l2": {**LOG, "integer": True}}, HyperparameterError, "expected integers at both"),
        ({"l2": {**LOG, "integer": 1}}, HyperparameterError, "integer of l2 is 1"),
        ({"l2": {**LOG, "if": {"l3": 1}}}, UnknownNameError, "'l3' .*did you mean 'l2'"),
        ({"l2": {**LOG, "if": ["l1"]}}, HyperparameterError, "if of l2"),
        ({"l2": {**LOG, "if": {"l2": 1}}}, HyperparameterError, "depend on one another"),
        ({"hidden_layer_sizes": {"depth": [1]}}, HyperparameterError, "expected both"),
        (
            {"hidden_layer_sizes": {"depth": [1.5], "units": [8]}},
            HyperparameterError,
            "numbers of layers",
        ),
        ({1: [0.1]}, HyperparameterError, "1 of the space is no parameter's name"),
        (
            {"optimizer": ["sgd", "adam"], "l2": {**LOG, "if": {"optimizer": "sdg"}}},
            UnknownNameError,
            "'sdg' .*did you mean 'sgd'",
        ),
        ("nowhere.json", InputError, "no file 'nowhere.json'"),
    ],
)
def test_what_means_nothing_is_refused(space, error, message):
    with pytest.raises(error, match=message):
        Space.of(space)


def test_files_that_say_nothing_are_refused(tmp_path):
    for name, text, message in (
        ("space.json", "{", "no JSON"),
        ("space.yaml", "a: [", "no YAML"),
        ("space.toml", "", "expected .json, .yaml or .yml"),
        ("empty.yaml", "# nothing\n", "empty.yaml says nothing"),
        ("null.json", "null", "null.json says nothing"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=message):
            Space.of(tmp_path / name)


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        ({"l3": [1]}, UnknownNameError, "parameter 'l3' of MLPClassifier; did you mean 'l2'"),
        ({"optimizer__momentun": [1]}, UnknownNameError, "did you mean 'momentum'"),
        ({"optimzer__momentum": [1]}, UnknownNameError, "'optimzer__momentum' .*did you mean"),
        ({"optimizer": ["sgd", "adm"]}, UnknownNameError, "'adm'; did you mean 'adam'"),
        (
            {"optimizer__momentum": stats.uniform(0, 1.1)},
            HyperparameterError,
            r"space of optimizer__momentum reaches 1.09.*\[0, 1\)",
        ),
        (
            {"optimizer__learning_rate": stats.norm(0.1, 0.1)},
            HyperparameterError,
            r"reaches -0.37.*\[0, inf",
        ),
        ({"optimizer__learning_rate": ["fast"]}, HyperparameterError, "a number in"),
        ({"l2": [1e-3, -1e-3]}, HyperparameterError, r"space of l2 reaches -0.001.*\[0, inf\)"),
        ({"dropout": {"low": 0, "high": 1}}, HyperparameterError, r"reaches 1.0.*\[0, 1\)"),
        ({"batch_size": {"low": 8, "high": 32}}, HyperparameterError, "a whole number"),
        (
            {"hidden_layer_sizes": {"depth": [1], "units": {"low": 0, "high": 9}}},
            HyperparameterError,
            "whole numbers, at least 1",
        ),
        ({"lr_schedule": ["one_cycle", None]}, HyperparameterError, "schedule reaches None"),
        ({"activation": [["relu", "tahn"]]}, UnknownNameError, "did you mean 'tanh'"),
        ({"hidden_layer_sizes": [(8,), "8"]}, HyperparameterError, "reaches '8'"),
        (  # adam, which some candidates have, has no momentum
            {"optimizer": ["sgd", "adam"], "optimizer__momentum": [0.9]},
            UnknownNameError,
            "'momentum' of '?adam'?",
        ),
    ],
)
def test_what_an_estimator_cannot_be_is_refused(space, error, message):
    with pytest.raises(error, match=message):
        check(Space.of(space), MLPClassifier(optimizer="sgd"))


def test_what_an_estimator_can_be_is_not_refused():
    check(Space.of(FILE), MLPClassifier())
    everything = {
        "optimizer": [Adam(), SGD(momentum=0.5)],
        "optimizer__learning_rate": stats.loguniform(1e-5, 1),
        "dropout": ["auto", 0.5],
        "loss": ["auto"],
        "gradient_clipping": [None, 1, "by_value"],
        "hidden_layer_sizes": [(8,), 16],
        "batch_size": ["auto", np.int64(32)],
        "max_norm": stats.uniform(0.5, 3),
        "activation": ["relu", ["relu", "tanh"]],
        "early_stopping__patience": [2, 5],
        "pretrained": [None],
    }
    check(Space.of(everything), MLPClassifier())
    check(Space.of({"early_stopping": [False, True]}), MLPClassifier())


@pytest.mark.parametrize("name", registry.names("optimizer"))
def test_the_default_space_holds_for_every_optimizer(name):
    clf = MLPClassifier(optimizer=name)
    space = default_space(clf)
    check(space, clf)
    declared = registry.lookup("optimizer", name).hypers().get("learning_rate")
    if declared is not None and declared.search is not None:
        rate = space.axes["optimizer__learning_rate"]
        assert (rate.low, rate.high) == declared.search
        assert rate.log == (declared.scale == "log")
    for candidate in draws(space, 5):
        clf.set_params(**candidate)


def test_the_default_space_leaves_an_embedding_out_and_in():
    clf = MLPClassifier(numeric_embedding="periodic")
    space = default_space(clf)
    check(space, clf)
    assert space.axes["numeric_embedding"].values() == ("periodic", None)
    none = default_space(MLPClassifier(numeric_embedding=None))
    assert "numeric_embedding" not in none.axes


def test_the_default_space_varies_what_submodels_share():
    assert "submodels" not in default_space(MLPClassifier()).axes
    space = default_space(MLPClassifier(n_submodels=8))
    assert set(space.axes["submodels"].values()) == {"mini", "tabm"}
    check(space, MLPClassifier(n_submodels=8))


def test_the_default_space_varies_the_learning_rate_that_counts():
    """The estimator's own overrides the optimizer's, which would be varied to no effect."""
    axes = default_space(MLPClassifier(learning_rate=0.1)).axes
    assert "learning_rate" in axes
    assert "optimizer__learning_rate" not in axes
