"""A table of every kind of column, small models of it, and the application that serves one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from wellfit.cli.app import app as command
from wellfit.serving import Limits, ServedModel, create_app, describe

ROWS = 80
QUICK: dict[str, Any] = {
    "hidden_layer_sizes": (6,),
    "epochs": 3,
    "random_state": 0,
    "early_stopping": False,
    "validation_folds": None,
    "n_threads": 1,
}


def make_table() -> pd.DataFrame:
    """A table of every kind of column, with gaps."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.integers(18, 70, ROWS), "hours": rng.normal(40, 5, ROWS)})
    table.loc[::9, "hours"] = np.nan
    table["job"] = np.resize(["cook", "clerk", None, "nurse"], ROWS)
    table["member"] = table["age"] > 40
    table["since"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS), unit="D")
    return table


TABLE = make_table()
PAY = (100 * TABLE["age"]).to_numpy(float)
CLASSES = np.where(PAY > 4500, "high", "low")


def app_of(model: Any, folder: Path, limits: Limits | None = None, **more: Any) -> Any:
    """Return the application that serves a fitted model."""
    served = ServedModel.load(model.save(folder / "model"), **more)
    served.warm_up()  # as the command does: whatever the columns, it fails for none
    return create_app(served, describe(served, "tested"), limits)


NEW = TABLE.iloc[::7].reset_index(drop=True)
ROW: dict[str, Any] = {
    "age": 30,
    "hours": 38.5,
    "job": "cook",
    "member": True,
    "since": "2024-02-29",
}


def plain(table: pd.DataFrame = NEW) -> list[dict[str, Any]]:
    """The rows of a table, as JSON's plain data."""
    return json.loads(table.to_json(orient="records", date_format="iso"))


def columns(found: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in found] for name in found[0]}


def by_command(model: Any, folder: Path, table: pd.DataFrame, *words: str) -> str:
    """What `wellfit predict` writes."""
    table.to_csv(folder / "rows.csv", index=False)
    saved = str(model.save(folder / "saved"))
    done = CliRunner().invoke(
        command, ["predict", saved, str(folder / "rows.csv"), "-o", "-", *words]
    )
    assert done.exit_code == 0, done.output
    return done.stdout
