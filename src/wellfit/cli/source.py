"""Loading the data of a command: columns dropped, test and validation sets split off."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.cli.reading_notes import notes_on, unknown_levels
from wellfit.cli.request import Request, by_time_or_groups
from wellfit.cli.splits import (
    ColumnSplit,
    Cut,
    later_rows,
    row_weights,
    set_aside,
    whole_groups,
)
from wellfit.cli.unusable import refuse_infinities
from wellfit.core.errors import DataError, InputError, UnknownNameError
from wellfit.core.words import percent, pluralize
from wellfit.datasets import (
    Dataset,
    StreamedTable,
    infer_task,
    load,
    select_classes,
    train_test_split,
)
from wellfit.datasets.tables import refuse_missing
from wellfit.datasets.task import MOST_CLASSES, ROWS_PER_CLASS, Kind

if TYPE_CHECKING:
    from wellfit.diagnose import Report

Learning = Literal["classification", "regression"]


@dataclass(frozen=True)
class SplitData:
    """Data with a test set, the kind of their target, and the origin of the test set.

    ``notes`` are notes on how the file was read; ``heeded`` names the data checks whose advice the
    split already follows; ``columns`` is the split by columns, None where it is random or given;
    ``weights`` and ``test_weights`` are those of the training and the test rows, None where all
    count alike, and ``weighted_by`` is their column.
    ``whole`` is the data that ``data`` is a sample of, None where it is all of them.
    """

    data: Dataset
    kind: Kind
    split: str
    notes: tuple[str, ...] = ()
    heeded: tuple[str, ...] = ()
    columns: ColumnSplit | None = None
    weights: NDArray[np.float64] | None = None
    test_weights: NDArray[np.float64] | None = None
    weighted_by: str = ""
    whole: Dataset | None = None

    @property
    def learning(self) -> Learning:
        """Return which estimator the data need."""
        return "regression" if self.kind == "regression" else "classification"

    @property
    def target(self) -> str:
        """The name of the target."""
        return self.data.target or "label"

    def relevant(self, report: Report) -> Report:
        """Return the findings without those whose advice the split already follows."""
        kept = tuple(one for one in report.findings if one.check not in self.heeded)
        return replace(report, findings=kept)


def open_source(wanted: Request) -> SplitData:
    """Load data by name or path, and prepare them for training.

    Raises:
        InputError: invalid data, target or columns; says why.

    >>> open_source(Request("iris", drop=("petal width (cm)",))).data
    <Dataset 'iris': 120 rows, 3 columns, 30 test rows>
    """
    data, warned = _loaded(wanted)
    loaded = data
    _refuse_other_names(data, wanted)
    weights = None if wanted.weights is None else row_weights(data.X, wanted.weights)
    if wanted.test is not None:
        data = _with_test(data, wanted.test, wanted)
    given_weights = _given_test_weights(data, wanted)
    data = _of_classes(data, wanted)
    wanted = by_time_or_groups(wanted, data.X)
    cut = _cut(wanted, data.X)
    for column in dict.fromkeys((*wanted.drop, *wanted.aside)):
        data = _without(data, column)
    kind = _kind(data, wanted.task)
    if kind == "regression":
        data = replace(data, **{part: _numbers(data, part) for part in ("y", "y_val", "y_test")})
    _refuse_missing_targets(data)
    refuse_infinities(data, wanted.name, wanted.test)
    notes = (*warned, *notes_on(loaded, wanted.name), *unknown_levels(data.X, data.X_test))
    n_rows, has_test = len(data.X), data.X_test is not None
    data, split = _divided(data, kind, wanted, cut)
    heeded = ("row_order",) if wanted.time_column else ()
    heeded = ("repeated_entities",) if wanted.group_column else heeded
    columns = None
    if cut is not None:
        columns = ColumnSplit(cut, n_rows, wanted.test_fraction, bool(wanted.time_column))
    found = SplitData(data, kind, split, notes, heeded, columns)
    if weights is None:
        return found
    tested = given_weights if has_test else _weights_of(data.X_test, weights)
    return _weighed(found, _weights_of(data.X, weights), tested, str(wanted.weights))


def _weighed(
    source: SplitData,
    own: NDArray[np.float64],
    tested: NDArray[np.float64] | None,
    column: str,
) -> SplitData:
    """Return data whose rows count by weights, the test rows only if they have some."""
    if tested is None:
        alone = f"the test rows have no column {column} (--weights): all count alike"
        return replace(source, weights=own, notes=(*source.notes, alone))
    if not tested.any():
        raise DataError(
            f"--weights {column} is 0 in all test rows; expected at least one that counts"
        )
    return replace(source, weights=own, test_weights=tested, weighted_by=column)


def _weights_of(X: Any, weights: pd.Series[float]) -> NDArray[np.float64]:
    """Return the weights of rows that were taken from all."""
    there: Any = X.row_numbers if isinstance(X, StreamedTable) else X.index
    return weights.loc[there].to_numpy(np.float64)


def _given_test_weights(data: Dataset, wanted: Request) -> NDArray[np.float64] | None:
    """Return the weights of a test set of its own, if it has their column."""
    name, X = wanted.weights, data.X_test
    if name is None or X is None or name not in X.columns or pd.isna(X[name]).all():
        return None
    return np.asarray(row_weights(X, name, " of the test set"), dtype=np.float64)


def _loaded(wanted: Request) -> tuple[Dataset, list[str]]:
    """Return data by name or path, and what reading them has warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        data = load(
            wanted.name,
            target=wanted.target,
            data_dir=wanted.data_dir,
            allow_pickle=wanted.allow_pickle,
            schema=wanted.schema,
            memory=wanted.memory,
        )
    return data, [str(one.message) for one in caught if one.category is UserWarning]


