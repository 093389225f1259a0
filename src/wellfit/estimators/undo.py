"""Rollback: a method that fails leaves its object as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Owner = TypeVar("Owner")


def rollback_on_error(
    method: Callable[Concatenate[Owner, Given], Answer],
) -> Callable[Concatenate[Owner, Given], Answer]:
    """Let a method that fails leave its object's attributes as they were.

    A fitted model that is refused another fit goes on predicting as before.

    >>> class Half:
    ...     @rollback_on_error
    ...     def fit(self):
    ...         self.classes_ = "abc"
    ...         raise ValueError("halfway")
    >>> half = Half()
    >>> half.fit()
    Traceback (most recent call last):
    ValueError: halfway
    >>> vars(half)
    {}
    """

    @wraps(method)
    def undone(self: Owner, /, *args: Given.args, **kwargs: Given.kwargs) -> Answer:
        attributes: dict[str, Any] = vars(self)
        before = dict(attributes)
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            attributes.clear()
            attributes.update(before)
            raise

    return undone
