"""What came of a training: figures on test rows, confusions or residuals, in words and files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from wellfit.cli.console import counted
from wellfit.cli.run_folder import CONFUSIONS, RESIDUALS
from wellfit.cli.settings import Model
from wellfit.cli.source import Source
from wellfit.diagnose import Report, Verdict, verdict
from wellfit.report import (
    Score,
    classification_scores,
    confusion,
    confusion_picture,
    png,
    regression_scores,
    residual_picture,
)
from wellfit.report.words import percent, short

_MOST_CLASSES = 20  # beyond this a confusion matrix gives way to a list of confusions
_MOST_CONFUSIONS = 10
_LONGEST_NAME, _LONGEST_IN_LIST = 16, 30
_QUANTILES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Outcome:
    """A model's answers on the test rows, and its figures there and on the training rows.

    ``baseline`` says how good the answer is that looks at no column.
    """

    y: NDArray[Any]
    predicted: NDArray[Any]
    test: list[Score]
    training: list[Score]
    baseline: str
    confusions: tuple[list[Any], NDArray[np.int64]] | None

    def plain(self) -> dict[str, Any]:
        """Return what the run folder keeps."""
        document: dict[str, Any] = {
            "test_rows": len(self.y),
            "test": [asdict(score) for score in self.test],
            "training": [asdict(score) for score in self.training],
        }
        if self.confusions is not None:
            classes, counts = self.confusions
            document["confusion"] = {"classes": classes, "counts": counts.tolist()}
        return document


def judge(model: Model, source: Source) -> Outcome:
    """Predict the test rows and the training rows, and compare with the truth."""
    data = source.data
    y, y_train = np.asarray(data.y_test), np.asarray(data.y)
    predicted, test = _scored(model, data.X_test, y, source)
    _, training = _scored(model, data.X, y_train, source)
    one_class_each = source.learning == "classification" and y.ndim == 1
    confusions = confusion(y, predicted, list(model.classes_)) if one_class_each else None
    return Outcome(y, predicted, test, training, _baseline(y_train, y, source), confusions)


def verdict_on(model: Model, source: Source, judged: str, checks: Report) -> Verdict:
    """Judge how well the model was fit: on validation rows where there are any.

    Args:
        model: fitted.
        source: what it was fitted to.
        judged: ``"test"`` where no rows but the test rows, all of known classes, can judge it.
        checks: of the data.
    """
    data = source.data
    X, y = (data.X_test, data.y_test) if judged == "test" else (data.X_val, data.y_val)
    return verdict(model, data.X, data.y, X, y, data_findings=checks)


def _scored(
    model: Model, X: Any, y: NDArray[Any], source: Source
) -> tuple[NDArray[Any], list[Score]]:
    if source.learning == "regression":
        predicted = np.asarray(model.predict(X))
        return predicted, regression_scores(y, predicted)
    chances = model.predict_proba(X)
    classes = model.classes_
    predicted = model.predict(X) if y.ndim > 1 else np.asarray(classes)[chances.argmax(axis=1)]
    return predicted, classification_scores(y, predicted, chances, classes)


def _baseline(y_train: NDArray[Any], y: NDArray[Any], source: Source) -> str:
    if y.ndim > 1:
        return ""
    if source.learning == "regression":
        error = float(np.sqrt(np.mean((y.astype(float) - y_train.astype(float).mean()) ** 2)))
        return f"Always answering the training rows' mean would have an RMSE of {short(error)}."
    labels, counts = np.unique(y_train, return_counts=True)
    commonest = labels[[counts.argmax()]].tolist()
    share = percent(float((y == commonest[0]).mean()))
    name = names_of(source, commonest)[0]
    return f"Always answering {name} would be right for {share} of the test rows."


def names_of(source: Source, classes: Sequence[Any]) -> list[str]:
    """Return what to call classes: ``trouser`` for 1, where the data say so."""
    named = source.data.class_names
    if named and all(isinstance(c, int) and 0 <= c < len(named) for c in classes):
        return [named[c] for c in classes]
    return [str(c) for c in classes]


def show(outcome: Outcome, source: Source, console: Console) -> None:
    """Print the baseline, then the confusions or residuals."""
    if outcome.baseline:
        console.print(Text(outcome.baseline, "dim"))
    console.print()
    if outcome.confusions is not None:
        classes, counts = outcome.confusions
        console.print(confusions(counts, names_of(source, classes), console.width))
    elif source.learning == "regression":
        console.print(residuals(outcome))
    console.print()


def scores(outcome: Outcome) -> Table:
    """Return a table of the figures with their intervals, and of those on the training rows."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("")
    for name in (f"on {counted(len(outcome.y), 'test row')}", "95 % interval", "on training rows"):
        table.add_column(name, justify="right", no_wrap=True)
    training = {score.name: score for score in outcome.training}
    for score in outcome.test:
        bounds = f"{_told(score, score.low)} to {_told(score, score.high)} ({score.interval})"
        same = training.get(score.name)
        learned = _told(same, same.value) if same else ""
        table.add_row(score.name, Text(_told(score, score.value), "bold green"), bounds, learned)
    return table


