"""Pictures show what they are given, and say it in their titles."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from wellfit.report import Images, confusion_picture, learning_curve, png, residual_picture
from wellfit.report.pixels import reduced

HISTORY = {
    "loss": [2.0, 0.9, 0.1],
    "accuracy": [0.3, 0.6, 0.95],
    "val_loss": [1.8, 1.0, 1.1],
    "val_accuracy": [0.4, 0.55, 0.5],
}


def test_a_learning_curve_shows_training_and_judged_rows() -> None:
    loss, accuracy = learning_curve(HISTORY, judged="test").axes
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
    axes = learning_curve(HISTORY, best_epoch=2).axes[0]
    assert "kept: epoch 2" in [text.get_text() for text in axes.get_legend().get_texts()]
    assert axes.get_title().startswith("Loss in epoch 2: ")
    assert f"{HISTORY['loss'][1]:.3g} in training" in axes.get_title()
    last = learning_curve(HISTORY, best_epoch=3).axes[0]
    assert "kept" not in str([text.get_text() for text in last.get_legend().get_texts()])


def test_a_regression_has_a_loss_only() -> None:
    assert len(learning_curve({"loss": [2.0, 1.5]}).axes) == 1


def test_one_epoch_is_a_dot() -> None:
    assert learning_curve({"loss": [2.0]}).axes[0].lines[0].get_marker() == "o"


def test_a_figure_becomes_a_png() -> None:
    assert png(learning_curve(HISTORY, title="digits")).startswith(b"\x89PNG")


def test_a_confusion_matrix_shows_its_counts() -> None:
    counts = np.array([[8, 2], [0, 10]])
    axes = confusion_picture(counts, ["ham", "spam"], "mail").axes[0]
    assert [text.get_text() for text in axes.texts] == ["8", "2", "10"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ham", "spam"]
    assert "18 of 20" in axes.get_title()


def test_a_confusion_matrix_of_many_classes_has_no_counts_and_fewer_names() -> None:
    axes = confusion_picture(np.eye(100, dtype=int), [f"c{i}" for i in range(100)]).axes[0]
    assert not axes.texts
    assert len(axes.get_xticks()) <= 30


def test_long_class_names_are_cut() -> None:
    axes = confusion_picture(np.eye(2, dtype=int), ["x" * 80, "y"]).axes[0]
    assert len(axes.get_yticklabels()[0].get_text()) < 20


@pytest.mark.parametrize("rows", [3, 6000])
def test_residuals_of_few_and_many_rows(rows: int) -> None:
    y = np.linspace(0, 1, rows)
    figure = residual_picture(y, y + 0.25, title="houses", unit="price")
    axes = {axes.get_xlabel(): axes for axes in figure.axes}
    assert "true price" in axes
    histogram = axes["true - predicted price"]
    assert sum(patch.get_height() for patch in histogram.patches) == rows
    assert "0.25" in histogram.get_title()
    assert png(figure)


def test_dollars_in_names_are_no_formulas() -> None:
    name = "$a_{$"
    drawn = confusion_picture(np.eye(2, dtype=int), [name, "b"], title=f"of {name}")
    assert drawn.axes[0].get_xticklabels()[0].get_text().replace("\\$", "$") == name
    values = np.arange(5.0)
    for figure in (drawn, residual_picture(values, values + 1, title=name, unit=name)):
        assert png(figure)[1:4] == b"PNG"  # text that can't be set raises when it is drawn


def test_each_output_has_its_residuals() -> None:
    y = np.random.default_rng(0).normal(size=(20, 3))
    assert len(residual_picture(y, y).axes) == 6


def test_images_are_reduced_to_means_of_blocks() -> None:
    image = np.kron([[0, 1], [1, 0]], np.ones((14, 14)))[None]
    small = reduced(image)
    assert small.shape == (1, 14, 14)
    np.testing.assert_array_equal(small[0], np.kron([[0, 1], [1, 0]], np.ones((7, 7))))


@pytest.mark.parametrize("colour", [None, "truecolor"])
@pytest.mark.parametrize("shape", [(1, 3, 3), (10, 8, 8), (10, 28, 28), (3, 7, 40)])
def test_images_fit_the_terminal(colour: str | None, shape: tuple[int, int, int]) -> None:
    file = io.StringIO()
    console = Console(file=file, width=60, color_system=colour, force_terminal=colour is not None)
    console.print(Images(np.random.default_rng(0).random(shape), ["a label"] * shape[0]))
    with console.capture() as capture:
        console.print(Images(np.zeros(shape), ["a label"] * shape[0]), style=None)
    assert capture.get()
    if colour is None:
        assert max(map(len, file.getvalue().splitlines())) <= 60
    else:
        assert "▀" in file.getvalue()
