"""``wellfit search``: the whole way from a table to the best model; and after a kill, the rest."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from processes import said, start
from wellfit.cli.app import app
from wellfit.cli.leaderboard import Leaderboard, leaderboard_table, ranked
from wellfit.cli.run_forms import read_table
from wellfit.core.locking import lock
from wellfit.core.metrics import Metric
from wellfit.estimators import load_model
from wellfit.model_selection import SearchCV
from wellfit.model_selection.journal import Entry, Journal, read_journal
from wellfit.report.searches import candidates

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")

ACCURACY = Metric.of("accuracy")
INCOME = ("search", "adult.csv", "--target", "income", "--drop", "pay", "--epochs", "2")
QUICK = (*INCOME, "--hidden", "4", "--candidates", "4", "--run", "run")


def result(run: Path) -> dict[str, Any]:
    return json.loads((run / "result.json").read_text())


def ended(run: Path) -> tuple[bytes, pd.DataFrame, dict[str, Any]]:
    """Return a search's weights, table and result, without what a clock has told."""
    told = result(run)
    del told["seconds"], told["search"]["seconds"]
    table = pd.read_csv(run / "results.csv").drop(columns="seconds")
    return (run / "model" / "weights.safetensors").read_bytes(), table, told


def alike(one: Path, other: Path) -> None:
    for first, second in zip(ended(one), ended(other), strict=True):
        if isinstance(first, pd.DataFrame) and isinstance(second, pd.DataFrame):
            pd.testing.assert_frame_equal(first, second, check_exact=True)
        else:
            assert first == second


