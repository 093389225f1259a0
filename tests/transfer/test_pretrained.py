"""Networks that start from another's layers."""

from __future__ import annotations

import pickle
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.flop_counter import FlopCounterMode

from engine import train_by_pytorch
from wellfit import MLPClassifier, MLPEnsembleClassifier, MLPRegressor, load_model
from wellfit.core.errors import (
    DataError,
    HyperparameterError,
    InputError,
    ModelFileError,
    UnknownNameError,
)
from wellfit.fitting import runner
from wellfit.fitting.features import dense_numbers
from wellfit.fitting.pretrained import apply, depth
from wellfit.fitting.runner import grouped, train_group
from wellfit.fitting.validation import validate_features
from wellfit.model_selection import GridSearchCV, SearchCV
from wellfit.model_selection.fingerprints import plain_data
from wellfit.nn import Activate, BatchNorm, Dense, Dropout, Linear
from wellfit.optim import Adam
from wellfit.training import Checkpoint
from wellfit.transfer import AutoencoderPretraining, FittedLayer, GradualUnfreezing, Pretrained

X, Y = load_digits(return_X_y=True)
LOW, HIGH = np.flatnonzero(Y < 5), np.flatnonzero(Y >= 5)
FEW, REST = HIGH[:150], HIGH[150:]
QUICK = {
    "epochs": 3,
    "random_state": 0,
    "n_threads": 1,
    "early_stopping": False,
    "numeric_embedding": None,
}


@pytest.fixture(scope="module")
def base():
    """Three hidden layers that tell 0 to 4 apart."""
    clf = MLPClassifier((32, 24, 16), activation="elu", batch_norm=True, **{**QUICK, "epochs": 8})
    return clf.fit(X[LOW], Y[LOW])


def fitted(base, pretrained=None, rows=FEW, **params):
    given = {**QUICK, "pretrained": pretrained or Pretrained(base, freeze=2), **params}
    return MLPClassifier(**given).fit(X[rows], Y[rows])


def encoded(model, rows):
    """Rows as the model's first layer sees them."""
    network = getattr(model, "network_", None)
    features = network.features if network else model.features_
    checked = validate_features(model, rows, features)
    return dense_numbers(features.encode(checked, np.dtype(np.float32)), features.pixel_max)


def numbers(model):
    """All that each layer has learned and tracked."""
    weights = model.network_.weights
    tracked = weights.network.statistics.views(weights.statistics, 1)
    return [
        (layer, block.numpy(), view[0].numpy())
        for layer, block, view in zip(
            weights.network.layers, weights.blocks(0), tracked, strict=True
        )
        if not layer.training_only
    ]


def alike(one, other, count):
    """How many of the lowest layers with numbers are equal to the bit."""
    pairs = list(zip(numbers(one), numbers(other), strict=False))[:count]
    return [
        np.array_equal(a[1], b[1]) and np.array_equal(a[2], b[2]) for a, b in pairs if a[1].size
    ]


@pytest.fixture
def uncached(monkeypatch):
    """Compute frozen layers anew at every step."""
    return lambda: monkeypatch.setattr(apply, "with_frozen_prefix", lambda job, frozen: job)


# What starts where, and stays there.


@pytest.mark.parametrize("frozen", [1, 2, 3])
@pytest.mark.parametrize("once", [True, False])
def test_frozen_layers_stay_to_the_bit_and_others_move(base, frozen, once, uncached):
    if not once:
        uncached()
    clf = fitted(base, Pretrained(base, freeze=frozen), l2=0.1, max_norm=0.5, ema_decay=0.5)
    assert clf.pretrained_["cached"] is once
    assert alike(clf, base, 3 * frozen) == [True] * 2 * frozen
    assert not any(alike(clf, base, 9)[2 * frozen :])


def test_a_training_starts_from_what_is_taken(base):
    clf = MLPClassifier(pretrained=Pretrained(base, n_layers=2), **QUICK)
    work = clf.prepare(X[FEW], Y[FEW])
    linear = [
        block
        for layer, block in zip(work.member.network.layers, work.start.blocks(0), strict=True)
        if isinstance(layer, Linear)
    ]
    for number, (block, weights) in enumerate(zip(linear, base.coefs_, strict=True)):
        assert np.allclose(block[:-1], weights) is (number < 2)
    clf.set_params(random_state=1)
    other = clf.prepare(X[FEW], Y[FEW]).start
    assert not np.array_equal(other.blocks(0)[-1], linear[-1])


