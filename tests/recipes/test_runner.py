"""What recipes rest on: figures, seeds, names, the command; with recipes made up for the test."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from wellfit import MLPClassifier
from wellfit.cli.app import app
from wellfit.core import registry
from wellfit.core.errors import UnknownNameError
from wellfit.recipes import (
    Figure,
    Measured,
    Recipe,
    RecipeContext,
    Source,
    Split,
    recipes,
    reproduce,
)
from wellfit.training import Call

NOWHERE = Source("nowhere", "made up", "by hand")


class Tiny(Recipe):
    """Returns its seed as an accuracy; without name=, so that nobody else finds it."""

    name: ClassVar[str] = "tiny"
    source: ClassVar[Source] = NOWHERE
    figures: ClassVar[tuple[Figure, ...]] = (Figure("test accuracy", 0.1, "page 1"),)
    remark: ClassVar[str] = "It is all luck."

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        context.curves["a go"] = {"loss": [2.0, 1.0 + context.seed], "seconds": [0.1, 0.2]}
        context.curves["Another go"] = {"loss": [2.0, 1.0], "seconds": [0.1, 0.2]}
        return {"test accuracy": context.seed / 10, "quick": float(context.quick)}


class Interrupted(Tiny):
    name: ClassVar[str] = "interrupted"

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        raise KeyboardInterrupt


class InterruptedTraining(Tiny):
    name: ClassVar[str] = "interrupted-training"

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        ctrl_c = Call(lambda logs: signal.raise_signal(signal.SIGINT))
        clf = MLPClassifier((4,), epochs=5, early_stopping=False, callbacks=[ctrl_c])
        clf.fit(np.eye(4), np.array([0, 1, 0, 1]))
        raise AssertionError("a recipe went on after Ctrl-C")


# --- figures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("better", "good", "bad"),
    [
        ("higher", (9.0, 4.0, 3.75), (3.5, -9.0)),
        ("lower", (-9.0, 4.0, 4.25), (4.5, 9.0)),
        ("near", (3.75, 4.0, 4.25), (3.5, 4.5)),
    ],
)
def test_a_figure_is_reached_in_its_own_direction(
    better: Any, good: tuple[float, ...], bad: tuple[float, ...]
) -> None:
    figure = Figure("loss", 4.0, "page 1", better, slack=0.25)
    assert all(map(figure.reached, good))
    assert not any(map(figure.reached, bad))
    assert not figure.reached(float("nan"))


def test_a_figure_that_was_not_published_is_always_reached() -> None:
    assert Figure("loss", None, "").reached(float("inf"))


def test_what_counts_is_the_mean_or_the_best() -> None:
    values = (1.0, 2.0, 6.0)
    means = [Measured(Figure("loss", 3.0, "", kind), values).ours for kind in DIRECTIONS]
    bests = [
        Measured(Figure("loss", 3.0, "", kind), values, best=True).ours for kind in DIRECTIONS
    ]
    assert means == [3.0, 3.0, 3.0]
    assert bests == [6.0, 1.0, 3.0]  # no run is the best at being near
    assert Measured(Figure("loss", 3.0, ""), values).spread == pytest.approx(np.std(values))


DIRECTIONS: tuple[Any, ...] = ("higher", "lower", "near")


# --- a recipe --------------------------------------------------------------------------------


def test_each_seed_is_a_go_and_their_mean_counts() -> None:
    done = reproduce(Tiny(), seeds=(0, 1, 4))
    accuracy, told = done.figures
    assert accuracy.values == (0.0, 0.1, 0.4)
    assert accuracy.ours == pytest.approx(0.5 / 3)
    assert done.reached
    assert told.figure == Figure("quick", None, "")
    assert done.curves["a go"]["loss"] == [2.0, 1.0]


def test_the_short_way_is_one_seed_unless_more_are_asked_for() -> None:
    done = reproduce(Tiny(), quick=True)
    assert [measured.values for measured in done.figures] == [(0.0,), (1.0,)]
    done = reproduce(Tiny(), seeds=(2, 1), quick=True)
    assert [measured.values for measured in done.figures] == [(0.2, 0.1), (1.0, 1.0)]
    assert len(reproduce(Tiny()).figures[0].values) == 3


def test_what_is_told_as_json_is_all_there_is() -> None:
    document = json.loads(json.dumps(reproduce(Tiny(), seeds=(0,)).to_document()))
    accuracy, told = document.pop("figures")
    assert document.pop("seconds") >= 0
    expected = {
        "recipe": "tiny",
        "source": "nowhere",
        "reached": False,
        "quick": False,
        "seeds": 1,
    }
    assert document == expected
    assert (accuracy["published"], accuracy["ours"], accuracy["reached"]) == (0.1, 0.0, False)
    assert (told["published"], told["values"], told["reached"]) == (None, [0.0], True)


def test_ctrl_c_in_a_training_ends_the_recipe() -> None:
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals come to the main thread")
    with pytest.raises(KeyboardInterrupt):
        reproduce(InterruptedTraining(), seeds=(0,))


# --- names -----------------------------------------------------------------------------------


def test_recipes_are_found_by_name_and_by_source() -> None:
    everyone = recipes()
    assert [recipe.name for recipe in everyone] == registry.names("recipe")
    assert "tiny" not in registry.names("recipe")
    assert [one.name for one in recipes(["indaba-linear", "indaba-512"])] == [
        "indaba-linear",
        "indaba-512",
    ]
    of_source = recipes(source="indaba")
    assert of_source == [one for one in everyone if one.source.key == "indaba"]
    assert 0 < len(of_source) < len(everyone)


@pytest.mark.parametrize(
    ("names", "source", "nearest"), [(["indaba-521"], None, "indaba-512"), ([], "indba", "indaba")]
)
def test_a_wrong_name_is_told_the_nearest(
    names: list[str], source: str | None, nearest: str
) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{nearest}'"):
        recipes(names, source)


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
def test_every_recipe_says_where_its_figures_are_from(recipe: Recipe) -> None:
    assert recipe.source.key
    assert recipe.source.title
    assert recipe.source.tool
    names = [figure.what for figure in recipe.figures]
    assert len(set(names)) == len(names)
    for figure in recipe.figures:
        assert figure.place or figure.published is None, figure.what
        if figure.better == "near":  # below 0 the others have to be better by so much
            assert figure.slack >= 0, figure.what


# --- data ------------------------------------------------------------------------------------


def test_a_split_is_cut_by_classes_and_rows() -> None:
    X, y = np.arange(12)[:, None], np.tile([0, 1, 2], 4)
    split = Split(X, y, X, y, X, y)
    assert set(split.only([0, 2]).y_test) == {0, 2}
    assert split.first(5).X.ravel().tolist() == [0, 1, 2, 3, 4]
    few = split.each(2, seed=1)
    assert np.bincount(few.y).tolist() == [2, 2, 2]
    assert (few.y == few.X.ravel() % 3).all()
    assert len(few.X_val) == len(X)


def test_a_kitchen_keeps_the_curves_of_models() -> None:
    context = RecipeContext()
    clf = MLPClassifier((4,), epochs=3, early_stopping=False, random_state=0)
    context.keep("net", clf.fit(np.eye(4), np.array([0, 1, 0, 1])))
    assert context.curves["net"]["loss"] == clf.history_["loss"]


# --- the command -----------------------------------------------------------------------------


def command(*words: str) -> Result:
    return CliRunner().invoke(app, ["reproduce", *words], env={"COLUMNS": "120"})


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """Stand in for the project's recipes, those that the test puts into this list."""
    found: list[Recipe] = []
    monkeypatch.setattr("wellfit.recipes.recipes", lambda names=(), source=None: found)
    monkeypatch.setattr("wellfit.core.declared.refuse_undeclared", lambda *_: None)
    return found


