"""``wellfit card``: write the model card of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellfit.cli.console import screen, spinner, starting


def card(
    run: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")],
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Also score the test rows apart by the values of this column; repeatable.",
            metavar="COLUMN",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file; default: RUN/MODEL_CARD.md.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="A folder with named data sets; default: as in training.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a card, with all that was filled in.")
    ] = False,
) -> None:
    """Write a model card: data, use, scores with intervals, calibration, limits, how to load it.

    What only people know, such as the intended use, is left to be filled in.
    """
    from wellfit.cli.run_folder import CARD, read_run
    from wellfit.core.errors import InputError

    read_run(run, "card")
    place = run / CARD if out is None else out
    if place.exists() and not overwrite:
        raise InputError(
            f"{place} exists, and may have been filled in; expected another --out, or --overwrite"
        )
    if not place.parent.is_dir():
        raise InputError(f"--out {place}: the folder {place.parent} doesn't exist")
    with starting():
        from wellfit.cli.load_run_data import load_run_data
        from wellfit.core.writing import write
        from wellfit.report.card import model_card
    with spinner("writing"):
        text = model_card(load_run_data(run, data_dir, quick=True), by or ())
        write(place, text.encode(errors="replace"))
    screen().print(f"wrote {place}", soft_wrap=True)
