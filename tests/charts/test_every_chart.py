"""Every chart is drawn by every renderer that has room for it, and says in words what it shows."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from html import unescape
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from rich.console import Console

from wellfit.charts import (
    Axis,
    Bars,
    Calibration,
    Cells,
    Chart,
    Line,
    Note,
    Points,
    Rule,
    agreement_chart,
    attribution_chart,
    bar_chart,
    calibration_chart,
    confusion_chart,
    count_chart,
    coverage_chart,
    effect_chart,
    floats,
    histogram_chart,
    importance_chart,
    interval_chart,
    learning_charts,
    member_chart,
    outline,
    precision_recall_chart,
    residual_chart,
    residual_histogram,
    roc_chart,
    to_svg,
)
from wellfit.charts.to_matplotlib import figure, png
from wellfit.charts.to_plotly import drawing
from wellfit.charts.to_terminal import Plots, bars, cells
from wellfit.core.metrics import Metric
from wellfit.report.page.blocks import tidy
from wellfit.report.searches.coordinates import coordinates_chart
from wellfit.report.searches.search_table import SearchTable
from wellfit.report.searches.slicing import slice_charts

RNG = np.random.default_rng(0)
HOSTILE = "<b>$x_{$ & co"
Y = RNG.normal(size=300)
NEAR = Y + RNG.normal(0, 0.2, 300)
HISTORY = {
    "loss": [2.0, 0.9, 0.1],
    "val_loss": [1.8, 1.0, 1.1],
    "accuracy": [0.3, 0.6, 0.95],
    "val_accuracy": [0.4, 0.55, 0.5],
}
TRUTHS = {name: (cut < Y, NEAR) for name, cut in (("a", 0.0), (HOSTILE, 1.0))}
COUNTS = np.array([[50, 3, 0], [2, 45, 6], [0, 1, 60]])
NAMES = ["ham", "spam", HOSTILE]
TRIED = SearchTable.of(
    {
        "params": [{"l2": 10.0**-k, "kind": kind} for k in range(4) for kind in ("sgd", HOSTILE)],
        "mean_test_score": [0.9, 0.91, 0.92, 0.93, 0.94, np.nan, 0.95, -1e6],
        "std_test_score": [0.01] * 8,
    },
    "score",
)

CHARTS: dict[str, Callable[[], Chart]] = {
    "loss": lambda: learning_charts(HISTORY, best_epoch=2)[0],
    "accuracy": lambda: learning_charts(HISTORY)[1],
    "members": lambda: member_chart("accuracy", [HISTORY, HISTORY]),
    "confusion": lambda: confusion_chart(COUNTS, NAMES),
    "confusion in shares": lambda: confusion_chart(COUNTS, NAMES, COUNTS / COUNTS.sum()),
    "coverage": lambda: coverage_chart([0.5, 0.9, 0.95], [0.48, 0.93, 0.95], 300, "intervals"),
    "intervals": lambda: interval_chart(
        Y, np.column_stack([NEAR - 0.3, NEAR + 0.3]), 0.9, HOSTILE
    ),
    "calibration": lambda: calibration_chart(Calibration.of(RNG.uniform(size=300), Y > 0)),
    "roc": lambda: roc_chart(TRUTHS)[0],
    "precision and recall": lambda: precision_recall_chart(TRUTHS)[0],
    "agreement": lambda: agreement_chart(Y, NEAR, "pay"),
    "residuals": lambda: residual_chart(Y, NEAR, HOSTILE),
    "residuals' distribution": lambda: residual_histogram(Y, NEAR),
    "histogram": lambda: histogram_chart(1e6 * Y, "The target", "pay"),
    "outline": lambda: Chart("t", "s", [outline(Y, 20, HOSTILE, 0)], Axis("x"), Axis("y")),
    "importance": lambda: importance_chart(
        {"age": 0.2, HOSTILE: -0.01}, {"age": 0.02, HOSTILE: 0.01}, Metric.of("accuracy")
    ),
    "effect of a number": lambda: effect_chart(
        HOSTILE, Y[:3], "abc", {"a": Y[:3], HOSTILE: Y[3:6]}, "probability"
    ),
    "effect with single rows": lambda: effect_chart(
        "age",
        np.sort(Y[:9]),
        list("abcdefghi"),
        {"prediction": Y[:9]},
        "prediction",
        individual=Y[:180].reshape(20, 9),
    ),
    "effect of a category": lambda: effect_chart(
        "town", None, ("Bern", HOSTILE), {"prediction": Y[:2]}, "prediction", accumulated=True
    ),
    "attributions": lambda: attribution_chart(
        {f"x{at}": 0.1 * at - 0.5 for at in range(15)} | {HOSTILE: -2.0}, 0.2, 1.1, HOSTILE
    ),
    "bars": lambda: bar_chart({"a": 2.0, "b": 0.0}, title="t", summary="s", unit="u"),
    "counts": lambda: count_chart(
        {HOSTILE: 3, "b": 4}, title="t", summary="s", names="class", unit="rows"
    ),
    "parallel coordinates": lambda: coordinates_chart(TRIED),
    "slice of numbers": lambda: slice_charts(TRIED)[0],
    "slice of names": lambda: slice_charts(TRIED)[1],
}


@pytest.fixture(params=CHARTS, scope="module")
def chart(request: pytest.FixtureRequest) -> Chart:
    made: Chart = CHARTS[request.param]()
    return made


def test_matplotlib_draws_it(chart: Chart) -> None:
    drawn = figure([chart], "$ a title")
    (axes,) = drawn.axes
    assert axes.get_title().replace("\\$", "$") == chart.summary
    assert axes.get_xlabel().replace("\\$", "$") == chart.x.title
    assert axes.has_data()
    assert axes.get_yscale() == ("log" if chart.y.log else "linear")
    assert png(drawn, dpi=40).startswith(b"\x89PNG")


def test_plotly_draws_it(chart: Chart) -> None:
    """Plotly takes every property and value, and no text is markup."""
    objects = pytest.importorskip("plotly.graph_objects")
    plain = json.dumps(tidy(drawing(chart)), allow_nan=False)
    assert "<b>" not in plain
    data = json.loads(_colored(drawing(chart)))
    drawn = objects.Figure(data["data"], data["layout"])
    marks = [mark for mark in chart.marks if not isinstance(mark, (Rule, Note))]
    assert len(drawn.data) == len(marks)
    assert len(drawn.layout.shapes) == sum(isinstance(mark, Rule) for mark in chart.marks)
    assert unescape(drawn.layout.xaxis.title.text) == chart.x.title


def _colored(drawn: Any) -> str:
    """Return a drawing with colours in place of the page's names for them."""

    def colored(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: colored(item) for key, item in value.items()}
        if isinstance(value, list):
            return [colored(item) for item in value]
        if value == "--scale":
            return "Blues"
        return "#123456" if isinstance(value, str) and value.startswith("--") else value

    return json.dumps(colored(tidy(drawn)))


