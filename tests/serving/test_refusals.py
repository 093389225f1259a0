"""What the server refuses: a clear error for each, within its limits of size and time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from asgi import Sent, predict, replies_to, rows
from served import NEW, ROW, columns
from wellfit import MLPClassifier
from wellfit.cli.app import app as command
from wellfit.serving import Limits, ServedModel

# --- what is refused --------------------------------------------------------------------------

WITHOUT_JOB = {name: value for name, value in ROW.items() if name != "job"}
REFUSED: dict[str, tuple[Any, bytes, str]] = {
    "missing": (
        [WITHOUT_JOB],
        b"",
        "the request has no column 'job'. Its columns: age, hours, member, since",
    ),
    "missing later": ([ROW, WITHOUT_JOB], b"", "row 2 of the request has no column 'job'"),
    "misspelt": (
        [{**WITHOUT_JOB, "jbo": "cook"}],
        b"",
        "the request has no column 'job'; did you mean 'jbo'?",
    ),
    "extra": (
        [{**ROW, "colour": "red"}],
        b"",
        "the request has the column 'colour', which the model doesn't use",
    ),
    "extra by column": (
        {**columns([ROW]), "jobs": [1]},
        b"",
        "the request has the column 'jobs', which the model doesn't use; did you mean 'job'?",
    ),
    "text for a number": (
        [ROW, {**ROW, "age": "old"}],
        b"",
        "column 'age' holds 'old' in row 2 of the request; expected a number, as in training",
    ),
    "a number as text": (
        [ROW, {**ROW, "age": "25"}],
        b"",
        "column 'age' holds the text '25' among numbers, in row 2 of the request; expected a "
        "number, as in training: no text",
    ),
    "rows in an object": (
        {"instances": [ROW]},
        b"",
        "the request has none of the model's columns, 'age', 'hours', 'job', …; expected",
    ),
    "number for a boolean": (
        [{**ROW, "member": 2}],
        b"",
        "column 'member' holds 2 in row 1 of the request; expected True or False",
    ),
    "no date": (
        [{**ROW, "since": "soon"}],
        b"",
        "column 'since' holds 'soon' in row 1 of the request; expected a date such as",
    ),
    "a list in a cell": ([{**ROW, "age": [1]}], b"", "column 'age' of the request contains lists"),
    "an object in a cell": ([{**ROW, "job": {}}], b"", "column 'job' of the request contains"),
    "too large": ([{**ROW, "age": 1e31}], b"", "column 'age' holds 1e+31 in row 1 of the request"),
    "no rows": ([], b"", "the request has no rows"),
    "no values": ({name: [] for name in ROW}, b"", "the request has no rows"),
    "no row": ([ROW, 3], b"", "row 2 of the request is a number; expected a list of rows"),
    "a row alone": (ROW, b"", "column 'age' of the request is a number; expected a list of rows"),
    "a number alone": (3, b"", "the request holds a number; expected a list of rows"),
    "uneven columns": (
        {**columns([ROW]), "age": [1, 2]},
        b"",
        "column 'age' of the request has 2 values, and 'since' 1; expected as many in each",
    ),
    "intervals of classes": ([ROW], b"interval=90", "interval is given, and the model predicts"),
    "no calibration": ([ROW], b"set=90", "set is given, and the model isn't calibrated"),
    "a share": ([ROW], b"set=0.9", "set is 0.9; expected per cent, from 1 to below 100; did you"),
    "no level": ([ROW], b"set=high", "set is 'high'; expected per cent, such as 90"),
    "another parameter": ([ROW], b"sets=90", "unknown parameter 'sets'; did you mean 'set'?"),
    "another value": ([ROW], b"extra=drop", "unknown value 'drop' of extra"),
    "too many parameters": ([ROW], b"&".join([b"set=90"] * 40), "the query can't be read"),
    "csv without a column": ("age,hours\n3,4\n", b"", "the request has no column 'job' (3 of 5"),
    "csv without rows": ("age,hours,job,member,since\n", b"", "the request has column names, but"),
    "csv with another column": (
        NEW.assign(colour=1).to_csv(index=False),
        b"",
        "the request has the column 'colour'",
    ),
    "csv with text": (
        NEW.assign(age="old").to_csv(index=False),
        b"",
        "column 'age' holds 'old' in row 1 (line 2 of the request); expected a number, as in",
    ),
    "an empty csv": ("", b"", "the request is empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_predicted_is_refused_by_its_reason(app: Any, name: str) -> None:
    document, query, message = REFUSED[name]
    found = predict(app, document, query)
    assert (found.status, found.headers["content-type"]) == (422, "application/json")
    assert found.error.startswith(message), found.error


def test_the_message_is_that_of_the_command(
    app: Any, classifier: MLPClassifier, tmp_path: Path
) -> None:
    for table in (NEW.drop(columns="job"), NEW.assign(age="old")):
        table.to_csv(tmp_path / "rows.csv", index=False)
        saved = str(classifier.save(tmp_path / "saved"))
        given = [saved, str(tmp_path / "rows.csv"), "-o", "-"]
        done = CliRunner().invoke(command, ["predict", *given])
        said = done.output.partition("error: ")[2].strip()
        found = predict(app, table.to_csv(index=False)).error
        assert found == said.replace(str(tmp_path / "rows.csv"), "the request")


def test_columns_of_training_that_are_no_input_may_be_there(app: Any) -> None:
    expected = predict(app, [ROW]).document
    assert predict(app, [{**ROW, "pay": "unreadable", "name": 3}]).document == expected
    assert predict(app, [{**ROW, "colour": 1}], b"extra=ignore").document == expected
    text = pd.DataFrame([{**ROW, "pay": "?", "name": 3, "dropped": "x"}]).to_csv(index=False)
    assert predict(app, text).document == expected
    # What training dropped may be there, as for `predict`.
    assert predict(app, [{**ROW, "dropped": "unreadable"}]).document == expected
    assert predict(app, {**columns([ROW]), "dropped": [1]}).document == expected


def test_missing_values_are_null_or_as_in_training(app: Any) -> None:
    missing = [{**ROW, "age": None, "job": None}]
    expected = predict(app, missing).document
    assert predict(app, [{**ROW, "age": -9, "job": "?"}]).document == expected
    assert predict(app, [{**ROW, "age": -9.0, "job": " ? "}]).document == expected
    assert predict(app, [ROW]).document != expected


MALFORMED = [b"", b"{", b"[1,", b"nonsense", b"\xff\xfe", b"[NaN]", b'["\\ud800"]', b"[" * 10**5]


@pytest.mark.parametrize("body", MALFORMED)
def test_malformed_json_is_status_400(app: Any, body: bytes) -> None:
    headers = {"content-type": "application/json"}.items()
    (found,) = replies_to(app, Sent(chunks=(body,), headers=headers))
    assert found.status == 400
    assert found.error.startswith("the request isn't JSON: ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/json", "content-encoding": "gzip"}, 415),
        ({"content-type": "application/json", "content-length": "99999999"}, 413),
        ({"content-type": "Application/JSON; charset=utf-8"}, 200),
        ({"content-type": "application/json", "host": "evil.example"}, 200),
    ],
)
def test_headers_are_heeded(app: Any, headers: dict[str, str], status: int) -> None:
    body = json.dumps([ROW]).encode()
    (found,) = replies_to(app, Sent(chunks=(body,), headers=headers.items()))
    assert found.status == status
    assert ("error" in found.document) == (status != 200)


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/predict", "GET", 405), ("/health", "POST", 405), ("/nothing", "GET", 404)],
)
def test_other_addresses_and_methods_are_refused(
    app: Any, path: str, method: str, status: int
) -> None:
    (found,) = replies_to(app, Sent(path, method=method))
    assert found.status == status
    if status == 404:
        assert found.error.startswith("there is nothing at /nothing; expected /, /predict")
    else:
        allowed = "POST" if path == "/predict" else "GET or HEAD"
        assert found.error == f"{path} doesn't take {method}; expected {allowed}"


# --- limits -----------------------------------------------------------------------------------


def test_a_body_is_refused_as_soon_as_it_is_too_large(
    classifier: MLPClassifier, made: Callable[..., Any]
) -> None:
    app = made(classifier, Limits(request_bytes=300))
    small, large = rows([ROW]), rows([ROW] * 9)
    in_parts = Sent(
        chunks=[large.chunks[0][:200]] * 9, headers={"content-type": "text/csv"}.items()
    )
    found = replies_to(app, small, large, in_parts)
    assert [one.status for one in found] == [200, 413, 413]
    assert "more than 300 bytes" in found[1].error


def test_requests_are_answered_within_their_time(
    classifier: MLPClassifier, made: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = made(classifier, Limits(seconds=0.2))
    body = rows([ROW])
    silent = Sent(chunks=body.chunks, headers=body.headers, silent=True)
    gone = Sent(chunks=body.chunks, headers=body.headers, gone=True)
    assert [one.status for one in replies_to(app, silent, gone, body)] == [408, 400, 200]
    monkeypatch.setattr(ServedModel, "is_quick", lambda self, asked: False)
    monkeypatch.setattr(ServedModel, "read", lambda self, *given: time.sleep(0.5))
    late = replies_to(app, body, body)
    assert [one.status for one in late] == [504, 504]
    assert "within 0.2 seconds" in late[0].error


def test_bodies_that_wait_are_bounded(classifier: MLPClassifier, made: Callable[..., Any]) -> None:
    app = made(classifier, Limits(request_bytes=1000))
    padded = json.dumps([ROW]).encode().ljust(900)
    headers = {"content-type": "application/json", "content-length": "900"}.items()
    found = replies_to(app, *[Sent(chunks=(padded,), headers=headers)] * 12)
    assert [one.status for one in found] == [200] * 8 + [503] * 4
    assert found[-1].headers["retry-after"] == "1"
    assert predict(app, [ROW]).status == 200


def test_an_error_of_the_server_is_named_as_such(
    classifier: MLPClassifier, made: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any) -> None:
        raise RuntimeError("secret")

    app = made(classifier)
    monkeypatch.setattr(ServedModel, "predict", broken)
    with pytest.raises(RuntimeError, match="secret"):  # which the server's log shows
        predict(app, [ROW])
