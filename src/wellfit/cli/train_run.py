"""The steps of ``wellfit train`` after its arguments are parsed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from wellfit.charts import learning_charts, loss_and_accuracy
from wellfit.charts.to_matplotlib import figure, png
from wellfit.charts.to_terminal import Plots
from wellfit.cli import evaluation, training_summary
from wellfit.cli.console import note, screen
from wellfit.cli.live_callbacks import DeferredCallback, LiveDisplay, MetricsWriter, ProgressLines
from wellfit.cli.options import ProgressOptions
from wellfit.cli.plan import Plan
from wellfit.cli.processes import TrainingOrder, process_notes, tell, told, with_shared_memory
from wellfit.cli.run_folder import (
    CHECKPOINTS,
    CURVE,
    RunFolder,
    read_training,
    refuse_target,
    resumed,
)
from wellfit.cli.run_steps import (
    build_estimator,
    prepare,
    print_folder,
    print_resume_hint,
    run_config,
    training_record,
    training_seconds,
)
from wellfit.cli.sampling import in_memory, sample_notes, store_notes, stored_beside
from wellfit.cli.settings import Model
from wellfit.cli.source import SplitData
from wellfit.core.errors import DataError, InputError, MissingExtraError
from wellfit.core.extras import install_command
from wellfit.core.metrics import title_of
from wellfit.core.model_folder import is_model
from wellfit.core.words import duration, moment, pluralize, spent
from wellfit.diagnose import Report
from wellfit.estimators import load_model
from wellfit.estimators.display import architecture_rows, own_architecture_note
from wellfit.estimators.settings import holds_out
from wellfit.estimators.stopping import stopping_of
from wellfit.fitting.pretrained.start import in_words
from wellfit.inference.table_schema import record_schema
from wellfit.report.scores import positions
from wellfit.training import Callback, Checkpoint, Health, TensorBoard, TimeLimit
from wellfit.training.checkpoint import latest


def run_training(plan: Plan, *, run: Path | None, overwrite: bool, quiet: bool) -> None:
    """Train and evaluate a model, and write the run folder.

    Args:
        plan: the data, the parameters and the options.
        run: the folder; None for a new one.
        overwrite: whether an earlier run may be replaced.
        quiet: whether to print only the scores.
    """
    # Invalid arguments fail before the data are read.
    refuse_target(run, overwrite, "train")
    if plan.options.tensorboard and find_spec("tensorboard") is None:
        raise MissingExtraError(
            f"--tensorboard needs TensorBoard: {install_command('tensorboard')}"
        )
    build_estimator(plan, "classification")
    plan = with_shared_memory(plan)
    tell(TrainingOrder(plan, run))
    source, model = prepare(plan)
    for text in process_notes():
        note(text)
    folder = RunFolder(run, source.data.name, overwrite=overwrite)
    config = {**run_config(model, source, plan.request), **plan.to_dict()}
    _carry_out(plan, source, model, folder, config, quiet)


def resume_training(path: Path, *, quiet: bool) -> None:
    """Resume a run from its latest valid checkpoint, or from the beginning if it has none.

    Args:
        path: the run's folder.
        quiet: print the figures only.
    """
    with resumed(path, RunFolder, read_training) as (folder, config):
        result = config.get("result", {})
        status = result.get("status", "interrupted")
        plan = Plan.from_dict(config)
        if status != "interrupted":
            tell(None)
            complete(plan, folder, config)
            epochs = pluralize(result["epochs"], "epoch")
            screen().print(f"{path} is {_ended(status)} already, after {epochs}", soft_wrap=True)
            return
        config.pop("result", None)
        if "precision" in config:
            plan = plan.with_precision(config["precision"])
        tell(TrainingOrder(plan, path, latest(folder.checkpoints)))
        source, model = prepare(plan)
        _carry_out(plan, source, model, folder, config, quiet)


def train_as_told() -> None:
    """Train with the first of several processes, which alone writes and prints."""
    order = told()
    if order is None:
        return
    source, model = prepare(order.plan)
    folder = RunFolder(order.run, source.data.name)
    stored = stored_beside(folder.path, source)
    _fit(model, stored, in_memory(source), [], folder, order.begun)


def complete(plan: Plan, folder: RunFolder, config: Mapping[str, Any]) -> None:
    """Draw the missing figures of a finished run, and remove its checkpoints.

    A run that was killed while it removed its checkpoints leaves some. Earlier versions wrote the
    result before the figures.
    """
    if folder.lacks_pictures(config):
        source, model = in_memory(prepare(plan)[0]), load_model(folder.model)
        _draw(model, source, folder, evaluation.evaluate(model, source))
    if not plan.options.keep_checkpoints:
        folder.clear(CHECKPOINTS)


def _carry_out(
    plan: Plan,
    source: SplitData,
    model: Model,
    folder: RunFolder,
    config: Mapping[str, Any],
    quiet: bool,
) -> None:
    """Show the data, train, save, evaluate, and remove checkpoints that are no longer needed."""
    console, looked_at = screen(), in_memory(source)
    checks = training_summary.show_data(model, looked_at, console, quiet)
    if not quiet:
        for text in sample_notes(source.data, looked_at.data, "the checks"):
            note(text)
        console.print()
    judged = _judged(model, source)
    journal = MetricsWriter(folder, config, judged)
    writers = [journal, *_writers(plan.options, folder)]
    try:
        shows = _shows(plan.options, console, judged, quiet)
        source = stored_beside(folder.path, source)
        begun = latest(folder.checkpoints) if folder.resumed else None
        _fit(model, source, looked_at, [*writers, *shows], folder, begun)
        # First of all, so that the model isn't lost if a later step fails.
        record_schema(model, source.data.schema)
        model.save(folder.model)
        tested = in_memory(source, model.network_.split)
        for text in sample_notes(source.data, tested.data, "scores and figures"):
            note(text)
        _conclude(model, tested, checks, folder, judged, console, quiet)
        for text in store_notes(source.data):
            note(text)
        if model.status_ != "interrupted" and not plan.options.keep_checkpoints:
            folder.clear(CHECKPOINTS)
    except BaseException as error:
        if folder.begun and is_model(folder.model) and not hasattr(model, "status_"):
            note(f"{folder.model} is still the model of an earlier run")
        print_resume_hint(error, folder, "train")
        raise
    finally:
        folder.release()


def _writers(options: ProgressOptions, folder: RunFolder) -> list[Callback]:
    """Return the callbacks that write into the folder, in an order that checkpoints rely on."""
    pause = options.checkpoint_every
    # The path of a new run folder is known only when training starts.
    writers: list[Callback] = [
        DeferredCallback(lambda: Health(str(folder.health), overwrite=True)),
        DeferredCallback(
            lambda: Checkpoint(str(folder.checkpoints), seconds=pause, pause=pause, overwrite=True)
        ),
    ]
    if options.tensorboard:
        writers.append(
            DeferredCallback(lambda: TensorBoard(str(folder.tensorboard), overwrite=True))
        )
    if options.time_limit is not None:
        writers.append(TimeLimit(options.time_limit))
    return writers


def _shows(options: ProgressOptions, console: Console, judged: str, quiet: bool) -> list[Callback]:
    if quiet:
        return []
    lines = ProgressLines(console, judged, options.report_every)
    if not console.is_terminal:
        return [lines]
    # Requested lines scroll above the curves.
    return [LiveDisplay(console, judged), *([lines] if options.report_every else [])]


def _fit(
    model: Model,
    source: SplitData,
    looked_at: SplitData,
    callbacks: list[Callback],
    folder: RunFolder,
    begun: Path | None,
) -> None:
    """Train; warnings become notes, and scikit-learn's errors about data a DataError."""
    data = source.data
    X_val, y_val = data.X_val, data.y_val
    if _judged(model, source) == "test" and _has_test_classes(source):
        # The test set is only shown as a curve: it chooses no weights, and a sample will do.
        X_val, y_val = looked_at.data.X_test, looked_at.data.y_test
    model.set_params(callbacks=callbacks, processes="auto")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            parts: Any = {"sample_weight": source.weights, "X_val": X_val, "y_val": y_val}
            model.fit(data.X, data.y, **parts, resume_from=begun)
        except InputError:
            raise
        except ValueError as error:
            if folder.begun:
                raise
            raise DataError(str(error)) from error
    model.set_params(callbacks=(), processes=None)
    # A failed checkpoint is a RuntimeWarning; so are numpy's warnings, which aren't shown.
    messages = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    messages += [str(w.message) for w in caught if str(w.message).endswith("training continues")]
    for message in dict.fromkeys(messages):
        note(message)