def _of_classes(data: Dataset, wanted: Request) -> Dataset:
    """Return the rows of the classes that were asked for; all of them if none were."""
    if wanted.classes is None:
        return data
    if wanted.task == "classification" and data.task is None:
        data = replace(data, task="multiclass")  # numbers count as classes if the user says so
    return select_classes(data, wanted.classes)


def _cut(wanted: Request, X: Any) -> Cut | None:
    """Return the function that splits by time or by groups; None for a random split."""
    if wanted.time_column:
        return later_rows(X, wanted.time_column)
    if wanted.group_column is not None:
        return whole_groups(X, wanted.group_column, wanted.seed)
    return None


def _divided(data: Dataset, kind: Kind, wanted: Request, cut: Cut | None) -> tuple[Dataset, str]:
    """Return data with a test set, and the origin of the test set."""
    if data.X_test is not None:
        if cut is not None:
            raise InputError(f"{data.name} already has a test set, so no other can be split off")
        return data, f"from {wanted.test}" if wanted.test else "the data's own test set"
    # With the task as decided, so that the split is stratified by class.
    data, share = replace(data, task=kind), percent(wanted.test_fraction, 0)
    if cut is None:
        split = f"a random {share} of the rows, seed {wanted.seed}"
        return train_test_split(data, wanted.test_fraction, wanted.seed), split
    data = set_aside(data, cut, wanted.test_fraction, wanted.validation_fraction)
    if wanted.time_column:
        return data, f"the latest {share} of the rows by {', '.join(wanted.time_column)}"
    return data, f"{share} of the groups by {wanted.group_column}, seed {wanted.seed}"


def _with_test(data: Dataset, path: Path, wanted: Request) -> Dataset:
    test = load(path, target=data.target, allow_pickle=wanted.allow_pickle, schema=data.schema)
    X: Any = test.X
    if hasattr(data.X, "columns"):
        weights = {wanted.weights} & set(map(str, getattr(X, "columns", ())))
        aside = set(wanted.aside) - weights
        features = [str(name) for name in data.X.columns if name not in aside]
        # What is no feature may be missing here; its column is dropped from both below.
        X = select(X, features, str(path))
        if not isinstance(X, StreamedTable):
            X = X.reindex(columns=data.X.columns)
    return replace(data, X_test=X, y_test=test.y)


def select(table: Any, columns: Sequence[str], origin: str) -> Any:
    """Return columns of a table by name, in this order.

    Raises:
        DataError: a column is missing; names the nearest one.
    """
    if not hasattr(table, "columns"):
        raise DataError(f"{origin} has no column names; expected {', '.join(columns[:5])}, …")
    refuse_missing([str(column) for column in table.columns], columns, origin)
    if isinstance(table, StreamedTable):
        return table.select(columns)
    return table[list(columns)]


def _without(data: Dataset, column: str) -> Dataset:
    if not hasattr(data.X, "columns"):
        raise InputError(f"{data.name} has no column names, so --drop {column} is invalid")
    known = [str(name) for name in data.X.columns]
    if column not in known and "," in column:  # several, unless that is the name of one
        for name in column.split(","):
            data = _without(data, name.strip())
        return data
    if column not in known:
        raise UnknownNameError(f"column of {data.name}", column, known)
    if len(known) == 1:
        raise InputError(f"without {column} there are no columns left; expected a feature")
    parts = ("X", "X_val", "X_test")
    kept = {part: getattr(data, part) for part in parts if getattr(data, part) is not None}
    return replace(data, **{part: X.drop(columns=column) for part, X in kept.items()})


