"""Evaluation of a trained model: test scores, confusion matrix or residuals, verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from wellfit.charts import confusion_chart, cut, frequent_errors, residual_charts
from wellfit.charts.to_matplotlib import cells_size, figure, png
from wellfit.charts.to_terminal import cells
from wellfit.cli.coverage import coverage_table
from wellfit.cli.run_folder import CONFUSIONS, RESIDUALS
from wellfit.cli.settings import Model
from wellfit.cli.source import SplitData
from wellfit.core._sklearn_compat import safe_indexing
from wellfit.core.words import percent, pluralize, short
from wellfit.diagnose import Report, Verdict, verdict
from wellfit.diagnose.verdicts.data import with_data
from wellfit.diagnose.verdicts.test_rows import with_test_rows
from wellfit.estimators.conformal import levels_of
from wellfit.report.coverage import Coverage
from wellfit.report.scores import (
    ClassScores,
    Predictions,
    Score,
    all_scores,
    class_scores,
    confusion,
    label_names,
    positions,
    weighing,
)

_MOST_CLASSES = 20  # more classes are shown as a list of confusions
_FEWER_CLASSES = 10
_WIDTH_OF_CLASS_SCORES = 65  # characters, three scores with their intervals
_MOST_CONFUSIONS = 10
_LONGEST_NAME = 30
_QUANTILES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)


@dataclass(frozen=True)
class TestEvaluation:
    """A model's predictions on the test set, and its scores on the test and training sets.

    ``trained`` is the number of training rows without the validation rows. ``baseline`` are the
    test scores of constant predictions: the class frequencies in the training set, or its mean;
    ``constant`` names them, and ``commonest`` holds them. ``coverage`` is that of intervals or
    sets, if the model is calibrated for them. ``weighted_by`` is the column by which test rows
    count; it is empty where all count alike.
    """

    y: NDArray[Any]
    predicted: NDArray[Any]
    test: list[Score]
    training: list[Score]
    trained: int
    baseline: list[Score]
    constant: str
    commonest: NDArray[Any]
    confusions: tuple[list[Any], NDArray[np.int64]] | None
    classes: list[ClassScores]
    coverage: Coverage | None = None
    weighted_by: str = ""

    def plain(self) -> dict[str, Any]:
        """Return the document that the run folder stores."""
        document: dict[str, Any] = {
            "test_rows": len(self.y),
            "test": [asdict(score) for score in self.test],
            "training": [asdict(score) for score in self.training],
            "trained_rows": self.trained,
            "baseline": [asdict(score) for score in self.baseline],
        }
        if self.weighted_by:
            document["weighted_by"] = self.weighted_by
        if self.classes:
            document["classes"] = [asdict(each) for each in self.classes]
        if self.coverage is not None:
            document["coverage"] = self.coverage.plain()
        if self.confusions is not None:
            classes, counts = self.confusions
            document["confusion"] = {"classes": classes, "counts": counts.tolist()}
        return document


def evaluate(model: Model, source: SplitData, scoring: Any = None) -> TestEvaluation:
    """Predict the test and training rows, and score the predictions.

    Args:
        model: fitted.
        source: what it was fitted to.
        scoring: the scorers that are asked for; None for the model's own.

    Raises:
        HyperparameterError: a scorer for other targets.
    """
    data = source.data
    ids = _trained(model, source)
    y_train = np.asarray(data.y)[ids]
    tested = Predictions.of(model, data.X_test, np.asarray(data.y_test), source.test_weights)
    weight = None if source.weights is None else source.weights[ids]
    # Side by side, scores of training and test rows are to count them in the same way.
    of_training = weight if source.weighted_by else None
    trained = Predictions.of(model, safe_indexing(data.X, ids), y_train, of_training)
    asked: dict[str, Any] = {
        "scoring": model.scoring if scoring is None else scoring,
        "name_of": lambda label: names_of(source, [label])[0],
    }
    baseline, constant = _baseline(tested, y_train, weight, source)
    confusions, classes = None, []
    if tested.probabilities is not None:
        names = label_names(tested)
        classes = class_scores(tested, names_of(source, names))
        if tested.y.ndim == 1:
            confusions = confusion(tested.y, tested.predicted, names)
    return TestEvaluation(
        tested.y,
        tested.predicted,
        test=all_scores(tested, **asked),
        training=all_scores(trained, **asked, intervals=False),
        trained=len(ids),
        baseline=all_scores(baseline, **asked, intervals=False),
        constant=constant,
        commonest=baseline.predicted,
        confusions=confusions,
        classes=classes,
        coverage=_coverage(model, data.X_test, tested) if levels_of(model) else None,
        weighted_by=source.weighted_by,
    )


def _coverage(model: Model, X: Any, tested: Predictions) -> Coverage:
    return Coverage.of_model(model, X, tested.y, tested.weight)


def _trained(model: Model, source: SplitData) -> NDArray[np.integer]:
    """Return the positions of the rows that the model was trained on, without validation rows.

    Returns all rows if this is unknown, as for a model that was loaded from a folder, and if they
    are a sample of the rows that it was trained on.
    """
    split, count = getattr(getattr(model, "network_", None), "split", None), len(source.data.y)
    return np.arange(count) if split is None or not split.is_of(count) else split.train


def verdict_on(
    model: Model, source: SplitData, judged: str, checks: Report, result: TestEvaluation
) -> Verdict:
    """Return the verdict on the model, based on the validation rows if there are any.

    The test rows count too: no model is well fit if its test score contradicts that.

    Args:
        model: fitted.
        source: what it was fitted to.
        judged: ``"test"`` where no rows but the test rows, all of known classes, can judge it.
        checks: of the data.
        result: the predictions of the test rows.
    """
    data = source.data
    tested = judged == "test"
    X, y = (data.X_test, data.y_test) if tested else (data.X_val, data.y_val)
    kind: Literal["test", "validation"] = "test" if tested else "validation"
    found = verdict(model, data.X, data.y, X, y, kind=kind, data_findings=())
    if not tested:
        found = with_test_rows(found, model, result.y, result.predicted, result.commonest)
    return with_data(found, checks)


def _baseline(
    tested: Predictions,
    y_train: NDArray[Any],
    weight: NDArray[np.float64] | None,
    source: SplitData,
) -> tuple[Predictions, str]:
    """Return the best constant predictions of the test rows, and what to call them.

    They are learned from training rows by their weights, as the model is.
    """
    y, classes = tested.y, np.asarray(tested.classes)
    if tested.probabilities is None:
        mean = np.average(y_train.astype(float), axis=0, weights=weight)
        constant = np.broadcast_to(mean, y.shape)
        return replace(tested, predicted=constant), "the training rows' mean"
    if y.ndim > 1:
        shares = np.average(y_train, axis=0, weights=weight)
        constant = np.broadcast_to((shares > 0.5).astype(y.dtype), y.shape)
        chances = np.broadcast_to(shares, y.shape)
        found = replace(tested, predicted=constant, probabilities=chances)
        return found, "each label's commoner value"
    counts = np.bincount(positions(y_train, classes), weight, len(classes))
    shares = counts / counts.sum()
    commonest = classes[[shares.argmax()]]
    chances = np.broadcast_to(shares, (len(y), len(classes)))
    constant = np.broadcast_to(commonest, y.shape)
    name = names_of(source, commonest.tolist())[0]
    return replace(tested, predicted=constant, probabilities=chances), f"always {name}"


def names_of(source: SplitData, classes: Sequence[Any]) -> list[str]:
    """Return the names of classes, such as ``trouser`` for 1, if the data have names."""
    named = source.data.class_names
    if named and all(isinstance(c, int) and 0 <= c < len(named) for c in classes):
        return [named[c] for c in classes]
    return [str(c) for c in classes]


def print_errors(evaluation: TestEvaluation, source: SplitData, console: Console) -> None:
    """Print the confusion matrix and the classes' scores, or the residuals."""
    console.print()
    if evaluation.confusions is not None:
        classes, counts = evaluation.confusions
        console.print(confusion_table(counts, names_of(source, classes), console.width))
    elif source.learning == "regression":
        console.print(residual_table(evaluation))
    if evaluation.classes:
        console.print()
        console.print(class_table(evaluation.classes, console.width))
    console.print()


