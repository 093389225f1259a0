"""Options that a command doesn't have: the one that was meant, by its name elsewhere too."""

from __future__ import annotations

from typing import Any

from wellfit.core.other_names import OTHER_NAMES, OTHER_OPTIONS


def name_what_was_meant(error: Any) -> None:
    """Let the error of an unknown option name the option that was meant, if it can be told.

    Args:
        error: Typer's, with its context. What it suggests by likeness stays where neither the
            names of other libraries nor abbreviations tell more.
    """
    given = error.option_name
    known = {
        flag
        for each in error.ctx.command.params
        for flag in (*each.opts, *each.secondary_opts)
        if flag.startswith("--")
    }
    meant = _by_name(given.lstrip("-").replace("-", "_").lower(), known)
    meant = meant or sorted(flag for flag in known if flag.startswith(given))
    if meant:
        error.message = f"No such option: {given}; did you mean {' or '.join(meant)}?"
        error.possibilities = None


def _by_name(name: str, known: set[str]) -> list[str]:
    """Return the option of a command that has another name in other libraries, or nothing."""
    whole, _, part = OTHER_NAMES.get(name, "").partition("__")
    for ours in (*OTHER_OPTIONS.get(name, ()), part or whole):
        flag = f"--{ours.replace('_', '-')}"
        if flag in known:
            return [flag]
    return [f"--set {whole}__{part}=VALUE"] if part and "--set" in known else []
