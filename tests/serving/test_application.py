"""What the server predicts, and what it says of its model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from asgi import ask, predict, replies_to, rows
from served import CLASSES, NEW, PAY, QUICK, ROW, TABLE, by_command, columns, plain
from wellfit import MLPClassifier, MLPRegressor
from wellfit.model_selection import MLPEnsembleClassifier
from wellfit.serving import Limits

# --- predictions ------------------------------------------------------------------------------


def test_rows_are_predicted_as_the_model_predicts_them(
    app: Any, classifier: MLPClassifier
) -> None:
    found = predict(app, plain())
    assert found.status == 200
    assert found.headers["content-type"] == "application/json"
    assert found.document["classes"] == ["high", "low"]
    assert found.document["predictions"] == classifier.predict(NEW).tolist()
    np.testing.assert_allclose(
        found.document["probabilities"], classifier.predict_proba(NEW), rtol=2e-5
    )
    assert predict(app, columns(plain())).body == found.body


def test_csv_is_answered_as_the_command_writes_it(
    app: Any, classifier: MLPClassifier, tmp_path: Path
) -> None:
    text = NEW.to_csv(index=False)
    written = by_command(classifier, tmp_path, NEW)
    found = predict(app, text, accept="text/csv")
    assert found.headers["content-type"] == "text/csv; charset=utf-8"
    assert found.body.decode() == written
    assert predict(app, plain(), accept="text/csv").body.decode() == written
    assert predict(app, text).document == predict(app, plain()).document


@pytest.mark.parametrize("answer", ["text/csv", "application/json"])
def test_intervals_are_those_of_the_command(
    calibrated: MLPRegressor, made: Callable[..., Any], tmp_path: Path, answer: str
) -> None:
    words = ("--interval", "50", "--interval", "80")
    written = by_command(calibrated, tmp_path, NEW, *words)
    found = predict(made(calibrated), plain(), b"interval=50&interval=80", accept=answer)
    if answer == "text/csv":
        assert found.body.decode() == written
        return
    table = pd.read_csv(tmp_path / "rows.csv")
    assert len(found.document["predictions"]) == len(table)
    bounds = np.array(found.document["intervals"]["80"])
    np.testing.assert_allclose(bounds, calibrated.predict_interval(NEW, 0.8))
    # Without intervals NumPy predicts, and with them the estimator.
    np.testing.assert_allclose(
        predict(made(calibrated), plain()).document["predictions"],
        found.document["predictions"],
        rtol=1e-5,
    )


def test_sets_are_lists_of_labels(made: Callable[..., Any], tmp_path: Path) -> None:
    model = MLPClassifier(**QUICK, conformal="split", conformal_fraction=0.3).fit(TABLE, CLASSES)
    app = made(model)
    found = predict(app, plain(), b"set=80")
    sets = [model.classes_[inside].tolist() for inside in model.predict_set(NEW, 0.8)]
    assert found.document["sets"]["80"] == sets
    written = by_command(model, tmp_path, NEW, "--set", "80")
    assert predict(app, plain(), b"set=80", accept="text/csv").body.decode() == written


QUANTILES = {"loss": "quantile", "loss__quantiles": (0.1, 0.5, 0.9)}
OTHERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "several targets": lambda: (MLPRegressor(**QUICK), np.column_stack([PAY, PAY / 2])),
    "several labels": lambda: (
        MLPClassifier(**QUICK),
        np.column_stack([PAY > 3000, PAY > 4500]).astype(int),
    ),
    "booleans": lambda: (MLPClassifier(**QUICK), PAY > 4500),
    "no form in NumPy": lambda: (MLPClassifier(**QUICK, activation="gelu"), CLASSES),
    "an ensemble": lambda: (
        MLPEnsembleClassifier([MLPClassifier(**QUICK), MLPClassifier(**QUICK)]),
        CLASSES,
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_every_kind_of_model_is_served(
    name: str, made: Callable[..., Any], tmp_path: Path
) -> None:
    model, y = OTHERS[name]()
    app = made(model.fit(TABLE, y))
    found = predict(app, plain())
    assert found.status == 200, found.body
    expected = model.predict(NEW)
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(found.document["predictions"], expected, rtol=1e-5)
    else:
        assert found.document["predictions"] == expected.tolist()
    assert predict(app, plain(), accept="text/csv").body.decode() == by_command(
        model, tmp_path, NEW
    )


def test_a_model_without_names_reads_lists(made: Callable[..., Any]) -> None:
    X = TABLE[["age"]].to_numpy(float)
    model = MLPRegressor(**QUICK).fit(np.hstack([X, X**2]), PAY)
    app = made(model)
    found = predict(app, [[30.0, 900], [40, 1600]])
    np.testing.assert_allclose(
        found.document["predictions"], model.predict([[30.0, 900.0], [40.0, 1600.0]]), rtol=1e-5
    )
    for wrong, message in (
        ([[1.0]], "row 1 of the request has 1 values; expected a list of rows, each a list of 2"),
        ([[1.0, "x"]], "row 1 of the request holds text"),
        ([{"x0": 1}], "row 1 of the request is an object"),
        ([], "the request holds an empty list"),
    ):
        refused = predict(app, wrong)
        assert refused.status == 422
        assert refused.error.startswith(message)
    assert predict(app, "a,b\n1,2\n").status == 422


# --- together ---------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_requests_that_come_together_are_predicted_together(
    activation: str, made: Callable[..., Any]
) -> None:
    app = made(MLPClassifier(**QUICK, activation=activation).fit(TABLE, CLASSES))
    one_by_one = [predict(app, [row]) for row in plain()]
    before = ask(app, "/health").document
    wrong = {**ROW, "age": "old"}
    found = replies_to(app, *(rows([row]) for row in [*plain(), wrong]))
    after = ask(app, "/health").document
    assert found[-1].status == 422  # and harms nobody else
    for alone, together in zip(one_by_one, found, strict=False):
        assert together.document["predictions"] == alone.document["predictions"]
        np.testing.assert_allclose(
            together.document["probabilities"], alone.document["probabilities"], rtol=1e-4
        )
    # The first may be on its way before the others have come.
    assert after["batches"] - before["batches"] <= 2
    assert before["batches"] == len(one_by_one)


def test_a_large_request_leaves_small_ones_their_turn(app: Any) -> None:
    large = rows([ROW] * 3000)
    found = replies_to(app, large, rows([ROW]), rows(NEW.to_csv(index=False)))
    assert [one.status for one in found] == [200] * 3
    assert len(found[0].document["predictions"]) == 3000
    assert len(set(found[0].document["predictions"])) == 1


# --- documents --------------------------------------------------------------------------------


def test_the_model_is_described(app: Any) -> None:
    assert ask(app, "/health").document["status"] == "ok"
    about = ask(app, "/metadata").document
    assert about["task"] == "classification"
    assert about["target"] == "pay"
    assert about["columns"][2] == {
        "name": "job",
        "type": "text",
        "levels": ["clerk", "cook", "nurse"],
    }
    assert [one["type"] for one in about["columns"]] == [
        *("number", "number", "text", "boolean", "date")
    ]
    row = ask(app, "/openapi.json").document["components"]["schemas"]["Row"]
    assert row["required"] == list(ROW)
    assert list(row["properties"]) == [*ROW, "dropped", "name", "pay"]


def test_the_page_shows_columns_and_loads_nothing(app: Any) -> None:
    found = ask(app, "/")
    text = found.body.decode()
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in found.headers["content-security-policy"]
    assert '<th scope="row">job</th><td>text</td><td>clerk, cook, nurse</td>' in text
    assert "//" not in text.replace("</", "")  # no other address


def test_names_of_columns_are_text_on_the_page(made: Callable[..., Any]) -> None:
    hostile = "<script>alert(1)</script>"
    table = TABLE[["age"]].rename(columns={"age": hostile}).assign(job=hostile)
    text = ask(made(MLPClassifier(**QUICK).fit(table, CLASSES)), "/").body.decode()
    assert hostile not in text
    assert text.count("&lt;script&gt;alert(1)") >= 2


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:80"])
def test_a_server_answers_by_its_own_names_only(
    classifier: MLPClassifier, made: Callable[..., Any], host: str
) -> None:
    app = made(classifier, Limits(hosts=frozenset(["localhost", "127.0.0.1", "::1"])))
    assert ask(app, "/health", headers=[("host", host)]).status == 200
    refused = ask(app, "/health", headers=[("host", f"evil.{host}")])
    assert refused.status == 403
    assert "expected 127.0.0.1, ::1, localhost" in refused.error