@pytest.fixture(scope="module")
def finished_search(tmp_path_factory: pytest.TempPathFactory, adult: Path) -> Path:
    """The run of ``QUICK`` with its pictures, and beside it what the command printed."""
    run = tmp_path_factory.mktemp("search") / "run"
    words = [str(adult) if word == "adult.csv" else word for word in QUICK[:-1]]
    done = CliRunner().invoke(app, [*words, str(run)], env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    (run.parent / "output.txt").write_text(done.output)
    return run


@pytest.fixture
def searched(here: Path, finished_search: Path) -> Path:
    """A copy of that run, as the folder ``run``."""
    return shutil.copytree(finished_search, here / "run")


# --- the whole way ---------------------------------------------------------------------------


def test_a_search_ends_with_a_table_and_the_best_model(
    here: Path, wellfit: Wellfit, finished_search: Path, searched: Path
) -> None:
    told = (finished_search.parent / "output.txt").read_text()
    assert "4 candidates x 3 folds, random" in told
    assert "12/12 fits" in told
    assert "first       the presets default and fast" in told
    table = read_table(here / "run" / "results.csv")
    assert set(table["preset"].dropna()) == {"default", "fast"}
    assert table["rank"].tolist() == table["mean"].rank(ascending=False, method="min").tolist()
    assert table["mean"].is_monotonic_decreasing
    folds = table[["fold 1", "fold 2", "fold 3"]]
    np.testing.assert_allclose(folds.mean(axis=1), table["mean"])
    np.testing.assert_allclose(folds.std(axis=1, ddof=0), table["std"])
    assert (table["seconds"] > 0).all()
    found = result(here / "run")
    assert found["search"]["candidates"] == 4
    # pandas 3.0 reads numbers of csv files to 15 digits.
    assert found["search"]["mean"] == pytest.approx(table["mean"][0], rel=1e-14)
    assert ACCURACY.format(table["mean"][0], more=1) in told
    model = load_model(here / "run" / "model")
    assert model.hidden_layer_sizes == (4,)
    for name, value in found["search"]["best_params"].items():
        assert model.get_params()[name] == value
        written = None if table[name][0] == "None" else table[name][0]
        is_number = isinstance(value, float)
        assert written == (pytest.approx(value, rel=1e-14) if is_number else value)
    rows = pd.read_csv("adult.csv").drop(columns=["income", "pay"])
    assert len(model.predict(rows)) == 120
    assert wellfit("predict", "run", "adult.csv", "--out", "p.csv").exit_code == 0
    assert {path.name for path in (here / "run").iterdir()} == {
        *("config.json", "journal.jsonl", "results.csv", "result.json", "model"),
        *("confusion_matrix.png", "parallel_coordinates.png", "slices.png", "learning_curves.png"),
    }


def test_a_grid_has_as_many_candidates_as_it_lists(here: Path, wellfit: Wellfit) -> None:
    (here / "space.json").write_text('{"l2": [0.0, 0.01], "hidden_layer_sizes": [[4]]}')
    words = ("--sampler", "grid", "--space", "space.json", "--epochs", "1", "--run", "run")
    done = wellfit(*INCOME, *words)
    assert done.exit_code == 0, done.output
    assert "2 candidates x 3 folds, grid" in done.output
    assert "6/6 fits" in done.output
    assert result(here / "run")["search"]["candidates"] == 2


def test_the_same_seed_gives_the_same_search_quietly(
    here: Path, wellfit: Wellfit, searched: Path
) -> None:
    done = wellfit(*QUICK[:-1], "again", "--quiet")
    assert done.exit_code == 0
    assert "fits  best" not in done.output
    assert "accuracy" in done.output
    alike(searched, here / "again")
    assert wellfit(*QUICK[:-1], "other", "--seed", "1").exit_code == 0
    assert not ended(here / "run")[1].equals(ended(here / "other")[1])


def test_a_regression_by_all_that_can_be_chosen(here: Path, wellfit: Wellfit, drawn: None) -> None:
    space = {
        "optimizer__learning_rate": {"low": 1e-4, "high": 0.1, "scale": "log"},
        "hidden_layer_sizes": [[4], [3, 3]],
    }
    Path("space.json").write_text(json.dumps(space))
    words = ["search", "adult.csv", "--target", "pay", "--space", "space.json", "--cv", "2"]
    words += ["--candidates", "6", "--epochs", "4", "--sampler", "sobol", "--restarts", "2"]
    words += ["--halving", "successive", "--factor", "2", "--scoring", "neg_mean_absolute_error"]
    words += [
        "--time-limit",
        "100",
        "--set",
        "l2=0.01",
        "--batch-size",
        "30",
        "--run",
        "run",
        "--set",
        "numeric_embedding=None",
    ]
    done = wellfit(*words)
    assert done.exit_code == 0, done.output
    table = pd.read_csv("run/results.csv")
    assert set(table["epochs"]) == {1, 2, 4}
    assert (table["mean"] < 0).all()
    assert set(table["hidden_layer_sizes"].astype(str)) == {"4", "3-3"}
    assert load_model(here / "run" / "model").l2 == 0.01
    assert "residuals" not in done.stderr
    assert len(read_journal("run/journal.jsonl")) > 6 * 2 * 2
    # What the file said is in the run: it may be gone.
    Path("space.json").unlink()
    (here / "run" / "result.json").unlink()
    before = ended_without_result(here / "run")
    assert wellfit("search", "--resume", "run").exit_code == 0
    assert ended_without_result(here / "run") == before


def ended_without_result(run: Path) -> tuple[bytes, bytes]:
    weights = (run / "model" / "weights.safetensors").read_bytes()
    return weights, (run / "results.csv").read_bytes()


def test_a_search_is_shown_again(
    here: Path, wellfit: Wellfit, drawn: None, searched: Path
) -> None:
    done = wellfit("search", "show", "run", "--top", "3")
    assert done.exit_code == 0
    assert "and 1 more" in done.output
    table = pd.read_csv("run/results.csv")
    for mean in table["mean"][:3]:
        assert ACCURACY.format(mean, more=1) in done.output
    pictures = [here / "run" / f"{name}.png" for name in ("slices", "learning_curves")]
    for picture in pictures:
        assert picture.read_bytes().startswith(b"\x89PNG")
        picture.unlink()
    assert "Parameter importance" not in done.output  # four candidates are too few
    (here / "run" / "results.csv").unlink()  # as long as it goes on
    again = wellfit("search", "show", "run", "--top", "3")
    assert ACCURACY.format(table["mean"][0], more=1) in again.output
    assert all(picture.is_file() for picture in pictures)
    assert "is unfinished" not in again.stderr
    (here / "run" / "result.json").unlink()
    assert "is unfinished" in wellfit("search", "show", "run").stderr


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--space", "space.json"), "did you mean 'l2'"),
        (("--space", "missing.json"), "there is no file"),
        (("--space", "both.json", "--set", "l2=0.1"), "l2 is fixed for all candidates"),
        (("--sampler", "rondom"), "did you mean 'random'"),
        (("--halving", "succesive"), "did you mean 'successive'"),
        (("--scoring", "acuracy"), "did you mean 'accuracy'"),
        (("--space", "wrong.json"), "6 of 6 fits failed; first error: HyperparameterError"),
        (("--cv", "70"), "70"),
        (("--set", "l22=1"), "l22"),
        (("--time-limit", "0"), "time_limit"),
        (("--overwrite",), "given no --run"),
    ],
)
def test_what_cannot_be_used_is_told(
    here: Path, wellfit: Wellfit, words: tuple[str, ...], told: str
) -> None:
    Path("space.json").write_text('{"l3": [0.1, 1.0]}')
    Path("both.json").write_text('{"l2": [0.1, 1.0]}')
    Path("wrong.json").write_text('{"device": ["cuda:98", "cuda:99"]}')
    done = wellfit(*INCOME, "--hidden", "4", "--candidates", "2", *words)
    assert done.exit_code == 2, done.output
    assert told in done.stderr.replace("\n", " ")


