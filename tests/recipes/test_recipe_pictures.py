"""A recipe's picture: what it draws of trainings and of figures, and how large its file is."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from wellfit.recipes import (
    Publication,
    Recipe,
    RecipeContext,
    Reference,
    Reproduction,
    recipes,
    reproduce,
)
from wellfit.recipes.pictures import picture, small_png


class Variants(Recipe):
    """Two trainings by name, an accuracy of each, and a cost of another kind; nobody finds it."""

    name: ClassVar[str] = "variants"
    source: ClassVar[Publication] = Publication("nowhere", "made up", "by hand")
    figures: ClassVar[tuple[Reference, ...]] = (
        Reference("test accuracy, plain", 0.90, "page 1"),
        Reference("test accuracy, $costly$", 0.95, "page 2"),
        Reference("seconds", 3.0, "page 3", better="lower"),
    )

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        for name, best in {"plain": 0.91, "$costly$": 0.94}.items():
            rising = best - 0.3 * 0.5 ** np.arange(20)
            context.curves[name] = {"loss": (1 - rising).tolist(), "val_accuracy": rising.tolist()}
        return {
            "test accuracy, plain": 0.91,
            "test accuracy, $costly$": 0.94,
            "seconds": 2.0 + context.seed,
        }


class Untrained(Variants):
    name: ClassVar[str] = "untrained"
    figures: ClassVar[tuple[Reference, ...]] = (
        Reference("initial loss", 2.3026, "page 1", "near", 0.01),
    )

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        return {"initial loss": 2.303}


class Diverged(Variants):
    name: ClassVar[str] = "diverged"
    figures: ClassVar[tuple[Reference, ...]] = ()

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        context.curves["too fast"] = {"loss": [2.0, float("inf"), float("nan")]}
        context.curves["well"] = {"loss": [2.0, 0.01, 0.001]}
        return {"test accuracy": 0.1}


def done(recipe: Recipe) -> Reproduction:
    return reproduce(recipe, seeds=(0, 1))


def words(drawing: Figure) -> str:
    return "\n".join(
        text.get_text() for text in drawing.findobj(match=lambda a: hasattr(a, "get_text"))
    )


@pytest.mark.parametrize("recipe", [Variants(), Untrained(), Diverged()], ids=lambda r: r.name)
def test_a_picture_is_a_small_file_with_something_in_it(recipe: Recipe) -> None:
    written = small_png(picture(done(recipe)))
    assert len(written) < 60_000
    shown = Image.open(io.BytesIO(written)).convert("L")
    assert shown.format is None
    pixels = np.asarray(shown)
    assert 400 < shown.width < 1200
    assert 0.005 < (pixels < 128).mean() < 0.5


def test_every_training_is_a_line_and_every_figure_a_strip() -> None:
    drawing = picture(done(Variants()))
    curves = drawing.axes[0]
    lines: list[Any] = [
        line for line in curves.lines if len(np.atleast_1d(line.get_xdata())) == 20
    ]
    assert [line.get_ydata()[-1].round(2) for line in lines] == [91.0, 94.0]
    told = words(drawing)
    for part in (r"test accuracy, plain", "published 90.00 %, result 91.00 %", "result 94.00 %"):
        assert part in told
    assert "published 3 s, result 2.5 s" in told
    assert r"\$costly\$" in told  # and no formula


class EveryFifth(Recipe):
    """A training that is evaluated every fifth epoch, and a figure with a long name."""

    name: ClassVar[str] = "every-fifth"
    source: ClassVar[Publication] = Publication("nowhere", "made up", "by hand")
    long: ClassVar[str] = "validation accuracy of a network that has a name as long as this one"
    figures: ClassVar[tuple[Reference, ...]] = (
        Reference("validation accuracy", 0.8, "page 1"),
        Reference(long, 0.8, "page 2", origin="measured with scikit-learn"),
    )

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        epochs = np.arange(1, 41)
        rising = np.where(epochs % 5, np.nan, 0.9 - 0.3 * 0.9**epochs)
        context.curves["one"] = {"val_accuracy": rising.tolist()}
        return dict.fromkeys(("validation accuracy", self.long), 0.85)


def test_a_result_stands_at_the_last_epoch_and_a_long_name_above_its_values() -> None:
    drawing = picture(done(EveryFifth()))
    curves, *strips = (axes for axes in drawing.axes if axes.axison)
    results = [line for line in curves.lines if line.get_marker() == "D"]
    assert [float(np.ravel(line.get_xdata())[0]) for line in results] == [40.0, 40.0]
    drawing.draw_without_rendering()
    for strip in strips:
        name, values = strip._left_title, strip._right_title  # type: ignore[attr-defined]
        assert not name.get_window_extent().overlaps(values.get_window_extent()) or (
            name.get_text().endswith("\n")
        )
        assert name.get_text().endswith("\n") == name.get_text().startswith(EveryFifth.long)


def test_what_was_not_trained_is_a_strip_alone() -> None:
    drawing = picture(done(Untrained()))
    assert len(drawing.axes) == 1
    assert "published 2.303, result 2.303" in words(drawing)


def test_a_recipe_of_the_registry_can_be_drawn() -> None:
    (recipe,) = recipes(["cs109b-beale"])
    assert small_png(picture(reproduce(recipe, way="better", seeds=(0,)))).startswith(b"\x89PNG")