def test_the_list_names_every_recipe() -> None:
    done = command("list")
    assert done.exit_code == 0, done.output
    told = {line.split()[0] for line in done.output.splitlines() if line.strip()}
    assert told >= set(registry.names("recipe"))


def test_the_list_of_a_source_is_its_own() -> None:
    done = command("list", "--source", "tips")
    assert "tips-cross-entropy" in done.output
    assert "indaba-512" not in done.output


def test_nothing_to_do_is_an_error_that_says_what_is_missing() -> None:
    done = command()
    assert done.exit_code == 2
    assert "--all" in done.output


def test_a_wrong_recipe_is_told_the_nearest() -> None:
    done = command("indaba-521")
    assert done.exit_code == 2
    assert "did you mean 'indaba-512'" in done.output


def test_what_is_reached_ends_well(made_up: list[Recipe]) -> None:
    made_up.append(Tiny())
    done = command("tiny", "--seeds", "3")
    assert done.exit_code == 0, done.output
    assert "test accuracy: 10.00 % ± 8.16, published 10.00 %" in done.output
    assert "1 of 1 recipes in" in done.output
    assert "luck" not in done.output  # a remark explains a miss


def test_a_miss_ends_with_1_and_leaves_its_files(made_up: list[Recipe], tmp_path: Path) -> None:
    made_up.append(Tiny())
    done = command("tiny", "--quick", "--out", str(tmp_path / "out"))
    assert done.exit_code == 1, done.output
    assert "missed: tiny" in done.output
    assert "It is all luck." in done.output
    document = json.loads((tmp_path / "out" / "results.json").read_text())["tiny"]
    assert document["quick"]
    assert not document["reached"]
    assert (tmp_path / "out" / "images" / "tiny.png").read_bytes().startswith(b"\x89PNG")


def test_results_of_others_stay(made_up: list[Recipe], tmp_path: Path) -> None:
    made_up.append(Tiny())
    (tmp_path / "results.json").write_text('{"other": {"recipe": "other"}}')
    command("tiny", "--quick", "--out", str(tmp_path))
    assert list(json.loads((tmp_path / "results.json").read_text())) == ["other", "tiny"]


@pytest.mark.parametrize("content", ["[]", "{"])
def test_a_file_of_something_else_is_refused(
    made_up: list[Recipe], tmp_path: Path, content: str
) -> None:
    made_up.append(Tiny())
    (tmp_path / "results.json").write_text(content)
    done = command("tiny", "--quick", "--out", str(tmp_path))
    assert done.exit_code == 2
    assert "results.json" in done.output
    assert (tmp_path / "results.json").read_text() == content


def test_ctrl_c_keeps_what_is_done(made_up: list[Recipe], tmp_path: Path) -> None:
    made_up.extend([Tiny(), Interrupted(), Tiny()])
    done = command("--all", "--seeds", "3", "--out", str(tmp_path))
    assert done.exit_code not in (0, 1)
    assert "1 of 3 recipes in" in done.output
    assert list(json.loads((tmp_path / "results.json").read_text())) == ["tiny"]
