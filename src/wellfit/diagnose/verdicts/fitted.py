"""A training whose fitted network and rows are at hand."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import is_classifier
from torch import Tensor

from wellfit.core._sklearn_compat import safe_indexing
from wellfit.datasets.duplicates import occurs_in
from wellfit.diagnose.start import best_losses
from wellfit.diagnose.verdicts import baselines, measured
from wellfit.diagnose.verdicts.layers import (
    Passed,
    layer_statistics,
    norms_of,
    passed_through,
    weight_changes,
)
from wellfit.diagnose.verdicts.scores import Baseline, Mean, Scores
from wellfit.diagnose.verdicts.training import Chances, LayerStatistics, Norm, Outlying, Training
from wellfit.estimators.base import BaseMLP
from wellfit.fitting import ClassTargets, Compute
from wellfit.fitting.validation import validate_features
from wellfit.training import Rows, Weights
from wellfit.training.prediction import Predictor

_MOST = 2000  # rows of each kind that are looked at
_MOST_REPEATED = 0.5  # share of unseen rows that may be left out
_ENOUGH = 50  # rows among which a hundredth can stand out


class RowSubset(NamedTuple):
    """Rows as they were given, as the network reads them, and their positions."""

    X: Any
    y: NDArray[Any]
    rows: Rows
    ids: NDArray[np.integer]


class FittedTraining(Training):
    """A fitted estimator's training.

    Args:
        estimator: fitted; of several networks, the first is judged, by the fold that it left out.
        X: the rows it was fitted to, if they are at hand.
        y: their targets.
        X_test: rows that it hasn't seen, if there are any; else those that it held out of X.
        y_test: their targets.
        kind: what ``X_test`` is: ``"validation"``, ``"test"`` or just ``"unseen"``.
    """

    def __init__(
        self, estimator: BaseMLP, X: Any, y: Any, X_test: Any, y_test: Any, kind: str = "unseen"
    ) -> None:
        network = estimator.network_
        if network.n_networks > 1:  # each has rows of its own that it hasn't seen
            estimator = copy.copy(estimator).keep(network.first)
        self.estimator = estimator
        self.weights: Weights = estimator.network_.weights.to(torch.float32, torch.device("cpu"))
        self._loss = estimator.network_.targets.loss
        used = {"batch_size": getattr(estimator, "batch_size_", None)}
        super().__init__(
            getattr(estimator, "history_", {}),
            {**estimator.get_params(deep=False), **used},
            status=getattr(estimator, "status_", "finished"),
            best_epoch=getattr(estimator, "best_epoch_", None),
        )
        self.metric = measured.metric_of(estimator, self._loss)
        self._training: tuple[Any, NDArray[Any], NDArray[np.integer]] | None = None
        self._learned: RowSubset | None = None
        self._unseen: RowSubset | None = None
        self._kind = "validation" if X_test is None else kind
        if X is not None:
            self._read(X, np.asarray(y), X_test is None)
        if X_test is not None:
            self._judge_by(X_test, np.asarray(y_test), np.arange(len(y_test)))

    def _read(self, X: Any, y: NDArray[Any], divide: bool) -> None:
        """Keep the training rows, and those held out of them if they can be found again."""
        network = self.estimator.network_
        split = network.split  # not in a model from a folder
        train: NDArray[np.integer] = np.arange(len(y))
        held: NDArray[np.integer] | None = None
        if split is not None and split.is_of(len(y)):
            train, held = split.train, split.held_out
        if held is not None:
            unseen = self._part(X, y, held)
            stored, again = super().unseen, Mean.of(self._losses(unseen))
            allowed = 1e-3 + (4 * again.error if len(held) > _MOST else 0.0)
            if network.record.temperature is not None:
                stored = None  # the history's losses are those before calibration
            if stored is not None and not np.isclose(again.value, stored.value, 0.05, allowed):
                train, held = np.arange(len(y)), None  # it was judged by rows given apart
        self._training = X, y, train
        self._learned, self.training_rows = self._part(X, y, train), len(train)
        if divide and held is not None:
            self._judge_by(X, y, held)

    def _judge_by(self, X: Any, y: NDArray[Any], ids: NDArray[np.integer]) -> None:
        """Take rows as the unseen ones, but for those that occur among the training rows."""
        new = ids if self._training is None else _new_rows(X, ids, *self._training[::2])
        self._unseen, self.validation_rows = self._part(X, y, new), len(new)
        self.repeated = len(ids) - len(new)

    def _part(
        self, X: Any, y: NDArray[Any], ids: NDArray[np.integer], most: int = _MOST
    ) -> RowSubset:
        if len(ids) > most:
            ids = np.sort(np.random.default_rng(0).choice(ids, most, replace=False))
        some, targets = safe_indexing(X, ids), y[ids]
        network = self.estimator.network_
        x = validate_features(self.estimator, some, network.features)
        numbers, codes = network.encode(x, targets, Compute.of(self.estimator))
        rows = Rows(numbers, codes, pixel_max=network.features.pixel_max)
        return RowSubset(some, targets, rows, ids)

    # Losses.

    def _losses(self, part: RowSubset) -> NDArray[np.float64]:
        """Return each row's loss, with nothing disturbed."""
        loss, found = self._loss, []
        for logits, target in self._logits(part):
            found.append(loss.value(logits, target[None])[0].double().numpy())
        return np.concatenate(found)

    def _logits(self, part: RowSubset) -> list[tuple[Tensor, Tensor]]:
        predictor, outputs = Predictor(self.weights), self.weights.network.outputs
        pairs = []
        for ids in torch.split(torch.arange(len(part.rows)), predictor.most):
            logits = predictor(part.rows.features(ids)[None]).transpose(1, 2).clone()
            pairs.append((logits, part.rows.targets(ids, self._loss, outputs)))
        return pairs

    @cached_property
    def learned(self) -> Mean | None:
        """The loss on training rows with the weights in use, without dropout."""
        return super().learned if self._learned is None else Mean.of(self._losses(self._learned))

    @cached_property
    def unseen(self) -> Mean | None:
        """The loss on unseen rows with the weights in use."""
        return super().unseen if self._unseen is None else Mean.of(self._losses(self._unseen))

    @cached_property
    def chance(self) -> float:
        """The loss of the best constant outputs."""
        if self._learned is not None:
            ids = torch.arange(len(self._learned.rows))
            loss, outputs = self._loss, self.weights.network.outputs
            targets = self._learned.rows.targets(ids, loss, outputs)
            return float(best_losses(loss, outputs, targets).mean())
        if is_classifier(self.estimator):
            return float(np.log(max(len(self.estimator.classes_), 2)))
        return super().chance

    @property
    def right(self) -> Mean | None:
        """The accuracy on unseen rows."""
        chances = self.chances
        if chances is None:
            return super().right
        return Mean.share(float(chances.right.mean()), len(chances.right))

    @cached_property
    def gain(self) -> Mean | None:
        """How much lower the loss on unseen rows is than that of constant outputs, row by row."""
        if self._unseen is None or self._learned is None:
            return super().gain
        outputs = self.weights.network.outputs
        first, other = (
            part.rows.targets(torch.arange(len(part.rows)), self._loss, outputs)
            for part in (self._learned, self._unseen)
        )
        constant = best_losses(self._loss, outputs, first, other, doubt=1.0)
        return Mean.of(constant - self._losses(self._unseen))

    # Scores.

    @cached_property
    def scores(self) -> Scores | None:
        """The scores on training and unseen rows, and of baselines trained on the same rows."""
        if self._learned is None and self._unseen is None:
            return super().scores
        first = self._learned and self.metric.score(self._errors(self._learned))
        other = self._unseen and self.metric.score(self._unseen_errors)
        if other is None:  # validation rows that were given apart, and aren't at hand
            other = super().right
        return Scores(
            self.metric.name,
            first and first.value,
            other and other.value,
            self.training_rows or 0,
            other.rows if other else 0,
            other.error if other else 0.0,
            first.error if first else 0.0,
            self._kind,
            tuple(self._baselines()),
            first.rows if first and first.rows < (self.training_rows or 0) else 0,
        )

    @cached_property
    def _unseen_errors(self) -> NDArray[np.float64]:
        assert self._unseen is not None
        return self._errors(self._unseen)

    def _errors(self, part: RowSubset) -> NDArray[np.float64]:
        """Return each row's error, of which the score is 1 minus the mean."""
        y, predicted = self._pair(part)
        return self.metric.errors(y, predicted)

    def _pair(self, part: RowSubset) -> tuple[NDArray[Any], NDArray[Any]]:
        return measured.targets(self.estimator, part.y), measured.predictions(
            self.estimator, part.X
        )

    def _baselines(self) -> Iterator[Baseline]:
        if self._training is None or self._unseen is None:
            return
        X, y, ids = self._training
        width = self._unseen.rows.features(torch.arange(1)).shape[1] - 1
        training = self._part(X, y, ids, baselines.affordable(width, len(ids)))
        truth = [measured.targets(self.estimator, part.y) for part in (training, self._unseen)]
        extra = measured.encoded_by_target(self.estimator, training.X, truth[0], self._unseen.X)
        first, other = (
            baselines.BaselineRows(numbers_of(part.rows), more, y)
            for part, more, y in zip((training, self._unseen), extra, truth, strict=True)
        )
        yield from baselines.compare(self.metric, first, other, self._unseen_errors)

    @cached_property
    def outlying(self) -> Outlying | None:
        """The 1 % of the unseen rows whose squared errors are largest."""
        if self._unseen is None or self.metric.name != "R²" or len(self._unseen.ids) < _ENOUGH:
            return None
        y, predicted = self._pair(self._unseen)
        errors = self.metric.errors(y, predicted)
        order = np.argsort(-errors)
        worst, others = np.split(order, [-(-len(order) // 100)])
        without = 1 - float(self.metric.errors(y[others], predicted[others]).mean())
        share = float(errors[worst].sum() / max(errors.sum(), 1e-12))
        return Outlying(self._unseen.ids[worst], share, without)

    @cached_property
    def chances(self) -> Chances | None:
        """The confidence in the classes of unseen rows, and whether they are right."""
        known = self.estimator.network_.targets
        if self._unseen is None or not isinstance(known, ClassTargets) or not known.one_label:
            return None
        given = self.estimator.predict_proba(self._unseen.X)
        best = given.argmax(axis=1)
        right = np.asarray(self.estimator.classes_)[best] == self._unseen.y
        return Chances(given.max(axis=1).astype(np.float64), right)

    # Layers.

    @cached_property
    def _passed(self) -> list[Passed]:
        """Each layer at work with its inputs and outputs (rows, units), on training rows."""
        if self._learned is None:
            return []
        x = self._learned.rows.features(torch.arange(len(self._learned.rows)))
        return passed_through(self.weights, x)

    @cached_property
    def layers(self) -> Sequence[LayerStatistics] | None:
        """The health of the hidden layers, on training rows."""
        return None if self._learned is None else layer_statistics(self._passed)

    @cached_property
    def norms(self) -> Sequence[Norm] | None:
        """How far running statistics are from those of the training rows."""
        return None if self._learned is None else norms_of(self.weights, self._passed)

    @property
    def moved(self) -> float | None:
        """The distance of the last weights from the initial ones, over the norm of these."""
        return self._lengths and self._lengths[0]

    @property
    def shrunk(self) -> float | None:
        """The norm of the last weights over that of the initial ones."""
        return self._lengths and self._lengths[1]

    @cached_property
    def _lengths(self) -> tuple[float, float] | None:
        """The distance from the initial weights, and the final norm, over the initial norm."""
        if self.estimator.warm_start:
            return None
        return weight_changes(self.estimator.network_.result)


def _new_rows(
    X: Any, ids: NDArray[np.integer], learned: Any, train: NDArray[np.integer]
) -> NDArray[np.integer]:
    """Return the positions of rows of X that don't also occur among the rows learned from.

    Trees know these by heart, and would seem better than they are on new rows. Where they are
    more than half, as in tables of few levels, new rows will recur too, and all are kept.
    """
    if any(hasattr(part, "toarray") for part in (X, learned)):
        return ids
    again = occurs_in(safe_indexing(learned, train), safe_indexing(X, ids))
    return ids if again.mean() > _MOST_REPEATED else ids[~again]


def numbers_of(rows: Rows) -> NDArray[np.float32]:
    """Return rows as the network reads them."""
    return rows.features(torch.arange(len(rows))).numpy()[:, :-1]
