"""ServedModel: a fitted model as requests ask it, by NumPy where it can be."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.errors import DataError
from wellfit.datasets.csv_files import csv_blocks, layout_of
from wellfit.datasets.files import InMemoryFile, reading
from wellfit.datasets.schema import TableSchema
from wellfit.datasets.tables import refuse_missing, refuse_unreadable, typed_values
from wellfit.datasets.typed import refuse_infinity
from wellfit.inference import NumpyModel, read_numpy_model
from wellfit.inference.cells import CellReader, ReadCells
from wellfit.inference.levels import quantiles_by_level
from wellfit.inference.table_schema import known_levels, table_schema
from wellfit.serving.answers import ModelAnswers
from wellfit.serving.asked import AskedFor
from wellfit.serving.rows import ORIGIN, RowForm, matrix_rows, place

Rows: TypeAlias = "ReadCells | pd.DataFrame | NDArray[Any]"
MOST_ROWS = 4096  # predicted together, unless one request has more
_MOST_COLUMNS = 10_000  # of a csv, beside the model's
_MOST_CELLS = 2**18  # that are predicted before the first request: some MB


class ServedModel:
    """A fitted model, with the columns that it reads.

    What NumPy can predict is predicted by NumPy, which takes less time than PyTorch where rows
    are few, and several threads may ask for at once. Intervals, sets, ensembles and networks that
    have no form in NumPy are the estimator's.

    Args:
        quick: the model as NumPy predicts it; None where it can't.
        estimator: the fitted estimator or ensemble; None where it isn't needed.
        schema: how tables are read for it; None where its columns have no names.

    >>> import tempfile
    >>> from wellfit import MLPClassifier
    >>> X = pd.DataFrame({"size": [0.0, 1.0], "colour": ["red", "blue"]})
    >>> clf = MLPClassifier((4,), epochs=2, random_state=0).fit(X, ["a", "b"])
    >>> model = ServedModel.load(clf.save(tempfile.mkdtemp() + "/model"))
    >>> rows = model.read([{"size": 0.5, "colour": None}], AskedFor())
    >>> model.predict([rows], AskedFor())[0].document()["classes"]
    ['a', 'b']

    Attributes:
        columns: the names of the columns; empty where they have none.
        classes: the labels of a classifier; None of a regressor.
        levels: those of each column of text or categories.
    """

    def __init__(
        self, quick: NumpyModel | None, estimator: Any, schema: TableSchema | None
    ) -> None:
        self.quick, self.estimator, self.schema = quick, estimator, schema
        model = estimator if quick is None else quick
        self.classes: NDArray[Any] | None = getattr(model, "classes_", None)
        self.levels = known_levels(model)
        self.columns = [str(name) for name in getattr(model, "feature_names_in_", ())]
        self.width = len(self.columns) or int(estimator.n_features_in_)
        # Columns that training left out are ignored, as `predict` ignores them.
        besides = () if schema is None else (*schema.ids, schema.target, *schema.types)
        self.form = RowForm(self.columns, [name for name in besides if name is not None])
        self._reader = None
        if quick is not None and schema is not None:
            self._reader = CellReader(quick, schema)

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        *,
        target: str | None = None,
        na_values: Sequence[str] = (),
        device: str = "auto",
        load: Callable[[Any], Any] | None = None,
    ) -> ServedModel:
        """Load a model folder, of an estimator or of an ensemble.

        Args:
            folder: that ``save`` wrote.
            target: the column that it predicts, where its training table wasn't recorded.
            na_values: further values that mean missing.
            device: that PyTorch computes on; NumPy's is the CPU.
            load: returns the estimator of the folder; None for :func:`wellfit.load_model`.

        Raises:
            ModelFileError: there is no model, or it is damaged or newer.
        """
        quick = read_numpy_model(folder) if device in ("auto", "cpu") else None
        estimator: Any = None
        if quick is None or quick.network_.conformal:
            estimator = (load or _load_model)(folder)
            for network in getattr(estimator, "estimators_", [estimator]):
                network.set_params(device=device)
        schema = table_schema(estimator if quick is None else quick, target)
        return cls(quick, estimator, None if schema is None else schema.adding(na_values))

    @property
    def is_calibrated(self) -> bool:
        """Whether it predicts intervals or sets."""
        if self.estimator is None:  # NumPy predicts, which has no intervals and sets
            return False
        from wellfit.estimators.conformal import known_scores  # imports PyTorch

        return known_scores(self.estimator) is not None

    @property
    def is_named(self) -> bool:
        """Whether its columns have names."""
        return self.schema is not None

    def is_quick(self, asked: AskedFor) -> bool:
        """Return whether NumPy predicts what is asked for."""
        return self._reader is not None and not asked.is_conformal

    def warm_up(self) -> None:
        """Predict rows of missing values, if NumPy predicts, as many as of several requests.

        The C library's allocator then keeps as much memory as this took. Before, it gives that of
        each batch back to the system, and pages that come anew take a sixth of a request's time.
        """
        asked = AskedFor()
        if self.is_quick(asked):
            rows = min(MOST_ROWS, 1 + _MOST_CELLS // len(self.columns))
            missing = self.read(dict.fromkeys(self.columns, [None] * rows), asked)
            self.predict([missing], asked)

    def refuse(self, asked: AskedFor) -> None:
        """Refuse intervals and sets that the model doesn't have.

        Raises:
            InputError: says why.
        """
        asked.refuse_of(classifies=self.classes is not None, calibrated=self.is_calibrated)

    def read(self, document: Any, asked: AskedFor) -> Rows:
        """Return the rows of a JSON document.

        Raises:
            DataError: they aren't such as the model reads; by the message for tables.
        """
        if self.schema is None:
            return self._matrix(matrix_rows(document, self.width))
        columns = self.form.columns_of(document, ignore_extra=asked.ignore_extra)
        if self.is_quick(asked) and self._reader is not None:
            return self._reader.read(columns, place)
        return self._typed(pd.DataFrame(dict(zip(self.columns, columns, strict=True))))

    def read_frame(self, table: pd.DataFrame) -> Rows:
        """Return the rows of a data frame, of which other columns are ignored.

        Args:
            table: (rows, columns) with the model's columns, in any order.

        Raises:
            DataError: as of :meth:`read`.
        """
        if self.schema is None:
            return self._matrix(table.to_numpy())
        refuse_missing([str(name) for name in table.columns], self.columns, ORIGIN)
        read = self._typed(table[self.columns].reset_index(drop=True))
        return read if self._reader is None else self._reader.read_table(read)

    def read_csv(self, data: bytes, asked: AskedFor) -> Rows:
        """Return the rows of a csv file, with a header if training had one.

        Raises:
            DataError: as of :meth:`read`.
        """
        if self.schema is None:
            raise DataError("the model's columns have no names, so it reads no csv; expected JSON")
        file, schema = InMemoryFile(data, ORIGIN), self.schema
        # Nothing is read of a target that may be unreadable.
        schema = replace(schema, types={name: schema.types[name] for name in self.columns})
        with reading(file):
            layout = layout_of(file, schema if schema.header else self.schema)
            if len(layout.names) > len(self.columns) + _MOST_COLUMNS:
                raise DataError(f"{ORIGIN} has {len(layout.names):,} columns; expected fewer")
            refuse_missing(layout.names, self.columns, ORIGIN)
            if not asked.ignore_extra:
                self.form.refuse_extra(layout.names)
            (table,) = csv_blocks(layout, schema, self.columns, None)
        refuse_unreadable(table, file)
        refuse_infinity(table, layout.place)
        if self.is_quick(asked) and self._reader is not None:
            return self._reader.read_table(table)
        return table

    def predict(self, parts: Sequence[Rows], asked: AskedFor) -> list[ModelAnswers]:
        """Return the predictions of several requests' rows, made together.

        Args:
            parts: the rows of each, as :meth:`read` returns them for what is asked.
            asked: what all of them ask for.
        """
        if self.is_quick(asked) and self.quick is not None and self._reader is not None:
            encoded = self._reader.encode(ReadCells.joined(parts))  # type: ignore[arg-type]
            found = self.quick.answers(self.quick.network_.outputs_of(encoded))
            answers = ModelAnswers(*found, self.classes)
        else:
            answers = self._by_estimator(_joined(parts), asked)
        ends = np.cumsum([len(part) for part in parts]).tolist()
        return [answers.part(*each) for each in zip([0, *ends], ends, strict=False)]

    def _typed(self, table: pd.DataFrame) -> pd.DataFrame:
        assert self.schema is not None
        refuse_unreadable(table, ORIGIN)
        table = typed_values(table, self.schema, place)
        refuse_infinity(table, place)
        return table

    def _by_estimator(self, X: Any, asked: AskedFor) -> ModelAnswers:
        from wellfit.fitting.scoring import precomputed  # imports PyTorch

        model = self.estimator
        if hasattr(model, "outputs"):  # of one network: passed through once for all answers
            model = precomputed(model, model.outputs(X))
        chances = model.predict_proba(X) if self.classes is not None else None
        intervals = {
            text: model.predict_interval(X, level).reshape(len(X), -1, 2)
            for text, level in asked.intervals
        }
        sets = {text: model.predict_set(X, level) for text, level in asked.sets}
        quantiles = quantiles_by_level(model, X)
        predictions = np.asarray(model.predict(X))
        return ModelAnswers(predictions, chances, self.classes, intervals, sets, quantiles)

    def _matrix(self, rows: Any) -> NDArray[Any]:
        matrix = np.array(rows, dtype=np.float64)
        first = getattr(self.estimator, "estimators_", [self.estimator])[0]
        if first.network_.features.kind == "pixels":
            pixels = matrix.astype(np.uint8)
            return pixels if np.array_equal(pixels, matrix) else matrix
        return matrix


def _load_model(folder: Any) -> Any:
    from wellfit.estimators import load_model  # imports PyTorch

    return load_model(folder)


def _joined(parts: Sequence[Any]) -> Any:
    """Return the rows of several requests as one table."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], pd.DataFrame):
        return pd.concat(parts, ignore_index=True)
    return np.concatenate(parts)
