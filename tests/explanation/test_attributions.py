"""Attributions add up to predictions, whatever the network, and are what the path integral is."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellfit import (
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
)
from wellfit.core import registry
from wellfit.core.errors import (
    HyperparameterError,
    InputError,
    MissingExtraError,
    UnknownNameError,
)
from wellfit.explanation import Attributions, attribute, attributions, explain
from wellfit.explanation.members import spread_of
from wellfit.explanation.outputs import Scale
from wellfit.explanation.quadrature import integrate
from wellfit.nn import EntityEmbedding, Quantile

RNG = np.random.default_rng(0)
N = 80
TABLE = pd.DataFrame(
    {
        "age": RNG.normal(40, 10, N),
        "pay": RNG.exponential(2000, N),
        "town": RNG.choice(["Bern", "Ulm", "Rom", "Oslo"], N),
        "member": RNG.random(N) < 0.5,
        "since": pd.Timestamp(2020, 1, 1) + pd.to_timedelta(RNG.integers(0, 900, N), "D"),
        "flat": 1.0,
    }
)
TABLE.loc[::9, "age"] = None
TABLE.loc[::11, "town"] = None
Y = TABLE["age"].fillna(40) / 10 + np.log(TABLE["pay"]) + 2 * TABLE["member"]
NUMBERS = TABLE[["age", "pay"]].fillna(0.0).to_numpy()
TWO, THREE = np.where(Y.median() < Y, "yes", "no"), pd.qcut(Y, 3, labels=list("abc")).astype(str)
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "epochs": 2, "random_state": 0}
BOTH = np.column_stack([Y, -(Y**2)])
FLAGS = np.column_stack([Y > 10, Y > 13, TABLE["member"]]).astype(int)
CODES = EntityEmbedding(3, min_levels=5)
LETTERS = TABLE.assign(code=[f"c{at % 13}" for at in range(N)])

MODELS: dict[str, Callable[[], Any]] = {
    "classifier": lambda: MLPClassifier(**SMALL).fit(TABLE, THREE),
    "two hidden layers": lambda: MLPClassifier((8, 6), epochs=3, random_state=1).fit(TABLE, TWO),
    "one sigmoid": lambda: MLPClassifier(loss="sigmoid_cross_entropy", **SMALL).fit(TABLE, TWO),
    "several labels": lambda: MLPClassifier(**SMALL).fit(TABLE, FLAGS),
    "batch norm and dropout": lambda: MLPClassifier(batch_norm=True, dropout=0.2, **SMALL).fit(
        TABLE, TWO
    ),
    "periodic": lambda: MLPRegressor(numeric_embedding="periodic", **SMALL).fit(TABLE, Y),
    "no embedding": lambda: MLPRegressor(numeric_embedding=None, **SMALL).fit(TABLE, Y),
    "codes": lambda: MLPRegressor(categorical_embedding=CODES, **SMALL).fit(LETTERS, Y),
    "codes of a bagging": lambda: MLPClassifier(
        categorical_embedding=CODES, bagging=3, **SMALL
    ).fit(LETTERS, TWO),
    "bagging": lambda: MLPRegressor(bagging=3, **SMALL).fit(TABLE, Y),
    "tabm": lambda: MLPClassifier(n_submodels=3, submodels="tabm", **SMALL).fit(TABLE, THREE),
    "mini": lambda: MLPRegressor(n_submodels=3, submodels="mini", **SMALL).fit(TABLE, Y),
    "packed": lambda: MLPClassifier(n_submodels=2, submodels="packed", **SMALL).fit(TABLE, TWO),
    "several outputs": lambda: MLPRegressor(**SMALL).fit(TABLE, BOTH),
    "quantiles": lambda: MLPRegressor(loss=Quantile((0.1, 0.5, 0.9)), **SMALL).fit(TABLE, Y),
    "mean and quantiles": lambda: MLPRegressor(loss="mean_and_quantiles", **SMALL).fit(TABLE, Y),
    "counts": lambda: MLPRegressor(loss="poisson", **SMALL).fit(TABLE, Y.round()),
    "bounded": lambda: MLPRegressor(clip_predictions=True, **SMALL).fit(TABLE, Y),
    "numbers as they are": lambda: MLPRegressor(preprocess=None, **SMALL).fit(
        NUMBERS / 1000, Y.to_numpy()
    ),
    "ensemble of classifiers": lambda: MLPEnsembleClassifier(
        MLPClassifier(**SMALL), n_estimators=2, random_state=0
    ).fit(TABLE, THREE),
    "ensemble of regressors": lambda: MLPEnsembleRegressor(
        [MLPRegressor(**SMALL), MLPRegressor(numeric_embedding=None, **SMALL)],
        n_estimators=2,
        random_state=0,
    ).fit(TABLE, Y),
}
ROWS: dict[str, Any] = {
    "codes": LETTERS,
    "codes of a bagging": LETTERS,
    "numbers as they are": NUMBERS / 1000,
}


@functools.cache
def model(name: str) -> Any:
    """A fitted model, for the tests that ask for it."""
    return MODELS[name]()


def predicted(model: Any, X: Any, found: Attributions) -> NDArray[np.float64]:
    """What the model predicts, of the output that is explained."""
    if hasattr(model, "predict_proba"):
        names = list(map(str, model.classes_))
        places = [names.index(name) for name in found.outputs]
        return np.asarray(model.predict_proba(X)[np.arange(len(found)), places], np.float64)
    return np.asarray(model.predict(X), np.float64).reshape(len(found), -1)[:, 0]


@pytest.mark.parametrize("name", MODELS)
def test_attributions_add_up_to_what_the_model_predicts(name: str) -> None:
    own: Any = model(name)
    rows: Any = ROWS.get(name, TABLE)
    found = attribute(own, rows[:4], baseline=rows)
    scale = spread_of(own)[0]  # of classes 1
    assert np.abs(found.error).max() <= 1e-4 * scale
    np.testing.assert_allclose(found.prediction, predicted(own, rows[:4], found), rtol=2e-4)
    assert np.abs(found.sums).max() > 0
    if hasattr(rows, "columns"):
        assert found.columns == tuple(rows.columns)
        assert not found.values[:, found.columns.index("flat")].any()


def test_an_average_of_wide_networks_is_explained_by_few_points_and_as_by_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of hundreds of rectified units bends the path somewhere."""
    clf = MLPClassifier((64, 64), bagging=4, epochs=6, learning_rate=0.03, random_state=0)
    clf.fit(TABLE, TWO)
    points = []

    def counted(*given: Any) -> Any:
        found = integrate(*given)
        points.append(found.points / 3)
        return found

    monkeypatch.setattr(attributions, "integrate", counted)
    found = attribute(clf, TABLE[:3], baseline=TABLE)
    monkeypatch.setattr(attributions, "_TOLERANCE", 1e-6)
    exact = attribute(clf, TABLE[:3], baseline=TABLE)
    np.testing.assert_allclose(found.values, exact.values, atol=5e-5)
    few, many = points
    assert few < min(1000, many / 2)


