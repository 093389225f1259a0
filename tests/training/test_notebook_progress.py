"""Progress in notebooks: one output for each cell, redrawn; nothing elsewhere, or too soon."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from wellfit import MLPClassifier, MLPEnsembleClassifier
from wellfit.core import notebook
from wellfit.core.notebook import CellOutput, running_cell
from wellfit.core.pace import RedrawPace
from wellfit.model_selection import GridSearchCV
from wellfit.model_selection import search_progress as searching
from wellfit.training import Call, Progress
from wellfit.training.callbacks import progress as progress_module

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
Y = (X[:, 0] > 0).astype(int)


class Display:
    """A stand-in for IPython: what is displayed in a cell, and how often it was updated."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []
        self.updates = 0
        self.cell = "a"

    def display(self, data: dict[str, str], raw: bool, display_id: bool) -> Display:
        assert raw
        assert display_id
        self.shown.append(data)
        return self

    def update(self, data: dict[str, str], raw: bool) -> None:
        self.shown[-1] = data
        self.updates += 1

    def get_parent(self, channel: str) -> dict[str, Any]:
        return {"header": {"msg_id": self.cell}}


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Display:
    shown = Display()
    shell = SimpleNamespace(kernel=shown, execution_count=1)
    ipython = SimpleNamespace(get_ipython=lambda: shell, display=shown)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    monkeypatch.setattr(notebook, "_SHOWN", [])
    return shown


def fit(**params: Any) -> MLPClassifier:
    given = {"epochs": 3, "random_state": 0, "validation_folds": None, **params}
    return MLPClassifier((4,), **given).fit(X, Y)


def test_a_verbose_fit_shows_its_end_with_curves_and_figures(cell: Display) -> None:
    fit(verbose=1)
    (data,) = cell.shown
    assert "epoch 3/3" in data["text/plain"]
    assert "validation loss" in data["text/plain"]
    assert data["text/html"].count("<svg") == 2
    assert "validation" in data["text/html"]
    assert "width:100%" in data["text/html"]


def test_what_is_short_shows_nothing_unless_asked(
    cell: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit()
    fit(verbose=0)
    assert cell.shown == []
    monkeypatch.setattr(progress_module, "_DELAY", 1e-9)
    fit(verbose=0)
    assert cell.shown == []
    fit()
    assert len(cell.shown) == 1


def test_outside_of_a_notebook_nothing_is_even_asked() -> None:
    assert Progress.of(None) == []
    assert CellOutput.now() is None


def test_a_thread_has_no_cell(cell: Display) -> None:
    assert running_cell() == "a"
    found: list[str | None] = []
    thread = threading.Thread(target=lambda: found.append(running_cell()))
    thread.start()
    thread.join()
    assert found == [None]


def test_a_cell_has_one_output_and_lines_of_what_is_done(cell: Display) -> None:
    for _ in range(9):
        fit(verbose=1, epochs=2)
    (data,) = cell.shown
    assert data["text/html"].count("<svg") == 2  # of the last one only
    assert "… and 3 before" in data["text/plain"]
    assert data["text/plain"].count("epoch 2/2") == 6
    cell.cell = "b"
    fit(verbose=1)
    assert len(cell.shown) == 2


def test_curves_grow_while_training_goes_on(
    cell: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RedrawPace, "due", lambda self: True)
    seen: list[str] = []
    fit(
        verbose=1,
        epochs=4,
        callbacks=[Call(lambda logs: seen.append(cell.shown[-1]["text/plain"]))],
    )
    assert [text.split(",")[0] for text in seen] == [f"epoch {n}/4" for n in (1, 2, 3, 4)]
    assert " left" in seen[1]


def test_names_are_escaped(cell: Display) -> None:
    def hostile(model: Any, features: Any, targets: Any) -> float:
        return 0.5

    hostile.__name__ = "<script>"
    fit(verbose=1, scoring=hostile)
    assert "<script>" not in cell.shown[0]["text/html"]


def test_an_ensemble_shows_the_means_of_its_networks(cell: Display) -> None:
    MLPEnsembleClassifier(
        MLPClassifier((4,), epochs=2, verbose=1), n_estimators=3, random_state=0
    ).fit(X, Y)
    (data,) = cell.shown
    assert data["text/plain"].startswith("3 networks, epoch 2/2")


def test_folds_that_validate_are_shown_too(cell: Display) -> None:
    fit(verbose=1, validation_folds=3)
    (data,) = cell.shown
    first, second = data["text/plain"].splitlines()
    assert first.startswith("3 networks, ")
    assert second.startswith("epoch ")


def test_a_search_shows_its_fits_and_the_best(
    cell: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "_DELAY", 0.0)
    base = MLPClassifier((4,), epochs=2, random_state=0, verbose=1)
    search = GridSearchCV(base, {"l2": [1e-3, 1e-1]}, cv=2, refit=False).fit(X, Y)
    (data,) = cell.shown
    assert data["text/plain"].startswith("GridSearchCV: 4 of 4 fits")
    best = max(search.cv_results_["mean_test_score"])
    assert f"best mean score {best:.3g}" in data["text/plain"]
    assert data["text/html"].count("<svg") == 1


@pytest.mark.parametrize("silent", [0])
def test_a_search_of_a_silent_estimator_is_silent(
    cell: Display, monkeypatch: pytest.MonkeyPatch, silent: int
) -> None:
    monkeypatch.setattr(searching, "_DELAY", 0.0)
    base = MLPClassifier((4,), epochs=2, random_state=0, verbose=silent)
    GridSearchCV(base, {"l2": [1e-3]}, cv=2, refit=False).fit(X, Y)
    assert cell.shown == []


def test_an_error_leaves_what_was_shown(cell: Display, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(logs: Any) -> None:
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        fit(verbose=1, callbacks=[Call(fail)])
    assert "epoch 1/3" in cell.shown[0]["text/plain"]


def test_redrawing_costs_little() -> None:
    """A drawing that takes long is followed by a long time without one."""
    times = iter([0.0, 0.0, 1.0, 20.0, 31.1])
    clock: Callable[[], float] = lambda: next(times)  # noqa: E731
    pace = RedrawPace(0.0, clock)
    assert pace.due()
    pace.drawn()  # it took a second
    assert not pace.due()
    assert pace.due()
