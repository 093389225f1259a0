"""Each metric: which way is better, what it is called, and how its values are printed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import get_scorer, get_scorer_names

from wellfit.core.metrics import Metric, split_rows, title_of
from wellfit.core.words import short

CASES = [
    # name, title, higher is better, value, as printed, a difference of 0.0125, label
    ("loss", "loss", False, 0.012345, "0.0123", "+0.0125", "loss"),
    ("val_loss", "loss", False, 12345.6, "12,346", "+0.0125", "loss"),
    ("log loss", "log loss", False, 0.5, "0.5", "+0.0125", "log loss"),
    ("neg_log_loss", "negative log loss", True, -0.5, "-0.5", "+0.0125", "negative log loss"),
    (
        *("accuracy", "accuracy", True, 0.97493, "97.5 %", "+1.2 percentage points"),
        "accuracy (%)",
    ),
    (
        *("test_balanced_accuracy", "balanced accuracy", True, 1.0, "100.0 %"),
        *("+1.2 percentage points", "balanced accuracy (%)"),
    ),
    (
        *("top_k_accuracy", "top-k accuracy", True, 0.0, "0.0 %", "+1.2 percentage points"),
        "top-k accuracy (%)",
    ),
    ("r2", "R²", True, 0.85, "0.850", "+0.013", "R²"),
    ("R², output 2", "R²", True, -0.0003, "0.000", "+0.013", "R²"),
    ("D²", "D²", True, -12.3456, "-12.346", "+0.013", "D²"),
    ("roc_auc", "ROC AUC", True, 0.99999, "1.000", "+0.013", "ROC AUC"),
    ("roc_auc_ovr_weighted", "ROC AUC (ovr, weighted)", True, 0.5, "0.500", "+0.013", None),
    ("f1_macro", "F1 score (macro)", True, 0.5, "0.500", "+0.013", "F1 score (macro)"),
    ("RMSE", "RMSE", False, 51234.5, "51,234", "+0.0125", "RMSE"),
    (
        *("val_neg_root_mean_squared_error", "negative RMSE", True, -3.14159, "-3.14"),
        *("+0.0125", "negative RMSE"),
    ),
    ("seconds", "time", False, 12.345, "12.3 s", "+0.0125 s", "time (s)"),
    ("learning_rate", "learning rate", True, 1e-4, "0.0001", "+0.0125", "learning rate"),
    ("my own error", "my own error", False, 2.0, "2", "+0.0125", "my own error"),
    ("my own", "my own", True, 2.0, "2", "+0.0125", "my own"),
]


@pytest.mark.parametrize(
    ("name", "title", "higher", "value", "printed", "difference", "label"),
    CASES,
    ids=[case[0] for case in CASES],
)
def test_a_metric_is_titled_ranked_and_printed(
    name: str,
    title: str,
    higher: bool,
    value: float,
    printed: str,
    difference: str,
    label: str | None,
) -> None:
    metric = Metric.of(name)
    assert metric.title == title
    assert metric.higher_is_better is higher
    assert metric.sign == (1 if higher else -1)
    assert metric.format(value) == printed
    assert metric.format_difference(0.0125) == difference
    assert metric.label == (label or title)
    assert metric.scale == (100 if "%" in metric.label else 1)


@pytest.mark.parametrize("name", get_scorer_names())
def test_every_scorer_of_scikit_learn_is_better_higher(name: str) -> None:
    """Scorers turn the sign of costs, and say so by ``neg_``; the function behind is a cost."""
    assert Metric.of(name).higher_is_better
    assert Metric.of(f"val_{name}").title == Metric.of(name).title
    assert name.startswith("neg_") == (get_scorer(name)._sign < 0)
    assert not Metric.of(name.removeprefix("neg_")).higher_is_better or get_scorer(name)._sign > 0


def test_values_that_are_none_or_not_finite() -> None:
    for name in ("accuracy", "r2", "loss", "seconds"):
        assert Metric.of(name).format(None) == "–"
        assert Metric.of(name).format(math.nan) == "nan"
        assert Metric.of(name).format(-math.inf) == "-inf"


def test_more_digits_for_what_is_compared_closely() -> None:
    told = {name: Metric.of(name).format(0.123456, more=1) for name in ("accuracy", "r2", "loss")}
    assert told == {"accuracy": "12.35 %", "r2": "0.1235", "loss": "0.1235"}


@pytest.mark.parametrize(
    ("name", "parts", "title"),
    [
        ("val_accuracy", ("accuracy", "validation"), "validation accuracy"),
        ("test_loss", ("loss", "test"), "test loss"),
        ("validation loss", ("loss", "validation"), "validation loss"),
        ("value", ("value", "training"), "value"),
        ("testimony", ("testimony", "training"), "testimony"),
    ],
)
def test_names_say_whose_rows(name: str, parts: tuple[str, str], title: str) -> None:
    assert split_rows(name) == parts
    assert title_of(name) == title


@pytest.mark.parametrize(
    ("value", "printed"),
    [(0.0, "0"), (999.4, "999"), (999.96, "1,000"), (-1e4, "-10,000"), (1e15, "1e+15")],
)
def test_short_numbers(value: float, printed: str) -> None:
    assert short(value) == printed
    assert short(np.float64(value)) == printed
