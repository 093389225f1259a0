"""Pictures of searches show every candidate, and what mattered is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reported import done

from wellfit.charts.to_matplotlib import png
from wellfit.core.errors import InputError, UnknownNameError
from wellfit.optim import L2, Adam
from wellfit.report.searches import (
    importance,
    importance_picture,
    learning_curves,
    parallel_coordinates,
    slices,
)
from wellfit.report.searches.coordinates import coordinates_chart
from wellfit.report.searches.search_table import SearchTable, searched_values

RATES = np.geomspace(1e-5, 1, 30)


def results(params: list[dict[str, Any]], scores: Any, **more: Any) -> dict[str, Any]:
    return {"params": params, "mean_test_score": np.asarray(scores, float), **more}


def drawn(rng: np.random.Generator, count: int = 60) -> dict[str, Any]:
    """The score falls with the learning rate's distance from 0.01; the rest is noise."""
    rates = 10 ** rng.uniform(-5, 0, count)
    params = [
        {"optimizer__learning_rate": rate, "l2": rng.uniform(), "activation": kind}
        for rate, kind in zip(rates, rng.choice(["relu", "tanh"], count), strict=True)
    ]
    scores = 0.9 - 0.1 * np.log10(rates / 0.01) ** 2
    return results(params, scores, std_test_score=np.full(count, 0.01))


@pytest.fixture
def tried() -> dict[str, Any]:
    return drawn(np.random.default_rng(0))


# --- every candidate is there ----------------------------------------------------------------


def test_a_line_runs_through_a_candidates_values_to_its_score() -> None:
    params = [
        {"l2": 0.0, "units": (8,)},
        {"l2": 1.0, "units": (64, 32)},
        {"l2": 0.5, "units": (8,)},
    ]
    axes = parallel_coordinates(results(params, [0.5, 1.0, 0.75])).axes[0]
    lines = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == 3]
    lines = [line for line in lines if line[0] in (0, 0.5, 1)]  # from the worst to the best
    assert [line[0] for line in lines] == [0, 0.5, 1]
    assert [line[-1] for line in lines] == [0, 0.5, 1]
    assert [round(line[1]) for line in lines] == [0, 0, 1]
    assert {"8", "64-32"} <= {text.get_text() for text in axes.texts}
    assert axes.get_title() == "Best: score 1 with l2 = 1, units = 64-32"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["l2", "units", "score"]


def test_a_slice_has_a_point_for_each_candidate_and_its_deviation(tried: dict[str, Any]) -> None:
    rate, l2, activation = slices(tried).axes
    assert rate.get_xlabel() == "learning rate"
    assert (rate.get_xscale(), l2.get_xscale()) == ("log", "linear")
    told = [label.get_text() for label in activation.get_xticklabels()]
    assert told == ["relu", "tanh"]
    x, y = rate.containers[0].lines[0].get_data()
    low = next(line for line in rate.lines if line.get_marker() == "v")
    assert len(x) + len(low.get_xdata()) == 60
    np.testing.assert_allclose(y, 0.9 - 0.1 * np.log10(x / 0.01) ** 2)
    bars = rate.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([bar[1, 1] - bar[0, 1] for bar in bars], 0.02)


@pytest.mark.parametrize(("log", "scale"), [((), "linear"), (["optimizer__learning_rate"], "log")])
def test_scales_can_be_chosen(tried: dict[str, Any], log: list[str], scale: str) -> None:
    assert slices(tried, log=log).axes[0].get_xscale() == scale


def test_failed_candidates_are_marked_and_hide_nothing() -> None:
    params = [{"l2": l2} for l2 in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)]
    found = results(params, [0.9, 0.91, 0.92, 0.93, np.nan, -1e6])
    (axes,) = slices(found).axes
    marks = {line.get_marker(): line.get_xdata().tolist() for line in axes.lines}
    assert marks["x"] == [0.5]
    assert marks["v"] == [0.6]
    assert axes.get_ylim()[0] > 0.8
    (axes,) = parallel_coordinates(found).axes
    assert [line.get_linestyle() for line in axes.lines].count(":") == 1
    texts = [text.get_text() for text in axes.texts]
    assert "≤ 0.855" in texts  # what is far below isn't told apart
    assert "Dotted are 1 that failed" in coordinates_chart(SearchTable.of(found, "score")).alt_text


def test_a_parameter_that_some_lack_is_drawn_for_the_others() -> None:
    params = [{"kind": "sgd", "momentum": 0.9}, {"kind": "adam"}, {"kind": "sgd", "momentum": 0.5}]
    found = results(params, [0.9, 0.8, 0.7])
    assert slices(found).axes[1].get_xlabel() == "momentum (1 without)"
    assert "without" in {text.get_text() for text in parallel_coordinates(found).axes[0].texts}


def test_several_metrics() -> None:
    both = {"mean_test_r2": [0.1, 0.9], "mean_test_max_error": [-1.0, -2.0]}
    found = {"params": [{"l2": 0.1}, {"l2": 0.2}], **both}
    assert (
        "max error -1 with l2 = 0.1"
        in parallel_coordinates(found, metric="max_error").axes[0].get_title()
    )
    assert slices(found, metric="r2").axes[0].get_ylabel() == "R²"
    with pytest.raises(UnknownNameError, match="did you mean 'r2'"):
        slices(found, metric="r3")


