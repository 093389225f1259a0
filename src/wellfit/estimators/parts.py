"""Parts of a data set, as ``fit`` takes them: whole, or features and targets apart."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from wellfit.core.errors import InputError
from wellfit.datasets import Dataset
from wellfit.datasets.table_files import computed


def parts_of(
    X: Any, y: ArrayLike | None, X_val: Any, y_val: ArrayLike | None
) -> tuple[Any, ArrayLike, Any, ArrayLike | None]:
    """Return features and targets, of the training and of the validation rows.

    Args:
        X: features, or a :class:`~wellfit.datasets.Dataset` that holds all of them.
        y: their targets; None where X holds them.
        X_val: features of validation rows, or None.
        y_val: their targets.

    Raises:
        InputError: no targets, or some beside a data set.
    """
    if isinstance(X, Dataset):
        if y is not None:
            raise InputError(f"{X!r} holds its target, and y is given too; expected only one")
        X, y, (X_val, y_val) = X.X, X.y, (X.X_val, X.y_val) if X_val is None else (X_val, y_val)
    if y is None:
        raise InputError("fit requires y to be passed, but the target y is None")
    return X, computed(y), X_val, computed(y_val)
