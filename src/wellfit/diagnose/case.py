"""What checks look at: the data as given, and the training that they and the estimator make."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from wellfit.core.rng import derive
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.prepared import Prepared
from wellfit.nn import Network
from wellfit.optim import Adam, Constant
from wellfit.preprocessing.columns import is_image_like
from wellfit.training import Member, Rows

# Rows that short trainings and single columns are judged by: enough to tell, few enough to wait.
SAMPLE = 2000


class Case:
    """One estimator, its data, and everything that several checks ask for.

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
        self.estimator: BaseMLP = clone(estimator).set_params(warm_start=False, observers=())
        self.estimator.set_params(random_state=seed, verbose=0)
        self.prepared: Prepared = self.estimator._prepare(X, y)
        self.targets = np.asarray(y)

    def draw(self, what: str) -> np.random.Generator:
        """Return a generator for one use."""
        return np.random.default_rng(derive(self.seed, "check", what))

    @property
    def classifies(self) -> bool:
        """Whether there are classes, one for each row."""
        labels = getattr(self.estimator, "_labels", None)
        return labels is not None and not labels.multilabel_ and not labels.soft_

    @property
    def thin(self) -> bool:
        """Whether classes have so few rows, under four each, that none can be told by others."""
        ids = self.sample
        return self.classifies and 4 * len(set(self.targets[ids].tolist())) > len(ids)

    @property
    def member(self) -> Member:
        """The training that the estimator asks for."""
        return self.prepared.member

    @cached_property
    def rows(self) -> Rows:
        """All rows on the device."""
        return self.prepared.rows()

    @cached_property
    def sample(self) -> NDArray[np.integer]:
        """The numbers of some training rows, in random order."""
        return self.draw("sample").permutation(self.prepared.stream.train)[:SAMPLE]

    @cached_property
    def columns(self) -> pd.DataFrame:
        """The features as a table with names, as they were given."""
        if isinstance(self.X, pd.DataFrame):
            return self.X
        table = self.X.to_pandas() if hasattr(self.X, "to_pandas") else self.X
        if not isinstance(table, pd.DataFrame):
            dense = table.toarray() if hasattr(table, "toarray") else np.asarray(table)
            table = pd.DataFrame(dense, columns=[f"column {i}" for i in range(dense.shape[1])])
        return table

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
        return _safe_indexing(self.X, ids), _safe_indexing(self.targets, ids)

    def rows64(self, ids: NDArray[np.integer]) -> Rows:
        """Return some rows in double precision, on the processor."""
        table = self.prepared.table
        return Rows(
            table.x[ids], table.y[ids], dtype=torch.float64, brightest=self.prepared.brightest
        )

    def plain(self, **changes: Any) -> Member:
        """Return the training with nothing in it but network, loss and Adam."""
        bare: dict[str, Any] = {
            "optimizer": Adam(),
            "schedule": Constant(),
            "schedules": (),
            "penalties": (),
            "constraints": (),
            "clipping": (),
            "average": 0.0,
            "network": quiet(self.member.network),
        }
        return self.member.replace(**{**bare, **changes})


def quiet(network: Network) -> Network:
    """Return a network without the layers that disturb its units at random while training.

    >>> from wellfit.nn import mlp
    >>> [layer.name for layer in quiet(mlp(4, (8,), 3, dropout=0.2)).layers]
    ['linear', 'activation', 'linear']
    """
    return network.replace(
        layers=tuple(layer for layer in network.layers if not layer.training_only)
    )
