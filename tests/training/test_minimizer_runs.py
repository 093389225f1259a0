"""Minimizers of the whole loss: they reach SciPy's optimum, each member alone."""

import os
import signal
import threading
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from engine import member, parameters, run, table
from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import HyperparameterError
from wellfit.nn import SoftmaxCrossEntropy, mlp
from wellfit.optim import L1, L2, LBFGS, ClipByNorm, ConjugateGradient, MaxNorm
from wellfit.training import Callback, EarlyStopping, Status, Stream

ROWS = table(SoftmaxCrossEntropy())
CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
NAMES = pytest.mark.parametrize("name", ["lbfgs", "conjugate_gradient"])
RULES = pytest.mark.parametrize(
    "rule", [LBFGS(tolerance=1e-9), ConjugateGradient(tolerance=1e-7)], ids=lambda r: r.name
)
CONVEX = {
    "hidden_layer_sizes": (),
    "early_stopping": False,
    "epochs": 2000,
    "preprocess": None,
    "precision": "float64",
    "random_state": 0,
}


class PressCtrlC(Callback, name="press_ctrl_c_while_descending"):
    """Sends this process the signal that Ctrl-C sends, in epoch 3."""

    def on_batches_end(self, epoch, done, total, state):
        if epoch == 3 and not state.get("pressed"):
            state["pressed"] = True
            os.kill(os.getpid(), signal.SIGINT)


def convex(**options):
    return member(**{"network": mlp(4, (), 3), "epochs": 500, "penalties": (L2(0.1),), **options})


@RULES
def test_a_convex_problems_optimum_is_scipys(rule):
    one = convex(optimizer=rule)
    result = run([one], ROWS)
    x, y = ROWS._table.numbers.numpy(), np.eye(3)[ROWS._y.numpy()]

    def loss(w):
        z = x @ w.reshape(5, 3)
        cost = np.log(np.exp(z).sum(1)).mean() - (z * y).sum(1).mean()
        return cost + 0.05 * (w.reshape(5, 3)[:-1] ** 2).sum()

    best = minimize(loss, np.zeros(15), method="BFGS", options={"gtol": 1e-9})
    ours = parameters(result, 0)
    assert loss(ours) == pytest.approx(best.fun, abs=1e-9)
    np.testing.assert_allclose(ours.reshape(5, 3)[:-1], best.x.reshape(5, 3)[:-1], atol=1e-4)
    assert result.status == [Status.FINISHED]
    assert result.epochs[0] < 500  # it knew that it was done


@NAMES
def test_the_coefficients_are_those_of_logistic_regression(name):
    X, y = StandardScaler().fit_transform(CANCER[0]), CANCER[1]
    strength = 0.02
    ours = MLPClassifier(optimizer=name, loss="sigmoid_cross_entropy", l2=strength, **CONVEX)
    ours.set_params(optimizer__tolerance=1e-8).fit(X, y)
    theirs = LogisticRegression(C=1 / (strength * len(y)), tol=1e-10, max_iter=5000).fit(X, y)
    np.testing.assert_allclose(ours.coefs_[0][:, 0], theirs.coef_[0], atol=1e-3)
    np.testing.assert_allclose(ours.intercepts_[0], theirs.intercept_, atol=1e-3)
    assert ours.status_ == "finished"


@NAMES
def test_the_coefficients_are_those_of_ridge_regression(name):
    X = StandardScaler().fit_transform(DIABETES[0])
    y = (DIABETES[1] - DIABETES[1].mean()) / DIABETES[1].std()
    ours = MLPRegressor(optimizer=name, l2=0.1, **CONVEX)
    ours.set_params(optimizer__tolerance=1e-9).fit(X, y)
    theirs = Ridge(alpha=0.1 / 2 * len(y)).fit(X, y)  # a sum of squares against a mean and λ/2
    np.testing.assert_allclose(ours.coefs_[0][:, 0], theirs.coef_, atol=1e-5)


@RULES
def test_alone_is_together(rule):
    members = [
        member(
            seed=k,
            network=mlp(4, (5,), 3),
            optimizer=rule,
            penalties=(L2(0.01 * (k + 1)), L1(1e-3 * k)),
            epochs=12 + k,
        )
        for k in range(3)
    ]
    streams = [Stream(np.roll(np.arange(50), 7 * k)[:40]) for k in range(3)]
    together = run(members, ROWS, streams)
    for k in range(3):
        alone = run([members[k]], ROWS, [streams[k]])
        np.testing.assert_allclose(parameters(alone, 0), parameters(together, k), atol=1e-6)
        np.testing.assert_allclose(
            alone.history(0)["loss"], together.history(k)["loss"], rtol=1e-6
        )


