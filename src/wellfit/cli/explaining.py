"""Explanations of a run's model: tables for a terminal, and files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from rich.table import Table
from rich.text import Text

from wellfit.charts import sampled
from wellfit.cli.console import note, screen, spinner
from wellfit.cli.new_rows import NewRows
from wellfit.core.errors import InputError, UnknownNameError
from wellfit.core.words import pluralize, short, signed
from wellfit.core.writing import write
from wellfit.explanation import Attributions, Explanation, attribute, baseline_rows
from wellfit.explanation import explain as explained
from wellfit.explanation.outputs import titled
from wellfit.inference.table_schema import table_schema

if TYPE_CHECKING:
    from wellfit.report.page import RunData

_SHOWN_ROWS, _SHOWN_COLUMNS = 5, 8
_SHOWN_VALUES, _SHOWN_LEVELS = 7, 20
_DPI = 110


@dataclass(frozen=True)
class ExplanationRequest:
    """What is to be explained.

    Attributes:
        run: the run.
        out: the folder to write to.
        columns: those to show; empty for the most important ones.
        target: the class or output; None for the default.
        scale: that attributions of classes add up in.
        max_rows: rows to explain one by one, at most.
    """

    run: RunData
    out: Path
    columns: Sequence[str]
    target: str | None
    scale: Literal["probability", "logit"]
    max_rows: int

    def check(self) -> None:
        """Refuse what can be refused before anything takes time.

        Raises:
            InputError: the run has no model, or the folder can't be written to.
            UnknownNameError: a column that the model doesn't have; names the nearest.
        """
        if self.run.model is None:
            raise InputError(" ".join(["nothing can be explained:", *self.run.notes]))
        if self.out.is_file() or not self.out.parent.is_dir():
            raise InputError(f"--out {self.out}: expected a folder, in a folder that exists")
        known = [str(name) for name in getattr(self.run.model, "feature_names_in_", ())]
        for name in self.columns:
            if known and name not in known:
                raise UnknownNameError("column", name, known)

    def write(self, name: str, content: bytes) -> Path:
        """Write a file of the explanation; return its path."""
        self.out.mkdir(exist_ok=True)
        write(self.out / name, content)
        return self.out / name


def explain_model(request: ExplanationRequest) -> list[Path]:
    """Print importance and effects, and write them as tables and a figure; return the files."""
    run = request.run
    data = run.data
    if data is None or data.X_test is None:
        reasons = " ".join(run.notes) or "the run has no test rows."
        raise InputError(f"the model is explained by its test rows, which are missing: {reasons}")
    if data.image_shape and not request.columns:
        raise InputError(
            "the columns are pixels, and single pixels have little effect; expected rows, whose "
            "pixels are explained one by one, or --column"
        )
    with spinner("explaining"):
        found = explained(
            run.model,
            data.X_test,
            None if data.image_shape else data.y_test,
            columns=list(request.columns) or None,
            target=request.target,
        )
    for part in _tables(found):
        screen().print(part)
    return _written(request, found)


def _tables(found: Explanation) -> Iterator[Table | Text]:
    """Yield the importance, and the effects of each column."""
    if found.importance is not None:
        table = _table("column", found.importance.chart.x.title, "95 % interval")
        for name, mean, *ends in found.importance.to_frame().itertuples(index=False):
            table.add_row(Text(str(name)), short(mean), " to ".join(map(short, ends)))
        yield table
        yield Text(found.importance.note, "dim")
    for name in found.columns:
        yield Text()
        for effect in (found.dependence[name], found.accumulated[name]):
            frame = effect.to_frame()
            yield Text(f"{effect.name} of {name}", "bold")
            table = _table(*map(str, frame))
            most = _SHOWN_LEVELS if effect.numbers is None else _SHOWN_VALUES
            # Of numbers some are shown; of categories all, which are few.
            for at in sampled(len(effect.labels), most):
                table.add_row(Text(effect.labels[at]), *map(short, effect.values[at].tolist()))
            yield table


def _table(*heads: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for at, head in enumerate(heads):
        table.add_column(Text(head), justify="right" if at else "left", no_wrap=not at)
    return table


def _written(request: ExplanationRequest, found: Explanation) -> list[Path]:
    """Write the tables as csv files, and their charts as pictures."""
    from wellfit.charts.to_matplotlib import figure, png

    files = []
    if found.importance is not None:
        files.append(request.write("importance.csv", _csv(found.importance.to_frame())))
        picture = png(figure([found.importance.chart], request.run.name), _DPI)
        files.append(request.write("importance.png", picture))
    parts = []
    for effect in found.effects:
        frame = effect.to_frame()
        # Both kinds of effects are of the same outputs.
        frame.columns = [effect.column, *(titled(effect.unit, name) for name in effect.outputs)]
        long = frame.melt(id_vars=effect.column, var_name="output", value_name="effect")
        long = long.rename(columns={effect.column: "value"})
        parts.append(long.assign(column=effect.column, kind=effect.name.lower()))
    if parts:
        every = pd.concat(parts)[["column", "kind", "value", "output", "effect"]]
        files.append(request.write("effects.csv", _csv(every)))
        # Both effects of a column side by side.
        drawn = figure([each.chart for each in found.effects], request.run.name, across=2)
        files.append(request.write("effects.png", png(drawn, _DPI)))
    return files


def explain_rows(request: ExplanationRequest, rows: str, data_dir: Path | None) -> list[Path]:
    """Print what columns add to the predictions of rows, and write all of it; return the file."""
    model = request.run.model
    schema = table_schema(model)
    target = request.run.about.get("target") if schema is None else schema.target
    blocks, left = [], request.max_rows
    for block in NewRows(rows, data_dir, target).blocks(model):
        blocks.append((block.X[:left], None if block.ids is None else block.ids[:left]))
        if len(block.X) > left:
            note(f"explained are the first {pluralize(request.max_rows, 'row')}; --max-rows N")
            break
        left -= len(block.X)
        if not left:
            break
    baseline = _baseline(request)
    with spinner("explaining"):
        parts = [
            attribute(model, X, target=request.target, scale=request.scale, baseline=baseline)
            for X, _ in blocks
        ]
    _print_rows(parts, request.columns)
    tables = []
    for found, (_, ids) in zip(parts, blocks, strict=True):
        about = [{k: str(v) for k, v in each.items()} for each in found.understood]
        notes = ["; ".join(f"{k}: {v}" for k, v in each.items()) for each in about]
        own = found.to_frame().assign(**{"(understood)": notes})
        named = [] if ids is None else [ids.reset_index(drop=True)]
        tables.append(pd.concat([*named, own], axis=1))
    return [request.write("attributions.csv", _csv(pd.concat(tables)))]


def _baseline(request: ExplanationRequest) -> Any:
    """Return training rows whose mean paths begin at; None where they are missing."""
    data = request.run.data
    rows = None if data is None else baseline_rows(data.X)
    if rows is None:
        note("the training rows are missing, so the baseline is zeros: medians, no level, False")
    return rows


def _print_rows(parts: Sequence[Attributions], columns: Sequence[str]) -> None:
    """Print the first rows, with the columns that add most or those asked for."""
    number = 0
    for found in parts:
        for row in range(len(found)):
            number += 1
            if number > _SHOWN_ROWS:
                continue
            screen().print(Text(f"row {number}: {found.text_of(row)}", "bold"), soft_wrap=True)
            frame = found.row_frame(row)
            chosen = frame[frame["column"].isin(columns)] if columns else frame
            shown = chosen if columns else chosen[:_SHOWN_COLUMNS]
            table = _table("column", "value", "adds")
            table.add_column("")
            for name, cell, value in shown.itertuples(index=False):
                told = found.understood[row].get(str(name), "")
                table.add_row(Text(str(name)), Text(str(cell)), signed(value), Text(told, "dim"))
            rest = found.sums[row] - shown["attribution"].sum()
            if len(shown) < len(frame):
                others = pluralize(len(frame) - len(shown), "other")
                table.add_row(Text(others, "dim"), "", signed(rest), "")
            screen().print(table)
    if number > _SHOWN_ROWS:
        screen().print(f"… and {pluralize(number - _SHOWN_ROWS, 'more row')}")
    screen().print(Text(parts[0].note, "dim"))


def _csv(frame: pd.DataFrame) -> bytes:
    text: str = frame.to_csv(index=False, lineterminator="\n")
    return text.encode()
