"""The arithmetic of the benchmarks of intervals and of calibration; nothing here is timed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is no installed package

from benchmarks import calibration, intervals
from benchmarks.tabular.store import Cell, Store
from benchmarks.tabular.tables import Split

RNG = np.random.default_rng(0)


def split(classes: int = 0, rows: int = 200) -> Split:
    X = pd.DataFrame({"a": RNG.normal(size=rows), "b": RNG.choice(["x", "y"], rows)})
    y = X["a"].to_numpy() + RNG.normal(size=rows)
    codes = np.digitize(y, np.linspace(-1, 1, classes - 1)) if classes else y
    half = rows // 2
    return Split(X[:half], codes[:half], X[half:].reset_index(drop=True), codes[half:])


def test_coverage_and_width_are_those_of_the_test_rows():
    data = split()
    low = np.full(100, -1.0)
    found = intervals.measure(lambda _: np.column_stack([low, low + 2.5]), data)
    assert found["coverage"] == np.mean((data.y_test >= -1) & (data.y_test <= 1.5))
    assert found["width"] == pytest.approx(2.5)
    assert (found["train_rows"], found["test_rows"]) == (100, 100)


def test_wellfits_side_sets_its_calibration_rows_apart():
    found = intervals.by_wellfit(split(), hidden_layer_sizes=(4,), epochs=1)
    assert found.shape == (100, 2)
    assert (found[:, 0] <= found[:, 1]).all()


def test_widths_are_compared_with_the_peers(tmp_path):
    store = Store(tmp_path / "results.json")
    each = {"coverage": 0.9, "spread": 2.0, "cpu_seconds": 1.0, "train_rows": 1, "test_rows": 1}
    widths = {"wellfit": (1.0, 2.0), intervals.PEER: (2.0, 4.0)}
    for side, values in widths.items():
        for number, width in enumerate(values):
            store.add({Cell(side, "ames", number): {**each, "width": width}})
    ours, theirs = intervals.markdown(store.read()).splitlines()[2:]
    assert [cell.strip() for cell in ours.strip("|").split("|")] == [
        *("ames", "wellfit", "90.0 %", "1.5", "0.75", "0.50", "1.0", "2")
    ]
    assert " 1.00 " in theirs


def test_every_way_to_calibrate_is_measured(monkeypatch, tmp_path):
    made = calibration.network
    monkeypatch.setattr(calibration, "network", lambda **p: made(epochs=1, **p))
    data = split(classes=3, rows=500)
    found = {**dict(calibration.measure(data)), **dict(calibration.refitted(data))}
    assert set(found) == set(calibration.SIDES)
    assert found["temperature"]["accuracy"] == found["none"]["accuracy"]  # the order stays
    assert all(0 <= each["ece"] <= 1 for each in found.values())
    store = Store(tmp_path / "results.json")
    store.add({Cell(side, "titanic", 0): each for side, each in found.items()})
    for sides in (calibration.SAME, calibration.REFIT):
        assert "1 splits of 1 tables" in calibration.section(store.read(), sides)