def _has_test_classes(source: SplitData) -> bool:
    """Return whether the training set has every class of the test set."""
    y, y_test = np.asarray(source.data.y), np.asarray(source.data.y_test)
    if source.learning == "regression" or y.ndim > 1:
        return True
    return bool((positions(y_test, np.unique(y)) >= 0).all())


def _conclude(
    model: Model,
    source: SplitData,
    checks: Report,
    folder: RunFolder,
    judged: str,
    console: Console,
    quiet: bool,
) -> None:
    """Evaluate the model, print the scores, and write them and the figures."""
    if not quiet:
        _print_training(model, judged, console)
    result = evaluation.evaluate(model, source)
    unseen = judged if judged == "validation" or _has_test_classes(source) else ""
    found = evaluation.verdict_on(model, source, unseen, checks, result)
    evaluation.print_scores(result, console, quiet)
    if not quiet:
        if note := evaluation.loss_note(model, result):
            console.print(note, style="dim", highlight=False)
        evaluation.print_errors(result, source, console)
        console.print(found.sentence, style="bold", markup=False, highlight=False)
        console.print(f"{found.sure}\n", highlight=False)
    _draw(model, source, folder, result)
    # Last, because a run with a result can't be resumed: everything else is written now.
    record = {"verdict": found.to_dict(), "data_checks": checks.to_list()}
    folder.finish({**training_record(model), **result.plain(), **record})
    print_folder(folder, model.status_ == "interrupted", console)