def _baseline_text(evaluation: TestEvaluation) -> str:
    """Return the baseline as a sentence, ``Majority-class baseline: 75.9 % (always no, …)``."""
    scores = {score.name: score for score in evaluation.baseline}
    texts = {name: score.metric.format(score.value) for name, score in scores.items()}
    where = f"({evaluation.constant}, on the same test rows)"
    if "accuracy" in texts:
        return f"Majority-class baseline: {texts['accuracy']} {where}"
    name = next(name for name in texts if name.startswith("RMSE"))
    return f"Mean baseline: {name} {texts[name]} {where}"


def print_scores(evaluation: TestEvaluation, console: Console, quiet: bool) -> None:
    """Print the scores, the baseline unless ``quiet``, and what intervals or sets held."""
    console.print(score_table(evaluation))
    if not quiet:
        console.print(Text(_baseline_text(evaluation), "dim"))
    if evaluation.coverage is not None:
        console.print()
        console.print(coverage_table(evaluation.coverage))


def score_table(evaluation: TestEvaluation) -> Table:
    """Return a table of the scores with their intervals, beside the baseline and training rows."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    tested, trained = (pluralize(rows, "row") for rows in (len(evaluation.y), evaluation.trained))
    for name in (f"test\n{tested}", "95 % interval", "baseline", f"training\n{trained}"):
        table.add_column(name, justify="right", no_wrap=True)
    if evaluation.weighted_by:
        table.caption = Text(weighing(evaluation.weighted_by), "dim")
        table.caption_justify = "left"
    others = [
        {one.title: one for one in part} for part in (evaluation.baseline, evaluation.training)
    ]
    for score in evaluation.test:
        bounds = f"{score.bounds} ({score.interval})" if score.bounds else ""
        same = [part.get(score.title) for part in others]
        values = [one.text if one else "" for one in same]
        table.add_row(Text(score.title), Text(score.text, "bold green"), Text(bounds), *values)
    return table


def class_table(classes: Sequence[ClassScores], width: int) -> RenderableType:
    """Return precision, recall and F1 score of each class, or of those with the lowest F1.

    Args:
        classes: the scores.
        width: that there is room for; without room for the intervals, they are left out.
    """
    shown, title = list(classes), "by class"
    if len(shown) > _MOST_CLASSES:
        shown = sorted(shown, key=lambda one: np.nan_to_num(one.scores[-1].value, nan=-1.0))
        shown = shown[:_FEWER_CLASSES]
        title = f"of the {_FEWER_CLASSES} of {len(classes)} classes with the lowest F1 score"
    names = [cut(each.name, _LONGEST_NAME) for each in shown]
    counts = [f"{each.rows:,}" for each in shown]
    longest = max(map(len, names)) + max(4, *map(len, counts))
    bounded = longest + _WIDTH_OF_CLASS_SCORES <= width
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for head in ("class", "rows", *(score.title for score in shown[0].scores)):
        table.add_column(head, justify="left" if head == "class" else "right", no_wrap=True)
    for name, count, each in zip(names, counts, shown, strict=True):
        table.add_row(Text(name), count, *(_with_bounds(score, bounded) for score in each.scores))
    how = " (with 95 % intervals)" if bounded else ""
    return Group(
        Text(f"precision, recall and F1 score {title} on the test set{how}", "dim"), table
    )


def _with_bounds(score: Score, bounded: bool) -> Text:
    """Return a score, and in brackets its interval."""
    text = Text(score.text)
    if bounded and score.bounds:
        text.append(f" ({score.bounds.replace(' to ', '–')})", "dim")
    return text


def loss_note(model: Model, evaluation: TestEvaluation) -> str:
    """Return why the loss of training isn't the log loss that the scores hold, or nothing."""
    loss = model.network_.targets.loss
    if "log loss" not in {score.name for score in evaluation.test}:
        return ""
    outputs = model.network_.weights.network.outputs
    reasons = []
    if loss.each_output_alone and outputs > 1:
        reasons.append(f"the sum over {outputs} outputs")
    if dict(loss.values()).get("label_smoothing"):
        reasons.append("of smoothed labels")
    if getattr(model, "class_weight", None) is not None:
        reasons.append("of rows weighted by class")
    if not loss.name.endswith("_cross_entropy"):
        reasons.append("not a log loss")
    if not reasons:
        return ""
    return (
        f"The loss in training is {loss.name}, {', '.join(reasons)}; the log loss is that of the "
        "predicted probabilities, and not comparable with it."
    )


