"""Figures of every kind of model: shown once in a notebook, and whole when saved plainly."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import confusion_matrix

from wellfit import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor
from wellfit.charts import confusion_chart, learning_charts, residual_charts
from wellfit.charts.to_matplotlib import cells_size, figure
from wellfit.core.errors import InputError
from wellfit.diagnose import learning_rate_range
from wellfit.landscapes import Rosenbrock, compare_optimizers
from wellfit.model_selection import RandomizedSearchCV
from wellfit.optim import SGD, Adam
from wellfit.report.landscape import landscape_figure

X, CODES = load_breast_cancer(return_X_y=True, as_frame=True)
X = X.iloc[:, :6]
Y = np.where(CODES, "benign, and as harmless as can be", "malignant, and dangerous")
NUMBERS = load_diabetes(return_X_y=True, as_frame=True)
QUICK = {"hidden_layer_sizes": (8,), "epochs": 2, "random_state": 0}
ONE_CLASS = ["confusion", "roc", "precision_recall", "calibration"]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    several = {"n_estimators": 2, "random_state": 0}
    return {
        "classifier": MLPClassifier(**QUICK).fit(X, Y),
        "regressor": MLPRegressor(**QUICK).fit(NUMBERS[0], NUMBERS[1] * 1e9),
        "classifiers": MLPEnsembleClassifier(MLPClassifier(**QUICK), **several).fit(X, Y),
        "regressors": MLPEnsembleRegressor(MLPRegressor(**QUICK), **several).fit(*NUMBERS),
    }


def figures(models: dict[str, Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    for kind, model in models.items():
        data = (X[:60], Y[:60]) if kind.startswith("class") else NUMBERS
        yield f"{kind}.learning_curve", model.plot.learning_curve
        for name in ONE_CLASS if kind.startswith("class") else ["residuals"]:
            yield f"{kind}.{name}", lambda m=model, n=name, d=data: getattr(m.plot, n)(*d)
        if not kind.endswith("s"):
            yield f"{kind}.importance", lambda m=model, d=data: m.plot.importance(*d, n_repeats=1)
            yield f"{kind}.weights", model.plot.weights
            yield f"{kind}.network", model.plot.network


def assert_whole(figure: Any, name: str) -> None:
    """All titles lie within the figure, when it is saved without any options."""
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    titles = [axes.title for axes in figure.axes]
    titles += [figure._suptitle] if figure._suptitle is not None else []
    for title in titles:
        box = title.get_window_extent()
        if title.get_text():
            inside = box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
            assert inside, (name, title.get_text())


def test_titles_are_whole_and_a_notebook_shows_each_figure_once(models: dict[str, Any]) -> None:
    for name, draw in figures(models):
        drawn = draw()
        first = np.ravel(np.array(drawn, dtype=object))[0]
        assert isinstance(first, Axes)  # a figure that is returned would be shown once more
        assert len(plt.get_fignums()) == 1
        assert_whole(first.figure, name)
        plt.close("all")


def test_a_range_test_is_shown_once_and_whole() -> None:
    test = learning_rate_range(MLPClassifier(**QUICK), X, Y, rates=8, steps=5)
    axes = test.plot()
    assert isinstance(axes, Axes)
    assert plt.gcf() is axes.figure
    assert len(plt.get_fignums()) == 1
    assert_whole(axes.figure, "range test")
    _, given = plt.subplots(figsize=(2, 2))
    assert test.plot(given) is given
    assert len(plt.get_fignums()) == 2


def test_searches_and_pictures_are_whole(models: dict[str, Any]) -> None:
    space = {"optimizer__learning_rate": [1e-3, 1e-2], "dropout": [0, 0.1], "l2": [0, 1e-3]}
    search = RandomizedSearchCV(MLPClassifier(**QUICK), space, n_iter=8, cv=2, random_state=0).fit(
        X, Y
    )
    for name in ("parallel_coordinates", "slices", "importance", "learning_curves"):
        first = np.ravel(np.array(getattr(search.plot, name)(), dtype=object))[0]
        assert_whole(first.figure, name)
    long = "runs/2026-11-29-a-run-of-a-small-network-on-the-tumours-with-all-of-the-options"
    classifier, regressor = models["classifier"], models["regressor"]
    assert_whole(figure(learning_charts(classifier.history_), long), "curve")
    assert_whole(figure(learning_charts(regressor.history_), long), "curve of a regressor")
    counts = confusion_matrix(Y, classifier.predict(X))
    matrix = confusion_chart(counts, [str(name) for name in classifier.classes_])
    assert_whole(figure([matrix], long, panel=cells_size(classifier.classes_)), "confusion")
    truth = NUMBERS[1].to_numpy() * 1e9
    assert_whole(
        figure(residual_charts(truth, regressor.predict(NUMBERS[0])), across=2), "residuals"
    )
    landscape = Rosenbrock()
    paths = compare_optimizers(landscape, [SGD(1e-4), Adam()], steps=20)
    assert_whole(landscape_figure(landscape, paths), "landscape")


def test_an_ensembles_curves_are_its_members(models: dict[str, Any]) -> None:
    panels = models["classifiers"].plot.learning_curve()
    assert [axes.get_title() for axes in panels] == ["Loss of 2 members", "Accuracy of 2 members"]
    drawn = [line.get_ydata().tolist() for line in panels[0].lines]
    histories = [member.history_ for member in models["classifiers"].estimators_]
    assert drawn == [history[key] for key in ("loss", "val_loss") for history in histories]
    assert panels[0].get_legend_handles_labels()[1] == ["training", "validation"]


def test_figures_of_a_single_network_name_the_members(models: dict[str, Any]) -> None:
    for name in ("weights", "network"):
        with pytest.raises(InputError, match=rf"expected estimators_\[0\].plot.{name}\(\)"):
            getattr(models["classifiers"].plot, name)()
