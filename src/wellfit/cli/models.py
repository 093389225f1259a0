"""``wellfit models``: shelves of models, to take from by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellfit.cli.console import counted, pairs, screen
from wellfit.core.metrics import Metric

if TYPE_CHECKING:
    from rich.table import Table

    from wellfit.transfer import ShelvedModel

models_app = typer.Typer(no_args_is_help=True, help="A shelf of models, to take from by name.")

_COLUMNS = (
    *("name", "what", "inputs", "layers", "size"),
    *("trained on", "scores", "licence", "notes"),
)
_WIDE = 80  # letters of a line that columns need
Address = Annotated[str, typer.Argument(help="A folder, or an http(s) address.", metavar="SHELF")]


@models_app.command("list")
def list_models(
    shelf: Annotated[
        str | None, typer.Argument(help="A folder, or an http(s) address; else WELLFIT_SHELF.")
    ] = None,
) -> None:
    """List the models of a shelf. None is downloaded."""
    from wellfit.transfer import Shelf

    models = Shelf(shelf).list()
    if not models:
        screen().print("no model yet")
        return
    rows = [[_printable(cell) for cell in _row(model)] for model in models]
    console = screen()
    console.print(_table(rows) if console.width >= _WIDE else _one_below_the_other(rows))


def _table(rows: list[list[str]]) -> Table:
    """Return a row for each model, without the columns in which none has anything."""
    from rich.table import Table

    told = [place for place, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for place in told:
        name = _COLUMNS[place]
        figure = name in ("inputs", "size")
        table.add_column(
            name,
            style="bold cyan" if name == "name" else "",
            justify="right" if figure else "left",
            no_wrap=figure,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(row[place] for place in told))
    return table


def _one_below_the_other(rows: list[list[str]]) -> Table:
    """Return what is told of each model as lines, for a terminal too narrow for columns."""
    table = pairs()
    for row in rows:
        for name, cell in zip(_COLUMNS, row, strict=True):
            if cell:
                table.add_row(name, cell)
        table.add_row()
    return table


def _row(model: ShelvedModel) -> list[str]:
    several = f"{model.members} x " if model.members > 1 else ""
    classes = f", {counted(len(model.classes), 'output')}" if model.classes else ""
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
        model.licence,
        model.notes,
    ]


def _printable(text: str) -> str:
    """Return a stranger's text without what could steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


@models_app.command("add")
def add_model(
    shelf: Annotated[str, typer.Argument(help="The folder; made where there is none.")],
    model: Annotated[Path, typer.Argument(help="The folder of a run, or of a model.")],
    name: Annotated[str, typer.Option(help="What to call it.")],
    licence: Annotated[str, typer.Option(help="Under which it may be used.")] = "",
    notes: Annotated[str, typer.Option(help="What else a user should know.")] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the model of that name.")
    ] = False,
) -> None:
    """Copy a model to a shelf, with what its run says of the data and the test rows."""
    from wellfit.transfer import Shelf

    added = Shelf(shelf).add(
        model, name, licence=licence, notes=notes, overwrite=overwrite, **_told(model)
    )
    what = f"a {added.kind} of {counted(added.parameters, 'parameter')}"
    screen().print(f"{name}: {what} on the shelf {shelf}", soft_wrap=True)


def _told(path: Path) -> dict[str, Any]:
    """Return what a run says of its model: the data, and the scores on the test rows."""
    from contextlib import suppress

    from wellfit.cli.run_folder import CONFIG, MODEL, RESULT, read_config
    from wellfit.cli.run_forms import read_result_file
    from wellfit.core.errors import ModelFileError
    from wellfit.store import is_model

    if is_model(path) and path.name != MODEL:
        return {}
    config = read_config(path)
    run = path if (path / CONFIG).is_file() else path.parent
    scores: dict[str, float] = {}
    with suppress(OSError, ModelFileError, KeyError):
        test = read_result_file(run / RESULT)["test"]
        scores = {score["name"]: score["value"] for score in test if score["value"] is not None}
    data = config.get("data", {})
    rows = counted(data["training_rows"], "row") if "training_rows" in data else ""
    return {"data": ", ".join(filter(None, (data.get("name"), rows))), "scores": scores}


@models_app.command("get")
def get_model(
    shelf: Address,
    name: Annotated[str, typer.Argument(help="Of a model that `wellfit models list` lists.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="A new folder to copy it to; else where it is kept."),
    ] = None,
) -> None:
    """Fetch a model, check it, and print its folder, for `wellfit predict` and `load_model`."""
    from wellfit.transfer import Shelf

    screen().print(str(Shelf(shelf).get(name, out)), soft_wrap=True)