def confusion_table(counts: NDArray[np.int64], names: Sequence[str], width: int) -> RenderableType:
    """Return the confusion matrix, or its largest errors if it is too wide or too large."""
    matrix = cells(confusion_chart(counts, names), width) if len(names) <= _MOST_CLASSES else None
    if matrix is None:
        title = Text("most frequent errors on the test set", "dim")
        return Group(title, _most_frequent(counts, names))
    title = Text(
        "confusion matrix of the test set (rows: true class, columns: predicted class)", "dim"
    )
    return Group(title, matrix)


def _most_frequent(counts: NDArray[np.int64], names: Sequence[str]) -> RenderableType:
    """Return the pairs of classes that are confused most often."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("true class")
    table.add_column("predicted as")
    table.add_column("rows", justify="right")
    table.add_column("of the true class", justify="right")
    for *pair, count, share in frequent_errors(counts, names, _MOST_CONFUSIONS):
        table.add_row(*(cut(name, _LONGEST_NAME) for name in pair), f"{count:,}", percent(share))
    return table if table.row_count else Text("No test row is classified wrongly.")


def residual_table(evaluation: TestEvaluation) -> Table:
    """Return the quantiles of the true values and of the residuals."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("of test rows")
    y, predicted = (
        np.asarray(part, dtype=np.float64).reshape(len(evaluation.y), -1)
        for part in (evaluation.y, evaluation.predicted)
    )
    columns = []
    for output in range(y.shape[1]):
        suffix = f" {output + 1}" if y.shape[1] > 1 else ""
        for name, values in (("true", y), ("true - predicted", y - predicted)):
            table.add_column(name + suffix, justify="right")
            columns.append(np.quantile(values[:, output], _QUANTILES).tolist())
    words = {0: "least", 0.5: "median", 1: "most"}
    for share, row in zip(_QUANTILES, zip(*columns, strict=True), strict=True):
        text = words.get(share, f"{percent(share, 0)} below")
        table.add_row(text, *map(short, row))
    return table


def pictures(evaluation: TestEvaluation, source: SplitData) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of the figures of the test set."""
    title = f"{source.data.name}: test rows"
    if evaluation.confusions is not None:
        classes, counts = evaluation.confusions
        names = names_of(source, classes)
        chart = confusion_chart(counts, names)
        yield CONFUSIONS, png(figure([chart], title, panel=cells_size(names)))
    elif source.learning == "regression":
        charts = residual_charts(evaluation.y, evaluation.predicted, source.data.target or "")
        yield RESIDUALS, png(figure(charts, title, across=2))
