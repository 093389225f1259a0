"""Learning curves in a terminal: where the dots are, and that they fit."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from wellfit.charts import learning_charts
from wellfit.charts.to_terminal import Canvas, Plots

HISTORY = {
    "loss": [2.0, 0.9, 0.4, 0.15],
    "accuracy": [0.3, 0.6, 0.8, 0.95],
    "val_loss": [1.8, 1.0, 0.7, 0.6],
    "val_accuracy": [0.4, 0.55, 0.7, 0.78],
}


def curves(history: dict[str, list[float]], end: int = 0, **options: Any) -> Plots:
    return Plots(learning_charts(history, **options), end=end)


def drawn(plots: Plots, width: int = 80, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=file, width=width).print(plots)
    file.seek(0)
    return file.read()


def spread(heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return heights with their places, from the left end to the right."""
    return np.linspace(0, 1, len(heights)), heights


def lines_of(canvas: Canvas) -> list[str]:
    return [line.plain for line in canvas.lines()]


def test_a_falling_line_goes_from_the_top_left_to_the_bottom_right() -> None:
    canvas = Canvas(2, 1, ascii_only=False)
    canvas.draw(*spread(np.array([1.0, 0.0])), 0)
    assert lines_of(canvas) == ["⠑⢄"]


def test_a_steep_line_has_no_gaps() -> None:
    canvas = Canvas(4, 3, ascii_only=True)
    canvas.draw(*spread(np.array([1.0, 1.0, 0.0, 0.0])), 0)
    columns = ["".join(column) for column in zip(*lines_of(canvas), strict=True)]
    assert columns[0] == columns[1] == "*  "
    assert set("".join(columns[2])) <= {"*", " "}
    assert all("*" in line for line in lines_of(canvas))


def test_the_second_line_is_dashed() -> None:
    first, second = Canvas(10, 1, ascii_only=False), Canvas(10, 1, ascii_only=False)
    first.draw(*spread(np.ones(20)), 0)
    second.draw(*spread(np.ones(20)), 1)
    assert lines_of(first) == ["⠉" * 10]
    assert lines_of(second) == ["⠉ " * 5]


def test_values_that_are_not_finite_are_left_out() -> None:
    canvas = Canvas(3, 1, ascii_only=True)
    canvas.draw(*spread(np.array([np.nan, 0.5, np.nan])), 0)
    assert lines_of(canvas) == [" * "]
    canvas.draw(*spread(np.full(3, np.inf)), 0)


@pytest.mark.parametrize("width", [12, 40, 60, 80, 100, 200])
def test_they_fit_the_terminal(width: int) -> None:
    assert max(map(len, drawn(curves(HISTORY), width).splitlines())) <= width


def test_they_tell_the_last_values_the_scale_and_the_epochs() -> None:
    text = drawn(curves(HISTORY, judged="test"))
    assert "training 0.15" in text
    assert "test 0.6" in text
    assert "training 95.0 %" in text
    assert "test 78.0 %" in text
    assert "Loss (log scale)" in text
    assert "epoch" in text
    assert text.splitlines()[-1].split() == ["1", "epoch", "4", "1", "epoch", "4"]


def test_they_tell_the_values_of_the_epoch_whose_weights_were_kept() -> None:
    text = drawn(curves({"loss": [2.0, 1.0, 0.5], "val_loss": [2.0, 1.25, 1.5]}, best_epoch=2))
    assert "kept: epoch 2" in text
    assert "training 1 " in text
    assert "validation 1.25" in text
    assert "kept" not in drawn(curves({"loss": [2.0, 1.0]}, best_epoch=2))


def test_values_that_do_not_fit_beside_each_other_are_not_cut() -> None:
    """A value of which only "4.4" of "4.4e-05" is left is wrong."""
    small = {"loss": [1.0, 7.44e-05], "val_loss": [1.0, 4.4e-05]}
    lines = drawn(curves(small | {"accuracy": [0.5, 1.0], "val_accuracy": [0.5, 1.0]}), 80)
    for told in ("training 7.44e-05", "validation 4.4e-05", "validation 100.0 %"):
        assert told in lines


def test_a_loss_that_falls_little_has_a_linear_scale() -> None:
    text = drawn(curves({"loss": [2.0, 1.0]}))
    assert "log scale" not in text
    assert [line.split("┤")[0].strip() for line in text.splitlines()[2:9]] == [
        *("2", "", "", "1.5"),
        *("", "", "1"),
    ]


def test_a_terminal_of_ascii_gets_ascii() -> None:
    text = drawn(curves(HISTORY), encoding="ascii")
    assert text.isascii()
    assert "*" in text
    assert "o" in text


def test_no_history_draws_nothing() -> None:
    assert drawn(curves({})).strip() == ""


@pytest.mark.parametrize(
    "loss", [[0.0], [1.0, 1.0], [np.nan, np.nan], [0.0, 1.0], [1e300, 1e-300], [np.inf, 1.0]]
)
def test_odd_losses_are_drawn(loss: list[float]) -> None:
    assert "training" in drawn(curves({"loss": loss}))


def test_many_epochs_are_drawn_over_the_whole_width() -> None:
    text = drawn(curves({"loss": np.linspace(2, 1, 5000).tolist()}))
    top, bottom = text.splitlines()[2], text.splitlines()[8]
    assert top.split("┤")[1].startswith("⠉")
    assert bottom.rstrip()[-1] != "┤"


def test_a_narrow_terminal_has_them_below_each_other() -> None:
    beside, below = drawn(curves(HISTORY), 80), drawn(curves(HISTORY), 40)
    assert len(below.splitlines()) == 2 * len(beside.splitlines())


def test_curves_that_still_grow_leave_room_for_what_is_to_come() -> None:
    text = drawn(curves({"loss": [2.0, 1.0, 0.5]}, end=30))
    assert text.splitlines()[-1].split() == ["1", "epoch", "30"]
    dots = [line.split("┤")[1].rstrip() for line in text.splitlines()[2:9]]
    assert 0 < max(map(len, dots)) <= 8
