"""The schema of the training file goes with the model, and is derived where none was kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from wellfit import MLPClassifier, MLPRegressor, load_model
from wellfit.datasets import TableSchema
from wellfit.inference.table_schema import known_levels, record_schema, table_schema


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "code": ["01", "A1", "01", "A1"],
            "flag": [True, False, True, None],
            "day": pd.to_datetime(pd.Series(["2024-01-01", "2024-01-02", "2024-01-03", None])),
            "n": [1.5, 2, 3, 4],
            "nothing": [None] * 4,
        }
    )


def test_a_recorded_schema_is_saved_and_loaded(tmp_path: Path) -> None:
    model = MLPRegressor((2,), epochs=1).fit(frame(), [1.0, 2.0, 3.0, 4.0])
    schema = TableSchema.of(frame(), {"n": ","}).adding(["?"], header=False)
    record_schema(model, schema)
    assert table_schema(load_model(model.save(tmp_path / "model"))) == schema
    model.fit(frame(), [1.0, 2.0, 3.0, 4.0])  # another table: the schema was the first one's
    assert table_schema(model) != schema


def test_a_schema_is_derived_from_the_encoder(tmp_path: Path) -> None:
    model = MLPClassifier((2,), epochs=1, early_stopping=False)
    model.fit(frame(), np.array(["a", "b", "a", "b"]))
    for each in (model, load_model(model.save(tmp_path / "model"))):
        schema = table_schema(each, "y")
        assert schema is not None
        assert schema.types == {
            "code": "text",
            "flag": "boolean",
            "day": "date",
            "n": "number",
            "nothing": "text",
            "y": "text",
        }
        assert known_levels(each) == {"code": ("01", "A1")}


def test_columns_without_names_have_no_schema() -> None:
    assert table_schema(MLPClassifier((2,), epochs=1).fit([[0.0], [1.0]], [0, 1])) is None