def printed(drawn: Any, width: int = 60) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(drawn)
    return file.getvalue()


@pytest.mark.parametrize("name", ["loss", "accuracy", "members"])
def test_a_terminal_draws_lines(name: str) -> None:
    made = CHARTS[name]()
    text = printed(Plots([made]))
    assert made.title in text
    for line in made.lines:
        assert f"{line.label} {line.value}".strip() in text
    assert any("\u2801" <= letter <= "\u28ff" for letter in text)


@pytest.mark.parametrize("name", ["loss", "accuracy", "members"])
def test_svg_draws_lines_and_holds_no_markup(name: str) -> None:
    made = CHARTS[name]()
    drawn = to_svg.drawing(made, 10)
    assert json.loads(json.dumps(drawn, allow_nan=False)) == drawn
    assert [line["key"] for line in drawn["lines"]] == [
        f"{line.label} {line.value}".strip() for line in made.lines
    ]
    top, bottom, _, end = [text[-1] for text in drawn["texts"]]
    values = np.concatenate([line.y for line in made.lines])
    assert (top, bottom) == (made.y.format(values.max()), made.y.format(values.min()))
    assert end == "epoch 10"
    x = [float(step.split()[0].strip("M")) for step in drawn["lines"][0]["d"].split("L")]
    np.testing.assert_allclose(np.diff(x), (320 - 8 - 50) / 9, atol=0.11)


