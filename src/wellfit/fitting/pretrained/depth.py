"""The number of layers to freeze, chosen by cross-validation in one stack."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold

from wellfit.core.errors import DataError
from wellfit.fitting.job import TrainingJob
from wellfit.fitting.pretrained.base import PretrainedLayers
from wellfit.fitting.pretrained.start import with_layer_rates
from wellfit.fitting.runner import JobGroup, train_group
from wellfit.fitting.targets import ClassTargets, NumberTargets
from wellfit.training import EarlyStopping, Result, Status, Stream, predict

Fold = NDArray[np.integer]


def choose_frozen_depth(
    job: TrainingJob, pretrained: PretrainedLayers, most: int
) -> tuple[int, dict[str, list[float]]]:
    """Return how many frozen layers do best, and a table of all that were tried.

    The training rows are cut to folds. Every number from 0 to ``most`` is trained on all folds
    but one and scored on that one, by accuracy or R²; all of these are members of one stack. Of
    equal numbers the larger is taken.

    Args:
        job: the training, from weights that it is given.
        pretrained: what says how fast layers learn.
        most: how many layers may be frozen.
    """
    folds = _folds(job, pretrained.folds())
    precision = job.compute.precision
    trial = replace(
        job,
        compute=replace(job.compute, precision="float32" if precision == "auto" else precision),
        callbacks=tuple(each for each in job.callbacks if isinstance(each, EarlyStopping))[:1],
    )
    jobs = [
        replace(trial, member=with_layer_rates(job.member, pretrained, frozen), stream=stream)
        for frozen in range(most + 1)
        for stream, _ in folds
    ]
    result, _ = train_group(JobGroup(tuple(range(len(jobs))), tuple(jobs)))
    scores = np.array(
        [_score(job, result, k, folds[k % len(folds)][1]) for k in range(len(jobs))]
    ).reshape(most + 1, len(folds))
    means = scores.mean(axis=1)
    frozen = most - int(np.nan_to_num(means, nan=-np.inf)[::-1].argmax())
    table = {
        "frozen": list(range(most + 1)),
        "mean_test_score": means.tolist(),
        "std_test_score": scores.std(axis=1).tolist(),
        **{f"split{i}_test_score": column.tolist() for i, column in enumerate(scores.T)},
    }
    return frozen, table


def _folds(job: TrainingJob, count: int) -> list[tuple[Stream, Fold]]:
    """Return for each fold what is read, and the rows to score; all of one length.

    Rows that the estimator holds out are held out here too: early stopping looks at them.
    """
    rows = job.stream.train
    assert job.y is not None
    strata = job.targets.strata(job.y[rows])
    rarest = len(rows) if strata is None else np.unique(strata, return_counts=True)[1].min()
    if rarest < count:
        raise DataError(
            f"freeze='auto' needs {count} rows, {count} of each class, to train on; there are "
            f"{rarest} of the rarest; expected more rows, or a smaller cv"
        )
    kind = KFold if strata is None else StratifiedKFold
    split = kind(count, shuffle=True, random_state=job.stream.seed)
    cuts = list(split.split(rows[:, None], strata))
    least = min(len(left) for left, _ in cuts)
    return [(replace(job.stream, train=rows[left[:least]]), rows[held]) for left, held in cuts]


def _score(job: TrainingJob, result: Result, place: int, rows: Fold) -> float:
    """Return one member's score on its fold; NaN where its training came to nothing."""
    if result.status[place] is Status.INTERRUPTED:
        raise KeyboardInterrupt
    if result.status[place] is Status.DIVERGED and not result.kept[place]:
        return float("nan")
    targets = job.targets
    assert job.y is not None
    assert isinstance(targets, ClassTargets | NumberTargets)
    outputs = predict(
        result.member(place).weights(),
        job.rows.x[rows],
        targets.loss.predict,
        pixel_max=job.features.pixel_max,
    )[0]
    return targets.score(job.y[rows], outputs)
