"""``wellfit models``: list, add and fetch the models of a registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellfit.cli.console import key_value_table, screen
from wellfit.core.metrics import Metric
from wellfit.core.words import pluralize

if TYPE_CHECKING:
    from rich.table import Table

    from wellfit.inference import RegisteredModel

models_app = typer.Typer(
    no_args_is_help=True, help="List, add and fetch models of a model registry."
)

_COLUMNS = (
    *("name", "kind", "inputs", "layers", "size"),
    *("trained on", "scores", "license", "notes"),
)
_WIDE = 80  # characters of a line that the columns need
Address = Annotated[
    str, typer.Argument(help="A folder or an http(s) address.", metavar="REGISTRY")
]


@models_app.command("list")
def list_models(
    registry: Annotated[
        str | None,
        typer.Argument(
            help="A folder or an http(s) address; default: the variable WELLFIT_REGISTRY."
        ),
    ] = None,
) -> None:
    """List the models of a registry, without downloading them."""
    from wellfit.inference import ModelRegistry

    models = ModelRegistry(registry).list()
    if not models:
        screen().print("The registry has no models yet.")
        return
    rows = [[_printable(cell) for cell in _row(model)] for model in models]
    console = screen()
    console.print(_table(rows) if console.width >= _WIDE else _lines(rows))


def _table(rows: list[list[str]]) -> Table:
    """Return a table with a row for each model, without empty columns."""
    from rich.table import Table

    filled = [column for column, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in filled:
        name = _COLUMNS[column]
        numeric = name in ("inputs", "size")
        table.add_column(
            name,
            style="bold cyan" if name == "name" else "",
            justify="right" if numeric else "left",
            no_wrap=numeric,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(row[column] for column in filled))
    return table


def _lines(rows: list[list[str]]) -> Table:
    """Return a line for each property of each model, for a narrow terminal."""
    table = key_value_table()
    for row in rows:
        for name, cell in zip(_COLUMNS, row, strict=True):
            if cell:
                table.add_row(name, cell)
        table.add_row()
    return table


def _row(model: RegisteredModel) -> list[str]:
    several = f"{model.members} x " if model.members > 1 else ""
    classes = f", {len(model.classes)} classes" if model.classes else ""
    return [
        model.name,
        f"{model.kind}{classes}",
        f"{model.inputs:,}",
        several + "-".join(map(str, model.layers)),
        f"{model.size / 1e6:.1f} MB" if model.size >= 1e5 else f"{model.size / 1e3:.1f} kB",
        model.data,
        ", ".join(
            f"{name} {Metric.of(name).format(score, more=1)}"
            for name, score in model.scores.items()
        ),
        model.license,
        model.notes,
    ]


def _printable(text: str) -> str:
    """Return untrusted text without control characters of the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


@models_app.command("add")
def add_model(
    registry: Annotated[
        str, typer.Argument(help="The registry's folder; created if there is none.")
    ],
    model: Annotated[Path, typer.Argument(help="The folder of a run or of a model.")],
    name: Annotated[str, typer.Option(help="The model's name in the registry.")],
    license: Annotated[
        str, typer.Option(help="The license under which the model may be used.")
    ] = "",
    notes: Annotated[str, typer.Option(help="Anything else that a user should know.")] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model of the same name.")
    ] = False,
) -> None:
    """Copy a model into a registry, with its run's data set and test scores."""
    from wellfit.inference import ModelRegistry

    added = ModelRegistry(registry).add(
        model, name, license=license, notes=notes, overwrite=overwrite, **_description(model)
    )
    parameters = pluralize(added.parameters, "parameter")
    screen().print(f"Added {name} ({added.kind}, {parameters}) to {registry}", soft_wrap=True)


def _description(path: Path) -> dict[str, Any]:
    """Return the data set and the test scores of a run, as keywords of ``add``."""
    from contextlib import suppress

    from wellfit.cli.run_folder import CONFIG, MODEL, RESULT, read_config
    from wellfit.cli.run_forms import read_result_file
    from wellfit.core.errors import ModelFileError
    from wellfit.core.model_folder import is_model

    if is_model(path) and path.name != MODEL:
        return {}
    config = read_config(path)
    run = path if (path / CONFIG).is_file() else path.parent
    scores: dict[str, float] = {}
    with suppress(OSError, ModelFileError, KeyError):
        test = read_result_file(run / RESULT)["test"]
        scores = {score["name"]: score["value"] for score in test if score["value"] is not None}
    data = config.get("data", {})
    rows = pluralize(data["training_rows"], "row") if "training_rows" in data else ""
    return {"data": ", ".join(filter(None, (data.get("name"), rows))), "scores": scores}


@models_app.command("get")
def get_model(
    registry: Address,
    name: Annotated[
        str, typer.Argument(help="The model's name, as `wellfit models list` shows it.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="A new folder for the copy; default: the cache."),
    ] = None,
) -> None:
    """Fetch a model, verify its checksums and print its folder."""
    from wellfit.inference import ModelRegistry

    screen().print(str(ModelRegistry(registry).get(name, out)), soft_wrap=True)
