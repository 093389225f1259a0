"""Weights of several architectures, by greedy selection on out-of-fold predictions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wellfit.core.metrics import Metric
from wellfit.fitting.greedy import Score, greedy_weights
from wellfit.fitting.job import TrainingJob
from wellfit.fitting.scoring import bare
from wellfit.fitting.targets import ClassTargets
from wellfit.nn.links import link_of, logits_of
from wellfit.training import EarlyStopping


def judge_of(job: TrainingJob, ids: NDArray[np.integer]) -> tuple[Metric, Score]:
    """Return the metric that early stopping monitors, and how it ranks outputs of some rows.

    It is the loss where nothing is monitored, or something that outputs don't show.

    Args:
        job: a training of these rows, among others.
        ids: (n,) their positions.

    Returns:
        The metric, and a function of outputs (n, n_outputs): of its value, negative where lower
        is better.
    """
    stopping = next((each for each in job.callbacks if isinstance(each, EarlyStopping)), None)
    name = "loss" if stopping is None else bare(stopping.monitored)
    metric, targets = Metric.of(name), job.targets
    if name in job.metrics:
        scorer = job.metrics[name]
        signs = {"min": -1, "max": 1}
        sign = metric.sign if stopping is None else signs.get(stopping.mode, metric.sign)
        metric = replace(metric, higher_is_better=sign > 0)
        return metric, lambda outputs: sign * scorer(outputs, ids)
    if name == "accuracy" and isinstance(targets, ClassTargets):
        assert job.y is not None
        y = job.y[ids]
        return metric, lambda outputs: targets.score(y, outputs)
    return Metric.of("loss"), _by_loss(job, ids)


def selection_weights(
    oob: NDArray[np.floating], score: Score
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights (M,) of M architectures, of sum 1, and their scores alone (M,).

    Args:
        oob: (M, n, n_outputs) their out-of-fold outputs.
        score: of outputs (n, n_outputs), higher is better.
    """

    def rounded(mean: NDArray[Any]) -> float:
        return score(mean.astype(oob.dtype))  # scorers check sums

    alone = np.array([score(each) for each in oob])
    return (greedy_weights(oob, rounded) if len(oob) > 1 else np.ones(1)), alone


def _by_loss(job: TrainingJob, ids: NDArray[np.integer]) -> Score:
    """Return the negative mean of a job's loss, as a function of outputs."""
    loss, rows = job.targets.loss, (job.full_job or job).rows
    y, link = torch.as_tensor(rows.y[ids])[None], link_of(loss)
    weight = None if rows.weight is None else rows.weight[ids]

    def score(outputs: NDArray[Any]) -> float:
        p = torch.from_numpy(np.ascontiguousarray(outputs)).T[None]
        target = loss.encode(y, p.shape[1], p.dtype)
        values = loss.value(logits_of(p, link), target)[0].double().numpy()
        return -float(np.average(values, weights=weight))

    return score