def test_a_search_that_has_nothing_to_vary_is_refused(here: Path, wellfit: Wellfit) -> None:
    words = ["--set", "optimizer__learning_rate=0.1", "--set", "l2=0", "--set", "dropout=0"]
    done = wellfit(*QUICK, *words, "--set", "optimizer__beta_1=0.9", "--preset", "fast")
    assert done.exit_code == 2
    assert "nothing is left to search" in done.stderr
    assert not (here / "run").exists()


def test_a_search_that_is_refused_leaves_all_as_it_was(
    here: Path, wellfit: Wellfit, finished_search: Path
) -> None:
    assert wellfit(*QUICK, "--cv", "70").exit_code == 2
    assert not (here / "run").exists()
    shutil.copytree(finished_search, here / "run")
    before = result(here / "run")
    assert wellfit(*QUICK, "--overwrite", "--cv", "70").exit_code == 2
    assert result(here / "run") == before


def test_candidates_that_fail_say_why(here: Path, wellfit: Wellfit) -> None:
    Path("space.json").write_text('{"device": ["cpu", "cuda:99"]}')
    done = wellfit(*QUICK, "--space", "space.json")
    assert done.exit_code == 0, done.output
    assert "3 of 6 fits failed; first error: HyperparameterError: device is" in done.stderr
    assert "Traceback" not in done.output
    assert "non-finite" not in done.output


def test_a_scorer_that_always_fails_chooses_nothing(here: Path, wellfit: Wellfit) -> None:
    Path("debts.csv").write_text("x,y\n" + "".join(f"{n},{-n - 0.5}\n" for n in range(60)))
    words = ("--hidden", "4", "--candidates", "4", "--epochs", "2", "--run", "run")
    done = wellfit(
        "search", "debts.csv", "--target", "y", *words, "--scoring", "neg_mean_gamma_deviance"
    )
    assert done.exit_code == 2
    assert "Scoring failed" in done.stderr
    assert "ValueError: Mean Tweedie deviance" in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.output
    assert "no candidate has a score" in done.stderr


def test_of_several_scorers_the_first_ranks(here: Path, wellfit: Wellfit) -> None:
    done = wellfit(*QUICK, "--scoring", "roc_auc,f1")
    assert done.exit_code == 0, done.output
    assert "Scores are means over the folds of the training rows." in done.output
    assert "The best candidate, trained on all training rows:" in done.output
    table = pd.read_csv(here / "run" / "results.csv")
    assert table["mean"].is_monotonic_decreasing
    assert {"mean f1", "std f1"} <= {*table}
    told = result(here / "run")
    assert [score["name"] for score in told["test"][:2]] == ["roc_auc", "f1"]
    assert told["search"]["mean"] == pytest.approx(table["mean"][0], rel=1e-14)
    others = [table["mean f1"][0], table["std f1"][0]]
    assert told["search"]["others"]["f1"] == pytest.approx(others, rel=1e-14)
    shown = wellfit("search", "show", "run")
    assert "F1 score" in shown.output
    report = wellfit("report", "run")
    assert report.exit_code == 0, report.output
    page = (here / "run" / "report.html").read_text()
    assert "F1 score (low)" in page
    # As it goes on, it is read from the journal.
    before = (here / "run" / "results.csv").read_bytes()
    for name in ("result.json", "results.csv"):
        (here / "run" / name).unlink()
    assert "F1 score" in wellfit("search", "show", "run").output
    again = wellfit("search", "--resume", "run")
    assert again.exit_code == 0, again.output
    assert (here / "run" / "results.csv").read_bytes() == before


@pytest.mark.parametrize("scoring", ["accuracy,r2", "v_measure_score"])
def test_a_scorer_for_other_targets_is_refused_before_anything_is_written(
    here: Path, wellfit: Wellfit, scoring: str
) -> None:
    done = wellfit(*QUICK, "--scoring", scoring)
    assert done.exit_code == 2
    assert "such as 'accuracy'" in done.stderr
    assert not (here / "run").exists()


