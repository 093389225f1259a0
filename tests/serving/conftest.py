"""Small models of every kind that is served, each fitted once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from served import CLASSES, PAY, QUICK, TABLE, app_of
from wellfit import MLPClassifier, MLPRegressor
from wellfit.datasets import TableSchema
from wellfit.inference.table_schema import record_schema


@pytest.fixture(scope="session")
def classifier() -> MLPClassifier:
    """A classifier of the table, which was read from a file with a target and an id."""
    model = MLPClassifier(**QUICK).fit(TABLE, CLASSES)
    types = TableSchema.of(TABLE.assign(pay=CLASSES, dropped=1.0)).types
    record_schema(model, TableSchema(types, target="pay", ids=("name",), na_values=("?", "-9")))
    return model


@pytest.fixture(scope="session")
def app(classifier: MLPClassifier, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The application that serves the classifier."""
    return app_of(classifier, tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="session")
def calibrated() -> MLPRegressor:
    """A regressor with intervals."""
    return MLPRegressor(**QUICK, conformal="split", conformal_fraction=0.3).fit(TABLE, PAY)


Made = Callable[..., Any]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Return the application that serves a model."""
    return lambda model, *given, **more: app_of(model, tmp_path, *given, **more)
