"""The report as a file: what it holds, that it fetches nothing, and that markup stays text."""

import base64
import io
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from reported import HOSTILE_RUN, IMAGE, LINE, SCRIPT, done, table
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score

from wellfit import MLPRegressor
from wellfit.charts.classes import wilson
from wellfit.core import extras
from wellfit.core.errors import MissingExtraError
from wellfit.nn import Dropout, mlp
from wellfit.report.network_diagram import grouped
from wellfit.report.page import Page, RunData, comparison_page, render_page, run_page
from wellfit.report.page import data as data_module
from wellfit.report.page.blocks import Plot, Prose, TableBlock
from wellfit.report.page.classes import calibration, mistakes, threshold_plots
from wellfit.report.page.curves import curve_plots
from wellfit.report.page.drawing import network_drawing
from wellfit.report.page.pixels import grey, tiled
from wellfit.report.page.run_data import TestPredictions
from wellfit.report.page.spread import interval_blocks
from wellfit.report.page.training import verdict_blocks

REPORT = "report.html"


class Parsed(HTMLParser):
    """The elements of a page, its texts outside scripts, and what its scripts hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._in = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._in = ""

    def handle_data(self, data):
        if self._in == "script":
            self.scripts[-1] += data
        elif self._in != "style":
            self.texts.append(data)

    def tags(self, name):
        return [attrs for tag, attrs in self.elements if tag == name]

    @property
    def text(self):
        return " ".join(self.texts)

    @property
    def tabs(self):
        return [attrs["aria-controls"] for attrs in self.tags("button") if "role" in attrs]

    @property
    def charts(self):
        return json.loads(self.scripts[0])


def parsed(path) -> Parsed:
    return Parsed(path.read_text(encoding="utf-8"))


def copied(run, tmp_path, name="run"):
    return shutil.copytree(run, tmp_path / name)


EVERY = ["summary", "learning", "test-rows", "inputs", "layers", "data", "run"]


# --- what there is ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["images", "hostile", "quantities"])
def test_a_training_has_every_section(kind, written, request):
    page = parsed(written(request.getfixturevalue(kind)))
    assert page.tabs == EVERY
    assert [attrs["id"] for attrs in page.tags("section")] == EVERY
    assert "could not" not in page.text


def test_a_search_has_its_own_section_too(written, search):
    page = parsed(written(search))
    assert page.tabs == ["summary", "search", *EVERY[1:]]
    assert "All candidates by rank" in page.text
    assert "Score by learning rate" in page.text


def test_several_runs_are_compared(written, images, quantities):
    page = parsed(written(images, quantities))
    assert page.tabs == ["summary", "learning", "settings", "runs"]
    assert "tested on different rows" in page.text
    assert "hidden_layer_sizes" in page.text  # differs
    assert "shuffle" not in page.text  # doesn't


def test_images_show_mistakes_and_first_weights(written, images):
    page = parsed(written(images))
    tiles = [attrs["aria-label"] for tag, attrs in page.elements if attrs.get("class") == "tile"]
    assert any("→" in tile for tile in tiles)
    assert sum(tile.startswith("unit ") for tile in tiles) == 16
    sheets = [a["style"] for a in page.tags("ul") if a.get("class") == "gallery"]
    assert len(sheets) == 2
    assert all("url(data:image/png;base64," in sheet for sheet in sheets)


def test_a_table_shows_importances_and_its_columns(written, quantities):
    page = parsed(written(quantities))
    assert "Permutation importance" in page.text
    assert "decrease in R²" in page.text
    assert "a typical error" in page.text
    assert "Predicted and true values" in page.text


def test_calibrated_intervals_and_sets_are_drawn(tmp_path):
    table().to_csv(tmp_path / "table.csv", index=False)
    words = ("--hidden", "8", "--epochs", "2", "--conformal", "split", "--quiet")
    for target, other, kind in (("pay", "label", "intervals"), ("label", "pay", "sets")):
        run, page = tmp_path / target, tmp_path / f"{target}.html"
        given = ("--target", target, "--drop", other, *words)
        done("train", tmp_path / "table.csv", *given, "--run", run)
        done("report", run, "--out", page)
        text = page.read_text()
        assert f"Coverage of prediction {kind} on 30 test rows" in text
        wanted = (
            "Prediction intervals at 90 %" if kind == "intervals" else "Classes in a prediction"
        )
        assert wanted in text


def test_the_drawn_coverage_is_that_of_the_test_rows():
    X = np.random.default_rng(0).normal(size=(600, 2))
    y = X[:, 0] + np.random.default_rng(1).normal(size=600)
    model = MLPRegressor((8,), epochs=5, conformal="split", random_state=0).fit(X[:300], y[:300])
    predictions = TestPredictions(X[300:], y[300:], model.predict(X[300:]))
    coverage, _ = interval_blocks(model, predictions, "y")
    low, high = model.predict_interval(X[300:], 0.9).T
    held = ((low <= y[300:]) & (y[300:] <= high)).mean()
    row = next(row for row in coverage.table.rows if row[0] == "90 %")
    assert row[1] == f"{100 * held:.1f} %"
    assert "99 %" not in [row[0] for row in coverage.table.rows]  # 60 rows are too few for it
    plain = MLPRegressor((8,), epochs=1).fit(X, y)
    assert list(interval_blocks(plain, predictions, "y")) == []


def test_layers_are_followed(written, images):
    text = parsed(written(images)).text
    for title in ("Dead units", "Norm of weights", "Weights, layer by layer", "Outputs of each"):
        assert title in text


def test_how_to_repeat_it_and_where_it_ran(written, images):
    text = parsed(written(images)).text
    for word in (
        "Command to repeat the run",
        "hidden_layer_sizes",
        "torch",
        "cores",
        "scikit-learn",
    ):
        assert word in text


def test_every_chart_has_words_and_a_table(written, images):
    page = parsed(written(images))
    plots = [attrs for attrs in page.tags("div") if attrs.get("class") == "plot"]
    ids = {attrs.get("id") for _, attrs in page.elements}
    assert len(plots) == len(page.charts) > 10
    for plot in plots:
        assert plot["role"] == "img"
        assert {plot["aria-labelledby"], plot["aria-describedby"]} <= ids
    assert len(page.tags("details")) == len(plots)


# --- by itself -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["images", "hostile"])
def test_nothing_is_fetched(kind, written, request):
    page = parsed(written(request.getfixturevalue(kind)))
    for _, attrs in page.elements:
        for key in ("src", "href", "action", "data"):
            assert attrs.get(key, "#").startswith(("#", "data:"))
    policy = next(a["content"] for a in page.tags("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_the_page_is_small_and_plotly_in_it_once(written, images):
    path = written(images)
    assert path.stat().st_size < 3e6
    assert parsed(path).scripts[1].startswith("H4sI")  # gzip, in base 64


@pytest.mark.heavy
def test_mnist_is_under_5_mb(tmp_path, data_dir, wellfit):
    words = ("--hidden", "64", "--epochs", "2", "--subsample", "0.2", "--quiet")
    done("train", "mnist", *words, "--run", tmp_path / "run")
    done("report", tmp_path / "run")
    assert (tmp_path / "run" / REPORT).stat().st_size < 5e6


def test_without_the_extra_the_message_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(extras, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"jinja2 .* `pip install 'wellfit-nn\[report\]'"):
        render_page(Page("title", "", []))


# --- markup stays text -----------------------------------------------------------------------


def test_names_and_labels_that_are_markup_are_shown_as_they_are(written, hostile):
    page = parsed(written(hostile))
    for text in (SCRIPT, IMAGE, HOSTILE_RUN):
        assert text in page.text
    assert LINE.split("\u2028")[1] in page.text


def test_no_element_comes_from_data(written, hostile, images):
    for path in (written(hostile), written(hostile, images)):
        page = parsed(path)
        kinds = {tag for tag, _ in page.elements}
        assert kinds.isdisjoint({"img", "iframe", "object", "embed", "base"})
        assert len(page.tags("script")) == 3
        assert len({a["nonce"] for a in page.tags("script")}) == 1
        handlers = [key for _, attrs in page.elements for key in attrs if key.startswith("on")]
        assert handlers == []


def test_data_for_scripts_can_not_end_them(written, hostile):
    data = parsed(written(hostile)).scripts[0]
    assert not set("<>&\u2028\u2029") & set(data)
    told = json.dumps(json.loads(data), ensure_ascii=False)
    assert "&lt;script&gt;" in told  # Plotly reads HTML in its texts
    assert "<script>" not in told


def test_every_page_has_a_nonce_of_its_own():
    first, second = (Parsed(render_page(Page("title", "", []))) for _ in range(2))
    assert first.tags("script")[0]["nonce"] != second.tags("script")[0]["nonce"]


# --- bad input -------------------------------------------------------------------------------


def test_an_empty_folder_is_refused(tmp_path, wellfit):
    done = wellfit("report", tmp_path)
    assert done.exit_code == 2
    assert "there is no run" in done.output
    assert "expected a folder that" in " ".join(done.output.split())
    assert not (tmp_path / REPORT).exists()


def test_half_settings_and_folders_of_runs_are_told_apart(images, tmp_path, wellfit):
    copied(images, tmp_path, "one")
    done = wellfit("report", tmp_path)
    assert done.exit_code == 2
    assert "such as" in done.output
    (tmp_path / "config.json").write_text('{"form')
    done = wellfit("report", tmp_path)
    assert done.exit_code == 2
    assert "is incomplete" in " ".join(done.output.split())


def test_a_run_that_is_nowhere_names_the_nearest(images, wellfit):
    done = wellfit("report", images.parent / "frist")
    assert done.exit_code == 2
    assert "did you mean" in done.output
    assert "first" in done.output


def test_another_formats_run_is_refused(images, tmp_path, wellfit):
    run = copied(images, tmp_path)
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "format_version": 99}))
    done = wellfit("report", run)
    assert done.exit_code == 2
    assert "a newer wellfit wrote this run" in done.output


def test_a_run_cut_off_shows_what_there_is(images, tmp_path):
    run = copied(images, tmp_path)
    (run / "result.json").unlink()
    shutil.rmtree(run / "model")
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(lines[:5]) + lines[5][:30])
    done("report", run)
    page = parsed(run / REPORT)
    assert "is unfinished" in page.text
    assert "There is no model yet" in page.text
    assert "--resume" in page.text
    loss = page.charts["chart-1"]["data"][0]
    assert loss["x"] == [1, 2, 3, 4, 5]


def test_a_run_that_has_just_begun_says_so(images, tmp_path):
    run = copied(images, tmp_path)
    for name in ("result.json", "metrics.jsonl", "health.jsonl"):
        (run / name).unlink()
    shutil.rmtree(run / "model")
    done("report", run)
    assert "No epoch was finished" in parsed(run / REPORT).text


def test_a_result_half_written_counts_as_none(images, tmp_path):
    run = copied(images, tmp_path)
    (run / "result.json").write_text('{"status": "fin')
    done("report", run)
    assert "its result can't be read" in parsed(run / REPORT).text


def test_a_damaged_model_leaves_the_rest(images, tmp_path):
    run = copied(images, tmp_path)
    weights = next((run / "model").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:50])
    done("report", run)
    page = parsed(run / REPORT)
    assert "The model can't be read" in page.text
    assert "Confusion matrix" in page.text  # the folder keeps them


def test_metrics_that_are_no_numbers_become_gaps(images, tmp_path):
    run = copied(images, tmp_path)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    changed = [json.loads(line) for line in lines]
    changed[2]["loss"], changed[3]["loss"], changed[4]["loss"] = None, float("inf"), "text"
    text = "\n".join(json.dumps(line) for line in changed)
    (run / "metrics.jsonl").write_text(text.replace('"loss": 0', '"loss": NaN', 1))
    done("report", run)
    page = parsed(run / REPORT)
    curve = page.charts["chart-1"]["data"][0]
    assert curve["y"][2:5] == [None] * 3
    assert "is no number in" in page.text


def test_without_the_data_the_page_shows_the_rest(hostile, tmp_path):
    run = copied(hostile, tmp_path)
    config = json.loads((run / "config.json").read_text())
    config["request"]["name"] = str(tmp_path / "gone.csv")
    (run / "config.json").write_text(json.dumps(config))
    done("report", run)
    page = parsed(run / REPORT)
    assert "The data are missing" in page.text
    assert "Confusion matrix" in page.text


def test_data_that_have_changed_are_not_shown(hostile, tmp_path):
    run = copied(hostile, tmp_path)
    config = json.loads((run / "config.json").read_text())
    config["data"]["test_rows"] += 1
    (run / "config.json").write_text(json.dumps(config))
    done("report", run)
    assert "have changed since training" in parsed(run / REPORT).text


def test_a_search_cut_off_shows_its_journal(search, tmp_path):
    run = copied(search, tmp_path)
    for name in ("result.json", "results.csv"):
        (run / name).unlink()
    done("report", run)
    page = parsed(run / REPORT)
    assert "is unfinished" in page.text
    assert "All candidates by rank" in page.text


@pytest.mark.parametrize("out", ["nowhere/report.html", "."])
def test_out_has_to_be_a_file_in_a_folder(images, tmp_path, wellfit, out):
    done = wellfit("report", images, "--out", tmp_path / out)
    assert done.exit_code == 2
    assert "--out" in done.output


# --- the verdict -----------------------------------------------------------------------------

VERDICT = {
    "name": "over_fitting",
    "sentence": f"It learned its rows by heart {SCRIPT}.",
    "sure": "Quite sure.",
    "findings": [
        {
            "check": "over_fitting",
            "outcome": "warn",
            "action": "",
            "observed": "a gap",
            "advice": "less",
        },
        {"check": "dead_units", "outcome": "pass", "action": "", "observed": "none", "advice": ""},
    ],
    "suggestions": [{"name": "l2", "change": "0.01", "why": "smaller weights"}],
    "unjudged": {},
}


def test_the_verdict_leads_the_summary(images, tmp_path):
    run = copied(images, tmp_path)
    result = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps({**result, "verdict": VERDICT}))
    done("report", run)
    text = parsed(run / REPORT).text
    assert text.index("by heart") < text.index("Suggestions") < text.index("Scores")
    assert text.index("Scores") < text.index("a gap") < text.index("dead units")
    assert SCRIPT in text


def test_a_search_is_judged_by_rows_that_none_of_it_saw(written, search):
    text = parsed(written(search)).text
    assert text.index("on 29 test rows") < text.index("Scores")  # one is a training row, too


def test_a_training_that_broke_off_is_judged_by_its_curves(images, tmp_path):
    run = copied(images, tmp_path)
    (run / "result.json").unlink()
    with (run / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"epoch": 21, "loss": null}\n')
    done("report", run)
    text = parsed(run / REPORT).text
    assert text.index("Diverging") < text.index("Suggestions")
    assert "Not judged: dead units (needs a fitted network and rows)." in text
    (run / "metrics.jsonl").write_text('{"epoch": 1, "loss": "text"}\n{"epoch": 2}\n')
    done("report", run)


@pytest.mark.parametrize("verdict", [None, 3, [], {}, {"findings": [1], "suggestions": [None]}])
def test_a_verdict_of_another_kind_is_left_out(verdict):
    assert list(verdict_blocks(verdict)) == []


def test_a_verdict_without_alarms_is_good():
    good = {**VERDICT, "findings": VERDICT["findings"][1:]}
    first, *_ = verdict_blocks(good)
    assert isinstance(first, Prose)
    assert first.tone == "good"


# --- figures against others' -----------------------------------------------------------------


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    chances = rng.dirichlet([1, 1, 1], 400)
    y = np.array([rng.choice(3, p=p) for p in chances])
    return TestPredictions(
        rng.normal(size=(400, 4)), y, chances.argmax(1), chances, [0, 1, 2], ["a", "b", "c"]
    )


def column(table: TableBlock, place=1):
    return {row[0]: float(row[place]) for row in table.rows}


def test_areas_are_scikit_learns(answers):
    roc, precision = threshold_plots(answers)
    for place, name in enumerate("abc"):
        truth, chance = answers.y == place, answers.probabilities[:, place]
        assert column(roc.table)[name] == pytest.approx(roc_auc_score(truth, chance), abs=1e-4)
        expected = average_precision_score(truth, chance)
        assert column(precision.table)[name] == pytest.approx(expected, abs=1e-4)


def test_bins_of_the_reliability_diagram(answers):
    sure, right = answers.probabilities.max(1), answers.y == answers.predicted
    chart = calibration(answers)
    inside = (sure >= 0.5) & (sure < 0.6)
    line = chart.drawing["data"][1]
    place = [row[0] for row in chart.table.rows].index("50 % to 60 %")
    assert line["x"][place] == pytest.approx(sure[inside].mean())
    assert line["y"][place] == pytest.approx(right[inside].mean())
    bins = np.minimum((10 * sure).astype(int), 9)
    error = sum(
        abs(sure[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    )
    assert f"{100 * error:.1f} %" in chart.alt_text


def test_wilsons_interval_is_scipys():
    low, high = wilson(np.array([0.9]), np.array([20]))
    expected = binomtest(18, 20).proportion_ci(method="wilson")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high))
    shares, counts = np.repeat([0.0, 1.0], 50), np.tile(np.arange(1, 51), 2)
    low, high = wilson(shares, counts)
    assert (low <= shares).all()  # not even by a rounding error
    assert (high >= shares).all()


def test_the_worst_mistake_comes_first(answers):
    (table,) = mistakes(RunData("run", "run", {}), answers)
    wrong = np.flatnonzero(answers.y != answers.predicted)
    worst = wrong[answers.probabilities[wrong, answers.y[wrong]].argmin()]
    assert table.rows[0][0] == str(worst + 1)


def test_tiles_lie_in_rows():
    images = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2)
    data = base64.b64decode(tiled(images, 2).partition(",")[2])
    sheet = np.array(Image.open(io.BytesIO(data)))
    assert sheet.shape == (4, 4)
    np.testing.assert_array_equal(sheet[:2, 2:], images[1])
    np.testing.assert_array_equal(sheet[2:, :2], images[2])
    np.testing.assert_array_equal(sheet[2:, 2:], 0)


def test_grey_images_use_the_whole_range():
    assert grey(np.array([[[0.0, 8, 16]]])).tolist() == [[[0, 128, 255]]]
    assert grey(np.full((1, 1, 1), 7)).tolist() == [[[0]]]


def test_the_drawing_counts_all_parameters():
    network = mlp(784, (512, 64), 10, batch_norm=True, dropout=0.2, input_dropout=0.1)
    groups = grouped(network)
    assert sum(group.parameters for group in groups) == network.size
    assert [group.title for group in groups] == [
        "784 inputs",
        "512 units",
        "64 units",
        "10 outputs",
    ]
    assert groups[0].lines[0] == "dropout 0.1"
    assert "dropout 0.2" in groups[1].lines
    assert f"{network.size:,} parameters" in network_drawing(network).title
    assert Dropout(0.2).name == "dropout"


def test_the_kept_epoch_is_marked():
    metrics = [{"epoch": e, "loss": 1.0 / e, "val_loss": 1.5 / e} for e in range(1, 21)]
    run = RunData("run", "run", {}, metrics, result={"best_epoch": 7})
    (chart,) = curve_plots(run)
    assert isinstance(chart, Plot)
    assert chart.drawing["layout"]["shapes"][0]["x0"] == 7
    assert "weights of epoch 7 were kept" in chart.alt_text
    assert chart.table.head == ["epoch", "training", "validation"]


def test_runs_of_other_targets_are_told_and_charts_name_those_with_the_score():
    def scored(name, target, metric):
        score = {"name": metric, "value": 0.5, "low": 0.4, "high": 0.6, "of": ""}
        return RunData(name, name, {"data": {"target": target}}, result={"test": [score]})

    runs = [
        scored("a", "sold", "accuracy"),
        scored("b", "price", "R²"),
        scored("c", "price", "R²"),
    ]
    summary = comparison_page(runs).sections[0].blocks
    told = [block.text for block in summary if isinstance(block, Prose)]
    assert told == [
        "These runs predict different targets (sold, price): each score is to be read beside its "
        "own baseline."
    ]
    charts = [block.chart for block in summary if isinstance(block, Plot)]
    assert [list(chart.y.names) for chart in charts] == [["a"], ["b", "c"]]
    assert [mark.color for chart in charts for mark in chart.marks] == [0, 1, 2]
    assert [mark.y.tolist() for mark in charts[1].marks] == [[0.0], [1.0]]


def test_pages_of_runs_without_anything_can_be_written():
    bare = RunData("run", "run", {})
    for page in (run_page(bare), comparison_page([bare, bare])):
        assert "wellfit" in render_page(page)


def test_of_a_large_table_a_part_is_checked_and_the_page_says_so(written_page, monkeypatch):
    """So that a page is made in seconds; what is wrong of a part of the rows is left out."""
    whole = texts_of(written_page)
    assert "duplicate rows" in whole
    assert "random training rows" not in whole
    monkeypatch.setattr(data_module, "_MOST_CHECKED", 1500)
    monkeypatch.setattr(data_module, "_MOST_COMPARED", 100)
    part = texts_of(written_page)
    assert re.search(r"Checked \d\d of 120 random training rows", part)
    assert "failed. Checked" in part
    assert "Skipped to save time: duplicate rows, labels." in part
    assert "test rows that also occur in the training set" in whole
    assert "test rows that also occur in the training set" not in part
    monkeypatch.setattr(data_module, "MOST_TOLD", 100)
    assert "too large for a report" in texts_of(written_page)


@pytest.fixture
def written_page(hostile, tmp_path):
    """A run whose page is written anew each time."""
    return hostile, tmp_path / "page.html"


def texts_of(written_page):
    run, out = written_page
    done("report", run, "--out", out)
    return " ".join(Parsed(out.read_text()).texts)
