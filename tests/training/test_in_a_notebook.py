"""A notebook that is executed: what Jupyter keeps of a fit, a search and their results."""

from __future__ import annotations

import re
from typing import Any

import pytest

SETUP = """
import time
from sklearn.datasets import load_iris
from wellfit import MLPClassifier
from wellfit.model_selection import RandomizedSearchCV
from wellfit.training import Call

X, y = load_iris(return_X_y=True)
slow = Call(lambda logs: time.sleep(0.15))
params = {"epochs": 8, "early_stopping": False, "random_state": 0}
"""
FIT = "clf = MLPClassifier((8,), verbose=1, callbacks=[slow], **params).fit(X, y)"
SHORT = "quick = MLPClassifier((8,), **params).fit(X, y)"
SEARCH = """
search = RandomizedSearchCV(
    MLPClassifier((8,), verbose=1, **params), {"l2": [0.0, 1e-3]}, n_iter=2, cv=2, random_state=0
).fit(X, y)
"""


@pytest.fixture(scope="module")
def outputs() -> list[list[Any]]:
    """What stands below each cell when all are executed."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    import nbformat

    updates: list[Any] = []

    class Client(nbclient.NotebookClient):  # type: ignore[misc, name-defined]
        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            if msg["msg_type"] == "update_display_data":
                updates.append((cell_index, msg["content"]["data"]))
            return super().process_message(msg, cell, cell_index)

    cells = [SETUP, FIT, SHORT, SEARCH, "search"]
    v4: Any = nbformat.v4
    made = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
    Client(made, timeout=120).execute()
    return [
        [*cell.outputs, *(u for at, u in updates if at == k)] for k, cell in enumerate(made.cells)
    ]


def test_a_fit_shows_its_progress_and_its_curve(outputs: list[list[Any]]) -> None:
    first, *updates = outputs[1]
    assert first["output_type"] == "display_data"
    assert "epoch 8/8" in first["data"]["text/plain"]  # nbclient keeps what was shown last
    assert "<svg" in first["data"]["text/html"]
    # It was redrawn on the way, twice a second: a second and more went by.
    places = [re.findall(r"epoch (\d)/8", update["text/plain"]) for update in updates]
    assert places == sorted(places)
    assert 2 <= len(places) <= 8


def test_a_short_fit_shows_nothing(outputs: list[list[Any]]) -> None:
    assert outputs[0] == outputs[2] == []


def test_a_search_shows_one_output(outputs: list[list[Any]]) -> None:
    kept = [out for out in outputs[3] if "output_type" in out]
    assert len(kept) == 1


def test_results_are_shown_as_html(outputs: list[list[Any]]) -> None:
    (shown,) = outputs[4]
    assert "best mean test score" in shown["data"]["text/html"]
