"""Steps: where trainings end and are judged doesn't change how they train."""

import numpy as np
import pytest

from engine import count_steps, member, network, parameters, press_ctrl_c_after, run, table
from wellfit import MLPClassifier, MLPRegressor
from wellfit.charts import learning_charts
from wellfit.core.errors import HyperparameterError, InputError
from wellfit.model_selection import GridSearchCV, SearchCV
from wellfit.nn import SoftmaxCrossEntropy, mlp
from wellfit.optim import L2, LBFGS, ConstantSchedule, LayerRates, OneCycle, Ramp
from wellfit.training import (
    EarlyStopping,
    Rows,
    Scheduled,
    Status,
    Stream,
    load_checkpoint,
    save_checkpoint,
    train,
)
from wellfit.training.periods import Periods

LOSS = SoftmaxCrossEntropy()
ROWS, STREAM = table(LOSS, rows=110), Stream(np.arange(90), np.arange(90, 110))
PER_EPOCH = 6  # of 16 rows, the last of 10
CASES = {
    "dropout and batch norm": {},
    "schedules": {
        "lr_schedule": OneCycle(),
        "schedules": (Scheduled("dropout", Ramp(end=0.5)), Scheduled("l2", Ramp())),
        "penalties": (L2(0.01),),
        "ema_decay": 0.9,
    },
    "layers unfrozen at an epoch": {"layer_rates": LayerRates(start_epochs=(3, 2, 1))},
}


def ours(name="dropout and batch norm", **options):
    return member(**{"network": network(), "epochs": 4, **CASES[name], **options})


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("length", [1, 5, 6, 7, 12, 1000])
def test_periods_leave_training_as_it_is(name, length):
    whole = run([ours(name)], ROWS, [STREAM])
    cut = run([ours(name)], ROWS, [STREAM], eval_steps=length)
    np.testing.assert_array_equal(parameters(cut, 0), parameters(whole, 0))
    ends = [*range(length, 4 * PER_EPOCH, length), 4 * PER_EPOCH]
    history = cut.history()
    assert history["step"] == ends
    assert cut.status == [Status.FINISHED]
    assert cut.epochs[0] == len(ends)
    for each in ("val_loss", "val_accuracy", "loss"):
        assert np.isfinite(history[each]).all()
    np.testing.assert_allclose(history["val_loss"][-1], whole.history()["val_loss"][-1])
    if length == PER_EPOCH:
        for each in ("loss", "val_loss", "learning_rate"):
            np.testing.assert_allclose(history[each], whole.history()[each])
    if length == 12:  # two epochs of as many rows
        pairs = np.reshape(whole.history()["loss"], (-1, 2)).mean(axis=1)
        np.testing.assert_allclose(history["loss"], pairs)


