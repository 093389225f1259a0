"""Charts as SVG markup: whole, escaped, and drawn where they should be."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from test_every_chart import CHARTS, HOSTILE

from wellfit.charts import Axis, Bars, Cells, Chart, Line, Note, Points, Rule, floats
from wellfit.charts.scale import AxisScale
from wellfit.charts.to_markup import svg

SVG = "{http://www.w3.org/2000/svg}"


def numbers(text: str) -> list[float]:
    return [float(one) for one in re.findall(r"-?\d+\.?\d*", text)]


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_well_formed_and_lies_within_its_frame(name: str) -> None:
    chart = CHARTS[name]()
    drawn = ET.fromstring(svg(chart, (400, 300)))
    assert drawn.get("aria-label") == chart.alt_text
    assert "nan" not in svg(chart)
    for text in drawn.iter(f"{SVG}text"):
        assert 0 <= float(text.get("y", "nan")) <= 300
        assert 0 <= float(text.get("x", "nan")) <= 400
    for path in drawn.iter(f"{SVG}path"):
        assert path.get("fill") in (None, "none")
    for box in drawn.iter(f"{SVG}rect"):
        assert float(box.get("width", "nan")) >= 0
        assert float(box.get("height", "nan")) >= 0


def test_what_comes_from_data_is_escaped() -> None:
    line = Line(floats([1, 2]), floats([1, 2]), HOSTILE)
    note = Note(1, 1, HOSTILE)
    drawn = svg(Chart(HOSTILE, HOSTILE, [line, note], Axis(HOSTILE), Axis(HOSTILE)))
    assert "<b>" not in drawn
    assert drawn.count("&lt;b&gt;") >= 5
    ET.fromstring(drawn)


def test_points_of_a_line_are_where_its_values_are() -> None:
    line = Line(floats([0, 1, 2]), floats([0, np.nan, 10]))
    chart = Chart("t", "s", [line], Axis(low=0, high=2), Axis(low=0, high=10))
    drawn = ET.fromstring(svg(chart, (200, 100)))
    d = [path.get("d") for path in drawn.iter(f"{SVG}path")][-1]
    x0, y0, x1, y1 = numbers(str(d))
    assert y0 > y1
    assert x0 < x1 == 190
    grid = next(path.get("d") for path in drawn.iter(f"{SVG}path"))
    left, top, floor, right = numbers(str(grid))
    assert (x0, y0, x1, y1) == (left, floor, right, top)


def test_a_logarithmic_axis_spreads_decades_evenly() -> None:
    scale = AxisScale.of(Axis(log=True), floats([1e-3, 1e1, 0.0, np.nan]), 0, 100)
    places = scale.at([1e-3, 1e-1, 1e1, -1])
    assert places[1] - places[0] == pytest.approx(places[2] - places[1])
    assert np.isnan(places[3])
    assert [text for _, text in scale.ticks(10)] == ["0.001", "0.01", "0.1", "1", "10"]


@pytest.mark.parametrize(
    "values", [[], [np.nan], [0.0], [5.0, 5.0], [-np.inf, 1.0], [1e300, -1e300]]
)
def test_few_or_strange_values_are_drawn(values: list[float]) -> None:
    line = Line(floats(range(len(values))), floats(values), "a", points=True)
    for log in (False, True):
        drawn = svg(Chart("t", "s", [line], Axis(), Axis(log=log)))
        ET.fromstring(drawn)


def test_ticks_are_round_and_few() -> None:
    scale = AxisScale.of(Axis(), floats([0.013, 0.981]), 0, 100)
    assert [text for _, text in scale.ticks(5)] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert [text for _, text in scale.ticks(3)] == ["0", "0.5", "1"]
    whole = AxisScale.of(Axis(whole=True), floats([1, 3]), 0, 100)
    assert [text for _, text in whole.ticks(10)] == ["1", "2", "3"]


def test_every_kind_of_mark_leaves_something() -> None:
    x = floats([0, 1])
    marks = [
        Points(x, x, errors=(x, x), sideways=True),
        Bars(x, floats([1, np.nan]), errors=x, across=True),
        Bars(x, x),
        Cells(floats([[1, -1], [0, 0.5]]), [["a", "b"], ["", "c"]]),
        Rule(0.5),
        Rule(0.5, "y", "rule"),
        Note(0, 0, "note"),
        Line(x, x, step=True, errors=(x, x)),
    ]
    for mark in marks:
        empty = svg(Chart("t", "s", [Rule(-9)], Axis(low=0, high=1), Axis(low=0, high=1)))
        full = svg(Chart("t", "s", [mark], Axis(low=0, high=1), Axis(low=0, high=1)))
        assert len(full) > len(empty) - 80, mark
