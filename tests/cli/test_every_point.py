"""Runs that are ended at any point where they touch a file, and resumed, end the same."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from file_points import FULL, INTERRUPT, KILL, TERMINATE, attacked
from processes import said

Whole = Callable[[tuple[str, ...]], tuple[Path, list[str]]]

IRIS = ("iris", "--hidden", "4", "--run", "run")
TRAIN = ("train", *IRIS, "--epochs", "3", "--checkpoint-every", "0")
SEARCH = ("search", *IRIS, "--epochs", "2", "--candidates", "3", "--cv", "2")
# What a clock has told, and what follows from it.
_TIMED = {"seconds", "started", "created", "checksum", "sum", "fit_time", "score_time", "spent"}
_TIMED |= {"seconds_"}
_TIMED |= {f"{kind}_{part}_time" for kind in ("mean", "std") for part in ("fit", "score")}


def contents(run: Path) -> dict[str, Any]:
    """Return what a run's folder holds by path, without what a clock has told."""
    files = sorted(path for path in run.rglob("*") if path.is_file())
    folders = {f"{path.relative_to(run)}/": None for path in run.rglob("*") if path.is_dir()}
    return {**folders, **{str(path.relative_to(run)): _content(path) for path in files}}


def _content(path: Path) -> Any:
    if path.name == "health.jsonl":
        return None  # how often the layers are looked at is a matter of time
    if path.suffix == ".json":
        return _untimed(json.loads(path.read_text()))
    if path.suffix == ".jsonl":
        return [_untimed(json.loads(line)) for line in path.read_text().splitlines()]
    if path.suffix == ".csv":
        return pd.read_csv(path).drop(columns=list(_TIMED), errors="ignore").to_dict()
    return path.read_bytes()


def _untimed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _untimed(item) for key, item in value.items() if key not in _TIMED}
    return [_untimed(item) for item in value] if isinstance(value, list) else value


def points_of(words: tuple[str, ...], here: Path) -> list[str]:
    """Return the points of a command that nothing happens to, in a folder ``whole``."""
    (here / "whole").mkdir()
    assert attacked(words, here / "whole", here / "whole.log") == 0, said(here / "whole")
    points = (here / "whole.log").read_text().splitlines()
    assert len(points) > 50  # the attacks are void where nothing is counted
    return points


def go_on(words: tuple[str, ...], folder: Path) -> int:
    """Resume a run, or where there is none yet, give the same command again."""
    code = attacked((words[0], "--resume", "run", "-q"), folder, folder.with_suffix(".again"))
    if code == 2 and "there is no run" in said(folder):
        code = attacked(words, folder, folder.with_suffix(".again"))
    return code


def ends_the_same(words: tuple[str, ...], here: Path, at: int, how: str) -> list[str]:
    """Attack a command at a point, resume it, and return in what it differs, in words."""
    folder = here / f"{how}{at}"
    folder.mkdir()
    code = attacked(words, folder, folder.with_suffix(".log"), at, how)
    wrong = [f"exit code {code}"] if code not in ENDS[how] else []
    if any(word in said(folder) for word in ("Traceback", "unexpected")):
        wrong.append(said(folder))
    code = go_on(words, folder)
    if code:
        return [*wrong, f"not resumed: {code}, {said(folder)}"]
    there, whole = contents(folder / "run"), contents(here / "whole" / "run")
    return wrong + [
        name for name in {**there, **whole} if there.get(name, 0) != whole.get(name, 0)
    ]


ENDS = {KILL: (-9, 0), FULL: (0, 1), INTERRUPT: (0, 130), TERMINATE: (0, 143)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A function that returns a folder in which a command ran undisturbed, and its points."""

    @functools.cache
    def run(words: tuple[str, ...]) -> tuple[Path, list[str]]:
        here = tmp_path_factory.mktemp(words[0])
        return here, points_of(words, here)

    return run


@pytest.mark.parametrize(
    ("words", "how", "point"),
    [
        (TRAIN, KILL, "before replace config.json"),
        (TRAIN, KILL, "after replace result.json"),
        (TRAIN, KILL, "before rmdir checkpoints"),
        (TRAIN, FULL, "before open .confusion_matrix.png.new"),
        (TRAIN, INTERRUPT, "before replace confusion_matrix.png"),
        (TRAIN, TERMINATE, "before replace result.json"),
        (SEARCH, KILL, "before replace config.json"),
        (SEARCH, KILL, "after replace result.json"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else value.replace(" ", "-"),
)
def test_some_points_end_the_same(
    whole: Whole, words: tuple[str, ...], how: str, point: str
) -> None:
    here, points = whole(words)
    # The last of its name: what is removed at the start is removed at the end again.
    at = max(number for number, told in enumerate(points) if told.endswith(point))
    assert ends_the_same(words, here, at, how) == []


@pytest.mark.heavy
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("how", [KILL, FULL, INTERRUPT, TERMINATE])
@pytest.mark.parametrize("words", [TRAIN, SEARCH], ids=["train", "search"])
def test_every_point_ends_the_same(whole: Whole, words: tuple[str, ...], how: str) -> None:
    here, points = whole(words)
    failures = {}
    for at, point in enumerate(points):
        different = ends_the_same(words, here, at, how)
        if different:
            failures[point] = different
    print(f"{words[0]}, {how}: {len(points) - len(failures)} of {len(points)} points the same")
    assert not failures
