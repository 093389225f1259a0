"""``wellfit report``: write an HTML report on a training, a search, or several runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wellfit.cli.console import screen, spinner, starting
from wellfit.core.words import duration

if TYPE_CHECKING:
    from wellfit.report.page import Page, RunData


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Run folders; several runs are compared.", metavar="RUN…"),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The HTML file; default: RUN/report.html.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="A folder with named data sets; default: as in training.")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
) -> None:
    """Write an HTML report on one or several runs: curves, errors, layers, data, verdict.

    The report needs no network connection and no other file.
    """
    import time

    from wellfit.cli.run_folder import read_run

    began = time.perf_counter()
    for run in runs:
        read_run(run, "report")
    with starting():
        from wellfit.cli.load_run_data import load_run_data, report_path
        from wellfit.core.writing import write
        from wellfit.report.page import comparison_page, render_page
    place = report_path(runs, out)
    with spinner("reading"):
        found = [load_run_data(run, data_dir, whole=len(runs) == 1) for run in runs]
    with spinner("writing"):
        page = _run_page(found[0]) if len(found) == 1 else comparison_page(found)
        write(place, render_page(page).encode(errors="replace"))
    size, took = place.stat().st_size / 1e6, duration(time.perf_counter() - began)
    screen().print(f"{place} ({size:.1f} MB, in {took})", soft_wrap=True)
    if show:
        typer.launch(str(place))


def _run_page(run: RunData) -> Page:
    from wellfit.report.page import run_page  # imports PyTorch, which a comparison doesn't need

    return run_page(run)
