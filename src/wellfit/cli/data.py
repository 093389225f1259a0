"""``wellfit data``: list and show data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from wellfit.cli import options
from wellfit.cli.console import key_value_table, note, screen
from wellfit.core.declared import declared_hypers
from wellfit.core.words import pluralize

if TYPE_CHECKING:
    from rich.console import Console

    from wellfit.datasets import Dataset, Summary, TableSchema

data_app = typer.Typer(no_args_is_help=True, help="List and show data sets.")

_IMAGES, _DOUBTS = 10, 5


@data_app.command("list")
def list_data(data_dir: options.DataDir = None) -> None:
    """List the named data sets, without downloading them."""
    from rich.table import Table

    from wellfit.datasets import list_datasets

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", expand=True)
    table.add_column("name", style="bold cyan", no_wrap=True)
    for name in ("rows", "columns"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("task", "where"):
        table.add_column(name, no_wrap=True)
    # Only this column becomes narrower in a narrow terminal.
    table.add_column("what", no_wrap=True, ratio=1)
    for entry in list_datasets(data_dir):
        sizes = f"{entry.rows:,}", f"{entry.columns:,}"
        table.add_row(entry.name, *sizes, entry.task, entry.where, entry.description)
    screen().print(table)


@data_app.command("show")
def show_data(
    name: Annotated[str, typer.Argument(help="A name from `wellfit data list`, or a path.")],
    data_dir: options.DataDir = None,
    target: options.Target = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file for images; default: NAME.png.")
    ] = None,
    na: options.MissingValues = None,
    types: options.Types = None,
    no_header: options.NoHeader = False,
    memory: options.Memory = None,
    allow_pickle: options.AllowPickle = False,
) -> None:
    """Draw ten images, or summarize the columns of a table."""
    from wellfit.cli.request import refuse_untyped, schema_of
    from wellfit.core.memory import bytes_in

    schema = schema_of({"na": na, "types": types, "no_header": no_header})
    refuse_untyped(Path(name), schema)
    found = _of_table(Path(name), schema) if target is None else None
    if found is None:
        found = _of_data(
            name,
            target=target,
            data_dir=data_dir,
            allow_pickle=allow_pickle,
            schema=schema,
            memory=None if memory is None else bytes_in(memory),
        )
    for doubt in found.doubts:
        note(doubt)
    _show(name, found, out)


class _Shown(NamedTuple):
    """What is shown of a table, or of data with a target: a summary of ``rows`` of them."""

    summary: Summary
    doubts: list[str]
    rows: str
    data: Dataset | None = None


def _of_table(path: Path, schema: TableSchema) -> _Shown | None:
    """Summarize a table without a target: a file, or a sample of a folder; None for other data."""
    from wellfit.cli.reading_notes import reading_notes
    from wellfit.cli.sampling import MOST_ROWS
    from wellfit.datasets import describe
    from wellfit.datasets.table_files import streamed_files, table_files
    from wellfit.datasets.tables import is_table, read_with_schema

    if is_table(path):
        table, schema = read_with_schema(path, schema)
        doubts = [*reading_notes(table, path, schema), *_merged(table)]
        return _Shown(describe(table), doubts, f"{len(table):,}")
    if not path.is_dir() or not table_files(path):
        return None
    every = streamed_files(path, schema)
    table = every.sample(MOST_ROWS)
    doubts = _merged(table)
    if len(table) < len(every):
        doubts.append(f"this summary looked at a sample: {len(table):,} of {len(every):,} rows")
    return _Shown(describe(table), doubts, f"{len(every):,}")


def _of_data(name: str, **options: Any) -> _Shown:
    """Summarize data with a target, or a sample of them if they needn't fit in memory."""
    from wellfit.cli.reading_notes import notes_on
    from wellfit.cli.sampling import sample_notes, sample_of
    from wellfit.datasets import describe, load

    whole = load(name, **options)
    data = sample_of(whole)
    doubts = [*notes_on(whole, name), *sample_notes(whole, data, "this summary")]
    doubts += _merged(data.X)
    summary = describe(data.X, data.y, task=data.task)
    rows = f"{len(whole.X):,}"
    if whole.X_test is not None:
        rows += f" training, {len(whole.X_test):,} test"
    return _Shown(summary, doubts, rows, data)


def _merged(rows: Any) -> list[str]:
    """Return notes on levels that would count as one."""
    if not hasattr(rows, "columns"):
        return []
    from wellfit.preprocessing.merged import merged_levels  # takes a second

    least = declared_hypers("categorical_embedding", "entity")["min_levels"].default
    return [str(one) for one in merged_levels(rows, coded_from=least)][:_DOUBTS]


def _show(name: str, shown: _Shown, out: Path | None) -> None:
    """Print a summary, then draw images or list the columns."""
    from wellfit.cli.data_summary import classes, columns, missing_values, types

    console, data, summary = screen(), shown.data, shown.summary
    table = key_value_table()
    table.add_row("data", name if data is None else f"{data.name}: {data.description}")
    table.add_row("rows", shown.rows)
    table.add_row("columns", types(summary))
    table.add_row("missing", missing_values(summary))
    if summary.target is not None and data is not None:
        table.add_row("target", f"{data.target or 'label'}: {classes(summary.target)}")
    table.add_row("duplicates", pluralize(summary.duplicate_rows, "row"))
    if data is not None:
        for key, value in (("source", data.source), ("license", data.license)):
            if value:
                table.add_row(key, value)
    console.print(table)
    console.print()
    if data is not None and data.image_shape is not None:
        _draw(data, out or Path(f"{data.name}.png"), console)
    else:
        console.print(columns(summary))


def _draw(data: Dataset, path: Path, console: Console) -> None:
    """Draw images of every class in the terminal and into a file."""
    import numpy as np

    from wellfit.charts.to_matplotlib import png
    from wellfit.core.writing import write
    from wellfit.datasets import picture
    from wellfit.report import TerminalImages

    figure = picture(data, _IMAGES)
    drawn = np.stack([np.asarray(axes.images[0].get_array()) for axes in figure.axes])
    console.print(TerminalImages(drawn, [axes.get_title() for axes in figure.axes]))
    write(path, png(figure))
    console.print(f"\n{pluralize(len(drawn), 'image')} in {path}", soft_wrap=True)
