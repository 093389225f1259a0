"""The choice of a precision: a short trial of bfloat16 against float32."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from wellfit.nn.layers import Linear
from wellfit.training.loop import train
from wellfit.training.member import Member
from wellfit.training.result import Result
from wellfit.training.rows import Rows
from wellfit.training.streams import Stream

_SMALL = 256  # units below which rounded products never paid
_STEPS = 24  # of a trial
_GAIN = 1.15  # how much faster it must be to count
_WORSE = 1.01  # how much more validation loss is still no worse


def choose_precision(precision: str, member: Member, rows: Rows, stream: Stream) -> str:
    """Return the precision to train in: the one given, or what a short trial finds for "auto".

    ``auto`` is bfloat16 where that trains faster on this machine, at this size of network, and no
    worse on the validation rows; else float32. Small networks are not tried.

    >>> import numpy as np
    >>> from wellfit.nn import mlp
    >>> rows, stream = Rows(np.eye(4), np.array([0, 1, 0, 1])), Stream(np.arange(4))
    >>> choose_precision("auto", Member(mlp(4, (8,), 2)), rows, stream)
    'float32'
    """
    if precision != "auto":
        return precision
    # Only these round their products.
    units = [layer.units for layer in member.network.layers if isinstance(layer, Linear)]
    if max(units, default=0) < _SMALL:
        return "float32"
    few = _PrecisionTrial(member, rows, stream)
    few.run("float32")  # warms up
    seconds, loss = few.run("float32")
    # The faster of two runs: the first one also sets up the kernels for the new type.
    rounded_seconds, rounded_loss = min(few.run("bfloat16"), few.run("bfloat16"))
    better = rounded_seconds * _GAIN < seconds and not rounded_loss > loss * _WORSE
    return "bfloat16" if better else "float32"


class _PrecisionTrial:
    """The first steps of a training, judged by validation rows or by those it saw."""

    def __init__(self, member: Member, rows: Rows, stream: Stream) -> None:
        few = stream.train[: _STEPS * member.batch_size]
        judged = stream.validation if stream.validation is not None else few
        self._stream = replace(stream, train=few, validation=judged[: len(few)])
        self._member, self._rows = member.replace(epochs=1), rows

    def run(self, precision: str) -> tuple[float, float]:
        """Return the seconds that the steps took, and the loss after them."""
        began = time.perf_counter()
        result: Result = train([self._member], self._rows, [self._stream], precision=precision)
        if self._rows.device.type == "cuda":
            torch.cuda.synchronize(self._rows.device)
        if not result.epochs[0]:  # Ctrl-C has no training yet whose end it could mean
            raise KeyboardInterrupt
        return time.perf_counter() - began, result.history()["val_loss"][-1]
