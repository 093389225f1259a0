"""The model card of a run, section by section."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wellfit.charts import Calibration
from wellfit.core.calibration import calibration_errors
from wellfit.core.words import percent, pluralize
from wellfit.report.card.markdown import bullets, escaped, table, to_fill_in
from wellfit.report.card.subgroups import subgroups
from wellfit.report.coverage_texts import coverage_cells, size_title
from wellfit.report.page.blocks import (
    bounds_text,
    format_score,
    number,
    score_title,
    setting,
)
from wellfit.report.page.run_data import RunData, class_names
from wellfit.report.scores import Predictions, weighing

if TYPE_CHECKING:
    from wellfit.report.scores import Score

_FEW_ROWS = 30  # below, a subgroup's scores are marked
_BINS = 15  # of the expected calibration error
_MOST_CLASSES = 50
_USE = (
    "What is it for, and who are its users?",
    "What is it not to be used for?",
)
_HARM = "Does it use sensitive data, or decide about people? Which harm can its errors do?"
_SHOWN_SETTINGS = (
    *("hidden_layer_sizes", "layers", "activation", "optimizer", "lr_schedule", "batch_size"),
    *("epochs", "dropout", "l1", "l2", "class_weight", "bagging", "architectures", "calibration"),
    *("preprocess", "pretrained"),
)


def model_card(run: RunData, by: Sequence[str] = ()) -> str:
    """Return the model card of a run, in Markdown.

    Args:
        run: a run, complete or not; what isn't known of it is left out, and said to be.
        by: columns by whose values the test rows are scored apart.

    Raises:
        UnknownNameError: there is no such column.
        InputError: subgroups of rows that aren't there, or that have no columns with names.
    """
    sections: dict[str, Callable[[RunData], Iterable[str]]] = {
        "Model details": _details,
        "Intended use": lambda _: [bullets(list(map(to_fill_in, _USE)))],
        "Training data": _training_data,
        "Evaluation data": _evaluation_data,
        "Metrics": _metrics,
        "Calibration": _calibration,
        "Coverage": _coverage,
        "Limits found by checks": _limits,
        "Ethical considerations": lambda _: [to_fill_in(_HARM)],
        "How to load": _loading,
    }
    data = str(run.about.get("name", ""))
    title = run.name if data in run.name else f"{run.name}, {data}"
    parts = [f"# Model card: {escaped(title)}"]
    for title, of in sections.items():
        texts = list(of(run))
        if title == "Metrics":
            texts += _by_subgroups(run, by)
        if texts:
            parts += [f"## {title}", *texts]
    return "\n\n".join(parts) + "\n"


def _details(run: RunData) -> Iterator[str]:
    config = run.config
    versions = config.get("versions") or {}
    settings = config.get("settings") or {}
    pairs = {
        "model": config.get("estimator"),
        "task": run.about.get("task"),
        "target": run.about.get("target"),
        "parameters": _parameters(run),
        "trained": str(config.get("started") or "")[:10],
        "training": _trained(run),
        "software": f"wellfit {versions['wellfit']}" if versions.get("wellfit") else None,
        "seed": config.get("seed"),
    }
    rows = [[key, escaped(value)] for key, value in pairs.items() if value not in (None, "")]
    yield table(["", ""], rows)
    chosen = [
        [f"`{key}`", escaped(setting(settings[key]))]
        for key in _SHOWN_SETTINGS
        if settings.get(key) not in (None, 0, False, [], {})
    ]
    if chosen:
        yield table(["setting", "value"], chosen)
    yield to_fill_in("Who developed the model, and whom to ask about it? Under which license?")


def _parameters(run: RunData) -> str:
    count, networks = run.ended.get("parameters"), run.ended.get("networks", 1)
    return f"{number(count)}{f' of {networks} networks' if networks > 1 else ''}" if count else ""


def _trained(run: RunData) -> str:
    ended = run.ended
    if not ended.get("epochs"):
        return "unfinished" if run.result is None else ""
    best = ended.get("best_epoch")
    kept = f", weights of epoch {best}" if best and best != ended["epochs"] else ""
    settings, several = run.config.get("settings") or {}, ended.get("networks", "several")
    if settings.get("architectures"):  # of which the epochs that are known are one's
        return f"{several} networks with the weights of their best epochs"
    if run.averages:
        kept = f", {several} networks with the weights of their best epochs, the median is {best}"
    return f"{pluralize(ended['epochs'], 'epoch')}{kept} ({ended.get('status', '')})"


def _training_data(run: RunData) -> Iterator[str]:
    about = run.about
    columns = about.get("columns")
    count = len(columns) if isinstance(columns, list) else columns
    rows = about.get("training_rows")
    trained = run.ended.get("trained_rows")
    held_out = rows - trained if rows and trained and trained < rows else 0
    yield table(
        ["", ""],
        [
            [key, escaped(value)]
            for key, value in {
                "data set": about.get("name"),
                "source": about.get("source"),
                "rows": None if rows is None else f"{rows:,}",
                "of these, for validation": f"{held_out:,}" if held_out else None,
                "columns": None if count is None else f"{count:,}",
            }.items()
            if value is not None
        ],
    )
    if isinstance(columns, list) and len(columns) <= _MOST_CLASSES:
        yield "Columns: " + ", ".join(f"`{str(one).replace('`', '')}`" for one in columns) + "."
    yield to_fill_in("How were the rows collected, from whom, and when?")


def _evaluation_data(run: RunData) -> Iterator[str]:
    about = run.about
    rows = run.ended.get("test_rows", about.get("test_rows"))
    if rows:
        yield (
            f"{pluralize(rows, 'test row')}: {escaped(about.get('split', 'unknown split'))}. They "
            "chose neither weights nor settings."
        )
    else:
        yield "The test rows aren't known."


def _metrics(run: RunData) -> Iterator[str]:
    ended = run.ended
    if not ended.get("test"):
        yield "The run has no scores yet."
        return
    rows, known = pluralize(ended.get("test_rows", 0), "test row"), ended.get("baseline") or ()
    if ended.get("weighted_by"):
        yield escaped(weighing(ended["weighted_by"]))
    baseline = {score["name"]: score for score in known}
    yield f"Scores on {rows}, beside those of the best constant predictions:"
    yield table(
        ["score", "value", "95 % interval", "baseline"],
        [
            [
                escaped(score_title(score)),
                format_score(score, "value"),
                _interval(score),
                format_score(baseline.get(score["name"], {}), "value"),
            ]
            for score in ended["test"]
        ],
    )
    if ended.get("classes"):
        yield from _classes(ended["classes"])


def _interval(score: Mapping[str, Any]) -> str:
    bounds = bounds_text(score)
    return f"{bounds} ({score.get('interval', '')})" if bounds else "–"


def _classes(classes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    shown = classes[:_MOST_CLASSES]
    titles = [score_title(score) for score in shown[0]["scores"]]
    rows = [
        [
            escaped(each["name"]),
            f"{each['rows']:,}",
            *(_with_bounds(score) for score in each["scores"]),
        ]
        for each in shown
    ]
    yield "By class, with 95 % intervals:"
    yield table(["class", "test rows", *titles], rows)
    if len(shown) < len(classes):
        yield f"The other {len(classes) - len(shown):,} classes are in `result.json`."


def _with_bounds(score: Mapping[str, Any]) -> str:
    bounds = bounds_text(score)
    return format_score(score, "value") + (f" ({bounds})" if bounds else "")


def _by_subgroups(run: RunData, by: Sequence[str]) -> Iterator[str]:
    """Yield a table of scores for each column."""
    found = run.test_predictions
    if not by:
        yield (
            "No subgroups were compared; `wellfit card RUN --by COLUMN` adds the scores for each "
            "value of a column."
        )
        return
    if found is None:
        yield "The test rows are missing, so subgroups can't be compared."
        return
    from wellfit.report.scores import all_scores  # which imports PyTorch

    names = class_names(found.classes, found.names)
    scoring = (run.config.get("search") or run.config.get("settings") or {}).get(
        "score" if run.is_search else "scoring"
    )
    titles = [score_title(score) for score in run.ended.get("test") or ()]
    for column in by:
        scored = []
        for name, rows in subgroups(found.X, column):
            part = Predictions(
                found.y[rows],
                found.predicted[rows],
                None if found.probabilities is None else found.probabilities[rows],
                np.asarray(found.classes),
                None if run.test_weights is None else run.test_weights[rows],
            )
            name_of = dict(zip(found.classes, names, strict=True)).get
            scored.append((name, len(rows), all_scores(part, scoring, name_of=name_of)))
        yield f"By `{column.replace('`', '')}`, with 95 % intervals:"
        yield _subgroup_table(scored, titles)


def _subgroup_table(scored: Sequence[tuple[str, int, list[Score]]], titles: Sequence[str]) -> str:
    """Return a line for each subgroup, with the scores that are shown of all test rows."""
    rows = []
    for name, count, scores in scored:
        found = {score.title: score for score in scores}
        few = " (few)" if count < _FEW_ROWS else ""
        cells = [_subgroup_cell(found.get(title)) for title in titles]
        rows.append([escaped(name), f"{count:,}{few}", *cells])
    return table(["subgroup", "test rows", *map(escaped, titles)], rows)


def _subgroup_cell(score: Score | None) -> str:
    if score is None or not math.isfinite(score.value):
        return "–"
    return score.metric.format(score.value) + (f" ({score.bounds})" if score.bounds else "")


def _calibration(run: RunData) -> Iterator[str]:
    predictions = run.test_predictions
    if run.about.get("task") == "regression":
        return
    if predictions is None or not predictions.one_class_each:
        yield "Calibration isn't known: it needs the test rows, with one class each."
        return
    assert predictions.probabilities is not None
    confidence = predictions.probabilities.max(axis=1)
    right = np.asarray(predictions.y == predictions.predicted)
    error = float(calibration_errors(confidence, right[None].astype(float), _BINS)[0])
    found = Calibration.of(confidence, right)
    yield (
        f"Expected calibration error on the test rows: {percent(error)} ({_BINS} bins). Mean "
        f"probability of the predicted class: {percent(float(confidence.mean()))}; accuracy: "
        f"{percent(float(right.mean()))}."
    )
    yield table(
        ["probability", "test rows", "mean probability", "accuracy"],
        [
            [f"{10 * b} % to {10 * b + 10} %", f"{n:,}", percent(mean), percent(share)]
            for b, n, mean, share in zip(
                found.bins.tolist(),
                found.counts.tolist(),
                found.confidence.tolist(),
                found.frequency.tolist(),
                strict=True,
            )
        ],
    )


def _coverage(run: RunData) -> Iterator[str]:
    """Yield what calibrated intervals or sets held of the test rows; nothing of other models."""
    found = run.ended.get("coverage")
    if not found:
        return
    yield (
        f"Prediction {found['of']} are calibrated to hold a share of new rows, the level. They "
        f"held so many of {pluralize(found['rows'], 'test row')}:"
    )
    head = ["level", "coverage", "95 % interval", size_title(found["of"])]
    yield table(head, [list(coverage_cells(one)) for one in found["levels"]])


def _limits(run: RunData) -> Iterator[str]:
    """Yield the verdict, and what checks of data and training found."""
    verdict = run.ended.get("verdict")
    verdict = verdict if isinstance(verdict, Mapping) else {}
    if verdict.get("sentence"):
        yield " ".join(escaped(verdict[key]) for key in ("sentence", "sure") if verdict.get(key))
    found = [*(run.ended.get("data_checks") or ()), *(verdict.get("findings") or ())]
    problems = [
        f"**{escaped(str(one.get('check', '')).replace('_', ' '))}** ({one.get('outcome')}): "
        + "; ".join(escaped(one[key]) for key in ("observed", "advice") if one.get(key))
        for one in found
        if isinstance(one, Mapping) and one.get("outcome") in ("warn", "fail")
    ]
    if problems:
        yield bullets(list(dict.fromkeys(problems)))
    elif found:
        yield f"{pluralize(len(found), 'check')} of data and training found no problem."
    if run.notes:
        yield bullets([escaped(note) for note in run.notes])
    yield (
        "The intervals say how much scores vary with the test rows. They don't include how much "
        "they vary with the training rows and the seed, and hold for rows of the same kind only."
    )


def _loading(run: RunData) -> Iterator[str]:
    classes = run.about.get("task") != "regression"
    proba = "\nprobabilities = model.predict_proba(rows)" if classes else ""
    yield (
        "```python\nimport pandas as pd\nfrom wellfit import load_model\n\n"
        f"model = load_model({run.folder + '/model'!r})\n"
        'rows = pd.read_csv("new.csv")  # with the columns of the training data\n'
        f"predictions = model.predict(rows){proba}\n```"
    )
    yield f"```console\n$ wellfit predict {run.folder} new.csv --out predictions.csv\n```"