def test_activation_and_batch_norm_come_with_the_layers_and_dropout_does_not(base):
    clf = fitted(base, Pretrained(base, n_layers=2), dropout=0.3, activation="tanh")
    names = [layer.activation.name for layer in layers_of(clf, Activate)]
    assert names == ["elu", "elu", "tanh"]
    assert len(layers_of(clf, BatchNorm)) == 2
    assert [layer.rate for layer in layers_of(clf, Dropout)] == [0.3] * 3


def layers_of(model, kind):
    return [layer for layer in model.network_.layers if isinstance(layer, kind)]


def test_frozen_layers_have_no_dropout_between_them(base):
    rates = [layer.rate for layer in layers_of(fitted(base, Pretrained(base, freeze=2)), Dropout)]
    assert rates == [0.0, 0.1, 0.1]
    later = fitted(base, Pretrained(base, freeze=2, unfreeze=2))
    assert [layer.rate for layer in layers_of(later, Dropout)] == [0.1] * 3


@pytest.mark.parametrize(
    ("given", "layers", "sizes"),
    [
        ("auto", None, (32, 24, 16)),  # the default
        ("auto", 1, (32, 24, 16)),
        ((32, 24), 2, (32, 24)),  # the highest is dropped
        ((32, 40), 1, (32, 40)),  # and replaced
        ((32, 24, 16, 8), None, (32, 24, 16, 8)),  # and one is added
    ],
)
def test_sizes_are_those_given_or_the_models(base, given, layers, sizes):
    clf = fitted(base, Pretrained(base, n_layers=layers), hidden_layer_sizes=given)
    assert tuple(map(len, clf.intercepts_[:-1])) == sizes


def test_layers_one_by_one_keep_what_they_ask_for_themselves(base):
    wanted = [Dense(32, dropout=0.4, l2=0.5), Linear(24), Activate(), Dropout(0.2), Dense(7)]
    clf = fitted(base, Pretrained(base, n_layers=2), layers=wanted)
    assert [layer.rate for layer in layers_of(clf, Dropout)] == [0.4, 0.2, 0.1]
    (penalty,) = clf.network_.result.members[0].penalties
    assert penalty.only == (0,)
    assert penalty.strength == 0.5


def test_names_and_patterns_stand_for_layers(base):
    for given, count in (("linear_2", 2), ("linear_[12]", 2), ("linear_*", 3), (0, 0)):
        assert fitted(base, Pretrained(base, n_layers=given)).pretrained_["layers"] == count


def test_rows_are_read_as_the_reused_model_reads_them(base):
    clf = fitted(base)
    np.testing.assert_array_equal(encoded(clf, X), encoded(base, X))
    own = MLPClassifier(**QUICK).fit(X[FEW], Y[FEW])
    assert not np.array_equal(encoded(own, X), encoded(base, X))


def test_another_number_of_classes_and_regression(base):
    clf = MLPClassifier(pretrained=Pretrained(base), **QUICK).fit(X, Y)
    assert clf.predict_proba(X).shape == (len(X), 10)
    reg = MLPRegressor(pretrained=Pretrained(base, freeze=3), **QUICK).fit(X, Y * 1.0)
    assert alike(reg, base, 9) == [True] * 6


# What is computed once.