KINDS = {
    "one candidate": results([{"l2": 0.1, "activation": "relu"}], [0.5]),
    "one parameter": results([{"l2": value} for value in RATES], np.linspace(0, 1, 30)),
    "equal scores": results([{"l2": 0.1}, {"l2": 0.2}], [0.5, 0.5]),
    "one value": results([{"l2": 0.1}, {"l2": 0.1}], [0.5, 0.6]),
    "many names": results([{"units": (n, n)} for n in range(1, 80)], np.linspace(0, 1, 79)),
    "mixed": results([{"d": "auto"}, {"d": 0.1}, {"d": None}, {"d": (1, 2)}], [1, 2, 3, 4]),
    "configs": results([{"o": Adam(0.1)}, {"o": {"is": "SGD", "lr": 1}}], [0.1, 0.2]),
    "zeros": results([{"l2": 0.0}, {"l2": 1e-4}, {"l2": True}], [1, 2, 3]),
    "no scores but one": results([{"l2": 0.1}, {"l2": 0.2}], [np.nan, 1.0]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_was_searched_can_be_drawn(kind: str) -> None:
    for picture in (parallel_coordinates, slices):
        figure = picture(KINDS[kind])
        assert png(figure, dpi=40).startswith(b"\x89PNG")
        assert all(len(axes.get_xticklabels()) <= 40 for axes in figure.axes)


@pytest.mark.parametrize("picture", [parallel_coordinates, slices])
@pytest.mark.parametrize("found", [results([{"l2": 1}], [np.nan]), results([{}], [0.5])])
def test_nothing_to_draw_is_told(picture: Any, found: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected at least one with both"):
        picture(found)


# --- what mattered ---------------------------------------------------------------------------


def test_what_the_score_was_made_of_is_found(tried: dict[str, Any]) -> None:
    found = importance(tried)
    assert next(iter(found.shares)) == "learning rate"
    assert found.shares["learning rate"] > 0.9
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.explained > 0.8
    axes = importance_picture(found).axes[0]
    widths = [bar.get_width() for bar in axes.patches]
    np.testing.assert_allclose(widths, [100 * share for share in found.shares.values()])
    assert axes.get_yticklabels()[0].get_text() == "learning rate"


def test_names_matter_as_well_as_numbers() -> None:
    rng = np.random.default_rng(1)
    params = [{"kind": rng.choice(list("abc")), "l2": rng.uniform()} for _ in range(40)]
    found = importance(results(params, [float(each["kind"] == "b") for each in params]))
    assert found.shares["kind"] > 0.9


def test_chance_is_told_as_such() -> None:
    rng = np.random.default_rng(0)
    found = importance({**drawn(rng), "mean_test_score": rng.uniform(size=60)})
    assert found.explained < 0.2
    noise = importance(results([{"l2": n} for n in range(9)], [1.0] * 9))
    assert noise.explained == 0
    assert set(noise.shares.values()) == {0}
    assert "don't explain the scores" in importance_picture(noise).axes[0].get_title()


def test_one_candidate_that_diverged_says_little() -> None:
    found = drawn(np.random.default_rng(0))
    found["params"][7]["l2"], found["mean_test_score"][7] = 30.0, -1e9
    found["mean_test_score"][8] = np.nan
    assert importance(found).shares["learning rate"] > 0.8


def test_a_parameter_that_some_lack_can_matter() -> None:
    params = [
        {"kind": "sgd", "momentum": n / 20} if n % 2 else {"kind": "adam"} for n in range(40)
    ]
    scores = [each.get("momentum", 0.0) for each in params]
    assert importance(results(params, scores)).shares["momentum"] > 0.5


def test_few_candidates_tell_nothing() -> None:
    with pytest.raises(InputError, match="2 candidates have a score; expected at least 8"):
        importance(results([{"l2": 1}, {"l2": 2}, {"l2": 3}], [1.0, 2.0, np.nan]))


# --- learning curves of the best candidates --------------------------------------------------

LED = results([{"l2": 0.1}, {"l2": 0.2}, {"l2": 0.3}], [0.7, 0.9, np.nan])
FOLDS = [
    [{"loss": [3.0, 2.0], "val_loss": [4.0, 3.0], "accuracy": [0.1, 0.2]}] * 2,
    [
        {"loss": [2.0, 1.0], "val_loss": [2.0, 1.5], "accuracy": [0.5, 0.9]},
        {"loss": [2.0], "val_loss": [1.0], "accuracy": [0.6]},
    ],
    [{}, {}],
]


def test_leaders_are_drawn_the_best_first_by_fold_and_on_average() -> None:
    loss, accuracy = learning_curves(LED, FOLDS).axes
    led = [line for line in loss.lines if line.get_label()[0] != "_"]
    assert [line.get_label() for line in led] == ["score 0.9: l2 = 0.2", "score 0.7: l2 = 0.1"]
    assert led[0].get_ydata().tolist() == [1.5]  # the second fold stopped
    assert led[1].get_ydata().tolist() == [4.0, 3.0]
    assert len(loss.lines) == 2 + 4
    assert "held-out" in loss.get_title()
    assert "training" in accuracy.get_title()
    np.testing.assert_allclose(accuracy.lines[0].get_ydata(), [55])


def test_scores_are_printed_as_their_metric_is() -> None:
    found = {"params": [{"l2": 0.1}, {"l2": 0.2}], "mean_test_accuracy": np.array([0.9, 0.875])}
    tried = SearchTable.of(found, "accuracy")
    assert coordinates_chart(tried).summary == "Best: accuracy 90.00 % with l2 = 0.1"
    histories = [[{"loss": [2.0, 1.0]}], [{"loss": [2.0, 1.5]}]]
    lines = learning_curves(found, histories, metric="accuracy").axes[0].lines
    assert [line.get_label() for line in lines] == [
        "accuracy 90.00 %: l2 = 0.1",
        "accuracy 87.50 %: l2 = 0.2",
    ]


def test_only_as_many_leaders_as_asked_for() -> None:
    assert len(learning_curves(LED, FOLDS, top=1).legends[0].get_texts()) == 1


def test_no_leaders_at_all_can_not_be_drawn() -> None:
    with pytest.raises(InputError, match="top is 0; expected"):
        learning_curves(LED, FOLDS, top=0)


def test_a_search_without_histories_has_no_leaders_curves() -> None:
    with pytest.raises(InputError, match="expected at least one"):
        learning_curves(LED, [[{}], [{}], [{}]])


def test_the_importance_of_candidates_is_one_in_any_order_and_from_any_file() -> None:
    rng = np.random.default_rng(0)
    sizes, rows = [(64,), (64, 64), (8,), (128,)], []
    for n in range(16):
        params = {"optimizer__learning_rate": float(rng.uniform()), "l2": [None, 0.5, 0.01][n % 3]}
        params["hidden_layer_sizes"] = sizes[rng.integers(4)]
        rows.append((params, params["optimizer__learning_rate"] + rng.normal() / 4))
    first = importance(results(*zip(*rows, strict=True)))
    again = [rows[place] for place in rng.permutation(16)]
    as_text = [
        (
            {
                "hidden_layer_sizes": "-".join(map(str, params["hidden_layer_sizes"])),
                **({} if params["l2"] is None else {"l2": params["l2"]}),
                "optimizer__learning_rate": params["optimizer__learning_rate"],
            },
            score + 1e-16,
        )
        for params, score in again
    ]
    for other in (again, as_text):
        assert importance(results(*zip(*other, strict=True))) == first


def test_a_search_has_one_importance_in_terminal_page_and_plot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a real search: what each of them computes, from its own source."""
    from wellfit.cli import search_pictures, search_run
    from wellfit.cli.load_run_data import load_run_data
    from wellfit.report.page import space
    from wellfit.report.page.search import search_blocks

    found: dict[str, Any] = {}
    compute, conclude = space.importance, search_run._conclude
    monkeypatch.setattr(
        space, "importance", lambda given, **by: found.setdefault("page", compute(given, **by))
    )
    monkeypatch.setattr(
        search_pictures.searches,
        "importance",
        lambda given, **by: found.setdefault("terminal", compute(given, **by)),
    )
    monkeypatch.setattr(
        search_run,
        "_conclude",
        lambda search, *more: (
            found.setdefault("plot", compute(search.cv_results_)),
            conclude(search, *more),
        ),
    )
    run = tmp_path / "run"
    words = ("--candidates", "8", "--hidden", "8", "--epochs", "2", "--cv", "2", "--quiet")
    done("search", "iris", *words, "--run", run)
    list(search_blocks(load_run_data(run, None, whole=False)))
    assert set(found) == {"terminal", "page", "plot"}
    assert found["page"] == found["terminal"] == found["plot"]


def test_a_penalty_of_zero_is_none_among_factors() -> None:
    pairs = ((0.0, 0.0), (1e-4, 0.1), (1e-3, 0.2), (1e-2, 0.3))
    params = [{"l2": strength, "dropout": rate} for strength, rate in pairs]
    found = {"params": params, "mean_test_score": [1, 2, 3, 4]}
    tried = SearchTable.of(found, "score")
    l2, dropout = tried.parameters
    assert (l2.log, dropout.log) == (True, False)
    np.testing.assert_array_equal(l2.places, [np.nan, 1e-4, 1e-3, 1e-2])
    np.testing.assert_array_equal(dropout.places, [0, 0.1, 0.2, 0.3])
    assert l2.ticks(9)[-1][1] == "without"
    assert not any(each.log for each in SearchTable.of(found, "score", log=()).parameters)


def test_a_decoupled_penalty_is_a_number_by_a_name_of_its_own() -> None:
    penalties = [L2(0.1, decoupled=True), L2(0.2), L2(0.3, decoupled=True, only=(0,)), 0.4]
    found = [searched_values({"l2": penalty}) for penalty in penalties]
    assert found == [{"l2 decoupled": 0.1}, *({"l2": penalty} for penalty in penalties[1:])]
