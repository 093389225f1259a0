"""``wellfit explain``: which columns a run's model depends on, and what they add for new rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from wellfit.cli import options
from wellfit.cli.console import screen, spinner, starting


def explain(
    run: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")],
    rows: Annotated[
        str | None,
        typer.Argument(
            help="Rows to explain one by one, a csv or parquet file or a data set's name; without "
            "them the model as a whole is explained, by its test rows.",
            metavar="[ROWS]",
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            help="Show the effects of this column, or with ROWS its attributions; repeatable; "
            "default: the most important ones.",
            metavar="COLUMN",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--class",
            help="The class whose probability is explained; default: the second of two, else all, "
            "or with ROWS the one predicted. Of several numbers: 'output 2'.",
            metavar="CLASS",
        ),
    ] = None,
    scale: Annotated[
        Literal["probability", "logit"],
        typer.Option(help="With ROWS: whether probabilities or their logits add up."),
    ] = "probability",
    max_rows: Annotated[
        int, typer.Option(help="With ROWS: explain so many, the first ones.", min=1, metavar="N")
    ] = 100,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The folder for tables and figures; default: RUN/explanation."
        ),
    ] = None,
    data_dir: options.DataDir = None,
) -> None:
    """Explain a model: importance and effects of its columns, or attributions of single rows.

    Without ROWS: permutation importance with intervals on the test rows, then partial dependence
    and accumulated local effects. With ROWS: what each column adds to each prediction, by
    integrated gradients from the mean training row; baseline and sum give the prediction.
    """
    from wellfit.cli.run_folder import EXPLANATION, read_run

    read_run(run, "explain")
    with starting():
        from wellfit.cli.explaining import ExplanationRequest, explain_model, explain_rows
        from wellfit.cli.load_run_data import load_run_data
    with spinner("reading"):
        found = load_run_data(run, data_dir)
    request = ExplanationRequest(
        found, run / EXPLANATION if out is None else out, column or [], target, scale, max_rows
    )
    request.check()
    written = explain_model(request) if rows is None else explain_rows(request, rows, data_dir)
    screen().print(f"wrote {', '.join(map(str, written))}", soft_wrap=True)
