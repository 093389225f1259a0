"""Figures of models and searches in a notebook: what they show, where they are drawn."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score

from wellfit import MLPClassifier, MLPRegressor
from wellfit.charts.to_matplotlib import png
from wellfit.core.errors import InputError, UnknownNameError
from wellfit.diagnose import Finding, Outcome, Report
from wellfit.estimators import load_model
from wellfit.fitting.history import History
from wellfit.model_selection import GridSearchCV, RandomizedSearchCV

Data = tuple[Any, Any]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def cancer() -> Data:
    return load_breast_cancer(return_X_y=True, as_frame=True)


@pytest.fixture(scope="module")
def iris() -> Data:
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def diabetes() -> Data:
    return load_diabetes(return_X_y=True)


@pytest.fixture(scope="module")
def two(cancer: Data) -> MLPClassifier:
    return MLPClassifier((5,), numeric_embedding=None, epochs=8, random_state=0).fit(*cancer)


@pytest.fixture(scope="module")
def three(iris: Data) -> MLPClassifier:
    return MLPClassifier((6,), epochs=15, random_state=0).fit(*iris)


@pytest.fixture(scope="module")
def numbers(diabetes: Data) -> MLPRegressor:
    return MLPRegressor((6,), epochs=10, random_state=0).fit(*diabetes)


@pytest.fixture(scope="module")
def search(iris: Data) -> RandomizedSearchCV:
    space = {"l2": [1e-5, 1e-4, 1e-3, 1e-2], "optimizer__learning_rate": [1e-4, 1e-2, 0.1]}
    clf = MLPClassifier((4,), epochs=4, random_state=0)
    return RandomizedSearchCV(clf, space, n_iter=9, cv=2, random_state=0).fit(*iris)


# --- models ----------------------------------------------------------------------------------


def test_a_learning_curve_is_that_of_the_history(three: MLPClassifier) -> None:
    loss, accuracy = three.plot.learning_curve()
    assert loss.lines[0].get_ydata().tolist() == three.history_["loss"]
    assert accuracy.get_ylabel() == "accuracy (%)"
    assert loss.get_xlabel() == "epoch"


def test_a_regressor_has_a_loss_only(numbers: MLPRegressor) -> None:
    assert numbers.plot.learning_curve().shape == (1,)


@pytest.mark.parametrize("normalize", [None, "true"])
def test_a_confusion_matrix_counts(
    three: MLPClassifier, iris: Data, normalize: str | None
) -> None:
    axes = three.plot.confusion(*iris, normalize=normalize)
    expected = confusion_matrix(iris[1], three.predict(iris[0]), normalize=normalize)
    told = {(text.get_position()[::-1]): text.get_text() for text in axes.texts}
    for place in np.argwhere(expected).tolist():
        share = expected[tuple(place)]
        assert told.pop(tuple(place)) == (f"{100 * share:.0f} %" if normalize else f"{share}")
    assert not told  # zeros are left out
    assert f"{np.sum(iris[1] == three.predict(iris[0]))} of 150 rows" in axes.get_title()
    assert axes.get_ylabel() == "true class"


def test_classes_that_were_never_learned_are_shown(three: MLPClassifier, iris: Data) -> None:
    axes = three.plot.confusion(iris[0], np.where(iris[1] == 2, 7, iris[1]))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2", "7"]


def test_roc_and_precision_recall_of_two_classes(two: MLPClassifier, cancer: Data) -> None:
    X, y = cancer
    chances = two.predict_proba(X)[:, 1]
    roc = two.plot.roc(X, y)
    assert roc.get_title() == f"ROC AUC: {roc_auc_score(y, chances):.3f}"
    precise = two.plot.precision_recall(X, y)
    assert precise.get_title() == f"Average precision: {average_precision_score(y, chances):.3f}"
    assert len(precise.get_legend().get_texts()) == 1


def test_a_class_whose_name_begins_with_an_underscore_is_in_the_legend(iris: Data) -> None:
    X, y = iris[0], np.array(["_setosa", "_b", "c"])[iris[1]]
    axes = MLPClassifier((4,), epochs=2, random_state=0).fit(X, y).plot.roc(X, y)
    told = [text.get_text().split()[0] for text in axes.get_legend().get_texts()]
    assert told == ["chance", "_b", "_setosa", "c"]


def test_roc_of_three_classes_has_a_curve_for_each(three: MLPClassifier, iris: Data) -> None:
    axes = three.plot.roc(*iris)
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [name.split()[0] for name in told] == ["chance", "0", "1", "2"]
    mean = roc_auc_score(iris[1], three.predict_proba(iris[0]), multi_class="ovr")
    assert axes.get_title() == f"ROC AUC: {mean:.3f}, mean of the classes"


def test_roc_of_rows_of_one_class_is_refused(three: MLPClassifier, iris: Data) -> None:
    with pytest.raises(InputError, match="expected at least two classes"):
        three.plot.roc(iris[0][:50], iris[1][:50])


def test_probabilities_that_come_true_lie_on_the_line(
    two: MLPClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    chances = rng.uniform(size=20_000)
    came = (rng.uniform(size=20_000) < chances).astype(int)
    given = np.column_stack([1 - chances, chances])
    monkeypatch.setattr(MLPClassifier, "predict_proba", lambda *_: given)
    axes = two.plot.calibration(None, came)
    line = next(line for line in axes.lines if line.get_marker() == "o")
    np.testing.assert_allclose(line.get_ydata(), line.get_xdata(), atol=0.03)
    off = float(re.findall(r"[\d.]+", axes.get_title())[0])
    assert off < 2
    # All probabilities are told 20 points too high; above 1 there is nothing.
    high = np.minimum(chances + 0.2, 1)
    monkeypatch.setattr(
        MLPClassifier, "predict_proba", lambda *_: np.column_stack([1 - high, high])
    )
    off = float(re.findall(r"[\d.]+", two.plot.calibration(None, came).get_title())[0])
    assert off == pytest.approx(100 * (high - chances).mean(), abs=1)


def test_reliability_of_three_classes_is_of_the_predicted_one(
    three: MLPClassifier, iris: Data
) -> None:
    assert three.plot.calibration(*iris).get_xlabel() == "mean probability of the predicted class"


def test_several_labels(iris: Data) -> None:
    X, y = iris
    labels = np.column_stack([y == 0, y == 1]).astype(int)
    clf = MLPClassifier((4,), epochs=5, random_state=0).fit(X, labels)
    assert len(clf.plot.roc(X, labels).get_legend().get_texts()) == 3
    assert clf.plot.calibration(X, labels).get_xlabel() == "mean probability of a label"
    with pytest.raises(InputError, match="several labels each"):
        clf.plot.confusion(X, labels)


@pytest.mark.parametrize(
    ("kind", "label"),
    [("residual_vs_predicted", "true - predicted"), ("actual_vs_predicted", "true")],
)
def test_residuals(numbers: MLPRegressor, diabetes: Data, kind: str, label: str) -> None:
    axes = numbers.plot.residuals(*diabetes, kind=kind)
    left = diabetes[1] - numbers.predict(diabetes[0])
    assert f"off by {np.median(np.abs(left)):.3g} or less" in axes.get_title()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", label)
    dots = axes.lines[1].get_xydata()
    if label == "true":
        np.testing.assert_allclose(np.sort(dots[:, 1]), np.sort(diabetes[1]))
    else:
        np.testing.assert_allclose(np.sort(dots[:, 1]), np.sort(left), rtol=1e-5)


def test_residuals_of_several_outputs(diabetes: Data) -> None:
    X, y = diabetes
    both = np.column_stack([y, -y])
    reg = MLPRegressor((4,), epochs=3, random_state=0).fit(X, both)
    panels = reg.plot.residuals(X, both)
    assert [axes.get_xlabel() for axes in panels] == ["predicted 1", "predicted 2"]


def test_importance_finds_the_feature_that_counts() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 4)), columns=list("abcd"))
    clf = MLPClassifier((8,), epochs=15, random_state=0).fit(X, X["c"] > 0)
    axes = clf.plot.importance(X, X["c"] > 0, top=2)
    assert axes.get_yticklabels()[0].get_text() == "c"
    assert len(axes.patches) == 2
    assert "log loss" in axes.get_xlabel()


def test_weights_of_images_are_images() -> None:
    X, y = load_digits(return_X_y=True)
    clf = MLPClassifier((7,), epochs=2, random_state=0).fit(X[:300], y[:300])
    axes = clf.plot.weights(most=4)
    sheet = axes.images[0].get_array()
    assert sheet.shape == (17, 17)
    first = clf.network_.parameters[0].numpy()
    np.testing.assert_allclose(sheet[:8, :8].ravel(), first[:64, 0], rtol=1e-6)
    np.testing.assert_allclose(sheet[9:, :8].ravel(), first[:64, 2], rtol=1e-6)
    assert axes.get_title() == "Weights of 4 of 7 units of the first layer"
    flat = clone(clf).set_params(image_shape=(4, 16)).fit(X[:300], y[:300])
    assert flat.plot.weights(most=4).images[0].get_array().shape == (9, 33)
    coloured = clone(clf).set_params(image_shape=(4, 4, 4)).fit(X[:300], y[:300])
    assert coloured.plot.weights(most=1).images[0].get_array().shape == (4, 4)


def test_weights_of_a_table_are_a_heat_map_with_names(two: MLPClassifier, cancer: Data) -> None:
    axes = two.plot.weights()
    image = axes.images[0].get_array()
    assert image.shape == (30, 5)
    np.testing.assert_allclose(image, two.network_.parameters[0].numpy()[:30], rtol=1e-6)
    assert axes.get_yticklabels()[0].get_text() == "mean radius"
    assert axes.get_ylabel() == "feature"


def test_weights_above_an_embedding_have_its_columns_names(cancer: Data) -> None:
    few = cancer[0].iloc[:, :2]
    model = MLPClassifier((5,), epochs=2, random_state=0).fit(few, cancer[1])
    axes = model.plot.weights()
    assert axes.images[0].get_array().shape == (8, 5)
    assert [each.get_text() for each in axes.get_yticklabels()[3:5]] == [
        "mean radius 4",
        "mean texture 1",
    ]


def test_the_network_shows_its_layers(two: MLPClassifier) -> None:
    axes = two.plot.network()
    told = " ".join(text.get_text() for text in axes.texts)
    for part in ("30\ninputs", "5\nunits", "relu", "155 parameters"):
        assert part in told
    assert axes.get_title() == f"{two.n_parameters_:,} parameters"


# --- where -----------------------------------------------------------------------------------


def test_an_embedding_is_drawn_by_the_columns_value(diabetes: Data) -> None:
    rows = pd.DataFrame(
        {"hour": np.arange(240) % 24, "late": pd.to_timedelta(np.arange(240), "s")}
    )
    rows["town"] = np.resize(["a", "b"], 240)
    rows.loc[::7, "hour"] = np.nan
    y = np.where(rows["hour"] > 12, 3.0, 0.0)
    options: dict[str, Any] = {"epochs": 8, "random_state": 0, "learning_rate": 0.02}
    model = MLPRegressor((8,), numeric_embedding="piecewise_linear", **options).fit(rows, y)
    axes = model.plot.embedding(rows, "hour")
    assert len(axes.lines) == 4
    assert axes.lines[0].get_xdata().tolist() == list(range(24))
    heights = np.stack([line.get_ydata() for line in axes.lines])
    assert abs(np.diff(heights, axis=1)).sum(0).argmax() == 12
    assert len(model.plot.embedding(rows, "late").lines[0].get_xdata()) == 240
    with pytest.raises(
        UnknownNameError, match=r"unknown embedded column 'town'\. Known: hour, late"
    ):
        model.plot.embedding(rows, "town")
    raw = MLPRegressor((8,), numeric_embedding="periodic", preprocess=None, **options)
    X, target = diabetes
    assert len(raw.fit(X, target).plot.embedding(X, "x2").lines) == 4
    with pytest.raises(InputError, match="and this one has none"):
        MLPRegressor((8,), numeric_embedding=None, epochs=1).fit(X, target).plot.embedding(X, "x2")


ONE = ("confusion", "roc", "precision_recall", "calibration", "importance", "weights", "network")


@pytest.mark.parametrize("figure", ONE)
def test_a_figure_is_drawn_where_it_is_told_to(
    three: MLPClassifier, iris: Data, figure: str
) -> None:
    given = () if figure in ("weights", "network") else iris
    _, (left, right) = plt.subplots(1, 2)
    assert getattr(three.plot, figure)(*given, ax=right) is right
    assert not left.has_data()
    before = len(plt.get_fignums())
    assert isinstance(getattr(three.plot, figure)(*given), Axes)
    assert len(plt.get_fignums()) == before + 1


def test_figures_of_several_panels_divide_axes_or_take_an_array(three: MLPClassifier) -> None:
    figure, (left, right) = plt.subplots(1, 2)
    panels = three.plot.learning_curve(ax=right)
    assert all(axes.figure is figure for axes in panels)
    assert not right.axison
    assert not left.has_data()
    _, four = plt.subplots(2, 2)
    assert three.plot.learning_curve(ax=four).tolist() == four.ravel()[:2].tolist()
    with pytest.raises(InputError, match="holds 1 Axes; expected 2"):
        three.plot.learning_curve(ax=[left])
    with pytest.raises(InputError, match="lies freely"):
        three.plot.learning_curve(ax=plt.figure().add_axes((0, 0, 1, 1)))


def test_what_is_no_axes_is_refused(three: MLPClassifier) -> None:
    with pytest.raises(InputError, match="ax is a Figure; expected Axes"):
        three.plot.network(ax=plt.figure())


@pytest.mark.parametrize("kind", ["intervals", "sets"])
def test_the_coverage_of_calibrated_models_is_drawn(diabetes: Data, iris: Data, kind: str) -> None:
    X, y = diabetes if kind == "intervals" else iris
    cls = MLPRegressor if kind == "intervals" else MLPClassifier
    model = cls((8,), epochs=2, conformal="split", random_state=0).fit(X, y)
    axes = model.plot.coverage(X, y)
    assert f"At 90 %, {kind} hold" in axes.get_title()
    line = next(each for each in axes.lines if len(each.get_xdata()) > 2)
    place = line.get_xdata().tolist().index(0.9)
    if kind == "intervals":
        low, high = model.predict_interval(X, 0.9).T
        held = (low <= y) & (y <= high)
    else:
        held = model.predict_set(X, 0.9)[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    assert line.get_ydata()[place] == pytest.approx(held.mean())
    with pytest.raises(InputError, match="isn't calibrated by enough rows"):
        cls((8,), epochs=1).fit(X, y).plot.coverage(X, y)


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", ["confusion", "roc", "precision_recall", "calibration"])
def test_figures_of_classes_are_refused_to_regressors(
    numbers: MLPRegressor, diabetes: Data, figure: str
) -> None:
    told = (
        rf"plot.{figure} is for classifiers, and this is a MLPRegressor; expected plot.residuals"
    )
    with pytest.raises(InputError, match=told):
        getattr(numbers.plot, figure)(*diabetes)
    assert not plt.get_fignums()


def test_residuals_are_refused_to_classifiers(three: MLPClassifier, iris: Data) -> None:
    with pytest.raises(InputError, match=r"is for regressors, .* expected plot.confusion"):
        three.plot.residuals(*iris)


@pytest.mark.parametrize("figure", [*ONE, "learning_curve", "residuals", "coverage"])
def test_a_model_that_was_not_fitted_has_no_figures(figure: str, iris: Data) -> None:
    given = () if figure in ("learning_curve", "weights", "network") else iris
    with pytest.raises(NotFittedError):
        getattr(MLPClassifier().plot, figure)(*given)
    assert not plt.get_fignums()


# --- searches --------------------------------------------------------------------------------


def test_a_search_draws_its_candidates(search: RandomizedSearchCV) -> None:
    lines = search.plot.parallel_coordinates()
    assert f"{search.best_score_:.4g}" in lines.get_title()
    panels = search.plot.slices()
    assert {axes.get_xlabel() for axes in panels} == {"l2", "learning rate"}
    bars = search.plot.importance()
    assert len(bars.patches) == 2
    loss, objective, accuracy = search.plot.learning_curves(top=3)
    assert len(loss.get_legend().get_texts()) == 3
    assert accuracy.get_xlabel() == "epoch"
    assert objective.get_ylabel() == "loss and penalties"


def test_a_searchs_figures_are_drawn_where_they_are_told_to(search: RandomizedSearchCV) -> None:
    figure, (top, bottom) = plt.subplots(2, 1)
    assert search.plot.parallel_coordinates(ax=top) is top
    panels = search.plot.slices(ax=bottom)
    assert all(axes.figure is figure for axes in panels)
    assert len(plt.get_fignums()) == 1


def test_a_searchs_table_has_the_best_first(search: RandomizedSearchCV) -> None:
    table = search.leaderboard_
    assert table["rank"].is_monotonic_increasing
    assert table["mean"][0] == search.best_score_
    assert len(table) == 9
    assert "<table" in search.plot._repr_html_()


def test_several_metrics_go_by_refit(iris: Data) -> None:
    grid = {"l2": [1e-4, 1e-2]}
    clf = MLPClassifier((4,), epochs=2, random_state=0)
    scoring = ["accuracy", "neg_log_loss"]
    search = GridSearchCV(clf, grid, scoring=scoring, refit="neg_log_loss", cv=2).fit(*iris)
    assert "negative log loss" in search.plot.parallel_coordinates().get_title()
    assert search.plot.slices(metric="accuracy")[0].get_ylabel() == "accuracy"
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        search.plot.learning_curves(metric="acuracy")
    with pytest.raises(InputError, match="at least 8"):
        search.plot.importance()


@pytest.mark.parametrize(
    "figure", ["importance", "parallel_coordinates", "slices", "learning_curves"]
)
def test_a_search_that_was_not_fitted_has_no_figures(figure: str) -> None:
    search = GridSearchCV(MLPClassifier(), {"l2": [1e-4]})
    with pytest.raises(NotFittedError):
        getattr(search.plot, figure)()
    with pytest.raises(NotFittedError):
        _ = search.leaderboard_


# --- what a notebook shows -------------------------------------------------------------------


def test_a_history_is_a_table_with_curves() -> None:
    history = History({"loss": [2.0, 1.5, 1.75], "<b>": [np.nan, 1.0], "one": [0.5]})
    shown = history._repr_html_()
    assert "3 epochs" in shown
    assert [shown.count(f">{value}</td>") for value in ("1.75", "1.5", "2")] == [1, 1, 2]
    assert shown.count("<svg") == 1
    assert "<b>" not in shown
    assert History()._repr_html_().startswith("<table")


def test_histories_stay_dictionaries_and_survive_saving(
    three: MLPClassifier, tmp_path: Any
) -> None:
    assert isinstance(three.history_, dict)
    three.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.history_ == three.history_
    assert isinstance(again.history_, History)


def test_an_estimator_shows_its_diagram_and_what_came_of_it(three: MLPClassifier) -> None:
    shown = three._repr_html_()
    assert "MLPClassifier" in shown
    assert "sk-container" in shown
    assert shown.endswith("</p>")
    assert f"{three.n_parameters_:,} parameters, {three.n_epochs_} epochs" in shown
    assert f"loss {three.history_['loss'][-1]:.4g}" in shown
    assert three._repr_mimebundle_()["text/html"].endswith("</p>")
    assert "parameters, " not in MLPClassifier()._repr_html_().rpartition("</script>")[2]


def test_checks_are_shown_escaped() -> None:
    finding = Finding("scale", Outcome.WARN, "did", "<script>a column</script>", "scale & see")
    shown = Report((finding,), ("<i>note",))._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;a column" in shown
    assert "scale &amp; see" in shown
    assert "&lt;i&gt;note" in shown
    assert "0 passed, 1 warned, 0 failed" in shown


@pytest.mark.parametrize("figure", ["confusion", "roc", "calibration"])
@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["a", "b", "c"], "labels such as 'a', and the classifier those such as 0"),
        ([0, 1, None], "50 missing labels"),
        ([0, 1, np.nan], "50 missing labels"),
    ],
)
def test_labels_that_could_not_have_been_learned_are_refused(
    three: MLPClassifier, iris: Data, figure: str, labels: list[Any], told: str
) -> None:
    given = np.array(labels, dtype=object)[iris[1]]
    with pytest.raises(InputError, match=told):
        getattr(three.plot, figure)(iris[0], given)


def test_letters_that_no_font_has_raise_no_warning(three: MLPClassifier, iris: Data) -> None:
    names = np.array(["\u82b1", "\u8349", "\u6728"])[iris[1]]
    clf = MLPClassifier((4,), epochs=1, random_state=0).fit(iris[0], names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.plot.confusion(iris[0], names).figure.savefig(io.BytesIO())
    figure = Figure()
    figure.add_subplot().set_title("\u82b1")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert png(figure).startswith(b"\x89PNG")
    assert not caught