def _told(score: Score, value: float) -> str:
    return percent(value) if score.is_share else short(value)


def confusions(counts: NDArray[np.int64], names: Sequence[str], width: int) -> RenderableType:
    """Return the matrix where it fits the width and can be taken in, else its largest errors."""
    columns = max(max(len(f"{counts.max()}"), 1) + 1, 3)
    head = min(max(map(len, names)), _LONGEST_NAME) + 4
    if len(names) > _MOST_CLASSES or head + columns * len(names) > width:
        return Group(
            Text("the commonest confusions of test rows", "dim"), _commonest(counts, names)
        )
    title = Text("test rows: true classes down, predicted classes across", "dim")
    return Group(title, _matrix(counts, names))


def _matrix(counts: NDArray[np.int64], names: Sequence[str]) -> Table:
    fitting = max(map(len, names)) <= max(len(f"{counts.max()}"), 2)
    keys = list(names) if fitting else list(_LETTERS[: len(names)])
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("")
    for key in keys:
        table.add_column(key, justify="right", no_wrap=True)
    for true, (name, row) in enumerate(zip(names, counts.tolist(), strict=True)):
        label = Text(name if fitting else f"{keys[true]} {_cut(name)}", "bold")
        table.add_row(label, *(_cell(count, true == place) for place, count in enumerate(row)))
    return table


def _cell(count: int, right: bool) -> Text:
    if not count:
        return Text(".", "dim")
    return Text(f"{count}", "green" if right else "bold yellow")


def _commonest(counts: NDArray[np.int64], names: Sequence[str]) -> RenderableType:
    """Return the pairs of classes that are confused most often."""
    errors = counts.copy()
    np.fill_diagonal(errors, 0)
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("true class")
    table.add_column("predicted as")
    table.add_column("rows", justify="right")
    table.add_column("of the true class", justify="right")
    for place in np.argsort(-errors, axis=None, kind="stable")[:_MOST_CONFUSIONS].tolist():
        true, predicted = divmod(place, len(names))
        count = int(errors[true, predicted])
        if count:
            share = percent(count / counts[true].sum())
            pair = (_cut(names[place], _LONGEST_IN_LIST) for place in (true, predicted))
            table.add_row(*pair, f"{count:,}", share)
    return table if table.row_count else Text("No test row is taken for another class.")


def _cut(name: str, longest: int = _LONGEST_NAME) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def residuals(outcome: Outcome) -> Table:
    """Return quantiles of the true values, and of what is left of them by the predictions."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("of test rows")
    y, predicted = (
        np.asarray(part, dtype=np.float64).reshape(len(outcome.y), -1)
        for part in (outcome.y, outcome.predicted)
    )
    columns = []
    for output in range(y.shape[1]):
        suffix = f" {output + 1}" if y.shape[1] > 1 else ""
        for name, values in (("true", y), ("true - predicted", y - predicted)):
            table.add_column(name + suffix, justify="right")
            columns.append(np.quantile(values[:, output], _QUANTILES).tolist())
    words = {0: "least", 0.5: "median", 1: "most"}
    for share, row in zip(_QUANTILES, zip(*columns, strict=True), strict=True):
        told = words.get(share, f"{percent(share, 0)} below")
        table.add_row(told, *map(short, row))
    return table


def pictures(outcome: Outcome, source: Source) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the pictures of the test rows."""
    title = f"{source.data.name}: test rows"
    if outcome.confusions is not None:
        classes, counts = outcome.confusions
        drawn = confusion_picture(counts, names_of(source, classes), title)
        yield CONFUSIONS, png(drawn)
    elif source.learning == "regression":
        unit = source.data.target or ""
        yield (
            RESIDUALS,
            png(residual_picture(outcome.y, outcome.predicted, title=title, unit=unit)),
        )
