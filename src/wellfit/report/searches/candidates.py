"""The candidates of a search as a table, the best first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from wellfit.core.metrics import Metric
from wellfit.report.searches.search_table import Results, named, scores_of, searched_values

# The columns that are not parameters, in front of them.
FIGURES = ("rank", "mean", "std", "fits", "seconds")
FOLD = "fold "
# Before the names of further metrics, as columns of their own.
MEAN, STD = "mean ", "std "
_OTHERS = (FOLD, MEAN, STD)


def candidates(results: Results, *, metric: str = "score") -> pd.DataFrame:
    """Return a line for each candidate of ``cv_results_``, the best first.

    Args:
        results: a search's ``cv_results_``.
        metric: whose ranks, means and deviations count.

    Returns:
        The columns ``rank``, ``mean``, ``std``, ``fits`` (those that didn't fail) and ``seconds``
        (of all fits), ``epochs``, ``n_samples`` or ``n_resources`` where candidates were halved,
        the parameters, ``mean …`` and ``std …`` of each other metric, and each fold's score.

    Raises:
        UnknownNameError: no such metric among the results.
    """
    scores_of(results, metric)  # which refuses an unknown one
    form = re.compile(rf"split(\d+)_test_{re.escape(metric)}")
    folds = [results[key] for key in results if form.fullmatch(key)]
    seconds = (results["mean_fit_time"] + results["mean_score_time"]) * len(folds)
    figures = (
        *(results[f"{what}_test_{metric}"] for what in ("rank", "mean", "std")),
        np.sum(np.isfinite(folds), axis=0),
        np.round(seconds, 4),
    )
    frame = pd.DataFrame([cells(candidate) for candidate in results["params"]])
    frame = pd.concat([pd.DataFrame(dict(zip(FIGURES, figures, strict=True))), frame], axis=1)
    for other in other_metrics(results, metric):
        frame[MEAN + other] = results[f"mean_test_{other}"]
        frame[STD + other] = results[f"std_test_{other}"]
    for fold, values in enumerate(folds):
        frame[f"{FOLD}{fold + 1}"] = values
    if "n_resources" in results:  # of halving: how many epochs or rows each was given
        name = "epochs" if "bracket" in results else "n_resources"
        name = results["resource"][0] if "resource" in results else name
        frame.insert(len(FIGURES), name, results["n_resources"])
    return frame.sort_values("rank", kind="stable").reset_index(drop=True)


def other_metrics(results: Results, metric: str) -> list[str]:
    """Return the metrics of a search that candidates aren't ranked by."""
    start = "mean_test_"
    names = [key.removeprefix(start) for key in results if key.startswith(start)]
    return [name for name in names if name != metric]


def parameters_of(frame: pd.DataFrame) -> list[str]:
    """Return the columns that are parameters."""
    names = map(str, frame.columns)
    # No parameter's name holds a space.
    return [name for name in names if name not in FIGURES and not name.startswith(_OTHERS)]


def metrics_beside(frame: pd.DataFrame) -> dict[str, Metric]:
    """Return the metrics that candidates aren't ranked by, by their names in the columns.

    >>> metrics_beside(pd.DataFrame({"mean": [0.9], "mean f1": [0.8]}))["f1"].title
    'F1 score'
    """
    names = [str(name) for name in frame.columns if str(name).startswith(MEAN)]
    return {name.removeprefix(MEAN): Metric.of(name.removeprefix(MEAN)) for name in names}


def metric_of(scoring: str | None, estimator: str) -> Metric:
    """Return what a search ranks by: its first scorer, or what an estimator's ``score`` returns.

    >>> metric_of(None, "MLPClassifier").title, metric_of("neg_log_loss", "MLPClassifier").title
    ('accuracy', 'negative log loss')
    >>> metric_of("roc_auc,f1", "MLPClassifier").title
    'ROC AUC'
    """
    first = (scoring or "").partition(",")[0].strip()
    return Metric.of(first or ("accuracy" if "Classifier" in estimator else "r2"))


def cells(candidate: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as a table's cells: layers as ``64-32``, None as a word.

    An empty cell is that of a candidate without the parameter.

    >>> cells({"hidden_layer_sizes": (64, 32), "l2": np.float64(0.5), "max_norm": None})
    {'hidden_layer_sizes': '64-32', 'l2': 0.5, 'max_norm': 'None'}
    """
    return {key: _cell(value) for key, value in searched_values(candidate).items()}


def _cell(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (list, tuple)):
        return "-".join(str(_cell(item)) for item in value)
    return value if isinstance(value, (bool, int, float, str)) else named(value)