def _refuse_other_names(data: Dataset, wanted: Request) -> None:
    """Raise an error for a column that a command names and the data don't have."""
    named = {name: option for name, option in wanted.named_columns.items() if option != "--drop"}
    if not named:
        return
    if not hasattr(data.X, "columns"):
        name, option = next(iter(named.items()))
        raise InputError(f"{data.name} has no column names, so {option} {name} is invalid")
    known = [str(name) for name in data.X.columns]
    for name, option in named.items():
        if name not in known and (option != "--types" or name != data.target):
            raise UnknownNameError(f"column for {option}", name, known)
        read = {} if data.schema is None else data.schema.types
        if option == "--types" and read.get(name) != wanted.schema.types[name]:
            raise InputError(
                f"--types {name} needs a csv or parquet file, and {data.name} is a data set whose "
                "columns have their types"
            )


def _kind(data: Dataset, task: str) -> Kind:
    """Return the task: as requested, as stated by the data set, or inferred from the target."""
    inferred = infer_task(data.y).kind  # raises if the target is empty or constant
    if task == "auto" and data.task is None and _has_stray_text(data):
        return "regression"
    if task == "auto":
        _refuse_singletons(data)
        return data.task or inferred
    if task == "regression":
        return "regression"
    if task != "classification":
        raise UnknownNameError("task", task, ("auto", "classification", "regression"))
    if inferred == "regression":
        distinct = len(np.unique(np.asarray(data.y)))
        return "binary" if distinct == 2 else "multiclass"
    return inferred


def _refuse_singletons(data: Dataset) -> None:
    """Raise a DataError if most texts are nearly unique, such as names or prices in dollars."""
    y = data.y
    if y.ndim > 1 or pd.api.types.is_numeric_dtype(y.dtype):
        return
    texts = pd.Series(np.asarray(y)).dropna()
    distinct = texts.nunique()
    if distinct > max(MOST_CLASSES, len(texts) / ROWS_PER_CLASS):
        raise DataError(
            f"{_target(data)} holds {distinct:,} different texts in {len(texts):,} rows, such as "
            f"{texts.iloc[0]!r}; expected classes with several rows each, or numbers (--task "
            "classification accepts it)"
        )


def _has_stray_text(data: Dataset) -> bool:
    """Return whether a text column has numbers except in a few cells."""
    y = data.y
    if y.ndim > 1 or pd.api.types.is_numeric_dtype(y.dtype):
        return False
    numbers = pd.to_numeric(pd.Series(np.asarray(y)), errors="coerce").dropna()
    mostly = len(numbers) > len(y) / 2 and numbers.nunique() > 1
    return mostly and infer_task(numbers).kind == "regression"


def _numbers(data: Dataset, part: str) -> Any:
    """Return a regression target as numbers.

    Raises:
        DataError: the target contains text; names the first cell.
    """
    y = getattr(data, part)
    if y is None or y.ndim > 1 or pd.api.types.is_numeric_dtype(y.dtype):
        return y
    values = pd.Series(np.asarray(y))
    numbers = pd.to_numeric(values, errors="coerce")
    stray = values[numbers.isna() & values.notna()]
    if len(stray):
        raise DataError(
            f"{_target(data)} has text in {pluralize(len(stray), 'row')} of {len(y):,}, the first "
            f"{stray.iloc[0]!r} in row {stray.index[0] + 1:,}; expected numbers; for classes use "
            "--task classification"
        )
    return numbers.to_numpy(float)


def _target(data: Dataset) -> str:
    return f"the target {data.target!r}" if data.target else "the target"


def _refuse_missing_targets(data: Dataset) -> None:
    for part in ("y", "y_val", "y_test"):
        y = getattr(data, part)
        missing = 0 if y is None else int(pd.DataFrame(y).isna().any(axis=1).sum())
        if missing:
            where = {"y": "", "y_val": " in the validation set", "y_test": " in the test set"}[
                part
            ]
            raise DataError(
                f"{_target(data)} is missing in {pluralize(missing, 'row')} of {len(y):,}{where}; "
                "expected a value in every row: fill in the values, or remove these rows"
            )
