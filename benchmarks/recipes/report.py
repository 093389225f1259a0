"""From runs to a table: seconds of a recipe, and to its accuracy, over ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean

from benchmarks.recipes.task import TASKS, Run, Task

OURS = "wellfit"
Runs = Mapping[str, Sequence[Run]]  # a task's, by tool: one for each seed


def seconds(runs: Sequence[Run], target: float) -> tuple[float, float | None]:
    """Return the mean seconds of whole trainings, and to an accuracy; None unless all reach it."""
    reached = [run.to(target) for run in runs]
    times = [time for time in reached if time is not None]
    return mean(run.whole for run in runs), mean(times) if len(times) == len(runs) else None


def ratios(task: Task, theirs: Sequence[Run], ours: Sequence[Run]) -> tuple[float | None, ...]:
    """Return how many times ours another recipe takes: whole, and to the target.

    Both are None where ours misses the target, the first where theirs hasn't been run to its
    end, the second where it misses the target.
    """
    whole, first = seconds(theirs, task.target)
    _, base = seconds(ours, task.target)
    if base is None:
        return None, None
    complete = all(run.complete for run in theirs)
    return (whole / base if complete else None, first / base if first is not None else None)


def lines(measured: Mapping[str, Runs]) -> Iterator[str]:
    """Yield a table for each task."""
    for name, tools in measured.items():
        task = TASKS[name]
        yield f"\n**{task.title}**: {task.target:.2%}; the bar is {task.bar:g} times less\n"
        yield (
            "| tool | epochs | test accuracy | best of its epochs | s of training | s to target "
            "| s of the process | over ours, whole | over ours, to target |"
        )
        yield "| --- |" + " ---: |" * 8
        for tool, runs in tools.items():
            yield _line(task, tool, runs, tools.get(OURS, ()))


def _line(task: Task, tool: str, runs: Sequence[Run], ours: Sequence[Run]) -> str:
    whole, first = seconds(runs, task.target)
    over = ratios(task, runs, ours) if ours else (None, None)
    done = task.ours["epochs"] if tool == OURS else mean(len(run.seconds) for run in runs)
    cells = [
        tool,
        f"{done:g}" if all(run.complete for run in runs) else f"{done:g}, not to its end",
        f"{mean(run.accuracies[-1] for run in runs):.2%}",
        f"{mean(max(run.accuracies) for run in runs):.2%}",
        f"{whole:.2f}",
        "not reached" if first is None else f"{first:.2f}",
        f"{mean(run.process for run in runs):.1f}",
        *("–" if ratio is None else f"{ratio:.1f}" for ratio in over),
    ]
    return f"| {' | '.join(cells)} |"
