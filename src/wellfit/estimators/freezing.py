"""How many layers to freeze, found out by cross-validation in one stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold

from wellfit.core.errors import DataError
from wellfit.estimators import settings
from wellfit.estimators.prepared import Prepared
from wellfit.estimators.reusing import Reusing, with_layer_rates
from wellfit.estimators.scoring import speaking
from wellfit.training import Result, Status, Stream, Weights, predict, train
from wellfit.training.precision import threads

Fold = NDArray[np.integer]


def best(work: Prepared, pretrained: Reusing, most: int) -> tuple[int, dict[str, list[float]]]:
    """Return how many frozen layers do best, and a table of all that were tried.

    The estimator's training rows are cut to folds. Every number from 0 to ``most`` is trained on
    all folds but one and scored on that one, by the estimator's own ``score``; all of these are
    members of one stack. Of equal numbers the larger is taken.

    Args:
        work: the training, from weights that it is given.
        pretrained: what says how fast layers learn.
        most: how many layers may be frozen.
    """
    folds = _folds(work, pretrained.folds())
    numbers = [number for number in range(most + 1) for _ in folds]
    members = [with_layer_rates(work.member, pretrained, number) for number in numbers]
    streams = [stream for stream, _ in folds] * (most + 1)
    result = _trained(work, members, streams)
    scores = np.array(
        [
            _score(work, result, place, folds[place % len(folds)][1])
            for place in range(len(members))
        ]
    ).reshape(most + 1, len(folds))
    means = scores.mean(axis=1)
    worth = np.nan_to_num(means, nan=-np.inf)
    frozen = most - int(worth[::-1].argmax())
    table = {
        "frozen": list(range(most + 1)),
        "mean_test_score": means.tolist(),
        "std_test_score": scores.std(axis=1).tolist(),
        **{f"split{i}_test_score": column.tolist() for i, column in enumerate(scores.T)},
    }
    return frozen, table


def _folds(work: Prepared, count: int) -> list[tuple[Stream, Fold]]:
    """Return for each fold what is read, and the rows to score; all of one length.

    Rows that the estimator holds out are held out here too: early stopping looks at them.
    """
    rows, targets = work.stream.train, work.targets
    assert targets is not None
    strata = work.estimator._strata(targets[rows])
    rarest = len(rows) if strata is None else np.unique(strata, return_counts=True)[1].min()
    if rarest < count:
        raise DataError(
            f"freeze='auto' needs {count} rows, {count} of each class, to train on; there are "
            f"{rarest} of the rarest; expected more rows, or a smaller cv"
        )
    kind = KFold if strata is None else StratifiedKFold
    split = kind(count, shuffle=True, random_state=work.stream.seed)
    cuts = list(split.split(rows[:, None], strata))
    least = min(len(left) for left, _ in cuts)
    return [(replace(work.stream, train=rows[left[:least]]), rows[held]) for left, held in cuts]


def _trained(work: Prepared, members: Sequence[Any], streams: Sequence[Stream]) -> Result:
    estimator, start = work.estimator, work.start
    assert start is not None
    stopping = settings.early_stopping(estimator.early_stopping)
    rows = work.rows()
    weights = Weights.join([start] * len(members)).to(rows.dtype, rows.device)
    with threads(estimator.n_threads):
        return train(
            members,
            rows,
            streams,
            callbacks=[] if stopping is None else [stopping],
            scores=work.scores(),
            precision="float32" if estimator.precision == "auto" else estimator.precision,
            eval_every=estimator.eval_every,
            resume=Result.beginning(members, weights.with_empty_slots(members[0].slots())),
        )


def _score(work: Prepared, result: Result, place: int, rows: Fold) -> float:
    """Return one member's score on its fold; NaN where its training came to nothing."""
    if result.status[place] is Status.INTERRUPTED:
        raise KeyboardInterrupt
    if result.status[place] is Status.DIVERGED and not result.kept[place]:
        return float("nan")
    estimator, targets = work.estimator, work.targets
    assert targets is not None
    outputs = predict(
        result.member(place).weights(),
        work.table.x[rows],
        estimator._resolve_loss().predict,
        brightest=work.brightest,
    )[0]
    speaker: Any = speaking(estimator, outputs)
    return float(speaker.score(None, targets[rows]))
