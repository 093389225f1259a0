"""Schedules, scorers, judging, rows and threads, as estimators take them; and what they refuse."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.metrics import get_scorer, make_scorer, matthews_corrcoef, mean_absolute_error
from sklearn.model_selection import train_test_split

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.nn import AlphaDropout, Dense, Dropout
from wellfit.optim import SGD, Custom, Ramp
from wellfit.training import Callback, EarlyStopping, ReduceLROnPlateau

IRIS = load_iris(return_X_y=True)
WINE = load_wine(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
BOTH = pytest.mark.parametrize(
    ("cls", "data"), [(MLPClassifier, IRIS), (MLPRegressor, DIABETES)], ids=["class", "number"]
)
PLAIN = {
    "hidden_layer_sizes": (8,),
    "numeric_embedding": None,
    "ema_decay": 0.0,
    "dropout": 0.0,
    "lr_schedule": "constant",
    "early_stopping": False,
    "epochs": 3,
    "batch_size": 32,
    "precision": "float64",
    "random_state": 0,
}


def plain(cls, data, **options):
    return cls(**{**PLAIN, **options}).fit(*data)


def held_out(data, **options):
    X, X_val, y, y_val = train_test_split(*data, test_size=0.4, random_state=0)
    model = MLPClassifier(**{**PLAIN, **options}).fit(X, y, X_val=X_val, y_val=y_val)
    return model, X_val, y_val


# Schedules of anything


@BOTH
def test_momentum_follows_its_schedule(cls, data):
    """Two epochs of a step each: v₁ = g₁, v₂ = m₂ v₁ + g₂, by hand."""
    shared = {"batch_size": 1000, "epochs": 2, "shuffle": False}
    scheduled = plain(
        cls,
        data,
        optimizer=SGD(0.1, 0.8),
        schedules={"momentum": Custom(lambda epoch: 0.5 * epoch)},
        **shared,
    )
    none = plain(cls, data, optimizer=SGD(0.1), **shared)
    begun = plain(cls, data, optimizer=SGD(0.0), **shared)
    once = plain(cls, data, optimizer=SGD(0.1), **{**shared, "epochs": 1})
    for ours, bare, start, first in zip(
        scheduled.coefs_, none.coefs_, begun.coefs_, once.coefs_, strict=True
    ):
        np.testing.assert_allclose(ours, bare + 0.8 * 0.5 * (first - start), atol=1e-12)
        assert np.abs(ours - bare).max() > 1e-6


@BOTH
@pytest.mark.parametrize(
    ("of", "options"),
    [("dropout", {"dropout": 0.5}), ("l1", {"l1": 0.1}), ("l2", {"l2": 0.1})],
    ids=["dropout", "l1", "l2"],
)
def test_a_schedule_of_zero_is_as_if_nothing_were_there(cls, data, of, options):
    # A layer of dropout, even of 0, is a layer: it counts where weights are drawn.
    without = plain(cls, data, dropout=Dropout(0.0) if of == "dropout" else 0.0)
    zero = plain(cls, data, schedules={of: Ramp(0.0, 0.0)}, **options)
    full = plain(cls, data, schedules={of: "constant"}, **options)
    asked = plain(cls, data, **options)
    np.testing.assert_allclose(zero.coefs_[0], without.coefs_[0], atol=1e-12)
    np.testing.assert_array_equal(full.coefs_[0], asked.coefs_[0])
    assert (asked.coefs_[0] != without.coefs_[0]).any()


@BOTH
def test_the_learning_rate_falls_on_a_plateau(cls, data):
    model = plain(
        cls,
        data,
        lr_schedule=ReduceLROnPlateau(0.5, patience=2, min_delta=10.0),  # nothing is enough
        validation_fraction=0.3,
        optimizer=SGD(0.08),
        epochs=6,
    )
    expected = [0.08, 0.08, 0.08, 0.04, 0.04, 0.02]
    np.testing.assert_allclose(model.history_["learning_rate"], expected)
    falling = plain(cls, data, lr_schedule=ReduceLROnPlateau(patience=2), validation_fraction=0.3)
    assert len(set(falling.history_["learning_rate"])) == 1


# Metrics


@pytest.mark.parametrize(
    ("scoring", "names", "data"),
    [
        ("roc_auc", ["roc_auc"], CANCER),
        (["f1_macro", "neg_log_loss"], ["f1_macro", "neg_log_loss"], WINE),
        (["val_balanced_accuracy"], ["balanced_accuracy"], WINE),
    ],
)
def test_a_scorer_is_a_metric_of_every_epoch(scoring, names, data):
    model, X_val, y_val = held_out(data, scoring=scoring, epochs=4)
    for name in names:
        values = model.history_[f"val_{name}"]
        assert len(values) == 4
        assert values[-1] == pytest.approx(get_scorer(name)(model, X_val, y_val), rel=1e-9)
        assert len(set(values)) > 1


def test_text_labels_and_scorers_of_ones_own():
    X, y = WINE
    scorer = make_scorer(matthews_corrcoef)
    model, X_val, y_val = held_out((X, np.array(["a", "b", "c"])[y]), scoring=[scorer], epochs=2)
    score = scorer(model, X_val, y_val)
    assert model.history_["val_matthews_corrcoef"][-1] == pytest.approx(score)


def test_stopping_early_by_a_scorer_that_turns_the_sign_of_a_cost():
    """Its values rise towards 0, so the epoch with the highest is the best."""
    scorer = make_scorer(mean_absolute_error, greater_is_better=False)
    stopping = EarlyStopping(patience=100, monitor="neg_mean_absolute_error")
    X, X_val, y, y_val = train_test_split(*DIABETES, test_size=0.4, random_state=0)
    model = MLPRegressor(**PLAIN, scoring=[scorer]).set_params(early_stopping=stopping)
    curve = model.fit(X, y, X_val=X_val, y_val=y_val).history_["val_neg_mean_absolute_error"]
    assert model.best_epoch_ == int(np.argmax(curve)) + 1 > 1


def test_a_regressors_scorers_see_the_targets_own_scale():
    X, X_val, y, y_val = train_test_split(*DIABETES, test_size=0.4, random_state=0)
    names = ["r2", "neg_mean_absolute_error"]
    model = MLPRegressor(**PLAIN, scoring=names).fit(X, y, X_val=X_val, y_val=y_val)
    for name in names:
        score = get_scorer(name)(model, X_val, y_val)
        assert model.history_[f"val_{name}"][-1] == pytest.approx(score)
    assert model.history_["val_neg_mean_absolute_error"][-1] < -10


def test_a_scorer_of_another_task_is_named():
    X, y = IRIS
    model = MLPClassifier((4,), scoring="r2", epochs=1, random_state=0)
    with pytest.raises(HyperparameterError, match=r"scoring is 'r2', which is for numbers"):
        model.fit(X, np.array(["a", "b", "b"])[y])


@pytest.mark.parametrize("monitor", ["roc_auc", "val_roc_auc"])
def test_stopping_early_by_a_scorer(monitor):
    stopping = EarlyStopping(patience=2, monitor=monitor)
    model, X_val, y_val = held_out(CANCER, early_stopping=stopping, epochs=40)
    curve = model.history_["val_roc_auc"]
    assert model.best_epoch_ == int(np.argmax(curve)) + 1
    assert model.status_ == "early_stopped"
    assert model.n_epochs_ == model.best_epoch_ + 2
    assert get_scorer("roc_auc")(model, X_val, y_val) == pytest.approx(max(curve))


def test_judging_every_third_epoch():
    model, *_ = held_out(WINE, eval_every=3, epochs=8, scoring="f1_macro")
    for name in ("val_loss", "val_accuracy", "val_f1_macro"):
        judged = np.flatnonzero(np.isfinite(model.history_[name])) + 1
        assert judged.tolist() == [3, 6, 8]
    assert np.isfinite(model.history_["loss"]).all()
    often, *_ = held_out(WINE, epochs=8)
    assert model.history_["val_loss"][5] == often.history_["val_loss"][5]


def test_patience_counts_epochs_and_ends_only_where_one_is_judged():
    stopping = EarlyStopping(patience=4, min_delta=10.0)  # the first judged is the best
    model, *_ = held_out(WINE, eval_every=3, epochs=40, early_stopping=stopping)
    assert model.best_epoch_ == 3
    assert model.n_epochs_ == 9  # 7 would do, but isn't judged
    assert model.status_ == "early_stopped"


# Rows, threads, precision


@BOTH
def test_a_fraction_of_the_rows(cls, data):
    y = data[1]
    few, all_rows = plain(cls, data, subsample=0.2), plain(cls, data)
    steps = [model.network_.result.step / model.n_epochs_ for model in (few, all_rows)]
    assert steps == [np.ceil(round(0.2 * len(y)) / 32), np.ceil(len(y) / 32)]
    assert (few.coefs_[0] != all_rows.coefs_[0]).any()
    np.testing.assert_array_equal(few.coefs_[0], plain(cls, data, subsample=0.2).coefs_[0])


def test_a_fraction_keeps_the_shares_of_classes():
    """A network of nothing but a bias says 1 always: its accuracy is the share of ones."""
    still = {"hidden_layer_sizes": (), "initializer": "zeros", "bias_initializer": "ones"}
    still |= {"loss": "sigmoid_cross_entropy", "optimizer": SGD(0.0), "epochs": 1}
    seen = plain(MLPClassifier, CANCER, subsample=0.3, **still)
    assert seen.history_["accuracy"][0] == pytest.approx(CANCER[1].mean(), abs=0.005)


@BOTH
def test_rows_that_are_not_shuffled_come_in_their_order(cls, data):
    X, y = data
    ours = plain(cls, data, shuffle=False, epochs=1, random_state=1)
    # The last rows can't have moved what the first batches did: hide them.
    order = np.random.default_rng(0).permutation(32)
    order = np.concatenate([order, np.arange(32, len(y))])
    np.testing.assert_allclose(
        ours.coefs_[0],
        plain(cls, (X[order], y[order]), shuffle=False, epochs=1, random_state=1).coefs_[0],
        atol=1e-9,
    )
    order = np.arange(len(y))[::-1]
    other = plain(cls, (X[order], y[order]), shuffle=False, epochs=1, random_state=1)
    assert np.abs(ours.coefs_[0] - other.coefs_[0]).max() > 1e-6


class Threads(Callback, name="watch_threads"):
    def on_batches_end(self, epoch, done, total, state):
        COUNTED.append(torch.get_num_threads())


COUNTED = []


@BOTH
def test_threads_are_used_and_given_back(cls, data):
    before = torch.get_num_threads()
    COUNTED.clear()
    wide = {
        "hidden_layer_sizes": (600, 600),
        "batch_size": 64,
        "epochs": 1,
        "precision": "float32",
    }
    plain(cls, data, n_threads=2, callbacks=[Threads()], **wide)
    assert set(COUNTED) == {2}
    assert torch.get_num_threads() == before


@BOTH
@pytest.mark.parametrize(("units", "possible"), [(8, {"float32"}), (256, {"float32", "bfloat16"})])
def test_automatic_precision_says_what_it_chose(cls, data, units, possible):
    model = plain(cls, data, precision="auto", hidden_layer_sizes=(units,), epochs=1)
    assert model.precision_ in possible
    asked = plain(cls, data, precision=model.precision_, hidden_layer_sizes=(units,), epochs=1)
    np.testing.assert_array_equal(model.coefs_[0], asked.coefs_[0])


# What is refused, before any work is lost


MOVING, HELD = {"optimizer": SGD(0.1, 0.5)}, {"validation_fraction": 0.3}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr_schedule": Custom(lambda epoch: 1 - epoch)}, "function .* returns -.*at least 0"),
        ({"lr_schedule": Custom(lambda epoch: float("nan"))}, "returns nan.*expected a finite"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0; expected a number in"),
        ({"learning_rate": "high"}, "is 'high'; expected a number in .* or 'auto'"),
        ({"learning_rate": 0.1, "optimizer": "lbfgs"}, "optimizer 'lbfgs' has none"),
        ({"lr_schedule": "cosin"}, "unknown schedule 'cosin'.*'cosine'"),
        ({**MOVING, "schedules": {"momentum": Ramp(1, 3)}}, r"takes momentum of .*\[0, 1\)"),
        ({**MOVING, "schedules": {"momentun": "ramp"}}, "'momentun'.*'momentum'"),
        ({"schedules": {"dropout": Ramp(1, 3)}, "dropout": 0.5}, r"takes rate of .*\[0, 1\)"),
        ({"schedules": "ramp"}, "schedules is 'ramp'; expected a dictionary"),
        ({"max_norm": 0}, r"max_norm is 0; expected a number in \(0, inf\)"),
        ({"max_norm": -1.0}, "max_norm is -1.0"),
        ({"dropout": 1.0}, r"dropout is 1.0; expected a number in \[0, 1\)"),
        ({"dropout": "much"}, "dropout is 'much'; expected a number in .* or 'auto'"),
        ({"input_dropout": 1.0}, "input_dropout is 1.0"),
        ({"input_noise": -0.1}, "input_noise is -0.1"),
        ({"batch_norm": "befor"}, "batch_norm is 'befor'; did you mean 'before'"),
        ({"layers": ["dense"]}, "'dense'; expected a whole number"),
        ({"l1": -1.0}, r"l1 is -1.0; expected a number in \[0, inf\)"),
        ({"gradient_clipping": 0.0}, "gradient_clipping is 0.0"),
        ({"gradient_clipping": "by_nrom"}, "unknown clipping 'by_nrom'; did you mean 'by_norm'"),
        ({"ema_decay": 1.0}, r"ema_decay is 1.0; expected a number in \[0, 1\)"),
        ({**HELD, "scoring": "roc_auk"}, "unknown metric 'roc_auk'; did you mean 'roc_auc'"),
        ({"early_stopping": "yes"}, "early_stopping is 'yes'; expected True, False, or Early"),
        ({**HELD, "scoring": [3]}, "scoring holds 3; expected a name or a scorer"),
        ({"early_stopping": EarlyStopping(monitor="f1_makro")}, "metric 'f1_makro'.*'f1_macro'"),
        ({"eval_every": 0}, "eval_every is 0; expected a whole number of epochs, at least 1"),
        ({"n_threads": 0}, "threads is 0; expected a whole number"),
        ({"subsample": 0.0}, r"subsample is 0.0; expected a number in \(0, 1\]"),
        ({"subsample": 1.5}, "subsample is 1.5"),
        ({"shuffle": "no"}, "unknown value 'no' of shuffle"),
        ({"precision": "float16"}, "precision is 'float16'.*bfloat16"),
        ({"augment": "shift"}, "image_shape"),
        ({"augment": "shift", "image_shape": (3, 3)}, "9"),
        ({"optimizer": "lbfgs", "dropout": 0.2}, "lbfgs minimizes a fixed loss.* random layers"),
        ({"optimizer": "lbfgs", "max_norm": 1.0}, "takes no constraints; given max_norm"),
        ({"optimizer": "lbfgs", "ema_decay": 0.9}, "takes no averaged weights; given 0.9"),
        ({"optimizer": "lbfgs", "gradient_clipping": 1.0}, "no gradient clipping; given by_norm"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)  # fmt: skip
@BOTH
def test_what_cannot_be_meant_is_refused_before_training(cls, data, options, message):
    trained = Began()
    fitted = plain(cls, data)
    before = fitted.predict(data[0]), fitted.history_
    fitted.set_params(callbacks=[trained], **options)
    BEGUN.clear()
    with pytest.raises(InputError, match=f"(?s){message}"):
        fitted.fit(*data)
    assert not BEGUN
    assert fitted.history_ is before[1]
    fresh = cls(**{**PLAIN, **options})
    with pytest.raises(InputError):
        fresh.fit(*data)
    assert not hasattr(fresh, "history_")
    assert not hasattr(fresh, "network_")


class Began(Callback, name="began"):
    def on_batches_end(self, epoch, done, total, state):
        BEGUN.append(epoch)


BEGUN = []


def test_callbacks_are_a_list():
    with pytest.raises(HyperparameterError, match="callbacks is 'progress'; expected a list"):
        MLPClassifier(callbacks="progress").fit(*IRIS)


def test_what_configs_refuse_themselves():
    for wrong in (
        lambda: Dense(8, dropout=1.0),
        lambda: AlphaDropout(1.0),
        lambda: Dense(8, max_norm=0.0),
        lambda: Dense(0),
    ):
        with pytest.raises(HyperparameterError, match="expected"):
            wrong()
    with pytest.raises(UnknownNameError, match="did you mean 'relu'"):
        Dense(8, "rellu")


@BOTH
def test_the_estimators_learning_rate_is_the_optimizers(cls, data):
    own = plain(cls, data, optimizer=SGD(0.3, momentum=0.9))
    given = plain(cls, data, optimizer=SGD(momentum=0.9), learning_rate=0.3)
    np.testing.assert_array_equal(own.coefs_[0], given.coefs_[0])
    np.testing.assert_array_equal(given.history_["learning_rate"], own.history_["learning_rate"])