@pytest.mark.usefixtures("jumps_everywhere")
@pytest.mark.parametrize("params", [{}, {"bagging": 2}, {"categorical_embedding": CODES}], ids=str)
def test_attributions_add_up_where_effects_jump(params: dict[str, Any]) -> None:
    rows = LETTERS if "categorical_embedding" in params else TABLE
    reg = MLPRegressor((8,), epochs=20, learning_rate=0.05, random_state=0, **params).fit(rows, Y)
    found = attribute(reg, rows[:6], baseline=rows)
    assert np.abs(found.error).max() <= 1e-4 * float(Y.std())
    np.testing.assert_allclose(found.prediction, predicted(reg, rows[:6], found), rtol=2e-4)


@pytest.mark.parametrize("activation", registry.names("activation"))
def test_attributions_add_up_with_every_activation(activation: str) -> None:
    clf = MLPClassifier(activation=activation, numeric_embedding=None, **SMALL)
    clf.fit(NUMBERS, TWO)
    scales: tuple[Scale, ...] = ("probability", "logit")
    for scale in scales:
        assert np.abs(attribute(clf, NUMBERS[:5], scale=scale).error).max() <= 1e-4


def test_attributions_of_a_linear_model_are_its_terms() -> None:
    reg = MLPRegressor(
        (), preprocess=None, numeric_embedding=None, precision="float64", epochs=2, random_state=0
    ).fit(NUMBERS / 1000, Y.to_numpy())
    start = NUMBERS[:7] / 1000
    found = attribute(reg, NUMBERS[7:11] / 1000, baseline=start)
    slopes = reg.coefs_[0][:, 0] * reg.network_.targets.scale.scale_[0]  # type: ignore[attr-defined]
    wanted = (NUMBERS[7:11] / 1000 - start.mean(axis=0)) * slopes
    np.testing.assert_allclose(found.values, wanted, rtol=1e-9)


