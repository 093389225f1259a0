"""``wellfit landscape``: compare optimizers on two-dimensional test functions."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wellfit.cli.console import screen, spinner

if TYPE_CHECKING:
    from rich.table import Table

    from wellfit.landscapes import Landscape, OptimizerPath
    from wellfit.optim import Optimizer

_VARIANTS = ("momentum", "nesterov")  # of sgd
_ALL = "sgd,momentum,nesterov,adagrad,rmsprop,adam,lbfgs"


def landscape(
    function: Annotated[
        str, typer.Argument(help="beale, rosenbrock, …: `wellfit methods landscape` lists them.")
    ] = "beale",
    optimizers: Annotated[
        str, typer.Option(help="Optimizers by name; name:0.1 sets the learning rate.")
    ] = _ALL,
    start: Annotated[
        str | None,
        typer.Option(help="The starting point, such as 4,4; default: the function's own."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each optimizer.")] = 2000,
    out: Annotated[
        Path | None, typer.Option(help="The figure's file: .png or .gif (animated).")
    ] = None,
) -> None:
    """Compare optimizers on a test function, each at the given or its best learning rate."""
    from wellfit.core.declared import refuse_undeclared

    refuse_undeclared("landscape", function)
    for name in optimizers.split(","):
        if (rule := name.partition(":")[0].strip()) not in _VARIANTS:
            refuse_undeclared("optimizer", rule)
    with spinner("comparing"):
        from wellfit.core.hyper import resolve
        from wellfit.landscapes import Landscape, compare_optimizers

        ground = resolve(Landscape, function)
        place = _point(start) if start is not None else ground.start
        rules = [_rule(name, ground, place, steps) for name in optimizers.split(",")]
        paths = compare_optimizers(ground, rules, [place], steps=steps)
    screen().print(_table(ground, paths))
    target = out or Path(f"{ground.name}.png")
    with spinner("drawing"):
        _draw(ground, paths, target)
    screen().print(f"picture  {target}", soft_wrap=True)


def _rule(text: str, ground: Landscape, start: tuple[float, float], steps: int) -> Optimizer:
    """Return an optimizer by name, with the given or its best learning rate."""
    from wellfit.core.errors import InputError
    from wellfit.core.hyper import resolve
    from wellfit.landscapes import at_best_rate
    from wellfit.optim import SGD, Optimizer

    name, colon, rate = text.strip().partition(":")
    known = {"momentum": SGD(momentum=0.9), "nesterov": SGD(momentum=0.9, nesterov=True)}
    rule = known[name] if name in known else resolve(Optimizer, name)
    if not colon:
        return at_best_rate(ground, rule, start, steps=steps)
    try:
        return rule.replace(learning_rate=float(rate))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"--optimizers has {text!r}; expected a name, or name:0.1") from error


def _point(text: str) -> tuple[float, float]:
    from wellfit.core.errors import InputError

    try:
        x, y = (float(part) for part in text.split(","))
        if isfinite(x) and isfinite(y):
            return x, y
    except ValueError:
        pass
    raise InputError(f"--start is {text!r}; expected two numbers, such as 4,4")


def _table(ground: Landscape, paths: list[OptimizerPath]) -> Table:
    from rich.table import Table

    from wellfit.report.landscape import path_label

    title = f"{ground.name} from ({paths[0].points[0][0]:g}, {paths[0].points[0][1]:g})"
    table = Table(
        box=None, padding=(0, 2, 0, 0), header_style="dim", title=title, title_justify="left"
    )
    for head in ("rule", "steps to a minimum", "ends at", "height"):
        table.add_column(head, justify="left" if head in ("rule", "ends at") else "right")
    for path in paths:
        reached = (
            "diverged" if path.diverged else "never" if path.steps is None else str(path.steps)
        )
        x, y = path.points[-1]
        table.add_row(path_label(path), reached, f"({x:.3f}, {y:.3f})", f"{path.heights[-1]:.3g}")
    return table


def _draw(ground: Landscape, paths: list[OptimizerPath], target: Path) -> None:
    from wellfit.charts.to_matplotlib import png
    from wellfit.core.errors import InputError
    from wellfit.report.landscape import landscape_animation, landscape_figure

    if target.suffix == ".gif":
        landscape_animation(ground, paths, target)
    elif target.suffix == ".png":
        target.write_bytes(png(landscape_figure(ground, paths)))
    else:
        raise InputError(f"--out is {target}; expected a name that ends in .png or .gif")