@RULES
def test_the_lowest_point_seen_is_kept_wherever_it_ends(rule):
    for epochs in (3, 5, 9):
        result = run([member(network=mlp(4, (5,), 3), optimizer=rule, epochs=epochs)], ROWS)
        again = run([member(network=mlp(4, (5,), 3), optimizer=rule, epochs=30)], ROWS)
        assert len(result.history()["loss"]) == epochs
        assert result.history()["loss"] == again.history()["loss"][:epochs]
        x, y = ROWS._table.numbers.numpy(), ROWS._y.numpy()
        hidden, output = [block for block in result.weights().blocks(0) if block.numel()]
        above = np.maximum(x @ hidden.numpy(), 0)
        z = np.hstack([above, np.ones((50, 1))]) @ output.numpy()
        loss = np.log(np.exp(z).sum(1)).mean() - z[np.arange(50), y].mean()
        assert loss == pytest.approx(min(result.history()["loss"]))


@RULES
def test_ctrl_c_ends_a_descent_and_its_thread(rule):
    before = threading.active_count()
    shown = run(
        [member(network=mlp(4, (5,), 3), optimizer=rule, epochs=50)],
        ROWS,
        callbacks=[PressCtrlC()],
    )
    assert shown.status == [Status.INTERRUPTED]
    assert shown.epochs[0] <= 3
    assert threading.active_count() == before


def test_ctrl_c_in_an_estimator_keeps_what_was_found():
    model = MLPClassifier(optimizer="lbfgs", callbacks=[PressCtrlC()], **CONVEX)
    with pytest.warns(ConvergenceWarning, match="interrupted after"):
        model.fit(StandardScaler().fit_transform(CANCER[0]), CANCER[1])
    assert model.status_ == "interrupted"
    assert model.score(StandardScaler().fit_transform(CANCER[0]), CANCER[1]) > 0.85


def test_early_stopping_works_on_descents():
    stream = Stream(np.arange(35), np.arange(35, 50))
    one = member(network=mlp(4, (20,), 3), optimizer=LBFGS(), epochs=200)
    result = run([one], ROWS, [stream], callbacks=[EarlyStopping(patience=3)])
    curve = result.history()["val_loss"]
    assert result.status == [Status.EARLY_STOPPED]
    assert result.best_epoch[0] == int(np.argmin(curve)) + 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"network": mlp(4, (5,), 3, dropout=0.1)}, "random layers; given dropout"),
        ({"network": mlp(4, (5,), 3, input_noise=0.1)}, "random layers; given gaussian_noise"),
        ({"penalties": (L2(0.1, decoupled=True),)}, "decoupled penalties; given l2"),
        ({"constraints": (MaxNorm(),)}, "constraints; given max_norm"),
        ({"gradient_clipping": (ClipByNorm(),)}, "gradient clipping; given by_norm"),
        ({"ema_decay": 0.9}, "averaged weights; given 0.9"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_makes_no_sense_for_a_minimizer_is_refused(options, named):
    with pytest.raises(HyperparameterError, match=f"lbfgs minimizes .* takes no {named}"):
        run([convex(**{"optimizer": LBFGS(), **options})], ROWS)


@NAMES
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_estimators_choose_what_suits_a_minimizer(cls, name):
    """Dropout is by default none, batches are all rows, and there is no partial_fit."""
    X, y = DIABETES[0], DIABETES[1] > 140 if cls is MLPClassifier else DIABETES[1]
    model = cls((8,), optimizer=name, epochs=20, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
    assert [layer.name for layer in model.network_.layers].count("dropout") == 0
    assert model.network_.result.step == model.n_epochs_  # a step is an epoch
    assert model.history_["loss"][-1] < model.history_["loss"][0]
    with pytest.raises(HyperparameterError, match=r"partial_fit can't use .* such as 'adam'"):
        cls((8,), optimizer=name).partial_fit(X, y)
    with pytest.raises(HyperparameterError, match="takes no random layers; given dropout"):
        cls((8,), optimizer=name, dropout=0.1).fit(X, y)