@pytest.mark.parametrize("embedding", [None, "piecewise_linear"])
def test_attributions_are_the_integral_of_the_partial_derivatives(embedding: str | None) -> None:
    X = RNG.normal(size=(60, 3))
    y = np.sign(X[:, 0]) + X[:, 1] * X[:, 2]
    reg = MLPRegressor(
        (8, 8),
        preprocess=None,
        numeric_embedding=embedding,
        precision="float64",
        epochs=5,
        random_state=0,
    ).fit(X, y)
    start, end = np.zeros(3), X[0]
    places = (np.arange(4000) + 0.5) / 4000
    path = start + places[:, None] * (end - start)
    h = 1e-6
    wanted = [
        (end[at] - start[at])
        * np.mean(reg.predict(path + h * unit) - reg.predict(path - h * unit))
        / (2 * h)
        for at, unit in enumerate(np.eye(3))
    ]
    np.testing.assert_allclose(attribute(reg, X[:1]).values[0], wanted, atol=2e-4)


def test_the_baseline_is_a_row_the_mean_of_rows_or_zeros() -> None:
    clf = model("classifier")
    probability = clf.predict_proba(TABLE[:1])[0]
    own = attribute(clf, TABLE[:2], target="b", baseline=TABLE[:1])
    assert own.baseline == pytest.approx([probability[1]] * 2, abs=1e-5)
    assert not own.values[0].any()
    assert "the row given" in own.note
    assert "mean of 80 rows" in attribute(clf, TABLE[:1], baseline=TABLE).note
    assert "medians" in attribute(clf, TABLE[:1]).note


def test_a_class_and_an_output_are_asked_for_by_name() -> None:
    clf, reg = model("classifier"), model("several outputs")
    each = [attribute(clf, TABLE[:3], target=name).prediction for name in "abc"]
    np.testing.assert_allclose(np.sum(each, axis=0), 1)
    own = attribute(clf, TABLE[:6])
    assert own.outputs == tuple(clf.predict(TABLE[:6]))
    second = attribute(reg, TABLE[:3], target="output 2")
    np.testing.assert_allclose(second.prediction, reg.predict(TABLE[:3])[:, 1], rtol=1e-4)
    assert second.prediction.tolist() == attribute(reg, TABLE[:3], target=1).prediction.tolist()
    with pytest.raises(UnknownNameError, match=r"unknown class 'd'.*Known: a, b, c"):
        attribute(clf, TABLE[:1], target="d")
    with pytest.raises(UnknownNameError, match="unknown output 'output 3'; did you mean"):
        attribute(reg, TABLE[:1], target="output 3")


def test_a_logit_is_that_of_the_probability_of_an_average_too() -> None:
    clf = model("ensemble of classifiers")
    found = attribute(clf, TABLE[:4], scale="logit", target="a")
    p = clf.predict_proba(TABLE[:4])[:, 0].astype(float)
    np.testing.assert_allclose(found.prediction, np.log(p / (1 - p)), rtol=1e-4)
    assert found.unit == "logit"
    with pytest.raises(HyperparameterError, match="scale is 'logit', which is of classes"):
        attribute(model("bounded"), TABLE[:1], scale="logit")
    with pytest.raises(HyperparameterError, match="expected 'probability' or 'logit'"):
        attribute(clf, TABLE[:1], scale="odds")  # type: ignore[arg-type]


def test_missing_and_unseen_cells_are_explained_with_what_was_understood() -> None:
    clf = model("classifier")
    row = TABLE[1:2].assign(age=np.nan, town="Paris", pay=np.nan)
    row["since"] = row["since"].shift()
    found = attribute(clf, row, baseline=TABLE)
    told = found.understood[0]
    assert abs(found.error[0]) < 1e-4
    median = TABLE["age"].median()
    assert told["age"] == f"missing, read as {median:.3g}, the median, and marked"
    assert told["pay"].endswith("the median")
    assert told["since"] == "missing, read as the median"
    assert "'Paris' isn't among the levels of training: read as none of them" in told["town"]
    assert "member" not in told
    assert attribute(clf, TABLE[1:2]).understood == ({},)