def _draw(
    model: Model, source: SplitData, folder: RunFolder, result: evaluation.TestEvaluation
) -> None:
    """Write the figures of a training."""
    history = model.history_
    if history:
        judged = _judged(model, source)
        charts = learning_charts(
            history,
            best_epoch=model.best_epoch_,
            judged=judged,
            averaged=model.network_.n_networks > 1,
        )
        title, across = f"{source.data.name}: learning curve", min(len(charts), 2)
        folder.picture(CURVE, png(figure(charts, title, across=across)))
    for name, picture in evaluation.pictures(result, source):
        folder.picture(name, picture)


def _judged(model: Model, source: SplitData) -> str:
    """Return the name of the rows that ``val_…`` metrics are computed on."""
    validates = holds_out(model) or source.data.X_val is not None
    return "validation" if validates else "test"


def _print_training(model: Model, judged: str, console: Console) -> None:
    """Print the curves, unless the terminal already shows them, and how training ended."""
    if model.history_ and not console.is_terminal:
        best = model.best_epoch_
        names = loss_and_accuracy(model.history_)
        charts = learning_charts(
            model.history_,
            best_epoch=best,
            judged=judged,
            names=names,
            averaged=model.network_.n_networks > 1,
        )
        console.print(Plots(charts))
    best, epochs = model.best_epoch_, spent(model.history_, model.n_epochs_)
    count = model.network_.n_networks
    of = f" of {count} networks" if count > 1 else ""
    # Each of several networks keeps the weights of its own best epoch.
    which = "median best" if count > 1 else "best"
    kept = "" if best == model.n_epochs_ else f", {which} {moment(model.history_, best)}"
    if kept and (stopping := stopping_of(model)) is not None:
        kept += f" by {title_of(stopping.monitor)}"
    console.print(
        f"\n{_ended(model.status_)} after {epochs} in {duration(training_seconds(model))}{kept}; "
        f"{pluralize(model.n_parameters_, 'parameter')}{of}"
    )
    _print_architectures(model, console)
    console.print(
        f"{in_words(model.pretrained_)}\n" if model.pretrained is not None else "", soft_wrap=True
    )


def _ended(status: str) -> str:
    """Return the status of an ended training in words."""
    return {"early_stopped": "stopped early", "interrupted": "interrupted"}.get(status, "finished")


def _print_architectures(model: Model, console: Console) -> None:
    """Print what each of several architectures counts in the average, if there are several."""
    heads, rows = architecture_rows(model.network_)
    if not rows:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(own_architecture_note(model.network_), style="dim", soft_wrap=True)