CASES = {
    "plain": {},
    "penalties": {"l1": 0.01, "l2": 0.1, "max_norm": 0.5, "gradient_clipping": 0.1},
    "own": {"layers": [Dense(32, l2=1.0), 24, Dense(16, l2=0.1, max_norm=0.3)]},
    "random": {"dropout": 0.4, "ema_decay": 0.9},
    "early": {"early_stopping": True, "epochs": 8, "scoring": "f1_macro"},
    "sgd": {"optimizer": "sgd"},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("decay", [1, 0.5])
def test_cached_layers_give_the_same_weights(base, case, decay, uncached):
    params = {"precision": "float64", **CASES[case]}
    once = fitted(base, Pretrained(base, freeze=2, layerwise_lr_decay=decay), **params)
    uncached()
    anew = fitted(base, Pretrained(base, freeze=2, layerwise_lr_decay=decay), **params)
    assert once.pretrained_["cached"]
    assert not anew.pretrained_["cached"]
    for one, other in zip(once.coefs_, anew.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(once.predict_proba(X), anew.predict_proba(X), atol=1e-9)
    seconds = {"seconds"}
    for name in set(once.history_) - seconds:
        np.testing.assert_allclose(once.history_[name], anew.history_[name], rtol=1e-7)


def test_cached_layers_give_the_same_weights_in_float32_and_of_pixels(uncached):
    pixels = (X * 15).astype(np.uint8)
    base = MLPClassifier((32, 24), **QUICK).fit(pixels[LOW], Y[LOW])
    clf = MLPClassifier(pretrained=Pretrained(base, freeze=2), **QUICK)
    once = clone(clf).fit(pixels[FEW], Y[FEW])
    uncached()
    anew = clone(clf).fit(pixels[FEW], Y[FEW])
    assert once.pretrained_["cached"]
    for one, other in zip(once.coefs_, anew.coefs_, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("pretrained", "params"),
    [
        ({"freeze": 2}, {"input_dropout": 0.1}),
        ({"freeze": 2}, {"input_noise": 0.1}),
        ({"freeze": 2}, {"augment": "mixup"}),
        ({"freeze": 2, "unfreeze": 2}, {}),
        ({"freeze": 0}, {}),
    ],
)
def test_what_changes_from_epoch_to_epoch_is_not_computed_once(base, pretrained, params):
    assert not fitted(base, Pretrained(base, **pretrained), **params).pretrained_["cached"]


def test_only_what_is_above_the_cut_is_trained(base):
    work = MLPClassifier(pretrained=Pretrained(base, freeze=2), **QUICK).prepare(X[FEW], Y[FEW])
    assert work.rows.x.shape == (len(FEW), 24)
    linear = [each.units for each in work.member.network.layers if isinstance(each, Linear)]
    assert linear == [16, 5]


def test_frozen_layers_computed_once_halve_the_operations(base, uncached, monkeypatch):
    train_by_pytorch(monkeypatch)  # whose operations can be counted

    def operations():  # counted, since times depend on what else the machine does
        with FlopCounterMode(display=False) as counter:
            fitted(base, Pretrained(base, freeze=3))
        return counter.get_total_flops()

    once = operations()
    uncached()
    assert operations() > 2 * once > 0


@pytest.mark.parametrize(("name", "meant"), [("frezee", "freeze"), ("epoch", "epochs")])
def test_a_misspelt_word_of_transfer_names_the_nearest(base, name, meant):
    with pytest.raises(UnknownNameError, match=f"did you mean '{meant}'"):
        base.transfer(**{name: 1})


def test_it_says_what_it_did(base, capsys):
    clf = fitted(base, verbose=1)
    assert "3 hidden layers of MLPClassifier, 2 frozen, computed once" in capsys.readouterr().err
    assert clf.pretrained_ == {
        "model": "MLPClassifier",
        "layers": 3,
        "head": "new",
        "frozen": 2,
        "cached": True,
        "tried": None,
    }


# What learns when, and how fast.


def test_layers_thaw_at_an_epoch_all_at_once_or_from_the_top(base):
    def moved(thaw, epochs):
        clf = fitted(base, Pretrained(base, freeze=3, unfreeze=thaw), epochs=epochs)
        same = alike(clf, base, 9)
        return [not each for each in same[::2]]

    assert moved(3, 2) == [False, False, False]
    assert moved(3, 3) == [True, True, True]
    step = GradualUnfreezing(every=2, start=2)
    assert moved(step, 1) == [False, False, False]
    assert moved(step, 3) == [False, False, True]
    assert moved(step, 4) == [False, True, True]
    assert moved(step, 6) == [True, True, True]


def test_lower_layers_learn_more_slowly(base):
    rates = Pretrained(base, freeze=1, layerwise_lr_decay=0.5).layer_rates(1, 4)
    assert rates.rates == (0.0, 0.25, 0.5, 1.0)
    slow = fitted(
        base, Pretrained(base, layerwise_lr_decay=0.1), optimizer="sgd", batch_norm=False
    )
    even = fitted(base, Pretrained(base), optimizer="sgd", batch_norm=False)
    steps = [abs(clf.coefs_[0] - base.coefs_[0]).mean() for clf in (slow, even)]
    assert steps[0] < 0.01 * steps[1]


def test_training_goes_on_with_fewer_frozen_layers(base):
    clf = fitted(base, Pretrained(base, freeze=3), warm_start=True)
    first = pickle.loads(pickle.dumps(clf))
    clf.set_params(pretrained__freeze=1).fit(X[FEW], Y[FEW])
    assert clf.pretrained_["frozen"] == 1
    assert alike(clf, base, 3) == [True, True]
    assert not any(alike(clf, base, 9)[2:])
    # It went on from where it was, and not from the pretrained model.
    assert abs(clf.coefs_[3] - first.coefs_[3]).max() < abs(first.coefs_[3]).max()
    assert clf.score(X[FEW], Y[FEW]) >= first.score(X[FEW], Y[FEW])


def test_partial_fit_starts_there_too(base):
    clf = MLPClassifier(pretrained=Pretrained(base, freeze=2), **QUICK)
    for _ in range(3):
        clf.partial_fit(X[FEW], Y[FEW], classes=range(5, 10))
    assert alike(clf, base, 6) == [True] * 4
    clf = fitted(base)
    clf.partial_fit(X[FEW], Y[FEW])
    assert clf.n_epochs_ == 4
    assert alike(clf, base, 6) == [True] * 4


def test_reuse_is_not_for_a_training_that_has_begun(base):
    clf = MLPClassifier(warm_start=True, **QUICK).fit(X[FEW], Y[FEW])
    with pytest.raises(InputError, match="pretrained was set since it began"):
        clf.set_params(pretrained=Pretrained(base)).fit(X[FEW], Y[FEW])
    clf = fitted(base, warm_start=True)
    clf.set_params(pretrained=None).fit(X[FEW], Y[FEW])  # all layers learn from here on
    assert not any(alike(clf, base, 6))
    assert clf.pretrained_["frozen"] == 2


def test_some_rows_cannot_tell_how_many_to_freeze(base):
    clf = MLPClassifier(pretrained=Pretrained(base, freeze="auto"), **QUICK)
    with pytest.raises(HyperparameterError, match="which partial_fit can't find out"):
        clf.partial_fit(X[FEW], Y[FEW], classes=range(5, 10))


# The head.

NORM = BatchNorm(momentum=1.0, output=True)  # whose statistics stay as they are


def test_a_head_that_is_kept_predicts_as_before(base):
    clf = base.transfer(head="keep", freeze=3, epochs=1, optimizer=Adam(1e-12)).fit(X[LOW], Y[LOW])
    np.testing.assert_allclose(clf.predict_proba(X), base.predict_proba(X), atol=1e-5)
    rows, y = load_diabetes(return_X_y=True)
    reg = MLPRegressor((8,), **QUICK).fit(rows, y)
    half = reg.transfer(head="keep", epochs=1, optimizer=Adam(1e-12)).fit(rows[:50], y[:50] - 9)
    np.testing.assert_allclose(half.predict(rows), reg.predict(rows), rtol=1e-4)
    reg = MLPRegressor((8,), batch_norm=NORM, output_activation="relu", **QUICK).fit(rows, y)
    half = reg.transfer(head="keep", epochs=1, optimizer=Adam(1e-12))
    np.testing.assert_allclose(half.fit(rows, y).predict(rows), reg.predict(rows), rtol=1e-4)


@pytest.mark.parametrize(
    ("pretrained", "params", "says"),
    [
        ({"head": "keep"}, {}, r"the classes \[.*0.*\]; y has \[.*5"),
        ({"head": "keep", "n_layers": 2}, {}, "head of Pretrained is 'keep'; .*2 of 3"),
        ({"head": "keep"}, {"rows": LOW, "batch_norm": NORM}, "output is of linear"),
        ({"head": "keep"}, {"rows": LOW, "hidden_layer_sizes": (32, 24, 16, 4)}, "as many"),
    ],
)
def test_a_head_that_cannot_be_kept(base, pretrained, params, says):
    with pytest.raises(InputError, match=says):
        fitted(base, Pretrained(base, **pretrained), **params)


# Trying out.


def test_auto_tries_all_numbers_in_one_stack_and_keeps_the_best(base, monkeypatch):
    stacks = []
    train = runner.train

    def counted(members, *args, **kwargs):
        stacks.append(len(members))
        return train(members, *args, **kwargs)

    monkeypatch.setattr(runner, "train", counted)
    clf = fitted(base, Pretrained(base, freeze="auto", cv=4), epochs=6)
    assert stacks == [4 * 4, 1]  # all trials, then the fit itself
    tried = clf.pretrained_["tried"]
    assert tried["frozen"] == [0, 1, 2, 3]
    means = np.array(tried["mean_test_score"])
    np.testing.assert_allclose(
        means, np.mean([tried[f"split{i}_test_score"] for i in range(4)], 0)
    )
    assert len(set(means)) > 1
    assert means[clf.pretrained_["frozen"]] == means.max()
    assert (
        alike(clf, base, 3 * clf.pretrained_["frozen"]) == [True] * 2 * clf.pretrained_["frozen"]
    )
    again = fitted(base, Pretrained(base, freeze=clf.pretrained_["frozen"]), epochs=6)
    np.testing.assert_array_equal(clf.coefs_[-1], again.coefs_[-1])


def test_auto_scores_are_those_of_fits_by_hand(base):
    clf = fitted(base, Pretrained(base, freeze="auto"), precision="float64", batch_size=32)
    work = MLPClassifier(
        **{**clf.get_params(deep=False), "pretrained": Pretrained(base, freeze=2)}
    )
    prepared = work.prepare(X[FEW], Y[FEW])
    folds = depth._folds(prepared, 3)
    for number, (stream, held) in enumerate(folds):
        alone = clone(work).fit(X[FEW][stream.train], Y[FEW][stream.train])
        assert not set(stream.train) & set(held)
        score = clf.pretrained_["tried"][f"split{number}_test_score"][2]
        assert alone.score(X[FEW][held], Y[FEW][held]) == score


def test_auto_needs_rows_of_each_class(base):
    with pytest.raises(DataError, match="2 of the rarest"):
        fitted(
            base,
            Pretrained(base, freeze="auto"),
            rows=np.r_[FEW[Y[FEW] != 7], FEW[Y[FEW] == 7][:2]],
        )


def test_regressors_try_out_too():
    rows, y = load_diabetes(return_X_y=True)
    reg = MLPRegressor((16, 8), epochs=5, random_state=0).fit(rows[:300], y[:300])
    half = reg.transfer(freeze="auto", early_stopping=True).fit(rows[300:], y[300:])
    assert len(half.pretrained_["tried"]["mean_test_score"]) == 3
    assert half.score(rows[300:], y[300:]) > 0


# As a parameter.


def test_inner_parameters_need_a_reuse():
    with pytest.raises(
        HyperparameterError, match="pretrained__freeze can't be set, since pretrained is"
    ):
        MLPClassifier().set_params(pretrained__freeze=1)


def test_clones_share_the_model_and_params_reach_inside(base):
    clf = clone(MLPClassifier(pretrained=Pretrained(base, freeze=2), **QUICK))
    assert clf.pretrained.model is base
    assert base.__sklearn_is_fitted__()
    clf.set_params(pretrained__freeze=1, pretrained__layerwise_lr_decay=0.5)
    assert clf.pretrained == Pretrained(base, freeze=1, layerwise_lr_decay=0.5)
    assert clf.get_params()["pretrained__freeze"] == 1
    with pytest.raises(UnknownNameError, match="did you mean 'freeze'"):
        clf.set_params(pretrained__freez=1)


def test_a_grid_over_frozen_layers_scores_as_fits_alone_do(base):
    clf = MLPClassifier(pretrained=Pretrained(base), precision="float64", **QUICK)
    grid = {"pretrained__freeze": [0, 1, 3], "pretrained__layerwise_lr_decay": [1.0, 0.3]}
    cuts = list(StratifiedKFold(3).split(X[FEW], Y[FEW]))
    search = GridSearchCV(clf, grid, cv=cuts).fit(X[FEW], Y[FEW])
    for index, params in enumerate(search.cv_results_["params"]):
        for number, (rows, held) in enumerate(cuts):
            alone = clone(clf).set_params(**params).fit(X[FEW][rows], Y[FEW][rows])
            score = search.cv_results_[f"split{number}_test_score"][index]
            assert alone.score(X[FEW][held], Y[FEW][held]) == score
    assert len(set(search.cv_results_["mean_test_score"])) > 1


def test_a_stack_goes_to_another_process_without_all_rows_twice(base):
    clf = MLPClassifier(pretrained=Pretrained(base, freeze=2), **QUICK)
    work = clf.prepare(X[FEW], Y[FEW])
    assert work.full_job is not None
    (group,) = grouped([work])
    there = pickle.loads(pickle.dumps(group))
    assert there.jobs[0].full_job is None
    results = [train_group(each)[0] for each in (group, there)]
    np.testing.assert_array_equal(*(result.last.parameters for result in results))


def test_a_journal_tells_trained_networks_apart(base):
    twin, other = pickle.loads(pickle.dumps(base)), clone(base).fit(X[FEW], Y[FEW])
    assert (
        plain_data(Pretrained(base))
        == plain_data(Pretrained(twin))
        != plain_data(Pretrained(other))
    )
    assert plain_data(Pretrained(base)) != plain_data(Pretrained(base, freeze=1))


def test_a_search_may_compare_with_a_fresh_start(base):
    clf = MLPClassifier((32, 24, 16), activation="elu", batch_norm=True, **QUICK)
    search = GridSearchCV(
        clf, {"pretrained": [None, Pretrained(base), Pretrained(base, freeze=1)]}, cv=3
    )
    scores = search.fit(X[FEW], Y[FEW]).cv_results_["mean_test_score"]
    assert len(set(scores)) > 1
    fresh = GridSearchCV(clf, {"epochs": [3]}, cv=3).fit(X[FEW], Y[FEW])
    np.testing.assert_allclose(scores[0], fresh.cv_results_["mean_test_score"][0], atol=1e-9)


def test_a_halving_search_goes_on_above_the_cut(base):
    clf = MLPClassifier(pretrained=Pretrained(base), precision="float64", **QUICK)
    space = {"pretrained__freeze": [1, 2], "optimizer__learning_rate": [0.001, 0.01]}
    search = SearchCV(clf, space, sampler="grid", halving="successive", cv=3, random_state=0)
    search.fit(X[FEW], Y[FEW])
    results = search.cv_results_
    best = int(np.argmin(results["rank_test_score"]))
    assert results["n_resources"].tolist().count(3) < 4
    alone = clone(clf).set_params(**results["params"][best])
    cuts = StratifiedKFold(3).split(X[FEW], Y[FEW])
    for number, (rows, held) in enumerate(cuts):
        score = clone(alone).fit(X[FEW][rows], Y[FEW][rows]).score(X[FEW][held], Y[FEW][held])
        assert score == results[f"split{number}_test_score"][best]


def test_an_ensembles_members_are_as_they_would_be_alone(base):
    clf = MLPClassifier(pretrained=Pretrained(base, freeze=2), precision="float64", **QUICK)
    ensemble = MLPEnsembleClassifier(clf, n_estimators=3, random_state=0).fit(X[FEW], Y[FEW])
    for member in ensemble.estimators_:
        alone = clone(member).fit(X[FEW], Y[FEW])
        np.testing.assert_allclose(member.predict_proba(X), alone.predict_proba(X), atol=1e-9)


def test_pretrained_layers_are_taken_with_their_way_of_reading():
    pretrained = AutoencoderPretraining((24, 12), epochs=1, random_state=0).fit(X)
    clf = fitted(None, Pretrained(pretrained, freeze=2))
    assert clf.pretrained_["layers"] == 2
    for part, (_, learned, _) in zip(pretrained.parts(), numbers(clf), strict=False):
        np.testing.assert_array_equal(part.parameters, learned)
    np.testing.assert_allclose(encoded(clf, X), encoded(pretrained, X))


def test_in_a_pipeline():
    scaled = StandardScaler().fit_transform(X[LOW])
    base = MLPClassifier((16,), preprocess=None, **QUICK).fit(scaled, Y[LOW])
    pipe = make_pipeline(StandardScaler(), base.transfer(freeze=1))
    pipe.fit(X[FEW], Y[FEW])
    pipe.set_params(mlpclassifier__pretrained__freeze=0).fit(X[FEW], Y[FEW])
    assert pipe[-1].pretrained_["frozen"] == 0


def test_saved_it_predicts_without_the_model_it_came_from(base, tmp_path):
    clf = fitted(base)
    loaded = load_model(clf.save(tmp_path / "model"))
    for mine, original in zip(numbers(loaded), numbers(clf), strict=True):
        np.testing.assert_array_equal(mine[1], original[1])
        np.testing.assert_array_equal(mine[2], original[2])
    # The same numbers at another address: how a product is summed may differ by rounding.
    np.testing.assert_allclose(loaded.predict_proba(X), clf.predict_proba(X), atol=1e-6)
    assert loaded.pretrained is None
    assert loaded.pretrained_ == clf.pretrained_
    assert loaded.hidden_layer_sizes == (32, 24, 16)
    assert not hasattr(load_model(base.save(tmp_path / "base")), "pretrained_")
    further = loaded.transfer(freeze=3, epochs=2).fit(X[FEW], Y[FEW])
    assert alike(further, clf, 9) == [True] * 6


def test_folders_and_parts_are_as_good_as_the_model(base, tmp_path):
    wanted = fitted(base).coefs_[-1]
    base.save(tmp_path / "run" / "model")
    for place in (tmp_path / "run" / "model", str(tmp_path / "run")):
        np.testing.assert_array_equal(fitted(base, Pretrained(place, freeze=2)).coefs_[-1], wanted)
    parts = [FittedLayer(layer, learned, tracked) for layer, learned, tracked in numbers(base)]
    for given in (parts, parts[:-1]):  # the last is the output layer
        clf = MLPClassifier(pretrained=Pretrained(given, freeze=2), preprocess=None, **QUICK)
        clf.fit(encoded(base, X[FEW]), Y[FEW])
        np.testing.assert_allclose(clf.coefs_[-1], wanted, atol=1e-6)


def test_a_fit_that_was_cut_short_is_taken_up(base, tmp_path):
    params = {"epochs": 4, "precision": "float64", "dropout": 0.2}
    whole = fitted(base, **params)
    fitted(base, **params, callbacks=[Checkpoint(tmp_path, keep=9)])
    for later in ("3", "4"):
        next(tmp_path.glob(f"epoch-00000{later}.safetensors")).unlink()
    clf = MLPClassifier(**{**QUICK, **params, "pretrained": Pretrained(base, freeze=2)})
    clf.fit(X[FEW], Y[FEW], resume_from=tmp_path)
    for one, other in zip(clf.coefs_, whole.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_transfer_keeps_parameters_but_those_named(base):
    clf = base.transfer(n_layers=2, freeze=1, layerwise_lr_decay=0.5, unfreeze=3, epochs=9)
    assert (clf.epochs, clf.batch_norm, clf.activation) == (9, True, "elu")
    assert clf.pretrained == Pretrained(base, 2, 1, unfreeze=3, layerwise_lr_decay=0.5)
    assert not clf.__sklearn_is_fitted__()
    with pytest.raises(InputError, match="not fitted"):
        clf.transfer()


# What can't be.


@pytest.mark.parametrize(
    ("pretrained", "params", "error", "says"),
    [
        ({"freeze": 4}, {}, HyperparameterError, "freeze is 4, and 3 hidden layers are taken"),
        ({"n_layers": 2, "freeze": 3}, {}, HyperparameterError, "freeze is 3, and 2"),
        (
            {"n_layers": 1, "freeze": 2},
            {},
            HyperparameterError,
            "freeze is 2, and 1 hidden layer is taken; expected",
        ),
        (
            {"n_layers": 4},
            {},
            HyperparameterError,
            "n_layers of Pretrained is 4; expected at most 3",
        ),
        ({"n_layers": "linear3"}, {}, UnknownNameError, "did you mean 'linear_3'"),
        ({"n_layers": "linear_[13]"}, {}, HyperparameterError, "without a gap"),
        (
            {},
            {"hidden_layer_sizes": (32, 20, 16)},
            InputError,
            r"linear_2 .* \(32, 24\), .* \(32, 20\)",
        ),
        ({}, {"hidden_layer_sizes": (32,)}, InputError, "3 hidden layers are taken, .* has 1"),
        ({}, {"preprocess": None}, None, ""),
    ],
)
def test_layers_that_do_not_fit(base, pretrained, params, error, says):
    with pytest.raises(error, match=says) if error else nullcontext():
        fitted(base, Pretrained(base, **pretrained), **params)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("freeze", -1),
        ("freeze", "atuo"),
        ("freeze", 1.5),
        ("n_layers", -1),
        ("n_layers", True),
        ("unfreeze", 0),
        ("unfreeze", "later"),
        ("layerwise_lr_decay", 0),
        ("layerwise_lr_decay", 1.1),
        ("head", "old"),
        ("cv", 1),
    ],
)
def test_values_out_of_range_are_refused(key, value):
    with pytest.raises(HyperparameterError, match=f"{key} of Pretrained"):
        Pretrained(None, **{key: value})


def test_other_columns_are_refused_both_named(base):
    clf = MLPClassifier(pretrained=Pretrained(base), **QUICK)
    with pytest.raises(InputError, match=r"X has 63 columns and .* on 64"):
        clf.fit(X[FEW, 1:], Y[FEW])
    with pytest.raises(InputError, match="comes to 63 numbers and the pretrained model reads 64"):
        clf.set_params(preprocess=None).fit(X[FEW, 1:], Y[FEW])
    frame = pd.DataFrame(X[:90, 20:22], columns=["a", "b"])
    named = MLPClassifier((4,), **QUICK).fit(frame, Y[:90] > 4)
    with pytest.raises(InputError, match=r"column 1 of X is 'c', .* on 'b'"):
        named.transfer().fit(frame.rename(columns={"b": "c"}), Y[:90] > 4)


def test_a_model_that_takes_raw_numbers_asks_for_them():
    base = MLPClassifier((4,), preprocess=None, **QUICK).fit(X[LOW], Y[LOW])
    with pytest.raises(InputError, match="expected preprocess=None here too"):
        fitted(base, Pretrained(base))


def test_what_is_no_model_is_refused(base, tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(base))
    with pytest.raises(ModelFileError, match="a pickle"):
        fitted(base, Pretrained(tmp_path / "model.pkl"))
    with pytest.raises(ModelFileError, match="there is no model or run"):
        fitted(base, Pretrained(tmp_path / "nothing"))
    with pytest.raises(InputError, match="not fitted"):
        fitted(base, Pretrained(MLPClassifier()))
    with pytest.raises(InputError, match="expected a fitted MLPClassifier"):
        fitted(base, Pretrained(17))
    with pytest.raises(
        HyperparameterError, match=r"expected None, or wellfit.transfer.Pretrained"
    ):
        MLPClassifier(pretrained=base, **QUICK).fit(X[FEW], Y[FEW])


# What it is good for.


def test_lower_layers_help_where_there_are_few_rows():
    rows = LOW[:700]
    params = {**QUICK, "epochs": 60, "optimizer": Adam(0.01)}
    odd = MLPClassifier((64, 64), **params).fit(X[rows], Y[rows] % 2)  # odd or even
    few, test = LOW[700:715], LOW[715:]
    scores = {
        name: model.fit(X[few], Y[few] % 2).score(X[test], Y[test] % 2)
        for name, model in {
            "reused": odd.transfer(freeze=1),
            "fresh": MLPClassifier((64, 64), **params),
        }.items()
    }
    assert scores["reused"] > scores["fresh"] + 0.03