def test_a_small_picture_goes_from_the_least_to_the_most() -> None:
    assert 'd="M1.0 22.0L60.0 12.0L119.0 2.0"' in to_svg.spark([1.0, 1.5, 2.0])
    assert 'd="M1.0 2.0L119.0 22.0"' in to_svg.spark([2.0, np.nan, 1.0])
    assert to_svg.spark([np.nan, 1.0]) == ""


def test_a_terminal_draws_bars() -> None:
    assert printed(bars(CHARTS["bars"]())).splitlines() == [f"a  {'━' * 24}  2", f"b  {'':24}  0"]


def test_a_terminal_draws_cells_where_they_fit() -> None:
    made = CHARTS["confusion"]()
    lines = printed(cells(made, 60)).splitlines()
    assert [line.split()[-3:] for line in lines] == [
        ["a", "b", "c"],
        ["50", "3", "."],
        ["2", "45", "6"],
        [".", "1", "60"],
    ]
    assert cells(made, 20) is None


def test_a_chart_is_told_in_words(chart: Chart) -> None:
    assert chart.title
    assert not chart.summary.endswith(".")
    assert chart.alt_text.startswith(chart.summary)
    assert "nan" not in chart.alt_text


def test_importance_names_its_unit_and_way() -> None:
    share, cost = (
        importance_chart({"a": 0.2}, {"a": 0.0}, Metric.of(name)) for name in ("accuracy", "loss")
    )
    assert share.x.title == "decrease in accuracy (percentage points)"
    assert share.summary == "Most important: a (20)"
    assert cost.x.title == "increase in loss"
    (mark,) = share.marks
    assert isinstance(mark, Bars)
    assert mark.values.tolist() == [20.0]


def test_labels_of_any_width_fit_beside_a_terminals_axis() -> None:
    """The label of a very small or a very large value moves no line."""
    small = learning_charts({"loss": [-1.25e-05, -7.44e-05], "val_loss": [1e-3, -1e-3]})
    large = learning_charts({"loss": [123456789.0, 12.0]})
    for charts in (small, large):
        lines = printed(Plots(charts)).splitlines()
        bars_at = {line.index("┤") for line in lines if "┤" in line}
        assert bars_at == {next(line.index("└") for line in lines if "└" in line)}


def test_many_classes_have_no_texts_and_long_names_are_cut() -> None:
    made = confusion_chart(np.eye(100, dtype=int), [f"class {i:020}" for i in range(100)])
    (mark,) = made.marks
    assert isinstance(mark, Cells)
    assert not mark.texts
    ticks = drawing(made)["layout"]["xaxis"]["ticktext"]
    assert max(map(len, ticks)) <= 18


def test_names_that_were_cut_to_the_same_stay_apart() -> None:
    made = bar_chart({"x" * 30 + "1": 1, "x" * 30 + "2": 2}, title="t", summary="s", unit="u")
    assert drawing(made)["layout"]["yaxis"]["tickvals"] == [0, 1]


def test_errors_reach_as_far_as_they_are_given() -> None:
    errors = (floats([0.1]), floats([0.2]))
    axes = Axis("x"), Axis("y")
    for sideways, key in ((False, "error_y"), (True, "error_x")):
        mark = Points(floats([1]), floats([2]), errors=errors, sideways=sideways)
        (trace,) = drawing(Chart("t", "s", [mark], *axes))["data"]
        assert (trace[key]["arrayminus"], trace[key]["array"]) == (errors[0], errors[1])
    line = Line(floats([1, 2]), floats([3, 4]), errors=(floats([1, 1]), floats([2, 2])))
    (drawn,) = figure([Chart("t", "s", [line], *axes)]).axes
    (lines,) = drawn.collections
    assert isinstance(lines, LineCollection)
    segments = lines.get_segments()
    np.testing.assert_allclose([segment[:, 1] for segment in segments], [[2, 5], [3, 6]])
