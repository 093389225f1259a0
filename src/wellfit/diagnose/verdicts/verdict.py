"""The verdict on a training: a sentence, its evidence, and what to try next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch

from wellfit.core import registry
from wellfit.core.errors import DataError
from wellfit.core.fitted import require_fitted
from wellfit.core.hyper import resolve
from wellfit.core.words import percent, pluralize
from wellfit.diagnose.base import Finding, Outcome
from wellfit.diagnose.verdicts.base import Diagnosis, Suggestion
from wellfit.diagnose.verdicts.data import findings_of, with_data
from wellfit.diagnose.verdicts.fitted import FittedTraining
from wellfit.diagnose.verdicts.out_of_fold import OutOfFoldTraining, is_judged_by_folds
from wellfit.diagnose.verdicts.result import Verdict
from wellfit.diagnose.verdicts.training import Training
from wellfit.estimators.base import BaseMLP
from wellfit.training.precision import threads

_SUGGESTIONS = 3
_FEW_EPOCHS = 3  # are too few for a verdict


def verdict(
    estimator: BaseMLP,
    X: Any = None,
    y: Any = None,
    X_test: Any = None,
    y_test: Any = None,
    *,
    kind: Literal["validation", "test", "unseen"] = "unseen",
    data_findings: Iterable[Finding] | None = None,
) -> Verdict:
    """Judge a fitted network: whether it is well fit, what is wrong, what to try next.

    Without rows, the curves alone are judged. With them, scores and losses of the weights in use
    are compared on training and unseen rows, simple models are trained on the same training rows
    and judged by the same unseen rows (which takes about a second), and units, batch norms and
    probabilities are examined. At most 2,000 rows of each kind are used, and 20,000 for the
    simple models. What is wrong with the data comes first: a column that determines the target,
    levels that the encoder merges, rows in the order of time.

    Args:
        estimator: a fitted classifier or regressor; it is left as it is.
        X: the rows it was fitted to. Those that it held out count as unseen; of a training that
            was validated by folds, all rows do, each as predicted by a network without it.
        y: their targets.
        X_test: other unseen rows, to judge by instead of those held out.
        y_test: their targets.
        kind: what ``X_test`` is, to be named so: rows that chose the epoch are validation rows.
        data_findings: of :func:`check_data`, if they are known; else it is called with ``X``.

    Raises:
        NotFittedError: the estimator isn't fitted.
        InputError: rows without targets, or rows that it can't read.

    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> early = MLPClassifier((16,), epochs=4, early_stopping=False, random_state=0).fit(X, y)
    >>> verdict(early, X, y).name
    'still_improving'
    """
    require_fitted(estimator, "network_")
    for rows, targets, name in ((X, y, "X"), (X_test, y_test, "X_test")):
        if (rows is None) != (targets is None):
            raise DataError(f"{name} is given without its targets, or they without {name}")
    with torch.no_grad(), threads(estimator.n_threads or 1):
        if X_test is None and is_judged_by_folds(estimator, y):
            found = _judge(OutOfFoldTraining(estimator, X, y))
        else:
            found = _judge(FittedTraining(estimator, X, y, X_test, y_test, kind))
    findings = findings_of(estimator, X, y) if data_findings is None else data_findings
    return with_data(found, findings)


def judge(
    history: Mapping[str, Sequence[float]],
    settings: Mapping[str, Any] | None = None,
    *,
    status: str = "running",
    best_epoch: int | None = None,
    chance: float | None = None,
    training_rows: int | None = None,
    validation_rows: int | None = None,
) -> Verdict:
    """Judge a training by its curves, whole or as far as they have come.

    Args:
        history: metrics by name, a value for each epoch, as ``history_`` or the lines of a run's
            metrics: ``loss``, and ``val_loss``, ``val_accuracy``, ``learning_rate`` if there.
        settings: the estimator's parameters by name, as far as they are known.
        status: ``"running"``, or how it ended.
        best_epoch: the epoch, from 1, whose weights are in use; else the last.
        chance: the loss of the best constant outputs, such as log C; else the first epoch's.
        training_rows: how many; without them, nobody knows how many steps were taken.
        validation_rows: how many; without them, nobody knows how sure the curves are.

    Raises:
        InputError: a history that isn't numbers by name.

    >>> rising = {"loss": [2.3, 1.0, 4.0, 9.0, 30.0, 90.0, float("nan")]}
    >>> judge(rising).name
    'diverging'
    """
    return _judge(
        Training(
            history,
            settings,
            status=status,
            best_epoch=best_epoch,
            chance=chance,
            training_rows=training_rows,
            validation_rows=validation_rows,
        )
    )


def diagnoses() -> list[Diagnosis]:
    """Return all registered diagnoses, causes before their effects."""
    everyone = [resolve(Diagnosis, name) for name in registry.names(Diagnosis.family)]
    return sorted(everyone, key=lambda one: one.rank)


def _judge(training: Training) -> Verdict:
    judged: list[tuple[Diagnosis, Finding]] = []
    unjudged: dict[str, str] = {}
    for one in filter(lambda diagnosis: diagnosis.applies(training), diagnoses()):
        early = one.at_end and training.status == "running"
        found = None if early else one.examine(training)
        if found is None:
            unjudged[one.name] = "the end of the training" if early else one.needs
        else:
            judged.append((one, found))
    judged = _consistent(judged, training)
    ill = [pair for pair in judged if pair[1].outcome is not Outcome.PASS]
    well = [pair for pair in judged if pair[1].outcome is Outcome.PASS]
    name, sentence = _conclusion(ill, training)
    findings = tuple(found for _, found in [*ill, *well])
    suggestions = _suggestions(ill[0][0], training) if ill else ()
    return Verdict(
        name, sentence, _sure(training, sentence), findings, suggestions, unjudged, training.scores
    )


def _consistent(
    judged: Sequence[tuple[Diagnosis, Finding]], training: Training
) -> list[tuple[Diagnosis, Finding]]:
    """Return the findings; a warning that another explains, or that did no harm, passes."""
    kept: list[tuple[Diagnosis, Finding]] = []
    alarms: set[str] = set()
    for one, found in judged:
        text = ""
        if found.outcome is Outcome.WARN:
            cause = next((name for name in one.explained_by if name in alarms), "")
            if cause:
                text = f"{cause.replace('_', ' ')} explains it"
            elif one.by_harm and training.harmless:
                text = "it did no harm: no baseline is better, and the scores have no wide gap"
        if text:
            found = replace(
                found, outcome=Outcome.PASS, advice="", observed=f"{found.observed} ({text})"
            )
        if found.outcome is not Outcome.PASS:
            alarms.add(one.name)
        kept.append((one, found))
    return kept


def _conclusion(ill: Sequence[tuple[Diagnosis, Finding]], training: Training) -> tuple[str, str]:
    """Return the verdict's name, and its sentence."""
    if not ill:
        return _healthy(training)
    one, found = ill[0]
    others = [diagnosis.name.replace("_", " ") for diagnosis, _ in ill[1:]]
    also = f" Also: {', '.join(others)}." if others else ""
    return one.name, f"{one.headline}: {found.observed}.{also}"