def test_data_may_have_any_name(here: Path, wellfit: Wellfit) -> None:
    done = wellfit("search", "run")
    assert done.exit_code == 2
    assert "'run' is neither a file nor a known data set" in done.stderr


def test_ctrl_c_as_the_best_is_trained_leaves_that_to_do(
    here: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch, finished_search: Path
) -> None:
    refit = SearchCV._refit

    def press(self: SearchCV, *given: Any) -> None:
        refit(self, *given)
        self.best_estimator_.status_ = "interrupted"

    with monkeypatch.context() as patch:
        patch.setattr(SearchCV, "_refit", press)
        assert wellfit(*QUICK).exit_code == 130
    assert not (here / "run" / "model").exists()
    assert wellfit("search", "--resume", "run").exit_code == 0
    alike(finished_search, here / "run")


def test_searches_and_trainings_are_told_apart(
    here: Path, wellfit: Wellfit, searched: Path
) -> None:
    train = ("train", *INCOME[1:], "--hidden", "4")
    assert wellfit(*train, "--run", "trained").exit_code == 0
    for words, told in (
        (("train", "--resume", "run"), "this is a search"),
        (("search", "--resume", "trained"), "this is a training"),
        (("search", "show", "trained"), "this is a training"),
        (("search", "show", "rum"), "did you mean 'run'"),
        (QUICK, "wellfit search --resume run"),
        (("search", "--resume", "run", "--cv", "2"), "comes from the run"),
        (("search",), "Missing argument 'DATA'"),
    ):
        done = wellfit(*words)
        assert done.exit_code == 2, words
        assert told in done.output
    done = wellfit("search", "--resume", "run")
    assert done.exit_code == 0
    assert "finished already" in done.output
    assert wellfit(*train, "--run", "run", "--overwrite").exit_code == 0
    assert not (here / "run" / "journal.jsonl").exists()
    assert wellfit(*QUICK, "--overwrite").exit_code == 0
    assert not (here / "run" / "metrics.jsonl").exists()


# --- going on --------------------------------------------------------------------------------


class Cut(Exception):
    """The power fails."""


