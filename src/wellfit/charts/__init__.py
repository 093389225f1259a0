"""Floor 1: charts as data, and a renderer for each medium: matplotlib, Plotly, the terminal.

A description says what is drawn, in which units and what is to be seen; a renderer knows nothing
of networks.
"""

from wellfit.charts.classes import (
    Calibration,
    calibration_chart,
    confusion_chart,
    frequent_errors,
    precision_recall_chart,
    roc_chart,
)
from wellfit.charts.coverage import coverage_chart, interval_chart
from wellfit.charts.learning import (
    History,
    curve,
    learning_charts,
    member_chart,
    metric_chart,
    row_curve,
    row_curves,
    row_metrics,
    row_unit,
    shown_metrics,
)
from wellfit.charts.model import (
    Axis,
    Bars,
    Cells,
    Chart,
    Line,
    Note,
    Points,
    Rule,
    cut,
    floats,
    sampled,
)
from wellfit.charts.numbers import (
    agreement_chart,
    bar_chart,
    count_chart,
    embedding_chart,
    histogram_chart,
    importance_chart,
    outline,
    residual_chart,
    residual_charts,
    residual_histogram,
)

__all__ = [
    "Axis",
    "Bars",
    "Calibration",
    "Cells",
    "Chart",
    "History",
    "Line",
    "Note",
    "Points",
    "Rule",
    "agreement_chart",
    "bar_chart",
    "calibration_chart",
    "confusion_chart",
    "count_chart",
    "coverage_chart",
    "curve",
    "cut",
    "embedding_chart",
    "floats",
    "frequent_errors",
    "histogram_chart",
    "importance_chart",
    "interval_chart",
    "learning_charts",
    "member_chart",
    "metric_chart",
    "outline",
    "precision_recall_chart",
    "residual_chart",
    "residual_charts",
    "residual_histogram",
    "roc_chart",
    "row_curve",
    "row_curves",
    "row_metrics",
    "row_unit",
    "sampled",
    "shown_metrics",
]