def _healthy(training: Training) -> tuple[str, str]:
    if training.status == "running":
        if training.epochs < _FEW_EPOCHS:
            return "too_soon", f"Too soon for a verdict, after {training.epochs} epochs."
        return "well_so_far", f"Well so far: nothing is wrong after {training.epochs} epochs."
    seen, unseen, scores = training.learned, training.unseen, training.scores
    if seen is None:
        return "too_soon", "Nothing to judge: no epoch is over."
    if unseen is None and training.epochs < _FEW_EPOCHS:
        return "too_soon", f"Too soon for a verdict, after {training.epochs} epochs."
    if unseen is None:
        return "well_trained", (
            "Trained well: the loss fell and converged. The score on other rows isn't known, "
            "because no rows were held out."
        )
    text = f"loss {seen.value:.3g} on training rows, {unseen.value:.3g} on unseen rows"
    if scores is not None and scores.unseen is not None:
        text = f"{scores.pair}; {scores.compared}" if scores.compared else scores.pair
        constant, gain = scores.constant, training.gain
        if constant is not None and gain is not None and scores.unseen <= constant.score:
            share = percent(1 - gain.value / training.chance, 0)
            text += f"; the loss on {training.kind} rows is {share} of the baseline's"
    return "well_fit", f"Well fit: {text}."


def _sure(training: Training, sentence: str) -> str:
    """Return the scores that the sentence lacks, and the confidence interval on unseen rows."""
    unseen, scores = training.unseen, training.scores
    parts = [] if scores is None else [scores.besides(sentence)]
    if training.repeated:
        rows = pluralize(training.repeated, f"{training.kind} row")
        parts.append(f"Left out: {rows} also found among the training rows.")
    if unseen is None:
        if "no rows were held out" not in sentence:
            parts.append("No rows were held out: the score on unseen rows isn't known.")
    elif not unseen.rows:
        parts.append("The number of unseen rows isn't known, nor the confidence interval.")
    elif scores is None or not scores.interval:
        error = f"±{1.96 * unseen.error:.2g}"
        parts.append(
            f"Loss on {unseen.rows:,} {training.kind} rows, 95 % confidence interval {error}."
        )
    return " ".join(filter(None, parts))


def _suggestions(diagnosis: Diagnosis, training: Training) -> tuple[Suggestion, ...]:
    """Return the suggestions of the diagnosis: those of others could contradict them."""
    has = training.has_rate
    found = [one for one in diagnosis.suggestions(training) if has or one.name != "learning_rate"]
    return tuple(found)[:_SUGGESTIONS]
