"""Journals of searches changed and sealed again: a fit is done again, or the file is refused."""

import json
import os
import shutil
from pathlib import Path

import pytest

from hostile import reseal_journal
from test_old_files import EXPECTED, FILES, LABELS, RAW, SEARCHED
from wellfit import MLPClassifier
from wellfit.core.errors import InputError, ModelFileError
from wellfit.model_selection import SearchCV
from wellfit.model_selection.journal import read_journal


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return Path(shutil.copy(FILES / "journal.jsonl", tmp_path / "journal.jsonl"))


def search(journal: Path) -> SearchCV:
    space = {"l2": [0.0, 0.1]}
    return SearchCV(
        MLPClassifier(**SEARCHED),
        space,
        sampler="grid",
        cv=2,
        random_state=0,
        journal=journal,
        refit=False,
    ).fit(RAW, LABELS)


ENTRIES = {
    "no outcome": lambda line: line.pop("outcome"),
    "more": lambda line: line.update(more=1),
    "key": lambda line: line.update(key=[1]),
    "candidate": lambda line: line.update(candidate=[]),
    "fold": lambda line: line.update(fold=-1),
    "huge fold": lambda line: line.update(fold=10**400),
    "no scores": lambda line: line["outcome"].pop("test_scores"),
    "scores as text": lambda line: line["outcome"].update(test_scores="0.5"),
    "scores by name": lambda line: line["outcome"].update(test_scores={"accuracy": 0.5}),
    "scores of training rows": lambda line: line["outcome"].update(train_scores=0.5),
    "history": lambda line: line["outcome"].update(history={"loss": [None]}),
    "error": lambda line: line["outcome"].update(fit_error=3),
    "no error": lambda line: line["outcome"].pop("fit_error"),
    "no rows": lambda line: line["outcome"].pop("n_test_samples"),
    "time": lambda line: line["outcome"].update(fit_time="long"),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_a_fit_of_another_form_is_done_again(name, journal):
    reseal_journal(journal, 1, ENTRIES[name])
    assert search(journal).cv_results_["mean_test_score"].tolist() == EXPECTED["journal"]
    assert len(read_journal(journal)) >= 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: line.update(format_version="1"), "format_version is '1'"),
        (lambda line: line.pop("format_version"), "format_version is None"),
        (lambda line: line.update(search=[]), r"search is \[\]"),
        (lambda line: line.update(search={}), "another search"),
        (lambda line: line["search"].update(seed={"a": 1}), "another search"),
        (lambda line: line["search"].update(estimator="x" * 10**6), "another search"),
        (lambda line: line.update(format="pickle"), "no journal"),
    ],
)
def test_a_first_line_of_another_form_is_refused(change, message, journal):
    reseal_journal(journal, 0, change)
    with pytest.raises(InputError, match=message) as caught:
        search(journal)
    assert len(str(caught.value)) < 5000


def test_only_regular_files_of_a_bounded_size_are_read(journal):
    with journal.open("ab") as file:
        file.truncate(100 << 30)
    with pytest.raises(ModelFileError, match="expected at most 268,435,456"):
        search(journal)
    journal.unlink()
    os.mkfifo(journal)
    with pytest.raises(ModelFileError, match="is a pipe"):
        search(journal)
    journal.unlink()
    journal.mkdir()
    with pytest.raises(ModelFileError, match="is a folder"):
        search(journal)


def test_lines_that_are_no_objects_are_passed_over(journal):
    lines = journal.read_bytes().splitlines()
    deep = json.loads("[" * 100 + "]" * 100)
    journal.write_bytes(b"\n".join([lines[0], b"[1]", b'"x"', json.dumps(deep).encode(), b""]))
    assert read_journal(journal) == []
