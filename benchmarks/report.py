"""The tables that the benchmarks print, and the JSON that they write."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks import machine

Cell = Callable[[dict[str, Any], dict[str, Any]], str]  # (workload, a peer's run) -> text

OURS = "wellfit"


def save(results: dict[str, Any], out: Path | None) -> None:
    """Write the figures as JSON, if a file was named."""
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(results, indent=1) + "\n")


def markdown_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a markdown table; all columns but the first are numbers."""
    head = list(head)
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *map(list, rows)])


def speedups(peers: dict[str, Any]) -> dict[str, float]:
    """Return how many times as long as wellfit each peer takes, and ``fastest`` of them."""
    seconds = {name: run["seconds_per_epoch"] for name, run in peers.items() if "error" not in run}
    ours = seconds.pop(OURS, None)
    if ours is None or not seconds:
        return {}
    ratios = {name: taken / ours for name, taken in seconds.items()}
    return {**ratios, "fastest": min(ratios.values())}


def geometric_means(workloads: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return, per key, the geometric mean over the workloads that have it."""
    workloads = list(workloads)
    keys = dict.fromkeys(key for ratios in workloads for key in ratios)
    return {
        key: statistics.geometric_mean([ratios[key] for ratios in workloads if key in ratios])
        for key in keys
    }


def markdown(results: dict[str, Any]) -> str:
    """Return the machine, then the tables: seconds, ratios, share of the limit, checks."""
    workloads = results["workloads"]
    names = list(dict.fromkeys(peer for one in workloads.values() for peer in one["peers"]))
    gflops = results["limit"].get("gflops")

    def by_peer(title: str, cell: Cell) -> str:
        rows = (
            [one["title"], *(_or_error(one, one["peers"].get(name), cell) for name in names)]
            for one in workloads.values()
        )
        return f"**{title}**\n\n{markdown_table(['workload', *names], rows)}"

    def share(one: dict[str, Any], run: dict[str, Any]) -> str:
        rate = one["flops_per_epoch"] / run["seconds_per_epoch"] / 1e9
        return f"{rate / gflops:.0%}" if gflops else "unknown"

    limit = f"{gflops:.0f} GFLOP/s" if gflops else "unknown"
    return "\n\n".join(
        [
            machine.one_line(results["machine"]),
            by_peer("Seconds per epoch", lambda _, run: f"{run['seconds_per_epoch']:.3g}"),
            _ratios(workloads, [name for name in names if name != OURS]),
            by_peer(
                "Seconds from the call to the end of the first epoch: building and compiling",
                lambda _, run: f"{run['until_first_epoch']:.3g}",
            ),
            by_peer(f"Share of the float32 matrix-product limit ({limit})", share),
            by_peer(
                "Training loss of the last epoch, accuracy on training rows",
                lambda _, run: f"{run['losses'][-1]:.3g}, {run['training_accuracy']:.1%}",
            ),
            by_peer("Peak memory, MB", lambda _, run: f"{run['peak_mb']:,}"),
            by_peer(
                "Share of the machine that other programs took meanwhile",
                lambda _, run: f"{run['disturbance']:.0%}",
            ),
        ]
    )


def _or_error(
    one: dict[str, Any],
    run: dict[str, Any] | None,
    cell: Cell,
) -> str:
    if run is None:
        return "–"
    return str(run["error"]) if "error" in run else cell(one, run)


def _ratios(workloads: dict[str, Any], peers: list[str]) -> str:
    ratios = {one["title"]: speedups(one["peers"]) for one in workloads.values()}
    columns = [*peers, "fastest"]

    def row(title: str, values: dict[str, float]) -> list[str]:
        return [title, *(f"{values[key]:.2f}" if key in values else "–" for key in columns)]

    rows = [row(title, values) for title, values in ratios.items()]
    rows.append(row("geometric mean", geometric_means(ratios.values())))
    head = ["workload", *peers, "fastest peer"]
    title = "**Times as long as wellfit** (above 1: wellfit is faster)"
    return f"{title}\n\n{markdown_table(head, rows)}"
