"""Single test rows in a report: which ones, and that what they show adds up."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from wellfit import MLPClassifier, MLPEnsembleRegressor, MLPRegressor
from wellfit.datasets import Dataset
from wellfit.explanation import baseline_rows
from wellfit.report.page import RunData, single_rows
from wellfit.report.page.blocks import Plot
from wellfit.report.page.single_rows import row_blocks

RNG = np.random.default_rng(0)
X = pd.DataFrame({"area": RNG.normal(size=60), "town": RNG.choice(["Bern", "Ulm"], 60)})
X["rooms"] = RNG.normal(size=60)
Y = 3 * X["area"].to_numpy() + (X["town"] == "Ulm").to_numpy() + RNG.normal(size=60)
LABELS = np.where(Y > 0, "High", "Low")
SMALL = {"hidden_layer_sizes": (8,), "epochs": 3, "random_state": 0}


def shown(model, y, rows=slice(40, None)):
    """The paragraph and the plots of a model of the first 40 rows."""
    data = Dataset("houses", X[:40], y[:40], X_test=X[rows], y_test=y[rows])
    return list(row_blocks(RunData("run", "run", {}, model=model, data=data)))


def number(text):
    return float(text.replace(",", ""))


MODELS = {
    "one": lambda: MLPRegressor(**SMALL).fit(X[:40], Y[:40]),
    "bagging": lambda: MLPRegressor(bagging=2, **SMALL).fit(X[:40], Y[:40]),
    "ensemble": lambda: MLPEnsembleRegressor(MLPRegressor(**SMALL), n_estimators=2).fit(
        X[:40], Y[:40]
    ),
}


@pytest.mark.parametrize("kind", MODELS)
def test_the_worst_row_is_explained_and_adds_up(kind):
    model = MODELS[kind]()
    intro, *plots = shown(model, Y)
    assert "4 of 20 test rows are explained" in intro.text
    errors = np.abs(model.predict(X[40:]) - Y[40:])
    (worst,) = [plot for plot in plots if plot.title.endswith("the largest error")]
    assert worst.title.startswith(f"Test row {errors.argmax() + 1}:")
    assert {row[0] for row in worst.table.rows} == set(X.columns)
    cells = {row[0]: row[1] for row in worst.table.rows}
    assert cells["town"] == X["town"][40 + errors.argmax()]
    from_start = sum(number(row[2]) for row in worst.table.rows)
    start = number(worst.chart.summary.split(": ")[1].split(" ")[0])
    assert start + from_start == pytest.approx(model.predict(X[40:])[errors.argmax()], abs=0.02)


def test_the_most_uncertain_class_has_the_lowest_probability():
    clf = MLPClassifier(**SMALL).fit(X[:40], LABELS[:40])
    _, *plots = shown(clf, LABELS)
    doubtful = clf.predict_proba(X[40:]).max(axis=1).argmin()
    (plot,) = [plot for plot in plots if "most uncertain" in plot.title]
    assert plot.title.startswith(f"Test row {doubtful + 1}:")
    assert plot.chart.summary.startswith("Probability of Low: ")  # as the class is spelt
    assert f"True class: {LABELS[40 + doubtful]}; predicted:" in plot.alt_text


def test_networks_that_disagree_and_intervals_that_differ_are_uncertain():
    _, *plots = shown(MODELS["bagging"](), Y)
    spread = MODELS["bagging"]().predict_std(X[40:]).argmax()
    assert any(f"row {spread + 1}: the most uncertain" in plot.title for plot in plots)
    reg = MLPRegressor(conformal="split", conformal_fraction=0.4, **SMALL).fit(X[:40], Y[:40])
    _, *plots = shown(reg, Y)
    low, high = reg.predict_interval(X[40:], 0.9).T
    widest = (high - low).argmax()
    assert any(f"row {widest + 1}: the most uncertain" in plot.title for plot in plots)


def test_a_single_network_shows_its_highest_prediction():
    model = MODELS["one"]()
    highest = model.predict(X[40:]).argmax()
    titles = [plot.title for plot in shown(model, Y)[1:]]
    assert any(f"row {highest + 1}: the highest prediction" in title for title in titles)


def test_several_targets_and_labels_and_few_rows_are_explained():
    both, flags = np.stack([Y, -Y], axis=1), np.stack([Y > 0, Y > 1], axis=1).astype(int)
    for y, model in ((both, MLPRegressor(**SMALL)), (flags, MLPClassifier(**SMALL))):
        assert len(shown(model.fit(X[:40], y[:40]), y)) == 5
        assert len(shown(model, y, rows=slice(58, None))) == 3


def test_what_takes_too_long_is_left_out_and_the_page_says_so(monkeypatch):
    monkeypatch.setattr(single_rows, "_SECONDS", -1.0)
    intro, *plots = shown(MODELS["one"](), Y)
    assert len(plots) == 1
    assert "1 of 20 test rows are explained. More would have taken more than" in intro.text


def test_wide_tables_show_the_first_columns_and_the_sum_of_the_others():
    wide = RNG.normal(size=(30, 40))
    model = MLPRegressor(**SMALL).fit(wide, wide[:, 0])
    data = Dataset("wide", wide, wide[:, 0], X_test=wide[:1], y_test=wide[:1, 0])
    _, plot = row_blocks(RunData("run", "run", {}, model=model, data=data))
    assert isinstance(plot, Plot)
    assert len(plot.table.rows) == 31
    assert plot.table.rows[-1][0] == "10 others"


def test_a_model_without_networks_shows_none():
    numbers = X[["area", "rooms"]].to_numpy()
    data = Dataset("houses", numbers, Y, X_test=numbers, y_test=Y)
    model = LinearRegression().fit(numbers, Y)
    assert list(row_blocks(RunData("run", "run", {}, model=model, data=data))) == []


def test_the_baseline_is_of_rows_that_are_evenly_spread():
    assert baseline_rows(np.arange(2500)).tolist() == list(range(0, 2500, 3))
