"""The parameters of an estimator that say how its training is validated and stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from wellfit.core.parameter import parameter
from wellfit.estimators.declaration import with_parameters
from wellfit.estimators.network_parameters import NetworkParameters
from wellfit.training import EarlyStopping


@with_parameters()
class ValidationParameters(NetworkParameters):
    """Declares the parameters of validation, stopping and calibration."""

    early_stopping: bool | EarlyStopping = parameter(
        "stop when the validation loss no longer improves, and keep the best weights; True or an "
        ":class:`~wellfit.training.EarlyStopping`, which judges every epoch on held-out rows.",
        default=True,
        family=EarlyStopping,
        group="Validation and stopping",
    )
    validation_fraction: float | None = parameter(
        "fraction of the training rows for validation, in (0, 1); each class in its share. None "
        "holds out a tenth if ``early_stopping``, else nothing; nor if its ``monitor`` is "
        '``"loss"``, ``"accuracy"`` or ``"objective"``, of the training rows.',
        default=None,
        low=0,
        high=1,
        open_low=True,
        open_high=True,
        optional=True,
        group="Validation and stopping",
    )
    validation_folds: int | Literal["auto"] | None = parameter(
        "number of folds of the training rows that validate, in place of held-out rows: a network "
        "for each, trained on the others, all as one stack, judges the epochs of a network that "
        'is trained on all rows. ``"auto"`` is 5 where early stopping would hold out some of 20 '
        "to 999 rows, and there is no ``bagging``; else None.",
        default="auto",
        choices=("auto",),
        whole=True,
        low=2,
        high=100,
        optional=True,
        group="Validation and stopping",
    )
    bagging: int | Literal["auto"] | None = parameter(
        "number of folds of the training rows; a network for each is trained on the others, all "
        "as one stack, stops by its own fold, and the average predicts. None for one network. "
        '``"auto"`` is 8 for a table of 20 to 100,000 rows and fewer than 64 numeric columns, '
        "where early stopping would hold out some rows, and no parameter describes the layers, "
        "the optimizer or the validation; else None.",
        default="auto",
        choices=("auto",),
        whole=True,
        low=2,
        high=100,
        optional=True,
        group="Validation and stopping",
    )
    architectures: Sequence[Mapping[str, Any]] | None = parameter(
        "other architectures to train beside the estimator's own; each a mapping of parameters in "
        'which it differs, such as ``{"numeric_embedding": "periodic"}``. All have the folds of '
        "``bagging``, and greedy selection by out-of-fold predictions decides how much each "
        "counts in the average. None for no other.",
        default=None,
        group="Validation and stopping",
    )
    conformal: Literal["split", "cross"] | None = parameter(
        "calibration of prediction intervals of numbers, and of prediction sets of classes; "
        '``"split"`` sets rows apart from training for it, ``"cross"`` uses the folds of '
        '``bagging``, at least 3. For numbers, ``loss="auto"`` then estimates quantiles beside '
        "the mean, so that intervals are wide where the target is uncertain. None for none.",
        default=None,
        choices=("split", "cross"),
        optional=True,
        group="Validation and stopping",
    )
    conformal_fraction: float = parameter(
        "fraction of the training rows that ``conformal`` sets apart, in (0, 1); some hundred "
        "rows keep the coverage near the level.",
        default=0.2,
        low=0,
        high=1,
        open_low=True,
        open_high=True,
        group="Validation and stopping",
    )
    scoring: Any = parameter(
        "scorers, such as roc_auc, computed on the validation rows; scikit-learn's, one or a "
        'list, by name or as functions: ``"roc_auc"`` becomes ``history_["val_roc_auc"]``. Early '
        "stopping monitors the first, unless its ``monitor`` names another metric.",
        default=None,
        group="Validation and stopping",
    )
    eval_every: int | str = parameter(
        'number of epochs between evaluations, or of steps, such as ``"500 steps"``; the last is '
        "always evaluated. In steps, histories, callbacks and their patience count evaluations.",
        default=1,
        group="Validation and stopping",
    )
