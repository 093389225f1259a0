"""The folder of ``reproduce --out``: finished results, their figures, and runs to go on from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellfit.cli.files import write_json
from wellfit.core.errors import DataError
from wellfit.core.version import __version__
from wellfit.core.writing import write

if TYPE_CHECKING:
    from wellfit.recipes import Recipe, Reproduction, SeedRun
    from wellfit.recipes.base import Way


@dataclass(frozen=True)
class ResultsFolder:
    """A folder with ``results.json``, ``images/``, and ``unfinished/`` while recipes run.

    Attributes:
        path: the folder; None keeps nothing.
    """

    path: Path | None

    def document(self) -> dict[str, Any]:
        """Return the finished results by recipe.

        Raises:
            DataError: the results file is invalid.
        """
        if self.path is None:
            return {}
        return _read(self.path / "results.json")

    def finished(self, recipe: Recipe, way: Way, seeds: Sequence[int] = ()) -> Reproduction | None:
        """Return the results of a recipe, or None.

        Results of other settings or figures or another version of wellfit don't count, nor do
        those of other seeds if ``seeds`` are given.
        """
        from wellfit.recipes import Reproduction

        kept = self.document().get(recipe.name, {})
        done = kept.get(way)
        if done is None or done["version"] != __version__:
            return None
        if kept["settings"] != recipe.settings_text():
            return None
        if done.get("better_way", recipe.better_way) != recipe.better_way:
            return None
        expected = {one.what for one in recipe.figures if one.way in ("both", way)}
        if not expected <= {one["what"] for one in done["figures"]}:
            return None
        if seeds and done["seeds"] != list(seeds):
            return None
        return Reproduction.from_document(recipe, way, done)

    def unfinished(self, recipe: Recipe, way: Way) -> list[SeedRun]:
        """Return the runs of a recipe that was interrupted."""
        from wellfit.recipes import SeedRun

        if self.path is None:
            return []
        kept = _read(self._unfinished(recipe, way))
        mine = kept.get("version") == __version__ and kept["settings"] == recipe.settings_text()
        return [SeedRun.from_document(run) for run in kept["runs"]] if mine else []

    def keep(self, recipe: Recipe, way: Way, run: SeedRun) -> None:
        """Keep a run until its recipe is finished."""
        if self.path is None:
            return
        path = self._unfinished(recipe, way)
        path.parent.mkdir(parents=True, exist_ok=True)
        runs = [one.to_document() for one in (*self.unfinished(recipe, way), run)]
        write_json(
            path, {"version": __version__, "settings": recipe.settings_text(), "runs": runs}
        )

    def finish(self, done: Reproduction) -> None:
        """Add a recipe's results to the results file, write its figure, and drop its runs."""
        from wellfit.recipes.pictures import picture, small_png

        if self.path is None:
            return
        recipe = done.recipe
        results = self.document()
        other = {way: results.get(recipe.name, {}).get(way) for way in recipe.ways}
        results[recipe.name] = {
            "source": recipe.source.key,
            "settings": recipe.settings_text(),
            **{way: kept for way, kept in other.items() if kept},
            done.way: done.to_document() | _settings_of(done),
        }
        images = self.path / "images"
        images.mkdir(parents=True, exist_ok=True)
        suffix = "" if done.way == "published" else "-better"
        write(images / f"{recipe.name}{suffix}.png", small_png(picture(done)))
        write_json(self.path / "results.json", dict(sorted(results.items())))
        unfinished = self._unfinished(recipe, done.way)
        unfinished.unlink(missing_ok=True)
        if unfinished.parent.exists() and not any(unfinished.parent.iterdir()):
            unfinished.parent.rmdir()

    def _unfinished(self, recipe: Recipe, way: Way) -> Path:
        assert self.path is not None
        return self.path / "unfinished" / f"{recipe.name}-{way}.json"


def _settings_of(done: Reproduction) -> dict[str, str]:
    """Return the description of the better way, which distinguishes its results from another's."""
    return {"better_way": done.recipe.better_way} if done.way == "better" else {}


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise DataError(
            f"{path} is not JSON: {error}; remove it, or choose another folder"
        ) from error
    if not isinstance(found, dict):
        raise DataError(f"{path} has no results by recipe; remove it, or choose another folder")
    return found
