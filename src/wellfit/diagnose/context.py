"""The context of a check: the data as given, and the training that they would get."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone

from wellfit.core._sklearn_compat import safe_indexing
from wellfit.core.errors import DataError, InputError
from wellfit.core.rng import derive
from wellfit.estimators import settings
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.overrides import warn_of_own_fit
from wellfit.fitting import ClassTargets, TrainingJob
from wellfit.nn import Network
from wellfit.optim import Adam, ConstantSchedule
from wellfit.preprocessing.columns import as_table, is_image_like
from wellfit.training import Member, Rows

# Rows that short trainings and single columns are judged by: enough for a verdict, and quick.
SAMPLE = 2000


class CheckContext:
    """An estimator, its data, and whatever several checks need of them.

    Args:
        estimator: whose training it is; it is copied.
        X: rows, as for ``fit``.
        y: their targets.
        X_test: rows set aside for the test, if there are any.
        y_test: their targets.
        seed: of all that is drawn.
    """

    def __init__(
        self, estimator: BaseMLP, X: Any, y: Any, X_test: Any, y_test: Any, seed: int
    ) -> None:
        self.X, self.y, self.X_test, self.y_test, self.seed = X, y, X_test, y_test, seed
        warn_of_own_fit(estimator, stacklevel=4)
        self.estimator: BaseMLP = clone(estimator).set_params(warm_start=False, callbacks=())
        self.estimator.set_params(random_state=seed, verbose=0)
        if y is None:
            raise InputError("y is None; expected a target for each row")
        self.encoder = self.estimator.target_encoder.fit(y, settings.loss(self.estimator))
        targets = np.asarray(self.encoder.read(y, warn=False))
        self.targets = targets.ravel() if targets.ndim == 2 and targets.shape[1] == 1 else targets
        self.table = as_table(X)
        if self.table.shape[0] != len(targets):
            raise DataError(
                f"X has {self.table.shape[0]} rows and y has {len(targets)}; expected as many"
            )

    @cached_property
    def prepared(self) -> TrainingJob:
        """The training that the estimator makes of the data; checks of data do without it."""
        return self.estimator.prepare(self.X, self.y)

    def draw(self, what: str) -> np.random.Generator:
        """Return a generator for one use."""
        return np.random.default_rng(derive(self.seed, "check", what))

    @property
    def classifies(self) -> bool:
        """Whether there are classes, one for each row."""
        return isinstance(self.encoder, ClassTargets) and self.encoder.one_label

    @property
    def too_few_per_class(self) -> bool:
        """Whether classes have fewer than four rows each, too few to predict one from another."""
        ids = self.sample
        return self.classifies and 4 * len(set(self.targets[ids].tolist())) > len(ids)

    @property
    def member(self) -> Member:
        """The training that the estimator asks for."""
        return self.prepared.member

    @cached_property
    def rows(self) -> Rows:
        """All rows on the device."""
        return self.prepared.on_device()

    @cached_property
    def sample(self) -> NDArray[np.integer]:
        """The numbers of some training rows, in random order."""
        return self.draw("sample").permutation(self.prepared.stream.train)[:SAMPLE]

    @cached_property
    def columns(self) -> pd.DataFrame:
        """The features as a table with names, as they were given."""
        return _named(self.table)

    def excerpt(self, ids: NDArray[np.integer], places: NDArray[np.integer]) -> pd.DataFrame:
        """Return some rows of some columns; of a sparse matrix nothing else is made dense."""
        if isinstance(self.table, pd.DataFrame):
            return self.columns.iloc[ids, places]
        return _named(self.table[ids][:, places]).set_axis(self.names[places], axis=1)

    @cached_property
    def names(self) -> NDArray[np.object_]:
        """The columns' names, as sentences call them."""
        if isinstance(self.table, pd.DataFrame):
            return np.array([str(name) for name in self.columns.columns], dtype=object)
        return np.array(_numbered(self.table.shape[1]), dtype=object)

    @cached_property
    def pixels(self) -> bool:
        """Whether the features are pixels: bytes, or as many whole numbers of one range."""
        if is_image_like(self.X):
            return True
        side = int(np.sqrt(self.columns.shape[1]))
        numeric = [dtype.kind in "uif" for dtype in self.columns.dtypes if hasattr(dtype, "kind")]
        if side < 6 or side**2 != self.columns.shape[1] or not all(numeric):
            return False
        values = self.columns.to_numpy()[:SAMPLE]
        top = values.max(axis=0)
        whole = bool((values == np.round(values)).all() and values.min() >= 0)
        return whole and bool(np.mean(top == top.max()) > 0.3)

    def part(self, ids: NDArray[np.integer]) -> tuple[Any, Any]:
        """Return some rows and targets, as they were given."""
        return safe_indexing(self.X, ids), safe_indexing(self.targets, ids)

    def rows64(self, ids: NDArray[np.integer]) -> Rows:
        """Return some rows in double precision, on the processor."""
        rows, pixel_max = self.prepared.rows, self.prepared.features.pixel_max
        return Rows(rows.x[ids], rows.y[ids], dtype=torch.float64, pixel_max=pixel_max)

    def plain(self, **changes: Any) -> Member:
        """Return the training with nothing in it but network, loss and Adam."""
        bare: dict[str, Any] = {
            "optimizer": Adam(),
            "lr_schedule": ConstantSchedule(),
            "schedules": (),
            "penalties": (),
            "constraints": (),
            "gradient_clipping": (),
            "ema_decay": 0.0,
            "max_steps": None,
            "network": quiet(self.member.network),
        }
        return self.member.replace(**{**bare, **changes})


def _named(table: Any) -> pd.DataFrame:
    """Return a table as a DataFrame whose columns have names."""
    if isinstance(table, pd.DataFrame):
        frame = table
    else:
        frame = pd.DataFrame(table.toarray() if sparse.issparse(table) else table)
    labels: Any = frame.columns  # mypy knows no index of numbers here
    numbered = isinstance(labels, pd.RangeIndex)
    return frame.set_axis(_numbered(frame.shape[1]), axis=1) if numbered else frame


def _numbered(columns: int) -> list[str]:
    """Return what to call columns that have no names."""
    return [f"column {number}" for number in range(columns)]


def quiet(network: Network) -> Network:
    """Return a network without the layers that disturb its units at random while training.

    >>> from wellfit.nn import mlp
    >>> [layer.name for layer in quiet(mlp(4, (8,), 3, dropout=0.2)).layers]
    ['linear', 'activation', 'linear']
    """
    return network.replace(
        layers=tuple(layer for layer in network.layers if not layer.training_only)
    )
