"""``wellfit methods``: list the algorithms and their hyper-parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wellfit.cli.console import key_value_table, screen

if TYPE_CHECKING:
    from rich.table import Table

    from wellfit.core.hyper import Config, Hyper


def methods(
    family: Annotated[
        str | None, typer.Argument(help="A family: optimizer, activation, …; default: all.")
    ] = None,
) -> None:
    """List the algorithms by family, or those of one family with their hyper-parameters."""
    from wellfit.core.declared import declared
    from wellfit.core.errors import UnknownNameError

    known = declared()
    if family is not None and known and family not in known:
        raise UnknownNameError("family", family, known)
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

    if family is None:
        table = key_value_table()
        for name in registry.families():
            table.add_row(name, ", ".join(registry.names(name)))
        screen().print(table)
        return
    if family not in registry.families():
        raise UnknownNameError("family", family, registry.families())
    for name in registry.names(family):
        _show(name, registry.lookup(family, name), registry.aliases(family, name))


def _show(name: str, cls: type, aliases: list[str]) -> None:
    """Print an algorithm's names, its meaning and its hyper-parameters."""
    import inspect

    from rich.text import Text

    console = screen()
    meaning = (inspect.getdoc(cls) or "").partition("\n")[0]
    also = f" ({', '.join(aliases)})" if aliases else ""
    console.print(Text.assemble((name, "bold cyan"), f"{also}  {meaning}"))
    if getattr(cls, "hypers", dict)():
        console.print(_hypers(cls))
    console.print()


def _hypers(cls: type[Config]) -> Table:
    """Return a table of an algorithm's hyper-parameters."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    for head in ("hyper-parameter", "default", "range", "meaning"):
        table.add_column(head, overflow="fold")
    for key, hyper in cls.hypers().items():
        default = cls.__dataclass_fields__[key].default  # type: ignore[attr-defined]
        table.add_row(key, f"{default!r}", _range(default, hyper), hyper.doc)
    return table


def _range(default: object, hyper: Hyper) -> str:
    or_none = " or None" if hyper.optional else ""
    if hyper.choices:
        return ", ".join(hyper.choices) + or_none
    if isinstance(default, bool) or not isinstance(default, (int, float, type(None))):
        return ""
    return hyper.interval + or_none