@pytest.mark.parametrize("steps", [1, 5, 6, 13])
def test_max_steps_are_the_first_steps(steps, monkeypatch):
    taken = count_steps(monkeypatch)
    some = run([ours(max_steps=steps)], ROWS, [STREAM])
    assert len(taken) == steps
    assert some.step == steps
    assert some.epochs[0] == -(-steps // PER_EPOCH)
    periods = run([ours()], ROWS, [STREAM], eval_steps=steps, until=1)
    np.testing.assert_array_equal(parameters(some, 0), parameters(periods, 0))
    assert some.history()["val_loss"][-1] == pytest.approx(periods.history()["val_loss"][0])


def test_schedules_end_with_the_last_step():
    one = ours(max_steps=13, lr_schedule=OneCycle(end=100.0))
    rates = run([one], ROWS, [STREAM], eval_steps=1).history()["learning_rate"]
    assert len(rates) == 13
    assert rates[-1] == pytest.approx(one.optimizer.learning_rate / 25 / 100)
    assert np.argmin(rates) == 12


@pytest.mark.parametrize("limits", [{"eval_steps": 7}, {"max_steps": 21}, {"eval_steps": 4}])
@pytest.mark.parametrize("stop", [3, 7, 8, 13, 20])
def test_a_training_that_was_interrupted_goes_on_undisturbed(limits, stop, monkeypatch):
    options = {key: value for key, value in limits.items() if key == "eval_steps"}
    more = {key: value for key, value in limits.items() if key != "eval_steps"}
    one = ours("schedules", **more)
    stopping = [EarlyStopping(patience=50)]
    whole = run([one], ROWS, [STREAM], callbacks=stopping, **options)
    press_ctrl_c_after(stop, monkeypatch)
    first = run([one], ROWS, [STREAM], callbacks=stopping, **options)
    assert first.status == [Status.INTERRUPTED]
    first = load_checkpoint([one], *save_checkpoint(first))
    rest = run([one], ROWS, [STREAM], callbacks=stopping, resume=first, **options)
    np.testing.assert_array_equal(parameters(rest, 0), parameters(whole, 0))
    for name, values in whole.history().items():
        if name != "seconds":
            np.testing.assert_array_equal(rest.history()[name], values)


@pytest.mark.parametrize("limits", [{"eval_steps": 7}, {"eval_steps": 5, "until": 2}])
def test_alone_is_together_in_steps(limits):
    members = [ours("schedules", seed=seed, max_steps=20) for seed in range(3)]
    streams = [Stream(np.roll(np.arange(90), 7 * k), np.arange(90, 110), k) for k in range(3)]
    together = run(members, ROWS, streams, **limits)
    for k, (one, stream) in enumerate(zip(members, streams, strict=True)):
        alone = run([one], ROWS, [stream], **limits)
        np.testing.assert_allclose(parameters(alone, 0), parameters(together, k), atol=1e-7)
        np.testing.assert_allclose(
            alone.history(0)["val_loss"], together.history(k)["val_loss"], rtol=1e-6
        )


def test_a_training_is_extended_by_steps():
    short, long = (ours(lr_schedule=ConstantSchedule(), max_steps=each) for each in (9, 20))
    for options in ({"eval_steps": 4}, {}):
        whole = run([long], ROWS, [STREAM], **options)
        part = run([short], ROWS, [STREAM], **options)
        done = run([short], ROWS, [STREAM], resume=part, **options)
        assert done.epochs[0] == part.epochs[0]
        rest = run([long], ROWS, [STREAM], resume=part, **options)
        np.testing.assert_array_equal(parameters(rest, 0), parameters(whole, 0))
        assert rest.step == 20


def test_periods_that_cannot_be():
    with pytest.raises(InputError, match=r"every 5 steps need the same number of steps.*\[12, 24"):
        run([ours(epochs=2), ours(epochs=4)], ROWS, [STREAM], eval_steps=5)
    with pytest.raises(HyperparameterError, match="lbfgs looks at all rows"):
        run([member(network=mlp(4, (3,), 3), optimizer=LBFGS())], ROWS, [STREAM], eval_steps=5)
    paused = run([ours()], ROWS, [STREAM], eval_steps=5, until=1)
    with pytest.raises(InputError, match="was not judged in epochs; expected eval_every as it"):
        run([ours()], ROWS, [STREAM], resume=paused)
    paused = run([ours()], ROWS, [STREAM], until=1)
    with pytest.raises(InputError, match="was not judged in 5 steps"):
        run([ours()], ROWS, [STREAM], resume=paused, eval_steps=5)


def test_the_steps_of_an_epoch_are_those_of_the_batches():
    for rows, batch in ((90, 16), (90, 90), (90, 1000), (96, 16)):
        stream = Stream(np.arange(rows))
        periods = Periods.of([ours(batch_size=batch)], [stream], None)
        table_ = Rows(np.zeros((100, 4)), np.zeros(100, dtype=int))
        result = train([ours(batch_size=batch, epochs=1)], table_, [stream])
        assert periods.per_epoch == result.step


# Estimators.

X = np.random.default_rng(0).normal(size=(200, 4))
Y = X[:, 0] > 0
SMALL = {"hidden_layer_sizes": (6,), "random_state": 0, "batch_size": 16, "epochs": 3}


def test_the_experiment_of_a_text():
    """3,001 steps, judged every 500: there, of 12 steps an epoch, 31 and every 5."""
    clf = MLPClassifier(**{**SMALL, "epochs": 1}, max_steps=31, eval_every="5 steps").fit(X, Y)
    assert clf.history_["step"] == [5, 10, 15, 20, 25, 30, 31]
    assert clf.n_epochs_ == 7
    assert clf.status_ == "finished"
    assert "31 steps (finished)" in clf._repr_html_()


@pytest.mark.parametrize("given", ["2 epochs", 2, "2epochs"])
def test_epochs_may_be_words(given):
    clf = MLPClassifier(**SMALL, eval_every=given).fit(X, Y)
    assert np.isnan(clf.history_["val_loss"]).tolist() == [True, False, False]
    assert "step" not in clf.history_


@pytest.mark.parametrize("given", ["500", "0 steps", "-1 steps", "5 stepps", 0, 1.5, True, None])
def test_intervals_that_cannot_be_meant(given):
    with pytest.raises(HyperparameterError, match=r"eval_every is .*'500 steps'"):
        MLPClassifier(**SMALL, eval_every=given).fit(X, Y)
    with pytest.raises(HyperparameterError, match="max_steps is 0; expected a whole number"):
        MLPClassifier(**SMALL, max_steps=0).fit(X, Y)


def test_early_stopping_counts_judgements():
    stopping = EarlyStopping(patience=2, min_delta=1.0)
    clf = MLPClassifier(**SMALL, eval_every="4 steps", early_stopping=stopping).fit(X, Y)
    assert clf.status_ == "early_stopped"
    assert clf.history_["step"] == [4, 8, 12]
    assert clf.best_epoch_ == 1


def test_a_minimizers_steps_are_its_epochs():
    options = {**SMALL, "optimizer": "lbfgs", "max_steps": 6, "eval_every": "4 steps"}
    reg = MLPRegressor(**options).fit(X, X[:, 0])
    assert np.flatnonzero(np.isfinite(reg.history_["val_loss"])).tolist() == [3, 5]


def test_a_search_trains_in_steps_as_alone():
    clf = MLPClassifier(**SMALL, eval_every="4 steps", max_steps=10)
    grid = {"optimizer__learning_rate": [1e-3, 1e-2], "max_steps": [10, 17]}
    search = GridSearchCV(clf, grid, cv=2).fit(X, Y)
    best = search.best_estimator_
    alone = clf.set_params(**search.best_params_).fit(X, Y)
    np.testing.assert_allclose(best.predict_proba(X), alone.predict_proba(X), atol=1e-6)
    by_epochs = GridSearchCV(
        MLPClassifier(**SMALL, eval_every="4 steps"), {"epochs": [1, 2]}, cv=2
    ).fit(X, Y)
    assert by_epochs.best_estimator_.history_["step"][-1] in (12, 24)
    halving = SearchCV(clf, {"l2": [0.1, 0.2]}, halving="successive")
    with pytest.raises(HyperparameterError, match="expected max_steps=None and eval_every in ep"):
        halving.fit(X, Y)


def test_partial_fit_goes_on_after_steps():
    clf = MLPClassifier(**SMALL, eval_every="5 steps", max_steps=17).fit(X, Y)
    clf.partial_fit(X, Y)
    assert "step" not in clf.history_
    assert clf.n_epochs_ == 5


def test_curves_are_by_step():
    history = {"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 2.0, 2.5], "step": [5.0, 10.0, 12.0]}
    (chart,) = learning_charts(history, best_epoch=2)
    assert chart.x.title == "step"
    assert [line.x.tolist() for line in chart.lines] == [[5, 10, 12]] * 2
    assert chart.summary == "Loss in step 10: 2 in training, 2 in validation"


def test_curves_go_on_over_epochs_that_were_not_judged():
    nan = float("nan")
    history = {"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [nan, 3.0, nan, 2.0]}
    (chart,) = learning_charts(history)
    training, validation = chart.lines
    assert training.x.tolist() == [1, 2, 3, 4]
    assert (validation.x.tolist(), validation.y.tolist()) == ([2, 4], [3.0, 2.0])
    assert "no number" not in chart.details
