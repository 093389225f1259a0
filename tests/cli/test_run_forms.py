"""Run folders that were changed: named by the field, or shown without what can't be read."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Wellfit
from test_old_files import FILES

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def run(here: Path) -> Path:
    shutil.copy(FILES / "table.csv", here / "table.csv")
    return Path(shutil.copytree(FILES / "run", here / "run"))


@pytest.fixture
def search(here: Path) -> Path:
    shutil.copy(FILES / "table.csv", here / "table.csv")
    return Path(shutil.copytree(FILES / "search", here / "search"))


def change(path: Path, how: Callable[[Any], Any]) -> None:
    document = json.loads(path.read_bytes())
    how(document)
    path.write_text(json.dumps(document))


CONFIGS = {
    "seed is -1": lambda config: config.update(seed=-1),
    r"settings is \[\]": lambda config: config.update(settings=[]),
    "data.training_rows is 'many'": lambda config: config["data"].update(training_rows="many"),
    r"data.columns\[0\] is 1": lambda config: config["data"].update(columns=[1]),
    "request.drop is None": lambda config: config["request"].update(drop=None),
    "request.test_fraction is True": lambda config: config["request"].update(test_fraction=True),
    "request.seed is missing": lambda config: config["request"].pop("seed"),
    "parameters.'epochs'. is": lambda config: config["parameters"].update(epochs={"a": 1}),
    "extra is 3": lambda config: config.update(extra=3),
    "format_version is '2'": lambda config: config.update(format_version="2"),
}


@pytest.mark.parametrize("message", CONFIGS)
def test_settings_of_another_form_are_refused(message, run, wellfit: Wellfit):
    change(run / "config.json", CONFIGS[message])
    result = wellfit("report", "run")
    assert wellfit("train", "--resume", "run").exit_code == 2
    assert result.exit_code == 2
    assert "settings are invalid" in result.output
    with pytest.raises(Exception, match=message):
        raise ValueError(" ".join(result.output.split()))


@pytest.mark.parametrize("field", ["options", "search"])
def test_options_of_another_form_are_refused(field, search, wellfit: Wellfit):
    change(search / "config.json", lambda config: config[field].update(more=1))
    result = wellfit("search", "--resume", "search")
    assert result.exit_code == 2
    assert f"{field} has a field 'more'" in " ".join(result.output.split())


RESULTS = [
    lambda result: result.update(epochs="three"),
    lambda result: result.update(test=[{}]),
    lambda result: result["test"][0].update(value="high"),
    lambda result: result["confusion"]["counts"].pop(),
    lambda result: result["confusion"].update(classes=[{}, {}]),
    lambda result: result["verdict"]["findings"][0].update(outcome="great"),
    lambda result: result["verdict"].update(suggestions=[1]),
    lambda result: result.clear() or result.update(status=3),
]


@pytest.mark.parametrize("how", RESULTS)
def test_a_result_of_another_form_is_left_out_of_the_report(how, run, wellfit: Wellfit):
    change(run / "result.json", how)
    assert wellfit("report", "run").exit_code == 0
    assert "its result can't be read" in (run / "report.html").read_text().replace("&#39;", "'")


def test_lines_of_another_form_are_left_out(run, wellfit: Wellfit):
    with (run / "metrics.jsonl").open("a") as file:
        for line in (
            {"epoch": 0},
            {"epoch": 4, "loss": "low"},
            {"epoch": 4, "loss": 10**400},
            [1],
        ):
            file.write(json.dumps(line) + "\n")
    with (run / "health.jsonl").open("a") as file:
        for layers in (3, [3], [{"norm": 1}], [{"layer": "1-linear", "norm": "high"}]):
            file.write(json.dumps({"epoch": 1, "layers": layers}) + "\n")
    assert wellfit("report", "run").exit_code == 0
    page = (run / "report.html").read_text()
    assert "metrics.jsonl: ignored 2 invalid lines" in page  # what is no number is a gap
    assert "health.jsonl: ignored 4 invalid lines" in page


def test_a_table_of_another_form_is_refused(search, wellfit: Wellfit):
    (search / "results.csv").write_text("rank,mean\n1,high\n")
    result = wellfit("search", "show", "search")
    assert result.exit_code == 2
    assert "has no numeric column 'mean'" in " ".join(result.output.split())


@pytest.mark.parametrize("name", ["config.json", "result.json", "metrics.jsonl", "health.jsonl"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "sparse"])
def test_only_regular_files_of_a_bounded_size_are_read(name, kind, run, wellfit: Wellfit):
    (run / name).unlink()
    if kind == "pipe":
        os.mkfifo(run / name)
    elif kind == "folder":
        (run / name).mkdir()
    else:
        with (run / name).open("wb") as file:
            file.truncate(100 << 30)
    result = wellfit("report", "run")
    assert result.exit_code == (2 if name == "config.json" else 0)
    assert "unexpected" not in result.output
