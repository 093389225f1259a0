"""``wellfit check``: find common problems of the data and the network before training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellfit.cli import options
from wellfit.cli.console import note, screen, spinner, starting
from wellfit.cli.parameters import parameter_options
from wellfit.cli.train import begin
from wellfit.core.words import duration, pluralize

if TYPE_CHECKING:
    from wellfit.cli.settings import Model
    from wellfit.cli.source import SplitData
    from wellfit.diagnose import RangeTest, Report


@options.takes(
    options.DataOptions,
    options.SplitOptions,
    parameter_options("Validation and stopping", "Pretrained"),
    options.ModelOptions,
)
def check(
    ctx: typer.Context,
    rates: Annotated[
        Path | None,
        typer.Option(
            help="Plot the learning-rate range test, over 8 decades, into this PNG file."
        ),
    ] = None,
    **given: Any,
) -> None:
    """Check data, initial weights and learning rate for common problems, without training.

    Exit code 1 if a check fails.
    """
    plan = begin(ctx, given)
    with starting():
        from wellfit.cli.sampling import in_memory, sample_notes
        from wellfit.cli.settings import estimator
        from wellfit.cli.source import open_source
    opened = open_source(plan.request)
    source = in_memory(opened)
    seen = sample_notes(opened.data, source.data, "the checks")
    for doubt in (*source.notes, *seen):
        note(doubt)
    model = estimator(source.learning, plan.parameters, plan.extra)
    report = _checked(model, source, given["seed"])
    if rates is not None:
        _drawn(model, source, given["seed"], rates)
    if report.outcome == "fail":
        raise typer.Exit(1)


def _checked(model: Model, source: SplitData, seed: int) -> Report:
    """Run all checks and print what they find."""
    import time

    from wellfit import diagnose

    data, began = source.data, time.perf_counter()
    with spinner("looking") as status:
        report = diagnose.check(
            model,
            data.X,
            data.y,
            X_test=data.X_test,
            y_test=data.y_test,
            random_state=seed,
            on_check=lambda name: status.update(f"{name.replace('_', ' ')} ..."),
        )
    report = source.relevant(report)
    console = screen()
    rows, columns = (source.whole or data).X.shape
    console.print(f"{data.name}: {pluralize(rows, 'row')}, {pluralize(columns, 'column')}", model)
    console.print()
    console.print(report)
    note(f"took {duration(time.perf_counter() - began)}")
    return report


def _drawn(model: Model, source: SplitData, seed: int, path: Path) -> RangeTest:
    """Plot the range test into a file, and print its result."""
    from wellfit.charts.to_matplotlib import figure, png
    from wellfit.core.writing import write
    from wellfit.diagnose import LearningRate, learning_rate_range

    with spinner("trying learning rates"):
        # As many steps as in the check: more steps would suggest a smaller rate.
        test = learning_rate_range(
            model, source.data.X, source.data.y, steps=LearningRate().steps, random_state=seed
        )
        write(path, png(figure([test.chart()])))
    screen().print(f"{test}\ndrawn in {path}", soft_wrap=True)
    return test