def test_sparse_rows_and_pixels_are_explained() -> None:
    X = sparse.random_array((60, 30), density=0.2, rng=np.random.default_rng(0)).tocsr()
    y = (X[:, [0]].toarray()[:, 0] > 0).astype(int)
    found = attribute(MLPClassifier(**SMALL).fit(X, y), X[:3])
    assert found.values.shape == (3, 30)
    assert np.abs(found.error).max() < 1e-4
    assert not found.values[X[:3].toarray() == 0].any()
    images = RNG.integers(0, 256, (60, 64), dtype=np.uint8)
    clf = MLPClassifier(image_shape=(8, 8), **SMALL).fit(images, images[:, 0] > 99)
    drawn = attribute(clf, images[:3])
    np.testing.assert_allclose(drawn.prediction, clf.predict_proba(images[:3])[:, 1], rtol=1e-4)


def test_a_search_is_explained_by_its_best_estimator() -> None:
    from wellfit.model_selection import GridSearchCV

    search = GridSearchCV(MLPClassifier(**SMALL), {"l2": [0.0, 0.1]}, cv=2).fit(TABLE, TWO)
    found = attribute(search, TABLE[:2])
    np.testing.assert_allclose(found.prediction, search.predict_proba(TABLE[:2])[:, 1], rtol=1e-4)


def test_what_cannot_be_explained_is_refused() -> None:
    with pytest.raises(NotFittedError):
        attribute(MLPClassifier(), TABLE)
    pipe = make_pipeline(StandardScaler(), MLPClassifier(**SMALL)).fit(NUMBERS, TWO)
    with pytest.raises(InputError, match=r"expected the last step of this Pipeline.*pipe\[-1\]"):
        attribute(pipe, NUMBERS)
    with pytest.raises(InputError, match="this is a LogisticRegression; expected an MLPClassif"):
        attribute(LogisticRegression().fit(NUMBERS, TWO), NUMBERS)
    clf = model("classifier")
    with pytest.raises(InputError, match="'agee'; did you mean 'age'"):
        attribute(clf, TABLE.rename(columns={"age": "agee"}))
    with pytest.raises(InputError, match="0 sample"):
        attribute(clf, TABLE[:0])


def test_results_are_shown_in_words_tables_and_figures() -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    clf = model("two hidden layers")
    found = attribute(clf, TABLE[:2], baseline=TABLE)
    frame = found.to_frame()
    assert list(frame) == ["output", "prediction", "baseline", "sum", *TABLE]
    np.testing.assert_allclose(frame["prediction"], frame["baseline"] + frame["sum"], atol=1e-4)
    assert found.text_of(1).startswith("probability of yes ")
    first = found.row_frame(1)
    assert first["attribution"].abs().is_monotonic_decreasing
    assert set(first["column"]) == set(TABLE)
    axes = found.plot(1)
    assert any(text.get_text().startswith("town = ") for text in axes.get_yticklabels())
    assert "<table" in found._repr_html_()
    assert "data:image/png" in found._repr_html_()
    assert "Integrated gradients" in repr(found)
    with pytest.raises(InputError, match="row is 2, and there are 2 rows; expected 0 to 1"):
        found.plot(2)


def test_shap_takes_them_over(monkeypatch: pytest.MonkeyPatch) -> None:
    found = attribute(model("bounded"), TABLE[:3])
    # The package brings numba and a compiler, for a class that holds what it is given.
    given: dict[str, Any] = {}

    def explanation(values: Any, base_values: Any, data: Any, **more: Any) -> str:
        given.update(values=values, base_values=base_values, data=data, **more)
        return "an Explanation"

    monkeypatch.setitem(sys.modules, "shap", SimpleNamespace(Explanation=explanation))
    assert found.to_shap() == "an Explanation"
    np.testing.assert_array_equal(given["values"], found.values)
    np.testing.assert_array_equal(given["base_values"], found.baseline)
    assert given["feature_names"] == list(TABLE)
    assert given["data"].shape == found.values.shape
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'wellfit-nn\[shap\]'"):
        found.to_shap()


def test_columns_with_the_names_of_results_keep_them() -> None:
    table = pd.DataFrame({"sum": NUMBERS[:, 0], "pay": NUMBERS[:, 1]})
    found = attribute(MLPRegressor(**SMALL).fit(table, Y), table[:2]).to_frame()
    assert list(found) == ["(output)", "(prediction)", "(baseline)", "(sum)", "sum", "pay"]
    np.testing.assert_allclose(found["(sum)"], found["sum"] + found["pay"])


def test_printed_explanations_fit_a_terminal() -> None:
    table = pd.DataFrame(NUMBERS, columns=["age", "pay"])
    model = MLPRegressor(**SMALL).fit(table, Y)
    for found in (explain(model, table, Y, n_columns=1), attribute(model, table[:2])):
        assert max(map(len, str(found).splitlines())) <= 80
