"""``wellfit landscape``: compare optimizers on test functions."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    n: Annotated[
        int | None,
        typer.Option(
            "--parameters",
            min=2,
            metavar="N",
            help="Number of parameters, such as 5 of rosenbrock.",
        ),
    ] = None,
    bounds: Annotated[
        str | None,
        typer.Option(metavar="LOW,HIGH", help="Bounds of every parameter, such as -4.5,4.5."),
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
        from wellfit.landscapes import compare_optimizers

        ground = _function(function, n)
        place = ground.start if start is None else _numbers(start, "start", ground.n_parameters)
        within: Any = None if bounds is None else _numbers(bounds, "bounds", 2)
        rules = [_rule(name, ground, place, steps, within) for name in optimizers.split(",")]
        paths = compare_optimizers(ground, rules, [place], steps=steps, bounds=within)
    screen().print(_table(ground, paths))
    target = out or Path(f"{ground.name}.png")
    with spinner("drawing"):
        _draw(ground, paths, target)
    screen().print(f"picture  {target}", soft_wrap=True)


def _function(name: str, n: int | None) -> Landscape:
    """Return a test function, of so many parameters if a number is given."""
    from wellfit.core import registry
    from wellfit.core.errors import InputError
    from wellfit.core.hyper import resolve
    from wellfit.landscapes import Landscape

    ground = resolve(Landscape, name)
    if n is None:
        return ground
    every = [resolve(Landscape, one) for one in registry.names(Landscape.family)]
    scalable = [one.name for one in every if "n" in one.hypers()]
    if ground.name not in scalable:
        raise InputError(
            f"{ground.name} has {ground.n_parameters} parameters; --parameters is for "
            f"{', '.join(scalable)}"
        )
    return ground.replace(n=n)


def _rule(
    text: str, ground: Landscape, start: tuple[float, ...], steps: int, bounds: Any
) -> Optimizer:
    """Return an optimizer by name, with the given or its best learning rate."""
    from wellfit.core.errors import InputError
    from wellfit.core.hyper import resolve
    from wellfit.landscapes import at_best_rate
    from wellfit.optim import SGD, Optimizer

    name, colon, rate = text.strip().partition(":")
    known = {"momentum": SGD(momentum=0.9), "nesterov": SGD(momentum=0.9, nesterov=True)}
    rule = known[name] if name in known else resolve(Optimizer, name)
    if not colon:
        return at_best_rate(ground, rule, start, steps=steps, bounds=bounds)
    try:
        return rule.replace(learning_rate=float(rate))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"--optimizers has {text!r}; expected a name, or name:0.1") from error


def _numbers(text: str, option: str, count: int) -> tuple[float, ...]:
    from wellfit.core.errors import InputError

    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != count or not all(map(isfinite, found)):
        told = "two numbers" if count == 2 else f"{count} numbers"
        example = ",".join(["4"] * count)
        raise InputError(f"--{option} is {text!r}; expected {told}, such as {example}")
    return found


def _table(ground: Landscape, paths: list[OptimizerPath]) -> Table:
    from rich.table import Table

    title = f"{ground.name} from ({', '.join(f'{x:g}' for x in paths[0].points[0])})"
    table = Table(
        box=None, padding=(0, 2, 0, 0), header_style="dim", title=title, title_justify="left"
    )
    for head in ("rule", "steps to a minimum", "ends at", "height"):
        table.add_column(head, justify="left" if head in ("rule", "ends at") else "right")
    for path in paths:
        reached = (
            "diverged" if path.diverged else "never" if path.steps is None else str(path.steps)
        )
        end = f"({', '.join(f'{x:.3f}' for x in path.points[-1])})"
        table.add_row(path.label, reached, end, f"{path.heights[-1]:.3g}")
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
