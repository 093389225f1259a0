"""A check that a model is a fitted estimator."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from wellfit.core.errors import InputError


def require_fitted(model: Any, attribute: str | None = None) -> None:
    """Raise scikit-learn's error for an estimator that isn't fitted, and one for anything else.

    Args:
        model: the first argument of a function that takes rows after it.
        attribute: what a fitted one has; None for any that ends with an underscore.

    Raises:
        NotFittedError: an estimator before ``fit``.
        InputError: no estimator, such as rows in its place.

    >>> require_fitted([[1.0, 2.0]])
    Traceback (most recent call last):
    wellfit.core.errors.InputError: the model is a list; expected a fitted estimator, then rows
    """
    if not hasattr(model, "fit"):  # scikit-learn's message would print all of a table
        raise InputError(
            f"the model is a {type(model).__name__}; expected a fitted estimator, then rows"
        )
    check_is_fitted(model, attribute)
