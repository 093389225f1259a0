"""``wellfit methods``: list the algorithms and their hyper-parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellfit.cli.console import key_value_table, screen, starting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from wellfit.core.declared import DeclaredAlgorithm, DeclaredHyper
    from wellfit.core.hyper import Hyper


def methods(
    family: Annotated[
        str | None, typer.Argument(help="A family: optimizer, activation, …; default: all.")
    ] = None,
) -> None:
    """List the algorithms by family, or those of one family with their hyper-parameters."""
    from wellfit.core.declared import declared
    from wellfit.core.errors import UnknownNameError

    known = {name: sorted(each.names) for name, each in declared().items()} or _registered()
    if family is None:
        table = key_value_table()
        for name in sorted(known):
            table.add_row(name, ", ".join(known[name]))
        screen().print(table)
        return
    if family not in known:
        raise UnknownNameError("family", family, known)
    for name, algorithm in _algorithms(family).items():
        _show(name, algorithm)


def _registered() -> dict[str, list[str]]:
    """Return the names of each family, with PyTorch imported."""
    with starting():
        import wellfit.datasets
        import wellfit.diagnose
        import wellfit.landscapes
        import wellfit.model_selection.ensembles
        import wellfit.model_selection.samplers
        import wellfit.nn
        import wellfit.optim
        import wellfit.recipes
        import wellfit.training  # noqa: F401  (importing these modules registers their classes)
        from wellfit.core import registry
    return {family: registry.names(family) for family in registry.families()}


def _algorithms(family: str) -> Mapping[str, DeclaredAlgorithm]:
    """Return the algorithms of a family, read from the source where that is enough."""
    import inspect

    from wellfit.core import registry
    from wellfit.core.declared import DeclaredAlgorithm, DeclaredHyper, declared_algorithms

    if found := declared_algorithms(family):
        return found
    for name in _registered()[family]:
        cls: Any = registry.lookup(family, name)
        hypers = {
            key: DeclaredHyper(cls.__dataclass_fields__[key].default, hyper)
            for key, hyper in getattr(cls, "hypers", dict)().items()
        }
        meaning = (inspect.getdoc(cls) or "").partition("\n")[0]
        found[name] = DeclaredAlgorithm(registry.aliases(family, name), meaning, hypers)
    return found


def _show(name: str, algorithm: DeclaredAlgorithm) -> None:
    """Print an algorithm's names, its meaning and its hyper-parameters."""
    from rich.text import Text

    console = screen()
    also = f" ({', '.join(algorithm.aliases)})" if algorithm.aliases else ""
    console.print(Text.assemble((name, "bold cyan"), f"{also}  {algorithm.meaning}"))
    if algorithm.hypers:
        console.print(_hypers(algorithm.hypers))
    console.print()


def _hypers(hypers: Mapping[str, DeclaredHyper]) -> Table:
    """Return a table of an algorithm's hyper-parameters."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    for head in ("hyper-parameter", "default", "range", "meaning"):
        table.add_column(head, overflow="fold")
    for key, (default, hyper) in hypers.items():
        assert hyper is not None
        table.add_row(key, f"{default!r}", _range(default, hyper), hyper.doc)
    return table


def _range(default: object, hyper: Hyper) -> str:
    or_none = " or None" if hyper.optional else ""
    if hyper.choices:
        return ", ".join(hyper.choices) + or_none
    if isinstance(default, bool) or not isinstance(default, (int, float, type(None))):
        return ""
    return hyper.interval + or_none