@pytest.fixture
def cut(here: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Start a search that ends without warning once some fits are finished."""

    def begin(*words: str) -> Path:
        record = Journal.record

        def fail(self: Journal, entries: Any) -> None:
            record(self, entries)
            if len(self.entries) > 3:
                raise Cut

        with monkeypatch.context() as patch:
            patch.setattr(Journal, "record", fail)
            assert wellfit(*words).exit_code == 1
        assert not (here / "run" / "result.json").exists()
        return here / "run"

    return begin


SHAPES = '{"hidden_layer_sizes": [[3], [4], [5], [3, 3]], "l2": [0.0, 0.1, 1.0]}'


@pytest.mark.parametrize(
    "words",
    [
        ("--halving", "successive", "--factor", "2", "--epochs", "6"),
        ("--halving", "hyperband", "--factor", "2", "--epochs", "4"),
        ("--restarts", "2", "--scoring", "neg_log_loss"),
    ],
    ids=["halving", "hyperband", "restarts"],
)
def test_a_search_that_was_cut_off_ends_as_one_that_was_not(
    here: Path, wellfit: Wellfit, cut: Callable[..., Path], words: tuple[str, ...]
) -> None:
    Path("space.json").write_text(SHAPES)
    common = (*INCOME, "--candidates", "6", "--space", "space.json", *words)
    assert wellfit(*common, "--run", "whole").exit_code == 0
    run = cut(*common, "--run", "run")
    known = {entry.key for entry in read_journal(run / "journal.jsonl")}
    done = wellfit("search", "--resume", "run")
    assert done.exit_code == 0, done.output
    alike(here / "whole", run)
    assert known < {entry.key for entry in read_journal(run / "journal.jsonl")}


def test_other_data_are_refused(here: Path, wellfit: Wellfit, cut: Callable[..., Path]) -> None:
    Path("space.json").write_text(SHAPES)
    run = cut(*INCOME, "--space", "space.json", "--run", "run")
    before = (run / "journal.jsonl").read_bytes()
    table = pd.read_csv("adult.csv")
    table.assign(age=table["age"] + np.arange(120) % 2).to_csv("adult.csv", index=False)
    done = wellfit("search", "--resume", "run")
    assert done.exit_code == 2
    assert "is the journal of another search: data was" in done.stderr
    assert (run / "journal.jsonl").read_bytes() == before


def test_a_run_that_another_process_writes_is_refused(
    here: Path, wellfit: Wellfit, cut: Callable[..., Path]
) -> None:
    Path("space.json").write_text(SHAPES)
    held = lock(cut(*INCOME, "--space", "space.json", "--run", "run"))
    assert held is not None
    done = wellfit("search", "--resume", "run")
    os.close(held)
    assert done.exit_code == 2
    assert "another process" in done.stderr


def test_ctrl_c_keeps_what_is_finished(
    here: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("space.json").write_text(SHAPES)
    common = (*INCOME, "--candidates", "8", "--space", "space.json")
    assert wellfit(*common, "--run", "whole").exit_code == 0
    record = Journal.record

    def press(self: Journal, entries: Any) -> None:
        record(self, entries)
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "record", press)
        done = wellfit(*common, "--run", "run")
    assert done.exit_code == 130
    assert "`wellfit search --resume run` resumes the run" in done.stderr
    assert wellfit("search", "--resume", "run").exit_code == 0
    alike(here / "whole", here / "run")


# --- kills -----------------------------------------------------------------------------------

IRIS = (
    "search iris --space space.json --candidates 9 --epochs 9 --no-early-stopping "
    "--halving successive --run run --n-threads 1 -q"
)


def finished(run: Path) -> set[str]:
    journal = run / "journal.jsonl"
    return {entry.key for entry in read_journal(journal)} if journal.exists() else set()


def survives(kills: int, tmp_path: Path) -> None:
    whole, torn, moments = tmp_path / "whole", tmp_path / "torn", random.Random(0)
    shapes = [[3], [4], [5], [6], [4, 3], [5, 3], [6, 3], [7, 3]]
    for folder in (whole, torn):
        folder.mkdir()
        (folder / "space.json").write_text(
            json.dumps(
                {"hidden_layer_sizes": shapes, "l2": {"low": 1e-6, "high": 1, "scale": "log"}}
            )
        )
    words = IRIS.split()
    undisturbed = start(*words, cwd=whole)
    undisturbed.join()
    assert undisturbed.exitcode == 0, said(whole)
    left = kills
    while left:
        before = finished(torn / "run")
        process = start(*words, cwd=torn)
        while process.is_alive() and finished(torn / "run") == before:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.05))
        known = finished(torn / "run")
        process.kill()
        process.join()
        assert before <= known <= finished(torn / "run")
        words = ["search", "--resume", "run", "-q"]
        if process.exitcode == 0:  # it was faster: from the beginning
            shutil.rmtree(torn / "run")
            words = IRIS.split()
            continue
        assert process.exitcode == -signal.SIGKILL, said(torn)
        left -= 1
    last = start(*words, cwd=torn)
    last.join()
    assert last.exitcode == 0, said(torn)
    assert known <= finished(torn / "run") == finished(whole / "run")
    alike(whole / "run", torn / "run")


# A search in Python holds the same law in the quick suite, by the same journal.
@pytest.mark.heavy
def test_two_kills_change_nothing(tmp_path: Path) -> None:
    survives(2, tmp_path)


@pytest.mark.heavy
def test_ten_kills_change_nothing(tmp_path: Path) -> None:
    survives(10, tmp_path)


# --- what is shown ---------------------------------------------------------------------------


def entry(l2: float, fold: int, score: float, **more: Any) -> Entry:
    outcome = {"test_scores": score, "fit_time": 0.5, "score_time": 0.25}
    return Entry(f"{l2}{fold}{more}", {"l2": l2, **more}, fold, outcome)


def test_candidates_are_ranked_by_all_folds_and_seeds() -> None:
    entries = [
        *(entry(0.1, 0, 0.5), entry(0.1, 1, 0.7), entry(0.2, 0, 0.9)),
        *(entry(0.2, 0, 0.7, random_state=3), entry(0.3, 0, float("nan"))),
        entry(0.1, 1, 0.9),  # as it trained on
    ]
    table = ranked(entries)
    assert table["l2"].tolist() == [0.2, 0.1, 0.3]
    np.testing.assert_allclose(table["mean"], [0.8, 0.7, np.nan])
    np.testing.assert_allclose(table["std"][:2], [0.1, 0.2])
    assert table["fits"].tolist() == [2, 2, 1]
    assert table["seconds"].tolist() == [1.5, 1.5, 0.75]


def test_results_become_a_table_whatever_is_in_them() -> None:
    results = {
        "params": [{"a": (3, 3), "b": None}, {"a": np.int64(4)}],
        **{f"{key}_test_score": np.array([2, 1]) for key in ("rank", "mean", "std")},
        **{f"split{fold}_test_score": np.array([np.nan, 1.0]) for fold in (0, 1)},
        **{key: np.array([0.5, 1.0]) for key in ("mean_fit_time", "mean_score_time")},
    }
    table = candidates(results)
    assert table["rank"].tolist() == [1, 2]
    assert table["fits"].tolist() == [2, 0]
    assert table["seconds"].tolist() == [4.0, 2.0]
    assert table["a"].tolist() == [4, "3-3"]
    console = Console(width=80, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(leaderboard_table(table, Metric.of("r2"), 1))
    console.file.close()
    assert "and 1 more" in console.export_text()


def test_a_table_that_is_too_wide_has_one_column_of_words() -> None:
    more = {"optimizer__learning_rate": 0.123, "hidden_layer_sizes": (128, 128)}
    table = ranked([entry(1e-05, 0, -0.5, **more)])
    for width, told in ((60, ("128-128", "rate", "sizes")), (45, ("learning rate", "l2 1e-05"))):
        with open(os.devnull, "w") as file:
            console = Console(width=width, record=True, file=file)
            console.print(leaderboard_table(table, Metric.of("r2")))
        shown = console.export_text()
        assert "…" not in shown
        for text in (*told, "-0.5000", "0.123", "128-128", "1e-05"):
            assert text in shown, (width, shown)


def test_presets_none_and_decoupled_penalties_are_shown(tmp_path: Path) -> None:
    """However low a preset ranks, in whatever form the table was kept."""
    decoupled = {"is": "L2", "strength": 0.03, "decoupled": True, "only": []}
    outcome = {"test_scores": 0.5, "fit_time": 0.5, "score_time": 0.25}
    preset = {"preset": "default", "max_norm": None, "l2": decoupled}
    drawn = [entry(0.1 * number, 0, 0.9, max_norm=1.0) for number in range(3)]
    table = ranked([Entry("p", preset, 0, outcome), *drawn])
    assert table["l2 decoupled"].dropna().tolist() == [0.03]
    table.to_csv(tmp_path / "results.csv", index=False)
    for each in (table, read_table(tmp_path / "results.csv")):
        with open(os.devnull, "w") as file:
            console = Console(width=80, record=True, file=file)
            console.print(leaderboard_table(each, Metric.of("r2"), 1))
        best, last, more = console.export_text().splitlines()[-3:]
        assert best.split()[:2] == ["1", "0.9000"]
        assert last.split() == ["4", "0.5000", "1", "0.75", "default", "None", "0.03"]
        assert more.strip() == "and 2 more"


def test_parameters_of_the_same_last_word_have_columns_of_their_own() -> None:
    momenta = {"optimizer__momentum": 0.123, "batch_norm__momentum": 0.456}
    table = ranked([entry(1e-05, 0, 0.5, **momenta)])
    for width in (100, 45):
        with open(os.devnull, "w") as file:
            console = Console(width=width, record=True, file=file)
            console.print(leaderboard_table(table, ACCURACY))
        shown = console.export_text()
        for text in ("optimizer", "norm", "0.123", "0.456"):
            assert text in shown, (width, shown)


def test_the_live_table_grows_and_tells_the_time_left(tmp_path: Path) -> None:
    now = [0.0]
    with (tmp_path / "out").open("w") as file:
        console = Console(width=90, file=file, force_terminal=True)
        with Leaderboard(
            console, Metric.of("accuracy"), limit=8.0, clock=lambda: now[0]
        ) as leaderboard:
            leaderboard.expect(10, 0)
            assert leaderboard.left() is None
            file.flush()
            assert "0/10 fits" in (tmp_path / "out").read_text()
            for number in range(5):
                now[0] += 1.0
                leaderboard.add([entry(0.1 * number, 0, 0.5 + number / 10)])
            assert leaderboard.left() == 3.0  # five more, but the limit comes before
            leaderboard.add([entry(0.1 * number, 1, 0.5) for number in range(5)])
            assert leaderboard.left() is None
            leaderboard.expect(10, 0)
    shown = (tmp_path / "out").read_text()
    assert "5/10 fits" in shown
    assert "3.0 s left" in shown
    assert "90.00 %" in shown
    assert "accuracy" in shown
