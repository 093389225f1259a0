"""Pictures show what they are given, and say it in their titles."""

from __future__ import annotations

import numpy as np
import pytest

from wellfit.charts import confusion_chart, learning_charts, residual_charts
from wellfit.charts.model import Axis, Chart, Points
from wellfit.charts.to_matplotlib import figure, png

HISTORY = {
    "loss": [2.0, 0.9, 0.1],
    "accuracy": [0.3, 0.6, 0.95],
    "val_loss": [1.8, 1.0, 1.1],
    "val_accuracy": [0.4, 0.55, 0.5],
}


def test_a_learning_curve_shows_training_and_judged_rows() -> None:
    loss, accuracy = figure(learning_charts(HISTORY, judged="test")).axes
    assert [line.get_ydata().tolist() for line in loss.lines] == [
        HISTORY["loss"],
        HISTORY["val_loss"],
    ]
    np.testing.assert_allclose(accuracy.lines[0].get_ydata(), [30, 60, 95])
    assert accuracy.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert loss.get_title() == "Loss: 0.1 in training, 1.1 in test"
    assert accuracy.get_title() == "Accuracy: 95.0 % in training, 50.0 % in test"
    assert loss.get_yscale() == "log"
    assert "%" in accuracy.get_ylabel()


def test_a_learning_curve_marks_the_epoch_that_was_kept() -> None:
    axes = figure(learning_charts(HISTORY, best_epoch=2)).axes[0]
    assert "kept: epoch 2" in [text.get_text() for text in axes.get_legend().get_texts()]
    assert axes.get_title().startswith("Loss in epoch 2: ")
    assert f"{HISTORY['loss'][1]:.3g} in training" in axes.get_title()
    last = figure(learning_charts(HISTORY, best_epoch=3)).axes[0]
    assert "kept" not in str([text.get_text() for text in last.get_legend().get_texts()])


def test_a_regression_has_a_loss_only() -> None:
    assert len(figure(learning_charts({"loss": [2.0, 1.5]})).axes) == 1


def test_one_epoch_is_a_dot() -> None:
    assert figure(learning_charts({"loss": [2.0]})).axes[0].lines[0].get_marker() == "o"


def test_a_figure_becomes_a_png() -> None:
    assert png(figure(learning_charts(HISTORY), "digits")).startswith(b"\x89PNG")


def test_a_confusion_matrix_shows_its_counts() -> None:
    counts = np.array([[8, 2], [0, 10]])
    axes = figure([confusion_chart(counts, ["ham", "spam"])], "mail").axes[0]
    assert [text.get_text() for text in axes.texts] == ["8", "2", "10"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ham", "spam"]
    assert "18 of 20" in axes.get_title()


def test_a_confusion_matrix_of_many_classes_has_no_counts_and_fewer_names() -> None:
    axes = figure([confusion_chart(np.eye(100, dtype=int), [f"c{i}" for i in range(100)])]).axes[0]
    assert not axes.texts
    assert len(axes.get_xticks()) <= 30


def test_long_class_names_are_cut() -> None:
    axes = figure([confusion_chart(np.eye(2, dtype=int), ["x" * 80, "y"])]).axes[0]
    assert len(axes.get_yticklabels()[0].get_text()) < 20


@pytest.mark.parametrize("rows", [3, 6000])
def test_residuals_of_few_and_many_rows(rows: int) -> None:
    y = np.linspace(0, 1, rows)
    drawn = figure(residual_charts(y, y + 0.25, "price"), "houses")
    axes = {axes.get_xlabel(): axes for axes in drawn.axes}
    assert "predicted price" in axes
    histogram = axes["true - predicted price"]
    assert sum(patch.get_height() for patch in histogram.patches) == rows
    assert "0.25" in histogram.get_title()
    assert png(drawn)


def test_dollars_in_names_are_no_formulas() -> None:
    name = "$a_{$"
    drawn = figure([confusion_chart(np.eye(2, dtype=int), [name, "b"])], f"of {name}")
    assert drawn.axes[0].get_xticklabels()[0].get_text().replace("\\$", "$") == name
    values = np.arange(5.0)
    residuals = figure(residual_charts(values, values + 1, name), name)
    for one in (drawn, residuals):
        assert png(one)[1:4] == b"PNG"  # text that can't be set raises when it is drawn


def test_each_output_has_its_residuals() -> None:
    y = np.random.default_rng(0).normal(size=(20, 3))
    assert len(figure(residual_charts(y, y)).axes) == 6


@pytest.mark.parametrize(("high", "labels"), [(0.5, ["0.03", "0.1", "0.3"]), (5e3, [])])
def test_a_short_scale_of_factors_has_few_labels(high: float, labels: list[str]) -> None:
    """Of all that lie between they would run into one another."""
    ends = np.array([0.02, high])
    chart = Chart("title", "text", [Points(ends, ends)], Axis("x", log=True), Axis("y"))
    axes = figure([chart]).axes[0]
    low, high = axes.get_xlim()
    ticks = zip(axes.get_xticks(), axes.xaxis.get_majorticklabels(), strict=True)
    shown = [label.get_text() for at, label in ticks if low <= at <= high]
    assert shown == labels or (not labels and all("10^" in each for each in shown))
    assert not any(label.get_text() for label in axes.get_xticklabels(minor=True))
