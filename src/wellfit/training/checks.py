"""Checks of a training: its numbers fit the type of the weights, its data are those of before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from wellfit.core.errors import HyperparameterError, InputError
from wellfit.training.fingerprint import fingerprint
from wellfit.training.member import Member
from wellfit.training.precision import dtype_of
from wellfit.training.result import Result
from wellfit.training.rows import Rows
from wellfit.training.streams import Stream


@contextmanager
def numbers_in_range(member: Member, rows: Rows) -> Iterator[None]:
    """Report a number that doesn't fit the type of the weights.

    Raises:
        HyperparameterError: naming what holds such numbers.
    """
    try:
        yield
    except (RuntimeError, OverflowError) as error:
        # The compiled step raises the latter. PyTorch has no class of its own for a Python number
        # that float32 can't hold.
        if not isinstance(error, OverflowError) and "without overflow" not in str(error):
            raise
        rules = (
            member.optimizer,
            *member.penalties,
            *member.gradient_clipping,
            *member.constraints,
        )
        raise HyperparameterError(
            f"a number of {', '.join(map(repr, rules))}, or its product with the learning rate, "
            f"is too large; expected numbers up to {torch.finfo(rows.dtype).max:.2g}"
        ) from error


def check_precision(precision: str, rows: Rows) -> None:
    """Refuse rows whose numbers are of another type than the weights.

    Raises:
        InputError: they are.
    """
    dtype = dtype_of(precision)
    if rows.dtype != dtype:
        raise InputError(
            f"precision is {precision!r}, and the rows' numbers are {rows.dtype}; expected "
            f"Rows(…, dtype={dtype}) or another precision"
        )


def same_data(resume: Result, rows: Rows, streams: Sequence[Stream]) -> str:
    """Return the data's fingerprint, if a result to go on from has one.

    Raises:
        InputError: it is another, or the result's weights are of another precision.
    """
    before, dtype = resume.data, resume.last.parameters.dtype
    if dtype != rows.dtype:
        raise InputError(
            f"this training can't be resumed: it computed in {dtype}, and now in {rows.dtype}; "
            "expected the same precision"
        )
    if before and fingerprint(rows, streams) != before:
        raise InputError(
            "this training can't be resumed: it began with other data, another split, order or "
            "augmentation; expected the same as then"
        )
    return before
